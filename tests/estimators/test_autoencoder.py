"""ConvAutoencoder: scikit-learn's checks, codes and reconstructions, noise and sparsity."""

import pickle

import numpy as np
import pandas as pd
import pytest
from helpers.estimator_checks import parametrize_with_checks
from helpers.quick import peak_of
from helpers.sample_weights import EXPECTED_FAILURES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skcnn import ConvAutoencoder
from skcnn._tasks.reconstruction import Reconstruction
from skcnn.engine.network import Network

CHEAP = {"n_filters": 8, "max_iter": 10}
CHECKED = [
    ConvAutoencoder(max_iter=20),
    ConvAutoencoder(code_size=3, **CHEAP),
    ConvAutoencoder(noise=0.3, sparsity=0.5, pooling="mean", activation="tanh", **CHEAP),
]


@parametrize_with_checks(CHECKED, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_estimator_checks(estimator, check):
    check(estimator)


def new(**settings):
    return ConvAutoencoder(**{"n_filters": (8, 8), "max_iter": 4, "random_state": 0, **settings})


def mean_square(model, X):
    return np.mean((model.inverse_transform(model.transform(X)) - X) ** 2)


@pytest.mark.parametrize("settings", [{}, {"code_size": 5}, {"code_size": 5, "sparsity": 0.5}])
def test_codes_and_reconstructions(images, settings):
    X, _ = images
    model = new(**settings).fit(X)
    codes = model.transform(X)
    assert codes.shape == (300, settings.get("code_size", 2 * 2 * 8))
    assert codes.dtype == np.float32
    assert len(model.get_feature_names_out()) == codes.shape[1]
    restored = model.inverse_transform(codes)
    assert restored.shape == X.shape
    assert model.score(X) == pytest.approx(-np.mean((restored - X) ** 2), rel=1e-4)


@pytest.mark.parametrize(
    "convert",
    [
        lambda X: X.reshape(300, 64),
        lambda X: X[..., None],
        lambda X: np.repeat(X[..., None], 3, axis=-1) * np.array([1, 5, 0.1]),
        lambda X: pd.DataFrame(X.reshape(300, 64)),
        list,
        lambda X: pd.Series(list(X)),
    ],
    ids=["table", "one channel", "three channels", "frame", "list", "series"],
)
def test_reconstructions_have_the_form_and_the_units_of_x(images, convert):
    X = convert(images[0])
    model = new(max_iter=20).fit(X)
    array = np.stack(list(X)) if isinstance(X, list | pd.Series) else np.asarray(X)
    restored = model.inverse_transform(model.transform(X))
    assert restored.shape == array.shape
    assert -model.score(X) == pytest.approx(np.mean((restored - array) ** 2), rel=1e-3)
    assert -model.score(X) < 0.5 * array.var()


def test_it_reconstructs_better_than_pca(digits):
    X = digits[0]
    pca = PCA(16).fit(X[:1400].reshape(1400, 64))
    rest = X[1400:].reshape(-1, 64)
    linear = np.mean((pca.inverse_transform(pca.transform(rest)) - rest) ** 2)
    model = ConvAutoencoder(code_size=16, max_iter=40, random_state=0).fit(X[:1400])
    assert -model.score(X[1400:]) < linear


def test_results_do_not_depend_on_the_number_of_threads(images):
    X, _ = images
    for settings in ({}, {"code_size": 4, "noise": 0.3, "sparsity": 0.7}):
        one, two = (new(n_jobs=n, **settings).fit(X) for n in (1, 2))
        assert_array_equal(one.network_.snapshot(), two.network_.snapshot())
        assert_array_equal(one.transform(X), two.transform(X))
        assert one.score(X) == two.score(X)


@pytest.mark.parametrize(("activation", "limit"), [("relu", 6 / 9), ("tanh", 6 / (9 + 9 * 30))])
def test_initial_filters(images, activation, limit):
    model = new(n_filters=30, activation=activation, max_iter=1, learning_rate_init=1e-9)
    filters = model.fit(images[0][:50]).filters_
    assert np.abs(filters).max() == pytest.approx(np.sqrt(limit), rel=0.05)


def test_noise_is_added_in_training_only(images):
    X, _ = images
    noisy, plain = new(noise=1.0).fit(X), new().fit(X)
    assert noisy.loss_ > plain.loss_
    assert_array_equal(noisy.transform(X), noisy.transform(X))
    # It learns to remove noise: it changes noisy images more towards the clean ones.
    noise = X + np.random.default_rng(0).normal(0, noisy.scale_[0], X.shape)
    denoised = new(noise=1.0, max_iter=40).fit(X)
    errors = [
        np.mean((model.inverse_transform(model.transform(noise)) - X) ** 2)
        for model in (denoised, new(max_iter=40).fit(X))
    ]
    assert errors[0] < errors[1]
    assert errors[0] < np.mean((noise - X) ** 2)


def test_sparsity_makes_codes_sparse(images):
    """Few large values stand out: more of the sum of a feature map is in its largest value."""
    X, _ = images

    def concentration(model):
        maps = model.transform(X).reshape(300, -1, 8)
        return (maps.max(axis=1) / (maps.sum(axis=1) + 1e-9)).mean()

    settings = {"pool_size": (2, 1), "max_iter": 20}
    assert concentration(new(sparsity=0.95, **settings).fit(X)) > 1.2 * concentration(
        new(**settings).fit(X)
    )


def test_validation_and_early_stopping(images, capsys):
    X, _ = images
    model = new().fit(X[:200], X_val=X[200:])
    assert model.validation_scores_[-1] == pytest.approx(model.score(X[200:]), rel=1e-6)
    standardized = -model.score(X[200:]) / model.scale_[0] ** 2
    assert model.validation_loss_curve_[-1] == pytest.approx(standardized / 2, rel=1e-5)
    stopped = new(early_stopping=True, max_iter=300, n_iter_no_change=2, tol=1e-2, verbose=True)
    stopped.fit(X)
    assert stopped.n_iter_ < 300
    assert stopped.best_validation_score_ == max(stopped.validation_scores_)
    assert "validation negative MSE" in capsys.readouterr().out


def test_sample_weights(images):
    X, _ = images
    weights = (np.arange(300) < 150).astype(float)
    assert_allclose(
        new().fit(X, sample_weight=weights).transform(X), new().fit(X[:150]).transform(X), atol=0.2
    )


def test_partial_fit_and_warm_start(images):
    X, _ = images
    model = new()
    for _ in range(4):
        for start in range(0, 300, 64):
            model.partial_fit(X[start : start + 64])
    assert -model.score(X) < X.var()
    warm = new(warm_start=True).fit(X)
    loss = warm.loss_
    assert warm.fit(X).loss_ < loss


def test_pipelines_searches_and_pickles(images):
    X, y = images
    pipeline = make_pipeline(new(), LogisticRegression(max_iter=500))
    search = GridSearchCV(pipeline, {"convautoencoder__code_size": [8, None]}, cv=2).fit(X, y)
    assert search.best_score_ > 0.6
    model = new().fit(X)
    restored = pickle.loads(pickle.dumps(model))
    assert_array_equal(restored.transform(X), model.transform(X))
    frame = new().set_output(transform="pandas").fit_transform(X)
    assert list(frame.columns[:2]) == ["convautoencoder0", "convautoencoder1"]


@pytest.mark.parametrize("settings", [{}, {"code_size": 10}])
def test_few_images_have_the_same_codes_as_in_many(settings):
    """At sizes at which convolutions of few images use another kernel."""
    X = np.random.default_rng(0).random((200, 28, 28, 1))
    model = ConvAutoencoder(max_iter=1, random_state=0, **settings).fit(X)
    codes = model.transform(X)
    assert np.ptp(codes, axis=0).max() > 0.01
    restored = model.inverse_transform(codes)
    for n in (1, 64, 65):
        assert_allclose(model.transform(X[:n]), codes[:n], rtol=1e-3, atol=1e-4)
        assert_allclose(model.inverse_transform(codes[:n]), restored[:n], rtol=1e-3, atol=1e-4)


def test_scores_need_little_memory():
    """No array of all reconstructions, which would have four times as many bytes as X."""
    X = np.random.default_rng(0).integers(0, 255, (20_000, 16, 16), dtype=np.uint8)
    model = new(max_iter=1, n_jobs=1).fit(X[:200])
    few, many = (peak_of(lambda n=n: model.score(X[:n])) for n in (5_000, 20_000))
    assert many - few < 0.1 * X.nbytes


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (1, 5, 1), (3, 1, 2), (8, 8, 20)])
def test_what_tells_images_apart_needs_little_memory(shape):
    X = np.random.default_rng(0).integers(0, 255, (10, *shape), dtype=np.uint8)
    key = Reconstruction(X).key
    assert key.nbytes <= 10 * max(32, 4 * shape[2])
    assert len(np.unique(key, axis=0)) == 10


