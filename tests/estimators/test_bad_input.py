"""Invalid input of `ConvNetClassifier`: the error messages, and that nothing has changed.

An error names the value and what was expected. A fitted estimator keeps its state.
"""

import pickle

import numpy as np
import pytest
import scipy.sparse
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError

from skcnn.augment import Shift

PARAMETERS = [
    ({"image_shape": (7, 9)}, r"image_shape=\(7, 9\) does not fit the images of X.*\(8, 8\)"),
    ({"image_shape": (8, 8, 3)}, r"image_shape=\(8, 8, 3\) does not fit"),
    ({"image_shape": (8,)}, r"image_shape is \(8,\); expected \(height, width\)"),
    ({"image_shape": (-8, -8)}, r"image_shape is \(-8, -8\); expected"),
    ({"image_shape": (8.0, 8.0)}, r"image_shape is \(8\.0, 8\.0\); expected"),
    ({"image_shape": 8}, "'image_shape' parameter of ConvNetClassifier must be.*Got 8"),
    ({"n_filters": 0}, "'n_filters' parameter.*Got 0"),
    ({"n_filters": ()}, "n_filters is empty; expected at least one convolution layer"),
    (
        {"n_filters": (4, 0)},
        r"n_filters is \(4, 0\); expected a positive int or a tuple",
    ),
    ({"n_filters": (4, 2.5)}, r"n_filters is \(4, 2\.5\); expected"),
    ({"n_filters": True}, "n_filters is True; expected"),
    ({"filter_size": 2.5}, "'filter_size' parameter.*Got 2.5"),
    ({"filter_size": (3, 3)}, r"filter_size has 2 values \(\(3, 3\)\), but n_filters defines 1"),
    (
        {"padding": "valid", "filter_size": 9},
        "filter_size is 9, but .* have 8 x 8 pixels",
    ),
    (
        {"padding": "valid", "filter_size": 4, "n_filters": (2, 2)},
        "filter_size is 4, but the images at convolution layer 2 have 3 x 3 pixels",
    ),
    ({"padding": "full"}, "'padding' parameter.*'same'.*Got 'full'"),
    ({"pool_size": 0}, "'pool_size' parameter.*Got 0"),
    ({"pool_size": (2, 2)}, "pool_size has 2 values"),
    ({"pool_regions": (2, 2)}, "pool_regions has 2 values"),
    ({"pool_regions": -1}, "'pool_regions' parameter.*Got -1"),
    ({"pooling": "median"}, "'pooling' parameter.*Got 'median'"),
    ({"hidden_layer_sizes": (0,)}, r"hidden_layer_sizes is \(0,\); expected"),
    ({"activation": "gelu"}, "'activation' parameter.*Got 'gelu'"),
    ({"output_activation": "relu"}, "'output_activation' parameter.*Got 'relu'"),
    ({"dropout": 1.0}, r"'dropout' parameter.*\[0.0, 1.0\).*Got 1.0"),
    ({"weight_init": "zeros"}, "'weight_init' parameter.*Got 'zeros'"),
    ({"solver": "lbfgs"}, "'solver' parameter.*Got 'lbfgs'"),
    ({"learning_rate": "adaptive"}, "'learning_rate' parameter.*Got 'adaptive'"),
    ({"learning_rate_init": 0}, "'learning_rate_init' parameter.*Got 0"),
    ({"momentum": 1.5}, "'momentum' parameter.*Got 1.5"),
    ({"alpha": -1}, "'alpha' parameter.*Got -1"),
    ({"batch_size": 0}, "'batch_size' parameter.*Got 0"),
    ({"batch_size": "all"}, "'batch_size' parameter.*Got 'all'"),
    ({"max_iter": 0}, "'max_iter' parameter.*Got 0"),
    ({"max_time": 0}, "'max_time' parameter.*Got 0"),
    ({"shuffle": "sometimes"}, "'shuffle' parameter.*Got 'sometimes'"),
    ({"normalization": "layer"}, "'normalization' parameter.*Got 'layer'"),
    ({"augment": "mirror"}, "'augment' parameter.*Got 'mirror'"),
    ({"augment": ()}, r"augment is \(\); expected at least one transformation"),
    ({"augment": ["flip", "mirror"]}, "augment has the step 'mirror'; expected callables"),
    ({"augment": ("flip", ("shift",))}, r"augment has the step \('shift',\); expected callables"),
    ({"augment": ("flip", Shift)}, r"augment has the class Shift; .* Use Shift\(\)"),
    ({"augment": Shift}, r"augment is the class Shift; .* Use Shift\(\)"),
    ({"predict_augment": "affine"}, "'predict_augment' parameter.*Got 'affine'"),
    ({"class_weight": "even"}, "'class_weight' parameter.*Got 'even'"),
    (
        {"class_weight": {0: -1.0}},
        "has the weight -1.0 for the class 0; expected",
    ),
    (
        {"class_weight": {0: np.nan}},
        "has the weight nan for the class 0; expected",
    ),
    ({"class_weight": dict.fromkeys(range(10), 0)}, "class_weight is zero for every class"),
    (
        {"class_weight": {0: 10**5000}},
        "has the weight an int of .* bits for the class 0",
    ),
    ({"validation_fraction": 1.0}, "'validation_fraction' parameter.*Got 1.0"),
    ({"random_state": "seed"}, "'random_state' parameter.*Got 'seed'"),
    ({"n_jobs": 0}, "n_jobs is 0; expected None, a positive number of threads, or -1 for all"),
    ({"n_jobs": 1.5}, "'n_jobs' parameter.*Got 1.5"),
]
# Invalid arguments of `fit`, as functions of valid X and y.
DATA = [
    (lambda X, y: {"X": np.where(X > 3, X, np.nan)}, "Input X contains NaN"),
    (lambda X, y: {"X": np.where(X > 3, X, np.inf)}, "Input X contains infinity"),
    (lambda X, y: {"X": np.where(X > 3, X, np.nan).reshape(300, 64)}, "Input X contains NaN"),
    (lambda X, y: {"X": X + 1j}, "Complex data not supported"),
    (lambda X, y: {"X": (X + 1j).reshape(300, 64)}, "Complex data not supported"),
    (
        lambda X, y: {"X": scipy.sparse.csr_array(X.reshape(300, 64))},
        r"needs dense images, but X is a sparse csr_array of shape \(300, 64\)",
    ),
    (lambda X, y: {"X": X[:0], "y": y[:0]}, r"0 sample\(s\).*a minimum of 1 is required"),
    (lambda X, y: {"X": X.reshape(300, 64)[:, :0]}, r"0 feature\(s\).*a minimum of 1 is required"),
    (lambda X, y: {"X": X[:, :0]}, r"X has shape \(300, 0, 8\), so its images have no pixels"),
    (lambda X, y: {"X": X[:, 0, 0]}, "Expected 2D array, got 1D array"),
    (lambda X, y: {"X": X.astype(str)}, "not compatible with arrays of bytes/strings"),
    (lambda X, y: {"X": X[:, 0, 0].astype([("a", float), ("b", int)])}, "fields a, b of a struct"),
    (lambda X, y: {"X": X.astype([("a", float)])}, "fields a of a structured dtype"),
    (lambda X, y: {"y": y[:-1]}, "X has 300 images, but y has 299 labels; expected one label"),
    (lambda X, y: {"y": None}, "requires y to be passed, but the target y is None"),
    (lambda X, y: {"y": np.zeros(300)}, r"needs labels of at least 2 classes; got 1 class: \[0"),
    (lambda X, y: {"y": np.linspace(0, 1, 300)}, "Unknown label type: continuous"),
    (
        lambda X, y: {"y": np.eye(10)[y] / 2 + 0.05},
        r"y has shape \(300, 10\) and rows that sum to 1 .* y.argmax\(axis",
    ),
    (lambda X, y: {"y": np.where(y > 3, y, np.nan)}, "Input y contains NaN"),
    (lambda X, y: {"sample_weight": np.ones(299)}, r"sample_weight has shape \(299,\); expected"),
    (lambda X, y: {"sample_weight": -np.ones(300)}, "sample_weight contains -1.0; expected finite"),
    (lambda X, y: {"sample_weight": np.zeros(300)}, "zero"),
    (lambda X, y: {"sample_weight": np.full(300, np.nan)}, "sample_weight contains NaN"),
]
FIT_DATA = [
    *DATA,
    (lambda X, y: {"X_val": X}, "X_val was given without y_val"),
    (lambda X, y: {"y_val": y}, "y_val was given without X_val"),
    (
        lambda X, y: {"sample_weight_val": np.ones(300)},
        "sample_weight_val was given without X_val and y_val",
    ),
    (
        lambda X, y: {"X_val": X[:, :4], "y_val": y},
        r"X has images of shape \(4, 8, 1\).*\(8, 8, 1\)",
    ),
    (
        lambda X, y: {"X_val": X, "y_val": y[:-1]},
        "X_val has 300 images, but y_val has 299 labels; expected one label",
    ),
    (
        lambda X, y: {"X_val": X, "y_val": y + 1},
        r"y_val has the labels \[10\]; expected labels among the classes \[0, 1,",
    ),
    (
        lambda X, y: {"X_val": X, "y_val": y.astype(str)},
        r"y_val has the labels \['0', '1',.*among the classes \[0, 1,",
    ),
    (
        lambda X, y: {"X_val": X, "y_val": y, "sample_weight_val": np.zeros(300)},
        "sample_weight_val is zero for every image",
    ),
]


