"""Running one layer by itself, between layers that copy: the basis of `checks` and `numerics`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape
from skcnn.engine.layers.convolution import Conv2D
from skcnn.engine.layers.flatten import Flatten
from skcnn.engine.network import Network
from skcnn.engine.runtime.calls import Calls
from skcnn.engine.workspace import Workspace


@dataclass(frozen=True)
class LayerRun:
    """What a layer computed for one tile of n images (or rows of features).

    Attributes
    ----------
    y : ndarray of shape (n, *out_shape)
    dx : ndarray of shape (n, *in_shape)
    gradients, observed : dict
        Gradients of the parameters, and what was observed for the state, by name.
    """

    y: NDArray[Any]
    dx: NDArray[Any]
    gradients: dict[str, NDArray[Any]]
    observed: dict[str, NDArray[Any]]


@dataclass(frozen=True)
class _Copy(Layer, Kernel):
    """A layer that copies its input, so that the layer after it has to compute ``m.dx``."""

    def plan(self, in_shape: Shape) -> Plan:
        return Plan(kernel=self, out_shape=in_shape)

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        return [partial(np.copyto, m.y, m.x)]

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        return []  # as the first layer of the network, it has no m.dx


class SurroundedLayer:
    """A layer within a small network, and the memory to train it on one tile."""

    def __init__(
        self,
        layer: Layer,
        in_shape: Shape,
        n_images: int,
        dtype: DTypeLike,
        *,
        after_convolution: bool = False,
        followed_by: int = 0,
        first: bool = False,
        seed: int = 0,
    ) -> None:
        self.in_shape = in_shape
        self.image_shape = in_shape if len(in_shape) == 3 or first else (1, 1, *in_shape)
        channels = self.image_shape[-1]
        before: list[Layer] = []
        if not first:
            before = [Conv2D(channels, 1) if after_convolution else _Copy()]
            if len(in_shape) == 1:
                before.append(Flatten())
        after: list[Layer] = []
        if followed_by:
            after = [Conv2D(layer.plan(in_shape).out_shape[-1], followed_by)]
        self.at = at = len(before)
        self.network = network = Network([*before, layer, *after], self.image_shape, dtype)
        network.first_trained = 0  # the layer has to compute the gradient of its input
        self.plan = network.plans[at]
        network.initialize(np.random.default_rng(seed))
        if after_convolution:
            network.layer_parameters[0].weights[:] = np.eye(channels)
        if after:  # the centre of an odd filter copies
            weights = network.layer_parameters[-1].weights
            weights[:] = 0
            centre = (followed_by - 1) // 2
            weights[centre, centre] = np.eye(weights.shape[-1])
        self.parameters: dict[str, NDArray[Any]] = vars(network.layer_parameters[at])
        self.state: dict[str, NDArray[Any]] = vars(network.layer_state[at])
        self.prepared, self.derive = network.prepare(training=True)
        self._lay_out(n_images, dtype, seed)

    def _lay_out(self, n_images: int, dtype: DTypeLike, seed: int) -> None:
        network = self.network
        self.gradients = network.views(np.full(network.n_parameters, np.nan, dtype))
        self.observed = network.state_views(np.full(network.n_state, np.nan, dtype))
        self.factors = network.new_factors(n_images)
        self._bits = np.random.PCG64(seed)
        self._start_of_stream = self._bits.state
        self.space = Workspace(
            network,
            n_images,
            self.prepared,
            gradients=self.gradients,
            observed=self.observed,
            factors=self.factors,
            rng=np.random.Generator(self._bits),
        )
        self.memory = self.space.memories[self.at]

    def second_tile(self) -> SurroundedLayer:
        """The same layer in the same network, with memory for a second tile of the same size."""
        other = copy.copy(self)
        other._lay_out(len(self.space.input), self.network.dtype, seed=0)
        return other

    @property
    def padding_is_zero(self) -> bool:
        """Whether the columns around the output are still zero."""
        stored, pixels = self.memory.y_stored, self.memory.y_pixels
        if pixels is None:
            return True
        outside = np.delete(stored, np.arange(stored.shape[2])[pixels], axis=2)
        return not outside.any()

    @property
    def keeps_input(self) -> bool:
        """Whether the layer has to leave its input as it is, in forward and in backward."""
        m = self.memory
        return m.x is not m.y and not (m.x_planes is not None and m.dx_planes is m.x_planes)

    def perturb_parameters(self) -> None:
        """Move the parameters away from initial values that may all be equal."""
        rng = np.random.default_rng(3)
        for values in self.parameters.values():
            values += rng.normal(scale=0.1, size=values.shape)

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        """Run one tile forward; returns a copy of the output, which backward may overwrite."""
        self._bits.state = self._start_of_stream
        np.copyto(self.space.input, x.reshape(len(x), *self.image_shape))
        for call in self.derive:
            call()
        self._spoil(*self.plan.scratch, *self.plan.backward_scratch)
        self.space.forward()
        return self.space.output.copy()

    def backward(self, dy: NDArray[Any]) -> None:
        """Run the tile backward."""
        self._spoil(*self.plan.scratch, *self.plan.backward_scratch)
        if self.keeps_input:
            self._spoil("dx")
        if not self.plan.in_place:  # a layer after this one may overwrite its output
            self._spoil("y")
        np.copyto(self.space.doutput, dy)
        self.space.backward()

    def _spoil(self, *names: str) -> None:
        """Fill arrays with NaN: nothing may be read from them before it is written."""
        for name in names:
            array = getattr(self.memory, name)
            if array is not None:
                array.fill(np.nan)

    def forward_and_backward(self, x: NDArray[Any], dy: NDArray[Any]) -> NDArray[Any]:
        """Run one tile; returns its output."""
        y = self.forward(x)
        self.backward(dy)
        return y

    def run(self, x: NDArray[Any], dy: NDArray[Any]) -> LayerRun:
        """The results for one tile, after another tile, to detect leftover values."""
        rng = np.random.default_rng(1)
        self.forward_and_backward(rng.standard_normal(x.shape), rng.standard_normal(dy.shape))
        return self.results(self.forward_and_backward(x, dy))

    def results(self, y: NDArray[Any]) -> LayerRun:
        """The results of the last tile, whose output was `y`; copies."""
        dx = self.memory.dx
        if len(self.in_shape) == 3:  # from (h, period, t, w / period, c)
            dx = self.memory.dx_planes.transpose(2, 0, 3, 1, 4)
        return LayerRun(
            y,
            dx.reshape(len(y), *self.in_shape).copy(),
            self.collect_gradients(),
            {name: array.copy() for name, array in vars(self.observed[self.at]).items()},
        )

    def collect_gradients(self) -> dict[str, NDArray[Any]]:
        """Copies of the gradients of the layer's parameters after `backward`, by name."""
        gradients = {name: array.copy() for name, array in vars(self.gradients[self.at]).items()}
        factors = self.factors[self.at]
        for name, parameter in self.plan.parameters.items():
            if parameter.whole_batch and factors is not None:
                gradients[name] = factors.x.T @ factors.dy
        return gradients


