"""Convolution as matrix products, without im2col.

Lowering along the height only (after Cho & Brand, *MEC: Memory-efficient Convolution for Deep
Neural Network*, ICML 2017) copies each pixel `size` times instead of `size` squared times. In the
lowered array ::

    L[t, y, x, i, c] = image[t, y + i - before, x, c]        (t, out_h, w, size * c)

the patches of output column `x` are `size * size * c` *adjacent* numbers of each row ``(t, y)``:
a plain strided matrix, which BLAS takes as it is. One batched product over overlapping views makes
all output columns; nothing is copied for them. Columns whose patch leaves the image multiply a
shorter slice, so no product with padding is computed.

Axes: t images of a tile, y and x rows and columns, i and j rows and columns of a filter,
c channels in, k filters. Filters are stored ``(j, i, c, k)``, the order of a patch in `L`.

Contains `Window` (the geometry of one axis), `ColumnOrder`, `runs` and the strided views that the
products take.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

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

    Position p meets, with tap q, the element ``p + q - before`` of the other axis. Of these
    positions only every `step`-th belongs to the run.
    """

    first: int
    last: int
    lo: int
    hi: int
    before: int
    step: int = 1

    def __len__(self) -> int:
        return len(range(self.first, self.last, self.step))

    @property
    def start(self) -> int:
        """The element that position `first` meets with tap `lo`."""
        return self.first + self.lo - self.before


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


@dataclass(frozen=True)
class ColumnOrder:
    """In which order the `width` columns of an image stand in memory.

    Columns x with the same ``x % period`` stand side by side: what a pooling window compares are
    then whole blocks of columns, and numpy runs over long pieces instead of one pixel's channels.

    Examples
    --------
    >>> from skcnn.engine.lowering import ColumnOrder
    >>> order = ColumnOrder(5, 2)  # 0, 2, 4, then 1, 3
    >>> order.columns(1, 5)
    slice(3, 5, None)
    """

    width: int
    period: int = 1

    def columns(self, first: int, last: int) -> slice:
        """Where the columns first, first + period, ... before `last` stand."""
        residue = first % self.period
        before = sum(len(range(q, self.width, self.period)) for q in range(residue))
        start = before + first // self.period
        return slice(start, start + len(range(first, last, self.period)))

    def split(self, run: Run) -> list[Run]:
        """The run as runs of columns that stand side by side."""
        return [
            replace(run, first=first, step=self.period)
            for first in range(run.first, min(run.first + self.period, run.last))
        ]


def sliding_rows(array: NDArray, run: Run) -> NDArray:
    """Overlapping matrices, one a position of `run`: ``(positions, t * y, taps * depth)``.

    `array` is C-contiguous ``(t, y, elements, depth)``; matrix p holds, of each row ``(t, y)``,
    the elements that position p meets.
    """
    t, y, n_elements, depth = array.shape
    item = array.itemsize
    return as_strided(
        array[:, :, run.start :],
        (len(run), t * y, (run.hi - run.lo) * depth),
        (run.step * depth * item, n_elements * depth * item, item),
    )


def column_matrices(array: NDArray, run: Run, order: ColumnOrder) -> NDArray:
    """The columns of `run` as matrices ``(positions, t * y, depth)`` of ``(t, y, x, depth)``.

    `run` comes from `order.split`.
    """
    t, y, x, depth = array.shape
    columns = order.columns(run.first, run.last)
    return array.reshape(t * y, x, depth)[:, columns].transpose(1, 0, 2)


def patches_along_height(transposed: NDArray, size: int) -> NDArray:
    """What the lowered array copies: a view ``(t, out_h, w, size * c)``.

    `transposed` is C-contiguous ``(t, w, padded_h, c)``: rows of one column are neighbours, so
    that `size` rows by c channels are one piece of memory.
    """
    t, w, h, c = transposed.shape
    st, sx, sy, sc = transposed.strides
    return as_strided(transposed, (t, h - size + 1, w, size * c), (st, sy, sx, sc))
