"""`check_layer`: tests that any layer must pass, as `check_estimator` does for estimators."""

from __future__ import annotations

import dataclasses
import math
import pickle
import tracemalloc

import numpy as np

from skcnn.engine.layer import Layer, Namespace, Shape
from skcnn.engine.runtime.calls import describe
from skcnn.engine.testing.numerics import (
    Naive,
    NaivePrediction,
    check_dtypes,
    check_gradients,
    check_naive,
    check_naive_prediction,
    pairs,
)
from skcnn.engine.testing.running import SurroundedLayer, random_tile

MEASURED_BYTES = 1 << 18  # of input, for the check of allocations


def check_layer(
    layer: Layer,
    in_shape: Shape,
    *,
    naive: Naive | None = None,
    naive_prediction: NaivePrediction | None = None,
) -> None:
    """Check the requirements of the engine on a layer.

    It checks that the layer is a value; that the gradients of the input and of each parameter agree
    with finite differences in float64; that the results agree with `naive`, do not depend on the
    layers around, on tiles before or on other images, and are the same in prediction; that with
    ``m.separate_images`` no bit depends on other images; that the calls allocate no memory; that
    state is merged the same way each time.

    Parameters
    ----------
    layer : Layer
    in_shape : (h, w, c) or (features,)
    naive : callable ``(x, parameters) -> y``, default=None
        A simple implementation of training in float64: x is ``(n, *in_shape)``, y
        ``(n, *out_shape)``, and `parameters` maps names to arrays. Not for layers that draw random
        numbers.
    naive_prediction : callable ``(x, parameters, state) -> y``, default=None
        The same for prediction; for layers with state.

    Raises
    ------
    AssertionError
        Saying which requirement the layer does not meet.

    Examples
    --------
    >>> from skcnn.engine.layers import MeanPool2D
    >>> from skcnn.engine.testing import check_layer
    >>> check_layer(MeanPool2D(2), (4, 6, 3), naive=lambda x, parameters: x.reshape(
    ...     len(x), 2, 2, 3, 2, 3).mean(axis=(2, 4)))
    """
    _check_value(layer, in_shape)
    if naive is not None:
        check_naive(layer, in_shape, naive)
    if naive_prediction is not None:
        check_naive_prediction(layer, in_shape, naive_prediction)
    _check_state(layer, in_shape)
    _check_reads_and_writes(layer, in_shape)
    check_gradients(layer, in_shape)
    _check_sharing(layer, in_shape)
    _check_first_layer(layer, in_shape)
    _check_surroundings(layer, in_shape)
    check_dtypes(layer, in_shape)
    _check_prediction(layer, in_shape)
    _check_separate_images(layer, in_shape)
    _check_memory(layer, in_shape)


def _check_value(layer: Layer, in_shape: Shape) -> None:
    frozen = dataclasses.is_dataclass(layer) and type(layer).__dataclass_params__.frozen
    assert frozen, f"{type(layer).__name__} is not a frozen dataclass; add @dataclass(frozen=True)."
    copy = pickle.loads(pickle.dumps(layer))
    same = copy == layer and hash(copy) == hash(layer)
    assert same, (
        f"{layer} is not equal to its own pickled copy, or has another hash; expected a value that "
        "can be compared. Use fields that can be compared, or field(compare=False)."
    )
    plans = layer.plan(in_shape), copy.plan(in_shape)
    for name in ("out_shape", "parameters", "state", "kept", "scratch", "backward_scratch"):
        first, second = (getattr(plan, name) for plan in plans)
        assert first == second, (
            f"{layer}.plan({in_shape}) gives different values of {name} in two calls; expected the "
            "same. A plan may depend on the settings and the shape only."
        )


def _check_reads_and_writes(layer: Layer, in_shape: Shape) -> None:
    """Scratch memory is written before it is read, and the input is left as it is."""
    x, dy = random_tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    stored = x.swapaxes(0, 1) if x.ndim == 4 else x
    fresh = surrounded.forward(x)
    assert np.isfinite(fresh).all(), (
        f"{layer}: the output has values that are not finite. Check that forward writes all of "
        "m.y, and that it writes scratch memory before it reads it."
    )
    for direction in ("forward", "backward"):
        if direction == "backward":
            surrounded.backward(dy)
        assert not surrounded.keeps_input or np.array_equal(surrounded.memory.x, stored), (
            f"{layer}: {direction} changes m.x, which the layer before needs; expected it to stay "
            "as it is. Use scratch memory instead."
        )
    assert np.array_equal(fresh, surrounded.run(x, dy).y), (
        f"{layer}: the output depends on the tile before; expected the same bits. Check that the "
        "calls write all memory before they read it."
    )


