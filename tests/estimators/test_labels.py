"""Labels: every type that is accepted or refused, and what the messages say.

Wherever labels are passed (fit, partial_fit, y_val, the displays, the studies), the same function
checks them.
"""

import datetime
import warnings

import numpy as np
import pytest
import scipy.sparse
from helpers.quick import fast
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.exceptions import DataConversionWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcnn._input.labels import check_labels, encode, find

pd = pytest.importorskip("pandas")

DIGITS = np.arange(60) % 3
TEXT = DIGITS.astype(str)
DATES = np.datetime64("2020-01-01") + DIGITS
ONE_HOT = np.eye(3)[DIGITS]
SOME_MISSING = np.where(DIGITS == 0, None, TEXT)

ACCEPTED = {
    "int": (DIGITS, [0, 1, 2]),
    "list of int": (DIGITS.tolist(), [0, 1, 2]),
    "uint64": (DIGITS.astype("u8") + 2**63, [2**63, 2**63 + 1, 2**63 + 2]),
    "float": (DIGITS.astype(float), [0.0, 1.0, 2.0]),
    "float16": (DIGITS.astype("f2"), [0.0, 1.0, 2.0]),
    "bool": (DIGITS > 0, [False, True]),
    "str": (TEXT, ["0", "1", "2"]),
    "list of str": (TEXT.tolist(), ["0", "1", "2"]),
    "str as objects": (TEXT.astype(object), ["0", "1", "2"]),
    "datetime64": (DATES, [datetime.date(2020, 1, day) for day in (1, 2, 3)]),
    "Series of str": (pd.Series(TEXT, index=range(60, 0, -1)), ["0", "1", "2"]),
    "Series of string": (pd.Series(TEXT, dtype="string"), ["0", "1", "2"]),
    "Series of category": (pd.Series(TEXT, dtype="category"), ["0", "1", "2"]),
    "Categorical of int": (pd.Categorical(DIGITS), [0, 1, 2]),
    "Series of Int64": (pd.Series(DIGITS, dtype="Int64"), [0, 1, 2]),
    "Series of boolean": (pd.Series(DIGITS > 0, dtype="boolean"), [False, True]),
    "Index": (pd.Index(TEXT), ["0", "1", "2"]),
}
REFUSED = {
    "probabilities": (np.full((60, 3), 1 / 3), r"probabilities.* Use y.argmax\(axis=1\)"),
    "several outputs": (np.stack([TEXT, TEXT], 1), "indicator matrix .*MultiOutputClassifier"),
    "two and zero": (2 * ONE_HOT, "indicator matrix of the numbers 0 and 1"),
    "tuples": ([(0, 1), (2, 3)] * 30, r"y has shape \(60, 2\); expected one label"),
    "two columns of words": (np.full((60, 2), "a"), r"y has shape \(60, 2\); expected one label"),
    "a row": (DIGITS[None], r"y has shape \(1, 60\); expected .* \(60,\). Pass np.ravel\(y\)"),
    "three axes": (DIGITS[:, None, None], r"shape \(60, 1, 1\); expected .* Pass np.ravel\(y\)"),
    "images": (np.zeros((60, 8, 8)), r"shape \(60, 8, 8\); .* Check whether y holds images"),
    "ragged": ([[1], [2, 3]] * 30, "a list of sequences of different lengths; expected one label"),
    "one label": ("three", "y is 'three', of type str; expected an array of labels"),
    "dict": ({0: 1}, r"y is \{0: 1\}, of type dict; expected an array of labels"),
    "too few": (DIGITS[:-1], "X has 60 images, but y has 59 labels; expected one label for each"),
    "too many": (np.tile(DIGITS, 2), "X has 60 images, but y has 120 labels"),
    "None": (SOME_MISSING, "y contains None: 20 of 60 labels are missing; expected a label"),
    "None in a list": (SOME_MISSING.tolist(), r"None: 20 of 60 .* images out, or label them\.$"),
    "NaN": (np.where(DIGITS == 0, np.nan, DIGITS), "y contains NaN: 20 of 60 labels are missing"),
    "NaN among str": ([np.nan, "a", "b"] * 20, "y contains NaN: 20 of 60 labels are missing"),
    "NaT": (np.where(DIGITS == 0, np.datetime64("NaT"), DATES), "y contains NaT: 20 of 60"),
    "NA": (pd.Series(SOME_MISSING, dtype="string"), "y contains NA: 20 of 60"),
    "NA among Int64": (pd.Series([0, 1, None] * 20, dtype="Int64"), "y contains NaN: 20 of 60"),
    "NaN in categories": (pd.Series(SOME_MISSING, dtype="category"), "y contains NaN: 20 of 60"),
    "masked": (np.ma.masked_equal(DIGITS, 1), "y contains masked values: 20 of 60"),
    "infinity": (np.where(DIGITS == 0, np.inf, DIGITS), "y contains infinity; expected class"),
    "int and str": (
        [0, "a", "b"] * 20,
        r"mixes types, such as 0 \(int\) and 'b' \(str\); expected",
    ),
    "int and str as objects": (np.array([0, "a", "b"] * 20, dtype=object), "y mixes types"),
    "bool and int": (np.array([True, 2, 3] * 20, dtype=object), "y mixes types, such as True"),
    "str and bytes": (["a", b"b", "c"] * 20, "y mixes types"),
    "fractions": (DIGITS + 0.5, "Unknown label type: continuous. y has values such as 0.5"),
    "large fractions": (DIGITS + 1000000.5, r"continuous. y has values such as 1000000.5;"),
    "continuous": (np.linspace(0, 1, 60), "continuous.*expected class labels.*np.digitize"),
    "bytes": (TEXT.astype("S"), r"such as b'0' \(bytes\); .* \[label.decode\(\) for label in y\]"),
    "StringDType": (TEXT.astype(np.dtypes.StringDType()), r"StringDType.* y.astype\(object\)"),
    "int as objects": (DIGITS.astype(object), r"Unknown label type: object.*, dtype=int\)"),
    "large int as objects": ([2**64 + i for i in (0, 1, 2)] * 20, r"object.*\[str\(label\) for"),
    "2**63 as an object": (np.array([0, 1, 2**63] * 20, dtype=object), r"object.*\[str\(label\)"),
    "bool as objects": ((DIGITS > 0).astype(object), r"Unknown label type.*, dtype=bool\)"),
    "dates as objects": ([datetime.date(2020, 1, 1)] * 60, r"Unknown label type: object.*\[str\("),
    "sets": ([{1}, {2}] * 30, r"Unknown label type: object. y has labels such as \{1\} \(set\)"),
    "complex": (DIGITS + 1j, "Unknown label type: complex128"),
    "intervals": (pd.cut(pd.Series(DIGITS.astype(float)), 3), "Unknown label type.*Interval"),
}


