"""Uncertainty of test errors, paired tests, and where two learning curves cross."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest, t


def error_interval(wrong: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of an error measured as `wrong` out of `total` images.

    Examples
    --------
    >>> from skcnn.study.statistics import error_interval
    >>> low, high = error_interval(100, 10_000)
    >>> f"{low:.4f} {high:.4f}"
    '0.0082 0.0121'
    """
    interval = binomtest(int(wrong), int(total)).proportion_ci(confidence, method="wilson")
    return float(interval.low), float(interval.high)


def mcnemar(wrong_a: ArrayLike, wrong_b: ArrayLike) -> dict[str, Any]:
    """McNemar's exact test: do two classifiers err equally often on the same images?

    Only images that exactly one of them gets wrong tell them apart; under the null hypothesis each
    of these is a fair coin.

    Parameters
    ----------
    wrong_a, wrong_b : array-like of bool of shape (n_images,)
        Which images each got wrong.

    Returns
    -------
    test : dict
        ``only_a``, ``only_b``: images that only one got wrong; ``both``: that both did;
        ``p_value``: two-sided, exact.

    References
    ----------
    Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
    percentages", Psychometrika 12, 1947.

    Examples
    --------
    >>> from skcnn.study.statistics import mcnemar
    >>> mcnemar([1, 1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 0, 0, 0, 1])["p_value"]
    0.125
    """
    wrong_a, wrong_b = np.asarray(wrong_a, dtype=bool), np.asarray(wrong_b, dtype=bool)
    only_a, only_b = int((wrong_a & ~wrong_b).sum()), int((~wrong_a & wrong_b).sum())
    differ = only_a + only_b
    p_value = float(binomtest(only_a, differ, 0.5).pvalue) if differ else 1.0
    return {
        "only_a": only_a,
        "only_b": only_b,
        "both": int((wrong_a & wrong_b).sum()),
        "p_value": p_value,
    }


def holm(p_values: ArrayLike) -> NDArray:
    """p-values adjusted for testing several hypotheses at once (Holm, Scand. J. Stat. 6, 1979).

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


def paired_difference(a: ArrayLike, b: ArrayLike) -> dict[str, float]:
    """Mean of ``a - b`` over seeds, its standard error, and whether the sign is clear.

    Clear: at least two seeds, and zero is outside the mean's 95 % interval (Student's t).

    Examples
    --------
    >>> from skcnn.study.statistics import paired_difference
    >>> paired_difference([0.05, 0.06, 0.055], [0.02, 0.02, 0.03])["clear"]
    True
    """
    difference = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    mean = float(difference.mean())
    if len(difference) < 2:
        return {"mean": mean, "standard_error": math.nan, "clear": False}
    error = float(difference.std(ddof=1) / math.sqrt(len(difference)))
    reach = error * float(t.ppf(0.975, len(difference) - 1))
    return {"mean": mean, "standard_error": error, "clear": abs(mean) > reach}


def crossings(shares: ArrayLike, differences: ArrayLike) -> list[float]:
    """Shares at which a difference of two learning curves changes sign.

    Between two measured shares the difference is taken as linear in the logarithm of the share.
    Where it is zero at a share itself, that is the crossing (of several such, their middle).

    Parameters
    ----------
    shares : array-like of float, ascending
        Percent of the training images.
    differences : array-like of float
        Error of one minus error of the other.

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
