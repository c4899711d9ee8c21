"""`Conv2D`, on the lowered arrays of `lowering`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skcnn.engine import lowering
from skcnn.engine.memory import Array
from skcnn.engine.plan import Parameter, Plan, Shape


@dataclass(frozen=True)
class Conv2D:
    """Convolution (cross-correlation, as everywhere in this field) with square filters, stride 1.

    The bias belongs to the `BiasActivation` that follows: behind max pooling, with which it
    commutes, it meets four times fewer numbers.
    """

    n_filters: int
    filter_size: int
    padding: str = "same"

    def plan(self, in_shape: Shape) -> Plan:
        _, w, c = in_shape
        n, k = self.filter_size, self.n_filters
        rows, columns = self._windows(in_shape)
        weights = (n, n, c, k)
        products = sum(
            (run.last - run.first) * (run.hi - run.lo)
            for run in lowering.runs(columns.n_out, w, n, columns.before)
        )
        return Plan(
            out_shape=(rows.n_out, columns.n_out, k),
            parameters={"weights": Parameter(weights, n * n * c, n * n * k)},
            kept={"lowered": Array((rows.n_out, w, n * c))},
            backward_scratch={
                "dlowered": Array((rows.n_out, w, n * c)),
                "dcolumns": Array((rows.n_out, columns.n_out, k)),
                # one product an output column, added up afterwards
                "dweights": Array((columns.n_out, *weights), fixed=True),
            },
            derived={"reversed": (n, k, n * c)},
            input_padding=(rows.before, rows.after),
            row_order=True,
            flops=2 * rows.n_out * products * n * c * k,
        )

    def _windows(self, in_shape: Shape) -> tuple[lowering.Window, lowering.Window]:
        return (
            lowering.Window.along(self.filter_size, in_shape[0], self.padding),
            lowering.Window.along(self.filter_size, in_shape[1], self.padding),
        )

    def bind(self, m):
        n = self.filter_size
        t, h, w, c = m.x.shape
        rows, columns = self._windows((h, w, c))
        k = self.n_filters
        # m.x is a view of (t, w, padded h, c); the padding stays zero for ever
        patches = lowering.patches_along_height(m.x_stored, n)
        if n * c >= 8:
            m.lower = [(m.lowered, patches)]
        else:  # short pieces: fewer and longer copies, one row of the filter at a time
            pieces = m.lowered.reshape(t, rows.n_out, w, n, c)
            m.lower = [(pieces[..., i, :], patches[..., i * c : (i + 1) * c]) for i in range(n)]
        taps = n * c
        runs = lowering.runs(columns.n_out, w, n, columns.before)
        m.products = [
            (
                lowering.sliding_rows(m.lowered, run),
                slice(run.lo * taps, run.hi * taps),
                lowering.column_matrices(m.y, run, m.y_columns),
            )
            for whole_run in runs
            for run in m.y_columns.split(whole_run)
        ]
        if m.dy is None:
            return
        m.weight_products = []  # the long run of columns that meet all taps comes first
        partials = m.dweights.reshape(columns.n_out, n * taps, k)
        for run in runs:
            parts = []
            done = 0
            for part in m.y_columns.split(run):
                parts.append(
                    (
                        lowering.sliding_rows(m.lowered, part).transpose(0, 2, 1),
                        lowering.column_matrices(m.dy, part, m.y_columns),
                        partials[done : done + len(part), : (run.hi - run.lo) * taps],
                    )
                )
                done += len(part)
            partial = partials[:done, : (run.hi - run.lo) * taps]
            m.weight_products.append((parts, partial, slice(run.lo * taps, run.hi * taps)))
        m.weight_products.sort(key=lambda product: -len(product[1]))
        if m.dx is None:
            return
        m.reorder = []
        dcolumns = m.dy
        if m.y_columns.period > 1:  # the windows over dy are pieces of rows in their natural order
            dcolumns = m.dcolumns
            period = m.y_columns.period
            m.reorder = [
                (m.dcolumns[:, :, q::period], m.dy[:, :, m.y_columns.columns(q, columns.n_out)])
                for q in range(min(period, columns.n_out))
            ]
        # Tap r of input column x is output column x + r - reach: the filter, columns reversed.
        reach = n - 1 - columns.before
        m.input_products = [
            (
                lowering.sliding_rows(dcolumns, run),
                slice(run.lo * k, run.hi * k),
                lowering.column_matrices(m.dlowered, run, lowering.ColumnOrder(w)),
            )
            for run in lowering.runs(w, columns.n_out, n, reach)
        ]
        dlowered = m.dlowered.reshape(t, rows.n_out, w, n, c)
        m.folds = []
        for i in range(n):  # input row y + i - before has L[y, i] in it
            first = max(0, rows.before - i)
            last = min(rows.n_out, h + rows.before - i)
            if first < last:
                shift = i - rows.before
                m.folds.append(
                    (m.dx[:, first + shift : last + shift], dlowered[:, first:last, :, i])
                )
        # a fold that reaches every row of the input can overwrite, and spares the zeros
        m.folds.sort(key=lambda fold: fold[0].shape[1] != h)
        m.overwrite = m.folds[0][0].shape[1] == h

    def derive(self, p):
        n, k = self.filter_size, self.n_filters
        np.copyto(p.reversed.reshape(n, k, n, -1), p.weights[::-1].transpose(0, 3, 1, 2))

    def forward(self, p, m):
        for lowered, patches in m.lower:
            np.copyto(lowered, patches)
        weights = p.weights.reshape(-1, self.n_filters)
        for patches, taps, out in m.products:
            np.matmul(patches, weights[taps], out=out)

    def backward(self, p, m, g):
        dweights = g.weights.reshape(-1, self.n_filters)
        covered = m.weight_products[0][-1] == slice(0, len(dweights))
        if not covered:  # a small image: some taps may never meet a pixel
            dweights[:] = 0
        for number, (parts, partial, taps) in enumerate(m.weight_products):
            for patches, dout, products in parts:
                np.matmul(patches, dout, out=products)
            if number == 0 and covered:
                np.add.reduce(partial, axis=0, out=dweights)
            else:
                for column in partial:
                    np.add(dweights[taps], column, out=dweights[taps])
        if m.dx is None:
            return
        for natural, dy in m.reorder:
            np.copyto(natural, dy)
        flipped = p.reversed.reshape(-1, p.reversed.shape[2])
        for dout, taps, out in m.input_products:
            np.matmul(dout, flipped[taps], out=out)
        if not m.overwrite:
            m.dx[:] = 0
        for index, (dx, dlowered) in enumerate(m.folds):
            if index == 0 and m.overwrite:
                np.copyto(dx, dlowered)
            else:
                np.add(dx, dlowered, out=dx)
