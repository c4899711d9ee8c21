"""The training of one call of `fit` or `partial_fit`, and the fitted attributes that it leaves."""

from __future__ import annotations

import copy
import math
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.callbacks import FitCallbacks, state_of
from skcnn._fitting.monitoring import EpochLog, early_stopping, validation_of
from skcnn._fitting.notices import Notice, no_better_than_constant, not_converged, of_interruption
from skcnn._fitting.problem import Problem
from skcnn._fitting.settings import FitSettings
from skcnn._fitting.unfinished import UnfinishedFit, checksums_of
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EarlyStopping
from skcnn.engine.training.loop import AT_THE_START, DivergedError, Position, run_epochs
from skcnn.engine.training.settings import TrainingData
from skcnn.engine.training.trainer import Trainer

# Fitted attributes that a training changes in place.
CHANGING = ("network_", "_state", "loss_curve_", "validation_scores_", "validation_loss_curve_")

JUDGED_IMAGES = 16  # whose outputs must be finite after the last step


class Training:
    """The training of a copy of an estimator.

    Parameters
    ----------
    work : estimator
        The copy, with its fitted attributes as they are before the first step.
    problem : Problem
    train, held_out : ndarray of int; ndarray of int or None
        Indices of the images to train on, and of those set aside.
    settings : FitSettings
    incremental : bool
        Whether this is a call of `partial_fit`.
    unfinished : UnfinishedFit or None
        The interrupted fit that is to be resumed.

    Attributes
    ----------
    interrupted : bool
        Whether Ctrl-C ended the training.
    """

    def __init__(
        self,
        work: Any,
        problem: Problem,
        train: NDArray[np.intp],
        held_out: NDArray[np.intp] | None,
        settings: FitSettings,
        *,
        incremental: bool,
        unfinished: UnfinishedFit | None,
    ) -> None:
        self.work, self.problem, self.settings = work, problem, settings
        self._train, self._incremental = train, incremental
        self._network: Network = work.network_
        reader = ImageReader(problem.images, work.mean_, work.scale_)
        self._data = TrainingData(
            reader,
            problem.task.targets(work),
            # A call of partial_fit cannot know the weights of the others.
            problem.weights if incremental else _with_mean_one(problem.weights, train),
        )
        self._mean_weight = 1.0  # which the losses are divided by
        if incremental and problem.weights is not None:
            self._mean_weight = float(problem.weights[train].mean())
        self._validation = validation_of(work, problem, held_out, reader)
        self._stopping: EarlyStopping | None = early_stopping(settings, self._network)
        self._begin, self._n_iter = AT_THE_START, work.n_iter_
        self._t, self._n_seen = work.t_, work._state.n_seen
        if unfinished is not None:
            self._begin, self._n_iter = unfinished.begin, unfinished.n_iter
            self._network.restore(unfinished.variables)
            if self._stopping is not None and unfinished.stopping is not None:
                self._stopping.state = unfinished.stopping
        self._unfinished = unfinished
        self.interrupted = False

    @np.errstate(all="ignore")  # a training that diverges is found by its loss and its weights
    def run(self, threads: Threads, callbacks: FitCallbacks) -> list[Notice]:
        """Train, and set the fitted attributes of the copy; returns the warnings."""
        network, settings, work = self._network, self.settings, self.work
        measure = None
        if self._validation is not None:
            measure = partial(self._validation.measure, network, threads)
        self._log = log = EpochLog(
            work, settings, self.problem.task.score_name, measure, self._stopping, self._begin
        )
        if self._unfinished is None and self._keep_best and work.n_iter_:
            log.remember()  # in a warm start, the weights so far may be the best
        trainer = Trainer(network, settings.step, self._data, work._state, threads)

        def before_epoch() -> None:
            callbacks.begin_epoch(self.snapshot)

        def after_epoch(loss: float) -> bool:
            stop = log.after_epoch(loss / self._mean_weight)
            return callbacks.end_epoch(self.snapshot) or stop

        # The interrupted fit may have done the epoch at which early stopping ends the training.
        stopped = self._stopping is not None and self._stopping.is_over
        try:
            complete = not stopped and run_epochs(
                trainer, settings.epochs, self._train, after_epoch, self._begin, before_epoch
            )
            self._check_outputs()
        except KeyboardInterrupt:
            self.interrupted = True
            log.drop_incomplete_epoch()
            notices = [of_interruption(min(log.epoch + 1, log.n_epochs), log.n_epochs)]
        except DivergedError as error:
            raise ValueError(
                f"Training diverged: {error}. Lower learning_rate_init (or what learning_rate "
                "returns), or check the data for extreme values."
            ) from error
        else:
            notices = not_converged(settings) if complete else []
            notices += self._no_better_than_constant(trainer)
        if self._stopping is not None:
            self._stopping.restore_best()
        vars(work).update(self._results())
        return notices

    def snapshot(self) -> dict[str, Any]:
        """The attributes as if the training had ended now; the fitted ones are copies."""
        attributes = state_of(self.work)
        attributes.update(self._results())
        if self._incremental:  # a call of partial_fit ends after its epoch
            return attributes
        variables = self._network.snapshot()
        if self._stopping is not None:
            self._stopping.restore_best(attributes["network_"])
        attributes["_unfinished"] = UnfinishedFit(
            Position(self._log.epoch, self._log.seconds),
            len(self.problem.images),
            checksums_of(self.problem),
            variables,
            None if self._stopping is None else copy.deepcopy(self._stopping.state),
            self._n_iter,
        )
        return attributes

    def _check_outputs(self) -> None:
        """DivergedError if the last step, whose loss is not known, made the outputs overflow."""
        network, reader = self._network, self._data.reader
        some = self._train[:JUDGED_IMAGES]
        images = np.empty((len(some), *network.input_shape), network.dtype)
        reader.read(some, images, reader.scratch(len(some)))
        try:
            # An overflow in a hidden layer may not be seen in the outputs.
            with np.errstate(over="raise", invalid="raise"):
                finite = bool(np.isfinite(network.forward(images)).all())
        except FloatingPointError:
            finite = False
        if not finite:
            raise DivergedError("the outputs are no longer finite")

    @property
    def n_epochs(self) -> int:
        """The largest number of epochs to come."""
        return self.settings.epochs.n_epochs - self._begin.epoch

    @property
    def _keep_best(self) -> bool:
        return self._stopping is not None and self._stopping.keep_best

    def _results(self) -> dict[str, Any]:
        """The fitted attributes that sum up the training so far."""
        curve = self.work.loss_curve_
        scores = self.work.validation_scores_ or []
        if self._keep_best:
            best = self._log.best_score
            scores = [] if best is None else [best]
        return {
            "n_iter_": self._n_iter + self._log.epoch,
            "t_": self._t + self.work._state.n_seen - self._n_seen,
            "loss_": curve[-1] if curve else math.inf,
            "best_validation_score_": max(filter(math.isfinite, scores), default=None),
        }

    def _no_better_than_constant(self, trainer: Trainer) -> list[Notice]:
        curve = self.work.loss_curve_
        loss = min(curve) if self._keep_best else curve[-1]  # the best weights may be of any epoch
        own_curve = curve[-self._log.epoch :]
        return no_better_than_constant(loss, own_curve, trainer, self._train, self.problem.task)


def _with_mean_one(weights: NDArray[Any] | None, train: NDArray[np.intp]) -> NDArray[Any] | None:
    """Weights of the images, divided by the mean of those to train on."""
    if weights is None:
        return None
    weights = weights / weights[train].max()  # first, so that the mean does not overflow
    weights /= weights[train].mean()
    return weights
