"""`GaussianNoise`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class GaussianNoise(Layer, Kernel):
    """In training, add independent normal noise to the inputs.

    Vincent et al., "Stacked Denoising Autoencoders", JMLR 11 (2010).

    Parameters
    ----------
    scale : float
        Standard deviation of the noise.
    """

    scale: float

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(
            kernel=self,
            out_shape=in_shape,
            scratch={"noise": Array.like_values(in_shape)},
            random=True,
            training_only=True,
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return [
            partial(m.rng.standard_normal, None, m.noise.dtype, m.noise),
            partial(np.multiply, m.noise, m.noise.dtype.type(self.scale), m.noise),
            partial(np.add, m.x, m.noise, m.y),
        ]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        return [] if m.dx is None else [partial(np.copyto, m.dx, m.dy)]
