"""Layers that are not trained: frozen ones, and those before the first parameters; parts."""

import pickle

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Flatten,
    GaussianNoise,
    MaxPool2D,
)
from skcnn.engine.network import Network
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.muon import Muon

BLOCK = [Conv2D(4, 3), MaxPool2D(2), BatchNorm(), BiasActivation("relu")]
LAYERS = [
    *BLOCK,
    Conv2D(5, 3),
    BatchNorm(),
    BiasActivation("relu"),
    Flatten(),
    Dense(3),
    BiasActivation("identity"),
]
SHAPE = (6, 6, 2)


def network_of(n_frozen, layers=LAYERS, dtype=np.float64):
    """Weights, biases and running statistics of `layers`, the same for any `n_frozen`."""
    network = Network(layers, SHAPE, dtype, n_frozen)
    network.initialize(np.random.default_rng(0))
    rng = np.random.default_rng(1)
    for arrays in network.layer_parameters + network.layer_state:
        for values in vars(arrays).values():
            values += rng.uniform(0.1, 0.5, values.shape)
    return network


def images(n=20):
    rng = np.random.default_rng(2)
    return rng.standard_normal((n, *SHAPE)), rng.integers(0, 3, n)


def values_of(network, chosen):
    return [
        values.copy()
        for arrays in (network.layer_parameters[chosen] + network.layer_state[chosen])
        for values in vars(arrays).values()
    ]


@pytest.mark.parametrize("n_frozen", [0, 3, 4, 7])
@pytest.mark.parametrize("optimizer", [None, Muon()])
def test_training_moves_the_other_layers_only(n_frozen, optimizer):
    network = network_of(n_frozen)
    X, y = images()
    frozen, trained = slice(n_frozen), slice(n_frozen, None)
    before = values_of(network, frozen), values_of(network, trained)
    with Threads(1) as threads:
        trainer = make_trainer(network, X, y, threads, optimizer=optimizer)
        trainer.step(np.arange(20), step=1, rate=0.1, momentum=0.0)
    for old, new in zip(before[0], values_of(network, frozen), strict=True):
        assert_array_equal(old, new)
    for old, new in zip(before[1], values_of(network, trained), strict=True):
        assert not np.array_equal(old, new)


def test_frozen_layers_compute_in_training_what_they_compute_in_prediction():
    """The trained layers move as if the frozen ones' output were their images."""
    X, y = images()
    whole = network_of(4)
    features = Network(BLOCK, SHAPE, np.float64)
    for own, given in (
        (features.layer_parameters, whole.layer_parameters),
        (features.layer_state, whole.layer_state),
    ):
        for target, source in zip(own, given[:4], strict=True):
            for name, values in vars(source).items():
                getattr(target, name)[:] = values
    rest = Network(LAYERS[4:], (3, 3, 4), np.float64)
    for own, given in (
        (rest.layer_parameters, whole.layer_parameters),
        (rest.layer_state, whole.layer_state),
    ):
        for target, source in zip(own, given[4:], strict=True):
            for name, values in vars(source).items():
                getattr(target, name)[:] = values
    with Threads(2) as threads:
        losses = [
            make_trainer(network, data, y, threads).step(
                np.arange(20), step=1, rate=0.1, momentum=0.0
            )
            for network, data in ((whole, X), (rest, features.forward(X)))
        ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    for one, other in zip(
        values_of(whole, slice(4, None)), values_of(rest, slice(None)), strict=True
    ):
        assert_allclose(one, other, rtol=1e-9, atol=1e-12)


def test_frozen_layers_have_no_memory_for_gradients():
    network = network_of(4, dtype=np.float32)
    X, y = images()
    with Threads(1) as threads:
        trainer = make_trainer(network, X, y, threads)
        trainer.step(np.arange(20), step=1, rate=0.1, momentum=0.0)
        space = trainer.buffers(0, 20).workspace
    assert [bool(calls) for calls in space.backward_calls] == [False] * 4 + [True] * 6
    assert all(memory.dx is None for memory in space.memories[:5])
    assert all(memory.dx is not None for memory in space.memories[5:])
    assert [memory.training for memory in space.memories] == [False] * 4 + [True] * 6


def test_frozen_dense_layers_keep_nothing_for_their_gradient():
    """And the layers after them move as without the memory."""
    layers = [Flatten(), Dense(64), BiasActivation("relu"), Dense(3), BiasActivation("identity")]
    network = network_of(3, layers, np.float32)
    assert [factors is not None for factors in network.new_factors(20)] == [False] * 3 + [
        True,
        False,
    ]
    X, y = images()
    before = values_of(network, slice(3)), values_of(network, slice(3, None))
    with Threads(1) as threads:
        make_trainer(network, X, y, threads).step(np.arange(20), step=1, rate=0.1, momentum=0.0)
    for old, new in zip(before[0], values_of(network, slice(3)), strict=True):
        assert_array_equal(old, new)
    for old, new in zip(before[1], values_of(network, slice(3, None)), strict=True):
        assert not np.array_equal(old, new)


def test_frozen_layers_predict_the_same_and_survive_pickling_and_snapshots():
    X, _ = images()
    trained, frozen = network_of(0), network_of(7)
    expected = trained.forward(X)
    assert_array_equal(frozen.forward(X), expected)
    assert_allclose(frozen.forward(X[:1], separate_images=True), expected[:1], rtol=1e-12)
    assert_array_equal(pickle.loads(pickle.dumps(frozen)).forward(X), expected)
    snapshot = frozen.snapshot()
    frozen.layer_parameters[0].weights[:] = 0
    frozen.restore(snapshot)
    assert_array_equal(frozen.forward(X), expected)


def test_the_summary_counts_frozen_parameters():
    lines = network_of(4).summary().splitlines()
    assert lines[-2].split() == ["total", "399"]
    assert lines[-1].split() == ["of", "these", "frozen", "76"]
    assert network_of(4).n_parameters == 399 - 76


@pytest.mark.parametrize("n_frozen", [0, 7])
def test_with_frozen_keeps_all_values(n_frozen):
    X, _ = images()
    network = network_of(4)
    other = network.with_frozen(n_frozen)
    assert other.n_frozen == n_frozen
    assert_array_equal(other.forward(X), network.forward(X))
    assert network.with_frozen(4) is network


def test_parts_share_memory():
    X, _ = images()
    network = network_of(0)
    encoder, decoder = network.part(0, 8), network.part(8, 10)
    assert encoder is network.part(0, 8)
    features = encoder.forward(X)
    assert features.shape == (20, 45)
    alone = encoder.for_separate_images().forward(X[:3], separate_images=True)
    assert_allclose(alone, features[:3], rtol=1e-12)
    assert_allclose(decoder.forward(features), network.forward(X), rtol=1e-12)
    network.layer_parameters[0].weights[:] = 0
    assert not np.array_equal(encoder.forward(X), features)


@pytest.mark.parametrize("first", [Flatten(), GaussianNoise(0.1)])
def test_nothing_is_propagated_through_layers_before_the_first_parameters(first):
    rest = [Dense(3)] if first == Flatten() else [Conv2D(3, 3), Flatten(), Dense(3)]
    network = Network([first, *rest, BiasActivation("identity")], SHAPE)
    network.initialize(np.random.default_rng(0))
    X, y = images()
    with Threads(1) as threads:
        trainer = make_trainer(network, X, y, threads)
        trainer.step(np.arange(20), step=1, rate=0.1, momentum=0.0)
        space = trainer.buffers(0, 20).workspace
    assert network.first_trained == 1
    assert space.backward_calls[0] == []
    assert space.memories[1].dx is None
