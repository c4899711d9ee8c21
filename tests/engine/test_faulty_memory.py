"""`check_layer` rejects layers that read, write, share or allocate memory in a wrong way."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from helpers.engine import Scale, registry_of_faults

from skcnn.engine.memory import Array
from skcnn.engine.testing import check_layer

FAULTY = []
rejected = registry_of_faults(FAULTY)


# --- reads and writes -----------------------------------------------------------------------------


@rejected("the output has values that are not finite")
@dataclass(frozen=True)
class ReadsUnwrittenScratch(Scale):
    def plan(self, in_shape):
        return replace(super().plan(in_shape), scratch={"shift": Array.like_values(in_shape)})

    def forward(self, p, m):
        return [*super().forward(p, m), partial(np.add, m.y, m.shift, m.y)]


@rejected("leaves values in g.scale that are not finite")
@dataclass(frozen=True)
class ReadsForwardScratch(Scale):
    def plan(self, in_shape):
        plan = super().plan(in_shape)
        return replace(plan, kept={}, scratch=plan.kept)


@rejected("leaves values in m.dx that are not finite")
@dataclass(frozen=True)
class ReadsItsOutputInBackward(Scale):
    """Computes ``dx = dy * y / x``."""

    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        if m.dx is None:
            return calls
        divide = partial(np.divide, m.y, m.x_kept, m.dx)
        return [*calls[:2], divide, partial(np.multiply, m.dy, m.dx, m.dx)]


@rejected("forward changes m.x")
@dataclass(frozen=True)
class ChangesInputInForward(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), partial(np.multiply, m.x, 2, m.x)]


@rejected("backward changes m.x")
@dataclass(frozen=True)
class ChangesInputInBackward(Scale):
    def backward(self, p, m, g):
        return [*super().backward(p, m, g), partial(np.multiply, m.x, 2, m.x)]


@rejected("expected none. Plan scratch memory")
@dataclass(frozen=True)
class Allocates(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), lambda: np.copyto(m.y, m.x * p.scale)]


@rejected("expected none. Plan scratch memory")
@dataclass(frozen=True)
class AllocatesInBackward(Scale):
    def backward(self, p, m, g):
        calls = super().backward(p, m, g)
        return calls if m.dx is None else [*calls, lambda: np.copyto(m.dx, m.dy * p.scale)]


# --- tiles ----------------------------------------------------------------------------------------


@rejected("the output depends on the tile before")
@dataclass(frozen=True)
class AccumulatesAcrossTiles(Scale):
    def forward(self, p, m):
        # `x_kept` still holds the values of the previous tile; those of this tile are added.
        return [
            partial(np.add, m.x_kept, m.x, m.x_kept),
            partial(np.multiply, m.x_kept, p.scale, m.y),
        ]


@rejected("the output depends on the tile before")
@dataclass(frozen=True)
class LeavesOutTheFirstRow(Scale):
    """Does not write the first row of ``m.y``, which is zero before the first tile only."""

    def forward(self, p, m):
        keep = partial(np.copyto, m.x_kept, m.x)
        return [keep, partial(np.multiply, m.x[1:], p.scale, m.y[1:])]


@rejected("two tiles that are computed at the same time change each other's results")
@dataclass(frozen=True)
class KeepsMemoryOfItsOwn(Scale):
    """Keeps its input in an array that all tiles use."""

    arrays = {}  # noqa: RUF012

    def forward(self, p, m):
        own = self.arrays.setdefault((m.x.shape, m.x.dtype), np.empty_like(m.x_kept))
        return [partial(np.copyto, own, m.x), partial(np.multiply, m.x, p.scale, m.y)]

    def backward(self, p, m, g):
        own = self.arrays[m.x.shape, m.x.dtype]
        return [partial(np.copyto, m.x_kept, own), *super().backward(p, m, g)]


@rejected("two tiles that are computed at the same time change each other's results")
@dataclass(frozen=True)
class KeepsItsMaskInMemoryOfItsOwn(Scale):
    """A ReLU: it has no parameters, so only the gradient of the input is wrong."""

    masks = {}  # noqa: RUF012

    def plan(self, in_shape):
        return replace(super().plan(in_shape), parameters={})

    def forward(self, p, m):
        mask = self.masks.setdefault((m.x.shape, m.x.dtype), np.zeros_like(m.x_kept))
        positive = partial(np.greater, m.x, 0, out=mask, casting="unsafe")
        return [positive, partial(np.multiply, m.x, mask, m.y)]

    def backward(self, p, m, g):
        if m.dx is None:
            return []
        return [partial(np.multiply, m.dy, self.masks[m.x.shape, m.x.dtype], m.dx)]


@rejected("forward or backward changes p.last")
@dataclass(frozen=True)
class WritesToP(Scale):
    def plan(self, in_shape):
        return replace(super().plan(in_shape), derived={"last": in_shape[-1:]})

    def forward(self, p, m):
        return [*super().forward(p, m), partial(np.copyto, p.last, m.x[-1, -1, -1])]


# --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("layer", "message"), FAULTY)
def test_a_layer_with_a_fault_of_memory_is_rejected(layer, message):
    with pytest.raises(AssertionError) as caught:
        check_layer(layer, (4, 4, 2))
    assert message in str(caught.value)


def test_an_allocation_is_traced_to_its_call():
    with pytest.raises(AssertionError, match=r"call 2 of forward, .*Allocates\.forward"):
        check_layer(Allocates(), (4, 3, 2))


@dataclass(frozen=True)
class AllocatesWithLongArguments(Scale):
    def forward(self, p, m):
        return [*super().forward(p, m), partial(self.multiply, m, p=p)]

    @staticmethod
    def multiply(m, p):
        m.y[...] = m.x * p.scale


def test_the_message_about_an_allocation_is_short():
    """The arguments of the call are a namespace of large arrays and the parameters."""
    with pytest.raises(AssertionError, match=r"call 2 of forward, multiply\(") as caught:
        check_layer(AllocatesWithLongArguments(), (4, 3, 2))
    assert len(str(caught.value)) < 400
