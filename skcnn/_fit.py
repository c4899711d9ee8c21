"""What `fit` and `partial_fit` do: check everything, then start or continue, then train.

All work is done on a copy of the estimator, so that a failed call leaves the estimator unchanged.
"""

from __future__ import annotations

import copy
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from skcnn._settings import FitSettings, layers_of, settings_of
from skcnn._validation import Problem, ValidationInput, check_problem
from skcnn.engine.inference import outputs
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader, mean_and_scale
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EarlyStopping
from skcnn.engine.training.loop import DivergedError, run_epochs
from skcnn.engine.training.optimizers import Optimizer
from skcnn.engine.training.settings import TrainingData, TrainingState
from skcnn.engine.training.trainer import Trainer

CARRIED_ALONG = ("network_", "_state", "loss_curve_", "validation_scores_")


class Notice(NamedTuple):
    """A warning for the user, to be issued by the public method."""

    message: str
    category: type[Warning]


def fit_estimator(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    incremental: bool,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation: ValidationInput | None = None,
) -> list[Notice]:
    """Fit a `ConvNetClassifier`; with `incremental`, as `partial_fit`. Returns the warnings."""
    resume = hasattr(estimator, "network_") and (incremental or estimator.warm_start)
    work = copy.copy(estimator)
    if resume:
        for name in CARRIED_ALONG:
            setattr(work, name, copy.deepcopy(getattr(estimator, name)))
    problem = check_problem(
        work,
        X,
        y,
        classes=classes,
        sample_weight=sample_weight,
        validation=validation,
        incremental=incremental,
        resume=resume,
    )
    layers = layers_of(work, problem.shape, len(problem.classes))
    if resume:
        _check_same_network(layers, work.network_)
    train, held_out = _split(work, problem)
    has_validation = problem.validation is not None or held_out is not None
    settings = settings_of(work, len(train), incremental=incremental, has_validation=has_validation)
    if not resume:
        _start(work, problem, layers, train)
    _prepare_state(work, settings.step.optimizer, resume=resume, incremental=incremental)
    with single_threaded_blas(), Threads(settings.n_threads) as threads:
        notices = _train(work, problem, train, held_out, settings, threads, incremental)
    vars(estimator).clear()
    vars(estimator).update(vars(work))
    return notices


def _check_same_network(layers: Sequence[Layer], network: Network) -> None:
    if tuple(layers) == network.layers:
        return
    pairs = itertools.zip_longest(layers, network.layers)
    asked, fitted = next((new, old) for new, old in pairs if new != old)
    raise ValueError(
        f"The parameters no longer match the fitted network: they ask for {asked}, but the fitted "
        f"network has {fitted}; expected the same layers. Set warm_start=False or make a new "
        "estimator to start over."
    )


def _split(work: Any, problem: Problem) -> tuple[NDArray[np.intp], NDArray[np.intp] | None]:
    """Indices of the images to train on, and of those set aside for early stopping."""
    usable = np.arange(len(problem.images))
    if problem.weights is not None:
        usable = np.flatnonzero(problem.weights)  # images of weight zero do not count
    if not work.early_stopping or problem.validation is not None:
        return usable, None
    from sklearn.model_selection import train_test_split  # takes long to import

    try:
        train, held_out = train_test_split(
            usable,
            test_size=work.validation_fraction,
            stratify=problem.labels[usable],
            random_state=work.random_state,
        )
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True could not set aside validation_fraction="
            f"{work.validation_fraction} of {len(usable)} images with every class in both parts "
            f"({str(error).rstrip('.')}). Give more images, another validation_fraction, or X_val "
            "and y_val."
        ) from error
    return train, held_out


def _start(work: Any, problem: Problem, layers: Sequence[Layer], train: NDArray[np.intp]) -> None:
    """Set the fitted attributes as they are before the first step."""
    work.classes_ = problem.classes
    work.image_shape_ = problem.shape
    work.network_ = Network(layers, problem.shape)
    counts = np.zeros(len(problem.images))
    counts[train] = 1 if problem.sample_weight is None else problem.sample_weight[train]
    # Also without standardization, because this checks the size of the pixels.
    work.mean_, work.scale_ = mean_and_scale(problem.images, counts)
    if not work.standardize:
        work.mean_, work.scale_ = 0.0, 1.0
    work.n_iter_ = work.t_ = 0
    work.loss_curve_ = []
    work.validation_scores_ = None
    work.best_validation_score_ = None


def _prepare_state(work: Any, optimizer: Optimizer, *, resume: bool, incremental: bool) -> None:
    """Draw initial weights and make the training state, or continue with the one there is."""
    if resume and incremental:
        if len(work._state.moments) != optimizer.n_moments:  # the solver has been changed
            work._state = TrainingState.new(work.network_, optimizer, work._state.rng)
        return
    seed = check_random_state(work.random_state).randint(2**31 - 1, size=4)
    # A resumed fit must not repeat the order of the images, the dropout and the augmentation.
    rng = np.random.default_rng([*seed, work.t_] if resume else seed)
    if not resume:
        work.network_.initialize(rng)
    work._state = TrainingState.new(work.network_, optimizer, rng)


@dataclass(frozen=True)
class _Validation:
    """Images on which the accuracy is measured after each epoch."""

    reader: ImageReader
    indices: NDArray[np.intp] | None
    labels: NDArray[np.intp]
    weights: NDArray[Any] | None

    def accuracy(self, network: Network, threads: Threads) -> float:
        z = outputs(network, self.reader, threads, self.indices)
        return float(np.average(z.argmax(axis=1) == self.labels, weights=self.weights))


