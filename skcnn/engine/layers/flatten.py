"""`Flatten`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class Flatten(Layer, Kernel):
    """Images (h, w, c) to features, in the order (row, column, channel)."""

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(kernel=self, out_shape=(math.prod(in_shape),))

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return [partial(np.copyto, as_images(m.y, m.x), m.x)]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        return [] if m.dx is None else [partial(np.copyto, m.dx, as_images(m.dy, m.dx))]


def as_images(features: NDArray[Any], images: NDArray[Any]) -> NDArray[Any]:
    """View features (t, h * w * c) as `images`, (h, t, w, c)."""
    h, t, w, c = images.shape
    return features.reshape(t, h, w, c).transpose(1, 0, 2, 3)