@pytest.fixture(scope="module")
def X(images):
    return images[0][:60]


def small(**changes):
    return fast(n_filters=2, max_iter=1, n_jobs=1, **changes)


@pytest.mark.parametrize("labels", ACCEPTED)
def test_accepted_labels(X, labels):
    y, classes = ACCEPTED[labels]
    model = small().fit(X, y)
    assert model.classes_.tolist() == classes
    assert type(model.classes_.tolist()[0]) is type(classes[0])
    assert np.isin(model.predict(X), model.classes_).all()
    assert model.score(X, y) == np.mean(model.predict(X) == np.asarray(y))
    as_numbers = small().fit(X, DIGITS if len(classes) == 3 else DIGITS > 0)
    assert_array_equal(model.network_.parameters, as_numbers.network_.parameters)


@pytest.mark.parametrize("labels", REFUSED)
def test_refused_labels(X, labels):
    y, message = REFUSED[labels]
    new = small()
    with pytest.raises(ValueError, match=message):
        new.fit(X, y)
    with pytest.raises(NotFittedError):
        new.predict(X)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (
            ONE_HOT,
            r"y_val has shape \(60, 3\) and a single 1 in each row .* y_val.argmax\(axis=1\)",
        ),
        (ONE_HOT.tolist(), r"one-hot.* Use np.argmax\(y_val, axis=1\)"),
        (pd.get_dummies(pd.Series(TEXT)), r"one-hot.* Use y_val.idxmax\(axis=1\)"),
        (scipy.sparse.csr_array(ONE_HOT), r"a sparse csr_array.*argmax\(axis=1\)"),
    ],
)
def test_one_hot_validation_labels_beside_labels(X, y, message):
    with pytest.raises(ValueError, match=message):
        small().fit(X, DIGITS, X_val=X, y_val=y)


@pytest.mark.parametrize("labels", ["a row", "None in a list", "NA", "bytes", "fractions"])
def test_refused_labels_have_the_name_of_the_argument(X, labels):
    y = REFUSED[labels][0]
    with pytest.raises(ValueError, match=r"\by_val (has|contains)"):
        small().fit(X, DIGITS, X_val=X, y_val=y)
    with pytest.raises(ValueError, match=r"\bclasses (has|contains)"):
        small().partial_fit(X, DIGITS, classes=y)


def test_one_classifier_for_each_column_of_labels(X):
    """As the message for labels with several columns recommends."""
    y = np.stack([DIGITS > 0, DIGITS > 1], axis=1).astype(int)
    assert MultiOutputClassifier(small()).fit(X, y).predict(X).shape == (60, 2)


@pytest.mark.parametrize(
    "column",
    [
        DIGITS[:, None],
        TEXT[:, None].tolist(),
        pd.DataFrame({"y": pd.array(DIGITS, "Int64")}),
        pd.DataFrame({"y": pd.Categorical(DIGITS)}),
    ],
)
def test_a_column_of_labels_is_flattened_with_one_warning(X, column):
    """In the caller's line, also through a pipeline."""
    flat = np.ravel(column).tolist()
    expected = small().fit(X, flat).network_.parameters
    pipeline = make_pipeline(FunctionTransformer(), small())
    for fit in (
        lambda: small().fit(X, column),
        lambda: small().partial_fit(X, column, classes=flat),
        lambda: pipeline.fit(X, column)[-1],
    ):
        with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
            fitted = fit()
        assert [warning.filename for warning in caught] == [__file__]
        assert fitted.classes_.tolist() == sorted(set(flat))
    with pytest.warns(DataConversionWarning, match="A column-vector y_val was passed") as caught:
        watched = small().fit(X, flat, X_val=X, y_val=column)
    assert [warning.filename for warning in caught] == [__file__]
    assert_array_equal(watched.network_.parameters, expected)
    assert watched.validation_scores_ == [watched.score(X, flat)]


