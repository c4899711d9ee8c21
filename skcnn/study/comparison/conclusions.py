"""Conclusions: sentences made from the results of a comparison."""

from __future__ import annotations

import math

from skcnn.study import published
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.results import Crossing, FinalFit, Lead, Pair, Results
from skcnn.study.formatting import count, listing, p_value, percent, seconds, size

ALIKE = 1.1  # training times that differ by less than this factor count as equal


def name(key: str) -> str:
    """The name of a contender."""
    return CONTENDERS[key].name


def names(keys: list[str]) -> str:
    """The names of several contenders."""
    return listing([name(key) for key in keys])


def conclude(results: Results) -> list[str]:
    """The conclusions of a comparison, most important first: paragraphs of plain text."""
    paragraphs = [
        _errors(results),
        " ".join(verdict(pair) for pair in results.pairs),
        _curves(results),
        _features(results),
        _costs(results),
        _overfitting(results),
        _paper(results),
        _limits(results),
    ]
    return [paragraph for paragraph in paragraphs if paragraph]


def brief(results: Results) -> str:
    """The main results in a few sentences."""
    pair = results.pair(*results.ranked[:2])
    lead = (
        f"The difference between the first two is {'' if pair.significant else 'not '}significant."
        if pair.only_a != pair.only_b
        else ""
    )
    return " ".join(filter(None, [_errors(results), lead, _curves(results)]))


def verdict(pair: Pair) -> str:
    """What McNemar's test says of two contenders."""
    a, b = name(pair.a), name(pair.b)
    if pair.only_a + pair.only_b == 0:
        return f"{a} and {b} misclassify exactly the same images."
    p = p_value(pair.p_adjusted)
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    only_a = f"{count(pair.only_a, 'image')} misclassified only by {a}"
    counts = f"{only_a}, {pair.only_b:,} only by {b}; {p}"
    if not pair.significant:
        return f"{a} and {b} do not differ significantly ({counts})."
    better, worse = (b, a) if pair.only_a > pair.only_b else (a, b)
    return f"{better} is significantly better than {worse} ({counts})."


def crossing_text(found: Crossing) -> str:
    """Where two learning curves cross, and whether that is more than noise."""
    sure = (
        "each leads clearly on one side" if found.is_clear else "without clear leads on both sides"
    )
    where = listing([f"{share:.2g} %" for share in found.crossings])
    return f"{name(found.a)} and {name(found.b)} at {where} ({sure})"


def _errors(results: Results) -> str:
    """Who makes the fewest mistakes on the test images."""
    final, tied = results.final, results.best
    first = final[tied[0]]
    low, high = first.interval
    each = " each" if len(tied) > 1 else ""
    text = (
        f"{names(tied)} {'make' if each else 'makes'} the fewest mistakes on the "
        f"{len(first.predicted):,} test images: {first.wrong:,}{each}, a test error of "
        f"{percent(first.test_error)} (95 % interval {percent(low)} to {percent(high)})."
    )
    others = [
        f"{name(key)} makes {final[key].wrong:,} ({percent(final[key].test_error)})"
        for key in results.ranked[len(tied) :]
    ]
    return f"{text} {listing(others)}." if others else text


def _curves(results: Results) -> str:
    """CNN against HOG + SVC along the learning curves: who leads, and where that changes."""
    crossing = results.crossing("cnn", "hog_svc")
    points = crossing.differences
    if not points:
        return ""
    single = results.settings.seeds == 1
    images = {row.share: row.images for row in results.by_share}

    def describe(point: Lead) -> str:
        where = f"{point.share} % of the training images ({images[point.share]:,})"
        if point.mean == 0:
            return f"on {where}, CNN and HOG + SVC are equal"
        leader, other = ("cnn", "hog_svc") if point.mean < 0 else ("hog_svc", "cnn")
        lead = f"{100 * abs(point.mean):.2f} percentage points of test error"
        return f"on {where}, {name(leader)} leads {name(other)} by {lead}{_doubt(point, single)}"

    ends = dict.fromkeys([points[0], points[-1]])  # may be one and the same
    text = "; ".join(describe(point) for point in ends)
    text = f"{text[0].upper()}{text[1:]}."
    return " ".join(filter(None, [text, _change(crossing, max(images.values()), single)]))


def _change(crossing: Crossing, whole: int, single: bool) -> str:
    """Where the leader changes, or that it does not; `whole` is the size of the largest subset."""
    points, turns = crossing.differences, crossing.crossings
    reason = "with a single seed" if single else "given the spread over the seeds"
    if turns:
        where = [f"{turn:.2g} % (about {turn / 100 * whole:,.0f} images)" for turn in turns]
        text = f"Their learning curves cross at {listing(where)}"
        unclear = [f"{point.share} %" for point in points if not point.clear]
        if crossing.is_clear:
            return f"{text}. There the leader changes, and each leads clearly on one side."
        if single:
            return f"{text}; {reason}, this may be chance."
        doubt = f"; {reason}, neither leads clearly on {listing(unclear)}" if unclear else ""
        return f"{text}{doubt}."
    leaders = {_leader(point) for point in points if point.mean != 0}
    if len(leaders) != 1 or len(points) == 1:
        return ""
    always = "leads at every share" if all(point.mean for point in points) else "is never behind"
    if any(point.clear for point in points):
        return f"{leaders.pop()} {always}."
    return f"{leaders.pop()} {always}; {reason}, this may be chance."


