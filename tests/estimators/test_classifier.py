"""ConvNetClassifier as a scikit-learn estimator: its checks, input, output, model selection."""

import pickle

import joblib
import numpy as np
import pandas as pd
import pytest
from helpers import naive
from helpers.estimator_checks import parametrize_with_checks
from helpers.quick import constant_rate, fast, peak_of
from helpers.sample_weights import EXPECTED_FAILURES
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler

import skcnn._input.images
from skcnn import ConvNetClassifier
from skcnn._parallel import n_threads

# --- scikit-learn's estimator checks --------------------------------------------------------------

CHEAP = {"n_filters": 8, "dropout": 0.0, "max_iter": 50}
SGD = {"solver": "sgd", "learning_rate_init": 0.02, "normalization": None}
CHECKED = [
    ConvNetClassifier(),
    # the paper's network, with padding because the checks' images are smaller than its filters
    ConvNetClassifier(
        n_filters=64,
        filter_size=13,
        padding="same",
        pool_regions=2,
        pooling="mean",
        hidden_layer_sizes=(10,),
        activation="sigmoid",
        normalization=None,
        solver="adam",
        max_iter=50,
    ),
    # "valid", with the only filter size that fits into one row of pixels
    ConvNetClassifier(padding="valid", filter_size=1, pool_regions=2, **CHEAP),
    ConvNetClassifier(pooling="mean", activation="tanh", **CHEAP),
    ConvNetClassifier(output_activation="sigmoid", **CHEAP),
    ConvNetClassifier(n_filters=8, max_iter=50, dropout=0.3, **SGD),
    ConvNetClassifier(n_filters=8, max_iter=50, solver="adam"),
    ConvNetClassifier(n_filters=8, max_iter=50, normalization=None),
]


@parametrize_with_checks(CHECKED, expected_failed_checks=lambda estimator: EXPECTED_FAILURES)
def test_estimator_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(
    [ConvNetClassifier(solver="adam", normalization=None)],
    expected_failed_checks=lambda estimator: EXPECTED_FAILURES,
)
def test_estimator_checks_with_adam(estimator, check):
    """A network of the default size, whose solver does not adapt to the scale of a layer."""
    check(estimator)


@parametrize_with_checks(
    [ConvNetClassifier(**CHEAP)], expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_estimator_checks_with_color_images(estimator, check, monkeypatch):
    """Each row of the checks' tables is read as an image with several channels."""

    def color_shape(x_shape, image_shape=None):
        if image_shape is not None or len(x_shape) != 2:
            return resolve(x_shape, image_shape)
        channels = next((c for c in (3, 2) if x_shape[1] % c == 0), x_shape[1])
        return 1, x_shape[1] // channels, channels

    resolve = skcnn._input.images.resolve_image_shape
    monkeypatch.setattr(skcnn._input.images, "resolve_image_shape", color_shape)
    check(estimator)


# --- input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["u1", "i2", "i8", "f2", "f4", "f8", ">f4", ">u2", "g"])
def test_X_of_any_dtype_and_memory_layout(images, kind, tmp_path):
    """The same images give the same network, bit for bit if they have the same dtype."""
    X, y = images
    X = X.astype(kind)
    n = len(X)
    flat = X.reshape(n, -1)
    reference = fast().fit(X, y)
    expected = reference.predict_proba(X)
    parameters = reference.network_.parameters

    np.save(tmp_path / "X.npy", X)
    read_only = X.copy()
    read_only.flags.writeable = False
    wide = np.zeros((2 * n, 8, 16), X.dtype)
    wide[::2, :, ::2] = X
    forms = {
        "table": flat,
        "channels": X[..., np.newaxis],
        "Fortran order": np.asfortranarray(X),
        "table in Fortran order": np.asfortranarray(flat),
        "strided": wide[::2, :, ::2],
        "reversed": np.ascontiguousarray(X[::-1])[::-1],
        "read-only": read_only,
        "memory map": np.load(tmp_path / "X.npy", mmap_mode="r"),
    }
    for name, form in forms.items():
        found = fast().fit(form, y)
        assert_array_equal(found.network_.parameters, parameters, err_msg=name)
        assert_array_equal(found.predict_proba(form), expected, err_msg=name)
        assert_array_equal(reference.predict_proba(form), expected, err_msg=name)
        assert found.image_shape_ == (8, 8, 1)
        assert found.n_features_in_ == 64

    # another dtype rounds slightly differently
    other = fast().fit(X.astype(np.float64), y)
    assert_allclose(other.predict_proba(X), expected, atol=1e-3)
    assert_allclose(reference.predict_proba(X.astype(np.float64)), expected, atol=1e-5)


def test_lists_and_data_frames(images):
    X, y = images
    X = X.astype(np.int64)  # the dtype that NumPy gives to a list of int
    flat = X.reshape(len(X), -1)
    expected = fast().fit(X, y).predict_proba(X)
    names = [f"pixel{i}" for i in range(64)]
    for form in (X.tolist(), flat.tolist(), pd.DataFrame(flat, columns=names)):
        assert_array_equal(fast().fit(form, y.tolist()).predict_proba(form), expected)
    frame = pd.DataFrame(flat, columns=names)
    model = fast().fit(frame, pd.Series(y))
    assert model.feature_names_in_.tolist() == names
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"pixel3": "other"}))
    mixed = pd.DataFrame(flat, columns=names).astype({"pixel3": float, "pixel4": "uint8"})
    assert_allclose(fast().fit(mixed, y).predict_proba(mixed), expected, atol=1e-3)


