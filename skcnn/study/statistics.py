"""Uncertainty of errors, paired tests, and the points where two learning curves cross.

Two rules decide whether a difference is larger than noise, because the two studies can measure
different noise. The comparison trains every contender with several seeds on the same subsets, so
`paired_difference` has replicates: it uses Student's t over the seeds, which also contains the
choice of training images. The rerun of the paper usually has one seed, as the paper had. There the
test images are the only noise that can be measured, so `exceeds_noise` compares a difference with
two standard errors from `error_standard_error`, to which several seeds add their own part.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t


def error_interval(wrong: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for an error measured as `wrong` of `total` images.

    Examples
    --------
    >>> from skcnn.study.statistics import error_interval
    >>> low, high = error_interval(100, 10_000)
    >>> f"{low:.4f} {high:.4f}"
    '0.0082 0.0121'
    """
    interval = binomtest(int(wrong), int(total)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class McNemar:
    """Result of `mcnemar`: images that only one classifier, or both, get wrong, and the p-value."""

    only_a: int
    only_b: int
    both: int
    p_value: float


def mcnemar(wrong_a: ArrayLike, wrong_b: ArrayLike) -> McNemar:
    """McNemar's exact test of whether two classifiers have the same error on the same images.

    The test looks at the images that exactly one of the two gets wrong. Under the null hypothesis
    each of them is equally likely to be the first one's mistake or the second one's.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool of shape (n_images,)
        Which images each classifier gets wrong.

    Returns
    -------
    test : McNemar
        Its p-value is two-sided and exact.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 1947.

    Examples
    --------
    >>> from skcnn.study.statistics import mcnemar
    >>> mcnemar([1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1]).p_value
    0.125
    """
    wrong_a, wrong_b = np.asarray(wrong_a, dtype=bool), np.asarray(wrong_b, dtype=bool)
    only_a, only_b = int((wrong_a & ~wrong_b).sum()), int((~wrong_a & wrong_b).sum())
    differ = only_a + only_b
    p_value = float(binomtest(only_a, differ, 0.5).pvalue) if differ else 1.0
    return McNemar(only_a, only_b, int((wrong_a & wrong_b).sum()), p_value)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values adjusted for multiple tests (S. Holm, Scandinavian Journal of Statistics 6, 1979).

    Examples
    --------
    >>> from skcnn.study.statistics import holm
    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def standard_error(values: Sequence[float]) -> float:
    """Standard error of the mean; NaN for a single value.

    Examples
    --------
    >>> from skcnn.study.statistics import standard_error
    >>> standard_error([1.0, 3.0])
    1.0
    """
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


@dataclass(frozen=True)
class PairedDifference:
    """Result of `paired_difference`; `clear` means that the 95 % interval excludes zero."""

    mean: float
    standard_error: float
    clear: bool


def paired_difference(a: Sequence[float], b: Sequence[float]) -> PairedDifference:
    """Mean of ``a - b`` over the seeds, with its standard error, by Student's t.

    The module's description says when to use this rule. A single seed is never clear.

    Examples
    --------
    >>> from skcnn.study.statistics import paired_difference
    >>> paired_difference([0.05, 0.06, 0.055], [0.02, 0.02, 0.03]).clear
    True
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    mean = float(difference.mean())
    if len(difference) < 2:
        return PairedDifference(mean, math.nan, False)
    error = float(difference.std(ddof=1) / math.sqrt(len(difference)))
    reach = error * float(t.ppf(0.975, len(difference) - 1))
    return PairedDifference(mean, error, abs(mean) > reach)


def error_standard_error(
    error: float, n_images: int, spread: float = 0.0, n_seeds: int = 1
) -> float:
    """Standard error of a mean error over the seeds: of the images, and of the seeds.

    Parameters
    ----------
    error : float
        Share of images that are wrong, on average over the seeds.
    n_images : int
        Number of images. All seeds use the same ones, so more seeds do not reduce this part.
    spread : float, default=0.0
        Standard deviation of the error over the seeds.
    n_seeds : int, default=1
        Number of seeds.

    Examples
    --------
    >>> from skcnn.study.statistics import error_standard_error
    >>> round(error_standard_error(0.02, 10_000), 4)
    0.0014
    """
    return math.sqrt(error * (1 - error) / n_images + spread**2 / n_seeds)


def exceeds_noise(difference: float, *standard_errors: float) -> bool:
    """Whether a difference is larger than two standard errors, given those of its two sides.

    The module's description says when to use this rule.

    Examples
    --------
    >>> from skcnn.study.statistics import exceeds_noise
    >>> exceeds_noise(0.5, 0.15, 0.2), exceeds_noise(0.51, 0.15, 0.2)
    (False, True)
    """
    return difference > 2 * math.hypot(*standard_errors)


def crossings(shares: Sequence[float], differences: Sequence[float]) -> list[float]:
    """The shares at which the difference of two learning curves changes its sign.

    Between two measured shares the difference is interpolated linearly in the logarithm of the
    share. If it is zero at a share, that share is the crossing (at several in a row, their middle).

    Parameters
    ----------
    shares : sequence of float, ascending
        Percent of the training images.
    differences : sequence of float
        Error of one curve minus error of the other.

    Examples
    --------
    >>> from skcnn.study.statistics import crossings
    >>> [round(share, 1) for share in crossings([1, 10, 100], [0.02, 0.01, -0.01])]
    [31.6]
    """
    points = [(math.log(x), float(d)) for x, d in zip(shares, differences, strict=True)]
    found = []
    for (x0, d0), (x1, d1) in itertools.pairwise(point for point in points if point[1] != 0):
        if d0 * d1 < 0:
            level = [x for x, d in points if d == 0 and x0 < x < x1]
            where = sum(level) / len(level) if level else x0 + (x1 - x0) * d0 / (d0 - d1)
            found.append(math.exp(where))
    return found
