"""`normalization="batch"` in the estimator; `tests/engine/test_batch_norm.py` tests the layer."""

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:600], y[:600]


def new(**settings):
    small = {"n_filters": (8, 8), "hidden_layer_sizes": (16,), "max_iter": 4, "random_state": 0}
    return ConvNetClassifier(normalization="batch", **{**small, **settings})


def test_each_convolution_and_hidden_layer_is_normalized(digits):
    for pooling, order in (
        ("max", ["Conv2D", "MaxPool2D", "BatchNorm", "BiasActivation"]),
        ("mean", ["Conv2D", "BatchNorm", "BiasActivation", "MeanPool2D"]),
    ):
        fitted = new(pooling=pooling, max_iter=1).fit(*digits)
        kinds = [type(layer).__name__ for layer in fitted.network_.layers]
        assert kinds[:8] == order * 2
        assert kinds.count("BatchNorm") == 3
        assert kinds[-2:] == ["Dense", "BiasActivation"]  # the output is not normalized
        assert "BatchNorm(" in fitted.network_.summary()


@pytest.mark.parametrize("batch_size", [64, 97, 150])
def test_results_do_not_depend_on_the_number_of_threads(digits, batch_size):
    first = new(batch_size=batch_size, n_jobs=1).fit(*digits)
    for n_jobs in (2, 3):
        other = new(batch_size=batch_size, n_jobs=n_jobs).fit(*digits)
        assert_array_equal(other.network_.snapshot(), first.network_.snapshot())
        assert_array_equal(other.predict_proba(digits[0]), first.predict_proba(digits[0]))


@pytest.mark.parametrize(
    "settings", [{}, {"pooling": "mean"}, {"solver": "adam"}, {"solver": "sgd"}]
)
def test_it_learns(digits, settings):
    assert new(max_iter=20, **settings).fit(*digits).score(*digits) > 0.95


@pytest.mark.parametrize("size", [1, 2, 20, 65])
def test_a_stream_of_chunks_of_any_size_learns(digits, size):
    """Also of single images, and of chunks whose last tile is a single image."""
    X, y = digits
    fitted = new()
    for _ in range(2 if size < 10 else 12):
        for start in range(0, 400, size):
            chunk = slice(start, min(start + size, 400))
            fitted.partial_fit(X[chunk], y[chunk], classes=range(10))
    assert np.isfinite(fitted.network_.snapshot()).all()
    assert fitted.score(X[:400], y[:400]) > 0.7


def test_a_stream_continues_after_pickling(digits):
    X, y = digits
    straight = new().partial_fit(X[:100], y[:100], classes=range(10))
    stored = pickle.loads(pickle.dumps(straight))
    assert_array_equal(stored.predict_proba(X), straight.predict_proba(X))
    for fitted in (straight, stored):
        fitted.partial_fit(X[100:200], y[100:200])
    assert_array_equal(stored.network_.snapshot(), straight.network_.snapshot())


def test_a_warm_start_continues_with_the_statistics(digits):
    X, y = digits
    fitted = new(warm_start=True).fit(X, y)
    before = fitted.network_.state.copy()
    fitted.set_params(max_iter=1, learning_rate_init=1e-9).fit(X[:20], y[:20])
    # These images have a share of 40 / 1300. From new statistics on, they would have all of it.
    assert_allclose(fitted.network_.state, before, rtol=0.05, atol=0.05)
    assert np.any(fitted.network_.state != before)


@pytest.mark.parametrize(("solver", "rate"), [("adam", 0.03), ("muon", 0.1)])
def test_early_stopping_restores_the_statistics_of_the_best_weights(digits, solver, rate):
    X, y = digits
    settings = {"solver": solver, "learning_rate_init": rate}
    fitted = new(early_stopping=True, n_iter_no_change=2, max_iter=30, **settings)
    fitted.fit(X[:400], y[:400], X_val=X[400:], y_val=y[400:])
    assert fitted.validation_scores_[-1] < fitted.best_validation_score_
    assert fitted.score(X[400:], y[400:]) == fitted.best_validation_score_


def test_a_changed_setting_is_noticed_by_a_warm_start(digits):
    fitted = new(warm_start=True, max_iter=1).fit(*digits)
    with pytest.raises(ValueError, match="no longer match the fitted network"):
        fitted.set_params(normalization=None).fit(*digits)


def test_constant_pixels_and_single_images_of_a_class(digits):
    X, y = np.zeros((12, 8, 8)), np.arange(12) % 2
    X[:, :, 0] = y[:, None]
    fitted = new(max_iter=30).fit(X, y)
    assert np.isfinite(fitted.predict_proba(X)).all()
    assert fitted.score(X, y) == 1


def test_statistics_that_overflow_are_an_error(digits):
    """The loss and the weights are still finite, since the statistics divide the outputs."""
    rates = np.append(np.full(8, 0.001), [1e11, 0.001])
    settings = {"hidden_layer_sizes": (), "dropout": 0.0, "max_iter": 2, "solver": "adam"}
    model = new(learning_rate=lambda step: float(rates[step]), **settings)
    with pytest.raises(ValueError, match="diverged: the running statistics of the network"):
        model.fit(digits[0][:320], digits[1][:320])
    assert not hasattr(model, "network_")


def test_clone_keeps_the_setting():
    assert clone(new()).normalization == "batch"