def test_color_images(images):
    X, y = images
    rng = np.random.default_rng(0)
    color = np.stack([X, 16 - X, rng.integers(0, 17, X.shape)], axis=-1).astype(np.uint8)
    flat = color.reshape(len(X), -1)
    model = fast().fit(color, y)
    from_table = fast(image_shape=(8, 8, 3)).fit(flat, y)
    assert model.image_shape_ == from_table.image_shape_ == (8, 8, 3)
    assert model.filters_.shape == (6, 3, 3, 3)
    assert model.n_features_in_ == 192
    assert_array_equal(model.network_.parameters, from_table.network_.parameters)
    assert_array_equal(model.predict_proba(flat), from_table.predict_proba(color))


def test_image_shape_of_a_table(images):
    X, y = images
    flat = X.reshape(len(X), -1)
    assert fast().fit(flat, y).image_shape_ == (8, 8, 1)
    assert fast().fit(flat[:, :50], y).image_shape_ == (1, 50, 1)
    assert fast(image_shape=(4, 16)).fit(flat, y).image_shape_ == (4, 16, 1)
    assert fast(image_shape=[8, 4, 2]).fit(flat, y).image_shape_ == (8, 4, 2)
    for image_shape in ((8, 8), (8, 8, 1)):
        assert fast(image_shape=image_shape).fit(X, y).image_shape_ == (8, 8, 1)


@pytest.mark.parametrize(
    "labels",
    [
        np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]),
        np.array(list("abcdefghij"), dtype=object),
        np.arange(-5, 5),
        np.arange(10, dtype=np.uint8) * 20,
        np.linspace(-3, 6, 10),
        np.array([False] * 5 + [True] * 5),
        pd.Series(list("qwertzuiop"), dtype="category"),
        pd.Series(list("qwertzuiop"), dtype="string"),
        list("QWERTZUIOP"),
    ],
    ids=lambda labels: f"{type(labels).__name__}-{getattr(labels, 'dtype', '')}",
)
def test_labels_of_any_dtype(images, labels):
    X, y = images
    if isinstance(labels, pd.Series):
        named = labels.iloc[y].reset_index(drop=True)
    elif isinstance(labels, list):
        named = [labels[i] for i in y]
    else:
        named = labels[y]
    model = fast(max_iter=20, learning_rate_init=0.02).fit(X, named)
    assert_array_equal(model.classes_, np.unique(np.asarray(named)))
    predicted = model.predict(X)
    assert predicted.dtype == model.classes_.dtype
    assert np.mean(predicted == np.asarray(named)) > 0.9
    assert model.score(X, named) == np.mean(predicted == np.asarray(named))
    assert model.predict_proba(X).shape == (len(X), len(model.classes_))


