"""`Network`: layers in a row, one flat vector of parameters, forward and backward for one tile.

The memory of a tile is a `Workspace`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skcnn.engine.layer import Calls, Kernel, Layer, Plan, Shape
from skcnn.engine.workspace import Workspace


class Network:
    """Layers in a row.

    The shapes are threaded through the layers once. All parameters lie in one flat vector, the
    weights that are trained a mini-batch at a time first, then the other weights, then the biases;
    so an optimizer step, a copy of the best weights, a gradient check is one vector operation.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : (h, w, channels)
    dtype : float32 or float64

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
    layer_parameters : list of namespaces
        Views of `parameters`, by layer and name.
    n_parameters, n_weights, n_whole_batch : int
        Lengths of the vector, of its leading part of weights, and of that part's leading part
        whose gradient is taken over a whole mini-batch at once.
    shapes : list of tuple
        Input shape, then the output shape of each layer.
    flops : int
        Multiplications and additions of the matrix products of one image, forward, were all
        convolutions direct sums.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.engine.layers.convolution.conv2d import Conv2D
    >>> from skcnn.engine.layers.basic import BiasActivation, Dense, Flatten
    >>> from skcnn.engine.network import Network
    >>> convolution = [Conv2D(4, 3), BiasActivation("relu"), Flatten()]
    >>> network = Network([*convolution, Dense(10), BiasActivation("identity")], (8, 8, 1))
    >>> network.initialize(np.random.default_rng(0))
    >>> network.forward(np.zeros((2, 8, 8, 1))).shape
    (2, 10)
    >>> print(network.summary())
    layer                                             output shape   parameters
    Conv2D(n_filters=4, filter_size=3, padding='same')   (8, 8, 4)           36
    BiasActivation(function='relu')                      (8, 8, 4)            4
    Flatten()                                               (256,)            0
    Dense(n_units=10)                                        (10,)        2,560
    BiasActivation(function='identity')                      (10,)           10
    total                                                                 2,610
    """

    def __init__(
        self, layers: Sequence[Layer], input_shape: Shape, dtype: DTypeLike = np.float32
    ) -> None:
        self.layers = tuple(layers)
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self.plans: list[Plan] = []
        self.kernels: list[Kernel] = []
        self.shapes: list[Shape] = [self.input_shape]
        for layer in self.layers:
            plan = layer.plan(self.shapes[-1])
            self.plans.append(plan)
            self.kernels.append(plan.kernel or layer)
            self.shapes.append(plan.out_shape)
        self.flops = sum(plan.flops for plan in self.plans)
        self._lay_out_parameters()
        self.parameters = np.zeros(self.n_parameters, self.dtype)
        self.layer_parameters = self.views(self.parameters)
        self._for_single_images: Network | None = None

    def _lay_out_parameters(self) -> None:
        def rank(entry) -> int:
            plan, name = self.plans[entry[0]], entry[1]
            if name in plan.whole_batch:
                return 0
            return 1 if plan.parameters[name].is_weight else 2

        entries = [(i, name) for i, plan in enumerate(self.plans) for name in plan.parameters]
        self.slots: dict[tuple[int, str], slice] = {}
        ends = [0, 0, 0]
        start = 0
        for entry in sorted(entries, key=rank):
            end = start + math.prod(self.plans[entry[0]].parameters[entry[1]].shape)
            self.slots[entry] = slice(start, end)
            ends[rank(entry) :] = [end] * (3 - rank(entry))
            start = end
        self.n_whole_batch, self.n_weights, self.n_parameters = ends

    def views(self, vector: NDArray) -> list[SimpleNamespace]:
        """A vector laid out as the parameters are, by layer and name."""
        views = [SimpleNamespace() for _ in self.layers]
        for (index, name), slot in self.slots.items():
            shape = self.plans[index].parameters[name].shape
            setattr(views[index], name, vector[slot].reshape(shape))
        return views

    def prepare(self, *, training: bool) -> tuple[list[SimpleNamespace], Calls]:
        """The parameters by layer with the arrays derived from them, and what derives these.

        The calls are to be made whenever the parameters have changed.
        """
        views = self.views(self.parameters)
        calls: Calls = []
        for kernel, p, plan in zip(self.kernels, views, self.plans, strict=True):
            derived = plan.derived | plan.backward_derived if training else plan.derived
            for name, shape in derived.items():
                setattr(p, name, np.zeros(shape, self.dtype))
            calls += kernel.derive(p, training)
        return views, calls

    def for_single_images(self) -> Network:
        """This network, its parameters in the same memory, laid out for an image at a time."""
        if not any(plan.single_image_layer for plan in self.plans):
            return self
        if self._for_single_images is None:
            layers = [
                plan.single_image_layer or layer
                for layer, plan in zip(self.layers, self.plans, strict=True)
            ]
            self._for_single_images = Network(layers, self.input_shape, self.dtype)
            self._for_single_images.parameters = self.parameters
            self._for_single_images.layer_parameters = self.layer_parameters
        return self._for_single_images

    def initialize(self, rng: np.random.Generator, scheme: str = "auto") -> None:
        """Draw the parameters.

        "auto": weights uniform within ``sqrt(6 / fan_in)`` before a ReLU (He et al. 2015), else
        ``sqrt(6 / (fan_in + fan_out))`` (Glorot & Bengio 2010); biases zero.
        "uniform": weights and biases from U[-1, 1) (Bastani & Wang 2014).
        """
        for (index, name), slot in sorted(self.slots.items()):
            parameter = self.plans[index].parameters[name]
            if scheme == "uniform":
                limit = 1.0
            elif not parameter.is_weight:
                limit = 0.0
            elif self._next_function(index) == "relu":
                limit = math.sqrt(6 / parameter.fan_in)
            else:
                limit = math.sqrt(6 / (parameter.fan_in + parameter.fan_out))
            self.parameters[slot] = rng.uniform(-limit, limit, slot.stop - slot.start)

    def _next_function(self, index: int) -> str | None:
        for layer in self.layers[index + 1 :]:
            if hasattr(layer, "function"):
                return layer.function
        return None

    def forward(self, images: NDArray) -> NDArray:
        """Output of the last layer, before softmax: (n, classes). For looking, not for speed."""
        parameters, derive = self.prepare(training=False)
        for call in derive:
            call()
        space = Workspace(self, len(images), parameters)
        np.copyto(space.input, images)
        space.forward()
        return space.output.copy()

    def summary(self) -> str:
        """A table: layer, output shape, parameters."""
        counts = [
            sum(math.prod(parameter.shape) for parameter in plan.parameters.values())
            for plan in self.plans
        ]
        rows = [("layer", "output shape", "parameters")]
        rows += [
            (repr(layer), str(plan.out_shape), f"{count:,}")
            for layer, plan, count in zip(self.layers, self.plans, counts, strict=True)
        ]
        rows.append(("total", "", f"{self.n_parameters:,}"))
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            f"{name:<{widths[0]}} {shape:>{widths[1]}} {count:>{widths[2]}}"
            for name, shape, count in rows
        )

    def __repr__(self) -> str:
        return (
            f"<Network {' x '.join(map(str, self.input_shape))} -> {self.shapes[-1][0]}, "
            f"{len(self.layers)} layers, {self.n_parameters:,} parameters>"
        )

    def __getstate__(self) -> dict:
        return {
            "layers": self.layers,
            "input_shape": self.input_shape,
            "dtype": self.dtype,
            "parameters": self.parameters,
        }

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["layers"], state["input_shape"], state["dtype"])
        self.parameters[:] = state["parameters"]
