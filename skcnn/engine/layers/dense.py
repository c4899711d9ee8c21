"""`Dense`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from skcnn.engine.initialization import InitName, initializer
from skcnn.engine.layer import Kernel, Layer, Namespace, Parameter, Plan, Shape
from skcnn.engine.plan_check import check_n_weights
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class Dense(Layer, Kernel):
    """A fully connected layer without bias, which the `BiasActivation` after it adds.

    The gradient of the weights is one product over the mini-batch: with a product for each tile,
    each would write a whole array of weights.
    """

    n_units: int
    init: InitName = field(default="glorot", compare=False, repr=False)

    def plan(self, in_shape: Shape) -> Plan:
        if len(in_shape) != 1:
            raise ValueError(
                f"{self} has an input of shape {in_shape}; expected features (n,). Add Flatten() "
                "before it."
            )
        (n_in,) = in_shape
        check_n_weights(self, (n_in, self.n_units))
        init = initializer(self.init, n_in, self.n_units)
        weights = Parameter((n_in, self.n_units), init, matrix=True, whole_batch=True)
        return Plan(
            kernel=self,
            out_shape=(self.n_units,),
            parameters={"weights": weights},
            flops=2 * n_in * self.n_units,
        )

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        if m.separate_images:
            return [partial(np.matmul, m.x[:, None], p.weights, m.y[:, None])]
        return [partial(np.matmul, m.x, p.weights, m.y)]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        return [] if m.dx is None else [partial(np.matmul, m.dy, p.weights.T, m.dx)]
