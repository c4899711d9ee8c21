"""`check_layer` accepts every layer and rejects layers with a fault."""

from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pytest
from helpers import naive
from helpers.engine import Centre

from skcnn.engine.initialization import Constant
from skcnn.engine.layer import Kernel, Layer, Namespace, Parameter, Plan, State
from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)
from skcnn.engine.memory import Array
from skcnn.engine.network import Network
from skcnn.engine.testing import check_layer, run_layer


def naive_implementation(layer):
    """The naive implementation of a layer, as `check_layer` expects it."""
    return lambda x, parameters: naive.forward(layer, x, Namespace(**parameters))


@pytest.mark.parametrize(
    ("layer", "in_shape"),
    [
        *(
            (Conv2D(3, size, padding, method), (6, 5, 2))
            for size in (1, 2, 3, 5)
            for padding in ("same", "valid")
            for method in ("gemm", "winograd")
        ),
        *((pooling(n), (7, 6, 2)) for pooling in (MaxPool2D, MeanPool2D) for n in (1, 2, 3, 9)),
        *(
            (pooling(regions=n), (7, 6, 2))
            for pooling in (MaxPool2D, MeanPool2D)
            for n in (1, 4, 9)
        ),
        *(
            (BiasActivation(function), shape)
            for function in naive.ACTIVATIONS
            for shape in ((4, 3, 2), (7,))
        ),
        (Dense(4), (7,)),
        (Flatten(), (4, 3, 2)),
        (Dropout(0.4), (4, 3, 2)),
        (Dropout(0.4), (7,)),
    ],
    ids=repr,
)
def test_every_layer_passes(layer, in_shape):
    random = type(layer) is Dropout
    check_layer(layer, in_shape, naive=None if random else naive_implementation(layer))


def test_a_layer_with_state_passes():
    check_layer(Centre(), (4, 3, 2))
    check_layer(Centre(), (7,))


@dataclass(frozen=True)
class Scale(Layer, Kernel):
    """y = x * scale. A correct layer; the faulty layers below are derived from it."""

    def plan(self, in_shape):
        images = len(in_shape) == 3
        return Plan(
            kernel=self,
            out_shape=in_shape,
            parameters={"scale": Parameter(in_shape[-1:], Constant(1.0), penalized=False)},
            kept={"x_kept": Array(in_shape, images_second=images)},
            backward_scratch={"product": Array(in_shape, images_second=images)},
        )

    def forward(self, p, m):
        return [partial(np.copyto, m.x_kept, m.x), partial(np.multiply, m.x, p.scale, m.y)]

    def backward(self, p, m, g):
        rows = m.product.reshape(-1, m.product.shape[-1])
        calls = [
            partial(np.multiply, m.dy, m.x_kept, m.product),
            partial(np.add.reduce, rows, 0, None, g.scale),
        ]
        return calls if m.dx is None else [*calls, partial(np.multiply, m.dy, p.scale, m.dx)]


def test_a_layer_without_a_fault_passes():
    check_layer(Scale(), (4, 3, 2), naive=lambda x, parameters: x * parameters["scale"])


@dataclass(frozen=True)
class WrongInputGradient(Scale):
    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return calls if m.dx is None else [*calls, partial(np.multiply, m.dx, 1.01, m.dx)]


@dataclass(frozen=True)
class WrongParameterGradient(Scale):
    def backward(self, p, m, g):
        return [*super().backward(p, m, g), partial(np.negative, g.scale, g.scale)]


@dataclass(frozen=True)
class MissingParameterGradient(Scale):
    def backward(self, p, m, g):
        return [] if m.dx is None else [partial(np.multiply, m.dy, p.scale, m.dx)]


@dataclass(frozen=True)
class AddsToTheGradient(Scale):
    def backward(self, p, m, g):
        product, sums, *rest = super().backward(p, m, g)
        return [product, lambda: np.add(g.scale, sums.args[0].sum(axis=0), g.scale), *rest]


@dataclass(frozen=True)
class MissingInputGradient(Scale):
    def backward(self, p, m, g):
        return super().backward(p, m, g)[:2]


@dataclass(frozen=True)
class ReadsForwardScratch(Scale):
    def plan(self, in_shape):
        plan = super().plan(in_shape)
        return replace(plan, kept={}, scratch=plan.kept)


@dataclass(frozen=True)
class ChangesInputInForward(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), partial(np.multiply, m.x, 2, m.x)]


@dataclass(frozen=True)
class ChangesInputInBackward(Scale):
    def backward(self, p, m, g):
        return [*super().backward(p, m, g), partial(np.multiply, m.x, 2, m.x)]


@dataclass(frozen=True)
class NotAFirstLayer(Scale):
    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return [*calls[:2], lambda: np.multiply(m.dy, p.scale, out=m.dx[...])]


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


@dataclass(frozen=True)
class AccumulatesAcrossTiles(Scale):
    def forward(self, p, m):
        # `x_kept` still holds the values of the previous tile; those of this tile are added.
        return [
            partial(np.add, m.x_kept, m.x, m.x_kept),
            partial(np.multiply, m.x_kept, p.scale, m.y),
        ]


@dataclass(frozen=True)
class MixesImages(Scale):
    def plan(self, in_shape):
        return replace(super().plan(in_shape), parameters={})

    def forward(self, p, m):
        return [partial(self.add_first, m)]

    @staticmethod
    def add_first(m):
        m.y[...] = m.x + m.x[:, :1]

    def backward(self, p, m, g):
        return [] if m.dx is None else [partial(self.add_first_backward, m)]

    @staticmethod
    def add_first_backward(m):
        m.dx[...] = m.dy
        m.dx[:, :1] += m.dy.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Allocates(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), lambda: np.copyto(m.y, m.x * p.scale)]


