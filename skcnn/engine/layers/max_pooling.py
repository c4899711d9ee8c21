"""`MaxPool2D`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace, Plan, Shape
from skcnn.engine.layers.windows import Group, Pool2D, image_shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class MaxPool2D(Pool2D):
    """The maximum of each window; of equal values, the first receives the gradient (-0 < 0).

    Columns are compared first, then rows. After a convolution, which stores the columns so that
    both comparisons are a few long runs, the gradients are stored in the memory of the values.
    """

    def plan(self, in_shape: Shape) -> Plan:
        h, w, c = in_shape
        _, out_w, _ = out_shape = self.pooled_shape(in_shape)
        largest = max(group.size for groups in self.groups(in_shape) for group in groups)
        strip = Array.like_values((h, out_w, c))
        return Plan(
            kernel=self,
            out_shape=out_shape,
            kept={"strips": strip},  # the maximum over each window's columns
            backward_scratch={"difference": strip} if largest > 2 else {},
            input_period=min(self.size, w) if self.regions is None else 1,
            overwrites_input=True,
            folding="pooling",
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        rows, columns = self.groups(image_shape(m.x_planes))
        calls: Calls = []
        for group in columns:
            calls += _maximum(_columns(m.x_planes, group), m.strips[:, :, group.windows])
        for group in rows:
            calls += _maximum(_rows(m.strips, group), m.y[group.windows])
        return calls

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        if m.dx_planes is None:
            return []
        rows, columns = self.groups(image_shape(m.x_planes))
        calls: Calls = []
        if m.dx_planes is not m.x_planes:
            calls.append(partial(np.copyto, m.dx_planes, m.x_planes))
        difference = getattr(m, "difference", None)
        for group in rows:
            calls += _send_to_maximum(_rows(m.strips, group), m.dy[group.windows], difference)
        for group in columns:
            dstrips = m.strips[:, :, group.windows]
            calls += _send_to_maximum(_columns(m.dx_planes, group), dstrips, difference)
        return calls


def _rows(strips: NDArray[Any], group: Group) -> list[NDArray[Any]]:
    """Rows number 0, 1, ... of every window."""
    return [strips[group.tap(r)] for r in range(group.size)]


def _columns(planes: NDArray[Any], group: Group) -> list[NDArray[Any]]:
    """Columns number 0, 1, ... of every window."""
    if planes.shape[1] > 1:  # stored window by window: each is a plane
        return [planes[:, r] for r in range(group.size)]
    return [planes[:, 0, :, group.tap(r)] for r in range(group.size)]


def _maximum(values: list[NDArray[Any]], y: NDArray[Any]) -> Calls:
    """``y`` = the element-wise maximum of several arrays."""
    if len(values) == 1:
        return [partial(np.copyto, y, values[0])]
    first: Calls = [partial(np.maximum, values[0], values[1], out=y)]
    return first + [partial(np.maximum, y, value, out=y) for value in values[2:]]


def _send_to_maximum(
    values: list[NDArray[Any]], dy: NDArray[Any], difference: NDArray[Any] | None
) -> Calls:
    """Overwrite the maximum of each window by its gradient, the other values by 0, and `dy`.

    A value that exceeds all before it becomes a mask of ones, in place; the maximum so far is kept
    in the first array. The last mask of ones belongs to the maximum. Going backwards, each value
    receives the gradient where its mask is set; elsewhere it passes unchanged to earlier values.
    """
    first, *others = values
    if not others:
        return [partial(np.copyto, first, dy)]
    calls: Calls = []
    for value in others[:-1]:
        assert difference is not None
        gap = difference.ravel()[: value.size].reshape(value.shape)
        calls += [
            partial(np.subtract, first, value, gap),
            partial(np.maximum, first, value, out=first),
            partial(np.copyto, value, gap),
            *bitmasks.spread_sign(value),
        ]
    last = others[-1]
    calls += [partial(np.subtract, first, last, last), *bitmasks.spread_sign(last)]
    for value in reversed(others):
        calls += bitmasks.keep(dy, value, value)
        calls += bitmasks.drop(dy, value, first if value is others[0] else dy)
    return calls
