"""`Winograd2DConvolution`: F(4 x 4, 3 x 3), with the fewest multiplications for 3 x 3 filters.

It computes blocks of 4 x 4 adjacent outputs at once (Lavin & Gray, CVPR 2016). The matrices of
`winograd_matrices`, applied along the rows and along the columns, turn the 6 x 6 inputs of a block
into 6 x 6 numbers, and 36 products give 16 outputs. That is a quarter of the multiplications of a
direct sum; four outputs in one dimension take a half.

At each of the 36 points, one matrix product is computed for all blocks. The inputs at the points
are kept for the gradient of the weights. The gradient of the input is a convolution, too: of
``dy``, with the filters reversed. To reverse the inputs and the outputs of each block gives the
same result with the same transformed filters.

In float32 the rounding errors are two to six times as large as those of direct sums; the tests
allow six and a half times as much. They are largest with many channels and inputs that are not
negative, as after ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Namespace, Plan
from skcnn.engine.layers.convolution.geometry import Geometry
from skcnn.engine.layers.convolution.winograd_2d_transforms import (
    from_points,
    n_blocks,
    part_of,
    to_points,
)
from skcnn.engine.layers.convolution.winograd_matrices import MATRICES, N_OUTPUTS, N_TAPS
from skcnn.engine.memory import Array
from skcnn.engine.runtime.blas import rows_per_product
from skcnn.engine.runtime.calls import Call, Calls

N_POINTS = len(MATRICES.inputs)  # along each axis

# A few rows of blocks are transformed and multiplied at a time, so that they stay in cache: as many
# as give products this number of rows, for tiles of 32 images.
PRODUCT_ROWS = 128
TILE = 32


@dataclass(frozen=True)
class Winograd2DConvolution(Kernel):
    """A kernel of `Conv2D`, for filters of 3 x 3."""

    geometry: Geometry

    @property
    def saved_share(self) -> float:
        """The share of the multiplications of a direct sum that is saved; it may be negative.

        On average over the output and the two gradients: blocks of the input's gradient cover the
        input, which is larger than the output without padding.
        """
        (h, w, c), (out_h, out_w, k) = self.geometry.in_shape, self.geometry.out_shape
        blocks = (2 * n_blocks(out_h) * n_blocks(out_w) + n_blocks(h) * n_blocks(w)) / 3
        return 1 - 2 * N_POINTS**2 * blocks * c * k / self.geometry.flops

    @property
    def _rows_at_once(self) -> int:
        """Rows of blocks that are transformed and multiplied at a time."""
        h, w, _ = self.geometry.in_shape
        return min(n_blocks(h), -(-PRODUCT_ROWS // (TILE * n_blocks(w))))

    def _block_rows(self, n_outputs: int) -> Iterator[range]:
        """The rows of blocks, a few at a time."""
        n, at_once = n_blocks(n_outputs), self._rows_at_once
        return (range(first, min(first + at_once, n)) for first in range(0, n, at_once))

    def plan(self) -> Plan:
        """What the kernel needs; the parameters are the layer's."""
        _, w, c = self.geometry.in_shape
        out_h, out_w, k = self.geometry.out_shape
        n_points, most = N_POINTS**2, max(c, k)
        out_blocks, at_once = n_blocks(out_h) * n_blocks(out_w), self._rows_at_once * n_blocks(w)
        return Plan(
            kernel=self,
            out_shape=self.geometry.out_shape,
            # points come first, then blocks, images and channels
            kept={"inputs": Array((n_points * out_blocks, c), images_second=True)},
            scratch={
                "one_axis": Array((N_POINTS * at_once * N_OUTPUTS, most), images_second=True),
                "products": Array((n_points * at_once, most), images_second=True),
            },
            backward_scratch={
                "doutputs": Array((n_points * out_blocks, k), images_second=True),
                "dy_inputs": Array((n_points * at_once, k), images_second=True),
                "dtaps": Array((N_POINTS, N_POINTS, c, k), fixed=True),
                "dtaps_one_axis": Array((N_TAPS, N_POINTS, c, k), fixed=True),
            },
            derived={
                "taps": (N_POINTS, N_POINTS, c, k),
                "taps_one_axis": (N_POINTS, N_TAPS, c, k),
            },
            backward_derived={
                "transposed_weights": (N_TAPS, N_TAPS, k, c),
                "transposed_taps": (N_POINTS, N_POINTS, k, c),
            },
            # The kernel for separate images needs padding, which a convolution cannot write. With
            # this request, a convolution directly before this one is an error in training, too.
            input_padding=(0, 0),
            unpadded_output=True,
            flops=self.geometry.flops,
        )

    def derive(self, p: Namespace, training: bool) -> Calls:
        """The filters at each point; for the gradient of the input also ``(k, c)``."""
        calls = _transform_taps(MATRICES.taps, p.weights, p.taps_one_axis, p.taps)
        if training:
            one_axis = p.taps_one_axis.reshape(N_POINTS, *p.transposed_weights.shape[1:])
            calls += [
                partial(np.copyto, p.transposed_weights, p.weights.swapaxes(2, 3)),
                *_transform_taps(MATRICES.taps, p.transposed_weights, one_axis, p.transposed_taps),
            ]
        return calls

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        before = self.geometry.rows.before, self.geometry.columns.before
        inputs = self._inputs(m)
        calls: Calls = []
        for block_rows in self._block_rows(self.geometry.out_shape[0]):
            part = inputs[:, :, block_rows.start : block_rows.stop]
            calls += to_points(MATRICES.inputs, m.x[:, None], before, block_rows, m.one_axis, part)
            calls += _outputs(MATRICES.outputs, part, p.taps, block_rows, m, m.y_planes)
        return calls

    def _inputs(self, m: Namespace) -> NDArray[Any]:
        h, w, _ = self.geometry.out_shape
        _, t, _, c = m.x.shape
        inputs: NDArray[Any] = m.inputs.reshape(N_POINTS, N_POINTS, n_blocks(h), n_blocks(w), t, c)
        return inputs

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        calls = self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _weights_gradient(self, m: Namespace, g: Namespace) -> Calls:
        h, _, k = self.geometry.out_shape
        inputs = self._inputs(m)
        c = inputs.shape[-1]
        doutputs = m.doutputs.reshape(*inputs.shape[:-1], k)
        matrix = MATRICES.outputs.T
        calls: Calls = []
        for block_rows in self._block_rows(h):
            part = doutputs[:, :, block_rows.start : block_rows.stop]
            calls += to_points(matrix, m.dy_planes, (0, 0), block_rows, m.one_axis, part)
        inputs, doutputs = (
            each.reshape(N_POINTS**2, -1, each.shape[-1]) for each in (inputs, doutputs)
        )
        dtaps = m.dtaps.reshape(N_POINTS**2, c, k)
        return [
            *calls,
            partial(np.matmul, inputs.swapaxes(1, 2), doutputs, dtaps),
            *_transform_taps(MATRICES.taps.T, m.dtaps, m.dtaps_one_axis, g.weights),
        ]

    def _input_gradient(self, p: Namespace, m: Namespace) -> Calls:
        k = self.geometry.n_filters
        h, t, w, _ = m.dx.shape
        # Row y of dx is computed from the rows y - before ... of dy.
        rows, columns = self.geometry.rows, self.geometry.columns
        before = N_TAPS - 1 - rows.before, N_TAPS - 1 - columns.before
        from_dy, to_dx = MATRICES.inputs[:, ::-1], MATRICES.outputs[::-1]  # reversed
        calls: Calls = []
        for block_rows in self._block_rows(h):
            shape = N_POINTS, N_POINTS, len(block_rows), n_blocks(w), t, k
            part = part_of(m.dy_inputs, shape)
            calls += to_points(from_dy, m.dy_planes, before, block_rows, m.one_axis, part)
            calls += _outputs(to_dx, part, p.transposed_taps, block_rows, m, m.dx[:, None])
        return calls


