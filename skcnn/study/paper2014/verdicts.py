"""What becomes of the paper's conclusions: a verdict on each, computed from the tables.

A difference counts if it is larger than two standard errors: of the test images, and of the seeds
where there are several. A claim "holds" if the differences that it speaks of count; it "does not
hold" if they are the other way round, or if what it denies counts; in between it is "not clear".
What has no such difference goes by thresholds: "far worse", "near guessing", the shape of Fig. 8,
smooth filters, the means of the heatmaps.

Contains `Verdict` and `judge`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scipy.stats import spearmanr

from skcnn.study import published
from skcnn.study.paper2014.errors import Errors, counts
from skcnn.study.paper2014.experiments import EXPERIMENTS, HOG_VARIANTS, PROTOCOLS
from skcnn.study.paper2014.tables import Row, Tables

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "not clear"
NEAR = 0.7  # points of test error within which a number is reproduced
FAR_WORSE = 3  # times the error
FAR = 0.25  # of the way from guessing to the mini-batches' error: no longer close to guessing


@dataclass(frozen=True)
class Finding:
    """A status and the numbers behind it."""

    status: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """One conclusion of the paper, as published and trained today."""

    experiment: str
    claim: str
    published: Finding
    today: Finding
    is_conclusion: bool = True  # one that the paper draws, not a number or an addition of ours


def judge(tables: Tables, n_test: int, chance: float = 90.0) -> list[Verdict]:
    """A verdict on each conclusion whose tables are there.

    Parameters
    ----------
    tables : dict
        Of `make_tables`.
    n_test : int
        Test images: they say what is noise.
    chance : float, default=90.0
        Error of always guessing the most frequent class, in percent.

    Returns
    -------
    verdicts : list of Verdict
    """
    verdicts = []
    for experiment, claim, check in _CLAIMS:
        if experiment in tables:
            found = [check(Errors(tables[experiment], p, n_test)) for p in PROTOCOLS]
            verdicts.append(Verdict(experiment, claim, *found, check is not _number))
    if "sec5.5" in tables:
        found = [_near_chance(Errors(tables["sec5.5"], p, n_test), chance) for p in PROTOCOLS]
        claim = "Five iterations of full-batch gradient descent are close to guessing (90.2 %)."
        verdicts.append(Verdict("sec5.5", claim, *found))
    if "fig9" in tables:
        claim = "The filters come to recognise parts of digits."
        verdicts.append(Verdict("fig9", claim, *_smoothness(tables["fig9"])))
    if "fig10" in tables and "fig11" in tables:
        claim = "HOG is obsolete: the CNN has fewer errors at every share of the training images."
        pairs = zip(PROTOCOLS, HOG_VARIANTS, strict=True)
        found = [_hog(tables, cnn, hog, n_test) for cnn, hog in pairs]
        verdicts.append(Verdict("fig10", claim, *found))
        found = [_hog(tables, cnn, HOG_VARIANTS[1], n_test) for cnn in PROTOCOLS]
        claim = "It has fewer errors than a tuned HOG, too (not in the paper)."
        verdicts.append(Verdict("fig10", claim, *found, is_conclusion=False))
    order = list(EXPERIMENTS)
    return sorted(verdicts, key=lambda verdict: order.index(verdict.experiment))


def _number(errors: Errors) -> Finding:
    measured, paper = errors.test["none"], published.TABLE2["none"]
    return Finding(
        HOLDS if abs(measured - paper) <= NEAR else FAILS,
        f"{measured:.2f} %, {abs(measured - paper):.2f} points "
        f"{'above' if measured > paper else 'below'}",
    )


def _hidden_better(errors: Errors) -> Finding:
    hidden = [x for x in errors.test if x != "none"]
    better = [x for x in hidden if errors.test[x] < errors.test["none"]]
    clearly = [x for x in hidden if errors.worse("none", x)]
    low, high = min(errors.test[x] for x in hidden), max(errors.test[x] for x in hidden)
    if not better or any(errors.worse(x, "none") for x in hidden):
        status = FAILS
    else:
        status = HOLDS if len(clearly) == len(hidden) else UNCLEAR
    return Finding(
        status,
        f"{errors.test['none']:.2f} % without, {low:.2f} to {high:.2f} % with; "
        f"{len(better)} of {len(hidden)} better, {len(clearly)} clearly",
    )


def _two_layers(errors: Errors) -> Finding:
    return _overfits(errors, "10", "32-16")


def _overfits(errors: Errors, x, y) -> Finding:
    """Whether from x to y the test error rises while the training error does not."""
    test = f"test error {errors.test[x]:.2f} % at {x}, {errors.test[y]:.2f} % at {y}"
    train = f"training error {errors.train[x]:.2f} and {errors.train[y]:.2f} %"
    if errors.test[y] <= errors.test[x]:
        return Finding(FAILS, f"{test}: no rise; {train}")
    if errors.worse(y, x, "train_error"):
        return Finding(FAILS, f"{test}, but {train}: it learns worse, it does not overfit")
    if not errors.worse(y, x):
        return Finding(UNCLEAR, f"{test}: no clear rise; {train}")
    return Finding(HOLDS if errors.train[y] <= errors.train[x] else UNCLEAR, f"{test}; {train}")


def _filter_size(errors: Errors) -> Finding:
    ends = [x for x in (min(errors.test), max(errors.test)) if errors.worse(x, errors.best)]
    inside = {x: error for x, error in errors.test.items() if x in (9, 11, 13)}
    outside = {x: error for x, error in errors.test.items() if x not in inside}
    best_inside = min(inside, key=inside.__getitem__)
    if any(errors.worse(best_inside, x) for x in outside):
        status = FAILS
    else:
        apart = max(inside.values()) < min(outside.values())
        status = HOLDS if apart and len(ends) == 2 else UNCLEAR
    return Finding(status, f"{_listed(errors)}; lowest at {errors.best}; {_ends(ends)}")


def _more_filters(errors: Errors) -> Finding:
    rises = [x for x in (128, 256) if errors.worse(x, 64)]
    if errors.test[256] <= errors.test[64] or errors.worse(64, 128):
        status = FAILS
    else:
        status = HOLDS if len(rises) == 2 else UNCLEAR
    return Finding(status, f"{_listed(errors)}; lowest at {errors.best}")


def _filters_overfit(errors: Errors) -> Finding:
    return _overfits(errors, 64, 256)


def _u_shape(errors: Errors) -> Finding:
    ends = [x for x in (min(errors.test), max(errors.test)) if errors.worse(x, errors.best)]
    at_an_end = errors.best in (min(errors.test), max(errors.test))
    if at_an_end or errors.worse(2, errors.best):
        status = FAILS
    else:
        status = HOLDS if errors.best == 2 and len(ends) == 2 else UNCLEAR
    return Finding(status, f"{_listed(errors)}; lowest at {errors.best}; {_ends(ends)}")


def _sigmoid(errors: Errors) -> Finding:
    soft, sigmoid = errors.test["softmax"], errors.test["sigmoid"]
    far = errors.worse("sigmoid", "softmax") and sigmoid > FAR_WORSE * soft
    status = HOLDS if far else FAILS  # a difference that does not count is not far, either
    return Finding(status, f"softmax {soft:.2f} %, sigmoid {sigmoid:.2f} %")


def _near_chance(errors: Errors, chance: float) -> Finding:
    error, best = errors.test["gradient descent"], errors.test["softmax"]
    gained = chance - error
    better = gained > 2 * errors.standard_error("gradient descent")
    near = gained < FAR * (chance - best)
    return Finding(
        HOLDS if not better else UNCLEAR if near else FAILS,
        f"{error:.1f} % (guessing: {chance:.0f} %); mini-batches {best:.2f} % with as many images",
    )


def _over_time(errors: Errors) -> Finding:
    xs = list(errors.test)
    first, half, last = errors.test[xs[0]], errors.test[xs[len(xs) // 2]], errors.test[xs[-1]]
    slower = first - half > half - last
    status = HOLDS if slower and not errors.worse(xs[-1], xs[len(xs) // 2]) else FAILS
    text = f"{first:.1f} % after {xs[0]} iterations, {half:.2f} % halfway, {last:.2f} % at the end"
    return Finding(status, text)


def _smoothness(rows: list[Row]) -> list[Finding]:
    found = []
    for protocol in PROTOCOLS:
        value = next(row["neighbour_correlation"] for row in rows if row["series"] == protocol)
        status = FAILS if value < 0.2 else HOLDS if value > 0.5 else UNCLEAR
        text = f"correlation of neighbouring weights {value:.2f} (noise: 0, smooth shapes: near 1)"
        found.append(Finding(status, text))
    return found


def _heatmap_filters(errors: Errors) -> Finding:
    means = {n: _mean(errors.test[x] for x in errors.test if x[1] == n) for n in (32, 256)}
    higher = _mean(errors.train[x] for x in errors.train if x[1] == 256)
    status = HOLDS if means[256] > 1.5 * means[32] else FAILS
    return Finding(
        status,
        f"mean over filter sizes: {means[32]:.2f} % with 32 filters, {means[256]:.2f} % with 256 "
        f"(training {higher:.2f} %); {_rank(errors, published.HEATMAP_SIZES_FILTERS)}",
    )


def _heatmap_regions(errors: Errors) -> Finding:
    means = {
        r: _mean(errors.test[x] for x in errors.test if x[0] == r)
        for r in published.HEATMAP_REGIONS
    }
    few, many = _mean(means[r] for r in (1, 2, 3)), _mean(means[r] for r in (4, 5, 6))
    return Finding(
        HOLDS if many > 1.2 * few else FAILS,
        f"mean {few:.2f} % with 1 to 3 regions per side, {many:.2f} % with 4 to 6; "
        f"{_rank(errors, published.HEATMAP_REGIONS_SIZES)}",
    )


def _shares(errors: Errors) -> Finding:
    low, high = min(errors.test), max(errors.test)
    seen = errors.test[high] < errors.test[low] and errors.train[high] > errors.train[low]
    clear = errors.worse(low, high) and errors.worse(high, low, "train_error")
    return Finding(
        HOLDS if clear else UNCLEAR if seen else FAILS,
        f"from {low} to {high} % of the images: test error {errors.test[low]:.2f} to "
        f"{errors.test[high]:.2f} %, training error {errors.train[low]:.2f} to "
        f"{errors.train[high]:.2f} %",
    )


def _hog(tables: Tables, cnn: str, hog: str, n_test: int) -> Finding:
    net, svc = Errors(tables["fig11"], cnn, n_test), Errors(tables["fig10"], hog, n_test)
    shares = [share for share in net.test if share in svc.test]
    ahead = [s for s in shares if net.test[s] < svc.test[s]]
    noise = {s: (net.standard_error(s), svc.standard_error(s)) for s in shares}
    if not ahead or any(counts(net.test[s] - svc.test[s], *noise[s]) for s in shares):
        status = FAILS
    else:
        clear = all(counts(svc.test[s] - net.test[s], *noise[s]) for s in shares)
        status = HOLDS if clear else UNCLEAR
    where = ", ".join(f"{s} %: {net.test[s]:.2f} and {svc.test[s]:.2f} %" for s in _some(shares))
    return Finding(status, f"CNN ahead at {len(ahead)} of {len(shares)} shares of {hog} ({where})")


def _rank(errors: Errors, cells: dict[tuple[int, int], tuple[float, float]]) -> str:
    """How well our heatmap's order agrees with the paper's."""
    ours, theirs = [errors.test[x] for x in cells], [pair[1] for pair in cells.values()]
    if len(set(ours)) == 1:
        return "all cells are equal"
    return f"rank correlation with the paper's cells {spearmanr(ours, theirs).statistic:.2f}"


def _listed(errors: Errors) -> str:
    return ", ".join(f"{x}: {error:.2f} %" for x, error in errors.test.items())


def _ends(ends: list) -> str:
    if len(ends) == 2:
        return "both ends clearly worse"
    return f"only {ends[0]} clearly worse" if ends else "neither end clearly worse"


def _some(shares: list) -> list:
    """The first, the middle and the last."""
    return list(dict.fromkeys([shares[0], shares[len(shares) // 2], shares[-1]])) if shares else []


def _mean(values) -> float:
    values = list(values)
    return sum(values) / len(values)


_CLAIMS: list[tuple[str, str, Callable[[Errors], Finding]]] = [
    ("table2", "Without a hidden layer the test error is 2.69 %.", _number),
    ("table2", "A hidden layer lowers it (1.73 to 1.93 %).", _hidden_better),
    ("table2", "Two hidden layers overfit.", _two_layers),
    ("fig2", "Filters of 9 to 13 pixels are best; smaller and larger ones do worse.", _filter_size),
    ("fig4", "More than 64 filters raise the test error (to 6.25 % with 256).", _more_filters),
    ("fig4", "That is overfitting.", _filters_overfit),
    ("fig6", "The error over pooling regions is U-shaped, and lowest at 2 by 2.", _u_shape),
    ("sec5.5", "A sigmoid output is far worse than softmax (59.62 %).", _sigmoid),
    ("fig8", "The error falls fast at first, then ever more slowly.", _over_time),
    ("heatmap1", "After three hours, more than 3 by 3 regions do worse.", _heatmap_regions),
    ("heatmap2", "After three hours, many filters do far worse.", _heatmap_filters),
    (
        "fig11",
        "More training data raise the CNN's training error and lower its test error.",
        _shares,
    ),
]
