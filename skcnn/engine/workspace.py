"""`Workspace`: the memory of one tile, in one buffer, and the two ways through the layers.

From the front of the buffer: what lies between the layers; what layers keep from forward to
backward; two areas for the gradients of what lies between the layers, used in turns (a layer reads
one and writes the other); one area of scratch, as large as the layer that wants most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.lowering import ColumnOrder
from skcnn.engine.memory import Array, aligned_zeros, carve
from skcnn.engine.plan import Layer, Plan, Shape


class Planned(Protocol):
    """What a workspace needs to know of a network."""

    layers: tuple[Layer, ...]
    plans: list[Plan]
    shapes: list[Shape]
    dtype: np.dtype


@dataclass(frozen=True)
class Boundary:
    """What lies between two layers, or between several that work in place.

    With `padding` (rows of zeros before and after, for the convolution that reads it) images are
    stored column by column, ``(t, w, before + h + after, c)``, which is what lowering wants. With a
    `period`, their columns stand in the order of `ColumnOrder`. `one_memory`: the gradient takes
    the place of the values.
    """

    index: int
    shape: Shape
    padding: tuple[int, int] | None
    period: int = 1
    one_memory: bool = False

    @property
    def columns(self) -> ColumnOrder | None:
        return ColumnOrder(self.shape[1], self.period) if len(self.shape) == 3 else None

    def stored(self, padding: tuple[int, int] = (0, 0)) -> Array:
        if self.padding is None:
            return Array(self.shape)
        h, w, c = self.shape
        return Array((w, h + sum(padding), c))

    def as_images(self, stored: NDArray, before: int = 0) -> NDArray:
        """The view (t, h, w, c) without padding, or (t, features)."""
        if self.padding is None:
            return stored
        return stored[:, :, before : before + self.shape[0]].transpose(0, 2, 1, 3)


def find_boundaries(plans: Sequence[Plan], shapes: Sequence[Shape], training: bool):
    """Before the first layer, ..., behind the last: the same object where memory is shared."""

    def shares(plan: Plan) -> bool:
        return plan.in_place or (plan.idle_in_prediction and not training)

    owners = [0]
    for i, plan in enumerate(plans):
        shared = shares(plan)
        if shared and owners[-1] and plans[owners[-1] - 1].row_order:
            reader = next((p for p in plans[i + 1 :] if not shares(p)), None)
            shared = reader is None or reader.input_padding is None
        owners.append(owners[-1] if shared else i + 1)
    padding = dict.fromkeys(owners)
    for owner, plan in zip(owners, plans, strict=False):
        if plan.input_padding is not None:
            if owner and plans[owner - 1].row_order:
                raise ValueError("Two convolutions need a layer between them, a bias at least.")
            padding[owner] = plan.input_padding
    # only where a convolution writes and nobody but the reader looks at it
    pairs = {
        owner: plan
        for owner, plan in zip(owners, plans, strict=False)
        if owner and plans[owner - 1].row_order and owners.count(owner) == 1
    }
    found = {
        owner: Boundary(
            owner,
            shapes[owner],
            padding[owner],
            pairs[owner].input_period if owner in pairs else 1,
            owner in pairs and pairs[owner].overwrites_input,
        )
        for owner in padding
    }
    return [found[owner] for owner in owners]


class Workspace:
    """The memory of one tile of `n_images`.

    Attributes
    ----------
    input : ndarray of shape (n_images, h, w, channels)
        To be filled before `forward`.
    output, doutput : ndarray of shape (n_images, classes)
        Output of the last layer; the gradient to be filled before `backward` (training only).
    memories : list of namespaces, one a layer
    n_bytes : int
    """

    def __init__(self, network: Planned, n_images: int, *, training: bool) -> None:
        self.layers = network.layers
        plans, dtype = network.plans, network.dtype
        at = find_boundaries(plans, network.shapes, training)
        distinct = list(dict.fromkeys(at))

        lasting = {("y", b.index): b.stored(b.padding or (0, 0)) for b in distinct}
        passing = []
        for i, plan in enumerate(plans):
            own = dict(plan.scratch)
            if training:
                own |= plan.backward_scratch
                lasting |= {(i, name): array for name, array in plan.kept.items()}
            else:
                own |= plan.kept
            passing.append({(i, name): array for name, array in own.items()})
        turns: list[list[Boundary]] = [[], []]
        if training:
            # nobody asks for the input's
            apart = [b for b in distinct[1:] if not b.one_memory]
            for position, boundary in enumerate(apart):
                turns[position % 2].append(boundary)

        def lay_out(buffer):
            views, end = carve(lasting, n_images, dtype, buffer=buffer)
            for turn in turns:
                ends = [end]
                for b in turn:
                    one = {("dy", b.index): b.stored()}
                    found, stop = carve(one, n_images, dtype, start=end, buffer=buffer)
                    views |= found
                    ends.append(stop)
                end = max(ends)
            ends = [end]
            for own in passing:
                found, stop = carve(own, n_images, dtype, start=end, buffer=buffer)
                views |= found
                ends.append(stop)
            return views, max(ends)

        _, self.n_bytes = lay_out(None)
        views, _ = lay_out(aligned_zeros(self.n_bytes))

        output, gradient = {}, {}
        for b in distinct:
            output[b] = b.as_images(views["y", b.index], b.padding[0] if b.padding else 0)
            stored = views.get(("y" if training and b.one_memory else "dy", b.index))
            gradient[b] = None if stored is None else b.as_images(stored)

        self.memories = []
        for i, layer in enumerate(self.layers):
            m = SimpleNamespace(
                x=output[at[i]],
                x_stored=views["y", at[i].index],
                x_columns=at[i].columns,
                y_columns=at[i + 1].columns,
                transposed=at[i + 1].padding is not None,
                y=output[at[i + 1]],
                dx=gradient[at[i]],
                dy=gradient[at[i + 1]],
                rng=None,
                **{key[1]: view for key, view in views.items() if key[0] == i},
            )
            layer.bind(m)
            self.memories.append(m)
        self.input = output[at[0]]
        self.output = output[at[-1]]
        self.doutput = gradient[at[-1]]

    def forward(self, parameters: Sequence[SimpleNamespace]) -> None:
        """From `input` to `output`."""
        for layer, p, m in zip(self.layers, parameters, self.memories, strict=True):
            layer.forward(p, m)

    def backward(
        self,
        parameters: Sequence[SimpleNamespace],
        gradients: Sequence[SimpleNamespace],
        stores: Sequence[SimpleNamespace | None],
        rows: slice,
    ) -> None:
        """From `doutput` to the tile's gradients.

        Layers whose gradient is one product over the mini-batch leave the factors of that product,
        ``x`` and ``dy``, in the tile's `rows` of their store instead.
        """
        for i in range(len(self.layers) - 1, -1, -1):
            m, store = self.memories[i], stores[i]
            if store is not None:
                np.copyto(store.x[rows], m.x)
                np.copyto(store.dy[rows], m.dy)
            self.layers[i].backward(parameters[i], m, gradients[i])

    def seed(self, rng: np.random.Generator) -> None:
        """Give the layers the tile's random stream."""
        for m in self.memories:
            m.rng = rng
