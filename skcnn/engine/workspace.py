"""`Workspace`: the memory of one tile, in one buffer, and the two ways through the layers.

From the front of the buffer: what lies between the layers; what layers keep from forward to
backward; two areas for the gradients of what lies between the layers, used in turns (a layer reads
one and writes the other); one area of scratch, as large as the layer that wants most.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Calls, Kernel, Plan, Shape
from skcnn.engine.memory import Array, aligned_zeros, carve


class Planned(Protocol):
    """What a workspace needs to know of a network."""

    kernels: list[Kernel]
    plans: list[Plan]
    shapes: list[Shape]
    dtype: np.dtype


@dataclass(frozen=True)
class Boundary:
    """What lies between two layers, or between several that work in place.

    With `padding` there are columns of zeros before and after each row, for the convolution that
    reads it. With a `period`, columns x with equal ``x % period`` stand side by side (`plan`).
    `one_memory`: the gradient takes the place of the values.
    """

    index: int
    shape: Shape
    padding: tuple[int, int] = (0, 0)
    period: int = 1
    one_memory: bool = False

    def stored(self, padding: tuple[int, int] = (0, 0)) -> Array:
        if len(self.shape) == 1:
            return Array(self.shape)
        h, w, c = self.shape
        return Array((h, w + sum(padding), c), images_second=True)

    def planes(self, stored: NDArray | None) -> NDArray | None:
        """The view (h, period, t, w / period, c) of images."""
        if stored is None or len(self.shape) == 1 or stored.shape[2] != self.shape[1]:
            return None
        h, t, w, c = stored.shape
        return stored.reshape(h, self.period, t, w // self.period, c)

    def whole(self, stored: NDArray | None) -> NDArray | None:
        """The view (h, t, w, c) without padding, None if columns are not in order; or features."""
        if stored is None or len(self.shape) == 1:
            return stored
        if self.period > 1:
            return None
        return stored if stored.shape[2] == self.shape[1] else stored[:, :, self.pixels]

    @property
    def pixels(self) -> slice | None:
        """Where the columns of an image stand between the padding."""
        if len(self.shape) == 1:
            return None
        return slice(self.padding[0], self.padding[0] + self.shape[1])


def find_boundaries(plans: Sequence[Plan], shapes: Sequence[Shape], training: bool):
    """Before the first layer, ..., behind the last: the same object where memory is shared."""

    def shares(plan: Plan) -> bool:
        return plan.in_place or (plan.idle_in_prediction and not training)

    owners = [0]
    for i, plan in enumerate(plans):
        if plan.in_place and i and plans[i - 1].in_place:  # backward, each wants its own output
            raise ValueError("Two activations need a layer between them.")
        shared = shares(plan)
        if shared and owners[-1] and plans[owners[-1] - 1].row_order:
            reader = next((p for p in plans[i + 1 :] if not shares(p)), None)
            shared = reader is None or reader.input_padding is None
        owners.append(owners[-1] if shared else i + 1)
    padding = dict.fromkeys(owners, (0, 0))
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

    def period(owner: int) -> int:
        wish = pairs[owner].input_period if owner in pairs else 1
        if wish == 1 or shapes[owner][1] % wish:
            return 1
        granted = plans[owner - 1].periods
        return wish if granted is None or wish in granted else 1

    found = {
        owner: Boundary(
            owner,
            shapes[owner],
            padding[owner],
            period(owner),
            owner in pairs and pairs[owner].overwrites_input,
        )
        for owner in padding
    }
    return [found[owner] for owner in owners]


class Workspace:
    """The memory of one tile of `n_images`, and what the layers do with it.

    Parameters
    ----------
    network : Planned
    n_images : int
    parameters : list of namespaces
        By layer, with the arrays derived from them; see `Network.prepare`.
    gradients : list of namespaces or None
        Where the tile's gradients go; None: for prediction only.
    stores : list of namespaces or None
        Layers whose gradient is one product over the mini-batch leave the factors of that product
        in ``x`` and ``dy`` of theirs, in the rows `rows`.
    rng : Generator or None
        Layers that draw, draw from it.

    Attributes
    ----------
    input : ndarray of shape (n_images, h, w, channels)
        To be filled before `forward`.
    output, doutput : ndarray of shape (n_images, classes), or whatever the last layer gives
        Output of the last layer; the gradient to be filled before `backward` (training only).
    rows : slice
        The tile's place in the stores.
    memories : list of namespaces, one a layer
    forward_calls, backward_calls : list of lists of calls, one a layer
    """

    def __init__(
        self,
        network: Planned,
        n_images: int,
        parameters: Sequence[SimpleNamespace],
        *,
        gradients: Sequence[SimpleNamespace] | None = None,
        stores: Sequence[SimpleNamespace | None] | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        training = gradients is not None
        at = find_boundaries(network.plans, network.shapes, training)
        self.rows = slice(0, n_images)
        views = self._lay_out(network, n_images, at, training)

        sights = {b: self._sight(b, views, training) for b in dict.fromkeys(at)}
        self.memories = [
            SimpleNamespace(
                **{role.format("x"): view for role, view in sights[at[i]].items()},
                **{role.format("y"): view for role, view in sights[at[i + 1]].items()},
                rng=rng,
                **{key[1]: view for key, view in views.items() if key[0] == i},
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
            self.forward_calls.append(kernel.forward(p, m))
            if training:
                calls = kernel.backward(p, m, gradients[i])
                if stores is not None and stores[i] is not None:
                    calls = [partial(self._leave_factors, stores[i], m.x, m.dy), *calls]
                self.backward_calls.append(calls)
        self._forward = [call for calls in self.forward_calls for call in calls]
        self._backward = [call for calls in reversed(self.backward_calls) for call in calls]

    @staticmethod
    def _lay_out(network: Planned, n_images: int, at: list[Boundary], training: bool):
        """All arrays as views of one buffer, by (layer, name) or ("y" or "dy", boundary)."""
        distinct = list(dict.fromkeys(at))
        lasting = {("y", b.index): b.stored(b.padding) for b in distinct}
        passing = []
        for i, plan in enumerate(network.plans):
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
            views, end = carve(lasting, n_images, network.dtype, buffer=buffer)
            areas = [[{("dy", b.index): b.stored()} for b in turn] for turn in turns]
            for area in (*areas, passing):
                ends = [end]
                for arrays in area:
                    found, stop = carve(arrays, n_images, network.dtype, start=end, buffer=buffer)
                    views |= found
                    ends.append(stop)
                end = max(ends)
            return views, end

        _, n_bytes = lay_out(None)
        return lay_out(aligned_zeros(n_bytes))[0]

    @staticmethod
    def _sight(b: Boundary, views: dict, training: bool) -> dict[str, NDArray | None]:
        """What a layer sees of a boundary; {} stands for x where it reads, for y where it writes.

        Views that are the same object are the same memory.
        """
        stored = views["y", b.index]
        values = {
            "{}": b.whole(stored),
            "{}_planes": b.planes(stored),
        }
        gradient = views.get(("dy", b.index))
        gradients = {"d{}": b.whole(gradient), "d{}_planes": b.planes(gradient)}
        if training and b.one_memory:
            gradients = {f"d{role}": view for role, view in values.items()}
        return {**values, **gradients, "{}_stored": stored, "{}_pixels": b.pixels}

    def _leave_factors(self, store: SimpleNamespace, x: NDArray, dy: NDArray) -> None:
        np.copyto(store.x[self.rows], x)
        np.copyto(store.dy[self.rows], dy)

    def forward(self) -> None:
        """From `input` to `output`."""
        for call in self._forward:
            call()

    def backward(self) -> None:
        """From `doutput` to the tile's gradients."""
        for call in self._backward:
            call()


def _images_first(array: NDArray | None) -> NDArray | None:
    """(t, h, w, c) of (h, t, w, c); features as they are."""
    return array if array is None or array.ndim == 2 else array.swapaxes(0, 1)
