"""What `fit` and `partial_fit` do: check everything, then start or continue, then train.

All work is done on a copy of the estimator, so that a failed call leaves the estimator unchanged.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skcnn._fitting.monitoring import EpochLog, early_stopping, validation_of
from skcnn._fitting.notices import (
    Notice,
    interrupted,
    no_better_than_constant,
    not_converged,
)
from skcnn._fitting.pretrained import (
    Block,
    check_pretrained,
    n_layers_of,
    read_pretrained,
    use_pretrained,
)
from skcnn._fitting.problem import Problem, ValidationInput, check_problem
from skcnn._fitting.settings import FitSettings, settings_of
from skcnn._fitting.split import split
from skcnn._fitting.standardization import set_mean_and_scale
from skcnn._input.pixel_range import warn_if_other_range
from skcnn._warn import warn_caller
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.loop import DivergedError, run_epochs
from skcnn.engine.training.optimizers import Optimizer
from skcnn.engine.training.settings import TrainingData, TrainingState
from skcnn.engine.training.trainer import Trainer

CURVES = ("loss_curve_", "validation_scores_", "validation_loss_curve_")
CARRIED_ALONG = ("network_", "_state", *CURVES)


@ignore_underflow  # also if np.seterr makes it an error
def fit_estimator(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    incremental: bool,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation: ValidationInput | None = None,
) -> None:
    """Fit a `BaseConvNet`; with `incremental`, as `partial_fit`."""
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
    task = problem.task
    layers = work._layers(problem.shape, task.n_outputs)
    pretraining = work._pretraining()
    blocks: list[Block] = []
    if resume:
        _check_same_network(layers, work.network_)
    else:
        blocks = read_pretrained(pretraining.source)
        if blocks:
            check_pretrained(blocks, Network(layers, problem.shape))
        work._n_pretrained = n_layers_of(blocks, layers)
    n_frozen = _n_frozen(work, resume) if pretraining.freeze else 0
    if resume:
        work.network_ = work.network_.with_frozen(n_frozen)
    train, held_out = split(work, problem, resume=resume)
    has_validation = problem.validation is not None or held_out is not None
    settings = settings_of(
        work, task, len(train), incremental=incremental, has_validation=has_validation
    )
    if not resume:
        _start(work, problem, Network(layers, problem.shape, n_frozen=n_frozen))
    if problem.validation is not None:
        warn_if_other_range(problem.images, problem.validation.images)
    set_mean_and_scale(work, problem, train, incremental=incremental, resume=resume)
    task.prepare(work, train, problem.weights, incremental=incremental, resume=resume)
    _prepare_state(work, settings.step.optimizer, blocks, resume=resume, incremental=incremental)
    with single_threaded_blas(), Threads(settings.n_threads) as threads:
        notices = _train(work, problem, train, held_out, settings, threads, incremental)
    # In this order, neither Ctrl-C nor another thread ever finds an estimator without weights.
    vars(estimator).update(vars(work))
    for name in vars(estimator).keys() - vars(work).keys():
        delattr(estimator, name)
    for notice in notices:  # if warnings are errors, the estimator has been fitted
        warn_caller(notice.message, notice.category)


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


def _n_frozen(work: Any, resume: bool) -> int:
    """How many layers ``freeze=True`` does not train: those that started from filters."""
    if work._n_pretrained:
        return work._n_pretrained
    if not resume:
        raise ValueError(
            "freeze=True needs pretrained filters, but pretrained is None. Pass a fitted "
            "estimator or filters as pretrained, or set freeze=False."
        )
    raise ValueError(
        "freeze=True needs a network that started from pretrained filters, but this one did not. "
        "Set freeze=False, or start over with pretrained, and warm_start=False or a new estimator."
    )


def _start(work: Any, problem: Problem, network: Network) -> None:
    """Set the fitted attributes as they are before the first step."""
    vars(work).update(problem.task.attributes)
    work.image_shape_ = problem.shape
    work.network_ = network
    work.n_iter_ = work.t_ = 0
    work.loss_curve_ = []
    work.validation_scores_ = work.validation_loss_curve_ = None
    work.best_validation_score_ = None


def _prepare_state(
    work: Any,
    optimizer: Optimizer,
    blocks: Sequence[Block],
    *,
    resume: bool,
    incremental: bool,
) -> None:
    """Draw initial weights and make the training state, or continue with the one there is."""
    if resume and incremental:
        # After a change of the solver or of the frozen layers, its moments are of no use.
        if not work._state.fits(work.network_, optimizer):
            work._state = TrainingState.new(work.network_, optimizer, work._state.rng)
        return
    seed = check_random_state(work.random_state).randint(2**31 - 1, size=4)
    # A resumed fit must not repeat the order of the images, the dropout and the augmentation.
    rng = np.random.default_rng([*seed, work.t_] if resume else seed)
    if not resume:
        work.network_.initialize(rng)
        use_pretrained(blocks, work.network_)
    work._state = TrainingState.new(work.network_, optimizer, rng)


@np.errstate(all="ignore")  # a training that diverges is found by its loss and its weights
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
    data = TrainingData(
        reader,
        problem.task.targets(work),
        # A call of partial_fit cannot know the weights of the others.
        problem.weights if incremental else _with_mean_one(problem.weights, train),
    )
    validation = validation_of(work, problem, held_out, reader)
    measure = None if validation is None else partial(validation.measure, network, threads)
    stopping = early_stopping(settings, network)
    keep_best = stopping is not None and stopping.keep_best
    log = EpochLog(work, settings, problem.task.score_name, measure, stopping)
    if keep_best and work.n_iter_:
        log.remember()  # in a warm start, the weights so far may be the best
    trainer = Trainer(network, settings.step, data, state, threads)
    seen_before = state.n_seen
    try:
        complete = run_epochs(trainer, settings.epochs, train, log.after_epoch)
        for name, values in (("weights", network.parameters), ("statistics", network.state)):
            if not np.isfinite(values).all():
                raise DivergedError(f"the {name} are no longer finite")
    except KeyboardInterrupt:
        notices = [interrupted(log.epoch + 1, log.n_epochs)]
    except DivergedError as error:
        raise ValueError(
            f"Training diverged: {error}. Lower learning_rate_init (or what learning_rate "
            "returns), or check the data for extreme values."
        ) from error
    else:
        notices = not_converged(settings) if complete else []
        curve = work.loss_curve_
        loss = min(curve) if keep_best else curve[-1]  # the best weights may be of any epoch
        notices += no_better_than_constant(loss, curve[-log.epoch :], trainer, train, problem.task)
    if stopping is not None:
        stopping.restore_best()
    work.n_iter_ += log.epoch
    work.t_ += state.n_seen - seen_before
    work.loss_ = work.loss_curve_[-1] if work.loss_curve_ else math.inf
    scores = work.validation_scores_ or []
    if keep_best:
        scores = [] if log.best_score is None else [log.best_score]
    work.best_validation_score_ = max(filter(math.isfinite, scores), default=None)
    return notices


def _with_mean_one(weights: NDArray[Any] | None, train: NDArray[np.intp]) -> NDArray[Any] | None:
    """Weights of the images, divided by the mean of those to train on."""
    if weights is None:
        return None
    weights = weights / weights[train].max()  # first, so that the mean does not overflow
    weights /= weights[train].mean()
    return weights
