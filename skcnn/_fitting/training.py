"""The training of one call of `fit` or `partial_fit`, and the fitted attributes that it leaves."""

from __future__ import annotations

import copy
import math
import zlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._fitting.callbacks import FitCallbacks
from skcnn._fitting.monitoring import EpochLog, early_stopping, validation_of
from skcnn._fitting.notices import Notice, interrupted, no_better_than_constant, not_converged
from skcnn._fitting.problem import Problem
from skcnn._fitting.settings import FitSettings
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EarlyStopping, Progress
from skcnn.engine.training.loop import AT_THE_START, Begin, DivergedError, run_epochs
from skcnn.engine.training.settings import TrainingData
from skcnn.engine.training.trainer import Trainer

# Fitted attributes that a training changes in place.
CHANGING = ("network_", "_state", "loss_curve_", "validation_scores_", "validation_loss_curve_")

JUDGED_IMAGES = 16  # whose outputs must be finite after the last step


@dataclass(eq=False)
class Unfinished:
    """What a fit needs to go on after its last epoch, beside the fitted attributes.

    Attributes
    ----------
    begin : Begin
    n_images : int
    key : int
        Checksum of the task's key.
    variables : ndarray
        Parameters and state of the network after the last epoch; `network_` may have the best.
    stopping : Progress or None
        Of early stopping.
    best_score : float or None
        Validation score of the best weights.
    n_iter, t : int
        `n_iter_` and `t_` before the fit.
    """

    begin: Begin
    n_images: int
    key: int
    variables: NDArray[Any]
    stopping: Progress | None
    best_score: float | None
    n_iter: int
    t: int

    def check_same_images(self, key: NDArray[Any], key_name: str) -> None:
        """ValueError unless the images seem to be those of the interrupted fit."""
        if (len(key), _checksum(key)) == (self.n_images, self.key):
            return
        found = f"{len(key)} images, whose {key_name} differs"
        if len(key) != self.n_images:
            found = f"{len(key)} images"
        raise ValueError(
            f"X has {found}; expected the {self.n_images} images of the interrupted fit. Pass the "
            "same X and y, or train on new images with fit or partial_fit."
        )


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
    unfinished : Unfinished or None
        The interrupted fit that is to go on.

    Attributes
    ----------
    complete : bool
        Whether the training was not interrupted by Ctrl-C.
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
        unfinished: Unfinished | None,
    ) -> None:
        self.work, self.problem, self.settings = work, problem, settings
        self._train, self._held_out = train, held_out
        self._network: Network = work.network_
        reader = ImageReader(problem.images, work.mean_, work.scale_)
        self._data = TrainingData(
            reader,
            problem.task.targets(work),
            # A call of partial_fit cannot know the weights of the others.
            problem.weights if incremental else _with_mean_one(problem.weights, train),
        )
        self._validation = validation_of(work, problem, held_out, reader)
        self._stopping: EarlyStopping | None = early_stopping(settings, self._network)
        self._begin, self._n_iter, self._t = AT_THE_START, work.n_iter_, work.t_
        self._n_seen = work._state.n_seen
        if unfinished is not None:
            self._begin, self._n_iter, self._t = unfinished.begin, unfinished.n_iter, unfinished.t
            self._n_seen -= work.t_ - unfinished.t
            self._network.restore(unfinished.variables)
            if self._stopping is not None and unfinished.stopping is not None:
                self._stopping.progress = unfinished.stopping
        self._unfinished = unfinished
        self.complete = True

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
        if self._unfinished is not None:
            log.best_score = self._unfinished.best_score
        elif self._keep_best and work.n_iter_:
            log.remember()  # in a warm start, the weights so far may be the best
        trainer = Trainer(network, settings.step, self._data, work._state, threads)

        def after_epoch(loss: float) -> bool:
            stop = log.after_epoch(loss)
            stop |= callbacks.end_epoch(self.snapshot)
            if not stop and log.epoch < log.n_epochs:
                callbacks.begin_epoch(self.snapshot)
            return stop

        stopped = self._stopping is not None and self._stopping.is_over
        try:
            if stopped or self.n_epochs == 0:  # the interrupted fit had done its last epoch
                complete = not stopped
            else:
                callbacks.begin_epoch(self.snapshot)
                complete = run_epochs(
                    trainer, settings.epochs, self._train, after_epoch, self._begin
                )
            self._check_finite()
        except KeyboardInterrupt:
            self.complete = False
            notices = [interrupted(log.epoch + 1, log.n_epochs)]
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
        """The fitted attributes as if the training had ended now; they are copies where needed."""
        attributes = vars(self.work).copy()
        attributes.update({name: copy.deepcopy(attributes[name]) for name in CHANGING})
        attributes.update(self._results())
        variables = self._network.snapshot()
        if self._stopping is not None:
            self._stopping.restore_best(attributes["network_"])
        key = self.problem.task.key
        attributes["_unfinished"] = Unfinished(
            Begin(self._log.epoch, self._log.seconds),
            len(key),
            _checksum(key),
            variables,
            None if self._stopping is None else copy.deepcopy(self._stopping.progress),
            self._log.best_score,
            self._n_iter,
            self._t,
        )
        return attributes

    def _check_finite(self) -> None:
        """DivergedError if the last step, whose loss is not known, made the network useless."""
        network, reader = self._network, self._data.reader
        for name, values in (("weights", network.parameters), ("statistics", network.state)):
            if not np.isfinite(values).all():
                raise DivergedError(f"the {name} are no longer finite")
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


def _checksum(key: NDArray[Any]) -> int:
    return zlib.crc32(key.tobytes())


def _with_mean_one(weights: NDArray[Any] | None, train: NDArray[np.intp]) -> NDArray[Any] | None:
    """Weights of the images, divided by the mean of those to train on."""
    if weights is None:
        return None
    weights = weights / weights[train].max()  # first, so that the mean does not overflow
    weights /= weights[train].mean()
    return weights
