"""What training is given: settings in which nothing is automatic any more, data, and a state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.training.losses import Loss
from skcnn.engine.training.optimizers import Optimizer

Augment = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


def _constant_rate(step: int, progress: float) -> float:
    return 0.001


def _no_momentum(step: int) -> float:
    return 0.0


@dataclass(frozen=True)
class TrainingSettings:
    """How to train.

    Attributes
    ----------
    loss : Loss
    optimizer : Optimizer
    batch_size : int
        Images in a mini-batch.
    l2 : float
        Strength of the penalty ``0.5 * l2 * sum(weights ** 2)`` for each mini-batch, divided by the
        number of its images.
    augment : callable or None
        ``augment(images, rng)`` returns distorted images of the same shape (t, h, w, channels).
    n_epochs : int
    rate : callable ``(step, progress) -> rate``
        `step` counts from 0 since the state was new; `progress`, from 0 to 1, is the share of this
        training that is done, by steps or by the clock, whichever is larger.
    momentum : callable ``step -> momentum``
    shuffle : bool or "replacement"
        A new order for each epoch, or as many images drawn with replacement.
    max_time : float or None
        Seconds after which to stop, if need be within an epoch.
    """

    loss: Loss
    optimizer: Optimizer
    batch_size: int
    l2: float = 0.0
    augment: Augment | None = None
    n_epochs: int = 1
    rate: Callable[[int, float], float] = _constant_rate
    momentum: Callable[[int], float] = _no_momentum
    shuffle: bool | Literal["replacement"] = True
    max_time: float | None = None


@dataclass(frozen=True)
class TrainingData:
    """What to train on.

    Attributes
    ----------
    reader : ImageReader
    labels : ndarray of int of shape (n,)
        Class of each image of the reader, 0 ... n_classes - 1.
    targets : ndarray of shape (n_classes, n_classes)
        Row c is the desired output for an image of class c.
    weights : ndarray of shape (n,) or None
        How much each image counts. Their mean over the images to train on should be 1.
    """

    reader: ImageReader
    labels: NDArray[np.intp]
    targets: NDArray[Any]
    weights: NDArray[Any] | None = None


@dataclass
class TrainingState:
    """What training carries along besides the network: flat vectors and counters.

    Attributes
    ----------
    moments : list of ndarray of shape (n_parameters,)
        The optimizer's memory.
    step : int
        Optimizer steps done with these moments.
    rng : Generator
        Draws the order of the images.
    seed : int
        Of the tiles' random streams; with the step and the tile, it identifies each stream.
    n_seen : int
        Images used so far.
    """

    moments: list[NDArray[Any]]
    step: int
    rng: np.random.Generator
    seed: int
    n_seen: int = 0

    @classmethod
    def new(cls, network: Network, optimizer: Optimizer, rng: np.random.Generator) -> TrainingState:
        """The state before the first step."""
        moments = [np.zeros_like(network.parameters) for _ in range(optimizer.n_moments)]
        return cls(moments, 0, rng, int(rng.integers(2**63)))
