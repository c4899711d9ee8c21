"""Errors as numbers of mistakes, so that equal errors are equal numbers.

Errors that were computed in two ways, or means of errors, may differ by rounding alone. A quotient
of integers is rounded only once: two of them are equal if and only if the errors are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Mistakes:
    """The mistakes of a fit: `wrong` of `tested` test images, and those on training images."""

    wrong: int
    tested: int
    train_wrong: int
    train_tested: int

    @property
    def test_error(self) -> float:
        """Share of the test images."""
        return self.wrong / self.tested

    @property
    def train_error(self) -> float:
        """Share of the training images."""
        return self.train_wrong / self.train_tested


def count_mistakes(model: Any, X: NDArray, y: NDArray) -> int:
    """Number of images to which a fitted model gives another label."""
    return int((np.asarray(model.predict(X)) != y).sum())


def mean_error(wrong: Sequence[int], tested: int) -> float:
    """Mean share of mistakes; each of the numbers `wrong` is of `tested` images."""
    return sum(wrong) / (len(wrong) * tested)
