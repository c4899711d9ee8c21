"""Conclusions: sentences made from the results of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable

from skcnn._text import count
from skcnn.study import published
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.measured import FinalFit
from skcnn.study.comparison.results import Crossing, Lead, Pair, Results
from skcnn.study.formatting import listing, p_statement, percent, seconds, size

ALIKE = 1.1  # training times that differ by less than this factor count as equal
SCOPE_OF_SEEDS = (
    "This does not include the choice of test images; at 100 % all seeds share the training images."
)


def name(key: str) -> str:
    """The name of a contender, for tables and captions."""
    return CONTENDERS[key].look.label


def noun(key: str) -> str:
    """The name of a contender within a sentence."""
    return CONTENDERS[key].noun


def nouns(keys: list[str]) -> str:
    """The names of several contenders within a sentence."""
    return listing([noun(key) for key in keys])


def sentence(text: str) -> str:
    """The text with a capital letter at its beginning."""
    return text[:1].upper() + text[1:]


def conclude(results: Results) -> list[str]:
    """The conclusions of a comparison, most important first: paragraphs of plain text."""
    paragraphs = [
        _errors(results),
        " ".join(verdict(results.pair(results.ranked[0], key)) for key in results.ranked[1:]),
        _curves(results),
        _few_labels(results),
        _features(results),
        _costs(results),
        _more_images(results),
        _paper(results),
        _limits(results),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def brief(results: Results) -> str:
    """The main results in a few sentences."""
    pair = results.pair(*results.ranked[:2])
    lead = (
        f"The difference between the first two is {'' if pair.significant else 'not '}significant "
        "by McNemar's test."
        if pair.only_a != pair.only_b
        else ""
    )
    return " ".join(filter(None, [_errors(results), lead, _curves(results)]))


def verdict(pair: Pair) -> str:
    """What McNemar's test says of two contenders."""
    a, b = noun(pair.a), noun(pair.b)
    if pair.only_a + pair.only_b == 0:
        return sentence(f"{a} and {b} misclassify exactly the same images.")
    only_a = f"{count(pair.only_a, 'image')} misclassified only by {a}"
    counts = f"{only_a}, {pair.only_b:,} only by {b}; {p_statement(pair.p_adjusted)}"
    if not pair.significant:
        return sentence(f"{a} and {b} do not differ significantly ({counts}).")
    better, worse = (b, a) if pair.only_a > pair.only_b else (a, b)
    return sentence(f"{better} is significantly better than {worse} ({counts}).")


def crossing_text(found: Crossing) -> str:
    """Where two learning curves cross, and whether that is more than noise."""
    sure = (
        "each leads clearly on one side" if found.is_clear else "without clear leads on both sides"
    )
    where = listing([f"{share:.2g} %" for share in found.crossings])
    return f"{noun(found.a)} and {noun(found.b)} at {where} ({sure})"


def share_text(share: float) -> str:
    """A share of the training images: 10 -> '10 %', 0.1667 -> '0.167 %'"""
    return f"{share:.3g} %"


def _errors(results: Results) -> str:
    """Who makes the fewest mistakes on the test images."""
    final, tied = results.final, results.best
    first = final[tied[0]]
    low, high = first.interval
    each = " each" if len(tied) > 1 else ""
    text = sentence(
        f"{nouns(tied)} {'make' if each else 'makes'} the fewest mistakes on the "
        f"{first.tested:,} test images: {first.wrong:,}{each}, a test error of "
        f"{percent(first.test_error)} (95 % interval {percent(low)} to {percent(high)})."
    )
    others = [
        f"{noun(key)} makes {final[key].wrong:,} ({percent(final[key].test_error)})"
        for key in results.ranked[len(tied) :]
    ]
    return f"{text} {sentence(listing(others))}." if others else text


