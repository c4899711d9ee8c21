"""What is measured after each epoch: losses, the validation score, and whether to stop."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.problem import Problem
from skcnn._fitting.settings import FitSettings
from skcnn._tasks.task import Measured, Validation
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.training.early_stopping import EarlyStopping
from skcnn.engine.training.loop import Begin


def validation_of(
    work: Any, problem: Problem, held_out: NDArray[np.intp] | None, reader: ImageReader
) -> Validation | None:
    """The validation images: those given, those set aside, or None."""
    if problem.validation is not None:
        given = problem.validation
        own_reader = ImageReader(given.images, work.mean_, work.scale_)
        return given.task.validation(work, own_reader, None, given.weights)
    if held_out is None:
        return None
    weights = None if problem.weights is None else problem.weights[held_out]
    return problem.task.validation(work, reader, held_out, weights)


class EpochLog:
    """Records the curves, prints a line for each epoch, and checks for early stopping."""

    def __init__(
        self,
        work: Any,
        settings: FitSettings,
        score_name: str,
        measure: Callable[[], Measured] | None,
        stopping: EarlyStopping | None,
        begin: Begin,
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
        self.epoch = begin.epoch
        self.best_score: float | None = None  # of the weights that early stopping keeps
        self._score_name = score_name
        self._begin = time.perf_counter() - begin.seconds

    @property
    def seconds(self) -> float:
        """Since the first epoch began."""
        return time.perf_counter() - self._begin

    def after_epoch(self, loss: float) -> bool:
        """Record an epoch with this mean training loss; True if training should stop."""
        self.epoch += 1
        self.loss_curve.append(loss)
        line = f"epoch {self.epoch:>{len(str(self.n_epochs))}}/{self.n_epochs}  loss {loss:.4f}"
        watched = -loss
        if self.measure is not None:
            measured = self.measure()
            self.scores.append(measured.score)
            self.validation_losses.append(measured.loss)
            line += f"  validation {self._score_name} {measured.score:.4f}"
            watched = self._watched(measured, loss)
        self._print(f"{line}  {self.seconds:.1f} s")
        if self.stopping is None:
            return False
        before = self.stopping.progress.best
        over = self.stopping.update(watched)
        if self.measure is not None and self.stopping.progress.best > before:
            self.best_score = self.scores[-1]
        if not over:
            return False
        stopping = self.settings.stopping
        self._print(
            f"stopped: no improvement of {stopping.tol:g} in {stopping.n_iter_no_change} epochs"
        )
        return True

    def remember(self) -> None:
        """Measure the weights of an earlier fit, which may be the best."""
        assert self.measure is not None
        assert self.stopping is not None
        measured = self.measure()
        self.stopping.remember(self._watched(measured, math.nan))
        self.best_score = measured.score

    def _watched(self, measured: Measured, loss: float) -> float:
        """What early stopping maximizes."""
        watch = self.settings.stopping.watch
        if watch == "score":
            return measured.score
        return -measured.loss if watch == "validation loss" else -loss

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
        keep_best=stopping.watch != "loss",
    )
