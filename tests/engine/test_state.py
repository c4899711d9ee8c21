"""State that is not trained: merged in tile order, saved, copied, restored with the weights."""

import copy
import pickle
from dataclasses import dataclass, field

import numpy as np
import pytest
from helpers.engine import Centre, make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.inference import outputs
from skcnn.engine.layers import BiasActivation, Conv2D, Dense, Dropout, Flatten, MaxPool2D
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training import trainer as trainer_module
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


def test_the_means_of_tiles_are_weighted_by_their_numbers_of_images():
    network = new_network()
    observed = np.stack([np.full(40, 1.0), np.full(40, 4.0)]).astype(np.float32)
    network.update_state(observed, np.array([32, 16]))
    assert_allclose(network.layer_state[2].mean, 0.1 * 2.0, rtol=1e-6)
    assert_allclose(network.layer_state[5].mean, 0.5 * 2.0, rtol=1e-6)


@dataclass(frozen=True)
class Record(Centre):
    """Records what `update_state` receives."""

    received: list = field(default_factory=list, compare=False)

    def update_state(self, state, observed, n_images):
        self.received.append((observed.mean.copy(), n_images.tolist()))


@pytest.mark.parametrize("most_at_once", [64, 128, 512, 2048])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_state_is_merged_once_for_each_mini_batch_in_tile_order(
    monkeypatch, most_at_once, n_threads
):
    """The tiles of all parts of a mini-batch, each with its own number of images."""
    monkeypatch.setattr(trainer_module, "MOST_IMAGES_AT_ONCE", most_at_once)
    record = Record()
    network = Network([record, Flatten(), Dense(3)], SHAPE, np.float64)
    images, labels = images_and_labels()
    order = np.random.default_rng(2).permutation(N_IMAGES)
    with Threads(n_threads) as threads:
        trainer = make_trainer(network, images, labels, threads)
        for step, n in enumerate((N_IMAGES, 100), start=1):
            trainer.step(order[:n], step=step, rate=0.01, momentum=0.0)
    assert trainer.tile == 64
    (all_means, all_sizes), (few_means, few_sizes) = record.received
    assert all_sizes == [62, 63] * 12  # 24 tiles
    assert few_sizes == [50, 50]
    for means, sizes in ((all_means, all_sizes), (few_means, few_sizes)):
        tiles = np.split(images[order[: sum(sizes)]], np.cumsum(sizes)[:-1])
        expected = [tile.mean(axis=(0, 1, 2), dtype=np.float64) for tile in tiles]
        assert_allclose(means, expected, rtol=1e-12)


def test_state_does_not_depend_on_the_images_processed_at_once(monkeypatch):
    """Bit for bit, also after dropout; with a rate of 0, because gradients round differently."""
    images, labels = images_and_labels()
    states = []
    for most_at_once in (64, 512, 2048):
        monkeypatch.setattr(trainer_module, "MOST_IMAGES_AT_ONCE", most_at_once)
        layers = [Conv2D(4, 3), Dropout(0.3), Centre(), BiasActivation("relu"), Flatten(), Dense(3)]
        network = Network(layers, SHAPE)
        network.initialize(np.random.default_rng(1))
        with Threads(2) as threads:
            trainer = make_trainer(network, images, labels, threads)
            for step in (1, 2):
                trainer.step(np.arange(N_IMAGES), step=step, rate=0.0, momentum=0.0)
        states.append(network.state.copy())
    assert states[0].any()
    assert_array_equal(states[1], states[0])
    assert_array_equal(states[2], states[0])


@dataclass(frozen=True)
class ReplacesItsState(Centre):
    def update_state(self, state, observed, n_images):
        state.mean = observed.mean.mean(axis=0)


def test_update_state_must_change_the_arrays_in_place():
    network = Network([ReplacesItsState(), Flatten(), Dense(3)], SHAPE)
    images, labels = images_and_labels()
    message = r"update_state of ReplacesItsState\(.*\) replaces an array of the state; expected it"
    with Threads(1) as threads:
        trainer = make_trainer(network, images, labels, threads)
        with pytest.raises(TypeError, match=message):
            trainer.step(np.arange(100), step=1, rate=0.01, momentum=0.0)


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


def test_prediction_computes_with_the_state():
    """And not with the images of the tile."""
    network = Network([Centre(), Flatten()], SHAPE)
    network.layer_state[0].mean[:] = [3.0, -1.5]
    images, _ = images_and_labels()
    expected = (images - np.array([3.0, -1.5], np.float32)).reshape(N_IMAGES, -1)
    assert_array_equal(network.forward(images[:100]), expected[:100])
    with Threads(2) as threads:
        for n in (1, 10, N_IMAGES):  # one by one, and in tiles
            assert_array_equal(outputs(network, ImageReader(images[:n]), threads), expected[:n])
            assert_array_equal(network.state, [3.0, -1.5])


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
