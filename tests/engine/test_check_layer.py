"""`check_layer` accepts every layer, and uses the naive implementations; errors name the layer."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from helpers import naive
from helpers.engine import Centre, Scale

from skcnn.engine import layers
from skcnn.engine.layer import Namespace
from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GaussianNoise,
    KeepLargest,
    MaxPool2D,
    MeanPool2D,
    Unflatten,
    Upsample2D,
)
from skcnn.engine.network import Network
from skcnn.engine.testing import check_layer, run_layer

CASES = [
    *(
        (Conv2D(3, size, padding, method), (6, 5, 2))
        for size in (1, 2, 3, 5)
        for padding in ("same", "valid")
        for method in ("gemm", "winograd")
    ),
    *(
        (Conv2D(3, 3, padding, method), (6, 5, 2))
        for padding in ("same", "valid")
        for method in ("winograd4", "winograd4x4")
    ),
    *((pooling(n), (7, 6, 2)) for pooling in (MaxPool2D, MeanPool2D) for n in (1, 2, 3, 9)),
    *((pooling(regions=n), (7, 6, 2)) for pooling in (MaxPool2D, MeanPool2D) for n in (1, 4, 9)),
    *(
        (BiasActivation(function), shape)
        for function in naive.ACTIVATIONS
        for shape in ((4, 3, 2), (7,))
    ),
    (Dense(4), (7,)),
    (Flatten(), (4, 3, 2)),
    (Dropout(0.4), (4, 3, 2)),
    (Dropout(0.4), (7,)),
    (BatchNorm(), (4, 3, 2)),
    (BatchNorm(), (7,)),
    *((GaussianNoise(0.5), shape) for shape in ((4, 3, 2), (7,))),
    *((KeepLargest(0.4), shape) for shape in ((4, 3, 2), (7,))),
    (Unflatten((4, 3, 2)), (24,)),
    *((Upsample2D(size), (3, 2, 2)) for size in (1, 2, 3)),
    *(
        (Upsample2D(size, out_size), (3, 2, 2))
        for size, out_size in ((2, (5, 4)), (2, (6, 3)), (3, (7, 4)))
    ),
    (Upsample2D(9, (5, 7)), (1, 1, 2)),
]


def naive_implementation(layer):
    """The naive implementation of a layer, as `check_layer` expects it."""
    return lambda x, parameters: naive.forward(layer, x, Namespace(**parameters))


@pytest.mark.parametrize(("layer", "in_shape"), CASES, ids=repr)
def test_every_layer_passes(layer, in_shape):
    plan = layer.plan(in_shape)  # test_batch_norm.py has the naive implementations with state
    without = plan.random or plan.state or isinstance(layer, KeepLargest)  # test_keep_largest.py
    check_layer(layer, in_shape, naive=None if without else naive_implementation(layer))


def test_every_layer_is_checked():
    assert {type(layer).__name__ for layer, _ in CASES} == set(layers.__all__)


def test_a_layer_without_a_fault_passes():
    check_layer(Scale(), (4, 3, 2), naive=lambda x, parameters: x * parameters["scale"])


def subtract_batch_mean(x, parameters):
    return x - x.mean(axis=tuple(range(x.ndim - 1)))


def subtract_running_mean(x, parameters, state):
    return x - state["mean"]


@pytest.mark.parametrize("in_shape", [(4, 3, 2), (7,)])
def test_a_layer_with_state_passes(in_shape):
    check_layer(
        Centre(), in_shape, naive=subtract_batch_mean, naive_prediction=subtract_running_mean
    )


# --- naive implementations ------------------------------------------------------------------------


@dataclass(frozen=True)
class IgnoresItsParameter(Scale):
    """Correct as long as all scales are 1, their initial value."""

    def forward(self, p, m):
        return [partial(np.copyto, m.x_kept, m.x), partial(np.copyto, m.y, m.x)]

    def backward(self, p, m, g):
        calls = [partial(g.scale.fill, 0)]
        return calls if m.dx is None else [*calls, partial(np.copyto, m.dx, m.dy)]


@dataclass(frozen=True)
class WrongAtZero(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), lambda: np.copyto(m.y, 1.0, where=m.x == 0)]


@pytest.mark.parametrize("layer", [IgnoresItsParameter(), WrongAtZero()], ids=repr)
def test_a_fault_in_forward_is_found_by_the_naive_implementation(layer):
    with pytest.raises(AssertionError, match="differs from the naive implementation by up to"):
        check_layer(layer, (4, 3, 2), naive=lambda x, parameters: x * parameters["scale"])


def test_the_naive_implementation_must_give_the_same_shape():
    """Also where NumPy could broadcast the shapes."""
    message = r"the output has shape \(3, 4, 3, 2\); expected \(1, 4, 3, 2\), as from the naive"
    with pytest.raises(AssertionError, match=message):
        check_layer(Scale(), (4, 3, 2), naive=lambda x, parameters: x[:1])


@dataclass(frozen=True)
class AddsTheMeanInPrediction(Centre):
    """Has the wrong sign in prediction, where the state starts at zero."""

    def forward(self, p, m):
        if m.training:
            return super().forward(p, m)
        return [partial(np.add, m.x, p.mean, m.y)]


@dataclass(frozen=True)
class SubtractsTheMeanOfAnotherChannel(Centre):
    def forward(self, p, m):
        if m.training:
            return super().forward(p, m)
        return [partial(np.subtract, m.x, p.mean[::-1], m.y)]


@pytest.mark.parametrize("layer", [AddsTheMeanInPrediction(), SubtractsTheMeanOfAnotherChannel()])
def test_prediction_is_compared_with_its_naive_implementation(layer):
    check_layer(layer, (4, 3, 2), naive=subtract_batch_mean)  # finds nothing
    message = "in prediction, the output differs from the naive implementation by up to"
    with pytest.raises(AssertionError, match=message):
        check_layer(layer, (4, 3, 2), naive_prediction=subtract_running_mean)


# --- errors in a layer ----------------------------------------------------------------------------


@dataclass(frozen=True)
class WrongName(Scale):
    def backward(self, p, m, g):
        return [partial(g.scales.fill, 0)]


@dataclass(frozen=True)
class WrongShapes(Scale):
    def forward(self, p, m):
        return [partial(np.multiply, m.x, np.ones(5), m.y)]


@dataclass(frozen=True)
class FailsInBackward(Scale):
    def backward(self, p, m, g):
        return [partial(np.multiply, m.dy, np.ones(5), m.dx)]


@dataclass(frozen=True)
class DrawsWithoutPlanningIt(Scale):
    """Its plan does not say ``random=True``, so it gets no random stream."""

    def forward(self, p, m):
        return [*super().forward(p, m), partial(m.rng.random, None, m.y.dtype, m.x_kept)]


@pytest.mark.parametrize(
    ("layer", "error", "place"),
    [
        (WrongName(), AttributeError, "In backward of layer 1, WrongName()."),
        (WrongShapes(), ValueError, "In forward of layer 1, in the call multiply("),
        (FailsInBackward(), ValueError, "In backward of layer 1, in the call multiply("),
        (DrawsWithoutPlanningIt(), AttributeError, "In forward of layer 1, DrawsWithoutPlanningIt"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_in_a_layer_says_which_layer_it_was(layer, error, place):
    with pytest.raises(error) as caught:
        run_layer(layer, np.ones((3, 4, 3, 2)), np.ones((3, 4, 3, 2)))
    assert any(note.startswith(place) for note in caught.value.__notes__)


@dataclass(frozen=True)
class ReturnsNothing(Scale):
    def forward(self, p, m):
        super().forward(p, m)


def test_forward_must_return_calls():
    with pytest.raises(TypeError, match="returned NoneType; expected a list of calls"):
        Network([ReturnsNothing()], (4, 3, 2)).forward(np.ones((1, 4, 3, 2)))
