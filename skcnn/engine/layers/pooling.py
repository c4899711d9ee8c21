"""Max and mean pooling, by window or by number of regions.

Both are separable: first along one axis, then along the other, each step a few long vector
operations over slices. The windows of an axis come in at most two sizes, so an axis is a
list of `Group`s of equal, neighbouring windows.

Contains `by_size`, `by_regions`, `MaxPool2D` and `MeanPool2D`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks as masks


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

    def derive(self, p, training) -> Calls:
        return []


class MaxPool2D(_Pool2D):
    """The largest value of each window; of equal ones, the first gets the gradient (-0 is below 0).

    Columns are compared first, then rows. Behind a convolution, which stores the columns so that
    both are a few long runs, the gradients take the place of the values that were compared.
    """

    def plan(self, in_shape: Shape) -> Plan:
        h, w, c = in_shape
        _, out_w, _ = out_shape = self._out_shape(in_shape)
        longest = max(group.size for groups in self._groups(in_shape) for group in groups)
        strip = (h, out_w, c)
        return Plan(
            out_shape=out_shape,
            kept={
                "strips": Array(strip, images_second=True)
            },  # the largest of each window's columns
            backward_scratch={"gap": Array(strip, images_second=True)} if longest > 2 else {},
            input_period=min(self.size, w) if self.regions is None else 1,
            overwrites_input=True,
        )

    def forward(self, p, m) -> Calls:
        rows, columns = self._groups(_image_shape(m.x_planes))
        calls: Calls = []
        for group in columns:
            calls += _largest(_columns(m.x_planes, group), m.strips[:, :, group.windows])
        for group in rows:
            calls += _largest(_rows(m.strips, group), m.y[group.windows])
        return calls

    def backward(self, p, m, g) -> Calls:
        if m.dx_planes is None:
            return []
        rows, columns = self._groups(_image_shape(m.x_planes))
        calls: Calls = []
        if m.dx_planes is not m.x_planes:
            calls.append(partial(np.copyto, m.dx_planes, m.x_planes))
        gap = getattr(m, "gap", None)
        for group in rows:
            calls += _to_the_winners(_rows(m.strips, group), m.dy[group.windows], gap)
        for group in columns:
            dstrips = m.strips[:, :, group.windows]
            calls += _to_the_winners(_columns(m.dx_planes, group), dstrips, gap)
        return calls


def _image_shape(planes: NDArray) -> Shape:
    h, period, _, w, c = planes.shape
    return h, period * w, c


def _rows(strips: NDArray, group: Group) -> list[NDArray]:
    """The rows number 0, 1, ... of every window."""
    return [strips[group.tap(r)] for r in range(group.size)]


def _columns(planes: NDArray, group: Group) -> list[NDArray]:
    """The columns number 0, 1, ... of every window."""
    if planes.shape[1] > 1:  # stored window by window: each is a plane
        return [planes[:, r] for r in range(group.size)]
    return [planes[:, 0, :, group.tap(r)] for r in range(group.size)]


def _largest(values: list[NDArray], y: NDArray) -> Calls:
    """``y`` = the largest of several arrays, element by element."""
    if len(values) == 1:
        return [partial(np.copyto, y, values[0])]
    calls = [partial(np.maximum, values[0], values[1], out=y)]
    return calls + [partial(np.maximum, y, value, out=y) for value in values[2:]]


def _to_the_winners(values: list[NDArray], dy: NDArray, gap: NDArray | None) -> Calls:
    """Put each gradient in the place of the winning value; 0 where the others were. Uses up `dy`.

    A value that is larger than all before it becomes a mask of ones, in place; the largest so far
    is kept in the place of the first. The last mask of ones has won: walk back, and what a value
    does not take is left, exactly, for those before it.
    """
    first, *others = values
    if not others:
        return [partial(np.copyto, first, dy)]
    calls: Calls = []
    for value in others[:-1]:
        difference = gap.ravel()[: value.size].reshape(value.shape)
        calls += [
            partial(np.subtract, first, value, difference),
            partial(np.maximum, first, value, out=first),
            partial(np.copyto, value, difference),
            *masks.spread_sign(value),
        ]
    calls += [partial(np.subtract, first, others[-1], others[-1]), *masks.spread_sign(others[-1])]
    for value in reversed(others):
        calls += masks.keep(dy, value, value)
        calls += masks.leave(dy, value, first if value is others[0] else dy)
    return calls


class MeanPool2D(_Pool2D):
    """The mean of each window."""

    def plan(self, in_shape: Shape) -> Plan:
        _, w, c = in_shape
        out_shape = self._out_shape(in_shape)
        return Plan(
            out_shape=out_shape,
            scratch={"strips": Array((out_shape[0], w, c), images_second=True)},
            backward_scratch={"share": Array(out_shape, images_second=True)},
        )

    def _windows(self, m, x: NDArray):
        """Pairs of views: rows of x and the strip that is their sum, columns and theirs."""
        rows, columns = self._groups(_image_shape(m.x_planes))
        _, t, w, c = x.shape
        by_rows = [
            (x[group.pixels].reshape(group.count, group.size, t, w, c), m.strips[group.windows])
            for group in rows
        ]
        by_columns = [
            (
                m.strips[:, :, group.pixels].reshape(-1, t, group.count, group.size, c),
                (slice(None), slice(None), group.windows),
            )
            for group in columns
        ]
        heights = np.concatenate([np.full(group.count, group.size) for group in rows])
        widths = np.concatenate([np.full(group.count, group.size) for group in columns])
        per_pixel = (1 / np.outer(heights, widths))[:, None, :, None].astype(x.dtype)
        return by_rows, by_columns, per_pixel

    def forward(self, p, m) -> Calls:
        by_rows, by_columns, per_pixel = self._windows(m, m.x)
        calls = [partial(np.add.reduce, x, 1, None, strips) for x, strips in by_rows]
        calls += [partial(np.add.reduce, x, 3, None, m.y[part]) for x, part in by_columns]
        return [*calls, partial(np.multiply, m.y, per_pixel, m.y)]

    def backward(self, p, m, g) -> Calls:
        if m.dx is None:
            return []
        by_rows, by_columns, per_pixel = self._windows(m, m.dx)
        calls: Calls = [partial(np.multiply, m.dy, per_pixel, m.share)]
        for strips, part in by_columns:
            calls.append(partial(np.copyto, strips, m.share[part][:, :, :, None]))
        for dx, strips in by_rows:
            calls.append(partial(np.copyto, dx, strips[:, None]))
        return calls