def test_a_column_of_labels_is_an_error_if_warnings_are(X):
    """Before anything has changed."""
    model = small().fit(X, DIGITS)
    parameters = model.network_.parameters.copy()
    with pytest.raises(DataConversionWarning):
        model.set_params(random_state=1).fit(X, DIGITS[:, None])
    assert_array_equal(model.network_.parameters, parameters)


@pytest.mark.parametrize(
    ("y", "y_val", "remedy"),
    [
        (
            DIGITS,
            TEXT,
            r"labels are str and the classes are int: .*np.asarray\(y_val\).astype\(int",
        ),
        (
            TEXT,
            DIGITS,
            r"labels are int and the classes are str: .*np.asarray\(y_val\).astype\(str",
        ),
        (TEXT.astype(object), DIGITS, r"np.asarray\(y_val\).astype\(str\)"),
        (DATES, TEXT, r"labels are str and the classes are datetime64: .*astype\('datetime64'\)"),
        (DIGITS, DIGITS + 1, r"\[3\]; expected .* classes \[0, 1, 2\]. Correct the"),
    ],
)
def test_validation_labels_that_are_no_classes(X, y, y_val, remedy):
    with pytest.raises(ValueError, match=rf"y_val has the labels .*{remedy}"):
        small().fit(X, y, X_val=X, y_val=y_val)
    with pytest.raises(ValueError, match=rf"y has the labels .*{remedy.replace('y_val', 'y')}"):
        small().partial_fit(X, y, classes=y).partial_fit(X, y_val)


@pytest.mark.parametrize(
    ("y", "y_val"),
    [
        (DIGITS, DIGITS.astype(float)),
        (DIGITS.astype("u1"), pd.Series(DIGITS, dtype="Int64")),
        (DIGITS > 0, (DIGITS > 0).astype(int)),
        (TEXT, TEXT.astype(object)),
        (TEXT.astype(object), TEXT.tolist()),
        (TEXT, pd.Series(TEXT, dtype="category")),
        (DATES, DATES.astype("datetime64[ns]")),
        (DIGITS + 2**60, (DIGITS + 2**60).astype("u8")),  # equal as floats
    ],
)
def test_equal_labels_of_different_types(X, y, y_val):
    watched = small().fit(X, y, X_val=X, y_val=y_val)
    assert watched.validation_scores_ == [watched.score(X, y)]


@settings(max_examples=30)
@given(st.data())
def test_encode_finds_each_label(data):
    alphabets = [st.integers(-(2**63), 2**63 - 1), st.text("ab01", max_size=3), st.booleans()]
    labels = data.draw(st.sampled_from(alphabets))
    classes = data.draw(st.lists(labels, min_size=1, max_size=8, unique=True))
    y = data.draw(st.lists(st.sampled_from(classes), min_size=1))
    indices = encode(check_labels(y), check_labels(classes), "y")
    assert [classes[index] for index in indices] == y
    others = data.draw(st.lists(labels, min_size=1, unique=True))
    expected = [classes.index(other) if other in classes else -1 for other in others]
    assert find(check_labels(others), check_labels(classes)).tolist() == expected


def test_many_classes_are_listed_in_part(X):
    y_val = np.where(DIGITS == 1, 100, DIGITS)
    with pytest.raises(ValueError, match=r"classes \[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.\]"):
        small().fit(X, np.arange(60) % 20, X_val=X, y_val=y_val)


def test_labels_that_look_like_numbers_of_the_images(X):
    """A warning of fit, as in scikit-learn; a chunk or a few validation images may have many."""
    y = np.arange(60) % 31
    with pytest.warns(UserWarning, match="31 different labels for 60 images") as caught:
        small().fit(X, y)
    assert [warning.filename for warning in caught] == [__file__]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        small().fit(X, DIGITS, X_val=X[:30], y_val=DIGITS[:30]).partial_fit(X[:30], DIGITS[:30])
        small().partial_fit(X[:30], y[:30], classes=range(31))


def test_text_labels_in_searches(X):
    """Labels of dtype object come out of a search and a cross-validation as they went in."""
    y = pd.Series(TEXT)
    search = GridSearchCV(small(), {"class_weight": [None, {"0": 2.0}]}, cv=2).fit(X, y)
    assert np.isin(search.predict(X), ["0", "1", "2"]).all()
    assert np.isfinite(cross_val_score(small(class_weight={"1": 2.0}), X, y, cv=2)).all()
