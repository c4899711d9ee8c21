"""What is measured after each epoch: losses, the validation accuracy, and whether to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.settings import FitSettings
from skcnn._input.problem import Problem
from skcnn.engine.inference import outputs
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EarlyStopping
from skcnn.engine.training.losses import Loss
from skcnn.engine.training.settings import TrainingData


@dataclass(frozen=True)
class Validation:
    """Images on which accuracy and loss are measured after each epoch.

    `targets` (n, k) are the desired outputs.
    """

    reader: ImageReader
    indices: NDArray[np.intp] | None
    labels: NDArray[np.intp]
    weights: NDArray[np.float64] | None
    targets: NDArray[Any]
    loss: Loss

    def measure(self, network: Network, threads: Threads) -> tuple[float, float]:
        """The accuracy and the mean loss."""
        z = outputs(network, self.reader, threads, self.indices)
        accuracy = np.average(z.argmax(axis=1) == self.labels, weights=self.weights)
        weights = np.ones(len(z)) if self.weights is None else self.weights
        shares = (weights / weights.sum())[:, None]
        return float(accuracy), self.loss.loss(z, self.targets, shares, np.empty_like(z))


def validation_of(
    work: Any,
    problem: Problem,
    held_out: NDArray[np.intp] | None,
    data: TrainingData,
    loss: Loss,
) -> Validation | None:
    reader = data.reader
    if problem.validation is not None:
        given = problem.validation
        reader = ImageReader(given.images, work.mean_, work.scale_)
        labels, weights = given.labels, given.weights
    elif held_out is not None:
        labels = problem.labels[held_out]
        weights = None if problem.weights is None else problem.weights[held_out]
    else:
        return None
    return Validation(reader, held_out, labels, weights, data.targets[labels], loss)


class EpochLog:
    """Records the curves, prints a line for each epoch, and checks for early stopping."""

    def __init__(
        self,
        work: Any,
        settings: FitSettings,
        measure: Callable[[], tuple[float, float]] | None,
        stopping: EarlyStopping | None,
    ) -> None:
        self.loss_curve: list[float] = work.loss_curve_
        self.scores: list[float] = []
        self.validation_losses: list[float] = []
        if measure is not None:
            scores, losses = work.validation_scores_ or [], work.validation_loss_curve_ or []
            missing = [math.nan] * (len(work.loss_curve_) - len(scores))  # no validation images
            self.scores = work.validation_scores_ = scores + missing
            self.validation_losses = work.validation_loss_curve_ = losses + missing
        self.settings, self.measure, self.stopping = settings, measure, stopping
        self.n_epochs = settings.epochs.n_epochs
        self.epoch = 0
        self._begin = time.perf_counter()

    def after_epoch(self, loss: float) -> bool:
        """Record an epoch with this mean training loss; True if training should stop."""
        self.epoch += 1
        self.loss_curve.append(loss)
        line = f"epoch {self.epoch:>{len(str(self.n_epochs))}}/{self.n_epochs}  loss {loss:.4f}"
        watched = -loss
        if self.measure is not None:
            score, validation_loss = self.measure()
            self.scores.append(score)
            self.validation_losses.append(validation_loss)
            line += f"  validation accuracy {score:.4f}"
            if self.settings.stopping.watch == "score":
                watched = score
        self._print(f"{line}  {time.perf_counter() - self._begin:.1f} s")
        if self.stopping is None or not self.stopping.update(watched):
            return False
        stopping = self.settings.stopping
        self._print(
            f"stopped: no improvement of {stopping.tol:g} in {stopping.n_iter_no_change} epochs"
        )
        return True

    def _print(self, line: str) -> None:
        if self.settings.verbose:
            print(line, flush=True)


def early_stopping(settings: FitSettings, network: Network) -> EarlyStopping | None:
    stopping = settings.stopping
    if stopping.watch is None:
        return None
    return EarlyStopping(
        network,
        tol=stopping.tol,
        n_iter_no_change=stopping.n_iter_no_change,
        keep_best=stopping.watch == "score",
    )
