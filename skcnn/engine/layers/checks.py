"""`check_layer`: tests that any layer must pass, as `check_estimator` does for estimators."""

from __future__ import annotations

import dataclasses
import math
import pickle
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Layer, Namespace, Shape
from skcnn.engine.layers.running import LayerRun, SurroundedLayer, run_layer

Naive = Callable[[NDArray[Any], Mapping[str, NDArray[Any]]], NDArray[Any]]

STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # of finite differences: only the larger ones cross a kink
MEASURED_BYTES = 1 << 18  # of input, for the check of allocations


def check_layer(layer: Layer, in_shape: Shape, *, naive: Naive | None = None) -> None:
    """Check all that the engine relies on in a layer.

    It checks that the layer is a value; that the gradients of the input and of each parameter agree
    with finite differences in float64; that the results agree with `naive`, do not depend on the
    layers around, on tiles before or on other images, and are the same in prediction; that the
    calls allocate no memory; that state is merged the same way each time.

    Parameters
    ----------
    layer : Layer
    in_shape : (h, w, c) or (features,)
    naive : callable ``(x, parameters) -> y``, default=None
        A simple implementation in float64: x is (n, *in_shape), y (n, *out_shape), and
        `parameters` maps names to arrays. Not for layers that draw random numbers.

    Raises
    ------
    AssertionError
        Saying which requirement the layer does not meet.

    Examples
    --------
    >>> from skcnn.engine.layers import MeanPool2D
    >>> from skcnn.engine.layers.checks import check_layer
    >>> check_layer(MeanPool2D(2), (4, 6, 3), naive=lambda x, parameters: x.reshape(
    ...     len(x), 2, 2, 3, 2, 3).mean(axis=(2, 4)))
    """
    _check_value(layer, in_shape)
    if naive is not None:
        _check_naive(layer, in_shape, naive)
    _check_state(layer, in_shape)
    _check_reads_and_writes(layer, in_shape)
    _check_gradients(layer, in_shape)
    _check_first_layer(layer, in_shape)
    _check_surroundings(layer, in_shape)
    _check_dtypes(layer, in_shape)
    _check_prediction(layer, in_shape)
    _check_memory(layer, in_shape)


