"""`Muon`, compared with its definition by singular value decompositions."""

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn._fitting.architecture import build_layers
from skcnn.engine.network import Network
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.muon import OTHERS, Muon
from skcnn.engine.training.optimizers import SGD, Adam

# Matrices of 27 x 40 (wide), 360 x 6, and 24 x 20 (whole-batch gradient); an output layer.
LAYERS = {
    "n_filters": (40, 6),
    "filter_size": 3,
    "padding": "same",
    "pool_size": 2,
    "pool_regions": None,
    "pooling": "max",
    "hidden_layer_sizes": (20,),
    "activation": "tanh",
    "dropout": 0.0,
}
HIDDEN = ((0, (27, 40)), (3, (360, 6)), (7, (24, 20)))  # layer, shape of the matrix


def new_network(dtype=np.float64, **changes):
    layers = build_layers((8, 8, 3), 4, **(LAYERS | changes))
    network = Network(layers, (8, 8, 3), dtype)
    network.initialize(np.random.default_rng(0))
    return network


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    return rng.standard_normal((90, 8, 8, 3)), rng.integers(4, size=90)


def matrices(network, vector):
    views = network.views(vector)
    return {layer: views[layer].weights.reshape(shape) for layer, shape in HIDDEN}


def equalized(matrix):
    """The polynomial of Newton and Schulz acts on the singular values."""
    u, s, v = np.linalg.svd(matrix / np.linalg.norm(matrix), full_matrices=False)
    for _ in range(3):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return (u * s) @ v


def gradient_at(network, data, threads, batch, at):
    """The gradient, from a step of gradient descent with a rate of 1."""
    network.parameters[:] = at
    trainer = make_trainer(network, *data, threads, optimizer=SGD())
    trainer.step(batch, step=1, rate=1.0, momentum=0.0)
    return at - network.parameters


@pytest.mark.parametrize("nesterov", [False, True])
def test_by_its_definition(data, threads, nesterov):
    """The hidden matrices; all other parameters move as with Adam at a share of the rate."""
    network, helper = new_network(), new_network()
    trainer = make_trainer(network, *data, threads, optimizer=Muon(nesterov), l2=3.0)
    adam = make_trainer(helper, *data, threads, optimizer=Adam(), l2=3.0)
    momenta = {layer: 0.0 for layer, _ in HIDDEN}
    rng = np.random.default_rng(2)
    for step in range(1, 5):
        batch, rate = rng.permutation(90)[:50], 0.1 / step
        start = network.parameters.copy()
        gradients = matrices(network, gradient_at(new_network(), data, threads, batch, start))
        trainer.step(batch, step=step, rate=rate, momentum=0.8)
        helper.parameters[:] = start
        adam.step(batch, step=step, rate=OTHERS * rate, momentum=0.8)
        for layer, w in matrices(network, start).items():
            g = gradients[layer]
            momenta[layer] = v = 0.8 * momenta[layer] + g
            direction = equalized(g + 0.8 * v if nesterov else v)
            norm = np.linalg.norm(w)
            moved = w - rate * norm * direction / np.linalg.norm(direction)
            expected = moved * norm / np.linalg.norm(moved)
            assert_allclose(matrices(network, network.parameters)[layer], expected, rtol=1e-9)
            helper.layer_parameters[layer].weights[...] = expected.reshape(
                helper.layer_parameters[layer].weights.shape
            )
        assert_allclose(network.parameters, helper.parameters, rtol=1e-9, atol=1e-13)
        assert np.abs(network.parameters - start).max() > 1e-3


def test_all_directions_move_at_about_the_same_pace():
    """Singular values between 1 and 1/50 of the largest end within a factor of 4.

    Of the raw gradient, the smallest would move 50 times as slowly.
    """
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.standard_normal((60, 12)))
    v, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    g = (u * np.geomspace(1, 1 / 50, 12)) @ v
    w = rng.standard_normal((60, 12))
    before = w.copy()
    moments, scratch = [np.zeros_like(w), np.zeros_like(w)], np.zeros_like(w)
    scalars = [np.array(value) for value in (0.01, 0.0, 0.0, 0.0)]
    for call in Muon().move(w, g.copy(), moments, scratch, scalars):
        call()
    moved = np.linalg.svd(w / np.linalg.norm(w) - before / np.linalg.norm(before))[1]
    assert moved.max() / moved[:12].min() < 4


@pytest.mark.parametrize("normalization", [None, "batch"])
def test_the_norm_of_hidden_weights_stays(data, threads, normalization):
    network = new_network(np.float32, normalization=normalization)
    before = [np.linalg.norm(plan_weights(network, layer)) for layer in hidden_layers(network)]
    trainer = make_trainer(network, np.float32(data[0]), data[1], threads, optimizer=Muon())
    for step in range(1, 60):
        trainer.step(np.arange(90), step=step, rate=0.3, momentum=0.9)
    after = [np.linalg.norm(plan_weights(network, layer)) for layer in hidden_layers(network)]
    assert_allclose(after, before, rtol=1e-5)


def hidden_layers(network):
    return [index for index, _ in network.hidden_weights()]


def plan_weights(network, layer):
    return network.layer_parameters[layer].weights


def test_a_gradient_of_zero_moves_nothing(data, threads):
    """Also no division of zero by zero: weights of images may be zero."""
    network = new_network(np.float32)
    start = network.parameters.copy()
    zeros = np.zeros(90)
    trainer = make_trainer(
        network, np.float32(data[0]), data[1], threads, optimizer=Muon(), weights=zeros
    )
    trainer.step(np.arange(90), step=1, rate=0.1, momentum=0.9)
    assert_allclose(network.parameters, start, rtol=1e-6)


def test_bit_identical_for_any_number_of_threads(data):
    found = []
    for n_threads in (1, 2, 5):
        network = new_network(np.float32)
        with single_threaded_blas(), Threads(n_threads) as threads:
            trainer = make_trainer(
                network, np.float32(data[0]), data[1], threads, optimizer=Muon(), batch_size=90
            )
            for step in range(1, 4):
                trainer.step(np.arange(90), step=step, rate=0.1, momentum=0.9)
        found.append(network.parameters.copy())
    assert_array_equal(found[0], found[1])
    assert_array_equal(found[0], found[2])


def test_hidden_weights_are_those_of_all_layers_but_the_last():
    network = new_network(normalization="batch")
    shapes = [network.plans[i].parameters[name].shape for i, name in network.hidden_weights()]
    assert sorted(shapes) == [(3, 3, 3, 40), (3, 3, 40, 6), (24, 20)]
