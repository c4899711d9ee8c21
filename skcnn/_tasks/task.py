"""`Task`: what a network learns from images; the checked targets of one call, and how to use them.

The training loop is the same for all tasks. An estimator makes a task from the y that it receives.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.inference import outputs
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.losses import Loss
from skcnn.engine.training.targets import Targets

Weights = NDArray[np.float64] | None


class Measured(NamedTuple):
    """What is measured on the validation images: as the estimator's `score`, and the mean loss."""

    score: float
    loss: float


class Validation(Protocol):
    """Images on which a network is measured after each epoch."""

    def measure(self, network: Network, threads: Threads) -> Measured: ...


class Task(ABC):
    """Checked targets of n images.

    Attributes
    ----------
    n_outputs : int
    loss : Loss
    strata : ndarray of int of shape (n,)
        Early stopping sets aside the same share of the images with each number.
    key : ndarray of shape (n, ...)
        Tells whether two calls have the same images; `key_name` is the argument that it is from.
    attributes : dict
        Fitted attributes that follow from the targets, such as `classes_`.
    """

    key_name: ClassVar[str] = "y"
    score_name: ClassVar[str]
    # For the warning that a network is not better than a constant prediction: which one, which
    # parameters may be too high, and what else to check. If no more than `least_gain` of the loss
    # can be gained, nearly all targets are equal, and there is no warning.
    constant: ClassVar[str]
    regularizers: ClassVar[str] = "alpha or dropout"
    check: ClassVar[str] = "the images of X differ and y belongs to them"
    least_gain: ClassVar[float] = 1e-4
    watches_score: ClassVar[bool] = False  # early stopping watches the loss otherwise

    n_outputs: int
    loss: Loss
    strata: NDArray[np.intp]
    key: NDArray[Any]
    attributes: dict[str, Any]

    def weights(self, sample_weight: Weights) -> Weights:
        """How much each image counts."""
        return sample_weight

    def prepare(
        self,
        work: Any,
        train: NDArray[np.intp],
        weights: Weights,
        *,
        incremental: bool,
        resume: bool,
    ) -> None:
        """Set further fitted attributes of `work` from the targets of the images to train on."""
        return

    @abstractmethod
    def targets(self, work: Any) -> Targets:
        """The outputs that `work`, the estimator with its fitted attributes, should have."""

    @abstractmethod
    def validation(
        self,
        work: Any,
        reader: ImageReader,
        indices: NDArray[np.intp] | None,
        weights: Weights,
    ) -> Validation:
        """To measure on the images of `indices`, all if None, of the reader.

        `weights` are those of these images, all alike if None. `indices` selects targets, too.
        """


class OutputsTask(Task):
    """A task with few outputs for an image, and targets that do not depend on the pixels."""

    @abstractmethod
    def score(self, z: NDArray[Any], targets: NDArray[Any], weights: Weights) -> float:
        """The score of outputs z (n, k) of the last layer for targets (n, k)."""

    def validation(
        self,
        work: Any,
        reader: ImageReader,
        indices: NDArray[np.intp] | None,
        weights: Weights,
    ) -> Validation:
        return _OutputsValidation(self, self.targets(work), reader, indices, weights)


class _OutputsValidation(NamedTuple):
    task: OutputsTask
    targets: Targets
    reader: ImageReader
    indices: NDArray[np.intp] | None
    weights: Weights

    def measure(self, network: Network, threads: Threads) -> Measured:
        z = outputs(network, self.reader, threads, self.indices)
        indices = np.arange(len(z)) if self.indices is None else self.indices
        desired = np.empty(z.shape, network.dtype)
        self.targets.read(indices, self.reader.images[:0], desired)
        score = self.task.score(z, desired, self.weights)
        weights = np.ones(len(z)) if self.weights is None else self.weights
        shares = (weights / weights.sum())[:, None]
        return Measured(score, self.task.loss.loss(z, desired, shares, np.empty_like(z)))


def other_form(found: str, expected: str, *, of_validation: bool) -> ValueError:
    """The error of a y unlike that of the call before, or of a y_val unlike y."""
    name, other = ("y_val", "in y") if of_validation else ("y", "in the call before")
    remedy = "Pass targets of the same form"
    if not of_validation:
        remedy += ", or start over: set warm_start=False or make a new estimator"
    return ValueError(f"{name} {found}; expected {expected}, as {other}. {remedy}.")