class HugeRates:
    """A learning rate that float32 cannot hold from step `first` on."""

    def __init__(self, first):
        self.first = first

    def __call__(self, step):
        return 0.01 if step < self.first else 1e300


def state_of(estimator):
    """All attributes of an estimator, in a form that can be compared."""
    return pickle.dumps(vars(estimator))


@pytest.mark.parametrize(("params", "message"), PARAMETERS)
def test_bad_parameters(images, params, message):
    """Reported with their value; a fitted estimator keeps its state."""
    X, y = images
    with pytest.raises(ValueError, match=message):
        fast(**params).fit(X, y)
    model = fast().fit(X, y).set_params(**params)
    before = state_of(model)
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
    assert state_of(model) == before


@pytest.mark.parametrize(("changes", "message"), FIT_DATA)
def test_bad_data(images, changes, message):
    X, y = images
    arguments = {"X": X, "y": y} | changes(X, y)
    new = fast()
    with pytest.raises(ValueError, match=message):
        new.fit(**arguments)
    with pytest.raises(NotFittedError):
        new.predict(X)
    assert set(vars(new)) == set(new.get_params())
    for warm_start in (False, True):
        model = fast(warm_start=warm_start).fit(X, y)
        before = state_of(model)
        # a warm start may find another error first: the input differs from that of the first fit
        with pytest.raises(ValueError, match=None if warm_start else message):
            model.fit(**arguments)
        assert state_of(model) == before


