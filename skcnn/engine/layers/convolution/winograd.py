"""`WinogradConvolution`: convolution with fewer multiplications, along the width.

`winograd_terms` explains the algorithm. It computes blocks of two or four adjacent columns of the
output at once, by sums (`winograd_sums`) or small matrix products (`winograd_matrices`) over the
columns before and after the large products. All pieces of a filter use the same output transform,
so their inputs are stored side by side at each point, and one product adds them up.

What each point multiplies is stored ``(points, t, blocks, h, pieces * c)``. As in `lowering`, the
rows of a filter meet adjacent numbers in it: nothing is copied for them, and rows outside the image
are left out. All steps are linear; the gradients use the transposed transforms and as many
multiplications.

In float32 the rounding errors are larger than those of direct sums. With blocks of two the tests
allow 1.5 times as much; `winograd_matrices` has the figures for blocks of four.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Namespace, Plan
from skcnn.engine.layers.convolution import lowering
from skcnn.engine.layers.convolution.geometry import Geometry, find_runs
from skcnn.engine.layers.convolution.winograd_matrices import MatrixTransforms
from skcnn.engine.layers.convolution.winograd_sums import SumTransforms
from skcnn.engine.layers.convolution.winograd_transforms import Transforms
from skcnn.engine.memory import Array
from skcnn.engine.runtime.blas import is_uncopied
from skcnn.engine.runtime.calls import Calls

# Products are added up a few rows at a time, while they are in cache: float32 numbers in half of a
# second-level cache of 1 MB, for tiles of 32 images.
CACHED_NUMBERS = 128 * 1024
TILE = 32
BLOCKS = 128  # blocks in a row of all images of a tile, about


@dataclass(frozen=True)
class WinogradConvolution(Kernel):
    """A kernel of `Conv2D`; `plan` lists its arrays, numbered by group of points.

    Blocks have `n_outputs` columns; four are for filters of 3 x 3 only.
    """

    geometry: Geometry
    n_outputs: Literal[2, 4] = 2

    @cached_property
    def transforms(self) -> Transforms:
        """What happens before and after the products."""
        return (SumTransforms if self.n_outputs == 2 else MatrixTransforms)(self.geometry)

    @property
    def n_points(self) -> int:
        """The number of products for each block."""
        return sum(size for size, _ in self.transforms.group_sizes)

    @property
    def n_blocks(self) -> int:
        """Blocks in a row of the output; the last one may have fewer columns."""
        return -(-self.geometry.columns.n_out // self.n_outputs)

    @property
    def saved_share(self) -> float:
        """The share of the multiplications of a direct sum that is saved; it may be negative."""
        products = sum(size * n_pieces for size, n_pieces in self.transforms.group_sizes)
        direct = self.geometry.filter_size * self.geometry.columns.n_out
        return 1 - products * self.n_blocks / direct

    @property
    def _adds_all_rows(self) -> bool:
        """Whether products for the weights' gradient add up all rows of the output.

        With many filters, a product for each row would take longer to write than to compute.
        """
        _, _, c, k = self.geometry.weights_shape
        possible = self.n_outputs == 4 and self.geometry.padding == "same"
        return possible and not is_uncopied(c, BLOCKS, k)

    def plan(self) -> Plan:
        """What the kernel needs; the parameters are the layer's."""
        h, _, c = self.geometry.in_shape
        n, k = self.geometry.filter_size, self.geometry.n_filters
        rows, columns = self.geometry.rows, self.geometry.columns
        n_points, n_blocks = self.n_points, self.n_blocks
        at_once = min(rows.n_out, max(1, CACHED_NUMBERS // (TILE * n_points * n_blocks * k)))
        kept: dict[str, Array] = {}
        scratch = self.transforms.scratch()
        derived: dict[str, tuple[int, ...]] = {}
        backward_derived = self.transforms.derived()
        # points (and rows) come first, then images
        scratch["doutputs"] = Array((n_points, n_blocks, rows.n_out, k), images_second=True)
        for number, (size, n_pieces) in enumerate(self.transforms.group_sizes):
            depth = n_pieces * c
            kept[f"inputs{number}"] = Array((size, n_blocks, h, depth), images_second=True)
            scratch[f"dinputs{number}"] = Array((size * h, n_blocks, depth), images_second=True)
            if self._adds_all_rows:
                scratch["edges"] = Array((size, n_blocks, depth), images_second=True)
            else:
                scratch[f"partials{number}"] = Array((rows.n_out, size, n * depth, k), fixed=True)
            scratch[f"dtaps{number}"] = Array((size, n, depth, k), fixed=True)
            derived[f"taps{number}"] = (size, n, depth, k)
            backward_derived[f"reversed{number}"] = (size, n, k, depth)
        return Plan(
            kernel=self,
            out_shape=self.geometry.out_shape,
            kept=kept,
            scratch={"products": Array((n_points * at_once, n_blocks, k), images_second=True)},
            backward_scratch=scratch,
            derived=derived,
            backward_derived=backward_derived,
            # If the last block has fewer columns, its other columns read zeros.
            input_padding=(columns.before, columns.after + -columns.n_out % self.n_outputs),
            unpadded_output=True,
            output_periods=(1, 2) if self.n_outputs == 2 else (1, 2, 4),
            flops=self.geometry.flops,
        )

    def derive(self, p: Namespace, training: bool) -> Calls:
        """Sums of taps at each point, and the same with rows reversed for the input's gradient."""
        return self.transforms.derive(p, training)

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return self.transforms.inputs(m) + self._outputs(p, m)

    def _outputs(self, p: Namespace, m: Namespace) -> Calls:
        """Products and their sums, a few rows of the output at a time, while they are in cache."""
        k = self.geometry.n_filters
        n_rows, n_points = self.geometry.rows.n_out, self.n_points
        _, t, n_blocks, _ = m.products.shape
        at_once = len(m.products) // n_points
        products = m.products.reshape(n_points, at_once, t * n_blocks, k)
        calls: Calls = []
        for first in range(0, n_rows, at_once):
            last = min(first + at_once, n_rows)
            calls += self._products(p, m, products, first, last)
            done = products[:, : last - first].reshape(n_points, last - first, t, n_blocks, k)
            calls += self.transforms.outputs(done, m.y_planes[first:last])
        return calls

    def _products(
        self, p: Namespace, m: Namespace, products: NDArray[Any], first: int, last: int
    ) -> Calls:
        """Of rows ``first ... last - 1`` of the output, at all points."""
        k, h = self.geometry.n_filters, self.geometry.in_shape[0]
        n_blocks = products.shape[2]
        calls: Calls = []
        for run in self.geometry.row_runs:
            run = run.between(first, last)
            here = slice(run.first - first, run.last - first)
            for number, slots in self._group_slots() if len(run) else ():
                inputs = getattr(m, f"inputs{number}")
                size, depth = len(inputs), inputs.shape[-1]
                taps = getattr(p, f"taps{number}").reshape(size, -1, k)
                windows = inputs.reshape(size, n_blocks, h, depth)
                out = products[slots, here]
                calls.append(lowering.product(windows, run, taps[:, run.taps(depth)], out))
        return calls

    def _group_slots(self) -> list[tuple[int, slice]]:
        """The number of each group of points, and the place of its points among all."""
        found, first = [], 0
        for number, (size, _) in enumerate(self.transforms.group_sizes):
            found.append((number, slice(first, first + size)))
            first += size
        return found

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        calls = self.transforms.doutputs(m) + self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _weights_gradient(self, m: Namespace, g: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, _, _ = m.x.shape
        n_rows = self.geometry.rows.n_out
        calls: Calls = []
        for number, slots in self._group_slots():
            inputs = getattr(m, f"inputs{number}")
            size, _, n_blocks, _, depth = inputs.shape
            doutputs = m.doutputs[slots].reshape(size, t * n_blocks, n_rows, k)
            inputs = inputs.reshape(size, t * n_blocks, h, depth)
            dtaps = getattr(m, f"dtaps{number}")
            if self._adds_all_rows:
                edges = m.edges.reshape(size, t * n_blocks, depth)
                calls += lowering.three_taps_gradient(inputs, doutputs, edges, dtaps)
            else:
                calls += lowering.taps_gradient(
                    inputs,
                    self.geometry.row_runs,
                    doutputs.swapaxes(1, 2),
                    getattr(m, f"partials{number}"),
                    dtaps.reshape(size, n * depth, k),
                )
        return calls + self.transforms.dweights(m, g)

    def _input_gradient(self, p: Namespace, m: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, rows = self.geometry.in_shape[0], self.geometry.rows
        # Tap r of input row y is output row y + r - reach: the filter, rows reversed.
        reach = n - 1 - rows.before
        calls: Calls = []
        views = self.transforms.dinputs(m)
        for (number, slots), dinputs in zip(self._group_slots(), views, strict=True):
            size, _, n_blocks, depth = dinputs.shape
            doutputs = m.doutputs[slots].reshape(size, n_blocks, rows.n_out, k)
            flipped = getattr(p, f"reversed{number}").reshape(size, n * k, depth)
            for run in find_runs(h, rows.n_out, n, reach):
                taps = flipped[:, run.taps(k)]
                calls.append(lowering.product(doutputs, run, taps, dinputs[:, run.positions]))
        return calls + self.transforms.dx(m)
