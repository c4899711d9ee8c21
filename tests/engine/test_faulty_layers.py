"""`check_layer` rejects layers with a fault and says which one it is."""

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count

import numpy as np
import pytest
from helpers.engine import Centre, Scale, registry_of_faults

from skcnn.engine.initialization import Constant
from skcnn.engine.layer import Kernel, Layer, State
from skcnn.engine.memory import Array
from skcnn.engine.testing import check_layer

FAULTY = []
rejected = registry_of_faults(FAULTY)


# --- the layer as a value -------------------------------------------------------------------------


@rejected("Mutable is not a frozen dataclass")
@dataclass
class Mutable(Layer, Kernel):
    def plan(self, in_shape):
        return Scale().plan(in_shape)

    forward, backward = Scale.forward, Scale.backward


@rejected("is not equal to its own pickled copy, or has another hash")
@dataclass(frozen=True)
class NotComparable(Scale):
    values: object = field(default_factory=object)


@rejected("is not equal to its own pickled copy, or has another hash")
@dataclass(frozen=True)
class HashOfItsIdentity(Scale):
    def __hash__(self):
        return id(self)


@rejected("gives different values of scratch in two calls")
@dataclass(frozen=True)
class PlansAnew(Scale):
    numbers = count(1)

    def plan(self, in_shape):
        return replace(super().plan(in_shape), scratch={"more": Array((next(self.numbers),))})


# --- gradients ------------------------------------------------------------------------------------


@rejected("the gradient of x differs from finite differences")
@dataclass(frozen=True)
class WrongInputGradient(Scale):
    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return calls if m.dx is None else [*calls, partial(np.multiply, m.dx, 1.01, m.dx)]


@rejected("the gradient of scale differs from finite differences")
@dataclass(frozen=True)
class WrongParameterGradient(Scale):
    def backward(self, p, m, g):
        return [*super().backward(p, m, g), partial(np.negative, g.scale, g.scale)]


@rejected("the gradient of scale differs from finite differences")
@dataclass(frozen=True)
class GradientForThreeImagesOnly(Scale):
    def backward(self, p, m, g):
        n_images = m.dy.shape[1]
        return [*super().backward(p, m, g), partial(np.multiply, g.scale, 3 / n_images, g.scale)]


@rejected("leaves values in g.scale that are not finite")
@dataclass(frozen=True)
class MissingParameterGradient(Scale):
    def backward(self, p, m, g):
        return [] if m.dx is None else [partial(np.multiply, m.dy, p.scale, m.dx)]


@rejected("leaves values in g.scale that are not finite")
@dataclass(frozen=True)
class AddsToTheGradient(Scale):
    def backward(self, p, m, g):
        product, sums, *rest = super().backward(p, m, g)
        return [product, lambda: np.add(g.scale, sums.args[0].sum(axis=0), g.scale), *rest]


@rejected("leaves values in m.dx that are not finite")
@dataclass(frozen=True)
class MissingInputGradient(Scale):
    def backward(self, p, m, g):
        return super().backward(p, m, g)[:2]


@rejected("fails as the first layer of a network, where m.dx is None")
@dataclass(frozen=True)
class NotAFirstLayer(Scale):
    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return [*calls[:2], lambda: np.multiply(m.dy, p.scale, out=m.dx[...])]


@rejected("the gradient of scale is different if the layer is the first one")
@dataclass(frozen=True)
class WrongGradientAsFirstLayer(Scale):
    """By one part in a million."""

    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return [*calls, partial(np.multiply, g.scale, 1.000001, g.scale)] if m.dx is None else calls


# --- surroundings, dtypes, prediction -------------------------------------------------------------


@rejected("the prediction for an image depends on the other images of its tile")
@dataclass(frozen=True)
class MixesImages(Scale):
    """Adds the first image of the tile to each image."""

    def plan(self, in_shape):
        return replace(super().plan(in_shape), parameters={})

    def forward(self, p, m):
        return [partial(np.add, m.x, m.x[:, :1], m.y)]

    def backward(self, p, m, g):
        if m.dx is None:
            return []
        sums = partial(np.add.reduce, m.dy, 1, None, m.product[:, 0])
        first = partial(np.add, m.dx[:, 0], m.product[:, 0], m.dx[:, 0])
        return [sums, partial(np.copyto, m.dx, m.dy), first]


@rejected("forward writes to the padding around m.y")
@dataclass(frozen=True)
class WritesToThePadding(Scale):
    def forward(self, p, m):
        calls = super().forward(p, m)
        return [calls[0], partial(m.y_stored.fill, 1), *calls[1:]]


