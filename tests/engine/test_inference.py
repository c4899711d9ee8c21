"""Prediction: no bit of few images depends on other images; memory is kept for the next call."""

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.inference import (
    FEW_IMAGES,
    even_tile,
    features,
    largest_tile,
    outputs,
    useful_threads,
)
from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)
from skcnn.engine.network import KEPT_PREDICTORS, Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads

SHAPE = (9, 10, 3)
HEAD = (Flatten(), Dropout(0.5), Dense(20), BiasActivation("relu"), Dense(10))
NETWORKS = {
    "winograd": (Conv2D(8, 3), BiasActivation("relu"), Conv2D(16, 3, method="winograd")),
    "winograd4": (Conv2D(8, 3, method="winograd4"), BiasActivation("relu"), MeanPool2D(2)),
    "winograd4x4": (Conv2D(8, 3, method="winograd4x4"), MaxPool2D(2), BiasActivation("relu")),
    "max": (Conv2D(32, 3), MaxPool2D(2), BiasActivation("relu"), Conv2D(32, 5), MaxPool2D(3)),
    "mean": (Conv2D(5, 4, "valid"), BiasActivation("tanh"), MeanPool2D(regions=3)),
    "mean of few columns": (Conv2D(1, 1), MeanPool2D(10), BiasActivation("sigmoid")),
    "dense": (),
}
N_MANY = FEW_IMAGES + 30


def new(name: str, seed: int = 0) -> Network:
    network = Network([*NETWORKS[name], *HEAD, BiasActivation("identity")], SHAPE)
    network.initialize(np.random.default_rng(seed))
    network.parameters += np.random.default_rng(seed).normal(scale=0.05, size=network.n_parameters)
    return network


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(1).standard_normal((N_MANY, *SHAPE)).astype(np.float32)


def run(network, images, n_threads=1, indices=None, compute=outputs):
    reader = ImageReader(images)
    with single_threaded_blas(), Threads(n_threads) as threads:
        if compute is features:
            return features(network, reader, threads)
        return outputs(network, reader, threads, indices)


@pytest.mark.parametrize("name", NETWORKS)
def test_bits_of_few_images_do_not_depend_on_the_others(name, images):
    network = new(name)
    expected = np.concatenate([run(network, image[None]) for image in images])
    rng = np.random.default_rng(2)
    for n in (2, 3, 7, 8, 16, 33, FEW_IMAGES):
        chosen = rng.choice(len(images), n)
        for n_threads in (1, 2):
            assert_array_equal(run(network, images[chosen], n_threads), expected[chosen])
        assert_array_equal(run(network, images, 1, indices=chosen), expected[chosen])


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("compute", [outputs, features])
def test_few_and_many_images_agree(name, compute, images):
    network = new(name)
    many = run(network, images, 2, compute=compute)
    few = np.concatenate(
        [run(network, part, 2, compute=compute) for part in (images[:9], images[9:40])]
    )
    assert_allclose(many[:40], few, rtol=1e-5, atol=1e-5)
    assert_array_equal(many, run(network, images, 1, compute=compute))


@given(st.integers(1, 5_000), st.integers(1, 256))
@settings(max_examples=200)
def test_tiles_are_equal_and_an_even_number_of_them_holds_all_images(n_images, largest):
    tile = even_tile(n_images, largest)
    assert 1 <= tile <= largest
    n_pairs = -(-n_images // (2 * largest))
    assert (tile - 1) * 2 * n_pairs < n_images <= tile * 2 * n_pairs  # none is larger than needed


def test_tiles_are_small_for_large_images():
    wide = Network([Conv2D(64, 3), MaxPool2D(2), Flatten(), Dense(10)], (96, 96, 3))
    narrow = Network([Flatten(), Dense(10)], (3, 3, 1))
    assert largest_tile(wide, few=True) == 1
    assert largest_tile(wide, few=False) == 32
    assert largest_tile(narrow, few=True) == 32
    assert largest_tile(narrow, few=False) == 256


def test_threads_are_started_only_for_enough_work():
    network = new("max")
    assert useful_threads(network, 1) == 1
    assert useful_threads(network, 10_000) > 8


def test_no_images_give_no_results(images):
    network = new("max")
    assert run(network, images, indices=np.array([], int)).shape == (0, 10)


def test_memory_is_kept_for_few_images_only(images):
    network = new("max")
    run(network, images)
    assert len(network.for_separate_images().idle_predictors) == 0
    for n in range(1, 30):
        run(network, images[:n], 2)
    assert len(network.for_separate_images().idle_predictors) == KEPT_PREDICTORS


def test_memory_of_large_images_is_not_kept():
    network = Network([Conv2D(32, 3), MaxPool2D(8), Flatten(), Dense(10)], (160, 160, 1))
    run(network, np.zeros((2, 160, 160, 1), np.float32))
    assert len(network.for_separate_images().idle_predictors) == 0


@pytest.mark.parametrize("name", ["winograd", "max"])
def test_a_network_is_freed_at_once(images, name):
    """The memory that it keeps does not refer to it."""
    network = new(name)
    gc.disable()
    try:
        run(network, images[:3])
        freed = [weakref.ref(network), weakref.ref(network.for_separate_images())]
        del network
        assert [ref() for ref in freed] == [None, None]
    finally:
        gc.enable()


def test_kept_memory_is_used_again(images):
    network = new("max")
    run(network, images[:3])
    pool = network.for_separate_images().idle_predictors
    before = pool.take(2)
    pool.give(2, before)
    run(network, images[:3])
    assert pool.take(2) is before


@pytest.mark.parametrize("name", NETWORKS)
def test_changed_parameters_are_used(name, images):
    network = new(name)
    for seed in (3, 4):
        for n in (3, N_MANY):
            other = new(name, seed)
            network.parameters[:] = other.parameters
            assert_array_equal(run(network, images[:n]), run(other, images[:n]))


def test_kept_memory_is_neither_pickled_nor_copied(images):
    network = new("winograd")
    size = len(pickle.dumps(network))
    expected = run(network, images[:5])
    assert len(pickle.dumps(network)) == size
    for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert len(other.idle_predictors) == 0
        network.parameters[:] = 0  # the copy has its own memory
        assert_array_equal(run(other, images[:5]), expected)
        network.parameters[:] = other.parameters


def test_several_threads_predict_at_once_with_one_network(images):
    network = new("max")
    expected = {n: run(network, images[:n]) for n in (1, 5, N_MANY)}
    wrong = []
    start = threading.Barrier(6)

    def work(number):
        start.wait()
        for round_ in range(20):
            n = (1, 5, N_MANY)[(number + round_) % 3]
            if not np.array_equal(run(network, images[:n], 1 + number % 2), expected[n]):
                wrong.append(n)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_memory_of_a_failed_prediction_is_not_used_again(images):
    class Broken(ImageReader):
        def read(self, indices, out, *args):
            out[...] = np.nan
            raise OSError("the file is gone")

    network = new("max")
    expected = run(network, images[:3])
    pool = network.for_separate_images().idle_predictors
    assert len(pool) == 1
    with Threads(1) as threads, pytest.raises(OSError, match="the file is gone"):
        outputs(network, Broken(images[:3]), threads)
    assert len(pool) == 0
    assert_array_equal(run(network, images[:3]), expected)
