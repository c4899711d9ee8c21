"""Small estimators, and strategies for what users may pass to them by mistake."""

import datetime
import decimal
import fractions
import functools
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import scipy.sparse
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)

SHAPE = (9, 4, 5)
X = np.random.default_rng(0).integers(0, 9, SHAPE).astype(np.float64)
CLASSES = np.arange(9) % 3
NUMBERS = np.linspace(-1, 1, 9)

CODER = {"n_filters": 2, "normalization": None, "solver": "adam", "max_iter": 1}
CODER |= {"random_state": 0, "n_jobs": 1}
NETWORK = CODER | {"hidden_layer_sizes": (), "dropout": 0.0}
PATCHES = {"n_filters": 2, "n_patches": 9, "filter_size": 2, "method": "random"}
PATCHES |= {"random_state": 0, "n_jobs": 1}
# Class, parameters that make it quick, and targets.
KINDS = {
    "classifier": (ConvNetClassifier, NETWORK, {"y": CLASSES}),
    "regressor": (ConvNetRegressor, NETWORK, {"y": NUMBERS}),
    "autoencoder": (ConvAutoencoder, CODER, {}),
    "patches": (PatchFeatures, PATCHES, {}),
    "hog": (HOGTransformer, {"n_jobs": 1}, {}),
    "daisy": (DaisyTransformer, {"n_jobs": 1}, {}),
}
NETWORKS = ("classifier", "regressor", "autoencoder")

# What the messages of NumPy and Python say about their own operations.
INTERNAL = re.compile(
    "broadcast|unhashable|unsupported operand|setting an array element|not subscriptable|"
    "has no attribute|not supported between|has no len|truth value|ufunc|out of bounds|"
    "int too large|too large to convert|Maximum allowed|common DType|0-d array|an integer is"
)


def make(kind, **changes):
    """An estimator of this kind that is fitted quickly."""
    cls, params, _ = KINDS[kind]
    return cls(**(params | changes))


@functools.cache
def _fitted(kind):
    return pickle.dumps(make(kind).fit(X, **KINDS[kind][2]))


def fitted(kind):
    """A copy of a fitted estimator of this kind."""
    return pickle.loads(_fitted(kind))


def state_of(estimator):
    """A hash of all attributes."""
    return joblib.hash(vars(estimator))


def answers_of(estimator):
    """What the estimator computes for X."""
    names = ("predict", "predict_proba", "transform")
    return [getattr(estimator, name)(X) for name in names if hasattr(estimator, name)]


def attempt(estimator, call, names):
    """Whether `call` succeeds; if not, its error is clear and it has changed nothing.

    `names` is a regular expression, which finds in the message what is at fault.
    """
    before = state_of(estimator)
    try:
        call()
    except (ValueError, TypeError) as error:
        message = str(error)
        assert len(message) > 20, message
        assert not INTERNAL.search(message), message
        assert re.search(names, message), message
        assert state_of(estimator) == before, f"changed by a call that failed: {message}"
        return False
    return True


def check_sound(estimator):
    """A fitted estimator has finite answers, one for each image."""
    for answer in answers_of(estimator):
        assert len(answer) == len(X)
        assert answer.dtype.kind not in "fc" or np.isfinite(answer).all()


# Sizes are small or absurd: those between would be slow, and are valid.
INTEGERS = st.integers(-3, 3) | st.sampled_from([2**62, 2**63, 2**70, 10**400, -(2**70)])
FLOATS = st.floats(0, 1) | st.floats() | st.sampled_from([1e30, 1e300, 5e-324])
SCALARS = st.sampled_from(
    [
        *(np.int8(3), np.uint8(1), np.uint8(3), np.uint64(2), np.int64(-1), np.bool_(True)),
        *(np.float16(0.3), np.float32(0.3), np.float64(0.3), np.longdouble(0.3)),
    ]
)
OTHERS = st.sampled_from(
    [
        *(None, True, False, "auto", "", "two", b"auto", 1j, np.nan, ..., int, "flip", "balanced"),
        *(fractions.Fraction(1, 2), decimal.Decimal("0.5"), datetime.date(2020, 1, 1)),
        *(np.datetime64("2020"), np.timedelta64(1, "s"), pd.NA, pd.NaT, pd.Timestamp(2020, 1, 1)),
    ]
)
VALUES = INTEGERS | FLOATS | SCALARS | OTHERS
SEQUENCES = st.lists(VALUES, max_size=3)
DICTS = st.dictionaries(st.sampled_from([0, 1, "a", None]), VALUES, max_size=2)
ANY = st.one_of(VALUES, SEQUENCES, SEQUENCES.map(tuple), DICTS, st.lists(SEQUENCES, max_size=2))
PARAMETERS = st.one_of(
    ANY,
    st.integers(1, 3).map(np.array),
    st.floats(0, 1).map(np.array),
    st.sampled_from([np.int64, np.uint8, np.float64, object]).map(lambda t: np.full(2, 2, t)),
    st.sampled_from([range(1, 3), pd.Series([2]), frozenset([2])]),
    st.builds(scipy.sparse.eye_array, st.just(2)),
)

