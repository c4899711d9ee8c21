"""The layers: values that hold settings only. Memory is passed in.

A layer answers `plan(in_shape)`: the shape of its output and the arrays that it needs. `Network`
lays the arrays out, and hands each call

- ``p``: the layer's parameters, by name, and what was derived from them for this step,
- ``m``: the layer's memory for one tile: ``m.x`` input, ``m.y`` output, ``m.dx`` and ``m.dy`` their
  gradients (``m.dx`` None where nobody needs it), and the arrays that it asked for, by name,
- ``g``: where the tile's gradients of the parameters go, by name.

A gradient is ``d`` + name. Images are ``(t, h, w, c)`` to look at, whatever their order in memory.

Contains Conv2D, Dense, BiasActivation, Dropout, Flatten; pooling is in `pooling`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from skcnn.engine import lowering
from skcnn.engine.memory import Array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """A weight or a bias: its shape, and how many inputs and outputs meet in it (weights only)."""

    shape: Shape
    fan_in: int = 0
    fan_out: int = 0

    @property
    def is_weight(self) -> bool:
        return self.fan_in > 0


@dataclass(frozen=True)
class Plan:
    """What a layer makes of an input shape, and what it needs for it.

    Attributes
    ----------
    out_shape : (h, w, c) or (features,)
    parameters : by name
    kept : arrays that live from forward to backward
    scratch, backward_scratch : arrays that live for one call; the latter made only for training
    derived : arrays computed from the parameters once a step
    input_padding : rows of zeros (before, after) that the layer wants around its input, which it
        then also wants stored column by column; None: no wish
    in_place : the output is the input's memory
    idle_in_prediction : does nothing but while training; its output is then the input's memory
    whole_batch : names of parameters whose gradient is one product over the mini-batch
    flops : multiplications and additions an image of the forward matrix products
    """

    out_shape: Shape
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    kept: Mapping[str, Array] = field(default_factory=dict)
    scratch: Mapping[str, Array] = field(default_factory=dict)
    backward_scratch: Mapping[str, Array] = field(default_factory=dict)
    derived: Mapping[str, Shape] = field(default_factory=dict)
    input_padding: tuple[int, int] | None = None
    in_place: bool = False
    idle_in_prediction: bool = False
    whole_batch: tuple[str, ...] = ()
    flops: int = 0


class Layer(Protocol):
    """What `Network` asks of a layer."""

    def plan(self, in_shape: Shape) -> Plan: ...

    def bind(self, m: SimpleNamespace) -> None:
        """Add to `m` the views that forward and backward use; called once, not in the loop."""

    def derive(self, p: Any) -> None:
        """Compute the derived arrays from the parameters."""

    def forward(self, p: Any, m: Any) -> None: ...

    def backward(self, p: Any, m: Any, g: Any) -> None: ...


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
        h, w, c = in_shape
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
                # one product an output column, added up afterwards
                "dweights": Array((columns.n_out, *weights), fixed=True),
            },
            derived={"reversed": (n, k, n * c)},
            input_padding=(rows.before, rows.after),
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
            m.lower = [
                (pieces[..., i, :], patches[..., i * c : (i + 1) * c]) for i in range(n)
            ]
        taps = n * c
        m.products = [
            (
                lowering.sliding_rows(m.lowered, run),
                slice(run.lo * taps, run.hi * taps),
                lowering.column_matrices(m.y, run),
            )
            for run in lowering.runs(columns.n_out, w, n, columns.before)
        ]
        if m.dy is None:
            return
        m.weight_products = []
        for run in lowering.runs(columns.n_out, w, n, columns.before):
            if run.hi == run.lo:
                continue
            rows_of_weights = slice(run.lo * taps, run.hi * taps)
            partial = m.dweights.reshape(columns.n_out, n * taps, k)[
                : run.last - run.first, : (run.hi - run.lo) * taps
            ]
            m.weight_products.append(
                (
                    lowering.sliding_rows(m.lowered, run).transpose(0, 2, 1),
                    lowering.column_matrices(m.dy, run),
                    partial,
                    rows_of_weights,
                )
            )
        if m.dx is None:
            return
        # Tap r of input column x is output column x + r - reach: the filter, columns reversed.
        reach = n - 1 - columns.before
        m.input_products = [
            (
                lowering.sliding_rows(m.dy, run),
                slice(run.lo * k, run.hi * k),
                lowering.column_matrices(m.dlowered, run),
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
                    (m.dx[:, first + shift : last + shift], dlowered[:, first:last, :, :, :][..., i, :])
                )
        # a fold that reaches every row of the input can overwrite, and spares the zeros
        m.folds.sort(key=lambda fold: fold[0].shape[1] != h)
        m.overwrite = m.folds[0][0].shape[1] == h

    def derive(self, p):
        n, k = self.filter_size, self.n_filters
        np.copyto(
            p.reversed.reshape(n, k, n, -1), p.weights[::-1].transpose(0, 3, 1, 2)
        )

    def forward(self, p, m):
        for lowered, patches in m.lower:
            np.copyto(lowered, patches)
        weights = p.weights.reshape(-1, self.n_filters)
        for patches, taps, out in m.products:
            np.matmul(patches, weights[taps], out=out)

    def backward(self, p, m, g):
        dweights = g.weights.reshape(-1, self.n_filters)
        first = len(m.weight_products) > 1
        if first:
            dweights[:] = 0
        for patches, dout, partial, taps in m.weight_products:
            np.matmul(patches, dout, out=partial)
            if first:
                for column in partial:
                    np.add(dweights[taps], column, out=dweights[taps])
            else:
                np.add.reduce(partial, axis=0, out=dweights[taps])
        if m.dx is None:
            return
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


@dataclass(frozen=True)
class Flatten:
    """Images to rows of features, in the order (h, w, c)."""

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(out_shape=(math.prod(in_shape),))

    def bind(self, m):
        m.y_images = m.y.reshape(m.x.shape)
        m.dy_images = None if m.dy is None else m.dy.reshape(m.x.shape)

    def derive(self, p):
        pass

    def forward(self, p, m):
        np.copyto(m.y_images, m.x)

    def backward(self, p, m, g):
        if m.dx is not None:
            np.copyto(m.dx, m.dy_images)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer; its bias belongs to the `BiasActivation` that follows.

    The gradient of its weights is one product over the whole mini-batch (`whole_batch`), so
    `backward` leaves it alone: with a product a tile, each would write all of it again.
    """

    n_units: int

    def plan(self, in_shape: Shape) -> Plan:
        (n_in,) = in_shape
        return Plan(
            out_shape=(self.n_units,),
            parameters={"weights": Parameter((n_in, self.n_units), n_in, self.n_units)},
            whole_batch=("weights",),
            flops=2 * n_in * self.n_units,
        )

    def bind(self, m):
        pass

    def derive(self, p):
        pass

    def forward(self, p, m):
        np.matmul(m.x, p.weights, out=m.y)

    def backward(self, p, m, g):
        if m.dx is not None:
            np.matmul(m.dy, p.weights.T, out=m.dx)


