"""The convolutions: each method compared with the naive one, and the choice of the method."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import naive
from helpers.engine import DTYPES, TOLERANCE, rounded
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)
from skcnn.engine.layers.convolution import winograd, winograd_2d
from skcnn.engine.layers.convolution.gemm import GemmConvolution
from skcnn.engine.layers.convolution.winograd import WinogradConvolution
from skcnn.engine.layers.convolution.winograd_2d import Winograd2DConvolution
from skcnn.engine.network import Network
from skcnn.engine.runtime import blas
from skcnn.engine.testing import run_layer
from skcnn.engine.workspace import Workspace


@st.composite
def convolutions(draw):
    """A convolution and its method; two of them are for filters of 3 x 3 only."""
    method = draw(st.sampled_from(["gemm", "winograd", "winograd4", "winograd4x4"]))
    h, w = draw(st.integers(1, 7)), draw(st.integers(1, 9))
    padding = draw(st.sampled_from(["same", "valid"] if min(h, w) >= 3 else ["same"]))
    size = 3
    if method in ("gemm", "winograd"):
        size = draw(st.integers(1, 10 if padding == "same" else min(h, w)))
    return method, (
        draw(st.integers(1, 3)),
        (h, w, draw(st.integers(1, 4))),
        draw(st.integers(1, 3)),
        size,
        padding,
    )


@settings(max_examples=80)
@given(
    convolutions(),
    st.sampled_from([1, 2000, 10**9]),  # rows of the output at once: one, some, all
    DTYPES,
    st.integers(0, 2**32),
)
@example(("gemm", (2, (28, 28, 1), 3, 13, "valid")), 0, np.float32, 0)  # the paper's convolution
@example(("winograd", (2, (28, 28, 1), 3, 13, "valid")), 2000, np.float32, 0)
@example(("gemm", (1, (12, 12, 9), 5, 5, "same")), 0, np.float32, 0)
@example(("gemm", (2, (1, 6, 1), 2, 3, "same")), 0, np.float64, 0)  # a single row of pixels
@example(("gemm", (1, (2, 3, 2), 2, 10, "same")), 0, np.float64, 0)  # some taps never cover a pixel
@example(("winograd", (1, (2, 3, 2), 2, 10, "same")), 2000, np.float64, 0)
def test_convolution(case, cached_numbers, dtype, seed):
    method, (t, shape, k, size, padding) = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "CACHED_NUMBERS", cached_numbers)
        patch.setattr(winograd_2d, "PRODUCT_ROWS", cached_numbers)
        compare_convolution(Conv2D(k, size, padding, method), (t, *shape), dtype, seed)


def compare_convolution(layer, shape, dtype, seed):
    """With the naive implementation, for images of shape (t, h, w, c)."""
    rng = np.random.default_rng(seed)
    size, padding = layer.filter_size, layer.padding
    filters = rounded(rng, (size, size, shape[3], layer.n_filters), dtype)
    x = rounded(rng, shape, dtype)
    y = naive.conv2d(x, filters, padding)
    dy = rounded(rng, y.shape, dtype)
    dx, dfilters = naive.conv2d_backward(x, filters, padding, dy)
    found = run_layer(layer, x, dy, {"weights": filters}, dtype=dtype)
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    assert_allclose(found.y, y, **tolerance)
    assert_allclose(found.dx, dx, **tolerance)
    assert_allclose(found.gradients["weights"], dfilters, **tolerance)


@pytest.mark.parametrize("uncopied", [0, 10**9])  # all rows in one product of the gradient, or not
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("method", ["winograd", "winograd4", "winograd4x4"])
def test_winograd_with_every_width(monkeypatch, method, padding, uncopied):
    """Blocks of columns and their overlaps are whole or not; some images have a single block."""
    monkeypatch.setattr(blas, "_most_uncopied", lambda: uncopied)
    fewest = 3 if padding == "valid" else 1
    for width in range(fewest, 14):
        for height, t in ((fewest, 1), (5, 2)):
            compare_convolution(
                Conv2D(2, 3, padding, method), (t, height, width, 3), np.float64, seed=width
            )


@pytest.mark.parametrize(
    ("layer", "shape", "method"),
    [
        (Conv2D(64, 3), (14, 14, 32), "winograd4x4"),
        (Conv2D(64, 3, "valid"), (14, 14, 64), "winograd4x4"),
        (Conv2D(64, 3), (4, 4, 32), "winograd4x4"),
        (Conv2D(64, 3), (6, 6, 32), "winograd4x4"),  # half of the multiplications of GEMM
        (Conv2D(63, 3), (14, 14, 32), "winograd4"),  # few channels and filters for 4 x 4 outputs
        (Conv2D(128, 3), (14, 14, 31), "winograd4"),
        (Conv2D(64, 3), (5, 16, 64), "winograd4"),  # 5 rows waste a part of a block
        (Conv2D(64, 3, "valid"), (9, 9, 32), "winograd4"),  # 7 columns: two blocks of four
        (Conv2D(16, 3), (32, 32, 16), "winograd4"),
        (Conv2D(32, 3), (4, 4, 32), "winograd4"),
        (Conv2D(31, 3), (4, 4, 64), "gemm"),  # few filters for so little work
        (Conv2D(32, 5, "valid"), (12, 12, 32), "winograd"),  # four outputs: 3 x 3 filters only
        (Conv2D(60, 3), (6, 6, 32), "winograd"),  # 6 columns: as many products, smaller errors
        (Conv2D(64, 3), (6, 6, 31), "gemm"),  # few channels for two outputs at a time
        (Conv2D(60, 3), (6, 5, 32), "gemm"),  # 5 columns waste a part of a block
        (Conv2D(64, 3), (5, 5, 64), "gemm"),
        (Conv2D(48, 3), (4, 6, 32), "gemm"),  # few rows and columns
        (Conv2D(64, 3), (14, 14, 15), "gemm"),  # few channels
        (Conv2D(15, 3), (14, 14, 64), "gemm"),
        (Conv2D(64, 13, "valid"), (28, 28, 1), "gemm"),
        (Conv2D(64, 7), (14, 14, 32), "gemm"),  # 3 + 3 + 1 taps: 10 products, not 14
    ],
)
def test_auto_chooses_the_fastest_method(layer, shape, method):
    assert layer.plan(shape).kernel == replace(layer, method=method).plan(shape).kernel


def test_methods_have_their_kernels():
    kernels = [
        Conv2D(2, 3, method=method).plan((4, 4, 1)).kernel
        for method in ("gemm", "winograd", "winograd4", "winograd4x4")
    ]
    assert [type(kernel) for kernel in kernels] == [
        GemmConvolution,
        WinogradConvolution,
        WinogradConvolution,
        Winograd2DConvolution,
    ]
    assert [kernel.n_outputs for kernel in kernels[1:3]] == [2, 4]


@pytest.mark.parametrize("method", ["winograd4", "winograd4x4"])
def test_methods_for_filters_of_3_x_3_reject_others(method):
    with pytest.raises(ValueError, match=f"method='{method}', which is for filters of 3 x 3 only"):
        Conv2D(2, 5, method=method).plan((8, 8, 1))


def test_single_images_use_gemm():
    """GEMM needs fewer calls. The network for single images shares the parameters."""
    network = Network([Conv2D(3, 3), Flatten(), Dense(2)], (6, 6, 2))
    assert network.for_separate_images() is network
    layers = [
        Conv2D(3, 3, method="winograd"),
        BiasActivation("relu"),
        Conv2D(3, 3, method="winograd4"),
        BiasActivation("relu"),
        Conv2D(3, 3, method="winograd4x4"),
        Flatten(),
        Dense(2),
    ]
    network = Network(layers, (6, 6, 2), np.float64)
    single = network.for_separate_images()
    assert network.for_separate_images() is single
    assert {type(kernel) for kernel in single.kernels[:6:2]} == {GemmConvolution}
    network.initialize(np.random.default_rng(0))
    images = np.random.default_rng(1).standard_normal((3, 6, 6, 2))
    assert_allclose(single.forward(images), network.forward(images), rtol=1e-12)
    assert np.abs(single.forward(images)).min() > 0


@pytest.mark.parametrize(
    ("method", "size", "period"),
    [
        ("winograd", 2, 2),
        ("winograd", 3, 1),
        ("winograd", 4, 1),
        ("winograd4", 2, 2),
        ("winograd4", 3, 1),
        ("winograd4", 4, 4),
        ("winograd4x4", 2, 2),
        ("winograd4x4", 3, 3),
        ("winograd4x4", 4, 4),
    ],
)
def test_convolution_stores_columns_in_the_order_for_pooling(method, size, period):
    layers = [Conv2D(3, 3, method=method), MaxPool2D(size), Flatten(), Dense(2)]
    network = Network(layers, (6, 12, 1))
    workspace = Workspace(network, 2, network.prepare(training=False)[0])
    assert workspace.memories[0].y_planes.shape == (6, period, 2, 12 // period, 3)


@pytest.mark.parametrize("size", [1, 2, 4])
@pytest.mark.parametrize("method", ["winograd", "winograd4", "winograd4x4"])
def test_winograd_with_columns_in_the_order_for_pooling(method, size):
    """The same output and gradients as with GEMM, for whole blocks of columns and others."""
    for width in range(4, 14, 2):
        rng = np.random.default_rng(width)
        compare_with_gemm(Conv2D(3, 3, method=method), size, rng.standard_normal((2, 3, width, 2)))


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_winograd_in_two_dimensions_with_every_height(monkeypatch, padding, size):
    """Two rows of blocks at a time, and the rest; columns are in the order for pooling, or not."""
    layer = Conv2D(3, 3, padding, "winograd4x4")
    for width in range(3, 7):
        product_rows = 2 * winograd_2d.TILE * winograd_2d.n_blocks(width)
        monkeypatch.setattr(winograd_2d, "PRODUCT_ROWS", product_rows)
        for height in range(8, 19):
            rng = np.random.default_rng(height)
            compare_with_gemm(layer, size, rng.standard_normal((2, height, width, 2)))
        kernel = layer.plan((18, width, 2)).kernel
        assert [len(rows) for rows in kernel._block_rows(18)] == [2, 2, 1]


def compare_with_gemm(layer, size, images):
    """Output and gradients of a network with `layer` and max pooling, in float64."""
    dy = np.random.default_rng(1).standard_normal((len(images), 2))
    found = []
    for each in (replace(layer, method="gemm"), layer):
        layers = [MeanPool2D(1), each, MaxPool2D(size), Flatten(), Dense(2)]
        network = Network(layers, images.shape[1:], np.float64)
        network.first_trained = 0  # the gradient of the layer's input is compared, too
        network.initialize(np.random.default_rng(0))
        prepared, derive = network.prepare(training=True)
        for call in derive:
            call()
        gradient = np.zeros(network.n_parameters)
        factors = network.new_factors(len(images))
        space = Workspace(
            network, len(images), prepared, gradients=network.views(gradient), factors=factors
        )
        space.input[:] = images
        space.forward()
        space.doutput[:] = dy
        found.append([space.output.copy()])
        space.backward()
        found[-1] += [space.memories[1].dx.copy(), gradient]
    for result, expected in zip(*found, strict=True):
        assert_allclose(result, expected, rtol=1e-11, atol=1e-11)
    assert np.abs(found[0][1]).max() > 0


@pytest.mark.parametrize(
    ("method", "size", "channels", "behind_relu", "limit"),
    [
        ("winograd", 3, 32, False, 1.5),
        ("winograd", 5, 32, False, 1.5),
        ("winograd4", 3, 64, False, 4),
        ("winograd4", 3, 256, False, 4),
        ("winograd4", 3, 64, True, 3.1),
        ("winograd4", 3, 256, True, 4.7),
        ("winograd4x4", 3, 64, False, 6.5),
        ("winograd4x4", 3, 64, True, 6.5),
        ("winograd4x4", 3, 256, True, 6.5),
    ],
)
def test_winograd_rounds_little_more_than_gemm(method, size, channels, behind_relu, limit):
    """The root mean square of the rounding errors, also those of the gradients."""
    rng = np.random.default_rng(0)
    x, dy = rounded(rng, (2, 2, 8, 8, channels), np.float32)
    if behind_relu:
        x = np.maximum(x, 0)
    weights = {"weights": rounded(rng, (size, size, channels, channels), np.float32)}

    def results(method, dtype):
        found = run_layer(Conv2D(channels, size, method=method), x, dy, weights, dtype=dtype)
        return found.y, found.dx, found.gradients["weights"]

    exact = results("gemm", np.float64)
    errors = [
        [
            np.sqrt(np.mean((a - b) ** 2))
            for a, b in zip(results(each, np.float32), exact, strict=True)
        ]
        for each in (method, "gemm")
    ]
    assert np.divide(*errors).max() < limit


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_same_padding_keeps_the_size_and_centers_the_filter(size):
    """A filter with a single 1 at its center copies; an even size has one more tap after it."""
    x = np.random.default_rng(0).standard_normal((1, 6, 5, 1))
    filters = np.zeros((size, size, 1, 1))
    filters[(size - 1) // 2, (size - 1) // 2] = 1
    network = Network([Conv2D(1, size)], (6, 5, 1), np.float64)
    network.layer_parameters[0].weights[:] = filters
    assert_allclose(network.forward(x), x, rtol=1e-15)
