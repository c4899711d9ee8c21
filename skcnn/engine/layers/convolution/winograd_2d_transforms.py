"""The transforms of Winograd's method in two dimensions, as products with small matrices.

Blocks are 4 x 4 outputs, in rows of blocks, and the values that they are computed from. Transformed
arrays are ``(points, points, rows, columns, t, c)``, of blocks. Between the two steps, one of the
axes is transformed: ``(points, rows, w, t, c)``. The images are next to the channels there, so that
one product covers them all; a product on the side of an image covers the channels only.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skcnn.engine.layers.convolution.winograd_matrices import N_OUTPUTS
from skcnn.engine.runtime.calls import Call, Calls


class BlockRun(NamedTuple):
    """Blocks ``first ... last - 1`` of which the inputs ``lo ... hi - 1`` lie within the image."""

    first: int
    last: int
    lo: int
    hi: int


def n_blocks(n_outputs: int) -> int:
    """The number of blocks along an axis; the last one may have fewer outputs."""
    return -(-n_outputs // N_OUTPUTS)


def block_runs(blocks: range, n_inputs: int, before: int, n_elements: int) -> list[BlockRun]:
    """Divide the blocks into runs. The inputs of block i begin at element ``4 * i - before``."""
    found: list[BlockRun] = []
    for block in blocks:
        start = block * N_OUTPUTS - before
        inputs = max(0, -start), min(n_inputs, n_elements - start)
        first = found.pop().first if found and found[-1][2:] == inputs else block
        found.append(BlockRun(first, block + 1, *inputs))
    return found


def to_points(
    matrix: NDArray[np.float64],
    planes: NDArray[Any],
    before: tuple[int, int],
    block_rows: range,
    memory: NDArray[Any],
    out: NDArray[Any],
) -> Calls:
    """Transform the rows and the columns of an image with `matrix`, ``(points, inputs)``.

    `planes` is ``(h, period, t, w / period, c)``, and `before` the number of rows and columns that
    the first block reads before it. `out` is for the rows of blocks in `block_rows` only.
    """
    h, period, t, width, c = planes.shape
    sh, _, st, sw, sc = planes.strides
    n_points, n_inputs = matrix.shape
    matrix = matrix.astype(out.dtype)
    rows = part_of(memory, (n_points, len(block_rows), period * width, t, c))
    calls: Calls = []
    for first, last, lo, hi in block_runs(block_rows, n_inputs, before[0], h):
        here = slice(first - block_rows.start, last - block_rows.start)
        for plane in range(period):
            windows = as_strided(
                planes[first * N_OUTPUTS - before[0] + lo :, plane],
                (last - first, width, t, hi - lo, c),
                (N_OUTPUTS * sh, sw, st, sh, sc),
            )
            target = rows[:, here, plane::period].transpose(1, 2, 3, 0, 4)
            calls.append(_product(matrix[:, lo:hi], windows, target))
    rows = rows.reshape(*rows.shape[:3], t * c)
    sp, sg, sw, sc = rows.strides
    out = out.reshape(*out.shape[:4], t * c).transpose(0, 2, 3, 1, 4)
    for first, last, lo, hi in block_runs(range(out.shape[2]), n_inputs, before[1], rows.shape[2]):
        windows = as_strided(
            rows[:, :, first * N_OUTPUTS - before[1] + lo :],
            (n_points, len(block_rows), last - first, hi - lo, t * c),
            (sp, sg, N_OUTPUTS * sw, sw, sc),
        )
        calls.append(_product(matrix[:, lo:hi], windows, out[:, :, first:last]))
    return calls


def from_points(
    matrix: NDArray[np.float64],
    products: NDArray[Any],
    memory: NDArray[Any],
    block_rows: range,
    planes: NDArray[Any],
) -> Calls:
    """Transform columns and rows with `matrix`, ``(outputs, points)``, to an image.

    `planes` is the whole image ``(h, period, t, w / period, k)``, of which the rows of blocks in
    `block_rows` are written.
    """
    n_points, _, n_rows, n_columns, t, k = products.shape
    h, period, _, width, _ = planes.shape
    sh, _, st, sw, sk = planes.strides
    matrix = matrix.astype(products.dtype)
    columns = part_of(memory, (n_points, n_rows, n_columns * N_OUTPUTS, t, k))
    read = products.reshape(*products.shape[:4], t * k).transpose(0, 2, 3, 1, 4)
    out = columns.reshape(n_points, n_rows, n_columns, N_OUTPUTS, t * k)
    calls = [_product(matrix, read, out)]
    for first, last, lo, hi in block_runs(block_rows, N_OUTPUTS, 0, h):
        here = slice(first - block_rows.start, last - block_rows.start)
        for plane in range(period):
            read = columns[:, here, plane : width * period : period].transpose(1, 2, 3, 0, 4)
            out = as_strided(
                planes[first * N_OUTPUTS :, plane],
                (last - first, width, t, hi - lo, k),
                (N_OUTPUTS * sh, sw, st, sh, sk),
            )
            calls.append(_product(matrix[lo:hi], read, out))
    return calls


def part_of(memory: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A view of the first numbers of `memory`, with this shape."""
    return memory.reshape(-1)[: math.prod(shape)].reshape(shape)


def _product(matrix: NDArray[Any], array: NDArray[Any], out: NDArray[Any]) -> Call:
    return partial(np.matmul, np.ascontiguousarray(matrix), array, out)
