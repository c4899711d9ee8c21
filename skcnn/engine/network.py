"""`Network`: a sequence of layers, with all parameters in one flat vector."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skcnn.engine.boundaries import find_boundaries
from skcnn.engine.folding import find_folds, fold_into
from skcnn.engine.layer import Kernel, Layer, Namespace, Parameter, Plan, Shape, State
from skcnn.engine.layout import Layout, Slots, by_layer, parameters_of, states_of
from skcnn.engine.plan_check import check_plan
from skcnn.engine.runtime.calls import Calls
from skcnn.engine.runtime.pool import Pool
from skcnn.engine.summary import n_parameters_of, table_of
from skcnn.engine.workspace import Workspace

KEPT_PREDICTORS = 4  # for calls with other numbers of images, and for several threads


class Network:
    """Layers in a row.

    The shapes are propagated through the layers once. One flat vector holds the parameters: first
    the weights whose gradient is one product over the mini-batch, then the other weights, then
    whatever has no L2 penalty. The state of the layers, which is not trained, follows in the same
    memory. So an optimizer step, a copy of the best weights and a gradient check are each one
    vector operation.

    The first `n_frozen` layers are not trained: in training, too, they compute what they compute in
    prediction, and nothing is propagated back through them.

    Parameters
    ----------
    layers : sequence of Layer
    input_shape : (h, w, channels) or (features,)
    dtype : float32 or float64
    n_frozen : int

    Attributes
    ----------
    parameters : ndarray of shape (n_parameters,)
        Of the layers that are trained.
    state : ndarray of shape (n_state,)
        Of the same layers.
    layer_parameters, layer_state : list of namespaces
        Views of the parameters and the state of all layers, by layer and name.
    n_parameters, n_penalized, n_whole_batch : int
        Length of the vector, of its leading part with an L2 penalty, and of that part's leading
        part with whole-batch gradients.
    first_trained : int
        Index of the first layer that has parameters to train; no layer before it needs a gradient.
    plans, kernels : list of Plan, list of Kernel
        One for each layer.
    shapes : list of tuple
        Input shape, then the output shape of each layer.
    widest : int
        Largest number of values between two layers, for one image.
    flops : int
        Multiplications and additions of the forward matrix products for one image, counting every
        convolution as a direct sum.
    idle_predictors : Pool
        Memory of earlier predictions (`inference`). It is neither pickled nor copied.

    Raises
    ------
    ValueError, TypeError
        If a layer's plan has a fault, or two adjacent layers do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.engine.layers import BiasActivation, Conv2D, Dense, Flatten
    >>> from skcnn.engine.network import Network
    >>> layers = [Conv2D(4, 3), BiasActivation("relu"), Flatten(), Dense(10)]
    >>> network = Network([*layers, BiasActivation("identity")], (8, 8, 1))
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
        self,
        layers: Sequence[Layer],
        input_shape: Shape,
        dtype: DTypeLike = np.float32,
        n_frozen: int = 0,
    ) -> None:
        self.layers = tuple(layers)
        self.n_frozen = n_frozen
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self.plans: list[Plan] = []
        self.shapes: list[Shape] = [self.input_shape]
        for layer in self.layers:
            plan = layer.plan(self.shapes[-1])
            check_plan(layer, self.shapes[-1], plan)
            self.plans.append(plan)
            self.shapes.append(plan.out_shape)
        self.first_trained = next(
            (i for i, plan in enumerate(self.plans) if i >= n_frozen and plan.parameters), 0
        )
        # raises if layers do not fit
        find_boundaries(self.plans, self.shapes, training=True, first_trained=self.first_trained)
        self.folds = find_folds(self.plans)
        for fold in self.folds:
            self.plans[fold.affine] = dataclasses.replace(
                self.plans[fold.affine], training_only=True
            )
        self.kernels: list[Kernel] = [plan.kernel for plan in self.plans]
        self.widest = max(map(math.prod, self.shapes))
        self.flops = sum(plan.flops for plan in self.plans)
        self._layout = Layout.of(self.plans, n_frozen)
        self.n_parameters, self.n_state = self._layout.n_parameters, self._layout.n_state
        self.n_penalized = self._layout.n_penalized
        self.n_whole_batch = self._layout.n_whole_batch
        self._use(np.zeros(len(self._layout), self.dtype))
        self._for_separate_images: Network | None = None
        self._parts: dict[tuple[int, int], Network] = {}
        self.idle_predictors: Pool[Any] = Pool(KEPT_PREDICTORS)

    def _use(self, variables: NDArray[Any]) -> None:
        """Take parameters and state from this memory."""
        self._variables = variables
        n, end = self.n_parameters, self.n_parameters + self.n_state
        self.parameters, self.state = variables[:n], variables[n:end]
        self.layer_parameters = self.views(self.parameters)
        self.layer_state = self.state_views(self.state)
        for (i, name), slot in self._layout.frozen.items():
            plan, values = self.plans[i], variables[end:][slot]
            if name in plan.parameters:
                setattr(self.layer_parameters[i], name, values.reshape(plan.parameters[name].shape))
            else:
                setattr(self.layer_state[i], name, values.reshape(plan.state[name].shape))

    def views(self, vector: NDArray[Any]) -> list[Namespace]:
        """View a vector (n_parameters,) by layer and name; without the frozen layers."""
        slots = self._layout.parameters
        shapes = {(i, name): self.plans[i].parameters[name].shape for i, name in slots}
        return by_layer(vector, slots, shapes, len(self.layers))

    def state_views(self, vectors: NDArray[Any]) -> list[Namespace]:
        """View vectors (..., n_state) by layer and name, as `views`; leading axes stay."""
        slots = self._layout.state
        shapes = {(i, name): self.plans[i].state[name].shape for i, name in slots}
        return by_layer(vectors, slots, shapes, len(self.layers))

    def whole_batch_slots(self) -> Slots:
        """Places of the parameters whose gradient is one product over the mini-batch."""
        return {
            (i, name): slot
            for (i, name), slot in self._layout.parameters.items()
            if self.plans[i].parameters[name].whole_batch
        }

    def hidden_weights(self) -> Slots:
        """Places of the weights that are matrices, except those of the last layer with any."""
        weights = {
            (i, name): slot
            for (i, name), slot in self._layout.parameters.items()
            if self.plans[i].parameters[name].matrix
        }
        last = max((i for i, _ in weights), default=0)
        return {(i, name): slot for (i, name), slot in weights.items() if i != last}

    @property
    def has_state(self) -> bool:
        """Whether a layer has state."""
        return self.n_state > 0

    @property
    def is_random(self) -> bool:
        """Whether a layer draws random numbers in training."""
        return any(plan.random for plan in self.plans)

    @property
    def feature_layer(self) -> int:
        """Index of the layer that turns images into features: the first output with one axis."""
        for i, plan in enumerate(self.plans):
            if len(plan.out_shape) == 1:
                return i
        raise ValueError(
            f"The network has no layer whose output is features; its last output has shape "
            f"{self.shapes[-1]}. Add Flatten()."
        )

    def prepare(self, *, training: bool) -> tuple[list[Namespace], Calls]:
        """The ``p`` of each layer, and the calls that compute the derived arrays in it.

        The calls must be made whenever parameters or state have changed.
        """
        found: list[Namespace] = []
        for i, plan in enumerate(self.plans):
            trained = training and i >= self.n_frozen
            derived = {**plan.derived, **(plan.backward_derived if trained else {})}
            p = Namespace(
                **vars(self.layer_parameters[i]),
                **vars(self.layer_state[i]),
                **{name: np.zeros(shape, self.dtype) for name, shape in derived.items()},
            )
            found.append(p)
        calls: Calls = []
        derived_first = [] if training else [fold.affine for fold in self.folds]
        for i in derived_first:
            calls += self.kernels[i].derive(found[i], training)
        if not training:
            for fold in self.folds:
                calls += fold_into(found[fold.affine], found[fold.weights], found[fold.bias])
        for i, kernel in enumerate(self.kernels):
            if i not in derived_first:
                calls += kernel.derive(found[i], training and i >= self.n_frozen)
        return found, calls

    def new_factors(self, n_images: int) -> list[Namespace | None]:
        """Memory for the factors ``x`` and ``dy`` of whole-batch gradients, by layer."""
        layers = {index for index, _ in self.whole_batch_slots()}
        return [
            Namespace(
                x=np.zeros((n_images, *self.shapes[i]), self.dtype),
                dy=np.zeros((n_images, *self.shapes[i + 1]), self.dtype),
            )
            if i in layers
            else None
            for i in range(len(self.layers))
        ]

    def update_state(self, observed: NDArray[Any], n_images: NDArray[np.intp]) -> None:
        """Merge what tiles observed, (n_tiles, n_state) in tile order, into the state.

        `n_images` (n_tiles,) is the number of images of each tile.
        """
        views = self.state_views(observed)
        trained = slice(self.n_frozen, None)
        for kernel, plan, state, layer_observed in zip(
            self.kernels[trained],
            self.plans[trained],
            self.layer_state[trained],
            views[trained],
            strict=True,
        ):
            if plan.state:
                arrays = dict(vars(state))
                kernel.update_state(state, layer_observed, n_images)
                if any(vars(state)[name] is not array for name, array in arrays.items()):
                    raise TypeError(
                        f"update_state of {kernel} replaces an array of the state; expected it to "
                        "be changed in place. Write state.name[:] = ... instead of state.name = ..."
                    )

    def snapshot(self) -> NDArray[Any]:
        """A copy of parameters and state, for `restore`."""
        return self._variables.copy()

    def restore(self, snapshot: NDArray[Any]) -> None:
        """Set parameters and state to those of a snapshot."""
        self._variables[:] = snapshot

    def for_separate_images(self) -> Network:
        """This network for `Workspace` with `separate_images`.

        Its layers use the memory of this network; its own vector of parameters is not used.
        """
        if not any(plan.separate_images_layer for plan in self.plans):
            return self
        if self._for_separate_images is None:
            layers = [
                plan.separate_images_layer or layer
                for layer, plan in zip(self.layers, self.plans, strict=True)
            ]
            network = Network(layers, self.input_shape, self.dtype, self.n_frozen)
            network.layer_parameters = self.layer_parameters
            network.layer_state = self.layer_state
            self._for_separate_images = network  # last: another thread may read it at any time
        return self._for_separate_images

    def initialize(self, rng: np.random.Generator) -> None:
        """Draw the parameters, then the state, each by its own `init`; also of frozen layers."""
        parameters = parameters_of(self.plans)
        for index, name in sorted(parameters):
            view = getattr(self.layer_parameters[index], name)
            self._draw(index, name, parameters[index, name], view, rng)
        state = states_of(self.plans)
        for index, name in sorted(state):
            view = getattr(self.layer_state[index], name)
            self._draw(index, name, state[index, name], view, rng)

    def with_frozen(self, n_frozen: int) -> Network:
        """The network with this number of frozen layers: itself, or a copy with its values."""
        if n_frozen == self.n_frozen:
            return self
        network = Network(self.layers, self.input_shape, self.dtype, n_frozen)
        for own, other in (
            (self.layer_parameters, network.layer_parameters),
            (self.layer_state, network.layer_state),
        ):
            for given, taken in zip(own, other, strict=True):
                for name, values in vars(given).items():
                    getattr(taken, name)[:] = values
        return network

    def part(self, start: int, stop: int) -> Network:
        """Layers number `start` to `stop - 1` as a network for prediction.

        Its layers use the memory of this network; its own vector of parameters is not used.
        """
        if (start, stop) not in self._parts:
            network = Network(self.layers[start:stop], self.shapes[start], self.dtype)
            network.layer_parameters = self.layer_parameters[start:stop]
            network.layer_state = self.layer_state[start:stop]
            self._parts[start, stop] = network  # last: another thread may read it at any time
        return self._parts[start, stop]

    def _draw(
        self,
        index: int,
        name: str,
        array: Parameter | State,
        view: NDArray[Any],
        rng: np.random.Generator,
    ) -> None:
        values = array.init(rng, array.shape)
        if np.shape(values) != array.shape:
            raise ValueError(
                f"init of {name!r} in {self.layers[index]} returned values of shape "
                f"{np.shape(values)}; expected {array.shape}. Change the initializer."
            )
        view[...] = values

    def forward(self, images: NDArray[Any], *, separate_images: bool = False) -> NDArray[Any]:
        """Output of the last layer for images (n, h, w, channels), as in prediction: (n, classes).

        It lays out memory at every call; `inference.predict` is faster. `separate_images` as for
        `Workspace`.
        """
        if images.shape[1:] != self.input_shape:
            expected = ", ".join(map(str, ("n", *self.input_shape)))
            raise ValueError(
                f"images has shape {images.shape}; expected ({expected}): images, height, width, "
                "channels. Reshape the images."
            )
        parameters, derive = self.prepare(training=False)
        for call in derive:
            call()
        space = Workspace(self, len(images), parameters, separate_images=separate_images)
        np.copyto(space.input, images)
        space.forward()
        return space.output.copy()

    def summary(self) -> str:
        """A table with layer, output shape and number of parameters."""
        return table_of(self.layers, self.plans, self.n_frozen)

    def __repr__(self) -> str:
        return (
            f"<Network {' x '.join(map(str, self.input_shape))} -> {self.shapes[-1][0]}, "
            f"{len(self.layers)} layers, {sum(map(n_parameters_of, self.plans)):,} parameters>"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            "layers": self.layers,
            "input_shape": self.input_shape,
            "dtype": self.dtype.name,
            "n_frozen": self.n_frozen,
            "variables": self._variables,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        Network.__init__(
            self, state["layers"], state["input_shape"], state["dtype"], state["n_frozen"]
        )
        self._variables[:] = state["variables"]
