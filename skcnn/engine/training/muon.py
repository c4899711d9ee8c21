"""`Muon`, an optimizer that moves the weights of a hidden layer as one matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.runtime.calls import Calls
from skcnn.engine.training.optimizers import Adam

# A quintic polynomial with a steep slope at 0, from Jordan et al. Three iterations multiply small
# singular values by up to 41, so those above about 1/41 of the norm end around 1.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
N_ITERATIONS = 3
OTHERS = 0.1  # rate of Adam for all other parameters, as a share of that of the matrices


@dataclass(frozen=True)
class Muon:
    """Muon (Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024).

    The weights of a hidden layer, a matrix W of inputs by outputs, move along their momentum (with
    Nesterov's, as in `SGD`), whose singular values a few Newton-Schulz iterations have made more
    equal. So the directions of small gradients are learned, too.

    Here a step has the length ``rate * norm(W)``, after which W is scaled back to the norm it had
    before: the rate is the relative change of the weights, whatever their scale and shape. With a
    gradient of zero W does not move; weights that are all zero have no norm and stay about zero.
    All other parameters, biases and the output layer, follow `Adam` with ``OTHERS * rate``.
    """

    nesterov: bool = True
    n_moments: ClassVar[int] = 2
    n_scalars: ClassVar[int] = 4
    moves_matrices: ClassVar[bool] = True

    def step_scalars(self, step: int, rate: float, momentum: float) -> tuple[float, ...]:
        return rate, momentum, *Adam().step_scalars(step, OTHERS * rate, momentum)

    def move(
        self,
        parameters: NDArray[Any],
        gradients: NDArray[Any],
        moments: Sequence[NDArray[Any]],
        scratch: NDArray[Any],
        scalars: Sequence[NDArray[Any]],
    ) -> Calls:
        rate, momentum, *others = scalars
        if parameters.ndim == 1:
            return Adam().move(parameters, gradients, moments, scratch, others)
        v, g = moments[0], gradients
        calls: Calls = [partial(np.multiply, v, momentum, v), partial(np.add, v, g, v)]
        if self.nesterov:
            calls += [partial(np.multiply, v, momentum, scratch), partial(np.add, g, scratch, g)]
        else:
            calls.append(partial(np.copyto, g, v))
        before, length, moving = np.zeros((3, 1), g.dtype)
        return [
            partial(np.vecdot, g.reshape(1, -1), g.reshape(1, -1), moving),
            partial(np.sign, moving, moving),  # 0 or 1
            *calls,
            *_norm(g, length),
            partial(np.divide, g, length, g),
            *_equalize_singular_values(g, scratch),
            *_norm(g, length),
            *_norm(parameters, before),
            partial(np.divide, before, length, length),
            partial(np.multiply, length, rate, length),
            partial(np.multiply, length, moving, length),
            partial(np.multiply, g, length, g),
            partial(np.subtract, parameters, g, parameters),
            *_norm(parameters, length),
            partial(np.divide, before, length, length),
            # One call, so that Ctrl-C cannot come between two.
            partial(np.multiply, parameters, length, parameters),
        ]


def _norm(matrix: NDArray[Any], out: NDArray[Any]) -> Calls:
    """The Frobenius norm, in an array of one number; not less than squares can represent."""
    numbers = matrix.reshape(1, -1)
    least = np.sqrt(np.finfo(matrix.dtype).tiny)
    return [
        partial(np.vecdot, numbers, numbers, out),
        partial(np.sqrt, out, out),
        partial(np.maximum, out, least, out=out),
    ]


def _equalize_singular_values(x: NDArray[Any], scratch: NDArray[Any]) -> Calls:
    """``x = a x + b x (x' x) + c x (x' x)^2``, `N_ITERATIONS` times, for x with a norm of 1."""
    a, b, c = (x.dtype.type(factor) for factor in POLYNOMIAL)
    wide = x.shape[0] < x.shape[1]  # then x x' is the smaller matrix
    n = min(x.shape)
    square, power = np.zeros((2, n, n), x.dtype)
    once: Calls = [
        partial(np.matmul, *((x, x.T) if wide else (x.T, x)), square),
        partial(np.matmul, square, square, power),
        partial(np.multiply, square, b, square),
        partial(np.multiply, power, c, power),
        partial(np.add, square, power, square),
        partial(np.matmul, *((square, x) if wide else (x, square)), scratch),
        partial(np.multiply, x, a, x),
        partial(np.add, x, scratch, x),
    ]
    return once * N_ITERATIONS
