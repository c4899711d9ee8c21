"""Frames and Series of pandas and of polars, as X, y and weights, and as what `transform` returns.

They give the same networks as arrays of the same values. `test_feature_names.py` tests the names of
columns, `test_labels.py` labels in Series of pandas.
"""

import numpy as np
import pytest
from helpers.quick import FAST, fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcnn import (
    ConvAutoencoder,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)

pd = pytest.importorskip("pandas")
NAMES = [f"pixel{i}" for i in range(64)]
LABELS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
TRANSFORMERS = {
    "classifier": lambda: fast(max_iter=1),
    "regressor": lambda: ConvNetRegressor(**(FAST | {"max_iter": 1})),
    "autoencoder": lambda: ConvAutoencoder(n_filters=3, max_iter=1, random_state=0),
    "patches": lambda: PatchFeatures(n_filters=5, n_patches=100, random_state=0),
    "hog": HOGTransformer,
    "daisy": lambda: DaisyTransformer(histograms=2, orientations=3),
}


class Pandas:
    """What the tests need of pandas; rows have an index that is not 0, 1, 2, ..."""

    name = "pandas"

    def frame(self, values, columns=NAMES):
        return pd.DataFrame(values, columns=columns, index=_index(values))

    def series(self, values):
        return pd.Series(list(values), index=_index(values))


class Polars:
    """The same of polars."""

    name = "polars"

    def __init__(self):
        self.pl = pytest.importorskip("polars", reason="needs polars")

    def frame(self, values, columns=NAMES):
        return self.pl.DataFrame(values, schema=columns, orient="row")

    def series(self, values):
        return self.pl.Series(values=values)


def _index(values):
    return np.arange(500, 500 + len(values))[::-1]


@pytest.fixture(scope="module", params=[Pandas, Polars], ids=lambda kind: kind.name)
def library(request):
    return request.param()


@pytest.fixture(scope="module")
def table(images):
    """100 images as rows of pixels, and their labels."""
    return images[0][:100].reshape(100, 64), images[1][:100]


@pytest.fixture(scope="module")
def words(table):
    """The labels as words."""
    return np.array(LABELS)[table[1]]


def small(**changes):
    return fast(n_filters=2, max_iter=1, n_jobs=1, **changes)


def assert_same_network(found, expected):
    assert_array_equal(found.network_.parameters, expected.network_.parameters)


# --- what transform returns -----------------------------------------------------------------------


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_set_output(table, library, name):
    X, y = table
    frame = library.frame(X)
    transformer = TRANSFORMERS[name]().set_output(transform=library.name)
    for found in (transformer.fit_transform(frame, y), transformer.transform(frame)):
        assert type(found).__module__.startswith(library.name)
        assert list(found.columns) == transformer.get_feature_names_out().tolist()
        assert_array_equal(found.to_numpy(), TRANSFORMERS[name]().fit(X, y).transform(X))
        assert found.to_numpy().dtype == np.float32
        if library.name == "pandas":
            assert_array_equal(found.index, frame.index)
    assert transformer.feature_names_in_.tolist() == NAMES
    with pytest.raises(ValueError, match="feature names should match"):
        transformer.transform(frame[NAMES[::-1]])
    images = X.reshape(100, 8, 8)
    of_images = transformer.fit_transform(images, y)  # which have no names and no index
    assert_array_equal(of_images.to_numpy(), found.to_numpy())
    default = transformer.set_output(transform="default").transform(images)
    assert type(default) is np.ndarray


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_set_output_of_a_pipeline(table, library, name):
    X, y = table
    model = make_pipeline(StandardScaler(), TRANSFORMERS[name](), LogisticRegression(max_iter=3000))
    model.set_output(transform=library.name).fit(library.frame(X), y)
    names = model[1].get_feature_names_out().tolist()
    assert model[1].feature_names_in_.tolist() == NAMES
    assert model[-1].feature_names_in_.tolist() == names
    features = model[:-1].transform(library.frame(X))
    assert list(features.columns) == names
    assert model.predict(library.frame(X)).shape == (100,)


