"""Where filters meet an image: positions, taps, and which of them leave the image.

Axes: t images of a tile, y and x rows and columns of the output, i and j rows and columns of a
filter (its taps), c input channels, k filters.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

from skcnn.engine.layer import Shape

Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Window:
    """A filter of `size` taps sliding along `n_in` pixels with zeros `before` and `after` them."""

    size: int
    n_in: int
    before: int
    after: int

    @classmethod
    def along(cls, size: int, n_in: int, padding: Padding) -> Window:
        """With "same", as many positions as pixels; an even filter reaches further ahead."""
        if padding == "same":
            return cls(size, n_in, (size - 1) // 2, size // 2)
        return cls(size, n_in, 0, 0)

    @property
    def n_out(self) -> int:
        """Number of positions."""
        return self.n_in + self.before + self.after - self.size + 1


@dataclass(frozen=True)
class Run:
    """Positions ``first ... last - 1`` of an axis at which taps ``lo ... hi - 1`` meet the image.

    At position p, tap q meets element ``p + q - before`` of the other axis.
    """

    first: int
    last: int
    lo: int
    hi: int
    before: int

    def __len__(self) -> int:
        return self.last - self.first

    @property
    def positions(self) -> slice:
        """The positions."""
        return slice(self.first, self.last)

    @property
    def start(self) -> int:
        """The element that tap `lo` meets at position `first`."""
        return self.first + self.lo - self.before

    def between(self, first: int, last: int) -> Run:
        """The part with positions ``first ... last - 1``; it may be empty."""
        first, last = max(self.first, first), min(self.last, last)
        return Run(first, max(first, last), self.lo, self.hi, self.before)

    def taps(self, depth: int) -> slice:
        """The taps, in a filter with `depth` numbers per tap."""
        return slice(self.lo * depth, self.hi * depth)


@functools.cache
def find_runs(n_positions: int, n_elements: int, size: int, before: int) -> tuple[Run, ...]:
    """Divide the positions into runs that meet the same taps; the middle is one long run."""
    found: list[Run] = []
    for position in range(n_positions):
        lo = max(0, before - position)
        hi = min(size, n_elements + before - position)
        if found and (found[-1].lo, found[-1].hi) == (lo, hi):
            found[-1] = Run(found[-1].first, position + 1, lo, hi, before)
        else:
            found.append(Run(position, position + 1, lo, hi, before))
    return tuple(found)


@dataclass(frozen=True)
class Geometry:
    """Square filters over images of shape (h, w, c), with stride 1."""

    in_shape: Shape
    n_filters: int
    filter_size: int
    padding: Padding

    @property
    def rows(self) -> Window:
        """The filters' way along a column of pixels."""
        return Window.along(self.filter_size, self.in_shape[0], self.padding)

    @property
    def columns(self) -> Window:
        """The filters' way along a row of pixels."""
        return Window.along(self.filter_size, self.in_shape[1], self.padding)

    @property
    def out_shape(self) -> Shape:
        """(h, w, k) of the output."""
        return (self.rows.n_out, self.columns.n_out, self.n_filters)

    @property
    def row_runs(self) -> tuple[Run, ...]:
        """Rows of the output, by the rows of the filters that lie within the image."""
        return find_runs(self.rows.n_out, self.in_shape[0], self.filter_size, self.rows.before)

    @property
    def weights_shape(self) -> tuple[int, int, int, int]:
        """(i, j, c, k)"""
        return (self.filter_size, self.filter_size, self.in_shape[2], self.n_filters)

    @property
    def flops(self) -> int:
        """Multiplications and additions of a direct sum for one image, without rows of padding."""
        products = sum(len(run) * (run.hi - run.lo) for run in self.row_runs)
        return 2 * self.columns.n_out * products * math.prod(self.weights_shape[1:])
