"""`Workspace`: the memory of one tile in one buffer, and the forward and backward pass through it.

The buffer holds, in this order: the values between the layers; what layers keep from forward to
backward; two areas for the gradients of the values, used alternately (a layer reads one and writes
the other); one area of scratch memory, as large as the layer with the largest demand.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.boundaries import Boundary, find_boundaries
from skcnn.engine.layer import Kernel, Namespace, Plan, Shape
from skcnn.engine.memory import Array, aligned_zeros, carve
from skcnn.engine.runtime.calls import Call, Calls, describe

Name = tuple[str | int, int | str]  # ("y" or "dy", boundary) or (layer, name)
Views = dict[Name, NDArray[Any]]


class Planned(Protocol):
    """What a workspace needs to know of a network."""

    kernels: list[Kernel]
    plans: list[Plan]
    shapes: list[Shape]
    dtype: np.dtype[Any]
    n_frozen: int
    first_trained: int


class Workspace:
    """The memory of one tile of `n_images`, and the calls that the layers make on it.

    Parameters
    ----------
    network : Planned
    n_images : int
    parameters : list of namespaces
        The ``p`` of each layer, from `Network.prepare`.
    gradients : list of namespaces or None
        Memory for the tile's gradients, by layer; None: for prediction only.
    observed : list of namespaces or None
        Memory for what layers with state observe in a tile, by layer.
    factors : list of namespaces or None
        For layers whose gradient is one product over the mini-batch, the arrays ``x`` and ``dy`` of
        the whole mini-batch, into which the tile's are copied.
    rng : Generator or None
        The random stream, for layers that draw from it.
    separate_images : bool
        Whether the output for an image must not depend on the others in any bit (`layer`); for
        prediction only.

    Attributes
    ----------
    input : ndarray of shape (n_images, h, w, channels)
        To be filled before `forward`.
    output, doutput : ndarray of shape (n_images, ...)
        Output of the last layer; its gradient, to be filled before `backward` (training only).
    place : namespace
        ``place.rows``, a slice, are the tile's rows in `factors`.
    memories : list of namespaces, one for each layer
    forward_calls, backward_calls : list of lists of calls, one for each layer
    """

    def __init__(
        self,
        network: Planned,
        n_images: int,
        parameters: Sequence[Namespace],
        *,
        gradients: Sequence[Namespace] | None = None,
        observed: Sequence[Namespace] | None = None,
        factors: Sequence[Namespace | None] | None = None,
        rng: np.random.Generator | None = None,
        separate_images: bool = False,
    ) -> None:
        training = gradients is not None
        first = network.first_trained
        at = find_boundaries(network.plans, network.shapes, training, first)
        # The calls refer to this, not to the workspace: its memory is freed without a cycle.
        self.place = Namespace(rows=slice(0, n_images))
        views = _lay_out(network, n_images, at, training)
        seen = {
            b: _views_of(b, views, training and b.index > at[first].index)
            for b in dict.fromkeys(at)
        }
        self.memories = [
            Namespace(
                training=training and i >= network.n_frozen,
                separate_images=separate_images,
                rng=rng if network.plans[i].random else None,
                observed=None if observed is None else observed[i],
                **{role.format("x"): view for role, view in seen[at[i]].items()},
                **{role.format("y"): view for role, view in seen[at[i + 1]].items()},
                **{str(name): view for (owner, name), view in views.items() if owner == i},
            )
            for i in range(len(network.kernels))
        ]
        self.input = _images_first(self.memories[0].x)
        self.output = _images_first(self.memories[-1].y)
        self.doutput = _images_first(self.memories[-1].dy)

        self.forward_calls: list[Calls] = []
        self.backward_calls: list[Calls] = []
        for i, (kernel, p, m) in enumerate(
            zip(network.kernels, parameters, self.memories, strict=True)
        ):
            if network.plans[i].training_only and not training:
                self.forward_calls.append([] if m.x is m.y else [partial(np.copyto, m.y, m.x)])
            else:
                self.forward_calls.append(_bound(kernel, "forward", i, p, m))
            if gradients is not None and i < first:
                self.backward_calls.append([])
            elif gradients is not None:
                calls = _bound(kernel, "backward", i, p, m, gradients[i])
                layer_factors = None if factors is None else factors[i]
                if layer_factors is not None:
                    calls = [partial(_copy_factors, self.place, layer_factors, m.x, m.dy), *calls]
                self.backward_calls.append(calls)
        self._forward = [call for calls in self.forward_calls for call in calls]
        self._backward = [call for calls in reversed(self.backward_calls) for call in calls]

    def forward(self) -> None:
        """From `input` to `output`."""
        try:
            for call in self._forward:
                call()
        except Exception as error:
            _add_place(error, call, "forward", self.forward_calls)
            raise

    def backward(self) -> None:
        """From `doutput` to the tile's gradients."""
        try:
            for call in self._backward:
                call()
        except Exception as error:
            _add_place(error, call, "backward", self.backward_calls)
            raise