def _check_sharing(layer: Layer, in_shape: Shape) -> None:
    """Tiles that are computed at the same time do not affect each other."""
    x, dy = random_tile(layer, in_shape, 6)
    first = SurroundedLayer(layer, in_shape, 3, np.float64)
    second = first.second_tile()
    for call in first.derive:
        call()
    shared = {name: array.copy() for name, array in vars(first.prepared[first.at]).items()}
    expected = [first.run(x[:3], dy[:3]), second.run(x[3:], dy[3:])]
    outputs = [first.forward(x[:3]), second.forward(x[3:])]
    first.backward(dy[:3])
    second.backward(dy[3:])
    for tile, y, run in zip((first, second), outputs, expected, strict=True):
        same = all(np.array_equal(alone, found) for _, alone, found in pairs(run, tile.results(y)))
        assert same, (
            f"{layer}: two tiles that are computed at the same time change each other's results; "
            "expected the same bits as one after the other. Keep all memory in `m`."
        )
    for name, array in vars(first.prepared[first.at]).items():
        assert np.array_equal(array, shared[name]), (
            f"{layer}: forward or backward changes p.{name}, which all threads share; expected "
            "`p` to be read only. Write to `m`, or to `m.observed` for state."
        )


def _check_first_layer(layer: Layer, in_shape: Shape) -> None:
    """The first layer of a network has no m.dx; the gradients of parameters stay the same."""
    x, dy = random_tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    expected = surrounded.run(x, dy).gradients
    first = SurroundedLayer(layer, in_shape, len(x), np.float64, first=True)
    for name, value in surrounded.parameters.items():
        first.parameters[name][:] = value
    try:
        first.forward_and_backward(x, dy)
    except Exception as error:
        raise AssertionError(
            f"{layer} fails as the first layer of a network, where m.dx is None: {error}. Let "
            "backward return no calls for m.dx there."
        ) from error
    for name, gradient in first.collect_gradients().items():
        assert np.allclose(gradient, expected[name], rtol=1e-9, atol=1e-9), (
            f"{layer}: the gradient of {name} is different if the layer is the first one; expected "
            "the same. It must not depend on m.dx."
        )


