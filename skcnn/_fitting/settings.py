"""From the estimator's parameters to one frozen configuration in which nothing is automatic."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from skcnn._fitting.user_functions import UserFunction
from skcnn._parallel import n_threads
from skcnn._tasks.task import Task
from skcnn.augment import AUGMENTATIONS, Compose
from skcnn.engine.training.muon import Muon
from skcnn.engine.training.optimizers import SGD, Adam, Optimizer
from skcnn.engine.training.schedules import SCHEDULES
from skcnn.engine.training.settings import Augment, EpochSettings, StepSettings

AUTO_BATCH = (64, 256)  # "muon": a hundredth of the images, within these limits; others: 64
AUTO_SCHEDULES = {"muon": "linear", "adam": "one_cycle", "sgd": "one_cycle", "gd": "one_cycle"}
# ReLU, other activations: the gradients of sigmoid and tanh are several times smaller.
AUTO_RATES = {
    "adam": (0.004, 0.02),
    "muon": (0.05, 0.05),
    "sgd": (0.05, 0.5),
    "gd": (0.05, 0.5),
}
AUTO_CONSTANT_RATE = 0.015  # "muon" at a constant rate, as in `partial_fit`
AUTO_IMAGES = 600_000  # images seen in all with max_iter="auto"...
AUTO_EPOCHS = (8, 100)  # ... within these numbers of epochs...
AUTO_STEPS = 300  # ... but at least this many steps

# Schedules without an end: training may stop when the loss no longer improves.
ENDLESS = ("constant", "invscaling")


@dataclass(frozen=True)
class Stopping:
    """When to stop before the last epoch.

    Attributes
    ----------
    watch : {"score", "validation loss", "loss"} or None
        The validation score, the validation loss or the training loss; None: train to the last
        epoch.
    tol : float
    n_iter_no_change : int or inf
    """

    watch: str | None
    tol: float
    n_iter_no_change: float


@dataclass(frozen=True)
class FitSettings:
    """The resolved settings of the training in one call of `fit` or `partial_fit`."""

    step: StepSettings
    epochs: EpochSettings
    stopping: Stopping
    verbose: bool
    n_threads: int


def settings_of(
    estimator: Any, task: Task, n_images: int, *, incremental: bool, has_validation: bool
) -> FitSettings:
    """Resolve the estimator's parameters for a training on `n_images`.

    `incremental` is for `partial_fit`: one epoch, at a constant rate in place of a schedule that
    has an end.
    """
    batch_size = _batch_size(estimator, n_images)
    step = StepSettings(
        loss=task.loss,
        optimizer=_optimizer(estimator),
        batch_size=batch_size,
        l2=float(estimator.alpha),
        augment=_augment(estimator.augment),
    )
    epochs = EpochSettings(
        n_epochs=1 if incremental else _n_epochs(estimator.max_iter, n_images, batch_size),
        rate=_rate(estimator, batch_size, incremental),
        momentum=_momentum(estimator.momentum),
        shuffle=estimator.shuffle,
        max_time=None if incremental else estimator.max_time,
    )
    return FitSettings(
        step=step,
        epochs=epochs,
        stopping=Stopping(
            _watched(estimator, task, incremental, has_validation),
            float(estimator.tol),
            float(estimator.n_iter_no_change),
        ),
        verbose=bool(estimator.verbose),
        n_threads=n_threads(estimator.n_jobs),
    )


def _watched(estimator: Any, task: Task, incremental: bool, has_validation: bool) -> str | None:
    if estimator.early_stopping:
        watch = "score" if task.watches_score else "validation loss"
        return watch if has_validation else None
    return "loss" if not incremental and estimator.learning_rate in ENDLESS else None


def _batch_size(estimator: Any, n_images: int) -> int:
    if estimator.solver == "gd":
        return n_images
    if estimator.batch_size != "auto":
        return min(n_images, int(estimator.batch_size))
    smallest, largest = AUTO_BATCH
    if estimator.solver != "muon":
        largest = smallest
    return min(n_images, max(smallest, min(n_images // 100, largest)))


def _optimizer(estimator: Any) -> Optimizer:
    if estimator.solver == "adam":
        return Adam()
    if estimator.solver == "muon":
        return Muon(nesterov=estimator.nesterovs_momentum)
    return SGD(nesterov=estimator.nesterovs_momentum)


def _n_epochs(max_iter: int | str, n_images: int, batch_size: int) -> int:
    if not isinstance(max_iter, str):
        return int(max_iter)
    fewest, most = AUTO_EPOCHS
    epochs = min(max(AUTO_IMAGES // n_images, fewest), most)
    return max(epochs, -(-AUTO_STEPS // -(-n_images // batch_size)))


def _augment(setting: str | Augment | Sequence[str | Augment] | None) -> Augment | None:
    if setting is None:
        return None
    steps = setting if isinstance(setting, (tuple, list)) else (setting,)
    functions = tuple(
        UserFunction(
            "augment", AUGMENTATIONS[step] if isinstance(step, str) else step, "images", "rng"
        )
        for step in steps
    )
    return functions[0] if len(functions) == 1 else Compose(functions)


def _rate(estimator: Any, batch_size: int, incremental: bool) -> Callable[[int, float], float]:
    """``(step, progress) -> rate``"""
    setting, highest = estimator.learning_rate, estimator.learning_rate_init
    if callable(setting):
        function = UserFunction("learning_rate", setting, "step")
        return lambda step, progress: function.number(step)
    if setting == "auto":
        setting = AUTO_SCHEDULES[estimator.solver]
    if incremental and setting not in ENDLESS:
        setting = "constant"
    if highest == "auto":
        highest = _highest_rate(estimator, batch_size, constant=setting == "constant")
    schedule = SCHEDULES[setting]
    rate = float(highest)
    return lambda step, progress: rate * schedule(step, progress)


def _highest_rate(estimator: Any, batch_size: int, *, constant: bool) -> float:
    rate = AUTO_RATES[estimator.solver][estimator.activation != "relu"]
    if estimator.solver != "muon":
        return rate
    # The steps of muon have the same length however noisy the gradient is. Half as many images
    # make its noise larger by the square root of two. For 64 images and more, one rate was chosen.
    if constant:
        rate = AUTO_CONSTANT_RATE
    return rate * math.sqrt(min(1, batch_size / AUTO_BATCH[0]))


def _momentum(setting: float | Callable[[int], float]) -> Callable[[int], float]:
    if callable(setting):
        function = UserFunction("momentum", setting, "step")
        return lambda step: function.number(step, highest=1)
    momentum = float(setting)
    return lambda step: momentum
