"""`Network` and its parameters; the losses compared with naive implementations."""

import pickle

import numpy as np
import pytest
from helpers import naive
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize

from skcnn._fitting.architecture import build_layers
from skcnn.engine.layers import BiasActivation, Conv2D, Dense, Flatten
from skcnn.engine.network import Network
from skcnn.engine.training.losses import (
    SigmoidCrossEntropy,
    SigmoidSquaredError,
    SoftmaxCrossEntropy,
    SquaredError,
)

DTYPES = st.sampled_from([np.float32, np.float64])

LOSSES = [
    (SoftmaxCrossEntropy(), naive.softmax_cross_entropy),
    (SigmoidSquaredError(), naive.sigmoid_squared_error),
    (SigmoidCrossEntropy(), naive.sigmoid_cross_entropy),
    (SquaredError(), naive.squared_error),
]


@pytest.mark.parametrize(("loss", "naive_loss"), LOSSES)
@settings(max_examples=30)
@given(t=st.integers(1, 5), k=st.integers(2, 6), dtype=DTYPES, seed=st.integers(0, 2**32))
def test_losses_and_their_gradients(loss, naive_loss, t, k, dtype, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=3, size=(t, k)).astype(dtype).astype(np.float64)
    weights = rng.random((t, 1)).astype(dtype)
    targets = rng.dirichlet(np.ones(k), t).astype(dtype)  # not only one-hot
    targets /= targets.sum(axis=1, keepdims=True)
    dz = np.full((t, k), np.nan, dtype)
    total = loss.loss(z.astype(dtype), targets, weights, dz)

    def weighted(z):
        return float(naive_loss(z, targets.astype(np.float64)) @ weights[:, 0].astype(np.float64))

    # A loss near zero is a small difference of larger numbers.
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    assert total == pytest.approx(weighted(z), rel=tolerance, abs=tolerance)
    assert_allclose(dz, naive.numerical_gradient(weighted, z), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("loss", "naive_loss"), LOSSES)
def test_losses_of_extreme_outputs(loss, naive_loss):
    z = np.array([[1e4, -1e4, 0], [-1e4, 1e4, 1e4], [-1e4, -1e4, -1e4]])
    targets = np.eye(3)
    dz = np.full((3, 3), np.nan, np.float32)
    total = loss.loss(
        z.astype(np.float32), targets.astype(np.float32), np.ones((3, 1), np.float32), dz
    )
    assert total == pytest.approx(naive_loss(z, targets).sum(), rel=1e-6)
    assert np.isfinite(dz).all()


@pytest.mark.parametrize("in_place", [True, False])
@pytest.mark.parametrize(
    ("loss", "log_unnormalized"),
    [
        (SoftmaxCrossEntropy(), lambda z: z),
        (SigmoidSquaredError(), lambda z: naive.elementwise(naive.log_sigmoid, z)),
    ],
)
def test_log_probabilities(loss, log_unnormalized, in_place):
    """Of softmax, or of sigmoids divided by their sum, even where all of these round to zero."""
    z = np.random.default_rng(0).standard_normal((5, 4)) * 5
    z[0], z[1] = [1e4, -1e4, 0, 0], [-1000, -1001, -1001, -1000]
    outputs = z.copy()
    out = outputs if in_place else np.full_like(z, np.nan)
    loss.log_probabilities(outputs, out=out)
    assert_allclose(out, naive.log_softmax(log_unnormalized(z)), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("loss", "naive_loss"), LOSSES)
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_reference_losses(loss, naive_loss, smoothing):
    """The outputs of least loss, for each class and for all images alike, found by minimization."""
    targets = np.eye(4) * (1 - smoothing) + smoothing / 4
    frequencies = np.array([0.5, 0.3, 0.2, 0.0])

    def mean_loss(z):
        return frequencies @ naive_loss(np.broadcast_to(z.reshape(-1, 4), (4, 4)), targets)

    lowest, constant = loss.references(targets, frequencies)
    for expected, n_outputs in ((lowest, 16), (constant, 4)):
        assert minimize(mean_loss, np.zeros(n_outputs)).fun == pytest.approx(expected, abs=1e-4)


def paper_network():
    layers = build_layers(
        (28, 28, 1), 10, n_filters=64, filter_size=13, padding="valid", pool_size=2,
        pool_regions=2, pooling="mean", hidden_layer_sizes=(10,), activation="sigmoid",
        dropout=0.0,
    )  # fmt: skip
    return Network(layers, (28, 28, 1))


