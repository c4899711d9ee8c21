"""`Transforms`: what Winograd's method does before and after its matrix products."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from skcnn.engine.layer import Namespace, Shape
from skcnn.engine.layers.convolution.geometry import Geometry
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls


@dataclass(frozen=True)
class Transforms(ABC):
    """The linear maps around the products, for blocks of `n_outputs` adjacent columns.

    The arrays of ``m`` and ``p`` are those that `WinogradConvolution` plans, numbered by group of
    points. The products are ``(points, rows, t, blocks, k)``.
    """

    geometry: Geometry
    n_outputs: ClassVar[int]

    @property
    @abstractmethod
    def group_sizes(self) -> list[tuple[int, int]]:
        """The number of points and of pieces in each group."""

    def derived(self) -> dict[str, Shape]:
        """Further arrays that `derive` needs in training."""
        return {}

    def scratch(self) -> dict[str, Array]:
        """Further arrays that the gradients need."""
        return {}

    @abstractmethod
    def derive(self, p: Namespace, training: bool) -> Calls:
        """``p.taps`` from the weights, and ``p.reversed``: rows reversed, for `dx`."""

    @abstractmethod
    def inputs(self, m: Namespace) -> Calls:
        """``m.inputs`` from ``m.x_stored``."""

    @abstractmethod
    def outputs(self, products: NDArray[Any], y_planes: NDArray[Any]) -> Calls:
        """Some rows of the output from the products, which may be overwritten."""

    @abstractmethod
    def doutputs(self, m: Namespace) -> Calls:
        """``m.doutputs``, the gradient of the products, from ``m.dy_planes``."""

    @abstractmethod
    def dweights(self, m: Namespace, g: Namespace) -> Calls:
        """``g.weights`` from ``m.dtaps``."""

    @abstractmethod
    def dinputs(self, m: Namespace) -> list[NDArray[Any]]:
        """Views of ``m.dinputs``, ``(points, h, t * blocks, depth)`` for each group of points."""

    @abstractmethod
    def dx(self, m: Namespace) -> Calls:
        """``m.dx`` from ``m.dinputs``."""
