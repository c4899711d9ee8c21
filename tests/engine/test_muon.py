"""`Muon`, compared with its definition by singular value decompositions."""

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn._fitting.architecture import build_layers
from skcnn.engine.layers import BiasActivation, Dense, Flatten
from skcnn.engine.network import Network
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training import blocks, optimizer_step
from skcnn.engine.training import trainer as trainer_module
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


@pytest.mark.parametrize(
    ("nesterov", "block", "at_once"), [(False, 1 << 16, 16), (True, 1 << 16, 16), (True, 100, 1)]
)
def test_by_its_definition(data, threads, monkeypatch, nesterov, block, at_once):
    """The hidden matrices; all other parameters move as with Adam at a share of the rate.

    Also for matrices of several blocks, and mini-batches in parts of one tile.
    """
    monkeypatch.setattr(blocks, "BLOCK", block)
    monkeypatch.setattr(optimizer_step, "BLOCK", block)
    monkeypatch.setattr(trainer_module, "GRADIENT_BYTES", 1)
    monkeypatch.setattr(trainer_module, "FEWEST_TILES_AT_ONCE", at_once)
    network, helper = new_network(), new_network()
    trainer = make_trainer(network, *data, threads, optimizer=Muon(nesterov), l2=3.0)
    adam = make_trainer(helper, *data, threads, optimizer=Adam(), l2=3.0)
    momenta = {layer: 0.0 for layer, _ in HIDDEN}
    rng = np.random.default_rng(2)
    for step in range(1, 5):
        batch, rate = rng.permutation(90)[:80], 0.1 / step
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
            assert_allclose(matrices(network, network.parameters)[layer], expected, rtol=1e-8)
            weights = helper.layer_parameters[layer].weights
            weights[...] = expected.reshape(weights.shape)
        assert_allclose(network.parameters, helper.parameters, rtol=1e-8, atol=1e-12)
        assert np.abs(network.parameters - start).max() > 1e-3


def moved_by(gradient, start, *, n_steps=1, dtype=np.float64):
    """`start` after steps with this gradient, without momentum and with a rate of 0.01."""
    w = start.astype(dtype)
    moments, scratch = [np.zeros_like(w), np.zeros_like(w)], np.zeros_like(w)
    g = np.zeros_like(w)
    scalars = [np.array(value, dtype) for value in (0.01, 0.0, 0.0, 0.0)]
    calls = Muon().move(w, g, moments, scratch, scalars)
    for _ in range(n_steps):
        g[...] = gradient
        for call in calls:
            call()
    return w


def test_small_singular_values_move_almost_as_fast_as_large_ones():
    """Between 1 and 1/50 of the largest. By the raw gradient, they move 50 times as slowly."""
    rng = np.random.default_rng(0)
    u, _ = np.linalg.qr(rng.standard_normal((60, 12)))
    v, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    w = rng.standard_normal((60, 12))
    moved = moved_by((u * np.geomspace(1, 1 / 50, 12)) @ v, w)
    change = np.linalg.svd(moved / np.linalg.norm(moved) - w / np.linalg.norm(w))[1]
    assert change.max() / change[:12].min() < 4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1e-38, 1e-30, 1e-24, 1e-22, 1e-18, 1e-8, 1.0, 1e15])
def test_the_scale_of_the_gradient_does_not_matter(dtype, scale):
    """Unless its square is zero in this dtype: then nothing moves. Nothing becomes NaN."""
    rng = np.random.default_rng(0)
    w, g = rng.standard_normal((2, 30, 20))
    moved = moved_by(scale * g, w, dtype=dtype)
    same = moved_by(g, w, dtype=dtype)
    assert np.abs(same - w).max() > 1e-3
    if dtype == np.float64 or scale > 1e-18:
        assert_allclose(moved, same, rtol=1e-4, atol=1e-6)
    elif scale < 1e-24:
        assert_allclose(moved, w, rtol=1e-5, atol=1e-6)
    else:  # no more than a whole step
        assert np.linalg.norm(moved - w) < 0.011 * np.linalg.norm(w)


def test_weights_of_zero_stay_finite():
    g = np.random.default_rng(0).standard_normal((30, 20))
    moved = moved_by(g, np.zeros((30, 20)), n_steps=20, dtype=np.float32)
    assert np.abs(moved).max() < 1e-15


@pytest.mark.parametrize("normalization", [None, "batch"])
def test_the_norm_of_hidden_weights_stays(data, threads, normalization):
    network = new_network(np.float32, normalization=normalization)
    before = hidden_norms(network)
    trainer = make_trainer(network, np.float32(data[0]), data[1], threads, optimizer=Muon())
    for step in range(1, 60):
        trainer.step(np.arange(90), step=step, rate=0.3, momentum=0.9)
    assert_allclose(hidden_norms(network), before, rtol=1e-5)


def hidden_norms(network):
    return [np.linalg.norm(network.parameters[slot]) for slot in network.hidden_weights().values()]


def test_a_gradient_of_zero_does_not_move_hidden_weights(data, threads):
    """Not even along the momentum: weights of images may be zero."""
    network = new_network(np.float32)
    weights = np.ones(90)
    weights[50:] = 0
    trainer = make_trainer(
        network, np.float32(data[0]), data[1], threads, optimizer=Muon(), weights=weights
    )
    trainer.step(np.arange(50), step=1, rate=0.1, momentum=0.9)
    start = network.parameters.copy()
    for step in range(2, 600):
        trainer.step(np.arange(50, 90), step=step, rate=0.1, momentum=0.9)
    for slot in network.hidden_weights().values():
        assert_allclose(network.parameters[slot], start[slot], rtol=1e-4)


def test_a_network_without_hidden_weights(threads):
    """Everything moves as with Adam."""
    found = []
    for optimizer, share in ((Muon(), 1.0), (Adam(), OTHERS)):
        network = Network([Flatten(), Dense(3), BiasActivation("identity")], (4, 4, 1), np.float64)
        network.initialize(np.random.default_rng(0))
        images = np.random.default_rng(1).standard_normal((20, 4, 4, 1))
        trainer = make_trainer(network, images, np.arange(20) % 3, threads, optimizer=optimizer)
        for step in range(1, 4):
            trainer.step(np.arange(20), step=step, rate=0.1 * share, momentum=0.9)
        found.append(network.parameters.copy())
    assert_allclose(found[0], found[1], rtol=1e-12)


def test_bit_identical_for_any_number_of_threads(data, monkeypatch):
    """Also in parts of one tile."""
    monkeypatch.setattr(trainer_module, "GRADIENT_BYTES", 1)
    monkeypatch.setattr(trainer_module, "FEWEST_TILES_AT_ONCE", 1)
    found = []
    for n_threads in (1, 2, 5):
        network = new_network(np.float32, normalization="batch")
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
