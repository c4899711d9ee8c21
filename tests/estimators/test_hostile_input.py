"""Input of any kind: a sound result, or a clear error before anything has changed."""

import fractions
import pickle
import warnings

import numpy as np
import pytest
import scipy.sparse
from helpers.odd_values import (
    CLASSES,
    IMAGES,
    KINDS,
    NETWORKS,
    PARAMETERS,
    TARGETS,
    WEIGHTS,
    X,
    answers_of,
    attempt,
    check_sound,
    fitted,
    make,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

few = settings(max_examples=20)
SLOW_IF_LARGE = ("max_iter",)


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.mark.parametrize(
    ("kind", "params", "message"),
    [
        ("classifier", {"n_filters": np.array(0.5)}, r"n_filters is array\(0.5\)"),
        ("classifier", {"n_filters": {2, 3}}, "n_filters"),
        ("classifier", {"alpha": fractions.Fraction(1, 2)}, "'alpha' .* of type Fraction"),
        ("classifier", {"max_iter": 10**5000}, "'max_iter' .* is an int of 16,610 bits"),
        ("classifier", {"max_time": 10**400}, "'max_time' .* that float64 can hold"),
        ("classifier", {"filter_size": 2**62}, "filter_size=4611686018427387904.* weights"),
        ("classifier", {"hidden_layer_sizes": 2**62}, "n_units=4611686018427387904.* weights"),
        (
            "classifier",
            {"learning_rate": lambda step: 10**400},
            "learning_rate returned an int of 1,329 bits",
        ),
        ("patches", {"n_patches": 2**62}, "'n_patches' .* 4611686018427387904"),
        ("patches", {"contrast": 1e300}, r"'contrast' .* range \(0.0, 1.*e\+30\]. Got 1e\+300"),
        ("patches", {"whitening": 5e-324}, r"'whitening' .* range \[1e-30, .* Got 5e-324"),
        ("patches", {"n_jobs": 0}, "n_jobs is 0"),
        ("hog", {"n_jobs": 0}, "n_jobs is 0"),
        ("hog", {"pixels_per_cell": {2, 3}}, r"pixels_per_cell is \{2, 3\}; expected"),
        ("hog", {"cells_per_block": {2: 0, 3: 0}}, r"cells_per_block is \{2: 0, 3: 0\}; expected"),
        ("hog", {"image_shape": {4, 16}}, r"image_shape is \{.*\}; expected \(height, width\)"),
        ("classifier", {"image_shape": {8: 0, 4: 0}}, r"image_shape is \{8: 0, 4: 0\}; expected"),
        ("daisy", {"image_shape": {4, 16}}, r"image_shape is \{.*\}; expected"),
        ("hog", {"pixels_per_cell": np.array(2)}, r"pixels_per_cell is array\(2\)"),
        ("daisy", {"rings": 2**62}, "features of an image; expected at most"),
    ],
)
def test_parameters_that_no_constraint_names(kind, params, message):
    estimator = fitted(kind).set_params(**params)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, **KINDS[kind][2])
    if kind == "patches":  # also after the fit
        with pytest.raises(ValueError, match=message):
            estimator.transform(X)


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("classifier", "batch_size", np.uint8(4)),
        ("classifier", "batch_size", np.uint64(4)),
        ("classifier", "label_smoothing", np.float16(0.3)),
        ("autoencoder", "sparsity", np.float16(0.3)),
        ("patches", "n_patches", np.int8(9)),
        ("patches", "pool_regions", np.uint64(2)),
        ("daisy", "radius", np.uint8(2)),
        ("daisy", "step", np.uint64(2)),
    ],
)
def test_numbers_of_numpy_are_those_of_python(kind, name, value):
    results = []
    for given_value in (value, value.item()):
        estimator = make(kind, **{name: given_value}).fit(X, **KINDS[kind][2])
        results.append(answers_of(estimator)[-1])
    assert_array_equal(*results)


