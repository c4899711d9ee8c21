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
from skcnn.engine.training.loop import Position


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
        begin: Position,
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
        self._n_earlier = len(self.loss_curve) - begin.epoch
        self._score_name = score_name
        self._begin = time.perf_counter() - begin.seconds

    @property
    def epoch(self) -> int:
        """How many epochs are complete."""
        return len(self.loss_curve) - self._n_earlier

    @property
    def best_score(self) -> float | None:
        """Validation score of the weights that early stopping keeps."""
        return None if self.stopping is None else self.stopping.state.best_score

    @property
    def seconds(self) -> float:
        """Since the first epoch began."""
        return time.perf_counter() - self._begin

    def after_epoch(self, loss: float) -> bool:
        """Record an epoch with this mean training loss; True if training should stop."""
        measured = None if self.measure is None else self.measure()
        if measured is not None:
            self.scores.append(measured.score)
            self.validation_losses.append(measured.loss)
        self.loss_curve.append(loss)  # now the epoch is complete
        line = f"epoch {self.epoch:>{len(str(self.n_epochs))}}/{self.n_epochs}  loss {loss:.4f}"
        watched, score = -loss, None
        if measured is not None:
            line += f"  validation {self._score_name} {measured.score:.4f}"
            watched, score = self._watched(measured, loss), measured.score
        self._print(f"{line}  {self.seconds:.1f} s")
        if self.stopping is None or not self.stopping.update(watched, score):
            return False
        stopping = self.settings.stopping
        self._print(
            f"stopped: no improvement of {stopping.tol:g} in {stopping.n_iter_no_change} epochs"
        )
        return True

    def drop_incomplete_epoch(self) -> None:
        """Call after Ctrl-C: the curves may have parts of an epoch."""
        if self.measure is not None:
            for values in (self.scores, self.validation_losses):
                del values[len(self.loss_curve) :]

    def remember(self) -> None:
        """Measure the weights of an earlier fit, which may be the best."""
        assert self.measure is not None
        assert self.stopping is not None
        measured = self.measure()
        self.stopping.remember(self._watched(measured, math.nan), measured.score)

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
    """What the settings ask for; None if nothing is watched."""
    stopping = settings.stopping
    if stopping.watch is None:
        return None
    return EarlyStopping(
        network,
        tol=stopping.tol,
        n_iter_no_change=stopping.n_iter_no_change,
        keep_best=stopping.watch != "loss",
    )
