"""Lowering: convolution as matrix products over overlapping views, without im2col.

Lowering along the width only (after Cho & Brand, *MEC: Memory-efficient Convolution for Deep Neural
Network*, ICML 2017) copies each pixel `size` times instead of `size` squared times. In the lowered
array ::

    L[t, x, y, j, c] = image[y, t, x + j - before, c]        (t, out_w, h, size * c)

the patches of output row `y` are `size * size * c` *adjacent* numbers of each row ``(t, x)``: a
strided matrix, which BLAS takes without a copy. One batched product over overlapping views computes
all output rows. Rows whose patch leaves the image multiply a shorter slice, so that nothing is
multiplied by padding.

Images of a tile are stored rows first, ``(h, t, w, c)``. Each product then writes one contiguous
piece of memory, row `y` of all images, and the rows that pooling compares are contiguous, too.
Filters are stored ``(i, j, c, k)``, the order of a patch in `L`. `geometry` explains the axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skcnn.engine.layers.convolution.geometry import Run
from skcnn.engine.runtime.blas import is_uncopied, rows_per_product
from skcnn.engine.runtime.calls import Call, Calls

FEWEST_ROWS = 8  # products with fewer rows run at a fraction of the speed


def product(
    array: NDArray[Any], run: Run, taps: NDArray[Any], out: NDArray[Any], n_parts: int = 1
) -> Call:
    """``out = windows @ taps`` for the windows of `run` over each row.

    `array` is C-contiguous ``(..., rows, elements, depth)``, `taps` ``(..., taps * depth, k)``,
    `out` ``(..., positions, rows, k)``, with the same leading axes. Each of `n_parts` equal parts
    of the rows is multiplied on its own.
    """
    each = rows_per_product(array.shape[-3] // n_parts, *taps.shape[-2:])
    parts = (*out.shape[:-2], out.shape[-2] // each, each, out.shape[-1])
    taps = taps.reshape(*taps.shape[:-2], *(1, 1)[: 2 * (taps.ndim > 2)], *taps.shape[-2:])
    return partial(np.matmul, _sliding(array, run, each), taps, out.reshape(parts).swapaxes(-4, -3))


def taps_gradient(
    array: NDArray[Any],
    runs: Sequence[Run],
    dy: NDArray[Any],
    partials: NDArray[Any],
    out: NDArray[Any],
) -> Calls:
    """The gradient of the taps: the transposed windows of all runs, times `dy`.

    `array` as for `product`, dy ``(..., positions, rows, k)``, `out` ``(..., taps * depth, k)``.
    `partials`, ``(positions, ..., taps * depth, k)``, holds one product for each position.
    """
    depth = array.shape[-1]
    calls: Calls = []
    sums: Calls = []
    for run in sorted(runs, key=len, reverse=True):  # the run with all taps comes first
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


def three_taps_gradient(
    array: NDArray[Any], dy: NDArray[Any], kept: NDArray[Any], out: NDArray[Any]
) -> Calls:
    """The gradient of three taps, with one element of padding on each side, all positions at once.

    `array` as for `product`, dy ``(..., rows, positions, k)``, `out` ``(..., taps, depth, k)``. One
    product for each tap adds up all rows, which meet all elements but those at one end. There it
    would meet those of the next row: they are zero meanwhile, and `kept`, ``(..., rows, depth)``,
    keeps them.
    """
    n = dy.shape[-3] * dy.shape[-2]
    x, dy = (each.reshape(*each.shape[:-3], n, each.shape[-1]) for each in (array, dy))
    middle = partial(np.matmul, x.swapaxes(-1, -2), dy, out[..., 1, :, :])
    calls: Calls = [middle]
    for tap, end, elements, positions in (
        (0, -1, slice(0, n - 1), slice(1, n)),
        (2, 0, slice(1, n), slice(0, n - 1)),
    ):
        edge = array[..., end, :]
        part = x[..., elements, :].swapaxes(-1, -2)
        calls += [
            partial(np.copyto, kept, edge),
            partial(edge.fill, 0),
            partial(np.matmul, part, dy[..., positions, :], out[..., tap, :, :]),
            partial(np.copyto, edge, kept),
        ]
    return calls


def _transposed_product(array: NDArray[Any], run: Run, dy: NDArray[Any], out: NDArray[Any]) -> Call:
    """``out = windows.T @ dy``: (..., positions, taps * depth, k)."""
    taps = _sliding_taps(array, run)
    *lead, n_taps, depth, rows = taps.shape
    k = dy.shape[-1]
    one_by_one = is_uncopied(depth, rows, k) and not is_uncopied(n_taps * depth, rows, k)
    if one_by_one and depth >= FEWEST_ROWS:
        return partial(np.matmul, taps, dy[..., None, :, :], out.reshape(*lead, n_taps, depth, k))
    return partial(np.matmul, taps.reshape(*lead, n_taps * depth, rows), dy, out)


def _sliding(array: NDArray[Any], run: Run, each: int) -> NDArray[Any]:
    """Overlapping matrices: ``(..., rows / each, positions, each, taps * depth)``.

    The matrices of position p hold the elements that p meets in each row, `each` rows per matrix.
    """
    *lead, rows, _, depth = array.shape
    *lead_strides, row, element, item = array.strides
    return as_strided(
        array[..., run.start :, :],
        (*lead, rows // each, len(run), each, (run.hi - run.lo) * depth),
        (*lead_strides, each * row, element, row, item),
    )


def _sliding_taps(array: NDArray[Any], run: Run) -> NDArray[Any]:
    """The same windows, tap by tap and transposed: ``(..., positions, taps, depth, rows)``."""
    *lead, rows, _, depth = array.shape
    *lead_strides, row, element, item = array.strides
    return as_strided(
        array[..., run.start :, :],
        (*lead, len(run), run.hi - run.lo, depth, rows),
        (*lead_strides, element, element, item, row),
    )


def patches_along_width(padded: NDArray[Any], size: int, period: int) -> NDArray[Any]:
    """What the lowered array copies: a view ``(period, t, out_w / period, h, size * c)``.

    `padded` is C-contiguous ``(h, t, padded_w, c)``, so that `size` columns with c channels are
    contiguous. Columns x with equal ``x % period`` are grouped.
    """
    h, t, w, c = padded.shape
    sy, st, sx, sc = padded.strides
    n_groups = (w - size + 1) // period
    return as_strided(padded, (period, t, n_groups, h, size * c), (sx, st, period * sx, sy, sc))