def _copy_factors(place: Namespace, factors: Namespace, x: NDArray[Any], dy: NDArray[Any]) -> None:
    np.copyto(factors.x[place.rows], x)
    np.copyto(factors.dy[place.rows], dy)


def _add_place(error: Exception, call: Call, direction: str, by_layer: list[Calls]) -> None:
    """Add a note to an error: the layer and the call that raised it."""
    layer = next((i for i, calls in enumerate(by_layer) if call in calls), None)
    error.add_note(f"In {direction} of layer {layer}, in the call {describe(call)}.")


def _bound(kernel: Kernel, direction: str, index: int, *namespaces: Namespace) -> Calls:
    """The calls of a kernel's forward or backward; errors say which layer it was."""
    try:
        calls = getattr(kernel, direction)(*namespaces)
    except Exception as error:
        error.add_note(f"In {direction} of layer {index}, {kernel}.")
        raise
    if not isinstance(calls, list):
        raise TypeError(
            f"{direction} of layer {index}, {kernel}, returned {type(calls).__name__}; expected a "
            "list of calls. Return [] if there is nothing to do."
        )
    return calls


def _lay_out(network: Planned, n_images: int, at: list[Boundary], training: bool) -> Views:
    """All arrays as views of one buffer, by (layer, name) or by ("y" or "dy", boundary)."""
    distinct = list(dict.fromkeys(at))
    lasting: dict[Name, Array] = {("y", b.index): b.values for b in distinct}
    scratch: list[dict[Name, Array]] = []
    for i, plan in enumerate(network.plans):
        own = dict(plan.scratch)
        if training and i >= network.first_trained:
            own |= plan.backward_scratch
            lasting |= {(i, name): array for name, array in plan.kept.items()}
        else:
            own |= plan.kept
        scratch.append({(i, name): array for name, array in own.items()})
    turns: list[list[Boundary]] = [[], []]
    if training:
        # Nothing needs the gradient of what the first trained layer reads.
        lowest = at[network.first_trained].index
        separate = [b for b in distinct if b.index > lowest and not b.one_memory]
        for position, boundary in enumerate(separate):
            turns[position % 2].append(boundary)
    gradients: list[list[dict[Name, Array]]] = [
        [{("dy", b.index): b.gradients} for b in turn] for turn in turns
    ]

    def lay_out(buffer: NDArray[np.uint8] | None) -> tuple[Views, int]:
        views, end = carve(lasting, n_images, network.dtype, buffer=buffer)
        for area in (*gradients, scratch):  # the arrays of an area share its memory
            ends = [end]
            for arrays in area:
                found, stop = carve(arrays, n_images, network.dtype, start=end, buffer=buffer)
                views |= found
                ends.append(stop)
            end = max(ends)
        return views, end

    _, n_bytes = lay_out(None)
    return lay_out(aligned_zeros(n_bytes))[0]


def _views_of(
    b: Boundary, views: Views, has_gradient: bool
) -> dict[str, NDArray[Any] | slice | None]:
    """What a layer sees of a boundary; {} stands for x where it reads, for y where it writes.

    Views that are the same object are the same memory.
    """
    stored = views["y", b.index]
    values = {"{}": b.whole(stored), "{}_planes": b.planes(stored)}
    gradient = views.get(("dy", b.index))
    gradients = {"d{}": b.whole(gradient), "d{}_planes": b.planes(gradient)}
    if has_gradient and b.one_memory:
        gradients = {f"d{role}": view for role, view in values.items()}
    return {**values, **gradients, "{}_stored": stored, "{}_pixels": b.pixels}


def _images_first(array: NDArray[Any]) -> NDArray[Any]:
    """View images (h, t, w, c) as (t, h, w, c); features, or None, as they are."""
    return array if array is None or array.ndim == 2 else array.swapaxes(0, 1)