def test_score_weights_the_images(images):
    X = images[0]
    model = new(max_iter=2).fit(X, X_val=X[:3], sample_weight_val=[1, 0, 2])
    repeated = model.score(X[[0, 2, 2]])
    assert_allclose(model.score(X[:3], sample_weight=[1, 0, 2]), repeated, rtol=1e-6)
    assert_allclose(model.validation_scores_[-1], repeated, rtol=1e-6)
    assert model.score(X[:3], sample_weight=[1e300] * 3) == model.score(X[:3])
    with pytest.raises(ValueError, match=r"sample_weight has shape \(2,\); expected \(3,\)"):
        model.score(X[:3], sample_weight=[1, 2])


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1.0])
def test_a_training_that_fails_is_announced_in_any_unit_of_the_pixels(images, unit):
    X = images[0] / 16 * unit
    message = "loss of predicting the mean of each channel.*need standardize=True"
    with pytest.warns(ConvergenceWarning, match=message):
        new(standardize=False, max_iter=30, learning_rate_init=10.0).fit(X)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.3, 1e-200, 255.0])
def test_where_there_is_nothing_to_learn_there_is_no_warning(value, standardize):
    X = np.full((200, 8, 8), value)
    X[::2] *= 1 + 2.0**-52  # equal up to rounding
    new(standardize=standardize, max_iter=40).fit(X)
    new(standardize=standardize, max_iter=40).fit(X[1::2])


