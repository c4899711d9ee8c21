"""What is measured after each epoch: the loss, the validation accuracy, and whether to stop."""

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


@dataclass(frozen=True)
class Validation:
    """Images on which the accuracy is measured after each epoch."""

    reader: ImageReader
    indices: NDArray[np.intp] | None
    labels: NDArray[np.intp]
    weights: NDArray[Any] | None

    def accuracy(self, network: Network, threads: Threads) -> float:
        z = outputs(network, self.reader, threads, self.indices)
        return float(np.average(z.argmax(axis=1) == self.labels, weights=self.weights))


def validation_of(
    work: Any, problem: Problem, held_out: NDArray[np.intp] | None, reader: ImageReader
) -> Validation | None:
    if problem.validation is not None:
        given = problem.validation
        own_reader = ImageReader(given.images, work.mean_, work.scale_)
        return Validation(own_reader, None, given.labels, given.weights)
    if held_out is None:
        return None
    weights = None if problem.weights is None else problem.weights[held_out]
    return Validation(reader, held_out, problem.labels[held_out], weights)


class EpochLog:
    """Records the curves, prints a line for each epoch, and checks for early stopping."""

    def __init__(
        self,
        work: Any,
        settings: FitSettings,
        score: Callable[[], float] | None,
        stopping: EarlyStopping | None,
    ) -> None:
        self.loss_curve: list[float] = work.loss_curve_
        self.scores: list[float] | None = None
        if score is not None:
            scores = work.validation_scores_ or []
            missing = len(work.loss_curve_) - len(scores)  # epochs without validation images
            self.scores = work.validation_scores_ = scores + [math.nan] * missing
        self.settings, self.score, self.stopping = settings, score, stopping
        self.n_epochs = settings.epochs.n_epochs
        self.epoch = 0
        self._begin = time.perf_counter()

    def after_epoch(self, loss: float) -> bool:
        """Record an epoch with this mean training loss; True if training should stop."""
        self.epoch += 1
        self.loss_curve.append(loss)
        line = f"epoch {self.epoch:>{len(str(self.n_epochs))}}/{self.n_epochs}  loss {loss:.4f}"
        watched = -loss
        if self.score is not None and self.scores is not None:
            score = self.score()
            self.scores.append(score)
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
