"""Optimizers of one flat vector.

An optimizer is a value; its moments are passed in. `Optimizer.move` returns the calls that move a
block of the vector, bound once. Numbers that change from step to step, `Optimizer.step_scalars`,
are held in 0-d arrays.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.runtime.calls import Calls


class Optimizer(Protocol):
    """What training needs of an optimizer.

    With `moves_matrices`, `move` also receives the weights of each hidden layer as one matrix.
    """

    n_moments: ClassVar[int]
    n_scalars: ClassVar[int]
    moves_matrices: ClassVar[bool]

    def step_scalars(self, step: int, rate: float, momentum: float) -> tuple[float, ...]:
        """The numbers for step number `step`, counted from 1."""

    def move(
        self,
        parameters: NDArray[Any],
        gradients: NDArray[Any],
        moments: Sequence[NDArray[Any]],
        scratch: NDArray[Any],
        scalars: Sequence[NDArray[Any]],
    ) -> Calls:
        """Calls that move `parameters`: (n,), or, for hidden weights, (inputs, outputs).

        All arrays but `scalars` have this shape. The calls may overwrite `gradients` and `scratch`.
        """


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent with Polyak's momentum, or Nesterov's.

    ``v = momentum * v - rate * gradient``. The parameters move by v, or, with Nesterov's momentum
    (Sutskever et al., ICML 2013), by ``momentum * v - rate * gradient``.
    """

    nesterov: bool = False
    n_moments: ClassVar[int] = 1
    n_scalars: ClassVar[int] = 2
    moves_matrices: ClassVar[bool] = False

    def step_scalars(self, step: int, rate: float, momentum: float) -> tuple[float, ...]:
        return rate, momentum

    def move(
        self,
        parameters: NDArray[Any],
        gradients: NDArray[Any],
        moments: Sequence[NDArray[Any]],
        scratch: NDArray[Any],
        scalars: Sequence[NDArray[Any]],
    ) -> Calls:
        (v,) = moments
        rate, momentum = scalars
        calls: Calls = [
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

    The moments are kept without their factors ``1 - beta``. These factors and the bias corrections
    are folded into the rate and epsilon, which saves as many passes over memory. `momentum` is not
    used: `beta_1` takes its place.
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_moments: ClassVar[int] = 2
    n_scalars: ClassVar[int] = 2
    moves_matrices: ClassVar[bool] = False

    def step_scalars(self, step: int, rate: float, momentum: float) -> tuple[float, ...]:
        root = math.sqrt((1 - self.beta_2**step) / (1 - self.beta_2))
        return rate * root * (1 - self.beta_1) / (1 - self.beta_1**step), self.epsilon * root

    def move(
        self,
        parameters: NDArray[Any],
        gradients: NDArray[Any],
        moments: Sequence[NDArray[Any]],
        scratch: NDArray[Any],
        scalars: Sequence[NDArray[Any]],
    ) -> Calls:
        m, v = moments
        rate, epsilon = scalars
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