@dataclass
class Mutable(Layer, Kernel):
    def plan(self, in_shape):
        return Scale().plan(in_shape)

    forward, backward = Scale.forward, Scale.backward


@dataclass(frozen=True)
class NotComparable(Scale):
    values: object = field(default_factory=object)


@dataclass(frozen=True)
class NoUpdate(Layer, Kernel):
    def plan(self, in_shape):
        return replace(Centre().plan(in_shape), kernel=self)

    def forward(self, p, m):
        return Centre().forward(p, m)

    def backward(self, p, m, g):
        return Centre().backward(p, m, g)


@dataclass(frozen=True)
class RandomUpdate(Centre):
    def update_state(self, state, observed, n_images):
        state.mean[:] = np.random.default_rng().random(state.mean.shape)


@dataclass(frozen=True)
class ObservesNothing(Centre):
    def plan(self, in_shape):
        plan = super().plan(in_shape)
        return replace(plan, state={**plan.state, "other": State((1,), Constant(0.0))})


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (AccumulatesAcrossTiles(), "the output depends on the tile before"),
        (WrongInputGradient(), "the gradient of x differs from finite differences"),
        (WrongParameterGradient(), "the gradient of scale differs from finite differences"),
        (MissingParameterGradient(), "leaves values in g.scale that are not finite"),
        (AddsToTheGradient(), "leaves values in g.scale that are not finite"),
        (MissingInputGradient(), "leaves values in m.dx that are not finite"),
        (ReadsForwardScratch(), "leaves values in g.scale that are not finite"),
        (ChangesInputInForward(), "forward changes m.x"),
        (ChangesInputInBackward(), "backward changes m.x"),
        (NotAFirstLayer(), "fails as the first layer of a network, where m.dx is None"),
        (MixesImages(), "depends on the other images"),
        (Allocates(), "expected none. Plan scratch memory"),
        (NotComparable(), "is not equal to its own pickled copy"),
        (RandomUpdate(), "update_state gives different results for the same observations"),
        (ObservesNothing(), "leaves values in m.observed.other that are not finite"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_faulty_layer_is_rejected(layer, message):
    with pytest.raises(AssertionError, match=message):
        check_layer(layer, (4, 3, 2))


def test_a_mutable_layer_is_rejected():
    with pytest.raises(AssertionError, match="Mutable is not a frozen dataclass"):
        check_layer(Mutable(), (4, 3, 2))


def test_a_difference_from_the_naive_implementation_is_rejected():
    with pytest.raises(AssertionError, match="differs from the naive implementation by up to"):
        check_layer(Scale(), (4, 3, 2), naive=lambda x, parameters: x + parameters["scale"])


@pytest.mark.parametrize("layer", [IgnoresItsParameter(), WrongAtZero()], ids=repr)
def test_a_fault_in_forward_is_found_by_the_naive_implementation(layer):
    with pytest.raises(AssertionError, match="differs from the naive implementation by up to"):
        check_layer(layer, (4, 3, 2), naive=lambda x, parameters: x * parameters["scale"])


def test_an_allocation_is_traced_to_its_call():
    with pytest.raises(AssertionError, match=r"call 2 of forward, .*Allocates\.forward"):
        check_layer(Allocates(), (4, 3, 2))


@dataclass(frozen=True)
class ReturnsNothing(Scale):
    def forward(self, p, m):
        super().forward(p, m)


@dataclass(frozen=True)
class WrongName(Scale):
    def backward(self, p, m, g):
        return [partial(g.scales.fill, 0)]


@dataclass(frozen=True)
class WrongShapes(Scale):
    def forward(self, p, m):
        return [partial(np.multiply, m.x, np.ones(5), m.y)]


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        (Parameter(2, Constant(0.0)), "plans 'scale' with shape 2; expected a tuple of ints"),
        (Parameter((2,), 0.25), "plans 'scale' with init=0.25; expected an initializer"),
    ],
)
def test_a_plan_is_checked(parameter, message):
    @dataclass(frozen=True)
    class WrongPlan(Scale):
        def plan(self, in_shape):
            return replace(super().plan(in_shape), parameters={"scale": parameter})

    with pytest.raises(TypeError, match=message):
        Network([WrongPlan()], (4, 3, 2))


@pytest.mark.parametrize(
    ("layer", "error", "place"),
    [
        (WrongName(), AttributeError, "In backward of layer 1, WrongName()."),
        (WrongShapes(), ValueError, "In forward of layer 1, in the call"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_in_a_layer_says_which_layer_it_was(layer, error, place):
    with pytest.raises(error) as caught:
        run_layer(layer, np.ones((3, 4, 3, 2)), np.ones((3, 4, 3, 2)))
    assert any(note.startswith(place) for note in caught.value.__notes__)


def test_forward_must_return_calls():
    with pytest.raises(TypeError, match="returned NoneType; expected a list of calls"):
        Network([ReturnsNothing()], (4, 3, 2)).forward(np.ones((1, 4, 3, 2)))


def test_state_without_update_state_is_an_error():
    with pytest.raises(TypeError, match="NoUpdate does not define update_state"):
        check_layer(NoUpdate(), (4, 3, 2))


def test_two_arrays_with_the_same_name_are_an_error():
    @dataclass(frozen=True)
    class DuplicateName(Scale):
        def plan(self, in_shape):
            return replace(super().plan(in_shape), derived={"scale": (1,)})

    with pytest.raises(ValueError, match="plans an array with the name 'scale', which is taken"):
        Network([DuplicateName()], (4, 3, 2))
