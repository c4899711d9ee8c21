"""`Layout`: where the parameters and the state of all layers are in a network's flat vector."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from numpy.typing import NDArray

from skcnn.engine.layer import Namespace, Parameter, Plan, Shape, State

Entry = tuple[int, str]  # layer, name
Slots = dict[Entry, slice]  # place in a part of the vector
Array = TypeVar("Array", Parameter, State)


@dataclass(frozen=True)
class Layout:
    """The vector has the parameters of the trained layers, their state, and the frozen layers.

    The parameters are in this order: the weights whose gradient is one product over the mini-batch,
    the other weights, whatever has no L2 penalty.

    Attributes
    ----------
    parameters, state : Slots
        Of the layers that are trained; the places are counted from the beginning of each part.
    frozen : Slots
        Parameters and state of the frozen layers.
    n_parameters, n_state, n_frozen : int
        Lengths of the three parts.
    n_penalized, n_whole_batch : int
        Length of the leading part of the parameters that has an L2 penalty, and of that part's
        leading part with whole-batch gradients.
    """

    parameters: Slots
    state: Slots
    frozen: Slots
    n_parameters: int
    n_state: int
    n_frozen: int
    n_penalized: int
    n_whole_batch: int

    @classmethod
    def of(cls, plans: Sequence[Plan], n_frozen: int) -> Layout:
        """The layout for layers with these plans, of which the first `n_frozen` are frozen."""

        def rank(parameter: Parameter) -> int:
            return 0 if parameter.whole_batch else 1 if parameter.penalized else 2

        frozen, trained = slice(n_frozen), slice(n_frozen, None)
        parameters = parameters_of(plans, trained)
        ordered = sorted(parameters.items(), key=lambda entry: rank(entry[1]))
        sizes = [(rank(parameter), math.prod(parameter.shape)) for _, parameter in ordered]
        slots, n_parameters = _place(ordered)
        state, n_state = _place(states_of(plans, trained).items())
        fixed, n_fixed = _place(
            [*parameters_of(plans, frozen).items(), *states_of(plans, frozen).items()]
        )
        return cls(
            parameters=slots,
            state=state,
            frozen=fixed,
            n_parameters=n_parameters,
            n_state=n_state,
            n_frozen=n_fixed,
            n_penalized=sum(size for rank, size in sizes if rank <= 1),
            n_whole_batch=sum(size for rank, size in sizes if rank == 0),
        )

    def __len__(self) -> int:
        return self.n_parameters + self.n_state + self.n_frozen


def parameters_of(plans: Sequence[Plan], chosen: slice = slice(None)) -> dict[Entry, Parameter]:
    """The parameters of the chosen layers by layer and name."""
    return _entries(plans, chosen, lambda plan: plan.parameters)


def states_of(plans: Sequence[Plan], chosen: slice = slice(None)) -> dict[Entry, State]:
    """The state of the chosen layers by layer and name."""
    return _entries(plans, chosen, lambda plan: plan.state)


def _entries(
    plans: Sequence[Plan], chosen: slice, arrays_of: Callable[[Plan], Mapping[str, Array]]
) -> dict[Entry, Array]:
    return {
        (i, name): array
        for i in range(*chosen.indices(len(plans)))
        for name, array in arrays_of(plans[i]).items()
    }


def _place(entries: Iterable[tuple[Entry, Parameter | State]]) -> tuple[Slots, int]:
    """Places one after another, and the length of all."""
    slots: Slots = {}
    start = 0
    for entry, array in entries:
        end = start + math.prod(array.shape)
        slots[entry] = slice(start, end)
        start = end
    return slots, start


def by_layer(
    vectors: NDArray[Any], slots: Slots, shapes: Mapping[Entry, Shape], n_layers: int
) -> list[Namespace]:
    """Views of vectors (..., n) for each layer, by name; leading axes stay."""
    views = [Namespace() for _ in range(n_layers)]
    for (index, name), slot in slots.items():
        part = vectors[..., slot].reshape(*vectors.shape[:-1], *shapes[index, name])
        setattr(views[index], name, part)
    return views
