"""Warnings about a training, issued when the estimator has its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skcnn._fitting.settings import FitSettings
from skcnn._tasks.task import Task
from skcnn.engine.training.trainer import Trainer

ENOUGH_STEPS = 100  # to judge the training by its loss
RISE = 2.0  # if the loss has risen by this factor, the learning rate is too high
ROUNDING = 1e-4  # of the loss


class Notice(NamedTuple):
    """A warning for the user."""

    message: str
    category: type[Warning]


def of_interruption(epoch: int, n_epochs: int) -> Notice:
    """The warning about Ctrl-C in an epoch."""
    return Notice(
        f"Training was interrupted in epoch {epoch} of {n_epochs}; the weights learned so far are "
        "kept.",
        UserWarning,
    )


def not_converged(settings: FitSettings) -> list[Notice]:
    """A warning if the epochs were over before the watched training loss had converged."""
    stopping, n_epochs = settings.stopping, settings.epochs.n_epochs
    if stopping.watch != "loss" or stopping.n_iter_no_change == np.inf:
        return []
    return [
        Notice(
            f"max_iter={n_epochs} epochs were done before the training loss stopped improving "
            f"by tol={stopping.tol:g} for n_iter_no_change={stopping.n_iter_no_change:g} epochs. "
            "Increase max_iter, or use learning_rate='auto', which ends at max_iter.",
            ConvergenceWarning,
        )
    ]


def no_better_than_constant(
    loss: float,
    loss_curve: Sequence[float],
    trainer: Trainer,
    train: NDArray[np.intp],
    task: Task,
) -> list[Notice]:
    """A warning if the training loss is no lower than that of predicting the same for all images.

    `loss` is that of the weights that are kept; `loss_curve` has the epochs of this fit. A single
    epoch, as in `partial_fit`, is not judged.
    """
    data, state = trainer.data, trainer.state
    # In a short training, the loss is still a high one from the beginning.
    has_risen = state.first_loss is not None and max(loss_curve) > RISE * state.first_loss
    if len(loss_curve) < 2 or not (has_risen or state.step >= ENOUGH_STEPS):
        return []
    lowest, constant = data.targets.references(trainer.settings.loss, train, data.weights)
    if loss < constant - ROUNDING * (constant - lowest) or constant - lowest <= task.least_gain:
        return []
    rate = f"{'Lower' if has_risen else 'Change'} learning_rate_init"
    return [
        Notice(
            f"The training loss is {loss:.4g} after {len(loss_curve)} epochs; expected less than "
            f"{constant:.4g}, the loss of predicting {task.constant} for every image. {rate}, "
            f"lower {task.regularizers}, increase max_iter, or check whether {task.check}.",
            ConvergenceWarning,
        )
    ]
