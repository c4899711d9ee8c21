"""Checks of what a layer computes: its gradients, its values, and what rounding does to both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.layer import Layer, Shape
from skcnn.engine.testing.running import LayerRun, SurroundedLayer, random_tile, run_layer

Arrays = Mapping[str, NDArray[Any]]
Naive = Callable[[NDArray[Any], Arrays], NDArray[Any]]
NaivePrediction = Callable[[NDArray[Any], Arrays, Arrays], NDArray[Any]]

STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # of finite differences: only the larger ones cross a kink


def check_gradients(layer: Layer, in_shape: Shape) -> None:
    """Along random directions of the input and of each parameter array, for tiles of any size."""
    for n_images in (1, 3, 5):
        _check_gradients_of_tile(layer, in_shape, n_images)


def _check_gradients_of_tile(layer: Layer, in_shape: Shape, n_images: int) -> None:
    x, dy = random_tile(layer, in_shape, n_images)
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
        arrays[name] = (values, run.gradients[name])
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


def check_naive(layer: Layer, in_shape: Shape, naive: Naive) -> None:
    """Forward agrees with the naive implementation, also where inputs are zero."""
    x, _ = random_tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    with_zeros = np.where(np.random.default_rng(4).random(x.shape) < 0.3, 0.0, x)
    for images in (x, with_zeros):
        y = surrounded.forward(images)
        _compare(layer, "", y, naive(images, surrounded.parameters))


def check_naive_prediction(layer: Layer, in_shape: Shape, naive: NaivePrediction) -> None:
    """Prediction agrees with its naive implementation, for random state."""
    x, _ = random_tile(layer, in_shape)
    surrounded = SurroundedLayer(layer, in_shape, len(x), np.float64)
    surrounded.perturb_parameters()
    surrounded.network.state[:] += np.random.default_rng(5).uniform(
        0, 1, surrounded.network.n_state
    )
    y = surrounded.network.forward(x.reshape(len(x), *surrounded.image_shape))
    _compare(layer, "in prediction, ", y, naive(x, surrounded.parameters, surrounded.state))


def _compare(layer: Layer, when: str, y: NDArray[Any], expected: NDArray[Any]) -> None:
    assert y.shape == expected.shape, (
        f"{layer}: {when}the output has shape {y.shape}; expected {expected.shape}, as from the "
        "naive implementation."
    )
    assert np.allclose(y, expected, rtol=1e-9, atol=1e-9), (
        f"{layer}: {when}the output differs from the naive implementation by up to "
        f"{np.abs(y - expected).max():g}; expected less than 1e-9."
    )


def check_dtypes(layer: Layer, in_shape: Shape) -> None:
    """float32 gives float32, close to float64."""
    if layer.plan(in_shape).random:  # the random streams of the dtypes differ
        return
    x, dy = (array.astype(np.float32).astype(np.float64) for array in random_tile(layer, in_shape))
    double, single = (run_layer(layer, x, dy, dtype=kind) for kind in (np.float64, np.float32))
    for name, exact, rounded in pairs(double, single):
        size = max(1.0, float(np.abs(exact).max(initial=0)))
        assert np.allclose(rounded / size, exact / size, atol=1e-3), (
            f"{layer}: {name} in float32 differs from float64 by more than 0.001 of its size; "
            "expected less. Look for differences of large numbers."
        )


def pairs(a: LayerRun, b: LayerRun) -> Iterator[tuple[str, NDArray[Any], NDArray[Any]]]:
    """The results of two runs of one layer, each with a name for messages."""
    yield "the output", a.y, b.y
    yield "the gradient of the input", a.dx, b.dx
    for name, value in a.gradients.items():
        yield f"the gradient of {name}", value, b.gradients[name]
    for name, value in a.observed.items():
        yield f"what is observed for {name}", value, b.observed[name]
