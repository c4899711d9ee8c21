"""What holds for muon and batch normalization, too; other tests train with Adam alone."""

import pickle
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:400], y[:400]


def new(**settings):
    small = {"n_filters": (8, 8), "hidden_layer_sizes": (70,), "max_iter": 3, "random_state": 0}
    return ConvNetClassifier(**{**small, **settings})


def weights_of(model):
    """Parameters and running statistics."""
    return model.network_.snapshot()


def test_a_weight_of_zero_removes_an_image(digits):
    X, y = digits
    weights = np.ones(400)
    weights[::4] = 0
    weighted = new().fit(X, y, sample_weight=weights)
    without = new().fit(X[weights > 0], y[weights > 0])
    assert_array_equal(weights_of(weighted), weights_of(without))


def test_equal_class_and_sample_weights_train_alike(digits):
    X, y = digits
    by_class = new(class_weight={3: 5.0, 7: 0.5}).fit(X, y)
    by_image = new().fit(X, y, sample_weight=np.select([y == 3, y == 7], [5.0, 0.5], 1.0))
    assert_array_equal(weights_of(by_class), weights_of(by_image))
    assert not np.array_equal(weights_of(by_class), weights_of(new().fit(X, y)))


@pytest.mark.parametrize("n_images", [2, 7, 63, 65, 130])
def test_few_images(digits, n_images):
    """Also fewer than batch normalization needs for statistics of its own."""
    X, y = digits[0][:n_images], digits[1][:n_images]
    model = new(max_iter="auto").fit(X, y)
    assert np.isfinite(weights_of(model)).all()
    assert model.score(X, y) > 0.9


@pytest.mark.parametrize("size", [1, 5, 64, 65, 200])
def test_a_stream_equals_itself_for_any_number_of_threads(digits, size):
    X, y = digits
    models = [new(n_jobs=n_jobs) for n_jobs in (1, 3)]
    for model in models:
        for start in range(0, 200, size):
            part = slice(start, min(start + size, 200))
            model.partial_fit(X[part], y[part], classes=range(10))
    assert_array_equal(weights_of(models[0]), weights_of(models[1]))
    assert models[0].t_ == 200


def test_a_failed_call_changes_nothing(digits):
    X, y = digits
    model = new(warm_start=True).fit(X, y)
    before = pickle.dumps(model)
    model.set_params(learning_rate_init=1e30)
    with pytest.raises(ValueError, match="Training diverged"):
        model.fit(X, y)
    with pytest.raises(ValueError, match="Training diverged"):
        model.partial_fit(X, y)
    model.set_params(learning_rate_init="auto")
    assert pickle.dumps(model) == before


def test_early_stopping_keeps_the_best_weights_of_a_weighted_split(digits):
    X, y = digits
    weights = np.random.default_rng(0).uniform(0.5, 2, 400)
    model = new(early_stopping=True, max_iter=12, n_iter_no_change=3, learning_rate_init=0.2)
    model.fit(X, y, sample_weight=weights)
    aside = model._split.mask()
    score = model.score(X[aside], y[aside], sample_weight=weights[aside])
    assert score == pytest.approx(model.best_validation_score_)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_range_of_the_pixels_does_not_matter(digits, dtype):
    X, y = digits
    plain, moved = new().fit(X, y), new().fit((3 * X.astype(dtype) + 7).astype(dtype), y)
    assert_allclose(
        moved.predict_proba((3 * X.astype(dtype) + 7).astype(dtype)),
        plain.predict_proba(X),
        atol=0.02,
    )


def test_identical_images(digits):
    """Batch normalization divides by a standard deviation near zero."""
    X, y = np.repeat(digits[0][:1], 80, axis=0), np.zeros(80, int)
    y[0] = 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = new(max_iter=5).fit(X, y)
    assert np.isfinite(weights_of(model)).all()
    assert np.isfinite(model.predict_proba(X)).all()