def _validation_of(
    work: Any, problem: Problem, held_out: NDArray[np.intp] | None, reader: ImageReader
) -> _Validation | None:
    if problem.validation is not None:
        given = problem.validation
        own_reader = ImageReader(given.images, work.mean_, work.scale_)
        return _Validation(own_reader, None, given.labels, given.weights)
    if held_out is None:
        return None
    weights = None if problem.sample_weight is None else problem.sample_weight[held_out]
    return _Validation(reader, held_out, problem.labels[held_out], weights)


class _EpochLog:
    """Records the curves, prints a line for each epoch, and checks for early stopping."""

    def __init__(
        self,
        work: Any,
        settings: FitSettings,
        score: Callable[[], float] | None,
        stopping: EarlyStopping | None,
    ) -> None:
        self.loss_curve: list[float] = work.loss_curve_
        self.scores: list[float] | None = work.validation_scores_
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


def _train(
    work: Any,
    problem: Problem,
    train: NDArray[np.intp],
    held_out: NDArray[np.intp] | None,
    settings: FitSettings,
    threads: Threads,
    incremental: bool,
) -> list[Notice]:
    """Train the copy and set its fitted attributes; returns the warnings."""
    network, state = work.network_, work._state
    reader = ImageReader(problem.images, work.mean_, work.scale_)
    validation = _validation_of(work, problem, held_out, reader)
    score = None
    if validation is not None:
        score = _start_scores(work, validation, network, threads)
    stopping = _early_stopping(settings, network)
    log = _EpochLog(work, settings, score, stopping)
    if stopping is not None and stopping.keep_best and score is not None and work.n_iter_:
        stopping.remember(score())  # in a warm start, the weights so far may be the best
    data = TrainingData(
        reader,
        problem.labels,
        _targets(len(problem.classes), settings.label_smoothing, network.dtype),
        # A call of partial_fit cannot know the weights of the others.
        problem.weights if incremental else _with_mean_one(problem.weights, train),
    )
    trainer = Trainer(network, settings.step, data, state, threads)
    seen_before = state.n_seen
    notices, complete = [], False
    try:
        complete = run_epochs(trainer, settings.epochs, train, log.after_epoch)
        if not np.isfinite(network.parameters).all():
            raise DivergedError("the weights are no longer finite")
    except KeyboardInterrupt:
        notices.append(
            Notice(
                f"Training was interrupted in epoch {log.epoch + 1} of {log.n_epochs}; the weights "
                "learned so far are kept.",
                UserWarning,
            )
        )
    except DivergedError as error:
        raise ValueError(
            f"Training diverged: {error}. Lower learning_rate_init (or what learning_rate "
            "returns), or check the data for extreme values."
        ) from error
    if stopping is not None:
        stopping.restore_best()
    work.n_iter_ += log.epoch
    work.t_ += state.n_seen - seen_before
    work.loss_ = work.loss_curve_[-1] if work.loss_curve_ else math.inf
    best = stopping.best if stopping is not None and stopping.keep_best else None
    scores = (work.validation_scores_ or []) if best is None else [best]
    work.best_validation_score_ = max(filter(math.isfinite, scores), default=None)
    if complete:
        notices += _convergence_notices(settings)
    return notices


def _start_scores(
    work: Any, validation: _Validation, network: Network, threads: Threads
) -> Callable[[], float]:
    """Make `validation_scores_` as long as `loss_curve_`; returns what measures the next score."""
    scores = work.validation_scores_ or []
    missing = len(work.loss_curve_) - len(scores)  # epochs without validation images
    work.validation_scores_ = scores + [math.nan] * missing
    return lambda: validation.accuracy(network, threads)


def _early_stopping(settings: FitSettings, network: Network) -> EarlyStopping | None:
    stopping = settings.stopping
    if stopping.watch is None:
        return None
    return EarlyStopping(
        network,
        tol=stopping.tol,
        n_iter_no_change=stopping.n_iter_no_change,
        keep_best=stopping.watch == "score",
    )


def _convergence_notices(settings: FitSettings) -> list[Notice]:
    """A warning if the epochs were over before the watched training loss had converged."""
    stopping, n_epochs = settings.stopping, settings.epochs.n_epochs
    if stopping.watch != "loss" or stopping.n_iter_no_change == np.inf:
        return []
    return [
        Notice(
            f"max_iter={n_epochs} epochs were done before the training loss stopped improving "
            f"by tol={stopping.tol:g} for n_iter_no_change={stopping.n_iter_no_change} epochs. "
            "Increase max_iter, or use learning_rate='one_cycle', which ends at max_iter.",
            ConvergenceWarning,
        )
    ]


def _with_mean_one(weights: NDArray[Any] | None, train: NDArray[np.intp]) -> NDArray[Any] | None:
    """Weights of the images, divided by the mean of those to train on."""
    if weights is None:
        return None
    weights = weights / weights[train].max()  # first, so that the mean does not overflow
    weights /= weights[train].mean()
    return weights


def _targets(n_classes: int, smoothing: float, dtype: np.dtype[Any]) -> NDArray[Any]:
    """Row c is the desired output for an image of class c."""
    targets = np.full((n_classes, n_classes), smoothing / n_classes)
    np.fill_diagonal(targets, 1 - smoothing + smoothing / n_classes)
    return targets.astype(dtype)
