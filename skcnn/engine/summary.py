"""The table of `Network.summary`."""

from __future__ import annotations

import math
from collections.abc import Sequence

from skcnn.engine.layer import Layer, Plan


def table_of(layers: Sequence[Layer], plans: Sequence[Plan], n_frozen: int) -> str:
    """A table with layer, output shape and number of parameters."""
    counts = list(map(n_parameters_of, plans))
    rows = [("layer", "output shape", "parameters")]
    rows += [
        (repr(layer), str(plan.out_shape), f"{count:,}")
        for layer, plan, count in zip(layers, plans, counts, strict=True)
    ]
    rows.append(("total", "", f"{sum(counts):,}"))
    if n_frozen:
        rows.append(("of these frozen", "", f"{sum(counts[:n_frozen]):,}"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join(
        f"{name:<{widths[0]}} {shape:>{widths[1]}} {count:>{widths[2]}}"
        for name, shape, count in rows
    )


def n_parameters_of(plan: Plan) -> int:
    """The number of parameters of a layer."""
    return sum(math.prod(parameter.shape) for parameter in plan.parameters.values())