@pytest.mark.parametrize(("changes", "message"), [one for one in DATA if "1 class" not in one[1]])
def test_bad_data_for_partial_fit(images, changes, message):
    X, y = images
    arguments = {"X": X, "y": y} | changes(X, y)
    new = fast()
    with pytest.raises(ValueError, match=message):
        new.partial_fit(**arguments, classes=range(10))
    assert set(vars(new)) == set(new.get_params())
    model = fast().fit(X, y)
    before = state_of(model)
    with pytest.raises(ValueError, match=message):
        model.partial_fit(**arguments)
    assert state_of(model) == before


def test_bad_classes_for_partial_fit(images):
    X, y = images
    with pytest.raises(ValueError, match="classes must be passed on the first call to partial_fit"):
        fast().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"y has the labels \[8, 9\]; expected labels among"):
        fast().partial_fit(X, y, classes=range(8))
    with pytest.raises(ValueError, match=r"at least 2 classes; got 1 class: \[3\]"):
        fast().partial_fit(X[y == 3], y[y == 3], classes=[3])
    model = fast().partial_fit(X, y, classes=range(10))
    before = state_of(model)
    for labels, message in (
        (
            y + 5,
            r"y has the labels \[10, 11, 12, 13, 14\]; expected .* classes \[0, 1,",
        ),
        (y.astype(str), r"y has the labels \['0', .*expected labels among the classes \[0, 1,"),
    ):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, labels)
    with pytest.raises(
        ValueError, match=r"classes is \[0, 1, 2\]; expected \[0, .* the first call"
    ):
        model.partial_fit(X, y, classes=[0, 1, 2])
    assert state_of(model) == before
    model.partial_fit(X, y, classes=np.arange(10)[::-1])  # the same classes in another order


def test_parameters_that_partial_fit_does_not_support(images):
    X, y = images
    for params, message in (
        ({"early_stopping": True}, "early_stopping=True cannot be used with partial_fit"),
        ({"class_weight": "balanced"}, "class_weight='balanced' needs all labels at once"),
        (
            {"n_filters": 7},
            r"no longer match the fitted network: they ask for Conv2D\(n_filters=7.*n_filters=6",
        ),
    ):
        model = fast().fit(X, y).set_params(**params)
        before = state_of(model)
        with pytest.raises(ValueError, match=message):
            model.partial_fit(X, y)
        assert state_of(model) == before