def _curves(results: Results) -> str:
    """CNN against HOG + SVC along the learning curves: who leads, and where that changes."""
    crossing = results.crossing("cnn", "hog_svc")
    points = crossing.differences
    if not points:
        return ""
    single, unit = results.settings.seeds == 1, results.settings.unit_of_curves
    images = {row.share: row.images for row in results.by_share}

    def describe(point: Lead) -> str:
        where = f"{share_text(point.share)} of the {unit} ({images[point.share]:,})"
        if point.mean == 0:
            return f"on {where}, the test errors of the CNN and HOG + SVC are equal"
        leader, other = ("cnn", "hog_svc") if point.mean < 0 else ("hog_svc", "cnn")
        lead = f"{100 * abs(point.mean):.2f} percentage points lower than that of {noun(other)}"
        if point.clear or single:
            doubt = ""
        elif math.isnan(point.standard_error):
            doubt = " (one seed only)"
        elif point.standard_error == 0:
            doubt = " (not clear, as it is the same for all seeds)"
        else:
            doubt = " (not clear, given the spread over the seeds)"
        return f"on {where}, the test error of {noun(leader)} is {lead}{doubt}"

    ends = dict.fromkeys([points[0], points[-1]])  # may be one and the same
    text = "; ".join(describe(point) for point in ends)
    missing = len(points) < len(images)
    change = _change(crossing, max(images.values()), single, missing)
    return f"{sentence(text)}. {change}".rstrip()


def _change(crossing: Crossing, whole: int, single: bool, missing: bool) -> str:
    """Where the leader changes, or that it does not.

    `whole` is the size of the largest subset; with `missing`, some shares were not measured.
    """
    points, turns = crossing.differences, crossing.crossings
    reason = "with a single seed" if single else "given the spread over the seeds"
    chance = f"; {reason}, this may be chance"
    if turns:
        where = [f"{turn:.2g} % (about {turn / 100 * whole:,.0f} images)" for turn in turns]
        text = f"Their learning curves cross at {listing(where)}"
        unclear = [share_text(point.share) for point in points if not point.clear]
        if crossing.is_clear:
            return f"{text}. There the leader changes, and each leads clearly on one side."
        if single:
            return f"{text}{chance}."
        doubt = f"; {reason}, neither leads clearly on {listing(unclear)}" if unclear else ""
        return f"{text}{doubt}."
    leads = [point.mean for point in points if point.mean]
    if not leads or len(points) == 1:
        return ""
    leader = noun("cnn" if leads[0] < 0 else "hog_svc")
    always = "has the lower" if len(leads) == len(points) else "has the lower or an equal"
    doubt = "" if any(point.clear for point in points) else chance
    measured = " at which both were measured" if missing else ""
    return sentence(f"{leader} {always} error at every share{measured}{doubt}.")


def _few_labels(results: Results) -> str:
    """In a comparison of features: all errors where labels are fewest."""
    if not results.settings.features or len(results.by_share) < 2:
        return ""
    row = results.by_share[0]
    ranked = sorted(row.errors, key=lambda key: row.errors[key].test_error)
    errors = [f"{percent(row.errors[key].test_error, 1)} for {noun(key)}" for key in ranked]
    sure = " The lead of the first is clear." if row.clear else ""
    return (
        f"With {row.images:,} labels the test errors are {listing(errors)}.{sure} Features that "
        "need no labels were learned from all training images."
    )


def _features(results: Results) -> str:
    """What an SVC makes of the network's features."""
    pair = results.pair("cnn", "cnn_svc")
    before, after = results.final["cnn"].wrong, results.final["cnn_svc"].wrong
    text = (
        "Replacing the fully connected layers of the network by a support vector classifier on its "
        "pooled features "
    )
    if before == after:
        return f"{text}does not change the number of mistakes ({before:,})."
    significant = "significant" if pair.significant else "not significant"
    change = f"changes the number of mistakes from {before:,} to {after:,}"
    return f"{text}{change}; the difference is {significant}."


def _costs(results: Results) -> str:
    """Who is fastest and smallest."""
    final, total = results.final, len(results.images.y_test)

    def extremes(cost: str, shown: Callable[[float], str]) -> tuple[str, str, str, str]:
        least, *_, most = sorted(final, key=lambda key: getattr(final[key], cost))
        low, high = (shown(getattr(final[key], cost)) for key in (least, most))
        return noun(least), low, noun(most), high

    fast, quickly, slow, slowly = extremes("predict_seconds", lambda time: seconds(time / total))
    small, least, large, most = extremes("model_bytes", size)
    text = (
        f"{_training_time(final)} {sentence(fast)} predicts fastest ({quickly} per image; {slow} "
        f"is slowest with {slowly}). {sentence(small)} has the smallest fitted model ({least}; "
        f"that of {large} is the largest with {most})."
    )
    if any(fit.peak_bytes is None for fit in final.values()):
        return text
    lean, least, heavy, most = extremes("peak_bytes", size)
    return (
        f"{text} {sentence(lean)} needs the least memory ({least} at its peak, in addition to the "
        f"libraries and the data), {heavy} the most ({most})."
    )