def _leader(point: Lead) -> str:
    return name("cnn" if point.mean < 0 else "hog_svc")


def _doubt(point: Lead, single: bool) -> str:
    """How sure a lead is, in brackets; nothing if every point has a single seed."""
    if point.clear or single:
        return ""
    one_seed = math.isnan(point.standard_error)
    return " (one seed only)" if one_seed else " (not clear, given the spread over the seeds)"


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
    final = results.final

    def extremes(cost: str) -> tuple[str, FinalFit, str, FinalFit]:
        least, *_, most = sorted(final, key=lambda key: getattr(final[key], cost))
        return name(least), final[least], name(most), final[most]

    total = len(results.images.y_test)
    fast, fastest, slow, slowest = extremes("predict_seconds")
    small, smallest, large, largest = extremes("model_bytes")
    sentences = [
        _training_time(final),
        f"{fast} predicts fastest ({seconds(fastest.predict_seconds / total)} per image; "
        f"{slow} is slowest with {seconds(slowest.predict_seconds / total)}).",
        f"{small} has the smallest fitted model ({size(smallest.model_bytes)}; that of {large} is "
        f"the largest with {size(largest.model_bytes)}).",
    ]
    if all(fit.peak_bytes is not None for fit in final.values()):
        lean, leanest, heavy, heaviest = extremes("peak_bytes")
        sentences.append(
            f"{lean} needs the least memory ({size(leanest.peak_bytes)} at its peak, in addition "
            f"to the libraries and the data), {heavy} the most ({size(heaviest.peak_bytes)})."
        )
    return " ".join(sentences)


def _training_time(final: dict[str, FinalFit]) -> str:
    times = {key: final[key].fit_seconds for key in CONTENDERS}
    best, slowest = min(times.values()), max(times, key=times.__getitem__)
    if times[slowest] < ALIKE * best:
        return f"All train in about the same time ({seconds(best)} to {seconds(times[slowest])})."
    fastest = [key for key in times if times[key] < ALIKE * best]
    train, about = ("trains", "") if len(fastest) == 1 else ("train", "about ")
    return (
        f"{names(fastest)} {train} fastest ({about}{seconds(best)}; {name(slowest)} is slowest "
        f"with {seconds(times[slowest])})."
    )


def _overfitting(results: Results) -> str:
    """Training against test errors, and whether more images would help."""
    errors = [
        f"{percent(fit.train_error)} and {percent(fit.test_error)} for {name(key)}"
        for key, fit in results.final.items()
    ]
    text = f"Training and test errors after training on all images are {listing(errors)}."
    complete = [row.share for row in results.by_share if row.winner is not None]
    if len(complete) < 2:
        return text
    before, after = complete[-2:]
    falling = [key for key in CONTENDERS if results.decreases(key, before, after)]
    if not falling:
        return text
    return (
        f"{text} From {before} to {after} % of the images the test error of {names(falling)} still "
        "falls clearly: more images would help."
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
        f"On the same images the paper of 2014 measured a test error of {old_hog:.2f} % for HOG "
        f"with an SVM and {old_cnn:.2f} % for its CNN (read off its figures), and called HOG "
        f"obsolete. Here, with both tuned, HOG + SVC has {percent(hog.test_error)} and the CNN "
        f"{percent(cnn.test_error)}: the CNN {outcome}."
    )


def _limits(results: Results) -> str:
    """What the results do not cover."""
    settings = results.settings
    sentences = [
        f"The intervals and tests cover the choice of the {len(results.images.y_test):,} test "
        "images. The error bars of the learning curves cover the choice of the training images and "
        f"the initial weights of the network ({count(settings.seeds, 'seed')}).",
        "Each contender was tuned once, on training images only, and keeps its settings on all "
        "subsets of the learning curves.",
    ]
    if results.params["cnn"].get("cnn__augment"):
        sentences.append(
            "The network is trained on randomly transformed images, whereas an SVC is trained on "
            "every image once, as it is."
        )
    partly = [
        f"{len(found.rows)} of {found.total} for {name(key)}"
        for key, found in results.search.items()
        if len(found.rows) < found.total
    ]
    if partly:
        sentences.append(
            "The searches tried the settings closest to the defaults, not the whole grids: "
            f"{listing(partly)}."
        )
    if results.skipped:
        sentences.append(
            f"The time budget did not suffice for {count(len(results.skipped), 'fit')} of the "
            "learning curves."
        )
    if settings.quick:
        sentences.append(
            "This was a quick run, with small searches and few points, that only shows what the "
            "report looks like."
        )
    return " ".join(sentences)