def test_invalid_warm_starts(images):
    X, y = images
    model = fast(warm_start=True).fit(X, y)
    before = state_of(model)
    for some_X, some_y, message in (
        (
            X,
            np.minimum(y, 8),
            r"y has the classes \[0, 1, .* same classes as before, \[0, 1",
        ),
        (X, y.astype(str), "needs the same classes as before"),
        (X[:, :4], y, r"X has images of shape \(4, 8, 1\), but .* expecting .* \(8, 8, 1\)"),
        (X.reshape(300, 64)[:, :60], y, "X has 60 features, but ConvNetClassifier is expecting 64"),
    ):
        with pytest.raises(ValueError, match=message):
            model.fit(some_X, some_y)
    assert state_of(model) == before
    model.set_params(hidden_layer_sizes=(5,))
    with pytest.raises(ValueError, match="no longer match the fitted network"):
        model.fit(X, y)
    assert_array_equal(fast().fit(X, y).network_.parameters, model.network_.parameters)


@pytest.mark.parametrize("warm_start", [False, True])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_diverging_fit_keeps_the_previous_state(images, method, warm_start):
    """From the first step on, or from the middle of training."""
    X, y = images
    model = fast(warm_start=warm_start).fit(X, y)
    for first in (0, 3):
        model.set_params(learning_rate=HugeRates(first))
        before = state_of(model)
        with pytest.raises(ValueError, match=r"Training diverged.*Lower learning_rate_init"):
            getattr(model, method)(X, y)
        assert state_of(model) == before
    new = fast(learning_rate=HugeRates(0))
    with pytest.raises(ValueError, match="Training diverged"):
        new.fit(X, y)
    assert set(vars(new)) == set(new.get_params())


@pytest.mark.parametrize("error", [KeyError("from the callable"), KeyboardInterrupt()])
def test_errors_of_a_callable_are_passed_on(images, error):
    """An error leaves the state unchanged; an interrupt keeps the weights learned so far."""
    X, y = images

    def rate(step):
        if step == 7:
            raise error
        return 0.01

    model = fast().fit(X, y).set_params(learning_rate=rate)
    parameters = model.network_.parameters.copy()
    if isinstance(error, KeyError):
        with pytest.raises(KeyError, match="from the callable"):
            model.fit(X, y)
        assert_array_equal(model.network_.parameters, parameters)
        assert model.n_iter_ == 3
    else:
        with pytest.warns(UserWarning, match="interrupted in epoch 2 of 3"):
            model.fit(X, y)
        assert model.n_iter_ == 1


@pytest.mark.parametrize("standardize", [True, False])
def test_pixels_beyond_float32(images, standardize):
    """Pixels are accepted up to the limit at which the sums in the network would overflow."""
    X, y = images
    model = fast(standardize=standardize).fit(X, y)
    before = state_of(model)
    for factor in (1e30, 1e300):
        with pytest.raises(ValueError, match=r"X has pixels as large as .*; expected at most 1e"):
            model.fit(X * factor, y)
    assert state_of(model) == before
    if standardize:
        large = fast().fit(X * 1e25, y)
        assert_allclose(large.predict_proba(X * 1e25), model.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba", "transform"])
def test_invalid_images_to_predict(images, method):
    X, y = images
    with pytest.raises(NotFittedError, match="Call 'fit'"):
        getattr(fast(), method)(X)
    model = fast().fit(X, y)
    for some_X, message in (
        (X[:, :4], r"X has images of shape \(4, 8, 1\), but .* \(8, 8, 1\)"),
        (X.reshape(300, 16, 4), r"X has images of shape \(16, 4, 1\), but"),
        (X.reshape(300, 64)[:, :63], "X has 63 features, but ConvNetClassifier is expecting 64"),
        (X[:, 0, :5], "X has 5 features, but ConvNetClassifier is expecting 64"),
        (np.where(X > 3, X, np.nan), "Input X contains NaN"),
        (scipy.sparse.csr_array(X.reshape(300, 64)), "needs dense images, but X is a sparse"),
        (X + 1j, "Complex data not supported"),
        (X[:0], r"0 sample\(s\)"),
    ):
        with pytest.raises(ValueError, match=message):
            getattr(model, method)(some_X)
    with pytest.raises(ValueError, match="n_jobs is 0"):
        getattr(model.set_params(n_jobs=0), method)(X)
