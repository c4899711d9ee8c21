"""`Unflatten`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.layers.flatten import as_images
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class Unflatten(Layer, Kernel):
    """Features, in the order (row, column, channel), to images of `image_shape`.

    Parameters
    ----------
    image_shape : (h, w, c)

    Raises
    ------
    ValueError
        From `plan`, if there are not ``h * w * c`` features.
    """

    image_shape: tuple[int, int, int]

    def plan(self, in_shape: Shape) -> Plan:
        if in_shape != (math.prod(self.image_shape),):
            raise ValueError(
                f"The input of {self} has shape {in_shape}; expected "
                f"({math.prod(self.image_shape)},). Change image_shape or the layer before it."
            )
        return Plan(kernel=self, out_shape=self.image_shape)

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return [partial(np.copyto, m.y, as_images(m.x, m.y))]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        return [] if m.dx is None else [partial(np.copyto, as_images(m.dx, m.dy), m.dy)]
