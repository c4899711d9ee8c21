"""Max and mean pooling, by window or by number of regions.

Both are separable: first along the rows, then along the columns, each step a few long vector
operations over strided slices. The windows of an axis come in at most two sizes, so an axis is a
list of `Group`s of equal, neighbouring windows.

Contains `by_size`, `by_regions`, `MaxPool2D` and `MeanPool2D`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    """The largest value of each window; of equal ones, the first gets the gradient."""

    def plan(self, in_shape: Shape) -> Plan:
        h, w, c = in_shape
        out_h, _, _ = out_shape = self._out_shape(in_shape)
        return Plan(
            out_shape=out_shape,
            # by window, where it is larger than all pixels of the window before it
            kept={
                "row_wins": Array((h, w, c), bool),
                "column_wins": Array((out_h, w, c), bool),
            },
            scratch={"strips": Array((out_h, w, c))},
            backward_scratch={"dstrips": Array((out_h, w, c))},
        )

    def bind(self, m):
        training = m.dy is not None
        rows, columns = self._groups(m.x.shape[1:])
        m.row_groups = [
            (
                [m.x[:, group.tap(r)] for r in range(group.size)],
                m.strips[:, group.windows],
                [m.row_wins[:, group.tap(r)] for r in range(group.size)] if training else None,
                m.dstrips[:, group.windows] if training else None,
                [m.dx[:, group.tap(r)] for r in range(group.size)] if m.dx is not None else None,
            )
            for group in rows
        ]
        m.column_groups = [
            (
                [m.strips[:, :, group.tap(r)] for r in range(group.size)],
                m.y[:, :, group.windows],
                [m.column_wins[:, :, group.tap(r)] for r in range(group.size)]
                if training
                else None,
                m.dy[:, :, group.windows] if training else None,
                [m.dstrips[:, :, group.tap(r)] for r in range(group.size)] if training else None,
            )
            for group in columns
        ]

    def forward(self, p, m):
        for taps, out, wins, _, _ in m.row_groups:
            _largest(taps, out, wins)
        for taps, out, wins, _, _ in m.column_groups:
            _largest(taps, out, wins)

    def backward(self, p, m, g):
        if m.dx is None:
            return
        for _, _, wins, dout, dtaps in m.column_groups:
            _to_the_winner(dout, wins, dtaps)
        for _, _, wins, dout, dtaps in m.row_groups:
            _to_the_winner(dout, wins, dtaps)


def _largest(taps, out, wins):
    """The largest tap of each window; ``wins[r]``: tap r is larger than every tap before it."""
    if len(taps) == 1:
        np.copyto(out, taps[0])
        return
    largest = taps[0]
    for r in range(1, len(taps)):
        if wins is not None:
            np.greater(taps[r], largest, out=wins[r])
        np.maximum(taps[r], largest, out=out)
        largest = out


def _to_the_winner(dout, wins, dtaps):
    """Give each window's gradient to its winner; `dout` is used up.

    The last tap that beat all before it has won: walk back, and what a tap does not take is left,
    exactly, for the taps before it.
    """
    for r in range(len(dtaps) - 1, 0, -1):
        np.multiply(dout, wins[r], out=dtaps[r])
        np.subtract(dout, dtaps[r], out=dtaps[0] if r == 1 else dout)
    if len(dtaps) == 1:
        np.copyto(dtaps[0], dout)


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