@dataclass(frozen=True)
class BiasActivation:
    """Add a bias per channel (or unit), then apply an activation, in place.

    `function` is "identity", "relu", "tanh" or "sigmoid". The sigmoid is computed as
    ``0.5 + 0.5 * tanh(z / 2)``: one fast vectorised function, no overflow.
    """

    function: str

    def plan(self, in_shape: Shape) -> Plan:
        backward_scratch = {}
        if self.function == "relu":
            backward_scratch = {"positive": Array(in_shape, bool)}
        elif self.function != "identity":
            backward_scratch = {"slope": Array(in_shape)}
        longest = max(in_shape[:2]) if len(in_shape) == 3 else 1
        return Plan(
            out_shape=in_shape,
            parameters={"bias": Parameter((in_shape[-1],))},
            scratch={"tiled": Array((longest, in_shape[-1]), fixed=True)},
            backward_scratch=backward_scratch,
            in_place=True,
        )

    def bind(self, m):
        # In memory order, and a whole row (or column) of pixels in one run: numpy pays by the run.
        order = (0, 2, 1, 3) if m.transposed else range(m.y.ndim)
        m.y_stored = m.y.transpose(*order)
        channels = m.y.shape[-1]
        pixels = m.y_stored.shape[2] if m.y.ndim == 4 else 1
        m.tiled = m.tiled[:pixels]
        m.tiled_run = m.tiled.reshape(pixels * channels)
        m.y_runs = m.y_stored.reshape(*m.y_stored.shape[:2], -1) if m.y.ndim == 4 else m.y
        if m.dy is None:
            return
        m.dy_stored = m.dy.transpose(*order)
        m.dy_rows = m.dy_stored.reshape(-1, channels)
        m.ones = np.ones(len(m.dy_rows), m.dy.dtype)
        for name in ("positive", "slope"):
            if hasattr(m, name):
                setattr(m, name, getattr(m, name).reshape(m.dy_stored.shape))

    def derive(self, p):
        pass

    def forward(self, p, m):
        y = m.y_runs
        np.copyto(m.tiled, p.bias)
        np.add(y, m.tiled_run, out=y)
        if self.function == "relu":
            np.maximum(y, 0, out=y)
        elif self.function == "tanh":
            np.tanh(y, out=y)
        elif self.function == "sigmoid":
            np.multiply(y, 0.5, out=y)
            np.tanh(y, out=y)
            np.multiply(y, 0.5, out=y)
            np.add(y, 0.5, out=y)

    def backward(self, p, m, g):
        y, dy = m.y_stored, m.dy_stored
        if self.function == "relu":
            np.greater(y, 0, out=m.positive)
            np.multiply(dy, m.positive, out=dy)
        elif self.function == "tanh":
            np.multiply(y, y, out=m.slope)
            np.subtract(1, m.slope, out=m.slope)
            np.multiply(dy, m.slope, out=dy)
        elif self.function == "sigmoid":
            np.subtract(1, y, out=m.slope)
            np.multiply(m.slope, y, out=m.slope)
            np.multiply(dy, m.slope, out=dy)
        np.matmul(m.ones, m.dy_rows, out=g.bias)


@dataclass(frozen=True)
class Dropout:
    """Set a share `rate` of the features to zero while training, and scale the rest up.

    Srivastava et al., *Dropout*, JMLR 15 (2014). ``m.rng`` is the tile's own random stream.
    """

    rate: float

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(
            out_shape=in_shape,
            kept={"factor": Array(in_shape)},
            scratch={"survives": Array(in_shape, bool)},
            idle_in_prediction=True,
        )

    def bind(self, m):
        pass

    def derive(self, p):
        pass

    def forward(self, p, m):
        if m.dy is None:
            return
        m.rng.random(out=m.factor, dtype=m.factor.dtype)
        np.greater_equal(m.factor, self.rate, out=m.survives)
        np.multiply(m.survives, 1 / (1 - self.rate), out=m.factor, casting="same_kind")
        np.multiply(m.x, m.factor, out=m.y)

    def backward(self, p, m, g):
        if m.dx is not None:
            np.multiply(m.dy, m.factor, out=m.dx)