def run_layer(
    layer: Layer,
    x: NDArray[Any],
    dy: NDArray[Any],
    parameters: Mapping[str, NDArray[Any]] | None = None,
    *,
    dtype: DTypeLike = np.float64,
    after_convolution: bool = False,
    followed_by: int = 0,
    seed: int = 0,
) -> LayerRun:
    """Run a layer forward and backward on one tile, between layers that copy.

    Parameters
    ----------
    layer : Layer
    x : ndarray of shape (n, h, w, c) or (n, features)
    dy : ndarray of shape (n, *out_shape)
        Gradient of the output.
    parameters : mapping of str to array, default=None
        None: those that the layer's `init` draws.
    dtype : float32 or float64
    after_convolution : bool
        A convolution comes before the layer instead of a layer that copies. It never pads its
        output and can store its columns in another order.
    followed_by : int
        Size of the filters of a convolution that follows and pads the output; 0: there is none.
    seed : int
        Of the parameters and of the random stream.

    Returns
    -------
    LayerRun

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.engine.layers import MaxPool2D
    >>> from skcnn.engine.testing import run_layer
    >>> x = np.arange(4.0).reshape(1, 2, 2, 1)
    >>> run = run_layer(MaxPool2D(2), x, np.ones((1, 1, 1, 1)))
    >>> run.y.ravel().tolist(), run.dx.ravel().tolist()
    ([3.0], [0.0, 0.0, 0.0, 1.0])
    """
    surrounded = SurroundedLayer(
        layer,
        x.shape[1:],
        len(x),
        dtype,
        after_convolution=after_convolution,
        followed_by=followed_by,
        seed=seed,
    )
    for name, value in (parameters or {}).items():
        surrounded.parameters[name][:] = value
    return surrounded.run(x, dy)


def random_tile(
    layer: Layer, in_shape: Shape, n_images: int = 3
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random x (n, *in_shape) and dy (n, *out_shape)."""
    rng = np.random.default_rng(2)
    out_shape = layer.plan(in_shape).out_shape
    return rng.standard_normal((n_images, *in_shape)), rng.standard_normal((n_images, *out_shape))