def test_X_is_never_copied_whole(tmp_path):
    """`fit` and `predict` allocate less than half the size of 20,000 float64 images."""
    n = 20_000
    np.save(tmp_path / "X.npy", np.random.default_rng(0).random((n, 14, 14)))
    X, y = np.load(tmp_path / "X.npy", mmap_mode="r"), np.arange(n) % 2
    model = fast(n_filters=1, filter_size=1, pool_regions=1, max_iter=1)
    model.fit(X[:1000], y[:1000]).predict(X[:1000])
    for form in (X, X[::-1].reshape(n, -1), np.asfortranarray(X), X.astype(">f8")):
        assert peak_of(lambda form=form: model.fit(form, y).predict(form)) < X.nbytes / 2


# --- output ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("output_activation", ["softmax", "sigmoid"])
def test_prediction_methods_agree(images, output_activation):
    X, y = images
    model = fast(output_activation=output_activation, learning_rate_init=0.02).fit(X, y + 3)
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (300, 10)
    assert (probabilities >= 0).all()
    assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert_array_equal(model.predict(X), model.classes_[probabilities.argmax(axis=1)])
    assert_allclose(model.predict_log_proba(X), np.log(probabilities), rtol=1e-12)
    assert model.score(X, y + 3) == np.mean(model.predict(X) == y + 3)


def test_log_probability_is_finite_where_the_probability_is_zero(images):
    X, y = images
    model = fast().fit(X, y)
    model.network_.layer_parameters[-1].bias[:] = np.linspace(0, 1e5, 10)
    assert model.predict_proba(X).min() == 0
    assert np.isfinite(model.predict_log_proba(X)).all()


def test_few_images_are_predicted_independently(images):
    """The results do not depend on the other images, bit for bit."""
    X = images[0]
    model = ConvNetClassifier(max_iter=1, random_state=0).fit(*images)
    for method in (model.predict_proba, model.transform):
        few = method(X[:50])
        order = np.random.default_rng(0).permutation(50)
        assert_array_equal(method(X[:50][order]), few[order])
        for part in ([3], [49, 0, 7], range(10, 40)):
            assert_array_equal(method(X[list(part)]), few[list(part)])
        # among many images, up to rounding
        assert_allclose(method(X)[:50], few, atol=1e-5)


def test_transform_returns_the_last_pooling_layer(images):
    """In the order row, column, filter; compared with naive implementations."""
    X, y = images
    model = fast(n_filters=4, pool_size=3).fit(X, y)
    assert model.filters_.shape == (4, 3, 3, 1)
    assert not model.filters_.flags.writeable
    standardized = (X[:5, :, :, np.newaxis] - model.mean_) / model.scale_
    z = naive.conv2d(standardized, model.filters_.transpose(1, 2, 3, 0), "same")
    bias = model.network_.layer_parameters[2].bias  # convolution, pooling, bias
    windows = [(0, 3), (3, 6), (6, 8)]
    expected = naive.pool(np.maximum(z + bias, 0), windows, windows, "max")
    features = model.transform(X)
    assert features.shape == (300, 3 * 3 * 4)
    assert features.dtype == np.float32
    assert_allclose(features[:5], expected.reshape(5, -1), rtol=1e-4, atol=1e-5)

    names = model.get_feature_names_out()
    assert names.tolist() == [f"convnetclassifier{i}" for i in range(36)]
    frame = model.set_output(transform="pandas").transform(X)
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == names.tolist()
    assert_array_equal(frame.to_numpy(), features)


