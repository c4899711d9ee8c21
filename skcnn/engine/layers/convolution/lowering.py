"""Convolution as matrix products, without im2col.

Lowering along the width only (after Cho & Brand, *MEC: Memory-efficient Convolution for Deep
Neural Network*, ICML 2017) copies each pixel `size` times instead of `size` squared times. In the
lowered array ::

    L[t, x, y, j, c] = image[y, t, x + j - before, c]        (t, out_w, h, size * c)

the patches of output row `y` are `size * size * c` *adjacent* numbers of each row ``(t, x)``: a
plain strided matrix, which BLAS takes as it is. One batched product over overlapping views makes
all output rows; nothing is copied for them. Rows whose patch leaves the image multiply a shorter
slice, so no product with padding is computed.

Images of a tile are stored rows first, ``(h, t, w, c)``. So each product writes one piece of
memory, the row `y` of all images, and what pooling compares, row with row, are long pieces too.

Axes: t images of a tile, y and x rows and columns, i and j rows and columns of a filter,
c channels in, k filters. Filters are stored ``(i, j, c, k)``, the order of a patch in `L`.

Contains `Window` (one axis), `Geometry` (all of a layer), `Run`, `runs`, `patches_along_width`,
and the products over overlapping views: `product`, `taps_gradient`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skcnn.engine.layer import Call, Calls, Parameter, Shape
from skcnn.engine.runtime.blas import is_uncopied, rows_per_product

FEWEST_ROWS = 8  # products with fewer rows run at a fraction of the speed


@dataclass(frozen=True)
class Window:
    """A filter of `size` sliding along `n_in` pixels with padding `before` and `after` them."""

    size: int
    n_in: int
    before: int
    after: int

    @classmethod
    def along(cls, size: int, n_in: int, padding: str) -> Window:
        """ "same": as many positions as pixels (an even filter looks further ahead than back)."""
        if padding == "same":
            return cls(size, n_in, (size - 1) // 2, size // 2)
        return cls(size, n_in, 0, 0)

    @property
    def n_out(self) -> int:
        return self.n_in + self.before + self.after - self.size + 1


@dataclass(frozen=True)
class Geometry:
    """Square filters over an image of shape ``(h, w, c)``, stride 1."""

    in_shape: Shape
    n_filters: int
    filter_size: int
    padding: str

    @property
    def rows(self) -> Window:
        return Window.along(self.filter_size, self.in_shape[0], self.padding)

    @property
    def columns(self) -> Window:
        return Window.along(self.filter_size, self.in_shape[1], self.padding)

    @property
    def out_shape(self) -> Shape:
        return (self.rows.n_out, self.columns.n_out, self.n_filters)

    @property
    def row_runs(self) -> list[Run]:
        """Rows of the output, and the rows of the filters that stay within the image."""
        return runs(self.rows.n_out, self.in_shape[0], self.filter_size, self.rows.before)

    @property
    def weights(self) -> Parameter:
        n, c, k = self.filter_size, self.in_shape[2], self.n_filters
        return Parameter((n, n, c, k), n * n * c, n * n * k)

    @property
    def flops(self) -> int:
        """Multiplications and additions that a direct sum takes, without the rows of padding."""
        meetings = sum(len(run) * (run.hi - run.lo) for run in self.row_runs)
        return 2 * self.columns.n_out * meetings * math.prod(self.weights.shape[1:])


@dataclass(frozen=True)
class Run:
    """Positions ``first ... last - 1`` of one axis that all meet taps ``lo ... hi - 1``.

    Position p meets, with tap q, the element ``p + q - before`` of the other axis.
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
        return slice(self.first, self.last)

    @property
    def start(self) -> int:
        """The element that position `first` meets with tap `lo`."""
        return self.first + self.lo - self.before

    def between(self, first: int, last: int) -> Run:
        """The part with positions ``first ... last - 1``; it may be empty."""
        first, last = max(self.first, first), min(self.last, last)
        return Run(first, max(first, last), self.lo, self.hi, self.before)

    def taps(self, depth: int) -> slice:
        """The taps of a filter whose taps have `depth` numbers each."""
        return slice(self.lo * depth, self.hi * depth)


def runs(n_positions: int, n_elements: int, size: int, before: int) -> list[Run]:
    """Cut the positions into runs that meet the same taps; the middle is one long run."""
    found: list[Run] = []
    for position in range(n_positions):
        lo = max(0, before - position)
        hi = min(size, n_elements + before - position)
        if found and (found[-1].lo, found[-1].hi) == (lo, hi):
            found[-1] = Run(found[-1].first, position + 1, lo, hi, before)
        else:
            found.append(Run(position, position + 1, lo, hi, before))
    return found