def test_parameters_are_views_of_one_vector():
    network = paper_network()
    assert network.shapes[0] == (28, 28, 1)
    assert network.shapes[3] == (2, 2, 64)
    assert network.shapes[-1] == (10,)
    expected = (13 * 13 + 1) * 64 + (256 + 1) * 10 + (10 + 1) * 10
    assert network.n_parameters == len(network.parameters) == expected
    assert network.parameters.dtype == np.float32
    # each parameter has its own part of the vector
    network.parameters[:] = np.arange(expected)
    views = [view for p in network.layer_parameters for view in vars(p).values()]
    assert_array_equal(np.sort(np.concatenate([view.ravel() for view in views])), range(expected))
    # weights come first, then biases; the L2 penalty relies on this
    network.parameters[network.n_penalized :] = -1
    for p in network.layer_parameters:
        assert (getattr(p, "bias", np.array(-1)) == -1).all()
        assert (getattr(p, "weights", np.array(0)) >= 0).all()


def test_summary_and_repr():
    network = paper_network()
    assert repr(network) == "<Network 28 x 28 x 1 -> 10, 8 layers, 13,560 parameters>"
    lines = network.summary().splitlines()
    assert lines[0].split() == ["layer", "output", "shape", "parameters"]
    assert lines[1].startswith("Conv2D(n_filters=64, filter_size=13, padding='valid') ")
    assert lines[1].endswith(" 10,816")
    assert "(2, 2, 64)" in lines[3]
    assert lines[-1].split() == ["total", "13,560"]
    assert len({len(line) for line in lines}) == 1
    # multiplications: 16 x 16 positions, 169 pixels, 64 filters; then 256 x 10 and 10 x 10
    assert network.flops == 2 * (16 * 16 * 169 * 64 + 256 * 10 + 10 * 10)


def test_pickled_network_is_an_independent_copy():
    network = paper_network()
    network.initialize(np.random.default_rng(0))
    images = np.random.default_rng(1).random((3, 28, 28, 1))
    copy = pickle.loads(pickle.dumps(network))
    assert copy.layers == network.layers
    assert_array_equal(copy.forward(images), network.forward(images))
    copy.parameters[:] = 0  # the copy has its own vector and its own views of it
    assert not copy.layer_parameters[0].weights.any()
    assert network.parameters.any()


def test_the_feature_layer_of_a_network_without_features_is_an_error():
    network = Network([Conv2D(2, 3), BiasActivation("relu")], (4, 4, 1))
    with pytest.raises(ValueError, match=r"no layer whose output is features.* \(4, 4, 2\)"):
        _ = network.feature_layer


@pytest.mark.parametrize("shape", [(4, 4, 1), (3, 4, 5, 1), (3, 4, 4, 2), (3, 1, 1, 1), (3, 16)])
def test_forward_requires_images_of_the_shape_of_the_network(shape):
    """Also where NumPy could broadcast the images."""
    network = Network([Flatten(), Dense(2)], (4, 4, 1))
    message = r"images has shape \(.*\); expected \(n, 4, 4, 1\)"
    with pytest.raises(ValueError, match=message):
        network.forward(np.zeros(shape))


@pytest.mark.parametrize(
    ("init", "limits"),
    [
        # sqrt(6 / fan_in)
        ("he", {"convolution": np.sqrt(6 / 75), "dense": np.sqrt(6 / 1024)}),
        # sqrt(6 / (fan_in + fan_out))
        ("glorot", {"convolution": np.sqrt(6 / (75 + 400)), "dense": np.sqrt(6 / (1024 + 200))}),
        ("uniform", {"convolution": 1.0, "dense": 1.0}),
    ],
)
def test_each_parameter_is_drawn_from_its_distribution(init, limits):
    bias = BiasActivation("relu", "uniform" if init == "uniform" else "zeros")
    network = Network(
        [Conv2D(16, 5, init=init), bias, Flatten(), Dense(200, init), bias], (8, 8, 3)
    )
    network.initialize(np.random.default_rng(0))
    found = {"convolution": network.layer_parameters[0], "dense": network.layer_parameters[3]}
    for name, limit in limits.items():
        weights = found[name].weights
        assert 0.99 * limit < np.abs(weights).max() <= limit * (1 + 1e-6)
        assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.05)
    biases = network.parameters[network.n_penalized :]
    assert len(biases) == 216
    assert biases.std() == pytest.approx(1 / np.sqrt(3) if init == "uniform" else 0, rel=0.1)


@pytest.mark.parametrize(
    ("activation", "weight_init", "expected"),
    [
        ("relu", "auto", ["he", "zeros", "he", "zeros", "glorot", "zeros"]),
        ("tanh", "auto", ["glorot", "zeros", "glorot", "zeros", "glorot", "zeros"]),
        ("relu", "uniform", ["uniform"] * 6),
    ],
)
def test_layers_are_initialized_for_their_activation(activation, weight_init, expected):
    layers = build_layers(
        (8, 8, 1), 3, n_filters=4, filter_size=3, padding="same", pool_size=1, pool_regions=None,
        pooling="max", hidden_layer_sizes=(5,), activation=activation, dropout=0.0,
        weight_init=weight_init,
    )  # fmt: skip
    assert [layer.init for layer in layers if layer != Flatten()] == expected