def _outputs(
    matrix: NDArray[np.float64],
    inputs: NDArray[Any],
    taps: NDArray[Any],
    block_rows: range,
    m: Namespace,
    planes: NDArray[Any],
) -> Calls:
    """Products at each point, and some rows of `planes` from them."""
    products = part_of(m.products, (*inputs.shape[:-1], planes.shape[-1]))
    return [
        _products(inputs, taps, products),
        *from_points(matrix, products, m.one_axis, block_rows, planes),
    ]


def _transform_taps(
    matrix: NDArray[Any], taps: NDArray[Any], one_axis: NDArray[Any], out: NDArray[Any]
) -> Calls:
    """Rows and columns of filters ``(n, n, c, k)``, with a matrix of n columns; by channel."""
    matrix = np.ascontiguousarray(matrix, dtype=out.dtype)
    axes = 1, 2, 0, 3
    return [
        partial(np.matmul, matrix, taps.transpose(axes), one_axis.transpose(axes)),
        partial(np.matmul, matrix, one_axis.swapaxes(1, 2), out.swapaxes(1, 2)),
    ]


def _products(inputs: NDArray[Any], taps: NDArray[Any], out: NDArray[Any]) -> Call:
    """``inputs @ taps`` at each point."""
    *blocks, c = inputs.shape[2:]
    n_rows, k = math.prod(blocks), out.shape[-1]
    each = rows_per_product(n_rows, c, k)
    shape = N_POINTS**2, n_rows // each, each  # also of some rows of blocks, this is a view
    taps = taps.reshape(N_POINTS**2, 1, c, k)
    return partial(np.matmul, inputs.reshape(*shape, c), taps, out.reshape(*shape, k))
