"""Losses: what the last layer's output z costs, and the gradient of that cost.

Each function works on one tile, writes into arrays that it is given, and returns the tile's summed
loss. Axes: t images, k classes.

Contains `SoftmaxCrossEntropy` and `SigmoidSquaredError`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Softmax, with ``-sum(target * log(probability))`` as the loss of an image."""

    def log_probabilities(self, z: NDArray, out: NDArray) -> None:
        """Logarithm of the softmax of each row of z; `out` may be z."""
        np.subtract(z, z.max(axis=1, keepdims=True), out=out)
        np.subtract(out, np.log(np.exp(out).sum(axis=1, keepdims=True)), out=out)

    def loss(self, z: NDArray, targets: NDArray, weights: NDArray, dz: NDArray) -> float:
        """The loss summed over the tile, and ``dz = weights * (softmax(z) - targets)``.

        z, targets, dz: (t, k); each row of targets sums to one; weights: (t, 1). z is used up.
        """
        np.subtract(z, z.max(axis=1, keepdims=True), out=z)
        np.exp(z, out=dz)
        total = dz.sum(axis=1, keepdims=True)
        # -sum(target * (z - log total)) with targets that sum to one
        each = np.log(total) - np.vecdot(z, targets, axis=1)[:, None]
        np.divide(dz, total, out=dz)
        np.subtract(dz, targets, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each))


@dataclass(frozen=True)
class SigmoidSquaredError:
    """One sigmoid a class, with ``0.5 * sum((sigmoid(z) - target) ** 2)`` as the loss of an image.

    The combination of section 5.5 of Bastani & Wang (2014).
    """

    def log_probabilities(self, z: NDArray, out: NDArray) -> None:
        """Logarithm of each class's sigmoid, divided by the row's sum; `out` may be z.

        In logarithms from the start: where every sigmoid is as good as zero, their ratios are not.
        """
        np.logaddexp(0, np.negative(z), out=out)
        np.negative(out, out=out)
        SoftmaxCrossEntropy().log_probabilities(out, out=out)

    def loss(self, z: NDArray, targets: NDArray, weights: NDArray, dz: NDArray) -> float:
        """The loss summed over the tile, and its gradient dz. z is used up."""
        _sigmoid(z)
        np.subtract(z, targets, out=dz)
        each = 0.5 * np.vecdot(dz, dz, axis=1)[:, None]
        np.multiply(dz, z, out=dz)
        np.subtract(1, z, out=z)
        np.multiply(dz, z, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each))


def _sigmoid(z: NDArray) -> None:
    """In place."""
    np.multiply(z, 0.5, out=z)
    np.tanh(z, out=z)
    np.multiply(z, 0.5, out=z)
    np.add(z, 0.5, out=z)


LOSSES = {"softmax": SoftmaxCrossEntropy(), "sigmoid": SigmoidSquaredError()}
