"""A verdict on each of the paper's conclusions, computed from the tables.

A difference of errors is significant if it exceeds two standard errors, of the test images and of
the seeds where there are several (`skcnn.study.statistics` explains this rule). A conclusion
"holds" if all differences that it claims are significant. It "does not hold" if they have the
opposite sign, or if what it denies is significant. Otherwise it is "inconclusive". Conclusions
without such a difference are judged by the thresholds below.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import spearmanr

from skcnn.study import published
from skcnn.study.formatting import count
from skcnn.study.paper2014.experiments import COMPARED
from skcnn.study.paper2014.hog import HOG_2014, HOG_TUNED
from skcnn.study.paper2014.networks import n_watched
from skcnn.study.paper2014.tables import Tables, curve
from skcnn.study.statistics import error_standard_error, exceeds_noise

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "inconclusive"
REPRODUCED = 0.7  # points of test error within which a number is reproduced
FAR_WORSE = 3  # times the error
FAR_FROM_GUESSING = 0.25  # share of the gain over guessing that mini-batches bring
NOISE, SMOOTH = 0.2, 0.5  # correlations of neighbouring weights: noise below, smooth above
MORE_REGIONS, MORE_FILTERS = 1.2, 1.5  # times the mean error of fewer ones


@dataclass(frozen=True)
class Finding:
    """A status and the numbers behind it."""

    status: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """The findings on one claim of the paper, by protocol."""

    experiment: str
    claim: str
    published: Finding
    today: Finding
    is_conclusion: bool  # of the paper; neither a number nor an addition of the rerun


class Errors:
    """The errors of one series of an experiment, and which of them differ significantly."""

    def __init__(
        self, tables: Tables, experiment: str, series: str, n_test: int, chance: float = 90.0
    ):
        self.tables, self.series, self.n_test, self.chance = tables, series, n_test, chance
        self.rows = {row.x: row for row in tables[experiment] if row.series == series}
        self.test = curve(tables[experiment], series)
        self.train = curve(tables[experiment], series, "train_error")
        self.best = min(self.test, key=self.test.__getitem__)
        self.ends = min(self.test), max(self.test)

    def standard_error(self, x: Any, column: str = "test_error") -> float:
        """Standard error, in points, of the test or the training error at x."""
        row = self.rows[x]
        n_images = self.n_test if column == "test_error" else n_watched(self.n_test)
        spread = getattr(row, f"{column}_sd") or 0.0
        share = getattr(row, column) / 100
        return 100 * error_standard_error(share, n_images, spread / 100, row.seeds)

    def worse(self, x: Any, y: Any, column: str = "test_error") -> bool:
        """Whether the error at x is significantly higher than at y."""
        noise = self.standard_error(x, column), self.standard_error(y, column)
        return exceeds_noise(getattr(self.rows[x], column) - getattr(self.rows[y], column), *noise)


def judge(tables: Tables, n_test: int, chance: float = 90.0) -> list[Verdict]:
    """A verdict on each claim for which there are tables.

    `chance` is the error in percent of always guessing the most frequent class.
    """
    verdicts = []
    for experiment, text, check, is_conclusion in _CLAIMS:
        source = "fig11" if experiment == "fig10" else experiment  # HOG is compared with the CNN
        if experiment in tables and source in tables:
            published, today = (check(Errors(tables, source, p, n_test, chance)) for p in COMPARED)
            verdicts.append(Verdict(experiment, text, published, today, is_conclusion))
    return verdicts


def _default_error(errors: Errors) -> Finding:
    difference = errors.test["none"] - published.DEFAULT_TEST_ERROR
    side = "higher" if difference > 0 else "lower"
    return Finding(
        HOLDS if abs(difference) <= REPRODUCED else FAILS,
        f"{errors.test['none']:.2f} %, {abs(difference):.2f} points {side}",
    )


def _hidden_layer(errors: Errors) -> Finding:
    hidden = {x: error for x, error in errors.test.items() if x != "none"}
    lower = [x for x in hidden if hidden[x] < errors.test["none"]]
    significant = [x for x in hidden if errors.worse("none", x)]
    status = HOLDS if len(significant) == len(hidden) else UNCLEAR
    if not lower or any(errors.worse(x, "none") for x in hidden):
        status = FAILS
    return Finding(
        status,
        f"{errors.test['none']:.2f} % without hidden layers, {min(hidden.values()):.2f} to "
        f"{max(hidden.values()):.2f} % with them; lower in {len(lower)} of {len(hidden)} networks, "
        f"significantly in {len(significant)}",
    )


def _overfitting(errors: Errors, x: Any, y: Any, unit: str) -> Finding:
    """Whether from x to y the test error rises while the training error does not."""
    text = (
        f"with {x} and with {y} {unit}: test error {errors.test[x]:.2f} and {errors.test[y]:.2f} %,"
        f" training error {errors.train[x]:.2f} and {errors.train[y]:.2f} %"
    )
    if errors.test[y] <= errors.test[x]:
        return Finding(FAILS, f"{text}; the test error does not rise")
    if errors.worse(y, x, "train_error"):
        return Finding(FAILS, f"{text}; the training error rises too: not overfitting")
    if not errors.worse(y, x):
        return Finding(UNCLEAR, f"{text}; the test error does not rise significantly")
    return Finding(HOLDS if errors.train[y] <= errors.train[x] else UNCLEAR, text)


def _filter_size(errors: Errors) -> Finding:
    inside = {x: error for x, error in errors.test.items() if 9 <= x <= 13}
    outside = {x: error for x, error in errors.test.items() if x not in inside}
    best_inside = min(inside, key=inside.__getitem__)
    apart = max(inside.values()) < min(outside.values())
    denied = any(errors.worse(best_inside, x) for x in outside)
    return _minimum(errors, claimed=apart, denied=denied)


def _pooling_regions(errors: Errors) -> Finding:
    denied = errors.best in errors.ends or errors.worse(2, errors.best)
    return _minimum(errors, claimed=errors.best == 2, denied=denied)


def _minimum(errors: Errors, *, claimed: bool, denied: bool) -> Finding:
    """Whether the minimum is where it is claimed to be, and both ends are significantly higher."""
    worse = [x for x in errors.ends if errors.worse(x, errors.best)]
    status = FAILS if denied else HOLDS if claimed and len(worse) == 2 else UNCLEAR
    where = ["at neither end", f"only at {', '.join(map(str, worse))}", "at both ends"][len(worse)]
    return Finding(status, f"{_listed(errors)}; significantly higher {where}")


def _more_filters(errors: Errors) -> Finding:
    status = HOLDS if errors.worse(128, 64) and errors.worse(256, 64) else UNCLEAR
    if errors.test[256] <= errors.test[64] or errors.worse(64, 128):
        status = FAILS
    return Finding(status, _listed(errors))


def _sigmoid_output(errors: Errors) -> Finding:
    softmax, sigmoid = errors.test["softmax"], errors.test["sigmoid"]
    far = errors.worse("sigmoid", "softmax") and sigmoid > FAR_WORSE * softmax
    return Finding(HOLDS if far else FAILS, f"softmax {softmax:.2f} %, sigmoid {sigmoid:.2f} %")


def _gradient_descent(errors: Errors) -> Finding:
    error, mini_batches = errors.test["gradient descent"], errors.test["softmax"]
    gain, full_gain = errors.chance - error, errors.chance - mini_batches
    status = UNCLEAR if gain < FAR_FROM_GUESSING * full_gain else FAILS
    if not exceeds_noise(gain, errors.standard_error("gradient descent")):
        status = HOLDS
    return Finding(
        status,
        f"{error:.1f} % (guessing: {errors.chance:.0f} %); mini-batches: {mini_batches:.2f} %",
    )


def _over_time(errors: Errors) -> Finding:
    xs = list(errors.test)
    start, half, end = xs[0], xs[len(xs) // 2], xs[-1]
    first, middle, last = (errors.test[x] for x in (start, half, end))
    slower = first - middle > middle - last
    return Finding(
        HOLDS if slower and not errors.worse(end, half) else FAILS,
        f"{first:.1f} % after {start} iterations, {middle:.2f} % halfway, {last:.2f} % at the end",
    )


def _smooth_filters(errors: Errors) -> Finding:
    (value,) = curve(list(errors.rows.values()), errors.series, "neighbour_correlation").values()
    return Finding(
        FAILS if value < NOISE else HOLDS if value > SMOOTH else UNCLEAR,
        f"correlation of neighbouring weights {value:.2f} (0: noise; near 1: smooth shapes)",
    )


def _heatmap_regions(errors: Errors) -> Finding:
    few, many = _mean(errors.test, 0, (1, 2, 3)), _mean(errors.test, 0, (4, 5, 6))
    return Finding(
        HOLDS if many > MORE_REGIONS * few else FAILS,
        f"mean {few:.2f} % with 1 to 3 regions per side, {many:.2f} % with 4 to 6; "
        f"{_rank_correlation(errors, published.HEATMAP_REGIONS_SIZES)}",
    )


def _heatmap_filters(errors: Errors) -> Finding:
    few, many = _mean(errors.test, 1, (32,)), _mean(errors.test, 1, (256,))
    return Finding(
        HOLDS if many > MORE_FILTERS * few else FAILS,
        f"mean {few:.2f} % with 32 filters, {many:.2f} % with 256 (training error "
        f"{_mean(errors.train, 1, (256,)):.2f} %); "
        f"{_rank_correlation(errors, published.HEATMAP_SIZES_FILTERS)}",
    )


def _mean(cells: Mapping[tuple[int, int], float], place: int, values: Iterable[int]) -> float:
    """Mean over the cells of a heatmap in which one of the two settings has one of these values."""
    return float(np.mean([error for x, error in cells.items() if x[place] in values]))


def _rank_correlation(errors: Errors, columns: Mapping[str, Mapping[Any, float]]) -> str:
    """Agreement with the order of the paper's cells."""
    paper = columns["test_error"]
    new = [errors.test[x] for x in paper]
    if len(set(new)) == 1:
        return "all cells are equal"
    correlation = spearmanr(new, list(paper.values())).statistic
    return f"rank correlation with the paper's cells {correlation:.2f}"


