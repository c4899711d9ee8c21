"""Plans: what `Network` rejects before it lays out memory, and how plans change what is done."""

import math
import re
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from helpers import naive
from helpers.engine import Centre, Scale
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.initialization import Constant, Uniform, initializer
from skcnn.engine.layer import Kernel, Layer, Parameter, Plan, State
from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    Unflatten,
    Upsample2D,
)
from skcnn.engine.memory import Array
from skcnn.engine.network import Network
from skcnn.engine.plan_check import RESERVED
from skcnn.engine.training.trainer import tile_size
from skcnn.engine.workspace import Workspace


@dataclass(frozen=True)
class Planned(Scale):
    """A `Scale` whose plan has been changed."""

    changes: dict = field(default_factory=dict, compare=False)

    def plan(self, in_shape):
        return replace(super().plan(in_shape), **self.changes)


# --- faults in a plan -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "array", "message"),
    [
        ("parameters", Parameter(2, Constant(0.0)), "with shape 2; expected a tuple of ints"),
        ("parameters", Parameter((2,), 0.25), "with init=0.25; expected an initializer"),
        ("state", State([2], Constant(0.0)), r"with shape \[2\]; expected a tuple of ints"),
        ("state", State((2,), None), "with init=None; expected an initializer"),
    ],
)
def test_shapes_and_initializers_are_checked(kind, array, message):
    changes = {"kernel": Centre(), "parameters": {}, kind: {"scale": array}}
    with pytest.raises(TypeError, match=f"plans 'scale' {message}"):
        Network([Planned(changes)], (4, 3, 2))


@pytest.mark.parametrize("out_shape", [(0, 3, 2), (4, -1, 2), (0,), ()])
def test_an_output_without_numbers_is_an_error(out_shape):
    with pytest.raises(ValueError, match=r"would turn \(4, 3, 2\) into \(.*\); expected at least"):
        Network([Planned({"out_shape": out_shape})], (4, 3, 2))


def test_a_matrix_has_two_axes():
    layer = Planned({"parameters": {"scale": Parameter((2,), Constant(1.0), matrix=True)}})
    with pytest.raises(ValueError, match=r"'scale' as a matrix, with shape \(2,\); expected"):
        Network([layer], (4, 3, 2))


def test_whole_batch_gradients_need_features():
    scale = Parameter((2,), Constant(1.0), whole_batch=True)
    layer = Planned({"parameters": {"scale": scale}})
    message = r"gradient of 'scale' for an input of shape \(4, 3, 2\); expected features"
    with pytest.raises(ValueError, match=message):
        Network([layer], (4, 3, 2))


@dataclass(frozen=True)
class NoUpdate(Scale):
    def plan(self, in_shape):
        return replace(super().plan(in_shape), state={"mean": State((2,), Constant(0.0))})


def test_state_without_update_state_is_an_error():
    with pytest.raises(TypeError, match="NoUpdate does not define update_state"):
        Network([NoUpdate()], (4, 3, 2))


@pytest.mark.parametrize("kind", ["kept", "scratch", "backward_scratch"])
@pytest.mark.parametrize("name", RESERVED)
def test_names_that_every_layer_has_are_reserved(kind, name):
    with pytest.raises(ValueError, match=f"an array with the name '{name}', which is taken"):
        Network([Planned({kind: {name: Array((2,))}})], (4, 3, 2))


def test_the_reserved_names_are_those_that_a_layer_receives():
    network = Network([Flatten()], (4, 3, 2))
    space = Workspace(network, 1, network.prepare(training=False)[0])
    assert set(vars(space.memories[0])) == set(RESERVED)


