"""The training loop: epochs, the order of the images, the schedule and the clock."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.training.settings import EpochSettings
from skcnn.engine.training.trainer import Trainer


class DivergedError(ArithmeticError):
    """The loss, a weight or a running average is no longer finite, or the weights are huge."""


class Position(NamedTuple):
    """How far a training has come: epochs and seconds."""

    epoch: int
    seconds: float


AT_THE_START = Position(0, 0.0)


def run_epochs(
    trainer: Trainer,
    settings: EpochSettings,
    indices: NDArray[np.intp],
    after_epoch: Callable[[float], bool],
    begin: Position = AT_THE_START,
    before_epoch: Callable[[], None] = lambda: None,
) -> bool:
    """Train on the images of `indices` for up to ``n_epochs`` epochs.

    Parameters
    ----------
    trainer : Trainer
        Its state is continued from its current step.
    settings : EpochSettings
    indices : ndarray of int
        The images to train on, by their numbers in the trainer's reader.
    after_epoch : callable ``mean training loss -> stop?``
        Called after each epoch, also after one that `max_time` has cut short.
    begin : Position
        Where a training that ended early is resumed.
    before_epoch : callable
        Called before each epoch, but not if `max_time` is over.

    Returns
    -------
    complete : bool
        Whether all epochs were done: neither `after_epoch` nor `max_time` ended the training.

    Raises
    ------
    DivergedError
        After the step in which the loss, a weight or a running average becomes infinite or NaN,
        or the sum of the squared weights overflows.
    """
    state, batch_size = trainer.state, trainer.settings.batch_size
    clock = _Clock(settings, -(-len(indices) // batch_size), begin)
    for _ in range(begin.epoch, settings.n_epochs):
        if clock.is_over():
            return False
        before_epoch()
        order = _draw_order(state.rng, indices, settings.shuffle)
        loss = n_seen = 0.0
        for batch in batches(order, batch_size):
            if clock.is_over():
                break
            mean_loss = trainer.step(
                batch,
                step=state.step + 1,
                rate=settings.rate(state.step, clock.progress()),
                momentum=settings.momentum(state.step),
            )
            if state.first_loss is None:
                state.first_loss = mean_loss
            clock.steps_done += 1
            state.step += 1
            state.n_seen += len(batch)
            _check_finite(trainer, mean_loss)
            loss += mean_loss * len(batch)
            n_seen += len(batch)
        if (n_seen and after_epoch(loss / n_seen)) or clock.was_over:
            return False
    return True


def _check_finite(trainer: Trainer, mean_loss: float) -> None:
    """DivergedError if the step has left numbers that no later step can repair."""
    network, state = trainer.network, trainer.state
    if not math.isfinite(mean_loss):
        raise DivergedError(f"the loss became {mean_loss} in step {state.step}")
    # Sums of squares need no memory and little time. That of the weights overflows only if they are
    # useless: saturated activations and outputs hide it from the loss.
    if not math.isfinite(np.vdot(network.parameters, network.parameters)):
        largest = np.abs(network.parameters).max()
        raise DivergedError(f"the weights reached {largest:.3g} in step {state.step}")
    # Adam never moves a weight again if the average of its squared gradients has overflowed.
    for name, values in (
        ("running statistics of the network", network.state),
        ("running averages of the optimizer", state.moments[-1]),
    ):
        if not math.isfinite(np.vdot(values, values)) and not np.isfinite(values).all():
            raise DivergedError(f"the {name} overflowed in step {state.step}")


class _Clock:
    """How far the training is, by its steps and by its seconds."""

    def __init__(self, settings: EpochSettings, steps_per_epoch: int, begin: Position) -> None:
        self.n_steps = settings.n_epochs * steps_per_epoch
        self.max_time = settings.max_time
        self.steps_done = begin.epoch * steps_per_epoch
        self.was_over = False
        self._begin = time.perf_counter() - begin.seconds
        self._elapsed = begin.seconds

    def is_over(self) -> bool:
        """Whether the time is up; at least one step is always done."""
        if self.max_time is not None:
            self._elapsed = time.perf_counter() - self._begin
            self.was_over = self.steps_done > 0 and self._elapsed >= self.max_time
        return self.was_over

    def progress(self) -> float:
        """Share of the training that is done, as of the last call of `is_over`."""
        by_steps = self.steps_done / self.n_steps
        if self.max_time is None:
            return min(1.0, by_steps)
        return min(1.0, max(by_steps, self._elapsed / self.max_time))


def batches(order: NDArray[np.intp], batch_size: int) -> Iterator[NDArray[np.intp]]:
    """Mini-batches of `batch_size` images.

    If less than a quarter as many are left for the last one, the last two share their images
    equally: a step for a few images would be as long as the others, but along a noisier gradient.
    """
    n, starts = len(order), list(range(0, len(order), batch_size))
    if len(starts) > 1 and 4 * (n - starts[-1]) < batch_size:
        starts[-1] = n - (n - starts[-2]) // 2
    for start, end in zip(starts, [*starts[1:], n], strict=True):
        yield order[start:end]


def _draw_order(
    rng: np.random.Generator, indices: NDArray[np.intp], shuffle: bool | str
) -> NDArray[np.intp]:
    if shuffle == "replacement":
        return indices[rng.integers(0, len(indices), len(indices))]
    return indices[rng.permutation(len(indices))] if shuffle else indices