def _training_time(final: dict[str, FinalFit]) -> str:
    times = {key: fit.fit_seconds for key, fit in final.items()}
    best, slowest = min(times.values()), max(times, key=times.__getitem__)
    if times[slowest] < ALIKE * best:
        return f"All train in about the same time ({seconds(best)} to {seconds(times[slowest])})."
    fastest = [key for key in times if times[key] < ALIKE * best]
    train, about = ("trains", "") if len(fastest) == 1 else ("train", "about ")
    return sentence(
        f"{nouns(fastest)} {train} fastest ({about}{seconds(best)}; {noun(slowest)} is slowest "
        f"with {seconds(times[slowest])})."
    )


def _more_images(results: Results) -> str:
    """Whether more training images would help."""
    complete = [row.share for row in results.by_share if row.winners]
    if len(complete) < 2:
        return ""
    before, after = complete[-2:]
    unit = results.settings.unit_of_curves
    falling = [key for key in results.final if results.decreases(key, before, after)]
    if not falling:
        return ""
    return (
        f"From {share_text(before)} to {share_text(after)} of the {unit} the test error of "
        f"{nouns(falling)} still falls significantly, which suggests that more {unit} would help."
    )


def _paper(results: Results) -> str:
    """On all of MNIST: what has become of the paper's verdict on HOG."""
    if not results.images.is_full_mnist or results.settings.quick:
        return ""
    hog, cnn = results.final["hog_svc"], results.final["cnn"]
    old_hog, old_cnn = published.FIG10_TEST[100], published.FIG11_TEST[100]
    ratio = hog.wrong / max(cnn.wrong, 1)
    outcome = (
        f"still makes fewer mistakes, by a factor of {ratio:.1f} instead of {old_hog / old_cnn:.1f}"
        if cnn.wrong < hog.wrong
        else "no longer makes fewer mistakes"
    )
    return (
        f"On the same images Bastani and Wang (2014) measured a test error of {old_hog:.2f} % for "
        f"HOG with an SVM and {old_cnn:.2f} % for their CNN (read off their figures), and called "
        f"HOG obsolete. Here, with both tuned, HOG + SVC has {percent(hog.test_error)} and the CNN "
        f"{percent(cnn.test_error)}: the CNN {outcome}."
    )


def _limits(results: Results) -> str:
    """What the results do not cover."""
    settings = results.settings
    sentences = [
        f"The intervals and tests cover the choice of the {len(results.images.y_test):,} test "
        "images. The error bars of the learning curves cover the choice of the training images and "
        f"what else a seed determines ({count(settings.seeds, 'seed')}).",
        "With a single seed, no lead is clear."
        if settings.seeds == 1
        else f"A lead is clear if it exceeds the variation between seeds. {SCOPE_OF_SEEDS}",
        "Each contender was tuned once, on training images only, and keeps its settings on all "
        "subsets of the learning curves.",
    ]
    if results.params["cnn"].get("cnn__augment"):
        sentences.append(
            "The network is trained on randomly transformed images, and so are its features; the "
            "other classifiers see every image as it is."
        )
    if settings.features:
        sentences.append(
            f"The settings were tuned with {results.search['cnn'].images:,} labels; with fewer "
            "labels others may be better. Features that are learned without labels are those of "
            "seed 0 at every point of the learning curves."
        )
    incomplete = [
        f"{len(found.rows):,} of {found.total:,} for {noun(key)}"
        for key, found in results.search.items()
        if len(found.rows) < found.total
    ]
    if incomplete:
        sentences.append(
            "The search tried the settings closest to the defaults, not the whole grid: "
            f"{listing(incomplete)}."
        )
    if results.skipped:
        sentences.append(
            f"The time budget did not suffice for {count(len(results.skipped), 'fit')} of the "
            "learning curves."
        )
    if settings.quick:
        sentences.append(
            "This was a quick run with small searches and few points; its numbers are not reliable."
        )
    return " ".join(sentences)
