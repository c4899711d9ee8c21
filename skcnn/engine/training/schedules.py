"""Schedules of the learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable

WARM_UP = 0.2  # share of the training during which one_cycle rises
START = 0.1  # its first rate, as a share of the highest


def one_cycle(step: int, progress: float) -> float:
    """Rise from a tenth to 1, then fall to 0 along a cosine.

    L. Smith, N. Topin, "Super-Convergence", arXiv:1708.07120, 2018.

    Parameters
    ----------
    step : int
        Steps done so far.
    progress : float in [0, 1]
        Share of the training that is done, by steps or by the clock.

    Returns
    -------
    float
        The share of `learning_rate_init` to use.

    Examples
    --------
    >>> from skcnn.engine.training.schedules import one_cycle
    >>> [round(one_cycle(0, progress), 2) for progress in (0, 0.2, 0.6, 1)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if progress < WARM_UP:
        return START + (1 - START) * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP))))


def linear(step: int, progress: float) -> float:
    """Fall from 1 to 0 in a straight line.

    Examples
    --------
    >>> from skcnn.engine.training.schedules import linear
    >>> [linear(0, progress) for progress in (0, 0.25, 1)]
    [1.0, 0.75, 0.0]
    """
    return 1.0 - min(1.0, progress)


def constant(step: int, progress: float) -> float:
    """Always 1."""
    return 1.0


def inverse_scaling(step: int, progress: float) -> float:
    """``1 / sqrt(step + 1)``."""
    return 1 / math.sqrt(step + 1)


SCHEDULES: dict[str, Callable[[int, float], float]] = {
    "one_cycle": one_cycle,
    "linear": linear,
    "constant": constant,
    "invscaling": inverse_scaling,
}
