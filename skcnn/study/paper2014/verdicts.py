"""A verdict on each of the paper's conclusions, computed from the tables.

A difference of errors is significant if it exceeds two standard errors, of the test images and of
the seeds where there are several (`skcnn.study.statistics` explains this rule). A conclusion
"holds" if all differences that it claims are significant. It "does not hold" if they have the
opposite sign, or if what it denies is significant. Otherwise it is "inconclusive". Conclusions
without such a difference are judged by the thresholds below.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from skcnn._text import count
from skcnn.study import published
from skcnn.study.formatting import listing
from skcnn.study.paper2014.experiments import COMPARED, EXPERIMENTS
from skcnn.study.paper2014.runs import HOG_2014, HOG_TUNED
from skcnn.study.paper2014.tables import Tables, curve
from skcnn.study.statistics import error_standard_error, exceeds_noise

HOLDS, FAILS, UNCLEAR = "holds", "does not hold", "inconclusive"
REPRODUCED = 0.7  # points of test error within which a number is reproduced
FAR_WORSE = 3  # times the error
FAR_FROM_GUESSING = 0.25  # share of the gain over guessing that mini-batches bring
MORE_REGIONS, MORE_FILTERS = 1.2, 1.5  # times the mean error of fewer ones
ROUNDING = 1e-9  # points; one of 10,000 images in three seeds is 0.003 points
NOISE, SMOOTH = 0.2, 0.5  # correlations of neighbouring weights: noise below, smooth above


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
        self.tables, self.experiment, self.series = tables, experiment, series
        self.n_test, self.chance = n_test, chance
        self.rows = {row.x: row for row in tables[experiment] if row.series == series}
        self.test = curve(tables[experiment], series)
        self.train = curve(tables[experiment], series, "train_error")
        lowest = min(self.test.values())
        self.lowest = [x for x, error in self.test.items() if error == lowest]
        self.best = self.lowest[0]
        self.ends = min(self.test), max(self.test)

    def standard_error(self, x: Any, column: str = "test_error") -> float:
        """Standard error, in points, of the test or the training error at x."""
        row = self.rows[x]
        n_images = self.n_test if column == "test_error" else row.train_images
        if n_images is None:
            raise ValueError(f"There is no number of images of the {column} at {x}.")
        spread = getattr(row, f"{column}_sd") or 0.0
        share = getattr(row, column) / 100
        return 100 * error_standard_error(share, n_images, spread / 100, row.seeds)

    def worse(
        self, x: Any, y: Any, column: str = "test_error", other: Errors | None = None
    ) -> bool:
        """Whether the error at x is significantly higher than at y (of another series)."""
        other = other or self
        noise = self.standard_error(x, column), other.standard_error(y, column)
        return exceeds_noise(getattr(self.rows[x], column) - getattr(other.rows[y], column), *noise)

    def both(self, x: Any, y: Any, unit: str) -> str:
        """The test and training errors at x and at y."""
        return (
            f"with {x} and with {y} {unit}: test error {self.test[x]:.2f} and {self.test[y]:.2f} %,"
            f" training error {self.train[x]:.2f} and {self.train[y]:.2f} %"
        )

    def __str__(self) -> str:
        values = ", ".join(f"{x}: {error:.2f} %" for x, error in self.test.items())
        return f"{values}; lowest at {listing(self.lowest)}"


_Check = Callable[..., Finding]
_CLAIMS: list[tuple[str, str, bool, _Check]] = []  # experiment, claim, is_conclusion, check


def judge(tables: Tables, n_test: int, chance: float = 90.0) -> list[Verdict]:
    """A verdict on each claim for which there are tables.

    `chance` is the error in percent of always guessing the most frequent class.
    """
    verdicts = []
    for experiment in tables:
        source = "fig11" if experiment == "fig10" else experiment  # HOG is compared with the CNN
        for name, text, is_conclusion, check in _CLAIMS:
            if name == experiment and source in tables:
                as_published, today = (
                    check(Errors(tables, source, series, n_test, chance)) for series in COMPARED
                )
                verdicts.append(Verdict(name, text, as_published, today, is_conclusion))
    return verdicts


def _claim(
    experiment: str, text: str, *, is_conclusion: bool = True, **settings: Any
) -> Callable[[_Check], _Check]:
    """Decorate the function that checks a claim, given errors and the settings."""

    def add(check: _Check) -> _Check:
        _CLAIMS.append((experiment, text, is_conclusion, partial(check, **settings)))
        return check

    return add


def _finding(text: str, *, holds: bool, fails: bool | None = None) -> Finding:
    """A finding; by default, what does not hold fails."""
    fails = not holds if fails is None else fails
    return Finding(FAILS if fails else HOLDS if holds else UNCLEAR, text)


def _exceeds(value: float, bound: float) -> bool:
    """Whether a computed number of points exceeds a bound by more than rounding."""
    return value - bound > ROUNDING


@_claim("table2", "Without a hidden layer, the test error is 2.69 %.", is_conclusion=False)
def _default_error(errors: Errors) -> Finding:
    difference = errors.test["none"] - published.DEFAULT_TEST_ERROR
    side = "higher" if difference > 0 else "lower"
    text = f"{errors.test['none']:.2f} %, {abs(difference):.2f} points {side}"
    return _finding(text, holds=not _exceeds(abs(difference), REPRODUCED))


@_claim("table2", "Hidden layers lower it, to between 1.73 and 1.93 %.")
def _hidden_layer(errors: Errors) -> Finding:
    hidden = {x: error for x, error in errors.test.items() if x != "none"}
    lower = [x for x in hidden if hidden[x] < errors.test["none"]]
    significant = [x for x in hidden if errors.worse("none", x)]
    return _finding(
        f"{errors.test['none']:.2f} % without hidden layers, {min(hidden.values()):.2f} to "
        f"{max(hidden.values()):.2f} % with them; lower in {len(lower)} of {len(hidden)} networks, "
        f"significantly in {len(significant)}",
        holds=len(significant) == len(hidden),
        fails=not lower or any(errors.worse(x, "none") for x in hidden),
    )


@_claim("fig4", "More than 64 filters raise the test error (256: 6.25 %).")
def _more_filters(errors: Errors) -> Finding:
    return _finding(
        str(errors),
        holds=errors.worse(128, 64) and errors.worse(256, 64),
        fails=errors.test[256] <= errors.test[64] or errors.worse(64, 128),
    )


@_claim("table2", "Two hidden layers overfit.", x="10", y="32-16", unit="neurons")
@_claim("fig4", "The cause of this rise is overfitting.", x=64, y=256, unit="filters")
def _overfitting(errors: Errors, x: Any, y: Any, unit: str) -> Finding:
    """Whether from x to y the test error rises while the training error does not."""
    text = errors.both(x, y, unit)
    if errors.test[y] <= errors.test[x]:
        return Finding(FAILS, f"{text}; the test error does not rise")
    if errors.worse(y, x, "train_error"):
        return Finding(FAILS, f"{text}; the training error rises too: not overfitting")
    if not errors.worse(y, x):
        return Finding(UNCLEAR, f"{text}; the test error does not rise significantly")
    return _finding(text, holds=errors.train[y] <= errors.train[x], fails=False)


@_claim(
    "fig2",
    "Filters of 9 to 13 pixels have the lowest error; smaller and larger ones have a higher one.",
)
def _filter_size(errors: Errors) -> Finding:
    inside = {x: error for x, error in errors.test.items() if 9 <= x <= 13}
    outside = {x: error for x, error in errors.test.items() if x not in inside}
    best_inside = min(inside, key=inside.__getitem__)
    apart = max(inside.values()) < min(outside.values())
    denied = any(errors.worse(best_inside, x) for x in outside)
    return _minimum(errors, claimed=apart, denied=denied)


@_claim("fig6", "The error is U-shaped, with its minimum at 2 x 2 regions.")
def _pooling_regions(errors: Errors) -> Finding:
    denied = set(errors.lowest) <= set(errors.ends) or errors.worse(2, errors.best)
    return _minimum(errors, claimed=2 in errors.lowest, denied=denied)


def _minimum(errors: Errors, *, claimed: bool, denied: bool) -> Finding:
    """Whether the minimum is where it is claimed to be, and both ends are significantly higher."""
    worse = [x for x in errors.ends if errors.worse(x, errors.best)]
    where = ["at neither end", f"only at {', '.join(map(str, worse))}", "at both ends"][len(worse)]
    text = f"{errors}; significantly higher {where}"
    return _finding(text, holds=claimed and len(worse) == 2, fails=denied)


@_claim("sec5.5", "A sigmoid output (59.62 %) is far worse than softmax.")
def _sigmoid_output(errors: Errors) -> Finding:
    softmax, sigmoid = errors.test["softmax"], errors.test["sigmoid"]
    far = errors.worse("sigmoid", "softmax") and _exceeds(sigmoid, FAR_WORSE * softmax)
    return _finding(f"softmax {softmax:.2f} %, sigmoid {sigmoid:.2f} %", holds=far)


@_claim("sec5.5", "Five steps of full-batch gradient descent are close to guessing (90.2 %).")
def _gradient_descent(errors: Errors) -> Finding:
    error, mini_batches = errors.test["gradient descent"], errors.test["softmax"]
    gain, full_gain = errors.chance - error, errors.chance - mini_batches
    guessing = not exceeds_noise(gain, errors.standard_error("gradient descent"))
    return _finding(
        f"{error:.1f} % (guessing: {errors.chance:.0f} %); mini-batches: {mini_batches:.2f} %",
        holds=guessing,
        fails=not guessing and not _exceeds(FAR_FROM_GUESSING * full_gain, gain),
    )


@_claim("fig8", "The error falls fast at first, then ever more slowly.")
def _over_time(errors: Errors) -> Finding:
    xs = list(errors.test)
    start, half, end = xs[0], xs[len(xs) // 2], xs[-1]
    first, middle, last = (errors.test[x] for x in (start, half, end))
    return _finding(
        f"{first:.1f} % after {start} iterations, {middle:.2f} % halfway, {last:.2f} % at the end",
        holds=_exceeds(first - middle, middle - last) and not errors.worse(end, half),
    )


@_claim("fig9", "The filters learn to recognize parts of digits.")
def _smooth_filters(errors: Errors) -> Finding:
    (value,) = curve(list(errors.rows.values()), errors.series, "neighbour_correlation").values()
    return _finding(
        f"correlation of neighbouring weights {value:.2f} (0: noise; near 1: smooth shapes)",
        holds=value > SMOOTH,
        fails=value < NOISE,
    )


@_claim("heatmap1", "After three hours, more than 3 x 3 regions are worse.")
def _heatmap_regions(errors: Errors) -> Finding:
    return _heatmap(errors, 0, (1, 2, 3), (4, 5, 6), MORE_REGIONS, "regions per side")


@_claim("heatmap2", "After three hours, many filters are far worse.")
def _heatmap_filters(errors: Errors) -> Finding:
    return _heatmap(errors, 1, (32,), (256,), MORE_FILTERS, "filters")


def _heatmap(
    errors: Errors, place: int, few: Sequence[int], many: Sequence[int], factor: float, unit: str
) -> Finding:
    """Whether the mean error of cells with many units is more than `factor` times that with few."""
    low, high, train = (
        float(np.mean([error for x, error in cells.items() if x[place] in values]))
        for cells, values in ((errors.test, few), (errors.test, many), (errors.train, many))
    )
    paper = EXPERIMENTS[errors.experiment].published["test_error"]
    new = [errors.test[x] for x in paper]
    agreement = "all cells are equal"
    if len(set(new)) > 1:
        correlation = spearmanr(new, list(paper.values())).statistic
        agreement = f"rank correlation with the paper's cells {correlation:.2f}"
    return _finding(
        f"mean test error over all filter sizes: {low:.2f} % with {listing(few)} {unit}, "
        f"{high:.2f} % with {listing(many)} (mean training error {train:.2f} %); {agreement}",
        holds=_exceeds(high, factor * low),
    )


@_claim("fig11", "More training images raise the CNN's training error and lower its test error.")
def _training_images(errors: Errors) -> Finding:
    few, many = errors.ends
    test, train = errors.test, errors.train
    return _finding(
        errors.both(few, many, "% of the images"),
        holds=errors.worse(few, many) and errors.worse(many, few, "train_error"),
        fails=test[many] >= test[few] or train[many] <= train[few],
    )


@_claim(
    "fig10",
    "The CNN also has a lower error than HOG tuned at every share (not in the paper).",
    is_conclusion=False,
    rival=HOG_TUNED,
)
@_claim(
    "fig10", "HOG is obsolete: the CNN has the lower error at every share of the training images."
)
def _hog(cnn: Errors, rival: str = HOG_2014) -> Finding:
    """Whether the CNN has the lower error at every share; today, the rival is HOG tuned."""
    variant = rival if cnn.series == "published" else HOG_TUNED
    hog = Errors(cnn.tables, "fig10", variant, cnn.n_test)
    shares = [share for share in cnn.test if share in hog.test]
    ahead = sum(cnn.test[x] < hog.test[x] for x in shares)
    shown = dict.fromkeys(shares[place] for place in (0, len(shares) // 2, -1) if shares)
    pairs = ", ".join(f"{cnn.test[x]:.2f} and {hog.test[x]:.2f} % at {x} %" for x in shown)
    return _finding(
        f"CNN ahead at {ahead} of {count(len(shares), 'share')} (CNN and {variant}: {pairs})",
        holds=all(hog.worse(x, x, other=cnn) for x in shares),
        fails=not ahead or any(cnn.worse(x, x, other=hog) for x in shares),
    )