def _training_images(errors: Errors) -> Finding:
    few, many = errors.ends
    seen = errors.test[many] < errors.test[few] and errors.train[many] > errors.train[few]
    significant = errors.worse(few, many) and errors.worse(many, few, "train_error")
    return Finding(
        HOLDS if significant else UNCLEAR if seen else FAILS,
        f"from {few} to {many} % of the images: test error {errors.test[few]:.2f} to "
        f"{errors.test[many]:.2f} %, training error {errors.train[few]:.2f} to "
        f"{errors.train[many]:.2f} %",
    )


def _hog(errors: Errors) -> Finding:
    return _against(errors, HOG_2014 if errors.series == "published" else HOG_TUNED)


def _against(cnn: Errors, variant: str) -> Finding:
    """Whether the CNN has the lower error at every share that HOG has, too."""
    hog = Errors(cnn.tables, "fig10", variant, cnn.n_test)
    shares = [share for share in cnn.test if share in hog.test]
    leads = [hog.test[x] - cnn.test[x] for x in shares]
    noise = [(cnn.standard_error(x), hog.standard_error(x)) for x in shares]
    ahead = sum(lead > 0 for lead in leads)
    clear = all(exceeds_noise(lead, *errors) for lead, errors in zip(leads, noise, strict=True))
    behind = any(exceeds_noise(-lead, *errors) for lead, errors in zip(leads, noise, strict=True))
    shown = dict.fromkeys(shares[place] for place in (0, len(shares) // 2, -1) if shares)
    pairs = ", ".join(f"{cnn.test[x]:.2f} and {hog.test[x]:.2f} % at {x} %" for x in shown)
    return Finding(
        FAILS if behind or not ahead else HOLDS if clear else UNCLEAR,
        f"CNN ahead at {ahead} of {count(len(shares), 'share')} (CNN and {variant}: {pairs})",
    )


def _listed(errors: Errors) -> str:
    values = ", ".join(f"{x}: {error:.2f} %" for x, error in errors.test.items())
    return f"{values}; lowest at {errors.best}"


class _Claim(NamedTuple):
    """A claim of the paper, and the function that checks it."""

    experiment: str
    text: str
    check: Callable[[Errors], Finding]
    is_conclusion: bool = True


_CLAIMS = [
    _Claim("table2", "Without a hidden layer, the test error is 2.69 %.", _default_error, False),
    _Claim("table2", "Hidden layers lower it, to between 1.73 and 1.93 %.", _hidden_layer),
    _Claim(
        "table2", "Two hidden layers overfit.", lambda e: _overfitting(e, "10", "32-16", "neurons")
    ),
    _Claim("fig2", "Filters of 9 to 13 pixels have the lowest error.", _filter_size),
    _Claim("fig4", "More than 64 filters raise the test error (256: 6.25 %).", _more_filters),
    _Claim(
        "fig4",
        "The cause of this rise is overfitting.",
        lambda e: _overfitting(e, 64, 256, "filters"),
    ),
    _Claim("fig6", "The error is U-shaped, with its minimum at 2 x 2 regions.", _pooling_regions),
    _Claim("sec5.5", "A sigmoid output (59.62 %) is far worse than softmax.", _sigmoid_output),
    _Claim(
        "sec5.5",
        "Five steps of full-batch gradient descent are close to guessing (90.2 %).",
        _gradient_descent,
    ),
    _Claim("fig8", "The error falls fast at first, then ever more slowly.", _over_time),
    _Claim("fig9", "The filters learn to recognise parts of digits.", _smooth_filters),
    _Claim("heatmap1", "After three hours, more than 3 x 3 regions are worse.", _heatmap_regions),
    _Claim("heatmap2", "After three hours, many filters are far worse.", _heatmap_filters),
    _Claim(
        "fig10",
        "HOG is obsolete: the CNN has the lower error at every share of the training images.",
        _hog,
    ),
    _Claim(
        "fig10",
        "The CNN also has a lower error than a tuned HOG (not in the paper).",
        lambda e: _against(e, HOG_TUNED),
        False,
    ),
    _Claim(
        "fig11",
        "More training images raise the CNN's training error and lower its test error.",
        _training_images,
    ),
]
