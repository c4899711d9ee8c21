"""The checks of a layer's plan, before anything is laid out."""

from __future__ import annotations

import math

from skcnn.engine.layer import Kernel, Layer, Parameter, Plan, Shape, State

# Names that every ``m`` has.
RESERVED = (
    *("x", "x_planes", "x_stored", "x_pixels", "dx", "dx_planes"),
    *("y", "y_planes", "y_stored", "y_pixels", "dy", "dy_planes"),
    *("training", "separate_images", "rng", "observed"),
)

MOST_WEIGHTS = 2**40  # of a layer: 4 TiB in float32


def check_n_weights(layer: Layer, shape: Shape) -> None:
    """Check that weights of this shape are not far too many for any memory."""
    count = math.prod(shape)
    if count > MOST_WEIGHTS:
        raise ValueError(
            f"{layer} would have {count:,} weights; expected at most {MOST_WEIGHTS:,}. Use fewer "
            "or smaller filters, or fewer units."
        )


def check_out_shape(layer: Layer, in_shape: Shape, out_shape: Shape) -> None:
    """Check that the output has at least one number."""
    if min(out_shape, default=0) < 1:
        raise ValueError(
            f"{layer} would turn {in_shape} into {out_shape}; expected at least one pixel or "
            "feature. Use a smaller filter or window, or larger images."
        )


def check_plan(layer: Layer, in_shape: Shape, plan: Plan) -> None:
    """Check a plan before anything is laid out."""
    check_out_shape(layer, in_shape, plan.out_shape)
    if plan.state and type(plan.kernel).update_state is Kernel.update_state:
        raise TypeError(
            f"{layer} plans state, but {type(plan.kernel).__name__} does not define update_state; "
            "expected a method that merges what the tiles observed. Define it."
        )
    for name, parameter in plan.parameters.items():
        if parameter.whole_batch and len(in_shape) != 1:
            raise ValueError(
                f"{layer} plans a whole-batch gradient of {name!r} for an input of shape "
                f"{in_shape}; expected features (n,). Set whole_batch=False."
            )
    planned: dict[str, Parameter | State] = {**plan.parameters, **plan.state}
    for name, array in planned.items():
        if not isinstance(array.shape, tuple):
            raise TypeError(
                f"{layer} plans {name!r} with shape {array.shape!r}; expected a tuple of ints."
            )
        if not callable(array.init):
            raise TypeError(
                f"{layer} plans {name!r} with init={array.init!r}; expected an initializer such as "
                "Constant(0.0) or initializer('he', fan_in=9)."
            )
        if isinstance(array, Parameter) and array.matrix and len(array.shape) < 2:
            raise ValueError(
                f"{layer} plans {name!r} as a matrix, with shape {array.shape}; expected weights "
                "(..., outputs) of two axes or more. Set matrix=False."
            )
    # Arrays reach the layer by name: no two in the same namespace may share one.
    in_p = [*plan.parameters, *plan.state, *plan.derived, *plan.backward_derived]
    in_m = [*RESERVED, *plan.kept, *plan.scratch, *plan.backward_scratch]
    for names in (in_p, in_m):
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(
                f"{layer} plans an array with the name {repeated[0]!r}, which is taken; expected "
                "distinct names. Rename it in the layer's plan."
            )
