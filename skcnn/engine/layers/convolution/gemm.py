"""`GemmConvolution`: lowering along the width and general matrix products (GEMM)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Kernel, Namespace, Plan
from skcnn.engine.layers.convolution import lowering
from skcnn.engine.layers.convolution.geometry import Geometry, find_runs
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class GemmConvolution(Kernel):
    """A kernel of `Conv2D`: products of patches with filters, over lowered arrays (`lowering`)."""

    geometry: Geometry

    def plan(self) -> Plan:
        """What the kernel needs; the parameters are the layer's."""
        g = self.geometry
        h, w, c = g.in_shape
        n, k = g.filter_size, g.n_filters
        rows, columns = g.rows, g.columns
        return Plan(
            kernel=self,
            out_shape=g.out_shape,
            kept={"lowered": Array((columns.n_out, h, n * c))},
            backward_scratch={
                "dlowered": Array((rows.n_out, w, n * c), images_second=True),
                "dnatural": Array((rows.n_out, columns.n_out, k), images_second=True),
                # one product for each row of the output, added up afterwards
                "dweights": Array((rows.n_out, *g.weights_shape), fixed=True),
            },
            backward_derived={"reversed": (n, k, n * c)},
            input_padding=(columns.before, columns.after),
            unpadded_output=True,
            flops=g.flops,
        )

    def derive(self, p: Namespace, training: bool) -> Calls:
        """Filters (j, k, i, c) with their columns reversed, for the gradient of the input."""
        if not training:
            return []
        n, k = self.geometry.filter_size, self.geometry.n_filters
        backwards = p.weights[:, ::-1].transpose(1, 3, 0, 2)
        return [partial(np.copyto, p.reversed.reshape(n, k, n, -1), backwards)]

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, _, c = self.geometry.in_shape
        n_parts = m.x_stored.shape[1] if m.separate_images else 1
        patches = lowering.patches_along_width(m.x_stored, n, m.y_planes.shape[1])
        lowered = m.lowered.reshape(patches.shape)
        calls: Calls
        if n * c >= 8:
            calls = [partial(np.copyto, lowered, patches)]
        else:  # short pieces: fewer and longer copies, one column of the filter at a time
            columns = [slice(j * c, (j + 1) * c) for j in range(n)]
            calls = [partial(np.copyto, lowered[..., j], patches[..., j]) for j in columns]
        weights = p.weights.reshape(-1, k)
        lowered = m.lowered.reshape(-1, h, n * c)
        y = m.y_planes.reshape(len(m.y_planes), -1, k)
        for run in self.geometry.row_runs:
            taps = weights[run.taps(n * c)]
            calls.append(lowering.product(lowered, run, taps, y[run.positions], n_parts))
        return calls

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        calls = self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _weights_gradient(self, m: Namespace, g: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, _, c = self.geometry.in_shape
        lowered = m.lowered.reshape(-1, h, n * c)
        dy = m.dy_planes.reshape(len(m.dy_planes), -1, k)
        partials = m.dweights.reshape(-1, n * n * c, k)
        dweights = g.weights.reshape(n * n * c, k)
        return lowering.taps_gradient(lowered, self.geometry.row_runs, dy, partials, dweights)

    def _input_gradient(self, p: Namespace, m: Namespace) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        _, t, w, c = m.x.shape
        rows, columns = self.geometry.rows, self.geometry.columns
        calls: Calls = []
        dy = m.dy_planes
        period = dy.shape[1]
        if period > 1:  # windows over dy need the columns in their natural order
            natural = m.dnatural.reshape(rows.n_out, t, columns.n_out // period, period, k)
            calls.append(partial(np.copyto, natural, dy.transpose(0, 2, 3, 1, 4)))
            dy = natural
        dy = dy.reshape(rows.n_out * t, columns.n_out, k)
        dlowered = m.dlowered.reshape(rows.n_out * t, w, n * c)
        flipped = p.reversed.reshape(-1, n * c)
        # Tap r of input column x is output column x + r - reach: the filter, columns reversed.
        reach = n - 1 - columns.before
        for run in find_runs(w, columns.n_out, n, reach):
            target = dlowered[:, run.positions].swapaxes(0, 1)
            calls.append(lowering.product(dy, run, flipped[run.taps(k)], target))
        return calls + self._add_lowered_rows(m)

    def _add_lowered_rows(self, m: Namespace) -> Calls:
        """Add the gradient of each lowered row to the rows of the input that it was copied from."""
        n, (h, t, w, c) = self.geometry.filter_size, m.x.shape
        rows = self.geometry.rows
        dlowered = m.dlowered.reshape(rows.n_out, t, w, n, c)
        additions = []
        for i in range(n):  # row y of the output reads row y + i - before of the input
            first = max(0, rows.before - i)
            last = min(rows.n_out, h + rows.before - i)
            if first < last:
                target = slice(first + i - rows.before, last + i - rows.before)
                additions.append((m.dx[target], dlowered[first:last, :, :, i]))
        # If an addition reaches every row, it can overwrite dx, which then need not be zeroed.
        additions.sort(key=lambda addition: len(addition[0]) != h)
        calls: Calls = []
        if len(additions[0][0]) == h:
            calls.append(partial(np.copyto, *additions.pop(0)))
        else:
            calls.append(partial(m.dx.fill, 0))
        return calls + [partial(np.add, dx, part, dx) for dx, part in additions]
