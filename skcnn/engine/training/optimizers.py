"""Optimizers on one flat vector, and the schedules of their learning rates.

An optimizer is a value; its moments are passed in. `move` gives the calls that move a block of the
vector, bound once; what changes from step to step, `settings`, stands in 0-d arrays.

Contains `SGD`, `Adam`, `one_cycle`, `constant`, `inverse_scaling`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls


class Optimizer(Protocol):
    """What training asks of an optimizer."""

    n_moments: ClassVar[int]
    n_settings: ClassVar[int]

    def settings(self, step: int, rate: float, momentum: float) -> tuple[float, ...]:
        """The numbers that step number `step`, counted from 1, goes by."""

    def move(
        self,
        parameters: NDArray,
        gradients: NDArray,
        moments: Sequence[NDArray],
        scratch: NDArray,
        settings: Sequence[NDArray],
    ) -> Calls:
        """What moves `parameters`, as long as all the others; may use up `gradients`."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum (Polyak), or Nesterov's.

    ``v = momentum * v - rate * gradient``; parameters move by v, or, with Nesterov's (Sutskever et
    al., ICML 2013), by ``momentum * v - rate * gradient``.
    """

    nesterov: bool = False
    n_moments: ClassVar[int] = 1
    n_settings: ClassVar[int] = 2

    def settings(self, step, rate, momentum):
        return rate, momentum

    def move(self, parameters, gradients, moments, scratch, settings):
        (v,) = moments
        rate, momentum = settings
        calls = [
            partial(np.multiply, gradients, rate, gradients),
            partial(np.multiply, v, momentum, v),
            partial(np.subtract, v, gradients, v),
        ]
        if not self.nesterov:
            return [*calls, partial(np.add, parameters, v, parameters)]
        return [
            *calls,
            partial(np.subtract, parameters, gradients, parameters),
            partial(np.multiply, v, momentum, scratch),
            partial(np.add, parameters, scratch, parameters),
        ]


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, ICLR 2015), Algorithm 1.

    The moments are kept without their factors ``1 - beta``, and these and the corrections of the
    bias are folded into the rate and epsilon: as many passes over memory less. `momentum` is not
    used: `beta_1` has its part.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_moments: ClassVar[int] = 2
    n_settings: ClassVar[int] = 2

    def settings(self, step, rate, momentum):
        root = math.sqrt((1 - self.beta_2**step) / (1 - self.beta_2))
        return rate * root * (1 - self.beta_1) / (1 - self.beta_1**step), self.epsilon * root

    def move(self, parameters, gradients, moments, scratch, settings):
        m, v = moments
        rate, epsilon = settings
        g = gradients
        number = g.dtype.type
        return [
            partial(np.multiply, m, number(self.beta_1), m),
            partial(np.add, m, g, m),
            partial(np.multiply, g, g, g),
            partial(np.multiply, v, number(self.beta_2), v),
            partial(np.add, v, g, v),
            partial(np.sqrt, v, g),
            partial(np.add, g, epsilon, g),
            partial(np.divide, m, g, g),
            partial(np.multiply, g, rate, g),
            partial(np.subtract, parameters, g, parameters),
        ]


WARM_UP = 0.2  # share of the training in which one_cycle rises
START = 0.1  # its first rate, as a share of the highest


def one_cycle(step: int, progress: float) -> float:
    """Rise from a tenth to 1, then fall to 0 along a cosine (Smith & Topin 2018).

    Parameters
    ----------
    step : int
        Steps done so far.
    progress : float in [0, 1]
        Share of the training that is over, by steps or by the clock.

    Returns
    -------
    float
        The share of `learning_rate_init` to use.

    Examples
    --------
    >>> from skcnn.engine.training.optimizers import one_cycle
    >>> [round(one_cycle(0, progress), 2) for progress in (0, 0.2, 0.6, 1)]
    [0.1, 1.0, 0.5, 0.0]
    """
    if progress < WARM_UP:
        return START + (1 - START) * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (progress - WARM_UP) / (1 - WARM_UP))))


def constant(step: int, progress: float) -> float:
    """Always 1."""
    return 1.0


def inverse_scaling(step: int, progress: float) -> float:
    """``1 / sqrt(step + 1)``."""
    return 1 / math.sqrt(step + 1)


SCHEDULES = {"one_cycle": one_cycle, "constant": constant, "invscaling": inverse_scaling}
