"""`DirectConvolution`: products over the lowered arrays of `lowering`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Calls, Plan
from skcnn.engine.layers.convolution import lowering
from skcnn.engine.layers.convolution.lowering import Geometry
from skcnn.engine.memory import Array


@dataclass(frozen=True)
class DirectConvolution:
    """A kernel of `Conv2D`: each number of the output is a sum over a patch of the input."""

    geometry: Geometry

    def plan(self) -> Plan:
        g = self.geometry
        h, w, c = g.in_shape
        n, k = g.filter_size, g.n_filters
        rows, columns = g.rows, g.columns
        return Plan(
            out_shape=g.out_shape,
            parameters={"weights": g.weights},
            kept={"lowered": Array((columns.n_out, h, n * c))},
            backward_scratch={
                "dlowered": Array((rows.n_out, w, n * c), images_second=True),
                "dnatural": Array((rows.n_out, columns.n_out, k), images_second=True),
                # one product an output row, added up afterwards
                "dweights": Array((rows.n_out, *g.weights.shape), fixed=True),
            },
            backward_derived={"reversed": (n, k, n * c)},
            input_padding=(columns.before, columns.after),
            row_order=True,
            flops=g.flops,
        )

    def derive(self, p, training) -> Calls:
        if not training:
            return []
        n, k = self.geometry.filter_size, self.geometry.n_filters
        # (j, k, i, c), columns reversed
        backwards = p.weights[:, ::-1].transpose(1, 3, 0, 2)
        return [partial(np.copyto, p.reversed.reshape(n, k, n, -1), backwards)]

    def forward(self, p, m) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, _, c = self.geometry.in_shape
        # m.x is a view of (h, t, padded w, c); the padding stays zero for ever
        patches = lowering.patches_along_width(m.x_stored, n, m.y_planes.shape[1])
        lowered = m.lowered.reshape(patches.shape)
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
            calls.append(lowering.product(lowered, run, taps, y[run.positions]))
        return calls

    def backward(self, p, m, g) -> Calls:
        calls = self._weights_gradient(m, g)
        if m.dx is not None:
            calls += self._input_gradient(p, m)
        return calls

    def _weights_gradient(self, m, g) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, _, c = self.geometry.in_shape
        lowered = m.lowered.reshape(-1, h, n * c)
        dy = m.dy_planes.reshape(len(m.dy_planes), -1, k)
        partials = m.dweights.reshape(-1, n * n * c, k)
        dweights = g.weights.reshape(n * n * c, k)
        return lowering.taps_gradient(lowered, self.geometry.row_runs, dy, partials, dweights)

    def _input_gradient(self, p, m) -> Calls:
        n, k = self.geometry.filter_size, self.geometry.n_filters
        h, t, w, c = m.x.shape
        rows, columns = self.geometry.rows, self.geometry.columns
        calls: Calls = []
        dy = m.dy_planes
        period = dy.shape[1]
        if period > 1:  # windows over dy are pieces of rows in their natural order
            natural = m.dnatural.reshape(rows.n_out, t, columns.n_out // period, period, k)
            calls.append(partial(np.copyto, natural, dy.transpose(0, 2, 3, 1, 4)))
            dy = natural
        dy = dy.reshape(rows.n_out * t, columns.n_out, k)
        dlowered = m.dlowered.reshape(rows.n_out * t, w, n * c)
        flipped = p.reversed.reshape(-1, n * c)
        # Tap r of input column x is output column x + r - reach: the filter, columns reversed.
        reach = n - 1 - columns.before
        for run in lowering.runs(w, columns.n_out, n, reach):
            target = dlowered[:, run.positions].swapaxes(0, 1)
            calls.append(lowering.product(dy, run, flipped[run.taps(k)], target))
        dlowered = m.dlowered.reshape(rows.n_out, t, w, n, c)
        folds = []
        for i in range(n):  # input row y + i - before has L[y, i] in it
            first = max(0, rows.before - i)
            last = min(rows.n_out, h + rows.before - i)
            if first < last:
                target = slice(first + i - rows.before, last + i - rows.before)
                folds.append((m.dx[target], dlowered[first:last, :, :, i]))
        # a fold that reaches every row of the input can overwrite, and spares the zeros
        folds.sort(key=lambda fold: len(fold[0]) != h)
        if len(folds[0][0]) == h:
            calls.append(partial(np.copyto, *folds.pop(0)))
        else:
            calls.append(partial(m.dx.fill, 0))
        return calls + [partial(np.add, dx, part, dx) for dx, part in folds]