def test_summary_of_the_fitted_network(images):
    model = ConvNetClassifier(max_iter=1, n_filters=(4, 5), hidden_layer_sizes=(7,), dropout=0.1)
    summary = model.fit(*images).network_.summary()
    for layer in ("Conv2D(n_filters=5", "Dense(n_units=7)", "Dropout(rate=0.1)", "total "):
        assert layer in summary


# --- with the rest of scikit-learn ----------------------------------------------------------------


def test_pipelines(images):
    """As the last step, and as a transformer whose features another classifier uses."""
    X, y = images
    flat = X.reshape(len(X), -1)
    scaled = make_pipeline(MinMaxScaler(), fast(max_iter=20, learning_rate_init=0.02)).fit(flat, y)
    assert scaled.score(flat, y) > 0.9
    hybrid = make_pipeline(
        fast(max_iter=20), FunctionTransformer(np.sqrt), LogisticRegression(max_iter=1000)
    ).fit(X, y)
    assert hybrid.score(X, y) > 0.9


def test_grid_search_in_two_processes(images):
    search = GridSearchCV(
        fast(), {"n_filters": [2, (4, 4)], "pooling": ["max", "mean"]}, cv=2, n_jobs=2
    ).fit(*images)
    assert set(search.best_params_) == {"n_filters", "pooling"}
    assert not np.isnan(search.cv_results_["mean_test_score"]).any()
    sequential = clone(search).set_params(n_jobs=1).fit(*images)
    assert_array_equal(
        search.cv_results_["mean_test_score"], sequential.cv_results_["mean_test_score"]
    )


def test_clone(images):
    model = fast(n_filters=(3, 4), learning_rate=constant_rate, class_weight={1: 2.0}).fit(*images)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "network_")
    assert_array_equal(copy.fit(*images).network_.parameters, model.network_.parameters)


@pytest.mark.parametrize("solver", ["adam", "muon", "sgd"])
def test_pickle(images, solver):
    """The copy predicts and continues training identically, and shares no memory."""
    X, y = images
    model = fast(solver=solver, dropout=0.3, hidden_layer_sizes=(9,)).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    assert_array_equal(copy.predict_proba(X), model.predict_proba(X))
    before = copy.network_.parameters.copy()
    for _ in range(2):
        model.partial_fit(X, y)
    assert_array_equal(copy.network_.parameters, before)
    for _ in range(2):
        copy.partial_fit(X, y)
    assert_array_equal(copy.network_.parameters, model.network_.parameters)
    assert copy.loss_curve_ == model.loss_curve_
    assert copy.t_ == model.t_ == 5 * 300


def test_n_threads():
    assert n_threads(1) == 1
    assert n_threads(5) == 5
    assert n_threads(-1) == joblib.cpu_count()
    assert n_threads(-1000) == 1
    assert 1 <= n_threads(None) <= joblib.cpu_count()
    # in a joblib worker thread: 1, because the other workers use the other cores
    side_by_side = joblib.Parallel(n_jobs=2, backend="threading")(
        joblib.delayed(n_threads)(None) for _ in range(4)
    )
    assert side_by_side == [1] * 4


# --- accuracy -------------------------------------------------------------------------------------


def test_accuracy_of_a_small_network_on_digits(digits):
    """Eight seeds gave 0.969 to 0.982."""
    X_train, X_test, y_train, y_test = train_test_split(*digits, stratify=digits[1], random_state=0)
    model = ConvNetClassifier(
        n_filters=(16, 32),
        hidden_layer_sizes=(64,),
        max_iter=15,
        normalization=None,
        dropout=0.0,
        solver="adam",
        learning_rate_init=0.005,
        random_state=0,
    )
    assert model.fit(X_train, y_train).score(X_test, y_test) > 0.955


@pytest.mark.slow
def test_accuracy_of_the_default_network_on_digits(digits):
    """Stratified 5-fold, three seeds: with a single one, a difference of three images is chance."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = [
        cross_val_score(ConvNetClassifier(random_state=seed), *digits, cv=folds).mean()
        for seed in range(3)
    ]
    assert np.mean(scores) >= 0.985