def _tile(layer: Layer, in_shape: Shape, n_images: int = 3) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random x (n, *in_shape) and dy (n, *out_shape)."""
    rng = np.random.default_rng(2)
    out_shape = layer.plan(in_shape).out_shape
    return rng.standard_normal((n_images, *in_shape)), rng.standard_normal((n_images, *out_shape))


def _check_value(layer: Layer, in_shape: Shape) -> None:
    frozen = dataclasses.is_dataclass(layer) and type(layer).__dataclass_params__.frozen
    assert frozen, f"{type(layer).__name__} is not a frozen dataclass; add @dataclass(frozen=True)."
    copy = pickle.loads(pickle.dumps(layer))
    assert copy == layer, f"{layer} is not equal to its own pickled copy."
    assert hash(copy) == hash(layer), f"{layer} and its pickled copy have different hashes."
    plans = layer.plan(in_shape), copy.plan(in_shape)
    for name in ("out_shape", "parameters", "state", "kept", "scratch", "backward_scratch"):
        first, second = (getattr(plan, name) for plan in plans)
        assert first == second, f"{layer}.plan({in_shape}) gives different values of {name}."


def _check_gradients(layer: Layer, in_shape: Shape) -> None:
    """Along random directions of the input and of each parameter array."""
    x, dy = _tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    run = surrounded.run(x, dy)
    rng = np.random.default_rng(4)

    def output_along(array: NDArray[Any], direction: NDArray[Any], step: float) -> float:
        """sum(y * dy) with `array` moved by a step."""
        start = array.copy()
        array += step * direction
        y = surrounded.forward_and_backward(x, dy)
        array[...] = start
        return float(np.vdot(y, dy))

    arrays = {"x": (x, run.dx)}
    for name, values in surrounded.parameters.items():
        arrays[name] = (values, run.gradients[name].copy())
    for name, (array, gradient) in arrays.items():
        where = "m.dx" if name == "x" else f"g.{name}"
        assert np.isfinite(gradient).all(), (
            f"{layer}: backward leaves values in {where} that are not finite; expected the "
            "gradient. Overwrite all of it (do not add to it), and do not read scratch memory "
            "that forward wrote: what backward needs belongs in `kept`."
        )
        direction = rng.standard_normal(array.shape)
        expected = float(np.vdot(gradient, direction))
        errors = []
        for step in STEPS:
            ahead, behind = (output_along(array, direction, sign * step) for sign in (1, -1))
            slope = (ahead - behind) / (2 * step)
            errors.append(abs(slope - expected) / (np.linalg.norm(gradient) + 1e-6))
        assert min(errors) < 1e-5, (
            f"{layer}: the gradient of {name} differs from finite differences by {min(errors):.1e} "
            "of its norm; expected less than 1e-5. Check `backward`."
        )


def _check_reads_and_writes(layer: Layer, in_shape: Shape) -> None:
    """Scratch memory is written before it is read, and the input is left as it is."""
    x, dy = _tile(layer, in_shape)
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


def _check_first_layer(layer: Layer, in_shape: Shape) -> None:
    """In front of the first layer nothing needs m.dx; the gradients of parameters stay the same."""
    x, dy = _tile(layer, in_shape)
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
            f"{layer}: the gradient of {name} is different if the layer is the first one."
        )


def _check_surroundings(layer: Layer, in_shape: Shape) -> None:
    """The same results behind and before convolutions."""
    x, dy = _tile(layer, in_shape)
    plan = layer.plan(in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    plain = surrounded.run(x, dy)
    befores = (False, True) if plan.input_padding is None else (False,)
    sizes = (0, 1, 3) if dy.ndim == 4 and not plan.unpadded_output else (0,)
    for behind_convolution in befores:
        for followed_by in sizes:
            run = run_layer(
                layer,
                x,
                dy,
                surrounded.parameters,
                behind_convolution=behind_convolution,
                followed_by=followed_by,
            )
            place = f"{'behind a convolution' if behind_convolution else 'behind a copying layer'}"
            place += f", followed by filters of size {followed_by}" if followed_by else ""
            for name, expected, found in _pairs(plain, run):
                assert np.allclose(found, expected, rtol=1e-9, atol=1e-9), (
                    f"{layer}: {name} is different {place}; expected the same values. Check how "
                    "the layer reads m.x and writes m.y when they are stored with padding."
                )


def _pairs(a: LayerRun, b: LayerRun) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    yield "the output", a.y, b.y
    yield "the gradient of the input", a.dx, b.dx
    for name, value in a.gradients.items():
        yield f"the gradient of {name}", value, b.gradients[name]
    for name, value in a.observed.items():
        yield f"what is observed for {name}", value, b.observed[name]


def _check_dtypes(layer: Layer, in_shape: Shape) -> None:
    """float32 gives float32, close to float64."""
    if layer.plan(in_shape).random:  # the random streams of the dtypes differ
        return
    x, dy = (array.astype(np.float32).astype(np.float64) for array in _tile(layer, in_shape))
    double, single = (run_layer(layer, x, dy, dtype=kind) for kind in (np.float64, np.float32))
    for name, exact, rounded in _pairs(double, single):
        assert rounded.dtype == np.float32, f"{layer}: {name} is {rounded.dtype} in float32."
        size = max(1.0, float(np.abs(exact).max(initial=0)))
        assert np.allclose(rounded / size, exact / size, atol=1e-3), (
            f"{layer}: {name} in float32 differs from float64 by more than 0.001 of its size."
        )


def _check_prediction(layer: Layer, in_shape: Shape) -> None:
    """Each image by itself gives what the tile gives; training gives the same, if it can."""
    x, dy = _tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    images = x.reshape(len(x), *surrounded.image_shape)
    together = surrounded.network.forward(images)
    for image, y in zip(images, together, strict=True):
        alone = surrounded.network.for_single_images().forward(image[None])[0]
        assert np.allclose(alone, y, rtol=1e-9, atol=1e-9), (
            f"{layer}: the prediction for an image depends on the other images of its tile."
        )
    if not surrounded.plan.random and not surrounded.plan.state:
        assert np.allclose(surrounded.run(x, dy).y, together, rtol=1e-9, atol=1e-9), (
            f"{layer}: training and prediction give different outputs."
        )


def _check_memory(layer: Layer, in_shape: Shape) -> None:
    """No call allocates memory that grows with the tile."""
    n_images = -(-MEASURED_BYTES // (4 * math.prod(in_shape)))
    x, dy = (array.astype(np.float32) for array in _tile(layer, in_shape, n_images))
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
                    f"{layer}: call {number} of {direction}, {call}, allocates {allocated:,} bytes "
                    f"for a tile with {x.nbytes:,} bytes of input; expected none. Plan scratch "
                    "memory, and write to it with `out`."
                )
    finally:
        tracemalloc.stop()
        np.setbufsize(buffer_size)


def _check_state(layer: Layer, in_shape: Shape) -> None:
    """Merging the same observations twice gives the same state, and leaves parameters alone."""
    plan = layer.plan(in_shape)
    if not plan.state:
        return
    x, dy = _tile(layer, in_shape)
    found = []
    for _ in range(2):
        surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
        parameters = surrounded.network.parameters.copy()
        observed = surrounded.run(x, dy).observed
        for name, value in observed.items():
            assert np.isfinite(value).all(), (
                f"{layer}: forward left m.observed.{name} unwritten or infinite in training."
            )
        tiles = Namespace(**{name: np.stack([v, 2 * v]) for name, v in observed.items()})
        plan.kernel.update_state(Namespace(**surrounded.state), tiles, np.array([3, 1]))
        assert np.array_equal(parameters, surrounded.network.parameters), (
            f"{layer}: update_state changes parameters; expected it to change the state only."
        )
        found.append(surrounded.network.state.copy())
    assert np.array_equal(found[0], found[1]), f"{layer}: update_state is not deterministic."
    assert np.isfinite(found[0]).all(), f"{layer}: update_state gives infinite values."


def _check_naive(layer: Layer, in_shape: Shape, naive: Naive) -> None:
    """Forward agrees with the naive implementation, also where inputs are zero."""
    x, _ = _tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    with_zeros = np.where(np.random.default_rng(4).random(x.shape) < 0.3, 0.0, x)
    for images in (x, with_zeros):
        y = surrounded.forward(images)
        expected = naive(images, surrounded.parameters)
        assert y.shape == expected.shape, (
            f"{layer}: the output has shape {y.shape}; expected {expected.shape}, the shape of the "
            "naive implementation's."
        )
        assert np.allclose(y, expected, rtol=1e-9, atol=1e-9), (
            f"{layer}: the output differs from the naive implementation by up to "
            f"{np.abs(y - expected).max():g}; expected less than 1e-9."
        )