def test_many_threads_cost_nothing():
    one, many = make("classifier"), make("classifier", n_jobs=2**62)
    assert_array_equal(*(model.fit(X, CLASSES).network_.parameters for model in (one, many)))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.ma.masked_equal(X, 3), "X has [0-9]+ masked pixels.*X.filled"),
        (list(np.ma.masked_equal(X, 3)), "X has [0-9]+ masked pixels"),
        (X.astype("M8[s]"), r"X has dates, of dtype datetime64\[s\]"),
        (X.astype("m8[s]").reshape(9, -1), "X has durations"),
        (np.where(X[1, 2, 3] == X, "a", X.astype(object)), r"X\[.*\] is 'a', of type str"),
        (np.full(X.shape, 10**5000), r"X\[0, 0, 0\] is an int of 16,610 bits.* that float64"),
        (np.full(X.shape, 1e300), "X has (pixels as large as|values from) 1e"),
    ],
)
def test_images_that_are_refused(kind, images, message):
    """In a fit, for validation, and in a prediction; X_val is named."""
    estimator, targets = fitted(kind), KINDS[kind][2]
    for method in ("fit", "transform"):
        arguments = targets if method == "fit" else {}
        with pytest.raises(ValueError, match=message):
            getattr(estimator, method)(images, **arguments)
    if kind in NETWORKS:
        val = {"y_val": targets["y"]} if targets else {}
        with pytest.raises(ValueError, match="X_val"):
            estimator.fit(X, **targets, X_val=images, **val)


def test_memoryview_of_images(kind):
    estimator = fitted(kind)
    assert_array_equal(estimator.transform(memoryview(X)), estimator.transform(X))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ma.masked_equal(np.arange(9.0), 3), "sample_weight contains masked values: 1 of 9"),
        ([10**400] * 9, "integers that are too large"),
        ([[1], [1, 2]] * 4, "sequences, not all of the same length"),
        (scipy.sparse.eye_array(9), "it is a sparse dia_array"),
    ],
)
def test_weights_that_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        make("classifier").fit(X, CLASSES, sample_weight=weights)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([[1], [1, 2]] * 4, "y is a list of sequences of different lengths"),
        (np.full(9, np.longdouble("1e4000")), "y has values as large as inf"),
        (np.empty((9, 0)), r"y has shape \(9, 0\)"),
    ],
)
def test_numbers_that_are_refused(y, message):
    with pytest.raises(ValueError, match=message):
        make("regressor").fit(X, y)


@few
@given(data=st.data())
def test_parameters_of_any_value(kind, data):
    """Invalid ones are named, also those of an estimator that was fitted before."""
    names = sorted(make(kind).get_params(deep=False))
    name = data.draw(st.sampled_from(names))
    value = data.draw(PARAMETERS)
    if name in SLOW_IF_LARGE and isinstance(value, int) and value > 3:
        return
    estimator, targets = fitted(kind), KINDS[kind][2]
    estimator.set_params(**{name: value})
    if attempt(estimator, lambda: estimator.fit(X, **targets), f"{name}|weights|features|diverged"):
        check_sound(estimator)
        if (
            isinstance(value, np.number) and name != "max_time"
        ):  # gives what a number of Python gives
            same = make(kind, **{name: value.item()}).fit(X, **targets)
            assert_array_equal(answers_of(estimator)[-1], answers_of(same)[-1])


@few
@given(images=IMAGES)
def test_images_of_any_kind(kind, images):
    targets = KINDS[kind][2]
    estimator = fitted(kind)
    names = r"\bX\b|X_val|filter_size|array|[Dd]ata|sample|input|[Cc]omplex|block|radius"
    for method in ("predict", "transform"):
        if hasattr(estimator, method):
            run = getattr(estimator, method)
            if attempt(estimator, lambda run=run: run(images), names):
                assert np.isfinite(run(images)).all()
    calls = [lambda: estimator.fit(images, **targets)]
    if kind in NETWORKS:
        target = {"y_val": targets["y"]} if targets else {}
        calls.append(lambda: estimator.fit(X, **targets, X_val=images, **target))
        calls.append(lambda: estimator.partial_fit(images, **targets))
    for call in calls:
        if attempt(estimator, call, names):
            estimator = fitted(kind)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
