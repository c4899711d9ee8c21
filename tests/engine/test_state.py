"""State that is not trained: merged in tile order, saved, copied, restored with the weights."""

import copy
import pickle

import numpy as np
import pytest
from helpers.engine import Centre, make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.inference import outputs
from skcnn.engine.layers import BiasActivation, Conv2D, Dense, Flatten, MaxPool2D
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.early_stopping import EarlyStopping
from skcnn.engine.training.optimizers import Adam

LAYERS = [
    Conv2D(4, 3, method="winograd"), MaxPool2D(2), Centre(), BiasActivation("relu"),
    Flatten(), Centre(0.5), Dense(3), BiasActivation("identity"),
]  # fmt: skip
SHAPE = (6, 6, 2)
N_IMAGES = 1500


def images_and_labels():
    rng = np.random.default_rng(0)
    return rng.normal(3, 1, (N_IMAGES, *SHAPE)).astype(np.float32), rng.integers(3, size=N_IMAGES)


def new_network():
    network = Network(LAYERS, SHAPE)
    network.initialize(np.random.default_rng(1))
    return network


def trained(n_threads=2, n_steps=3):
    network = new_network()
    images, labels = images_and_labels()
    with Threads(n_threads) as threads:
        trainer = make_trainer(network, images, labels, threads, optimizer=Adam())
        for step in range(1, n_steps + 1):
            # a mini-batch in one part, then in several, each with a partial tile
            indices = np.arange(100) if step == 1 else np.arange(N_IMAGES)
            trainer.step(indices, step=step, rate=0.01, momentum=0.0)
    return network


def test_state_starts_at_its_initial_value_and_approaches_the_mean():
    network = new_network()
    assert network.n_state == 4 + 36
    assert network.n_parameters == len(network.parameters)
    assert not network.state.any()
    network = trained(n_steps=30)
    images, labels = images_and_labels()
    with Threads(1) as threads:
        trainer = make_trainer(network, images, labels, threads, optimizer=Adam())
        for step in range(1, 60):  # with a rate of 0 only the state changes
            trainer.step(np.arange(N_IMAGES), step=step, rate=0.0, momentum=0.0)
    features = Network(LAYERS[:2], SHAPE)
    features.parameters[:] = network.layer_parameters[0].weights.ravel()
    mean = features.forward(images).mean(axis=(0, 1, 2))
    assert_allclose(network.layer_state[2].mean, mean, rtol=0.01, atol=0.01)


def test_state_is_the_same_for_any_number_of_threads():
    first = trained(1)
    for n_threads in (2, 3, 7):
        other = trained(n_threads)
        assert_array_equal(other.state, first.state)
        assert_array_equal(other.parameters, first.parameters)
    assert first.state.any()


def test_state_is_merged_in_tile_order():
    """The means of the tiles are averaged, weighted by their numbers of images."""
    network = new_network()
    observed = np.stack([np.full(40, 1.0), np.full(40, 4.0)]).astype(np.float32)
    network.update_state(observed, np.array([32, 16]))
    assert_allclose(network.layer_state[2].mean, 0.1 * 2.0, rtol=1e-6)
    assert_allclose(network.layer_state[5].mean, 0.5 * 2.0, rtol=1e-6)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda n: pickle.loads(pickle.dumps(n))])
def test_state_is_saved_and_copied(clone):
    network = trained()
    images, _ = images_and_labels()
    other = clone(network)
    assert_array_equal(other.state, network.state)
    assert_array_equal(other.forward(images[:5]), network.forward(images[:5]))
    other.state[:] = 0  # the copy has its own memory
    assert network.state.any()
    assert not np.allclose(other.forward(images[:5]), network.forward(images[:5]))


def test_prediction_uses_the_state_with_any_tile_size():
    network = trained()
    images, _ = images_and_labels()
    with Threads(2) as threads:
        many = outputs(network, ImageReader(images), threads)
        few = outputs(network, ImageReader(images[:3]), threads)
    assert_allclose(many[:3], few, rtol=1e-4, atol=1e-5)
    before = few
    network.state += 1
    with Threads(2) as threads:
        after = outputs(network, ImageReader(images[:3]), threads)
    assert np.abs(after - before).max() > 1e-3


def test_early_stopping_restores_the_state_of_the_best_weights():
    network = trained()
    best = network.parameters.copy(), network.state.copy()
    stopping = EarlyStopping(network, tol=0.0, n_iter_no_change=2, keep_best=True)
    assert not stopping.update(0.9)
    network.parameters += 1
    network.state += 1
    assert not stopping.update(0.5)
    assert stopping.update(0.6)
    stopping.restore_best()
    assert_array_equal(network.parameters, best[0])
    assert_array_equal(network.state, best[1])
