"""`Dropout`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class Dropout(Layer, Kernel):
    """In training, set a share `rate` of the inputs to zero and scale the others up.

    Srivastava et al., *Dropout*, JMLR 15 (2014).
    """

    rate: float

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(
            kernel=self,
            out_shape=in_shape,
            kept={"survives": Array.like_values(in_shape)},
            random=True,
            training_only=True,
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        number, survives = m.y.dtype.type, m.survives
        return [
            partial(m.rng.random, None, survives.dtype, survives),
            partial(np.subtract, number(self.rate), survives, survives),
            *bitmasks.spread_sign(survives),
            partial(np.multiply, m.x, number(1 / (1 - self.rate)), m.y),
            *bitmasks.keep(m.y, survives, m.y),
        ]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        if m.dx is None:
            return []
        scale = m.dx.dtype.type(1 / (1 - self.rate))
        return [
            partial(np.multiply, m.dy, scale, m.dx),
            *bitmasks.keep(m.dx, m.survives, m.dx),
        ]
