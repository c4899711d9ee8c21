"""`BatchNorm`: statistics of tiles, running statistics, and folding in prediction."""

import pickle

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.inference import outputs
from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    MeanPool2D,
    batch_norm,
)
from skcnn.engine.layers.batch_norm import EPSILON
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.testing import check_layer
from skcnn.engine.workspace import Workspace


def naive(x, parameters):
    axes = tuple(range(x.ndim - 1))
    return (x - x.mean(axes)) / np.sqrt(x.var(axes) + EPSILON)


def naive_prediction(x, parameters, state):
    return (x - state["mean"]) / np.sqrt(state["variance"] + EPSILON)


@pytest.mark.parametrize("shape", [(5, 4, 3), (1, 1, 2), (7,), (1,)])
def test_layer(shape):
    check_layer(BatchNorm(fewest_images=2), shape, naive=naive, naive_prediction=naive_prediction)


SHAPE = (4, 3, 2)


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.normal([3.0, -1.0], [2.0, 0.1], (300, *SHAPE))


def trained_state(images, sizes):
    """The running statistics of the images, after mini-batches of these sizes."""
    network = Network([BatchNorm(), Flatten(), Dense(2)], SHAPE, np.float64)
    with Threads(2) as threads:
        labels = np.zeros(len(images), np.intp)
        trainer = make_trainer(network, images, labels, threads, batch_size=max(sizes))
        start = 0
        for step, size in enumerate(sizes, start=1):
            indices = np.arange(start, start + size)
            trainer.step(indices, step=step, rate=0.0, momentum=0.0)
            start += size
    return network.layer_state[0]


@pytest.mark.parametrize("size", [8, 64, 65, 66, 130, 200])
def test_the_first_statistics_are_those_of_the_mini_batch(images, size):
    """However many tiles it has, and of whatever size."""
    state = trained_state(images, [size])
    assert_allclose(state.mean, images[:size].mean(axis=(0, 1, 2)), rtol=1e-12)
    variance = images[:size].var(axis=(0, 1, 2))
    assert_allclose(state.variance, variance, rtol=1e-10)


def moving_mean(values, sizes, window, prior=0):
    """From 0 on; a mini-batch has twice the share of an equal average."""
    mean, count = 0.0, prior
    for value, n in zip(values, sizes, strict=True):
        count = min(count + n, max(n, window))
        mean = mean + min(1, 2 * n / (count + n)) * (value - mean)
    return mean


