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

Contains `Window` (the geometry of one axis), `Run`, `runs` and the strided views that the
products take.
"""

from __future__ import annotations

from dataclasses import dataclass

from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray


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


def sliding(array: NDArray, run: Run, each: int) -> NDArray:
    """Overlapping matrices: ``(rows / each, positions, each, taps * depth)``.

    `array` is C-contiguous ``(rows, elements, depth)``; the matrices of position p hold, of each
    row, the elements that position p meets, `each` rows in one matrix.
    """
    rows, n_elements, depth = array.shape
    item = array.itemsize
    row = n_elements * depth * item
    return as_strided(
        array[:, run.start :],
        (rows // each, len(run), each, (run.hi - run.lo) * depth),
        (each * row, depth * item, row, item),
    )


def by_rows(matrices: NDArray, each: int) -> NDArray:
    """The view ``(rows / each, positions, each, depth)`` of ``(positions, rows, depth)``."""
    positions, rows, depth = matrices.shape
    return matrices.reshape(positions, rows // each, each, depth).transpose(1, 0, 2, 3)


def sliding_taps(array: NDArray, run: Run) -> NDArray:
    """The matrices of `sliding`, tap by tap and transposed: ``(positions, taps, depth, rows)``."""
    rows, n_elements, depth = array.shape
    item = array.itemsize
    return as_strided(
        array[:, run.start :],
        (len(run), run.hi - run.lo, depth, rows),
        (depth * item, depth * item, item, n_elements * depth * item),
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
