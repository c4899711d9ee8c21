"""`Upsample2D`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Call, Calls


@dataclass(frozen=True)
class Upsample2D(Layer, Kernel):
    """Repeat each pixel `size` times along both axes: the shapes of pooling in reverse.

    Parameters
    ----------
    size : int
        Side of the square that each pixel becomes.
    out_size : (h, w) or None
        Crop the output at the bottom and at the right to this size, which was that before a
        pooling with a partial last window. None: `size` times the input.

    Raises
    ------
    ValueError
        From `plan`, if pooling `out_size` with `size` would not give the size of the input.
    """

    size: int
    out_size: tuple[int, int] | None = None

    def plan(self, in_shape: Shape) -> Plan:
        h, w, c = in_shape
        out_h, out_w = self.out_size or (self.size * h, self.size * w)
        if (-(-out_h // self.size), -(-out_w // self.size)) != (h, w):
            raise ValueError(
                f"The input of {self} has {h} x {w} pixels; expected as many as pooling {out_h} x "
                f"{out_w} pixels with {self.size} gives. Change out_size or the layer before it."
            )
        return Plan(
            kernel=self,
            out_shape=(out_h, out_w, c),
            scratch={"strips": Array.like_values((h, out_w, c))},  # rows not repeated yet
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        calls: Calls = []
        for j in range(min(self.size, m.strips.shape[2])):
            columns = m.strips[:, :, j :: self.size]
            calls.append(partial(np.copyto, columns, m.x[:, :, : columns.shape[2]]))
        for rows in self._rows(m.y):
            calls.append(partial(np.copyto, rows, m.strips[: len(rows)]))
        return calls

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        if m.dx is None:
            return []
        calls: Calls = []
        for i, rows in enumerate(self._rows(m.dy)):
            calls.append(_copy_or_add(i, m.strips[: len(rows)], rows))
        for j in range(min(self.size, m.strips.shape[2])):
            columns = m.strips[:, :, j :: self.size]
            calls.append(_copy_or_add(j, m.dx[:, :, : columns.shape[2]], columns))
        return calls

    def _rows(self, y: NDArray[Any]) -> list[NDArray[Any]]:
        """Rows number 0, 1, ... of every square; the squares at the bottom may have fewer."""
        return [y[i :: self.size] for i in range(min(self.size, len(y)))]


def _copy_or_add(number: int, sums: NDArray[Any], values: NDArray[Any]) -> Call:
    """Set the sums to the values if `number` is 0; otherwise add the values."""
    return partial(np.add, sums, values, sums) if number else partial(np.copyto, sums, values)
