"""Each layer compared with its naive implementation, forward and backward."""

import numpy as np
import pytest
from helpers import naive
from helpers.engine import DTYPES, TOLERANCE, rounded
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)
from skcnn.engine.network import Network
from skcnn.engine.testing import run_layer


@st.composite
def poolings(draw):
    """Draw the shape (t, h, w, c), a layer's arguments, and its windows of rows and of columns."""
    h, w = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    shape = draw(st.integers(1, 3)), h, w, draw(st.integers(1, 3))
    n = draw(st.integers(1, 11))
    if draw(st.booleans()):
        return shape, {"size": n}, naive.windows_by_size(h, n), naive.windows_by_size(w, n)
    return shape, {"regions": n}, naive.windows_by_regions(h, n), naive.windows_by_regions(w, n)


@settings(max_examples=100)
@given(
    poolings(),
    st.sampled_from(["max", "mean"]),
    DTYPES,
    st.booleans(),
    st.sampled_from([0, 1, 3]),
    st.integers(0, 2**32),
)
def test_pooling(case, kind, dtype, after_convolution, followed_by, seed):
    shape, arguments, rows, columns = case
    rng = np.random.default_rng(seed)
    x = rounded(rng, shape, dtype)
    x += np.arange(x.size).reshape(shape) * 2.0**-10  # so that no maxima are equal
    x = x.astype(dtype).astype(np.float64)
    y = naive.pool(x, rows, columns, kind)
    dy = rounded(rng, y.shape, dtype)
    layer = (MaxPool2D if kind == "max" else MeanPool2D)(**arguments)
    found = run_layer(
        layer, x, dy, {}, dtype=dtype, after_convolution=after_convolution,
        followed_by=followed_by,
    )  # fmt: skip
    dx = naive.pool_backward(x, rows, columns, kind, dy)
    if kind == "max":
        assert_array_equal(found.y, y)
        assert_array_equal(found.dx, dx)
    else:
        assert_allclose(found.y, y, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
        assert_allclose(found.dx, dx, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@settings(max_examples=40)
@given(poolings(), st.booleans(), st.integers(0, 2**32))
def test_only_one_of_equal_maxima_gets_the_gradient(case, after_convolution, seed):
    """The whole gradient of a window goes to one pixel, which has the maximum value."""
    shape, arguments, rows, columns = case
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 3, shape).astype(float)
    dy = rng.uniform(1, 2, (len(x), len(rows), len(columns), shape[3]))
    found = run_layer(
        MaxPool2D(**arguments), x, dy, {}, dtype=np.float64, after_convolution=after_convolution
    )
    for image, i, j, channel in np.ndindex(dy.shape):
        at = (image, slice(*rows[i]), slice(*columns[j]), channel)
        (winner,) = np.flatnonzero(found.dx[at])
        assert x[at].ravel()[winner] == x[at].max()
        assert found.dx[at].ravel()[winner] == dy[image, i, j, channel]


@settings(max_examples=40)
@given(st.tuples(*[st.integers(1, 9)] * 3), DTYPES, st.integers(0, 2**32))
def test_dense(sizes, dtype, seed):
    t, n_in, n_units = sizes
    rng = np.random.default_rng(seed)
    x, weights = rounded(rng, (t, n_in), dtype), rounded(rng, (n_in, n_units), dtype)
    dy = rounded(rng, (t, n_units), dtype)
    found = run_layer(Dense(n_units), x, dy, {"weights": weights}, dtype=dtype)
    dx, dweights = naive.dense_backward(x, weights, dy)
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype]}
    assert_allclose(found.y, naive.dense(x, weights), **tolerance)
    assert_allclose(found.dx, dx, **tolerance)
    assert_allclose(found.gradients["weights"], dweights, **tolerance)