DTYPES = st.sampled_from(
    [
        *("?", "i1", ">i2", "u4", "u8", "f2", "f4", ">f4", "f8", ">f8", "g", "c8", "c16"),
        *("M8[s]", "M8[D]", "m8[ns]", "U3", "S2", "V4", "O"),
    ]
).map(np.dtype)
SHAPES = st.one_of(
    st.sampled_from([SHAPE, (9, 20), (9, 4, 5, 1), (1, 4, 5), (4, 5), (9, 5, 4), (9, 4, 5, 3)]),
    npst.array_shapes(min_dims=0, max_dims=5, min_side=0, max_side=5),
)
LARGE = st.floats(-330, 308).map(lambda exponent: 10.0**exponent)


def counting(dtype, shape):
    """An array of this dtype that has the values 0 to 3."""
    codes = np.arange(np.prod(shape, dtype=int)).reshape(shape) % 4
    return codes.astype("i4").view(dtype) if dtype.kind == "V" else codes.astype(dtype)


ARRAYS = st.builds(counting, DTYPES, SHAPES)


@st.composite
def spoiled(draw, array, values=ANY):
    """The array as objects, some of which are replaced."""
    result = array.astype(object)
    for place in draw(st.lists(st.integers(0, array.size - 1), max_size=2)):
        result[np.unravel_index(place, array.shape)] = draw(values)
    return result


def masked(array, place):
    """The array with one masked element, if it has so many."""
    mask = np.zeros(array.shape, bool)
    mask.flat[place : place + 1] = True
    return np.ma.array(array, mask=mask)


FRAME_TYPES = ["float32", "Int64", "Float32", "object", "str", "category", "datetime64[s]"]


@st.composite
def frames(draw):
    """Tables of pixels of several types, with missing values, or with a column of anything."""
    frame = pd.DataFrame(X.reshape(len(X), -1)).astype(draw(st.sampled_from(FRAME_TYPES)))
    if draw(st.booleans()):
        frame = frame.mask(np.indices(frame.shape)[0] == draw(st.integers(0, 9)))
    if draw(st.booleans()):
        column = draw(st.lists(VALUES, min_size=9, max_size=9))
        frame[draw(st.sampled_from([0, "new"]))] = pd.Series(column, dtype=object)
    return frame


IMAGES = st.one_of(
    ARRAYS,
    spoiled(X),
    spoiled(X.reshape(9, -1)),
    frames(),
    st.builds(masked, st.just(X), st.integers(0, 200)),
    st.lists(ARRAYS | st.just(X[0]), max_size=4),
    ANY,
    LARGE.map(lambda factor: X / 8 * factor),
    LARGE.map(lambda factor: X * (np.arange(5) == 2) * factor),
    st.builds(memoryview, st.just(X)),
    st.builds(lambda: (image for image in X)),
    st.builds(lambda: scipy.sparse.csr_array(X[:, 0])),
    st.builds(lambda: [scipy.sparse.csr_array(image) for image in X]),
    st.builds(lambda: pd.Series([*X[:-1], None])),
    st.builds(lambda: np.full(SHAPE, np.finfo(np.longdouble).max)),
)
ROWS = st.sampled_from([(9,), (8,), (9, 1), (9, 2), (1, 9), (9, 0), (0,), (9, 2, 2), ()])
TARGETS = st.one_of(
    st.builds(counting, DTYPES, ROWS),
    spoiled(CLASSES, VALUES),
    spoiled(CLASSES).map(list),
    spoiled(CLASSES.astype(str)).map(list),
    st.lists(ANY, min_size=9, max_size=9),
    ANY,
    st.builds(masked, st.just(CLASSES), st.integers(0, 20)),
    st.builds(
        lambda kind, place: pd.Series(CLASSES).astype(kind).mask(np.arange(9) == place),
        st.sampled_from(["Int64", "Float64", "string", "category"]),
        st.integers(7, 10),
    ),
    st.builds(lambda: pd.Categorical(CLASSES, categories=range(9))),
    st.builds(lambda: scipy.sparse.eye_array(9)),
    LARGE.map(lambda factor: NUMBERS * factor),
)
WEIGHTS = st.one_of(
    st.builds(counting, DTYPES, ROWS),
    spoiled(np.ones(9)),
    spoiled(np.ones(9)).map(list),
    LARGE.map(lambda factor: np.arange(9) / 8 * factor),
    st.builds(masked, st.just(NUMBERS + 1), st.integers(0, 20)),
    ANY,
    st.builds(lambda: scipy.sparse.eye_array(9)),
)
