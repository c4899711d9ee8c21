"""How far rounding can change a result: float32, the place in a batch, the memory layout.

The bounds are those of the section "Rounding" in docs/engine.md.
"""

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from helpers.engine import make_trainer
from numpy.testing import assert_allclose, assert_array_equal

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor, HOGTransformer
from skcnn.engine.inference import FEW_IMAGES
from skcnn.engine.network import Network
from skcnn.engine.training.muon import Muon
from skcnn.engine.training.optimizers import SGD, Adam

BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"
BOUND = 1e-5  # of probabilities, and of other outputs relative to the largest one

SETTINGS = {
    "defaults": {},
    "adam": {"solver": "adam", "normalization": None},
    "mean, tanh": {"pooling": "mean", "activation": "tanh"},
    "sigmoid": {"output_activation": "sigmoid", "filter_size": 5, "pool_regions": 2},
}


def image_sets():
    from skcnn.datasets import load_digits_images

    X, y = load_digits_images()
    large = np.pad(X.repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2)))
    colour = np.stack([X, X[::-1], 255 - X], axis=-1)
    return {"8 x 8": X, "28 x 28": large, "colour": colour}, y


@cache
def fitted(settings, shape):
    """A network fitted to 200 images, and 150 others."""
    sets, y = image_sets()
    X = sets[shape]
    model = ConvNetClassifier(max_iter=2, batch_size=64, random_state=0, **SETTINGS[settings])
    return model.fit(X[:200], y[:200]), X[200:350]


@pytest.fixture
def compute(monkeypatch):
    """The network in float64, by code that shares nothing with the engine."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield __import__("fuzz_oracle").compute
    del sys.modules["fuzz_oracle"]


CASES = [
    *((settings, "8 x 8") for settings in SETTINGS),
    ("defaults", "28 x 28"),
    ("defaults", "colour"),
]


@pytest.mark.parametrize(("settings", "shape"), CASES)
def test_predictions_in_float32_are_close_to_float64(compute, settings, shape):
    model, X = fitted(settings, shape)
    features, z = compute(model, X.astype(float).reshape(-1, *model.image_shape_))
    assert_allclose(model._outputs(X), z, rtol=0, atol=BOUND * np.abs(z).max())
    assert_allclose(model.transform(X), features, rtol=0, atol=BOUND * np.abs(features).max())
    if model.output_activation == "softmax":
        probabilities = np.exp(z - z.max(axis=1, keepdims=True))
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        assert_allclose(model.predict_proba(X), probabilities, rtol=0, atol=BOUND)


@pytest.mark.parametrize(("settings", "shape"), CASES)
def test_the_place_in_a_batch_and_the_neighbours(settings, shape):
    """No bit changes among few images; among many, the last ones do."""
    model, X = fitted(settings, shape)
    alone = np.concatenate([model.predict_proba(image[None]) for image in X[:20]])
    rng = np.random.default_rng(0)
    for n in (2, 17, FEW_IMAGES):
        places = rng.permutation(n)[:20]
        batch = X[rng.integers(20, len(X), n)]
        batch[places] = X[: len(places)]
        assert_array_equal(model.predict_proba(batch)[places], alone[: len(places)])
    for n in (FEW_IMAGES + 1, 130, 301):
        places = rng.permutation(n)[:20]
        batch = X[rng.integers(20, len(X), n)]
        batch[places] = X[:20]
        assert_allclose(model.predict_proba(batch)[places], alone, rtol=0, atol=BOUND)
    everywhere = model.predict_proba(np.repeat(X[:1], 300, axis=0))
    assert_allclose(everywhere, np.broadcast_to(alone[:1], (300, 10)), rtol=0, atol=BOUND)


@pytest.mark.parametrize("extreme", [0, 255])
def test_neighbours_of_extreme_values_do_not_matter(extreme):
    model, X = fitted("defaults", "8 x 8")
    for n in (30, 130):
        batch = np.full((n, *X.shape[1:]), extreme, X.dtype)
        batch[n // 2] = X[0]
        found = model.predict_proba(batch)[n // 2]
        assert_allclose(found, model.predict_proba(X[:1])[0], rtol=0, atol=BOUND)


def layouts(X):
    """The images in other memory layouts."""
    wide = np.zeros((2 * len(X), 8, 16), X.dtype)
    wide[::2, :, ::2] = X
    yield np.asfortranarray(X)
    yield wide[::2, :, ::2]
    yield np.ascontiguousarray(X[::-1, ::-1, ::-1])[::-1, ::-1, ::-1]
    yield X.astype(X.dtype.newbyteorder())
    yield np.ascontiguousarray(X.transpose(2, 0, 1)).transpose(1, 2, 0)


@pytest.mark.parametrize(
    "estimator",
    [
        ConvNetClassifier(n_filters=(6, 8), max_iter=1, random_state=0),
        ConvNetRegressor(n_filters=(6, 8), max_iter=1, random_state=0, augment="affine"),
        ConvAutoencoder(n_filters=6, max_iter=1, noise=0.1, random_state=0),
        HOGTransformer(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
@pytest.mark.parametrize("kind", [np.uint16, np.float32, np.float64])
def test_no_bit_depends_on_the_memory_layout(images, estimator, kind):
    """The classifier without batch normalization is in test_classifier.py."""
    X, y = images[0][:150].astype(kind), images[1][:150]
    method = "predict" if hasattr(estimator, "predict") else "transform"
    expected = getattr(estimator.fit(X, y), method)(X)
    for other in layouts(X):
        assert_array_equal(other, X)
        assert_array_equal(getattr(estimator, method)(other), expected)
        assert_array_equal(getattr(estimator.fit(other, y), method)(X), expected)


@pytest.mark.parametrize("optimizer", [SGD(nesterov=True), Adam(), Muon()], ids=repr)
@pytest.mark.parametrize("normalization", ["batch", None])
def test_training_in_float32_follows_float64(images, threads, optimizer, normalization):
    """The same steps with both: the differences grow with the number of steps."""
    X, y = images
    model = ConvNetClassifier(n_filters=(8, 8), normalization=normalization, activation="tanh")
    layers = model.set_params(dropout=0.0)._layers((8, 8, 1), 10)
    start = Network(layers, (8, 8, 1), np.float64)
    start.initialize(np.random.default_rng(0))
    losses, moved = [], []
    for dtype in (np.float32, np.float64):
        network = Network(layers, (8, 8, 1), dtype)
        network.restore(start.snapshot().astype(np.float32))
        before = network.parameters.astype(np.float64)
        trainer = make_trainer(
            network, X[..., None] / 16, y, threads, optimizer=optimizer, batch_size=64
        )
        for step in range(1, 21):
            batch = np.random.default_rng(step).permutation(300)[:64]
            loss = trainer.step(batch, step=step, rate=0.01, momentum=0.9)
            losses.append(loss)
        moved.append(network.parameters - before)
    assert_allclose(losses[:20], losses[20:], rtol=1e-4)
    difference = np.linalg.norm(moved[0] - moved[1]) / np.linalg.norm(moved[1])
    assert difference < 1e-2
    assert losses[19] < 0.98 * losses[0]