@few
@given(y=TARGETS)
def test_targets_of_any_kind(kind, y):
    valid = KINDS[kind][2]
    new, estimator = make(kind), fitted(kind)
    if attempt(new, lambda: new.fit(X, y), r"\by\b|labels|target|[Cc]omplex|numeric"):
        check_sound(new)
    names = r"y_val|\by\b|labels|target|[Cc]omplex|numeric"
    attempt(estimator, lambda: estimator.fit(X, **valid, X_val=X, y_val=y), names)
    attempt(estimator, lambda: estimator.partial_fit(X, y), names)
    check_sound(estimator)
    if kind == "classifier":
        attempt(new := make(kind), lambda: new.partial_fit(X, CLASSES, classes=y), r"\by\b|class")


@pytest.mark.parametrize("kind", NETWORKS)
@few
@given(weights=WEIGHTS)
def test_weights_of_any_kind(kind, weights):
    targets = KINDS[kind][2]
    estimator = fitted(kind)
    val = {"X_val": X} | ({"y_val": targets["y"]} if targets else {})
    for call in (
        lambda: estimator.fit(X, **targets, sample_weight=weights),
        lambda: estimator.partial_fit(X, **targets, sample_weight=weights),
        lambda: estimator.fit(X, **targets, **val, sample_weight_val=weights),
    ):
        attempt(estimator, call, "sample_weight|diverged")
        check_sound(estimator)


class Life(RuleBasedStateMachine):
    """A classifier that is fitted, used, changed, copied, and called with invalid arguments."""

    def __init__(self):
        super().__init__()
        self.estimator, self.is_fitted = make("classifier", learning_rate="constant"), False

    def call(self, function):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            done = attempt(self.estimator, function, "")
        self.is_fitted |= done
        return done

    @rule(n=st.integers(1, 9), scale=st.sampled_from([1, 1e-20, 1e20]))
    def fit(self, n, scale):
        self.call(lambda: self.estimator.fit(X[:n] * scale, CLASSES[:n]))

    @rule(first=st.integers(0, 8), n=st.integers(0, 3), classes=st.sampled_from([None, [0, 1, 2]]))
    def partial_fit(self, first, n, classes):
        rows = slice(first, first + n)
        self.call(lambda: self.estimator.partial_fit(X[rows], CLASSES[rows], classes))

    @rule(images=IMAGES, y=TARGETS | st.just(CLASSES))
    def fit_anything(self, images, y):
        if self.call(lambda: self.estimator.fit(images, y)):
            self.estimator.set_params(warm_start=False).fit(X, CLASSES)

    @rule(warm_start=st.booleans(), early_stopping=st.booleans(), n_filters=st.integers(0, 2))
    def change(self, **params):
        self.estimator.set_params(**params)

    @rule(images=IMAGES)
    def predict_anything(self, images):
        done = attempt(self.estimator, lambda: self.estimator.predict_proba(images), "")
        assert self.is_fitted or not done

    @precondition(lambda self: not self.is_fitted)
    @rule(method=st.sampled_from(["predict", "transform", "score", "drop_optimizer_state"]))
    def call_too_early(self, method):
        arguments = {"predict": (X,), "transform": (X,), "score": (X, CLASSES)}.get(method, ())
        with pytest.raises(NotFittedError, match="not fitted"):
            getattr(self.estimator, method)(*arguments)

    @rule()
    def pickle(self):
        self.estimator = pickle.loads(pickle.dumps(self.estimator))

    @rule()
    def copy_unfitted(self):
        self.estimator, self.is_fitted = clone(self.estimator), False

    @invariant()
    def is_sound(self):
        if self.is_fitted:
            shape = self.estimator.image_shape_
            proba = self.estimator.predict_proba(np.zeros((2, *shape)))
            assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
            assert np.isfinite(self.estimator.network_.parameters).all()


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=15, stateful_step_count=12)
