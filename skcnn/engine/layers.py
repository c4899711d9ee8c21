"""The layers between and behind the convolutions: Flatten, Dense, BiasActivation, Dropout.

`plan` tells what a layer is and what `p`, `m` and `g` are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from skcnn.engine.memory import Array
from skcnn.engine.plan import Parameter, Plan, Shape


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
        if m.x is not m.y:  # between two convolutions, which store images in different orders
            np.add(m.x, p.bias, out=m.y)
        else:
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
        if m.dx is not m.dy and m.dx is not None:
            np.copyto(m.dx, m.dy)


@dataclass(frozen=True)
class Dropout:
    """Set a share `rate` of the features to zero while training, and scale the rest up.

    Srivastava et al., *Dropout*, JMLR 15 (2014). ``m.rng`` is the tile's own random stream.
    """

    rate: float

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(
            out_shape=in_shape,
            kept={"survives": Array(in_shape, bool)},
            scratch={"draws": Array(in_shape)},
            random=True,
            idle_in_prediction=True,
        )

    def bind(self, m):
        pass

    def derive(self, p):
        pass

    def forward(self, p, m):
        if m.dy is None:
            return
        m.rng.random(out=m.draws, dtype=m.draws.dtype)
        np.greater_equal(m.draws, self.rate, out=m.survives)
        np.multiply(m.x, 1 / (1 - self.rate), out=m.y)
        np.multiply(m.y, m.survives, out=m.y)

    def backward(self, p, m, g):
        if m.dx is not None:
            np.multiply(m.dy, 1 / (1 - self.rate), out=m.dx)
            np.multiply(m.dx, m.survives, out=m.dx)
