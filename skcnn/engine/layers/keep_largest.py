"""`KeepLargest`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.memory import Array
from skcnn.engine.runtime import bitmasks
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class KeepLargest(Layer, Kernel):
    """In training, keep the largest values of each channel of an image and set the others to zero.

    Of features, it keeps the largest of each image. It makes the code of an autoencoder sparse.
    With a single value of each channel, it is the spatial sparsity of Makhzani & Frey,
    "Winner-Take-All Autoencoders", NeurIPS 2015.

    Parameters
    ----------
    share : float
        Share of the values that are kept, at least one of them; of equal values all.
    """

    share: float

    def plan(self, in_shape: Shape) -> Plan:
        n_groups, n_values = self._groups(in_shape)
        return Plan(
            kernel=self,
            out_shape=in_shape,
            kept={"smaller": Array.like_values(in_shape)},
            scratch={"sorted": Array((n_groups, n_values)), "least": Array((n_groups,))},
            training_only=True,
        )

    @staticmethod
    def _groups(in_shape: Shape) -> tuple[int, int]:
        """Number of groups in an image, and of the values in each."""
        if len(in_shape) == 1:
            return 1, in_shape[0]
        return in_shape[-1], math.prod(in_shape[:-1])

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        n_values = m.sorted.shape[-1]
        position = n_values - max(1, round(self.share * n_values))
        if m.x.ndim == 2:
            values, least = m.x[:, None], m.least
        else:
            values, least = m.x.transpose(1, 3, 0, 2), m.least[None, :, None]
        return [
            partial(np.copyto, m.sorted.reshape(values.shape), values),
            partial(m.sorted.partition, position),
            partial(np.copyto, m.least, m.sorted[..., position]),
            partial(np.subtract, m.x, least, m.smaller),
            *bitmasks.spread_sign(m.smaller),
            *bitmasks.keep(m.x, m.smaller, m.y),
            *bitmasks.drop(m.x, m.y, m.y),
        ]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        if m.dx is None:
            return []
        return [
            *bitmasks.keep(m.dy, m.smaller, m.dx),
            *bitmasks.drop(m.dy, m.dx, m.dx),
        ]
