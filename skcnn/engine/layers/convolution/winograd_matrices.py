"""`MatrixTransforms`: four adjacent outputs at a time, F(4, 3), for filters of 3 x 3.

Six products give four outputs: half the multiplications of a direct sum. The coefficients are not
1 and -1 only, and the transforms are small matrix products over the columns of each block. BLAS
reads every number once, where sums of whole arrays would read it for every term.

In float32 the rounding errors are mostly two to four times as large as those of direct sums. They
are largest with 256 channels after ReLU, where the tests allow 4.7 times as much.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from skcnn.engine.layer import Namespace, Shape
from skcnn.engine.layers.convolution.winograd_transforms import Transforms
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Call, Calls

N_OUTPUTS, N_TAPS = 4, 3
# The points of the polynomials, beside infinity. Their powers are close to 1: with large
# coefficients, rounding errors are large.
POINTS = (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2)


class Matrices(NamedTuple):
    """``y = outputs @ ((taps @ g) * (inputs @ a))`` for inputs a, taps g and outputs y."""

    inputs: NDArray[np.float64]  # (points, inputs)
    taps: NDArray[np.float64]  # (points, taps)
    outputs: NDArray[np.float64]  # (outputs, points)


def _toom_cook() -> Matrices:
    """The Toom-Cook algorithm for F(4, 3), with infinity as the last point.

    Row i of `inputs` has the coefficients of the polynomial whose zeros are the other points.
    """
    powers = np.vander(POINTS, N_OUTPUTS, increasing=True)
    n_points = len(POINTS) + 1  # as many as inputs: N_OUTPUTS + N_TAPS - 1
    inputs, taps = np.zeros((n_points, n_points)), np.zeros((n_points, N_TAPS))
    outputs = np.zeros((N_OUTPUTS, n_points))
    outputs[:, :-1] = powers.T
    outputs[-1, -1] = taps[-1, -1] = 1
    inputs[-1] = np.poly(POINTS)[::-1]
    for i, point in enumerate(POINTS):
        others = [other for other in POINTS if other != point]
        inputs[i, :-1] = np.poly(others)[::-1]
        taps[i] = powers[i, :N_TAPS] / np.prod([point - other for other in others])
    return Matrices(inputs, taps, outputs)


MATRICES = _toom_cook()


@dataclass(frozen=True)
class MatrixTransforms(Transforms):
    """Transforms for blocks of four columns, as products with `MATRICES`."""

    n_outputs: ClassVar[int] = N_OUTPUTS

    @property
    def group_sizes(self) -> list[tuple[int, int]]:
        return [(len(POINTS) + 1, 1)]

    def derived(self) -> dict[str, Shape]:
        n, _, c, k = self.geometry.weights_shape
        return {"transposed": (n, n, k, c)}

    def scratch(self) -> dict[str, Array]:
        return {"natural": Array.like_values(self.geometry.out_shape)}

    def derive(self, p: Namespace, training: bool) -> Calls:
        calls: Calls = [self._transform_taps(p.weights, p.taps0)]
        if training:
            calls += [
                partial(np.copyto, p.transposed, p.weights[::-1].swapaxes(2, 3)),
                self._transform_taps(p.transposed, p.reversed0),
            ]
        return calls

    def _transform_taps(self, weights: NDArray[Any], out: NDArray[Any]) -> Call:
        """``(rows, taps, c, k)`` to ``(points, rows, c, k)``."""
        taps = MATRICES.taps.astype(out.dtype)
        return partial(np.matmul, taps, weights.swapaxes(1, 2), out.transpose(1, 2, 0, 3))

    def inputs(self, m: Namespace) -> Calls:
        matrix = MATRICES.inputs.astype(m.x_stored.dtype)
        blocks = _blocks(m.x_stored, m.inputs0.shape[2], len(matrix), self.n_outputs)
        blocks = blocks.transpose(1, 2, 0, 3, 4)  # (t, blocks, h, inputs, c)
        return [partial(np.matmul, matrix, blocks, m.inputs0.transpose(1, 2, 3, 0, 4))]

    def outputs(self, products: NDArray[Any], y_planes: NDArray[Any]) -> Calls:
        calls: Calls = []
        matrix = MATRICES.outputs.astype(products.dtype)
        period, width = y_planes.shape[1], y_planes.shape[3]
        products = products.transpose(1, 2, 3, 0, 4)  # (rows, t, blocks, points, k)
        for plane in range(period):
            rows = matrix[plane::period]
            n_whole, rest = divmod(width, len(rows))
            y = y_planes[:, plane]
            if n_whole:
                out = _blocks(y, n_whole, len(rows), len(rows))
                calls.append(partial(np.matmul, rows, products[:, :, :n_whole], out))
            if rest:
                out = y[:, :, width - rest :]
                calls.append(partial(np.matmul, rows[:rest], products[:, :, n_whole], out))
        return calls

    def doutputs(self, m: Namespace) -> Calls:
        calls: Calls = []
        dy = m.dy_planes
        h, period, t, width, k = dy.shape
        if period > 1:  # the columns of a block must be equally far apart
            natural = m.natural.reshape(h, t, width, period, k)
            calls.append(partial(np.copyto, natural, dy.transpose(0, 2, 3, 1, 4)))
            dy = natural
        dy = dy.reshape(h, t, period * width, k).swapaxes(0, 1)  # (t, h, columns, k)
        matrix = np.ascontiguousarray(MATRICES.outputs.T, dtype=dy.dtype)
        n_whole, rest = divmod(dy.shape[2], self.n_outputs)
        out = m.doutputs.transpose(1, 2, 3, 0, 4)  # (t, blocks, h, points, k)
        if n_whole:
            blocks = _blocks(dy, n_whole, self.n_outputs, self.n_outputs).swapaxes(1, 2)
            calls.append(partial(np.matmul, matrix, blocks, out[:, :n_whole]))
        if rest:
            part = np.ascontiguousarray(matrix[:, :rest])
            calls.append(partial(np.matmul, part, dy[:, :, -rest:], out[:, n_whole]))
        return calls

    def dweights(self, m: Namespace, g: Namespace) -> Calls:
        matrix = np.ascontiguousarray(MATRICES.taps.T, dtype=m.dtaps0.dtype)
        dtaps = m.dtaps0.transpose(1, 2, 0, 3)  # (rows, c, points, k)
        return [partial(np.matmul, matrix, dtaps, g.weights.swapaxes(1, 2))]

    def dinputs(self, m: Namespace) -> list[NDArray[Any]]:
        # All points of a block side by side, so that `dx` finds those of two blocks in one matrix.
        h, _, _, c = m.dx.shape
        return [m.dinputs0.reshape(h, -1, len(POINTS) + 1, c).transpose(2, 0, 1, 3)]

    def dx(self, m: Namespace) -> Calls:
        """Each column from the blocks that read it: one, or two where they overlap."""
        matrix = np.ascontiguousarray(MATRICES.inputs.T, dtype=m.dx.dtype)
        n_inputs, n_points = matrix.shape
        overlap = n_inputs - self.n_outputs
        # Four columns, of which the first ones were also inputs of the block before.
        both = np.zeros((self.n_outputs, 2 * n_points), matrix.dtype)
        both[:overlap, :n_points] = matrix[self.n_outputs :]
        both[:, n_points:] = matrix[: self.n_outputs]
        h, t, width, c = m.dx.shape
        dinputs = m.dinputs0.reshape(h, t, -1, c)  # (h, t, blocks * points, c)
        n_blocks = dinputs.shape[2] // n_points
        calls: Calls = []
        for first, last, columns in _column_runs(
            n_blocks + 1, self.n_outputs, self.geometry.columns.before, width
        ):
            start, stop = max(0, first - 1), min(first + 1, n_blocks)  # of the blocks that are read
            rows = both[columns, (start - first + 1) * n_points : (stop - first + 1) * n_points]
            depth = rows.shape[1]
            read = _blocks(dinputs[:, :, start * n_points :], last - first, depth, n_points)
            x = first * self.n_outputs + columns.start - self.geometry.columns.before
            out = _blocks(m.dx[:, :, x:], last - first, len(rows), self.n_outputs)
            calls.append(partial(np.matmul, np.ascontiguousarray(rows), read, out))
        return calls


def _column_runs(n_blocks: int, size: int, before: int, width: int) -> list[tuple[int, int, slice]]:
    """Runs of blocks ``first ... last - 1`` and the columns of each that lie within the image.

    Blocks of `size` columns begin `before` columns left of an image with `width` columns. The first
    and the last block have a run of their own.
    """
    found: list[tuple[int, int, slice]] = []
    for block in range(n_blocks):
        left = block * size - before
        columns = slice(max(0, -left), min(size, width - left))
        if columns.start >= columns.stop:
            continue
        inner = 1 < block < n_blocks - 1
        if inner and found and found[-1][1:] == (block, columns):
            found[-1] = (found[-1][0], block + 1, columns)
        else:
            found.append((block, block + 1, columns))
    return found


def _blocks(array: NDArray[Any], n_blocks: int, size: int, step: int) -> NDArray[Any]:
    """View blocks of `size` columns, `step` apart: ``(..., columns, c)`` as (..., blocks, size, c).

    They may overlap.
    """
    *lead, _, c = array.shape
    *lead_strides, sx, sc = array.strides
    return as_strided(array, (*lead, n_blocks, size, c), (*lead_strides, step * sx, sx, sc))
