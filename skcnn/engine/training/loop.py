"""Epochs: shuffling, schedules, the clock, and what has to survive from one call to the next.

Contains `TrainingState`, `run_epochs` and `DivergedError`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.network import Network
from skcnn.engine.training.optimizers import Optimizer
from skcnn.engine.training.trainer import Trainer


class DivergedError(ArithmeticError):
    """The loss, or a weight, is no longer finite."""


@dataclass
class TrainingState:
    """All that training carries along besides the parameters: flat vectors and counters.

    Attributes
    ----------
    moments : list of ndarray of shape (n_parameters,)
        The optimizer's memory.
    step : int
        Steps of the optimizer done with these moments.
    rng : Generator
        Draws the order of the images.
    seed : int
        Of the tiles' streams; with the step and the tile, it names each stream.
    n_seen : int
        Images used so far.
    """

    moments: list[NDArray]
    step: int
    rng: np.random.Generator
    seed: int
    n_seen: int = 0

    @classmethod
    def new(cls, network: Network, optimizer: Optimizer, rng: np.random.Generator) -> TrainingState:
        moments = [np.zeros_like(network.parameters) for _ in range(optimizer.n_moments)]
        return cls(moments, 0, rng, int(rng.integers(2**63)))


def run_epochs(
    trainer: Trainer,
    state: TrainingState,
    indices: NDArray[np.intp],
    *,
    n_epochs: int,
    batch_size: int,
    shuffle: bool | str,
    rate: Callable[[int, float], float],
    momentum: Callable[[int], float],
    max_time: float | None,
    after_epoch: Callable[[float], bool],
) -> None:
    """Train on the images of `indices`, up to `n_epochs` times each.

    Parameters
    ----------
    trainer : Trainer
    state : TrainingState
        Goes on from where it stands.
    indices : ndarray of int
        The images to train on, as numbers in the trainer's source.
    n_epochs, batch_size : int
    shuffle : bool or "replacement"
        A new order for each epoch; or as many images drawn with replacement.
    rate : callable ``(step, progress) -> rate``
        `step` counts from 0 since the state began; `progress`, from 0 to 1, is the share of this
        call that is over, by steps or by the clock, whichever is further.
    momentum : callable ``step -> momentum``
    max_time : float or None
        Seconds after which to stop, in the middle of an epoch if need be.
    after_epoch : callable ``mean training loss -> stop?``
        Called after each epoch, and after the part of one that the clock cut short.
    """
    n = len(indices)
    steps_per_epoch = -(-n // batch_size)
    n_steps = n_epochs * steps_per_epoch
    begin = time.perf_counter()
    done = 0
    for _ in range(n_epochs):
        order = _draw_order(state.rng, indices, shuffle)
        loss = n_seen = 0.0
        time_is_up = False
        for start in range(0, n, batch_size):
            progress = done / n_steps
            if max_time is not None:
                elapsed = time.perf_counter() - begin
                time_is_up = done > 0 and elapsed >= max_time
                if time_is_up:
                    break
                progress = max(progress, elapsed / max_time)
            batch = order[start : start + batch_size]
            mean_loss = trainer.step(
                batch,
                step=state.step + 1,
                rate=rate(state.step, min(1.0, progress)),
                momentum=momentum(state.step),
            )
            state.step += 1
            state.n_seen += len(batch)
            done += 1
            if not math.isfinite(mean_loss):
                raise DivergedError(f"the loss became {mean_loss} in step {state.step}")
            loss += mean_loss * len(batch)
            n_seen += len(batch)
        if n_seen and after_epoch(loss / n_seen):
            break
        if time_is_up:
            break


def _draw_order(rng: np.random.Generator, indices: NDArray, shuffle: bool | str) -> NDArray:
    if shuffle == "replacement":
        return indices[rng.integers(0, len(indices), len(indices))]
    return indices[rng.permutation(len(indices))] if shuffle else indices