@rejected(
    "the output is different after a copying layer, followed by filters of size 3; expected the "
    "same"
)
@dataclass(frozen=True)
class CountsThePadding(Scale):
    """Divides by the number of columns, with those of the padding."""

    def forward(self, p, m):
        return [*super().forward(p, m), partial(np.divide, m.y, m.y_stored.shape[2], m.y)]

    def backward(self, p, m, g):
        divide = partial(np.divide, m.dy, m.y_stored.shape[2], m.dy)
        return [divide, *super().backward(p, m, g)]


@rejected("the output is different after a convolution; expected the same")
@dataclass(frozen=True)
class IgnoresTheOrderOfColumns(Scale):
    """Asks for the even columns before the odd ones, but reads them as if they were in order."""

    def plan(self, in_shape):
        return replace(super().plan(in_shape), input_period=2)

    @staticmethod
    def in_order(planes, like):
        return planes.transpose(0, 2, 1, 3, 4).reshape(like.shape)

    def forward(self, p, m):
        x = m.x_planes
        keep = lambda: np.copyto(m.x_kept, self.in_order(x, m.y))  # noqa: E731
        return [keep, partial(np.multiply, m.x_kept, p.scale, m.y)]

    def backward(self, p, m, g):
        calls = super().backward(p, m, g)[:2]
        if m.dx_planes is None:
            return calls
        h, period, t, w, c = m.dx_planes.shape
        dy = m.dy.reshape(h, t, period, w, c).transpose(0, 2, 1, 3, 4)
        return [*calls, partial(np.multiply, dy, p.scale, m.dx_planes)]


@rejected("the output in float32 differs from float64 by more than 0.001 of its size")
@dataclass(frozen=True)
class LosesDigits(Scale):
    def forward(self, p, m):
        there, back = (partial(f, m.y, 1e5, m.y) for f in (np.add, np.subtract))
        return [*super().forward(p, m), there, back]


@rejected("training and prediction give different outputs")
@dataclass(frozen=True)
class DoublesInPrediction(Scale):
    def forward(self, p, m):
        calls = super().forward(p, m)
        return calls if m.training else [*calls, partial(np.add, m.y, m.y, m.y)]


@rejected("with m.separate_images the prediction for an image depends on the other images")
@dataclass(frozen=True)
class RoundsByTheSizeOfTheTile(Scale):
    """In its last bit only, as a matrix product that holds the rows of several images."""

    def forward(self, p, m):
        factor = 1 + m.y.shape[1] * np.finfo(m.y.dtype).eps
        return [*super().forward(p, m), partial(np.multiply, m.y, m.y.dtype.type(factor), m.y)]

    def backward(self, p, m, g):
        factor = 1 + m.y.shape[1] * np.finfo(m.y.dtype).eps
        return [
            partial(np.multiply, m.dy, m.dy.dtype.type(factor), m.dy),
            *super().backward(p, m, g),
        ]


@rejected("with m.separate_images the prediction differs from that without")
@dataclass(frozen=True)
class DoublesSeparateImages(Scale):
    def forward(self, p, m):
        calls = super().forward(p, m)
        return [*calls, partial(np.add, m.y, m.y, m.y)] if m.separate_images else calls


# --- state ----------------------------------------------------------------------------------------


@rejected("leaves values in m.observed.other that are not finite")
@dataclass(frozen=True)
class ObservesNothing(Centre):
    def plan(self, in_shape):
        plan = super().plan(in_shape)
        return replace(plan, state={**plan.state, "other": State((1,), Constant(0.0))})


@rejected("update_state leaves the state as it was; expected it to change")
@dataclass(frozen=True)
class UpdateDoesNothing(Centre):
    def update_state(self, state, observed, n_images):
        pass


@rejected("update_state leaves the state as it was; expected it to change")
@dataclass(frozen=True)
class UpdateReplacesTheArray(Centre):
    def update_state(self, state, observed, n_images):
        state.mean = observed.mean.mean(axis=0)


@rejected("update_state gives different results for the same observations")
@dataclass(frozen=True)
class RandomUpdate(Centre):
    def update_state(self, state, observed, n_images):
        state.mean[:] = np.random.default_rng().random(state.mean.shape)


@rejected("update_state gives values that are not finite")
@dataclass(frozen=True)
class UpdateDividesByZero(Centre):
    def update_state(self, state, observed, n_images):
        with np.errstate(divide="ignore"):
            state.mean[:] = 1 / np.zeros_like(state.mean)


# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "message"), FAULTY)
def test_a_faulty_layer_is_rejected(layer, message):
    with pytest.raises(AssertionError) as caught:
        check_layer(layer, (4, 4, 2))
    assert message in str(caught.value)
