"""Losses: the cost of the network's outputs z, and its gradient.

Each function works on one tile and writes into arrays that it is given. Axes: t images, k classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Loss(Protocol):
    """What training and prediction need of a loss."""

    def loss(
        self,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any],
        dz: NDArray[Any],
    ) -> float:
        """The weighted loss summed over the tile; writes its gradient to dz and overwrites z.

        z, targets, dz: (t, k); weights: (t, 1).
        """

    def references(self, targets: NDArray[Any], shares: NDArray[Any]) -> tuple[float, float]:
        """The lowest mean loss: of outputs that fit each target, and that are the same for all.

        targets: (n, k); shares: (n,), how often each occurs.
        """


class ClassLoss(Loss, Protocol):
    """A loss of class targets, each of which sums to one."""

    def log_probabilities(self, z: NDArray[Any], out: NDArray[Any]) -> None:
        """Write the logarithms of the class probabilities, (t, k), to `out`, which may be z."""


@dataclass(frozen=True)
class SoftmaxCrossEntropy:
    """Softmax; the loss of an image is ``-sum(target * log(probability))``."""

    def log_probabilities(self, z: NDArray[Any], out: NDArray[Any]) -> None:
        """Logarithm of the softmax of each row."""
        np.subtract(z, z.max(axis=1, keepdims=True), out=out)
        np.subtract(out, np.log(np.exp(out).sum(axis=1, keepdims=True)), out=out)

    def loss(
        self,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any],
        dz: NDArray[Any],
    ) -> float:
        """``dz = weights * (softmax(z) - targets)``."""
        np.subtract(z, z.max(axis=1, keepdims=True), out=z)
        np.exp(z, out=dz)
        total = dz.sum(axis=1, keepdims=True)
        # -sum(target * (z - log total)) with targets that sum to one
        each = np.log(total) - np.vecdot(z, targets)[:, None]
        np.divide(dz, total, out=dz)
        np.subtract(dz, targets, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each))

    def references(self, targets: NDArray[Any], shares: NDArray[Any]) -> tuple[float, float]:
        """Entropies: the mean of those of the targets, and that of the mean target."""
        return float(shares @ _entropy(targets)), float(_entropy(shares @ targets))


@dataclass(frozen=True)
class SigmoidSquaredError:
    """A sigmoid for each class; the loss of an image is ``0.5 * sum((sigmoid(z) - target) ** 2)``.

    Section 5.5 of Bastani & Wang (2014).
    """

    def log_probabilities(self, z: NDArray[Any], out: NDArray[Any]) -> None:
        """Logarithm of each class's sigmoid, divided by the sum over the classes.

        Computed from logarithms, because the ratios remain defined where all sigmoids underflow.
        """
        np.logaddexp(0, np.negative(z), out=out)
        np.negative(out, out=out)
        SoftmaxCrossEntropy().log_probabilities(out, out=out)

    def loss(
        self,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any],
        dz: NDArray[Any],
    ) -> float:
        """``dz = weights * (s - targets) * s * (1 - s)`` with s = sigmoid(z).

        The loss is NaN if an output is infinite, which the sigmoid would hide.
        """
        hidden = 0 if np.isfinite(z).all() else math.nan
        _sigmoid(z)
        np.subtract(z, targets, out=dz)
        each = 0.5 * np.vecdot(dz, dz)[:, None]
        np.multiply(dz, z, out=dz)
        np.subtract(1, z, out=z)
        np.multiply(dz, z, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each)) + hidden

    def references(self, targets: NDArray[Any], shares: NDArray[Any]) -> tuple[float, float]:
        """Zero, and half the variance of the targets."""
        return 0.0, 0.5 * _variance(targets, shares)


@dataclass(frozen=True)
class SigmoidCrossEntropy:
    """A sigmoid for each label; the loss of an image is the sum of the labels' cross-entropies."""

    def loss(
        self,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any],
        dz: NDArray[Any],
    ) -> float:
        """``dz = weights * (sigmoid(z) - targets)``."""
        # -t log s(z) - (1 - t) log s(-z) = log(1 + exp(z)) - t z
        np.logaddexp(0, z, out=dz)
        each = dz.sum(axis=1, keepdims=True) - np.vecdot(z, targets)[:, None]
        _sigmoid(z)
        np.subtract(z, targets, out=dz)
        np.multiply(dz, weights, out=dz)
        return float(np.vdot(weights, each))

    def references(self, targets: NDArray[Any], shares: NDArray[Any]) -> tuple[float, float]:
        """Entropies: the mean of those of the targets, and that of the mean target."""
        mean = shares @ targets
        both = _entropy(targets) + _entropy(1 - targets)
        return float(shares @ both), float(_entropy(mean) + _entropy(1 - mean))


@dataclass(frozen=True)
class SquaredError:
    """No activation; the loss of an image is half the mean of ``(z - target) ** 2``."""

    def loss(
        self,
        z: NDArray[Any],
        targets: NDArray[Any],
        weights: NDArray[Any],
        dz: NDArray[Any],
    ) -> float:
        """``dz = weights * (z - targets) / k``."""
        k: int = z.shape[1]
        np.subtract(z, targets, out=dz)
        each = np.vecdot(dz, dz)[:, None]
        np.multiply(dz, weights / k, out=dz)
        return 0.5 / k * float(np.vdot(weights, each))

    def references(self, targets: NDArray[Any], shares: NDArray[Any]) -> tuple[float, float]:
        """Zero, and half the mean variance of the targets."""
        return 0.0, 0.5 * _variance(targets, shares) / targets.shape[1]


def _variance(targets: NDArray[Any], shares: NDArray[Any]) -> float:
    """Sum of the variances of the columns."""
    mean = shares @ targets
    return float(shares @ np.vecdot(targets, targets) - mean @ mean)


def _entropy(probabilities: NDArray[Any]) -> NDArray[Any]:
    """Of each row."""
    logarithms = np.log(np.where(probabilities > 0, probabilities, 1))
    entropies: NDArray[Any] = -np.vecdot(probabilities, logarithms)
    return entropies


def _sigmoid(z: NDArray[Any]) -> None:
    """In place."""
    np.multiply(z, 0.5, out=z)
    np.tanh(z, out=z)
    np.multiply(z, 0.5, out=z)
    np.add(z, 0.5, out=z)


LOSSES: dict[str, ClassLoss] = {"softmax": SoftmaxCrossEntropy(), "sigmoid": SigmoidSquaredError()}
