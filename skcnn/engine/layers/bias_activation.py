"""`BiasActivation`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.initialization import InitName, initializer
from skcnn.engine.layer import Kernel, Layer, Namespace, Parameter, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks
from skcnn.engine.runtime.calls import Calls

Function = Literal["identity", "relu", "tanh", "sigmoid"]


@dataclass(frozen=True)
class BiasActivation(Layer, Kernel):
    """Add a bias per channel or unit, then apply an activation, in place.

    The sigmoid is computed as ``0.5 + 0.5 * tanh(z / 2)``: one fast vectorized function, without
    overflow.
    """

    function: Function
    init: InitName = field(default="zeros", compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.function not in get_args(Function):
            raise ValueError(
                f"function is {self.function!r}; expected one of {', '.join(get_args(Function))}."
            )

    def plan(self, in_shape: Shape) -> Plan:
        slope = {}
        if self.function in ("tanh", "sigmoid"):
            slope = {"slope": Array.like_values(in_shape)}
        bias = Parameter((in_shape[-1],), initializer(self.init), penalized=False)
        return Plan(
            kernel=self,
            out_shape=in_shape,
            parameters={"bias": bias},
            backward_scratch=slope,
            in_place=True,
            folding="bias",
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return self._add_bias(p, m) + self._activate(m)

    @staticmethod
    def _add_bias(p: Namespace, m: Namespace) -> Calls:
        if m.x is not m.y or m.y.ndim == 2:
            return [partial(np.add, m.x, p.bias, m.y)]
        # One run over a whole row of all images, padding included, to which zeros are added.
        y, row = _whole_rows(m), np.zeros(m.y_stored.shape[1:], m.y.dtype)
        return [
            partial(np.copyto, row[:, m.y_pixels], p.bias),
            partial(np.add, y, row.reshape(-1), y),
        ]

    def _activate(self, m: Namespace) -> Calls:
        if self.function == "relu":
            y = _whole_rows(m)
            # An array of zeros: NumPy has no vector instructions for the maximum with a scalar.
            return [partial(np.maximum, y, np.zeros(y.shape[1:], y.dtype), out=y)]
        y = m.y  # without the padding: the sigmoid of 0 is not 0
        if self.function == "tanh":
            return [partial(np.tanh, y, y)]
        if self.function == "sigmoid":
            half = y.dtype.type(0.5)
            return [
                partial(np.multiply, y, half, y),
                partial(np.tanh, y, y),
                partial(np.multiply, y, half, y),
                partial(np.add, y, half, y),
            ]
        return []

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        calls = self._multiply_by_slope(m)
        rows = m.dy.reshape(-1, m.dy.shape[-1])
        calls.append(partial(np.matmul, np.ones(len(rows), rows.dtype), rows, g.bias))
        if m.dx is not m.dy and m.dx is not None:
            calls.append(partial(np.copyto, m.dx, m.dy))
        return calls

    def _multiply_by_slope(self, m: Namespace) -> Calls:
        """``dy *= slope``, the slope computed from y."""
        y, dy = m.y, m.dy
        if self.function == "identity":
            return []
        if self.function == "relu":
            # y is +0 (the maximum of any number and +0) or positive, so its bits, read as an
            # integer, are 0 or positive: their negative has the sign bit set where y > 0.
            bits = bitmasks.as_bits(_whole_rows(m))
            return [
                partial(np.negative, bits, bits),
                *bitmasks.spread_sign(_whole_rows(m)),
                *bitmasks.keep(dy, y, dy),
            ]
        one, slope = y.dtype.type(1), m.slope
        if self.function == "tanh":
            calls: Calls = [
                partial(np.multiply, y, y, slope),
                partial(np.subtract, one, slope, slope),
            ]
        else:
            calls = [partial(np.subtract, one, y, slope), partial(np.multiply, slope, y, slope)]
        return [*calls, partial(np.multiply, dy, slope, dy)]


def _whole_rows(m: Namespace) -> NDArray[Any]:
    """The output as rows of all images with their padding, (h, ...); features as they are."""
    y: NDArray[Any] = m.y if m.y.ndim == 2 else m.y_stored.reshape(len(m.y_stored), -1)
    return y
