"""Training settings with every "auto" resolved, training data, and the state of a training."""

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
from skcnn.engine.training.targets import Targets

Augment = Callable[[NDArray[Any], np.random.Generator], NDArray[Any]]


@dataclass(frozen=True)
class StepSettings:
    """How to do one step.

    Attributes
    ----------
    loss : Loss
    optimizer : Optimizer
    batch_size : int
        The largest number of images in a mini-batch.
    l2 : float
        Strength of the penalty ``0.5 * l2 * sum(weights ** 2)`` for each mini-batch, divided by the
        number of its images.
    augment : callable or None
        ``augment(images, rng)`` returns distorted images of the same shape (t, h, w, channels).
    """

    loss: Loss
    optimizer: Optimizer
    batch_size: int
    l2: float = 0.0
    augment: Augment | None = None


@dataclass(frozen=True)
class EpochSettings:
    """How long to train, at which rates, and in which order.

    Attributes
    ----------
    n_epochs : int
    rate : callable ``(step, progress) -> rate``
        `step` counts from 0 since the state was new; `progress`, from 0 to 1, is the share of this
        training that is done, by steps or by the clock, whichever is larger.
    momentum : callable ``step -> momentum``
    shuffle : bool or "replacement"
        A new order for each epoch, or as many images drawn with replacement.
    max_time : float or None
        Time limit in seconds; training may stop within an epoch.
    """

    n_epochs: int
    rate: Callable[[int, float], float]
    momentum: Callable[[int], float]
    shuffle: bool | Literal["replacement"] = True
    max_time: float | None = None


@dataclass(frozen=True)
class TrainingData:
    """What to train on.

    Attributes
    ----------
    reader : ImageReader
    targets : Targets
        The desired outputs for its images.
    weights : ndarray of shape (n,) or None
        How much each image counts. Their mean over the images to train on should be 1.
    """

    reader: ImageReader
    targets: Targets
    weights: NDArray[Any] | None = None


@dataclass
class TrainingState:
    """State of the optimizer and the random generator, and counters.

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
    optimizer : str
        Name of the optimizer's class, whose moments these are.
    first_loss : float or None
        Mean loss of the first step, before it moved the parameters.
    """

    moments: list[NDArray[Any]]
    step: int
    rng: np.random.Generator
    seed: int
    optimizer: str
    n_seen: int = 0
    first_loss: float | None = None

    def fits(self, network: Network, optimizer: Optimizer) -> bool:
        """Whether the moments are those of this optimizer for this network."""
        return (
            self.optimizer == type(optimizer).__name__
            and len(self.moments) == optimizer.n_moments
            and all(len(moment) == network.n_parameters for moment in self.moments)
        )

    @classmethod
    def new(cls, network: Network, optimizer: Optimizer, rng: np.random.Generator) -> TrainingState:
        """The state before the first step."""
        moments = [np.zeros_like(network.parameters) for _ in range(optimizer.n_moments)]
        return cls(moments, 0, rng, int(rng.integers(2**63)), type(optimizer).__name__)