@pytest.mark.parametrize("sizes", [[20, 20, 30, 10], [20] * 15])
def test_running_statistics_follow_the_last_mini_batches(monkeypatch, images, sizes):
    monkeypatch.setattr(batch_norm, "WINDOW", 200)
    state = trained_state(images, sizes)
    parts = np.split(images, np.cumsum(sizes))[:-1]
    means, variances = (
        moving_mean([getattr(part, name)(axis=(0, 1, 2)) for part in parts], sizes, 200)
        for name in ("mean", "var")
    )
    assert_allclose(state.mean, means, rtol=1e-10)
    assert_allclose(state.variance, variances, rtol=1e-10)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_few_images_move_the_initial_statistics_slowly(images, size):
    """As in `partial_fit` with one image at a time; the variance is that about the mean so far."""
    sizes = [size] * 10
    state = trained_state(images, sizes)
    parts = np.split(images, np.cumsum(sizes))[:-1]
    means = [part.mean(axis=(0, 1, 2)) for part in parts]
    assert_allclose(state.mean, moving_mean(means, sizes, 1280, prior=128), rtol=1e-10)
    long = trained_state(np.concatenate([images] * 8), [size] * (2400 // size))
    assert_allclose(long.mean, images.mean(axis=(0, 1, 2)), atol=0.2)
    assert_allclose(long.variance, images.var(axis=(0, 1, 2)), rtol=0.3)


def test_a_single_image_is_normalized_by_the_running_statistics(images):
    network = Network([BatchNorm(), Flatten()], SHAPE, np.float64)
    network.layer_state[0].mean[:] = [3.0, -1.0]
    network.layer_state[0].variance[:] = [4.0, 0.01]
    parameters, derive = network.prepare(training=True)
    for call in derive:
        call()
    space = Workspace(
        network,
        1,
        parameters,
        gradients=network.views(np.zeros(network.n_parameters)),
        observed=network.state_views(np.zeros(network.n_state)),
    )
    space.input[...] = images[:1]
    space.forward()
    expected = (images[:1] - [3.0, -1.0]) / np.sqrt(np.array([4.0, 0.01]) + EPSILON)
    assert_allclose(space.output.reshape(1, *SHAPE), expected, rtol=1e-12)


# --- prediction -----------------------------------------------------------------------------------


def normalized_network(method="gemm", pooling=None, dtype=np.float64):
    pools = [] if pooling is None else [pooling]
    layers = [
        *(Conv2D(4, 3, method=method), *pools, BatchNorm(), BiasActivation("relu")),
        *(Conv2D(5, 3, method=method), BatchNorm(), BiasActivation("tanh"), *pools, Flatten()),
        *(Dense(6), BatchNorm(), BiasActivation("relu"), Dense(3), BiasActivation("identity")),
    ]
    network = Network(layers, (8, 7, 2), dtype)
    rng = np.random.default_rng(1)
    network.parameters[:] = rng.normal(scale=0.3, size=network.n_parameters)
    for state in network.layer_state:
        if hasattr(state, "mean"):
            state.mean[:] = rng.normal(size=state.mean.shape)
            state.variance[:] = rng.uniform(0.1, 3, state.variance.shape)
    return network


def unfolded(network, monkeypatch):
    """A copy whose prediction calls each layer."""
    with monkeypatch.context() as patch:
        patch.setattr("skcnn.engine.network.find_folds", lambda plans: [])
        return pickle.loads(pickle.dumps(network))


@pytest.mark.parametrize("method", ["gemm", "winograd", "winograd4", "winograd4x4"])
@pytest.mark.parametrize("pooling", [None, MaxPool2D(2), MeanPool2D(3)])
def test_prediction_folds_it_into_the_filters_and_the_bias(monkeypatch, method, pooling):
    network = normalized_network(method, pooling)
    assert len(network.folds) == 2
    images = np.random.default_rng(2).standard_normal((5, 8, 7, 2))
    expected = unfolded(network, monkeypatch).forward(images)
    parameters = network.parameters.copy()
    assert_allclose(network.forward(images), expected, rtol=1e-10, atol=1e-10)
    separate = network.for_separate_images()
    assert_allclose(
        separate.forward(images, separate_images=True), expected, rtol=1e-10, atol=1e-10
    )
    assert_array_equal(network.parameters, parameters)


def test_folded_layers_make_no_call():
    network = normalized_network(pooling=MaxPool2D(2))
    space = Workspace(network, 4, network.prepare(training=False)[0])
    counts = [
        len(c)
        for layer, c in zip(network.layers, space.forward_calls, strict=True)
        if isinstance(layer, BatchNorm)
    ]
    assert counts[:2] == [0, 0]
    assert counts[2] > 0  # after a dense layer it is cheap


def test_predictions_use_changed_parameters_and_state():
    """Also those from kept memory."""
    network = normalized_network()
    images = np.random.default_rng(2).standard_normal((80, 8, 7, 2))
    with Threads(2) as threads:
        for seed in range(3):
            rng = np.random.default_rng(seed)
            network.parameters[:] = rng.normal(scale=0.3, size=network.n_parameters)
            network.state[:] = rng.uniform(0.5, 2, network.n_state)
            for n in (2, 80):
                found = outputs(network, ImageReader(images[:n]), threads)
                assert_allclose(found, network.forward(images[:n]), rtol=1e-9, atol=1e-9)


def test_it_is_not_folded_where_it_cannot_be():
    for layers in (
        [BatchNorm(), BiasActivation("relu")],
        [Conv2D(3, 3), BatchNorm(), MaxPool2D(2), BiasActivation("relu")],
        [Conv2D(3, 3), BiasActivation("relu"), BatchNorm(), BiasActivation("relu")],
        [Conv2D(3, 3), BatchNorm()],
    ):
        assert Network([*layers, Flatten()], (6, 6, 2)).folds == []
