"""Optimizers on one flat vector, and the schedules of their learning rates.

An optimizer is a value; its moments are passed in. `step` works on a block of the vector, so
threads can share the work, and cuts it into pieces that stay in the first-level cache through all
its passes.

Contains `SGD`, `Adam`, `one_cycle`, `constant`, `inverse_scaling`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

PIECE = 32768  # numbers; five float32 arrays of this length stay in the second-level cache


class Optimizer(Protocol):
    """What the training loop asks of an optimizer."""

    n_moments: ClassVar[int]

    def step(
        self,
        parameters: NDArray,
        gradients: NDArray,
        moments: Sequence[NDArray],
        scratch: NDArray,
        *,
        step: int,
        rate: float,
        momentum: float,
    ) -> None:
        """Move `parameters` by one step number `step`, counted from 1; scratch: (PIECE,)."""


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with momentum (Polyak), or Nesterov's.

    ``v = momentum * v - rate * gradient``; parameters move by v, or, with Nesterov's (Sutskever et
    al., ICML 2013), by ``momentum * v - rate * gradient``.
    """

    nesterov: bool = False
    n_moments: ClassVar[int] = 1

    def step(self, parameters, gradients, moments, scratch, *, step, rate, momentum):
        (velocities,) = moments
        for start in range(0, len(parameters), PIECE):
            piece = slice(start, start + PIECE)
            w, g, v = parameters[piece], gradients[piece], velocities[piece]
            s = scratch[: len(w)]
            np.multiply(g, rate, out=s)
            np.multiply(v, momentum, out=v)
            np.subtract(v, s, out=v)
            if self.nesterov:
                np.subtract(w, s, out=w)
                np.multiply(v, momentum, out=s)
                np.add(w, s, out=w)
            else:
                np.add(w, v, out=w)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma & Ba, ICLR 2015), Algorithm 1, with the corrections folded into the rate.

    `momentum` is not used: `beta_1` has its part.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_moments: ClassVar[int] = 2

    def step(self, parameters, gradients, moments, scratch, *, step, rate, momentum):
        means, squares = moments
        root = math.sqrt(1 - self.beta_2**step)
        rate = rate * root / (1 - self.beta_1**step)
        epsilon = self.epsilon * root
        for start in range(0, len(parameters), PIECE):
            piece = slice(start, start + PIECE)
            w, g, m, v = parameters[piece], gradients[piece], means[piece], squares[piece]
            s = scratch[: len(w)]
            np.subtract(g, m, out=s)
            np.multiply(s, 1 - self.beta_1, out=s)
            np.add(m, s, out=m)
            np.multiply(g, g, out=s)
            np.subtract(s, v, out=s)
            np.multiply(s, 1 - self.beta_2, out=s)
            np.add(v, s, out=v)
            np.sqrt(v, out=s)
            np.add(s, epsilon, out=s)
            np.divide(m, s, out=s)
            np.multiply(s, rate, out=s)
            np.subtract(w, s, out=w)


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
    >>> from skcnn.engine.optimizers import one_cycle
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
