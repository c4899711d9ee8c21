"""What `fit` and `partial_fit` do: check everything, then start or continue, then train.

All work is done on a copy of the estimator, so that a failed call leaves the estimator unchanged.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state

from skcnn._fitting.callbacks import FitCallbacks
from skcnn._fitting.pretrained import (
    Block,
    check_pretrained,
    n_layers_of,
    read_pretrained,
    use_pretrained,
)
from skcnn._fitting.problem import Problem, ValidationInput, check_problem
from skcnn._fitting.settings import settings_of
from skcnn._fitting.split import split
from skcnn._fitting.standardization import set_mean_and_scale
from skcnn._fitting.training import CHANGING, Training
from skcnn._fitting.unfinished import UnfinishedFit
from skcnn._input.pixel_range import warn_if_other_range
from skcnn._warn import warn_caller
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.optimizers import Optimizer
from skcnn.engine.training.settings import TrainingState


@ignore_underflow  # also if np.seterr makes it an error
def fit_estimator(
    estimator: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    incremental: bool = False,
    finish: bool = False,
    classes: ArrayLike | None = None,
    sample_weight: ArrayLike | None = None,
    validation: ValidationInput | None = None,
) -> None:
    """Fit a `BaseConvNet`; with `incremental`, as `partial_fit`.

    With `finish`, do the rest of an unfinished fit: the estimator is then what a callback finds
    after an epoch.
    """
    before = dict(vars(estimator))
    work = estimator._copy()
    training = _prepare(
        work,
        X,
        y,
        incremental=incremental,
        finish=finish,
        classes=classes,
        sample_weight=sample_weight,
        validation=validation,
    )
    callbacks = FitCallbacks(estimator, X, y, sample_weight, training.n_epochs)
    with single_threaded_blas(), Threads(training.settings.n_threads) as threads:
        notices = training.run(threads, callbacks)
    # Only what is new, since a callback may have set parameters. In this order, neither Ctrl-C nor
    # another thread ever finds an estimator without weights.
    new = {name: v for name, v in vars(work).items() if name not in before or v is not before[name]}
    vars(estimator).update(new)
    for name in before.keys() - vars(work).keys():
        delattr(estimator, name)
    callbacks.end(complete=not training.interrupted)
    for notice in notices:  # if warnings are errors, the estimator has been fitted
        warn_caller(notice.message, notice.category)


def _prepare(
    work: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    incremental: bool,
    finish: bool,
    classes: ArrayLike | None,
    sample_weight: ArrayLike | None,
    validation: ValidationInput | None,
) -> Training:
    """Check everything, and set the fitted attributes as they are before the first step.

    `work` is a shallow copy of the estimator.
    """
    resume = hasattr(work, "network_") and (incremental or finish or bool(work.warm_start))
    unfinished: UnfinishedFit | None = vars(work).pop("_unfinished", None)
    if not finish:
        unfinished = None
    if resume:
        for name in CHANGING:
            setattr(work, name, copy.deepcopy(getattr(work, name)))
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
    if unfinished is not None:
        unfinished.check_same_data(problem)
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
    vars(work).update(task.attributes)  # also on resume, as the loss is that of the present task
    if problem.validation is not None:
        warn_if_other_range(problem.images, problem.validation.images)
    set_mean_and_scale(work, problem, train, incremental=incremental, resume=resume)
    task.prepare(work, train, problem.weights, incremental=incremental, resume=resume)
    if unfinished is None:
        _prepare_state(
            work, settings.step.optimizer, blocks, resume=resume, incremental=incremental
        )
    return Training(
        work, problem, train, held_out, settings, incremental=incremental, unfinished=unfinished
    )


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