def product(array: NDArray, run: Run, taps: NDArray, out: NDArray) -> Call:
    """``out = windows @ taps``, of the windows of `run` over each row.

    `array` is C-contiguous ``(..., rows, elements, depth)``, `taps` ``(..., taps * depth, k)``,
    `out` ``(..., positions, rows, k)``; leading axes go through all of them.
    """
    each = rows_per_product(array.shape[-3], *taps.shape[-2:])
    parts = (*out.shape[:-2], out.shape[-2] // each, each, out.shape[-1])
    taps = taps.reshape(*taps.shape[:-2], *(1, 1)[: 2 * (taps.ndim > 2)], *taps.shape[-2:])
    return partial(np.matmul, _sliding(array, run, each), taps, out.reshape(parts).swapaxes(-4, -3))


def taps_gradient(
    array: NDArray, runs: Sequence[Run], dy: NDArray, partials: NDArray, out: NDArray
) -> Calls:
    """The gradient of the taps: the windows of all runs, transposed, times `dy`.

    `array` as for `product`, dy ``(..., positions, rows, k)``, `out` ``(..., taps * depth, k)``.
    `partials`, ``(positions, ..., taps * depth, k)``, holds a product a position.
    """
    depth = array.shape[-1]
    calls: Calls = []
    sums: Calls = []
    for run in sorted(runs, key=len, reverse=True):  # the run that meets all taps comes first
        taps = run.taps(depth)
        products = partials[run.positions, ..., taps, :]
        part = dy[..., run.positions, :, :]
        calls.append(_transposed_product(array, run, part, np.moveaxis(products, 0, -3)))
        target = out[..., taps, :]
        if not sums and products.shape[1:] == out.shape:
            sums.append(partial(np.add.reduce, products, 0, None, out))
            continue
        if not sums:  # a small image: some taps may never meet a pixel
            sums.append(partial(out.fill, 0))
        sums += [partial(np.add, target, one, target) for one in products]
    return calls + sums


def _transposed_product(array: NDArray, run: Run, dy: NDArray, out: NDArray) -> Call:
    """(..., positions, taps * depth, k)"""
    taps = _sliding_taps(array, run)
    *lead, n_taps, depth, rows = taps.shape
    k = dy.shape[-1]
    one_by_one = is_uncopied(depth, rows, k) and not is_uncopied(n_taps * depth, rows, k)
    if one_by_one and depth >= FEWEST_ROWS:
        return partial(np.matmul, taps, dy[..., None, :, :], out.reshape(*lead, n_taps, depth, k))
    return partial(np.matmul, taps.reshape(*lead, n_taps * depth, rows), dy, out)


def _sliding(array: NDArray, run: Run, each: int) -> NDArray:
    """Overlapping matrices: ``(..., rows / each, positions, each, taps * depth)``.

    The matrices of position p hold, of each row, the elements that p meets, `each` rows in one.
    """
    *lead, rows, _, depth = array.shape
    *lead_strides, row, element, item = array.strides
    return as_strided(
        array[..., run.start :, :],
        (*lead, rows // each, len(run), each, (run.hi - run.lo) * depth),
        (*lead_strides, each * row, element, row, item),
    )


def _sliding_taps(array: NDArray, run: Run) -> NDArray:
    """The same, tap by tap and transposed: ``(..., positions, taps, depth, rows)``."""
    *lead, rows, _, depth = array.shape
    *lead_strides, row, element, item = array.strides
    return as_strided(
        array[..., run.start :, :],
        (*lead, len(run), run.hi - run.lo, depth, rows),
        (*lead_strides, element, element, item, row),
    )


def patches_along_width(padded: NDArray, size: int, period: int) -> NDArray:
    """What the lowered array copies: a view ``(period, t, out_w / period, h, size * c)``.

    `padded` is C-contiguous ``(h, t, padded_w, c)``, so that `size` columns by c channels are one
    piece of memory. The columns x with equal ``x % period`` come together.
    """
    h, t, w, c = padded.shape
    sy, st, sx, sc = padded.strides
    n_groups = (w - size + 1) // period
    return as_strided(padded, (period, t, n_groups, h, size * c), (sx, st, period * sx, sy, sc))
