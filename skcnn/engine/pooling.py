"""Max and mean pooling, by window or by number of regions.

Both are separable: first along one axis, then along the other, each step a few long vector
operations over slices. The windows of an axis come in at most two sizes, so an axis is a
list of `Group`s of equal, neighbouring windows.

Contains `by_size`, `by_regions`, `MaxPool2D` and `MeanPool2D`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn.engine.lowering import ColumnOrder
from skcnn.engine.memory import Array
from skcnn.engine.plan import Plan, Shape


@dataclass(frozen=True)
class Group:
    """`count` neighbouring windows of `size` pixels from pixel `start`; the first is `index`."""

    start: int
    size: int
    count: int
    index: int

    @property
    def pixels(self) -> slice:
        return slice(self.start, self.start + self.size * self.count)

    def tap(self, offset: int) -> slice:
        """The pixel number `offset` of every window."""
        return slice(self.start + offset, self.pixels.stop, self.size)

    @property
    def windows(self) -> slice:
        return slice(self.index, self.index + self.count)


def by_size(n_pixels: int, size: int) -> list[Group]:
    """Windows of `size`; what is left at the end is a smaller window of its own."""
    size = min(size, n_pixels)
    whole, rest = divmod(n_pixels, size)
    groups = [Group(0, size, whole, 0)]
    if rest:
        groups.append(Group(whole * size, rest, 1, whole))
    return groups


def by_regions(n_pixels: int, n_regions: int) -> list[Group]:
    """`n_regions` windows as equal as possible, the larger ones first (as `np.array_split`)."""
    n_regions = min(n_regions, n_pixels)
    size, n_larger = divmod(n_pixels, n_regions)
    groups = [Group(0, size + 1, n_larger, 0)] if n_larger else []
    groups.append(Group(n_larger * (size + 1), size, n_regions - n_larger, n_larger))
    return groups


@dataclass(frozen=True)
class _Pool2D:
    """Pooling into windows of `size` x `size` pixels, or into `regions` x `regions` windows.

    Windows do not overlap. A partial last window is kept, so every image size works; an image
    smaller than a window, or with fewer pixels than regions, has as many windows as it can.
    """

    size: int = 2
    regions: int | None = None

    def _groups(self, in_shape: Shape) -> tuple[list[Group], list[Group]]:
        if self.regions is None:
            return by_size(in_shape[0], self.size), by_size(in_shape[1], self.size)
        return by_regions(in_shape[0], self.regions), by_regions(in_shape[1], self.regions)

    def _out_shape(self, in_shape: Shape) -> Shape:
        rows, columns = self._groups(in_shape)
        return (rows[-1].windows.stop, columns[-1].windows.stop, in_shape[2])

    def derive(self, p):
        pass


class MaxPool2D(_Pool2D):
    """The largest value of each window; of equal ones, the first gets the gradient.

    Columns are compared first, then rows. Behind a convolution, which stores the columns so that
    both are a few long runs, the gradients take the place of the values that were compared.
    """

    def plan(self, in_shape: Shape) -> Plan:
        h, w, c = in_shape
        _, out_w, _ = out_shape = self._out_shape(in_shape)
        longest = max(group.size for groups in self._groups(in_shape) for group in groups)
        strip = (h, out_w, c)
        backward_scratch = {"wins": Array((longest - 1, *strip), bool)}
        if longest > 2:
            backward_scratch["largest"] = Array(strip)
        return Plan(
            out_shape=out_shape,
            kept={"strips": Array(strip)},  # the largest of each window's columns
            backward_scratch=backward_scratch,
            input_period=min(self.size, w) if self.regions is None else 1,
            overwrites_input=True,
        )

    def bind(self, m):
        rows, columns = self._groups(m.x.shape[1:])
        m.column_groups = [
            _Comparison(
                m, [(slice(None), slice(None), part) for part in _taps(group, m.x_columns)],
                m.x, m.dx, (slice(None), slice(None), group.windows), m.strips, m.strips,
            )
            for group in columns
        ]  # fmt: skip
        m.row_groups = [
            _Comparison(
                m, [(slice(None), group.tap(r)) for r in range(group.size)],
                m.strips, m.strips, (slice(None), group.windows), m.y, m.dy,
            )
            for group in rows
        ]  # fmt: skip

    def forward(self, p, m):
        for group in m.column_groups:
            group.compare()
        for group in m.row_groups:
            group.compare()

    def backward(self, p, m, g):
        if m.dx is None:
            return
        for group in m.row_groups:
            group.to_the_winners()
        for group in m.column_groups:
            group.to_the_winners()


def _taps(group: Group, order: ColumnOrder) -> list[slice]:
    """Where the columns number 0, 1, ... of every window stand."""
    if order.period == 1:
        return [group.tap(r) for r in range(group.size)]
    return [order.columns(group.start + r, group.pixels.stop) for r in range(group.size)]


class _Comparison:
    """The largest of several arrays, element by element, and the way back to the winner."""

    def __init__(self, m, taps, x, dx, windows, y, dy) -> None:
        self.values = [x[tap] for tap in taps]
        self.y = y[windows]
        if m.dy is None or dx is None:
            return
        self.dvalues = [dx[tap] for tap in taps]
        self.dy = dy[windows]
        _, h, w, _ = self.dy.shape
        # wins[r - 1]: tap r is larger than every tap before it
        self.wins = [m.wins[:, r, :h, :w] for r in range(len(taps) - 1)]
        self.largest = m.largest[:, :h, :w] if len(taps) > 2 else None

    def compare(self) -> None:
        if len(self.values) == 1:
            np.copyto(self.y, self.values[0])
            return
        largest = self.values[0]
        for value in self.values[1:]:
            np.maximum(largest, value, out=self.y)
            largest = self.y

    def to_the_winners(self) -> None:
        """Give each gradient to its winner; `dy` is used up.

        The last tap that beat all before it has won: walk back, and what a tap does not take is
        left, exactly, for the taps before it.
        """
        if not self.wins:
            np.copyto(self.dvalues[0], self.dy)
            return
        largest = self.values[0]
        for r, wins in enumerate(self.wins, start=1):
            np.greater(self.values[r], largest, out=wins)
            if r < len(self.wins):
                np.maximum(largest, self.values[r], out=self.largest)
                largest = self.largest
        for r in range(len(self.wins), 0, -1):
            taken = self.dvalues[r]
            np.multiply(self.dy, self.wins[r - 1], out=taken)
            np.subtract(self.dy, taken, out=self.dvalues[0] if r == 1 else self.dy)


class MeanPool2D(_Pool2D):
    """The mean of each window."""

    def plan(self, in_shape: Shape) -> Plan:
        _, w, c = in_shape
        out_shape = self._out_shape(in_shape)
        return Plan(
            out_shape=out_shape,
            scratch={"strips": Array((out_shape[0], w, c))},
            backward_scratch={"share": Array(out_shape)},
        )

    def bind(self, m):
        rows, columns = self._groups(m.x.shape[1:])
        t, out_h, _, c = m.y.shape
        w = m.x.shape[2]

        def windows(array, row_group, column_group):
            part = array[:, row_group.pixels, column_group.pixels]
            return part.reshape(
                (t, row_group.count, row_group.size, column_group.count, column_group.size, c)
            )

        m.row_sums = [
            (
                m.x[:, group.pixels].reshape(t, group.count, group.size, w, c),
                m.strips[:, group.windows],
            )
            for group in rows
        ]
        m.column_sums = [
            (
                m.strips[:, :, group.pixels].reshape(t, out_h, group.count, group.size, c),
                m.y[:, :, group.windows],
            )
            for group in columns
        ]
        heights = np.concatenate([np.full(group.count, group.size) for group in rows])
        widths = np.concatenate([np.full(group.count, group.size) for group in columns])
        m.per_pixel = (1 / np.outer(heights, widths))[:, :, None].astype(m.y.dtype)
        m.spread = []
        if m.dx is not None:
            m.spread = [
                (
                    windows(m.dx, row_group, column_group),
                    m.share[:, row_group.windows, None, column_group.windows, None, :],
                )
                for row_group in rows
                for column_group in columns
            ]

    def forward(self, p, m):
        for x, strips in m.row_sums:
            np.add.reduce(x, axis=2, out=strips)
        for strips, y in m.column_sums:
            np.add.reduce(strips, axis=3, out=y)
        np.multiply(m.y, m.per_pixel, out=m.y)

    def backward(self, p, m, g):
        if m.dx is None:
            return
        np.multiply(m.dy, m.per_pixel, out=m.share)
        for dx, share in m.spread:
            np.copyto(dx, share)