def test_codes_in_a_frame_become_images(table, library):
    frame = library.frame(table[0])
    model = TRANSFORMERS["autoencoder"]().set_output(transform=library.name).fit(frame)
    images = model.inverse_transform(model.transform(frame))
    expected = TRANSFORMERS["autoencoder"]().fit(table[0])
    assert_array_equal(images, expected.inverse_transform(expected.transform(table[0])))


# --- X --------------------------------------------------------------------------------------------


def test_frames_of_pixels(table, library):
    X, y = table
    frame = library.frame(X)
    expected = small().fit(X, y)
    model = small().fit(frame, y, X_val=frame, y_val=y)
    assert_same_network(model, expected)
    assert model.feature_names_in_.tolist() == NAMES
    assert_array_equal(model.predict_proba(frame), expected.predict_proba(X))
    assert_array_equal(model.predict(frame), expected.predict(X))
    assert model.validation_scores_ == [expected.score(X, y)]
    with pytest.raises(ValueError, match="X_val: The feature names should match"):
        small().fit(frame, y, X_val=frame[NAMES[::-1]], y_val=y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[NAMES[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(frame[NAMES[::-1]], y)
    assert_same_network(model.partial_fit(frame, y), expected.partial_fit(X, y))


NULLABLE = {
    "UInt8": ("UInt8", None),
    "Float32": ("Float32", None),
    "uint8[pyarrow]": ("uint8[pyarrow]", "pyarrow"),
    "double[pyarrow]": ("double[pyarrow]", "pyarrow"),
    "mixed": ({"pixel0": "Float64", "pixel1": "int64", "pixel2": "float32"}, None),
    "category": ("category", None),
}


@pytest.mark.parametrize("dtype", NULLABLE)
def test_dtypes_of_pandas(table, dtype):
    X, y = table
    setting, package = NULLABLE[dtype]
    if package:
        pytest.importorskip(package, reason=f"needs {package}")
    frame = Pandas().frame(X).astype(setting)
    model = small().fit(frame, y)
    expected = small().fit(X, y)
    assert_allclose(model.predict_proba(frame), expected.predict_proba(X), atol=1e-5)
    if dtype in ("UInt8", "uint8[pyarrow]"):
        frame.iloc[3, 4] = None
        with pytest.raises(ValueError, match="Input X contains NaN"):
            small().fit(frame, y)


def test_series_of_images(table, library):
    X, y = table
    series = library.series(X.reshape(100, 8, 8))
    model = small().fit(series, y)
    assert_same_network(model, small().fit(X, y))
    assert model.image_shape_ == (8, 8, 1)
    assert_array_equal(model.predict(series), small().fit(X, y).predict(X))
    hog = HOGTransformer().set_output(transform=library.name).fit_transform(series)
    assert_array_equal(hog.to_numpy(), HOGTransformer().transform(X))


def test_lists_in_columns_of_polars_and_arrow(table):
    """As read from Parquet files."""
    pl, pa = (pytest.importorskip(name, reason=f"needs {name}") for name in ("polars", "pyarrow"))
    X, y = table
    expected = small().fit(X, y).predict_proba(X)
    nested = X.reshape(100, 8, 8).tolist()
    arrow = pd.arrays.ArrowExtensionArray(pa.array(nested))
    for form in (
        pl.Series(values=nested),
        pl.Series(values=X.tolist()),
        pl.DataFrame({"image": nested}),
        pl.DataFrame({"image": pl.Series(values=X.reshape(100, 8, 8))}),
        pd.Series(arrow),
        pd.DataFrame({"image": arrow}),
        pa.chunked_array([pa.array(nested)]),
    ):
        assert_allclose(small().fit(form, y).predict_proba(form), expected, atol=1e-5)


# --- y and weights --------------------------------------------------------------------------------


def _dictionary(values):
    import pyarrow as pa

    return pd.Series(pd.arrays.ArrowExtensionArray(pa.array(list(values)).dictionary_encode()))


WORDS = {
    "str": (lambda y: pd.Series(y, dtype="str"), None),
    "string[pyarrow]": (lambda y: pd.Series(y, dtype="string[pyarrow]"), "pyarrow"),
    "dictionary": (_dictionary, "pyarrow"),
    "polars": (lambda y: pytest.importorskip("polars").Series(y), "polars"),
    "polars categorical": (lambda y: _polars(y, "Categorical"), "polars"),
    "polars enum": (lambda y: _polars(y, "Enum"), "polars"),
}


def _polars(values, kind):
    import polars as pl

    dtype = pl.Enum(LABELS) if kind == "Enum" else pl.Categorical
    return pl.Series(list(values), dtype=dtype)


@pytest.mark.parametrize("kind", WORDS)
def test_labels(table, words, kind):
    convert, package = WORDS[kind]
    if package:
        pytest.importorskip(package, reason=f"needs {package}")
    X, y = table[0], convert(words)
    model = small().fit(X, y, X_val=X, y_val=y)
    expected = small().fit(X, words)
    assert_same_network(model, expected)
    assert model.classes_.tolist() == sorted(LABELS)
    assert model.score(X, y) == model.validation_scores_[0] == expected.score(X, words)
    classes = convert(sorted(LABELS))
    assert_same_network(
        small().partial_fit(X, y, classes), small().partial_fit(X, words, sorted(LABELS))
    )


NUMBERS = {
    "Int64": (lambda y: pd.Series(y, dtype="Int64"), None),
    "int64[pyarrow]": (lambda y: pd.Series(y, dtype="int64[pyarrow]"), "pyarrow"),
    "double[pyarrow]": (lambda y: pd.Series(y, dtype="double[pyarrow]"), "pyarrow"),
    "pyarrow": (lambda y: pytest.importorskip("pyarrow").array(y), "pyarrow"),
    "polars": (lambda y: pytest.importorskip("polars").Series(y), "polars"),
    "polars float": (lambda y: pytest.importorskip("polars").Series(y).cast(float), "polars"),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers(table, kind):
    """As labels, as targets and as weights."""
    convert, package = NUMBERS[kind]
    if package:
        pytest.importorskip(package, reason=f"needs {package}")
    X, y = table
    assert_same_network(small().fit(X, convert(y)), small().fit(X, y))
    assert small().fit(X, y).score(X, convert(y)) == small().fit(X, y).score(X, y)
    regressor = TRANSFORMERS["regressor"]
    assert_same_network(regressor().fit(X, convert(y)), regressor().fit(X, y))
    weighted = small().fit(X, y, sample_weight=convert(y))
    assert_same_network(weighted, small().fit(X, y, sample_weight=y))
    autoencoder = TRANSFORMERS["autoencoder"]
    assert_same_network(
        autoencoder().fit(X, sample_weight=convert(y)), autoencoder().fit(X, sample_weight=y)
    )


def test_missing_values(table, words, library):
    X, y = table
    some = library.series([None, *words[1:].tolist()])
    with pytest.raises(ValueError, match=r"Input y contains N.*: 1 of 100 labels are missing"):
        small().fit(X, some)
    some = library.series([None, *y[1:].tolist()])
    with pytest.raises(ValueError, match="Input y contains NaN: 1 of 100 labels are missing"):
        small().fit(X, some)
    with pytest.raises(ValueError, match="Input y contains NaN"):
        TRANSFORMERS["regressor"]().fit(X, some)
    with pytest.raises(ValueError, match="sample_weight contains NaN; expected finite"):
        small().fit(X, y, sample_weight=some)


def test_several_targets_and_labels(table, library):
    X, y = table
    several = np.stack([y > 4, y % 2], axis=1).astype(int)
    frame = library.frame(several, ["large", "odd"])
    assert_same_network(small().fit(X, frame), small().fit(X, several))
    regressor = TRANSFORMERS["regressor"]
    assert_same_network(regressor().fit(X, frame), regressor().fit(X, several))


def test_cross_validation_of_frames(table, words, library):
    X, folds = table[0], StratifiedKFold(2)
    model, y = make_pipeline(StandardScaler(), small()), library.series(words)
    options = {"cv": folds, "method": "predict_proba"}
    expected = cross_val_predict(model, X, words, **options)
    assert_array_equal(cross_val_predict(model, library.frame(X), y, **options), expected)
    images = library.series(X.reshape(100, 8, 8))
    expected = cross_val_predict(small(), X, words, **options)
    assert_array_equal(cross_val_predict(small(), images, y, **options), expected)
