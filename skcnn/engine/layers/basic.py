"""The layers between and behind the convolutions: Flatten, Dense, BiasActivation, Dropout.

`plan` tells what a layer is and what `p`, `m` and `g` are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Calls, Parameter, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks as masks


@dataclass(frozen=True)
class Flatten:
    """Images to rows of features, in the order (h, w, c)."""

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(out_shape=(math.prod(in_shape),))

    def derive(self, p, training) -> Calls:
        return []

    def forward(self, p, m) -> Calls:
        return [partial(np.copyto, self._as_images(m.y, m.x), m.x)]

    def backward(self, p, m, g) -> Calls:
        return [] if m.dx is None else [partial(np.copyto, m.dx, self._as_images(m.dy, m.dx))]

    @staticmethod
    def _as_images(features, images):
        h, t, w, c = images.shape
        return features.reshape(t, h, w, c).transpose(1, 0, 2, 3)


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

    def derive(self, p, training) -> Calls:
        return []

    def forward(self, p, m) -> Calls:
        return [partial(np.matmul, m.x, p.weights, m.y)]

    def backward(self, p, m, g) -> Calls:
        return [] if m.dx is None else [partial(np.matmul, m.dy, p.weights.T, m.dx)]


@dataclass(frozen=True)
class BiasActivation:
    """Add a bias per channel (or unit), then apply an activation, in place.

    `function` is "identity", "relu", "tanh" or "sigmoid". The sigmoid is computed as
    ``0.5 + 0.5 * tanh(z / 2)``: one fast vectorised function, no overflow.
    """

    function: str

    def plan(self, in_shape: Shape) -> Plan:
        slope = {}
        if self.function in ("tanh", "sigmoid"):
            slope = {"slope": Array(in_shape, images_second=len(in_shape) == 3)}
        return Plan(
            out_shape=in_shape,
            parameters={"bias": Parameter((in_shape[-1],))},
            backward_scratch=slope,
            in_place=True,
        )

    def derive(self, p, training) -> Calls:
        return []

    def forward(self, p, m) -> Calls:
        y = m.y
        if m.x is not m.y:  # between two convolutions, which store images in different ways
            calls = [partial(np.add, m.x, p.bias, y)]
        elif y.ndim == 2:
            calls = [partial(np.add, y, p.bias, y)]
        else:
            # a whole row of all images in one run, padding included, to which nothing is added
            y, row = self._whole_rows(m), np.zeros(m.y_stored.shape[1:], y.dtype)
            calls = [
                partial(np.copyto, row[:, m.y_pixels], p.bias),
                partial(np.add, y, row.reshape(-1), y),
            ]
        half = y.dtype.type(0.5)
        if self.function == "relu":
            y = self._whole_rows(m)
            # an array of zeros: numpy has no vector instructions for the maximum with a scalar
            calls.append(partial(np.maximum, y, np.zeros(y.shape[1:], y.dtype), out=y))
        elif self.function == "tanh":
            calls.append(partial(np.tanh, y, y))
        elif self.function == "sigmoid":
            y = m.y  # without the padding: the sigmoid of 0 is not 0
            calls += [
                partial(np.multiply, y, half, y),
                partial(np.tanh, y, y),
                partial(np.multiply, y, half, y),
                partial(np.add, y, half, y),
            ]
        return calls

    @staticmethod
    def _whole_rows(m):
        return m.y if m.y.ndim == 2 else m.y_stored.reshape(len(m.y_stored), -1)

    def backward(self, p, m, g) -> Calls:
        y, dy = m.y, m.dy
        one = y.dtype.type(1)
        calls: Calls = []
        if self.function == "relu":
            # y is +0 (the maximum of anything with +0 is) or above; so are its bits as an integer
            bits = masks.as_bits(self._whole_rows(m))
            calls = [
                partial(np.negative, bits, bits),
                *masks.spread_sign(self._whole_rows(m)),
                *masks.keep(dy, y, dy),
            ]
        elif self.function != "identity":
            slope = m.slope
            if self.function == "tanh":
                calls = [partial(np.multiply, y, y, slope), partial(np.subtract, one, slope, slope)]
            else:
                calls = [partial(np.subtract, one, y, slope), partial(np.multiply, slope, y, slope)]
            calls.append(partial(np.multiply, dy, slope, dy))
        rows = dy.reshape(-1, dy.shape[-1])
        calls.append(partial(np.matmul, np.ones(len(rows), rows.dtype), rows, g.bias))
        if m.dx is not m.dy and m.dx is not None:
            calls.append(partial(np.copyto, m.dx, m.dy))
        return calls


@dataclass(frozen=True)
class Dropout:
    """Set a share `rate` of the features to zero while training, and scale the rest up.

    Srivastava et al., *Dropout*, JMLR 15 (2014). ``m.rng`` is the tile's own random stream.
    """

    rate: float

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(
            out_shape=in_shape,
            kept={"survives": Array(in_shape, images_second=len(in_shape) == 3)},
            random=True,
            idle_in_prediction=True,
        )

    def derive(self, p, training) -> Calls:
        return []

    def forward(self, p, m) -> Calls:
        if m.dy is None:
            return []
        number, survives = m.y.dtype.type, m.survives
        return [
            partial(m.rng.random, None, survives.dtype, survives),
            partial(np.subtract, number(self.rate), survives, survives),
            *masks.spread_sign(survives),
            partial(np.multiply, m.x, number(1 / (1 - self.rate)), m.y),
            *masks.keep(m.y, survives, m.y),
        ]

    def backward(self, p, m, g) -> Calls:
        if m.dx is None:
            return []
        scale = m.dx.dtype.type(1 / (1 - self.rate))
        return [
            partial(np.multiply, m.dy, scale, m.dx),
            *masks.keep(m.dx, m.survives, m.dx),
        ]
