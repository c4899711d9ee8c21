"""What to conclude, in sentences made from the figures of a run."""

from __future__ import annotations

import math
from typing import Any

from skcnn.study import published
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.summary import still_falls
from skcnn.study.formatting import listing, p_value, percent, seconds, size

SIGNIFICANT = 0.05
ALIKE = 1.1  # times of one training that differ by less are called equal


def name(key: str) -> str:
    """A contender's name in a sentence."""
    return CONTENDERS[key].name


def conclude(results: dict[str, Any]) -> list[str]:
    """The conclusions of a comparison, most important first.

    Parameters
    ----------
    results : dict
        As in ``results.json``.

    Returns
    -------
    sentences : list of str
        A paragraph each, plain text.
    """
    paragraphs = [
        _winner(results),
        _differences(results),
        _shares(results),
        _features(results),
        _costs(results),
        _overfitting(results),
        _paper(results),
        _caution(results),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def _ranked(results: dict[str, Any]) -> list[str]:
    return sorted(results["final"], key=lambda key: results["final"][key]["wrong"])


def _pair(results: dict[str, Any], a: str, b: str) -> dict[str, Any]:
    return next(test for test in results["pairs"] if {test["a"], test["b"]} == {a, b})


def verdict(test: dict[str, Any]) -> str:
    """What McNemar's test says of two contenders."""
    p = p_value(test["p_adjusted"])
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    if test["only_a"] + test["only_b"] == 0:
        return f"{name(test['a'])} and {name(test['b'])} get exactly the same images wrong"
    if test["p_adjusted"] >= SIGNIFICANT:
        return (
            f"{name(test['a'])} and {name(test['b'])} cannot be told apart on these test images "
            f"({test['only_a']} that only the first gets wrong against {test['only_b']}, {p})"
        )
    better, worse = ("b", "a") if test["only_a"] > test["only_b"] else ("a", "b")
    return (
        f"{name(test[better])} is better than {name(test[worse])} beyond chance "
        f"({test['only_' + better]} images that only it gets wrong against "
        f"{test['only_' + worse]}, {p})"
    )


def crossing_text(found: dict[str, Any]) -> str:
    """Where the curves of two contenders cross, and whether that is more than noise."""
    where = listing([f"{share:.2g} %" for share in found["crossings"]])
    sure = (
        "with a clear lead of one before and of the other after"
        if _clear_turn(found)
        else "without a clear lead on both sides"
    )
    return f"{name(found['a'])} and {name(found['b'])} at {where}, {sure}"


def _clear_turn(found: dict[str, Any]) -> bool:
    """Whether two curves cross once, each being clearly ahead somewhere."""
    leads = {point["mean"] < 0 for point in found["differences"] if point["clear"]}
    return len(found["crossings"]) == 1 and len(leads) == 2


def _winner(results: dict[str, Any]) -> str:
    ranked, total = _ranked(results), results["data"]["test_images"]
    first = results["final"][ranked[0]]
    low, high = first["interval"]
    tied = [key for key in ranked if results["final"][key]["wrong"] == first["wrong"]]
    rest = [key for key in ranked if key not in tied]
    what = (
        f"{listing([name(key) for key in tied])} {'make' if len(tied) > 1 else 'makes'} the "
        f"fewest mistakes on the {total:,} test images: {first['wrong']}"
        f"{' each' if len(tied) > 1 else ''}, an error of {percent(first['test_error'])} "
        f"(95 % interval {percent(low)} to {percent(high)})"
    )
    others = [
        f"{name(key)} makes {results['final'][key]['wrong']} "
        f"({percent(results['final'][key]['test_error'])})"
        for key in rest
    ]
    return f"{what}; {listing(others)}." if others else f"{what}."


def _differences(results: dict[str, Any]) -> str:
    """McNemar's verdict on every pair."""
    return f"{'; '.join(verdict(test) for test in results['pairs'])}."


def brief(results: dict[str, Any]) -> str:
    """The most important conclusions in few words."""
    ranked = _ranked(results)
    test = _pair(results, *ranked[:2])
    sure = (
        "a difference beyond chance"
        if test["p_adjusted"] < SIGNIFICANT
        else "no more than chance can do"
    )
    lead = f"Between the first two it is {sure}." if test["only_a"] != test["only_b"] else ""
    return " ".join(filter(None, [_winner(results), lead, _shares(results)]))


def _shares(results: dict[str, Any]) -> str:
    """CNN against HOG + SVC along the learning curves: who is ahead, and where that changes."""
    crossing = next(
        found for found in results["crossings"] if (found["a"], found["b"]) == ("cnn", "hog_svc")
    )
    points = crossing["differences"]
    images = {row["share"]: row["images"] for row in results["by_share"]}
    if not points:
        return ""

    single = len(results["settings"]["seeds"]) == 1

    def ahead(point: dict[str, Any]) -> str:
        return name("cnn") if point["mean"] < 0 else name("hog_svc")

    # By how much at both ends, then where it turns.
    ends = [points[0]] if len(points) == 1 else [points[0], points[-1]]
    described = [
        f"on {point['share']} % of the training images ({images[point['share']]:,}) "
        + (
            f"{ahead(point)} is ahead by {100 * abs(point['mean']):.2f} points of test error"
            + _doubt(point, single)
            if point["mean"] != 0
            else "the two are level"
        )
        for point in ends
    ]
    text = f"Of CNN and HOG + SVC: {listing(described)}."
    turns = crossing["crossings"]
    if not turns:
        leaders = {ahead(point) for point in points if point["mean"] != 0}
        if len(leaders) == 1 and len(points) > 1:
            leader = leaders.pop()
            if any(point["clear"] for point in points):
                text += f" The winner does not change with the share of data: it is {leader}."
            else:
                why = "with a single seed" if single else "within the spread over the seeds"
                text += f" {leader} is ahead throughout; {why} that may be chance."
        return text
    last = max(images.values())
    where = listing([f"{turn:.2g} % (about {turn / 100 * last:,.0f} images)" for turn in turns])
    text += f" Their learning curves cross at {where}"
    if _clear_turn(crossing):
        text += ": that is the share of data at which the winner changes, clear on both sides."
    elif single:
        text += "; with a single seed there is no telling whether that is chance."
    else:
        unclear = ", ".join(f"{point['share']} %" for point in points if not point["clear"])
        text += f"; within the spread over seeds nobody is ahead on {unclear}." if unclear else "."
    return text


def _doubt(point: dict[str, Any], single: bool) -> str:
    """How sure a lead on a learning curve is, in brackets; nothing where all have one seed."""
    if point["clear"] or single:
        return ""
    if point["standard_error"] is None or math.isnan(point["standard_error"]):
        return " (one seed only)"
    return " (not clear of the spread over seeds)"


def _features(results: dict[str, Any]) -> str:
    test = _pair(results, "cnn", "cnn_svc")
    own, svc = results["final"]["cnn"], results["final"]["cnn_svc"]
    change = abs(svc["wrong"] - own["wrong"])
    if not change:
        effect = "changes the number of mistakes not at all"
    else:
        effect = (
            f"{'adds' if svc['wrong'] > own['wrong'] else 'saves'} "
            f"{change} {'mistake' if change == 1 else 'mistakes'}"
        )
    if test["p_adjusted"] < SIGNIFICANT:
        effect += ", a difference beyond chance"
    elif change:
        effect += ", no more than chance would do"
    return (
        "Replacing the network's own fully connected layers by a support vector classifier on its "
        f"pooled features (mistakes: {own['wrong']} before, {svc['wrong']} after) {effect}."
    )


def _costs(results: dict[str, Any]) -> str:
    finals = results["final"]
    predict = sorted(finals, key=lambda key: finals[key]["predict_seconds"])
    small = sorted(finals, key=lambda key: finals[key]["model_bytes"])
    total = results["data"]["test_images"]
    text = (
        f"{_quickest_to_train(finals)}; "
        f"{name(predict[0])} is the quickest to predict "
        f"({seconds(finals[predict[0]]['predict_seconds'] / total)} an image; {name(predict[-1])} "
        f"takes {seconds(finals[predict[-1]]['predict_seconds'] / total)}), and the fitted "
        f"{name(small[0])} is the smallest ({size(finals[small[0]]['model_bytes'])}; "
        f"{name(small[-1])} is {size(finals[small[-1]]['model_bytes'])})."
    )
    if all(final["peak_bytes"] is not None for final in finals.values()):
        lean = sorted(finals, key=lambda key: finals[key]["peak_bytes"])
        text += (
            f" {name(lean[0])} needs the least memory "
            f"({size(finals[lean[0]]['peak_bytes'])} at its peak, beyond the libraries and the "
            f"data), {name(lean[-1])} the most ({size(finals[lean[-1]]['peak_bytes'])})."
        )
    return text


def _quickest_to_train(finals: dict[str, dict[str, Any]]) -> str:
    """Who is, and how far behind the slowest is, if that is worth a word."""
    fit = sorted(finals, key=lambda key: finals[key]["fit_seconds"])
    best, last = finals[fit[0]]["fit_seconds"], finals[fit[-1]]["fit_seconds"]
    if last < ALIKE * best:
        return f"All take about as long to train ({seconds(best)} to {seconds(last)})"
    quick = [name(key) for key in CONTENDERS if finals[key]["fit_seconds"] < ALIKE * best]
    return (
        f"{listing(quick)} {'is' if len(quick) == 1 else 'are'} the quickest to train "
        f"({'' if len(quick) == 1 else 'about '}{seconds(best)}; {name(fit[-1])}, the slowest, "
        f"takes {seconds(last)})"
    )


def _overfitting(results: dict[str, Any]) -> str:
    parts = [
        f"{name(key)} {percent(final['train_error'])} in training and "
        f"{percent(final['test_error'])} in the test"
        for key, final in results["final"].items()
    ]
    curves = [row for row in results["by_share"] if len(row["errors"]) == len(CONTENDERS)]
    text = f"Errors after training on all the images: {listing(parts)}."
    if len(curves) >= 2:
        before, last = (row["share"] for row in curves[-2:])
        falling = [
            name(key) for key in CONTENDERS if still_falls(results["curves"], key, before, last)
        ]
        if falling:
            text += (
                f" From {before} to {last} % of the images the test error of "
                f"{listing(falling)} still falls: more images would help."
            )
    return text


def _paper(results: dict[str, Any]) -> str:
    """On all of MNIST only: what has become of the paper's verdict on HOG."""
    if not results["data"]["is_full_mnist"] or results["settings"]["quick"]:
        return ""
    hog, cnn = results["final"]["hog_svc"], results["final"]["cnn"]
    old_hog, old_cnn = published.FIG10_TEST[100], published.FIG11_TEST[100]
    holds = (
        "still makes fewer mistakes, but by a factor of "
        f"{hog['wrong'] / max(cnn['wrong'], 1):.1f} instead of {old_hog / old_cnn:.1f}"
        if cnn["wrong"] < hog["wrong"]
        else "no longer makes fewer mistakes"
    )
    return (
        f"The paper of 2014 measured {old_hog:.2f} % for HOG with an SVM and {old_cnn:.2f} % for "
        f"its CNN on the same images (read off its figures), and called HOG obsolete. With both "
        f"sides tuned, HOG + SVC is at {percent(hog['test_error'])} and the CNN at "
        f"{percent(cnn['test_error'])}: the CNN {holds}."
    )


def _caution(results: dict[str, Any]) -> str:
    total, runs = results["data"]["test_images"], results["settings"]["seeds"]
    parts = [
        f"The intervals and tests speak of chance in the choice of {total:,} test images; the "
        f"error bars of the learning curves of chance in the choice of training images and in the "
        f"network's start ({len(runs)} {'seed' if len(runs) == 1 else 'seeds'})."
    ]
    parts.append(
        "The settings were tuned once, on the training images alone, and kept for all the subsets "
        "of the learning curves."
    )
    if results["params"]["cnn"].get("cnn__augment"):
        parts.append(
            "The network trains on random warps of its images; an SVC sees each image once, as "
            "it is."
        )
    unreached = [
        f"{name(key)} {len(found['rows'])} of {found['total']}"
        for key, found in results["search"].items()
        if len(found["rows"]) < found["total"]
    ]
    if unreached:
        parts.append(
            "The search tried the settings nearest to the defaults, not the whole grid: "
            f"{listing(unreached)}."
        )
    if results["skipped"]:
        parts.append(f"Time did not allow {len(results['skipped'])} fits of the learning curves.")
    if results["settings"]["quick"]:
        parts.append("This was a quick run: a small search and few points, to see that it works.")
    return " ".join(parts)
