"""`MeanPool2D`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace, Plan, Shape
from skcnn.engine.layers.windows import Pool2D, image_shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class MeanPool2D(Pool2D):
    """The mean of each window. Rows are added first, then columns."""

    def plan(self, in_shape: Shape) -> Plan:
        _, w, c = in_shape
        out_shape = self.pooled_shape(in_shape)
        return Plan(
            kernel=self,
            out_shape=out_shape,
            scratch={"strips": Array.like_values((out_shape[0], w, c))},
            backward_scratch={"share": Array.like_values(out_shape)},
            folding="pooling",
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        calls: Calls = [
            partial(np.add.reduce, x, 1, None, strips) for x, strips in self._row_sums(m, m.x)
        ]
        calls += [
            partial(np.add.reduce, strips, 3, None, m.y[:, :, windows])
            for strips, windows in self._column_sums(m)
        ]
        return [*calls, partial(np.multiply, m.y, self._pixel_shares(m), m.y)]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        if m.dx is None:
            return []
        calls: Calls = [partial(np.multiply, m.dy, self._pixel_shares(m), m.share)]
        for strips, windows in self._column_sums(m):
            calls.append(partial(np.copyto, strips, m.share[:, :, windows, None]))
        for dx, strips in self._row_sums(m, m.dx):
            calls.append(partial(np.copyto, dx, strips[:, None]))
        return calls

    def _row_sums(self, m: Namespace, x: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Pairs of views: rows of x (windows, size, t, w, c), and the strips of their sums."""
        _, t, w, c = x.shape
        return [
            (x[group.pixels].reshape(group.count, group.size, t, w, c), m.strips[group.windows])
            for group in self.groups(image_shape(m.x_planes))[0]
        ]

    def _column_sums(self, m: Namespace) -> list[tuple[NDArray[Any], slice]]:
        """Columns of the strips (h, t, windows, size, c), and the windows of their sums."""
        _, t, _, c = m.strips.shape
        return [
            (m.strips[:, :, group.pixels].reshape(-1, t, group.count, group.size, c), group.windows)
            for group in self.groups(image_shape(m.x_planes))[1]
        ]

    def _pixel_shares(self, m: Namespace) -> NDArray[Any]:
        """One over the number of pixels of each window, to be multiplied with (h, t, w, c)."""
        sizes = [
            np.concatenate([np.full(group.count, group.size) for group in groups])
            for groups in self.groups(image_shape(m.x_planes))
        ]
        shares: NDArray[Any] = (1 / np.outer(*sizes))[:, None, :, None].astype(m.y.dtype)
        return shares