@settings(max_examples=80)
@given(
    st.sampled_from(sorted(naive.ACTIVATIONS)),
    st.one_of(
        st.tuples(*[st.integers(1, 5)] * 4),  # images
        st.tuples(*[st.integers(1, 9)] * 2),  # rows
    ),
    DTYPES,
    st.booleans(),
    st.sampled_from([0, 1, 3]),
    st.integers(0, 2**32),
)
def test_bias_and_activation(function, shape, dtype, after_convolution, followed_by, seed):
    rng = np.random.default_rng(seed)
    x, bias = rounded(rng, shape, dtype), rounded(rng, shape[-1:], dtype)
    dy = rounded(rng, shape, dtype)
    found = run_layer(
        BiasActivation(function),
        x,
        dy,
        {"bias": bias},
        dtype=dtype,
        after_convolution=after_convolution,
        followed_by=followed_by if len(shape) == 4 else 0,
    )
    z = (x + bias).astype(dtype).astype(np.float64)
    dz = dy * naive.elementwise(naive.DERIVATIVES[function], z)
    tolerance = {"rtol": TOLERANCE[dtype], "atol": TOLERANCE[dtype] / 10}
    assert_allclose(found.y, naive.elementwise(naive.ACTIVATIONS[function], z), **tolerance)
    assert_allclose(found.dx, dz, **tolerance)
    assert_allclose(found.gradients["bias"], dz.sum(axis=tuple(range(len(shape) - 1))), **tolerance)


@pytest.mark.parametrize("function", sorted(naive.ACTIVATIONS))
def test_activation_of_extreme_values(function):
    """There is no overflow (warnings are errors), and the limits are exact."""
    x = np.array([[-1e30, -1e4, 0, 1e4, 1e30]])
    found = run_layer(BiasActivation(function), x, np.ones((1, 5)), {"bias": 0}, dtype=np.float32)
    expected = naive.elementwise(naive.ACTIVATIONS[function], x)
    assert_allclose(found.y, expected, rtol=1e-6, atol=1e-30)
    assert np.isfinite(found.dx).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_dropout(rate, dtype):
    """Values are set to zero or scaled up; the gradient uses the same mask."""
    rng = np.random.default_rng(0)
    x, dy = rng.uniform(1, 2, (40, 500)), rng.uniform(1, 2, (40, 500))
    found = run_layer(Dropout(rate), x, dy, {}, dtype=dtype)
    kept = found.y != 0
    # six standard deviations of the share of 20,000 draws
    assert abs(kept.mean() - (1 - rate)) < 6 * np.sqrt(rate * (1 - rate) / kept.size)
    assert_allclose(found.y, np.where(kept, x / (1 - rate), 0), rtol=1e-6)
    assert_allclose(found.dx, np.where(kept, dy / (1 - rate), 0), rtol=1e-6)
    # each image and feature has its own mask, which depends on the random stream only
    assert len(np.unique(kept, axis=0)) == 40
    assert len(np.unique(kept, axis=1).T) > 100
    again = run_layer(Dropout(rate), x, dy, {}, dtype=dtype)
    other = run_layer(Dropout(rate), x, dy, {}, dtype=dtype, seed=1)
    assert_array_equal(again.y, found.y)
    assert not np.array_equal(other.y != 0, kept)


def test_dropout_does_nothing_in_prediction():
    x = np.random.default_rng(0).standard_normal((3, 2, 4, 1))
    with_dropout = Network([Flatten(), Dropout(0.9), Dropout(0.5)], (2, 4, 1), np.float64)
    assert_array_equal(with_dropout.forward(x), x.reshape(3, -1))


def test_flatten_orders_values_by_row_column_channel():
    x = np.arange(2 * 3 * 4 * 5.0).reshape(2, 3, 4, 5)
    dy = np.random.default_rng(0).standard_normal((2, 60))
    network = Network([Conv2D(5, 1), Flatten()], (3, 4, 5), np.float64)
    network.layer_parameters[0].weights[:] = np.eye(5)
    assert_array_equal(network.forward(x), x.reshape(2, 60))
    found = run_layer(Flatten(), x, dy, {}, dtype=np.float64)
    assert_array_equal(found.y, x.reshape(2, 60))
    assert_array_equal(found.dx, dy.reshape(x.shape))