def _check_surroundings(layer: Layer, in_shape: Shape) -> None:
    """The same results after and before convolutions."""
    x, dy = random_tile(layer, in_shape)
    plan = layer.plan(in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    plain = surrounded.run(x, dy)
    places = (False, True) if plan.input_padding is None else (False,)
    sizes = (0, 1, 3) if dy.ndim == 4 and not plan.unpadded_output else (0,)
    for after_convolution in places:
        for followed_by in sizes:
            other = SurroundedLayer(
                layer,
                in_shape,
                len(x),
                np.float64,
                after_convolution=after_convolution,
                followed_by=followed_by,
            )
            for name, value in surrounded.parameters.items():
                other.parameters[name][:] = value
            run = other.run(x, dy)
            assert other.padding_is_zero, (
                f"{layer}: forward writes to the padding around m.y; expected zeros there. Write "
                "to m.y, not to m.y_stored, or only values that are zero in the padding."
            )
            place = f"{'after a convolution' if after_convolution else 'after a copying layer'}"
            place += f", followed by filters of size {followed_by}" if followed_by else ""
            for name, expected, found in pairs(plain, run):
                assert np.allclose(found, expected, rtol=1e-9, atol=1e-9), (
                    f"{layer}: {name} is different {place}; expected the same values. Check how "
                    "the layer reads m.x and writes m.y when they are stored with padding."
                )


def _check_prediction(layer: Layer, in_shape: Shape) -> None:
    """An image alone gives the same as in a tile; so does training, for most layers."""
    x, dy = random_tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    images = x.reshape(len(x), *surrounded.image_shape)
    together = surrounded.network.forward(images)
    for image, y in zip(images, together, strict=True):
        alone = surrounded.network.forward(image[None])[0]
        assert np.allclose(alone, y, rtol=1e-9, atol=1e-9), (
            f"{layer}: the prediction for an image depends on the other images of its tile; "
            "expected the same as alone. In prediction, use state instead of the tile."
        )
    plan = surrounded.plan
    if not (plan.random or plan.state or plan.training_only):
        assert np.allclose(surrounded.run(x, dy).y, together, rtol=1e-9, atol=1e-9), (
            f"{layer}: training and prediction give different outputs; expected the same for a "
            "layer without state and random numbers. If it has no effect in prediction, plan "
            "training_only=True."
        )


def _check_separate_images(layer: Layer, in_shape: Shape) -> None:
    """With ``m.separate_images``, no bit depends on the other images or on the size of the tile."""
    n_images = 7
    surrounded = SurroundedLayer(layer, in_shape, n_images, np.float32)
    surrounded.perturb_parameters()
    network = surrounded.network.for_separate_images()
    images, _ = random_tile(layer, in_shape, n_images)
    images = images.reshape(n_images, *surrounded.image_shape)
    together = network.forward(images, separate_images=True)
    order = np.random.default_rng(6).permutation(n_images)
    for chosen in (order, order[:1], order[1:3], order[3:]):
        found = network.forward(images[chosen], separate_images=True)
        assert np.array_equal(found, together[chosen]), (
            f"{layer}: with m.separate_images the prediction for an image depends on the other "
            "images of its tile; expected the same bits. Let each matrix product hold the rows of "
            "one image, or plan a separate_images_layer."
        )
    assert np.allclose(together, surrounded.network.forward(images), rtol=1e-4, atol=1e-4), (
        f"{layer}: with m.separate_images the prediction differs from that without; expected the "
        "same values up to rounding."
    )


def _check_memory(layer: Layer, in_shape: Shape) -> None:
    """No call allocates memory that grows with the tile."""
    n_images = -(-MEASURED_BYTES // (4 * math.prod(in_shape)))
    x, dy = (array.astype(np.float32) for array in random_tile(layer, in_shape, n_images))
    surrounded = SurroundedLayer(layer, in_shape, n_images, np.float32)
    surrounded.forward_and_backward(x, dy)
    space, at = surrounded.space, surrounded.at
    buffer_size = np.setbufsize(16)  # NumPy's own buffers must not hide an allocation
    tracemalloc.start()
    try:
        for direction, calls in (
            ("forward", space.forward_calls),
            ("backward", space.backward_calls),
        ):
            for number, call in enumerate(calls[at]):
                before = tracemalloc.get_traced_memory()[0]
                tracemalloc.reset_peak()
                call()
                allocated = tracemalloc.get_traced_memory()[1] - before
                assert allocated < x.nbytes / 8, (
                    f"{layer}: call {number} of {direction}, {describe(call)}, allocates "
                    f"{allocated:,} bytes for a tile with {x.nbytes:,} bytes of input; expected "
                    "none. Plan scratch memory, and write to it with `out`."
                )
    finally:
        tracemalloc.stop()
        np.setbufsize(buffer_size)


def _check_state(layer: Layer, in_shape: Shape) -> None:
    """Merging changes the state, in place, and in the same way for the same observations."""
    plan = layer.plan(in_shape)
    if not plan.state:
        return
    x, dy = random_tile(layer, in_shape)
    found = []
    for _ in range(2):
        surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
        observed = surrounded.run(x, dy).observed
        for name, value in observed.items():
            assert np.isfinite(value).all(), (
                f"{layer}: in training, forward leaves values in m.observed.{name} that are not "
                "finite; expected what it observes in the tile. Overwrite all of it."
            )
        tiles = Namespace(**{name: np.stack([v, 2 * v]) for name, v in observed.items()})
        state, before = Namespace(**surrounded.state), surrounded.network.state.copy()
        plan.kernel.update_state(state, tiles, np.array([3, 1]))
        after = surrounded.network.state.copy()
        replaced = any(vars(state)[name] is not array for name, array in surrounded.state.items())
        changed = not replaced and not np.array_equal(before, after)
        assert changed, (
            f"{layer}: update_state leaves the state as it was; expected it to change. Write "
            "state.name[:] = ... instead of state.name = ..."
        )
        found.append(after)
    assert np.array_equal(found[0], found[1]), (
        f"{layer}: update_state gives different results for the same observations; expected the "
        "same. Do not use random numbers or the time."
    )
    assert np.isfinite(found[0]).all(), (
        f"{layer}: update_state gives values that are not finite; expected finite ones. Check it "
        "for divisions by zero."
    )
