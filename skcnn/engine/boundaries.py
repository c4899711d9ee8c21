"""`Boundary`: how the values between two layers are stored, and which layers share their memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from skcnn.engine.layer import Plan, Shape
from skcnn.engine.memory import Array


@dataclass(frozen=True)
class Boundary:
    """The values between two layers, or between several layers that work in place.

    Attributes
    ----------
    index : int
        Number of the layer that reads the values; of the first one, if several share them.
    shape : (h, w, c) or (features,)
    padding : (before, after)
        Columns of zeros around each row, for the layer that reads the values.
    period : int
        Columns x with equal ``x % period`` are stored side by side (`layer`).
    one_memory : bool
        The gradient is stored in the memory of the values.
    """

    index: int
    shape: Shape
    padding: tuple[int, int] = (0, 0)
    period: int = 1
    one_memory: bool = False

    @property
    def values(self) -> Array:
        """Memory of the values."""
        return self._stored(self.padding)

    @property
    def gradients(self) -> Array:
        """Memory of their gradient, without padding."""
        return self._stored((0, 0))

    def _stored(self, padding: tuple[int, int]) -> Array:
        if len(self.shape) == 1:
            return Array.like_values(self.shape)
        h, w, c = self.shape
        return Array.like_values((h, w + sum(padding), c))

    @property
    def pixels(self) -> slice | None:
        """The columns of the image between the padding; None for features."""
        if len(self.shape) == 1:
            return None
        return slice(self.padding[0], self.padding[0] + self.shape[1])

    def planes(self, stored: NDArray[Any] | None) -> NDArray[Any] | None:
        """View (h, period, t, w / period, c); None for features and with padding."""
        if stored is None or len(self.shape) == 1 or stored.shape[2] != self.shape[1]:
            return None
        h, t, w, c = stored.shape
        return stored.reshape(h, self.period, t, w // self.period, c)

    def whole(self, stored: NDArray[Any] | None) -> NDArray[Any] | None:
        """View (h, t, w, c) without padding, None with a period; or features (t, n)."""
        if stored is None or len(self.shape) == 1:
            return stored
        if self.period > 1:
            return None
        return stored if stored.shape[2] == self.shape[1] else stored[:, :, self.pixels]


def find_boundaries(
    plans: Sequence[Plan], shapes: Sequence[Shape], training: bool, first_trained: int = 0
) -> list[Boundary]:
    """Before the first layer, ..., after the last: the same object where memory is shared.

    The layers before `first_trained` need no gradients.

    Raises
    ------
    ValueError
        If two adjacent layers cannot share the values between them.
    """

    def shares(plan: Plan) -> bool:
        return plan.in_place or (plan.training_only and not training)

    owners = [0]
    for i, plan in enumerate(plans):
        if i and plan.in_place and plans[i - 1].in_place:  # in backward, each needs its own output
            raise ValueError(
                f"Layers {i - 1} and {i}, {plans[i - 1].kernel} and {plan.kernel}, both work in "
                "place, and backward needs the output of each. Put another layer between them."
            )
        # The gradient of its input is not stored, so it cannot leave one in place of its output's.
        shared = shares(plan) and not (plan.in_place and i in (0, first_trained))
        if shared and owners[-1] and plans[owners[-1] - 1].unpadded_output:
            reader = next((later for later in plans[i + 1 :] if not shares(later)), None)
            shared = reader is None or reader.input_padding is None
        owners.append(owners[-1] if shared else i + 1)
    padding = dict.fromkeys(owners, (0, 0))
    for i, (owner, plan) in enumerate(zip(owners, plans, strict=False)):
        if plan.input_padding is not None:
            if owner and plans[owner - 1].unpadded_output:
                raise ValueError(
                    f"Layer {owner - 1} cannot write the padding that layer {i} reads: two "
                    "convolutions need a layer between them, such as a bias."
                )
            padding[owner] = plan.input_padding
    # The format that a layer requests is used only if the layer before it has unpadded_output and
    # no other layer shares the memory.
    readers = {
        owner: plan
        for owner, plan in zip(owners, plans, strict=False)
        if owner and plans[owner - 1].unpadded_output and owners.count(owner) == 1
    }

    def period(owner: int) -> int:
        wanted = readers[owner].input_period if owner in readers else 1
        if wanted == 1 or shapes[owner][1] % wanted:
            return 1
        possible = plans[owner - 1].output_periods
        return wanted if possible is None or wanted in possible else 1

    boundaries = {
        owner: Boundary(
            owner,
            shapes[owner],
            padding[owner],
            period(owner),
            owner in readers and readers[owner].overwrites_input,
        )
        for owner in padding
    }
    return [boundaries[owner] for owner in owners]
