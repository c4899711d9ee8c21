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


def error_interval(wrong: int, total: int) -> tuple[float, float]:
    """Wilson's 95 % interval for an error measured as `wrong` of `total` images."""
    interval = binomtest(wrong, total).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


@dataclass(frozen=True)
class McNemar:
    """Images that only one of two classifiers misclassifies, or both; two-sided exact p-value."""

    only_a: int
    only_b: int
    both: int
    p_value: float


def mcnemar(wrong_a: ArrayLike, wrong_b: ArrayLike) -> McNemar:
    """McNemar's exact test of whether two classifiers have the same error on the same images.

    The arguments say which images (n_images,) each classifier misclassifies. Under the null
    hypothesis each image that only one of them misclassifies is equally likely to be the mistake
    of either (Q. McNemar, Psychometrika 12, 1947).
    """
    wrong_a, wrong_b = np.asarray(wrong_a, dtype=bool), np.asarray(wrong_b, dtype=bool)
    only_a, only_b = int((wrong_a & ~wrong_b).sum()), int((~wrong_a & wrong_b).sum())
    differ = only_a + only_b
    p_value = float(binomtest(only_a, differ, 0.5).pvalue) if differ else 1.0
    return McNemar(only_a, only_b, int((wrong_a & wrong_b).sum()), p_value)


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """p-values adjusted for multiple tests (S. Holm, Scand. J. Statist. 6, 1979)."""
    p_values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.empty_like(p_values)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p_values[order] * factors))
    return adjusted


def standard_error(values: ArrayLike) -> float:
    """Standard error of the mean; NaN for a single value, exactly 0 for equal values."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:
        return math.nan
    if values.min() == values.max():  # their mean may be rounded
        return 0.0
    return float(values.std(ddof=1) / math.sqrt(len(values)))


@dataclass(frozen=True)
class PairedDifference:
    """Mean difference over the seeds; `clear` if its 95 % interval (Student's t) excludes zero.

    A difference that is the same for all seeds is not clear: it is that of two fits that do not
    depend on the seed, or of few test images, and says nothing of its uncertainty.
    """

    mean: float
    standard_error: float
    clear: bool


def paired_difference(a: Sequence[float], b: Sequence[float]) -> PairedDifference:
    """The difference ``a - b`` over the seeds; with a single seed it is never clear.

    Pass numbers of mistakes rather than errors: their differences and ties are not rounded.
    """
    difference = np.subtract(a, b)
    mean, error = float(difference.mean()), standard_error(difference)
    reach = error * float(t.ppf(0.975, len(difference) - 1)) if len(difference) > 1 else math.inf
    return PairedDifference(mean, error, error > 0 and abs(mean) > reach)


def error_standard_error(
    error: float, n_images: int, spread: float = 0.0, n_seeds: int = 1
) -> float:
    """Standard error of an error (share of images) that is a mean over the seeds.

    It has a part for the images, which are the same for all seeds, and one for the seeds, over
    which the error has the standard deviation `spread`.
    """
    return math.sqrt(error * (1 - error) / n_images + spread**2 / n_seeds)


def exceeds_noise(difference: float, *standard_errors: float) -> bool:
    """Whether a difference is larger than two standard errors, given those of its two sides."""
    return difference > 2 * math.hypot(*standard_errors)


def crossings(shares: Sequence[float], differences: Sequence[float]) -> list[float]:
    """The shares at which the difference of two learning curves changes its sign.

    Between two shares, which ascend, the difference is interpolated linearly in the logarithm of
    the share. If it is zero at a share, that is the crossing (at several in a row, their middle).
    """
    points = [(math.log(x), float(d)) for x, d in zip(shares, differences, strict=True)]
    found = []
    for (x0, d0), (x1, d1) in itertools.pairwise(point for point in points if point[1] != 0):
        if d0 * d1 < 0:
            level = [x for x, d in points if d == 0 and x0 < x < x1]
            where = sum(level) / len(level) if level else x0 + (x1 - x0) * d0 / (d0 - d1)
            found.append(math.exp(where))
    return found