@pytest.mark.parametrize(
    "changes",
    [
        {"derived": {"scale": (1,)}},
        {"backward_derived": {"scale": (1,)}},
        {"kernel": Centre(), "state": {"scale": State((2,), Constant(0.0))}},
        {"derived": {"scale_2": (1,)}, "backward_derived": {"scale_2": (1,)}},
        {"scratch": {"x_kept": Array((2,))}},
        {"scratch": {"product": Array((2,))}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_two_arrays_with_the_same_name_are_an_error(changes):
    with pytest.raises(ValueError, match=r"plans an array with the name '.*', which is taken"):
        Network([Planned(changes)], (4, 3, 2))


@pytest.mark.parametrize("values", [0.0, np.zeros(1), np.zeros((1, 2)), np.zeros(3)])
def test_an_initializer_must_return_the_right_shape(values):
    """Also where NumPy could broadcast the values."""
    scale = Parameter((2,), lambda rng, shape: values)
    network = Network([Planned({"parameters": {"scale": scale}})], (4, 3, 2))
    message = r"init of 'scale' in .* returned values of shape \(.*\); expected \(2,\)"
    with pytest.raises(ValueError, match=message):
        network.initialize(np.random.default_rng(0))


# --- settings and inputs that the layers reject ---------------------------------------------------


@pytest.mark.parametrize("missing", [1, 2])  # pixels
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(
    ("method", "size"),
    [
        *[("auto", 5), ("gemm", 5), ("winograd", 5)],
        *[("auto", 3), ("gemm", 3), ("winograd", 3), ("winograd4", 3), ("winograd4x4", 3)],
    ],
)
def test_a_filter_larger_than_the_image_is_an_error(method, size, axis, missing):
    in_shape, out_shape = [9, 9, 64], [10 - size, 10 - size, 64]
    in_shape[axis], out_shape[axis] = size - missing, 1 - missing
    message = re.escape(f"would turn {tuple(in_shape)} into {tuple(out_shape)}; ")
    with pytest.raises(ValueError, match=f"{message}.* Use a smaller filter"):
        Conv2D(64, size, "valid", method).plan(tuple(in_shape))


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("method", "winograd2", "auto, gemm, winograd, winograd4, winograd4x4"),
        ("method", None, "auto, gemm, winograd, winograd4, winograd4x4"),
        ("padding", "Same", "same, valid"),
    ],
)
def test_an_unknown_method_or_padding_is_an_error(name, value, expected):
    with pytest.raises(ValueError, match=f"^{name} is {value!r}; expected one of {expected}.$"):
        Conv2D(2, 3, **{name: value})


def test_convolutions_need_images():
    message = r"Conv2D\(n_filters=2, .* has an input of shape \(16,\); expected images"
    with pytest.raises(ValueError, match=message):
        Network([Flatten(), Conv2D(2, 3)], (4, 4, 1))


def test_dense_layers_need_features():
    message = r"Dense\(n_units=2\) has an input of shape \(4, 4, 1\); expected features \(n,\)"
    with pytest.raises(ValueError, match=message):
        Network([Dense(2)], (4, 4, 1))


@pytest.mark.parametrize("function", ["Relu", "softmax", None])
def test_an_unknown_activation_is_an_error(function):
    message = f"function is {function!r}; expected one of identity, relu, tanh, sigmoid"
    with pytest.raises(ValueError, match=message):
        BiasActivation(function)


@pytest.mark.parametrize(
    ("name", "fans"),
    [("he", {}), ("he", {"fan_out": 5}), ("glorot", {"fan_in": 5}), ("glorot", {"fan_out": 5})],
)
def test_an_initialization_needs_the_numbers_of_inputs_and_outputs(name, fans):
    with pytest.raises(ValueError, match=f"init='{name}' has fan_in=.*; expected positive numbers"):
        initializer(name, **fans)


def test_a_single_input_and_output_are_enough_for_an_initialization():
    assert initializer("he", fan_in=1) == Uniform(math.sqrt(6))
    assert initializer("glorot", fan_in=1, fan_out=1) == Uniform(math.sqrt(3))


def test_an_unknown_initialization_is_an_error():
    with pytest.raises(ValueError, match="init is 'best'; expected 'he', 'glorot'"):
        Network([Flatten(), Dense(2, "best")], (2, 2, 1))


# --- adjacent layers ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["auto", "gemm", "winograd", "winograd4", "winograd4x4"])
def test_two_convolutions_need_a_layer_between_them(method):
    with pytest.raises(ValueError, match="two convolutions need a layer between them"):
        Network([Conv2D(2, 3), Conv2D(2, 3, method=method)], (4, 4, 1))


def test_two_activations_need_a_layer_between_them():
    layers = [Flatten(), Dense(2), BiasActivation("tanh"), BiasActivation("sigmoid")]
    with pytest.raises(ValueError, match="both work in place"):
        Network(layers, (2, 2, 1))


@dataclass(frozen=True)
class InTraining(Layer, Kernel):
    """Multiplies by 2 in training; in prediction, its forward must not be used."""

    def plan(self, in_shape):
        return Plan(kernel=self, out_shape=in_shape, training_only=True)

    def forward(self, p, m):
        assert m.training
        return [partial(np.multiply, m.x, 2, m.y)]

    def backward(self, p, m, g):
        return [] if m.dx is None else [partial(np.multiply, m.dy, 2, m.dx)]


@pytest.mark.parametrize("layer", [InTraining(), Dropout(0.9)], ids=repr)
@pytest.mark.parametrize(
    "surroundings",
    [
        ([], []),
        ([], [Conv2D(2, 3)]),
        ([Conv2D(3, 3)], []),
        # Neither convolution can work in the memory of the other: the output is copied.
        ([Conv2D(3, 3)], [Conv2D(2, 3)]),
        ([Conv2D(3, 3, method="winograd")], [MaxPool2D(2)]),
        ([Conv2D(3, 3, method="winograd4x4")], [MaxPool2D(2)]),
        ([Conv2D(3, 3), BiasActivation("relu")], [Conv2D(2, 3), BiasActivation("tanh")]),
        ([Flatten()], [Dense(3)]),
    ],
    ids=repr,
)
def test_a_layer_for_training_only_is_left_out_of_prediction(layer, surroundings):
    before, after = surroundings
    network = Network([*before, layer, *after], (4, 4, 3), np.float64)
    without = [*before, *after]
    network.initialize(np.random.default_rng(0))
    images = np.random.default_rng(1).standard_normal((5, 4, 4, 3))
    expected = images
    parameters = [p for i, p in enumerate(network.layer_parameters) if i != len(before)]
    for other, p in zip(without, parameters, strict=True):
        expected = naive.forward(other, expected, p)
    assert_allclose(network.forward(images), expected, rtol=1e-10, atol=1e-12)


def test_a_layer_for_training_only_is_used_in_training():
    network = Network([InTraining(), Flatten()], (4, 4, 3), np.float64)
    images = np.random.default_rng(1).standard_normal((5, 4, 4, 3))
    gradients = network.views(np.zeros(0))
    space = Workspace(network, 5, network.prepare(training=True)[0], gradients=gradients)
    space.input[...] = images
    space.forward()
    assert_array_equal(space.output, 2 * images.reshape(5, -1))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (Unflatten((2, 3, 1)), r"has shape \(4,\); expected \(6,\)\. Change image_shape"),
        (
            Upsample2D(2, (5, 4)),
            "has 2 x 2 pixels; expected as many as pooling 5 x 4 pixels",
        ),
    ],
    ids=["unflatten", "upsample"],
)
def test_inputs_of_a_decoder_have_the_expected_shape(layer, message):
    layers = [Flatten(), layer] if isinstance(layer, Unflatten) else [layer]
    with pytest.raises(ValueError, match=message):
        Network(layers, (2, 2, 1), np.float32)


def test_a_layer_with_state_must_merge_it():
    with pytest.raises(TypeError, match="Scale plans state but does not define update_state"):
        Scale().update_state(None, None, None)


@pytest.mark.parametrize(("side", "size"), [(8, 64), (64, 32), (256, 16)])
def test_tiles_have_fewer_images_the_more_an_image_costs(side, size):
    network = Network([Conv2D(8, 3), Flatten()], (side, side, 3), np.float32)
    assert tile_size(network) == size