@pytest.mark.parametrize("factor", [1e-200, 1e-40, 1e20])
def test_the_magnitude_of_the_pixels_does_not_matter(images, factor):
    X = images[0]
    model = new().fit(X)
    with np.errstate(all="raise"):
        other = new().fit(X * factor)
        codes = other.transform(X * factor)
        restored, score = other.inverse_transform(codes), other.score(X * factor)
    assert_allclose(codes, model.transform(X), rtol=1e-2, atol=1e-2)
    assert_allclose(restored, model.inverse_transform(codes) * factor, rtol=1e-2, atol=1e-44)
    assert_allclose(score, model.score(X) * factor**2, rtol=1e-2)


def test_encoder_and_decoder_are_kept_but_not_pickled(images, monkeypatch):
    X = images[0]
    model = new().fit(X)
    codes, size = model.transform(X[:1]), len(pickle.dumps(model))
    restored = model.inverse_transform(codes)
    assert len(pickle.dumps(model)) == size
    monkeypatch.setattr(Network, "__init__", None)  # calling it would raise
    assert_array_equal(model.transform(X[:1]), codes)
    assert_array_equal(model.inverse_transform(codes), restored)
    assert len(model.get_feature_names_out()) == codes.shape[1]


def test_odd_sizes_of_images():
    """Pooling keeps a partial last window, and the decoder crops it."""
    X = np.random.default_rng(0).random((40, 7, 5, 2))
    for pool_size in (2, 3, (2, 4)):
        model = new(pool_size=pool_size, max_iter=2).fit(X)
        assert model.inverse_transform(model.transform(X)).shape == X.shape


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"noise": -1}, "'noise' parameter"),
        ({"sparsity": 1.0}, "'sparsity' parameter"),
        ({"code_size": 0}, "'code_size' parameter"),
        ({"n_filters": ()}, "n_filters is empty"),
        ({"filter_size": (3, 3, 3)}, "filter_size has 3 values"),
    ],
)
def test_bad_parameters(images, settings, message):
    with pytest.raises(ValueError, match=message):
        new(**settings).fit(images[0])


def test_bad_codes(images):
    model = new(code_size=4).fit(images[0])
    with pytest.raises(ValueError, match="X has codes of 5 numbers; expected 4, as transform"):
        model.inverse_transform(np.zeros((2, 5)))
    with pytest.raises(ValueError, match="NaN"):
        model.inverse_transform(np.full((2, 4), np.nan))
