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

    def probabilities(self, z: NDArray, out: NDArray) -> None:
        """Softmax of each row of z; `out` may be z."""
        np.subtract(z, z.max(axis=1, keepdims=True), out=out)
        np.exp(out, out=out)
        np.divide(out, out.sum(axis=1, keepdims=True), out=out)

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

    def probabilities(self, z: NDArray, out: NDArray) -> None:
        """Each class's sigmoid, divided by the row's sum; `out` may be z."""
        self._sigmoid(z, out)
        total = out.sum(axis=1, keepdims=True)
        np.divide(out, np.maximum(total, np.finfo(out.dtype).tiny), out=out)

    def loss(self, z: NDArray, targets: NDArray, weights: NDArray, dz: NDArray) -> float:
        """The loss summed over the tile, and its gradient dz. z is used up."""
        self._sigmoid(z, z)
        np.subtract(z, targets, out=dz)
        each = 0.5 * np.vecdot(dz, dz, axis=1)[:, None]
        np.multiply(dz, z, out=dz)
        np.subtract(1, z, out=z)
        np.multiply(dz, z, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each))

    @staticmethod
    def _sigmoid(z: NDArray, out: NDArray) -> None:
        np.multiply(z, 0.5, out=out)
        np.tanh(out, out=out)
        np.multiply(out, 0.5, out=out)
        np.add(out, 0.5, out=out)


LOSSES = {"softmax": SoftmaxCrossEntropy(), "sigmoid": SigmoidSquaredError()}
