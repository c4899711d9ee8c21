"""`MisclassifiedDisplay`: labels that cannot be compared, and columns of labels."""

import warnings

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from skcnn.displays import MisclassifiedDisplay, OcclusionDisplay  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows(digits):
    return digits[0][:300].reshape(300, 64)


@pytest.fixture(scope="module")
def y(digits):
    return digits[1][:300]


def classifier(rows, y, pipeline=False):
    nearest = KNeighborsClassifier(1)
    if pipeline:
        nearest = GridSearchCV(make_pipeline(MinMaxScaler(), nearest), {}, cv=2)
    return nearest.fit(rows[:200], y[:200])


@pytest.mark.parametrize("pipeline", [False, True])
@pytest.mark.parametrize(
    ("fitted", "given", "found"),
    [
        (str, int, r"labels \[0, 1, .*\] \(int\); expected .* \['0', '1', .*\] \(str\)"),
        (int, str, r"labels \['0', '1', .*\] \(str\); expected .* \[0, 1, .*\] \(int\)"),
        (object, int, r"labels \[0, 1, .*\] \(int\); expected .*\(str\)"),
    ],
)
def test_labels_of_another_type_are_refused(rows, y, pipeline, fitted, given, found):
    labels = y.astype(str).astype(object) if fitted is object else y.astype(fitted)
    model = classifier(rows, labels, pipeline)
    with pytest.raises(ValueError, match=found):
        MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:].astype(given))
    predicted = model.predict(rows[200:])
    with pytest.raises(ValueError, match=r"y_true has .* and y_pred .* labels of the same type"):
        MisclassifiedDisplay.from_predictions(rows[200:], y[200:].astype(given), predicted)


def test_labels_without_a_common_one(rows, y):
    model = classifier(rows, y)
    with pytest.raises(ValueError, match=r"labels \[20, 21, .* \[0, 1,"):
        MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:] + 20)
    with pytest.warns(UserWarning, match="none of them in common. All images count") as caught:
        MisclassifiedDisplay.from_predictions(rows[:9], y[:9] + 20, y[:9])
    assert [warning.filename for warning in caught] == [__file__]
    # a single mistake, and mistakes of one kind, are nothing unusual
    MisclassifiedDisplay.from_predictions(rows[:1], [3], [5])
    MisclassifiedDisplay.from_predictions(rows[:2], [3, 3], [5, 8])


def test_some_labels_that_the_classifier_does_not_know(rows, y):
    """As when labels begin with 1: the images count as misclassified, with a warning."""
    model = classifier(rows, y)
    with pytest.warns(UserWarning, match=r"y has the labels \[10\] \(int\) that are not") as caught:
        display = MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:] + 1)
    assert [warning.filename for warning in caught] == [__file__]
    assert len(display.images) == (model.predict(rows[200:]) != y[200:] + 1).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        few = y[200:] < 2  # fewer classes than the classifier knows
        MisclassifiedDisplay.from_estimator(model, rows[200:][few], y[200:][few])
        MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:].astype(float))


def test_columns_of_labels(rows, y):
    model = classifier(rows, y)
    plain = MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:])
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
        column = MisclassifiedDisplay.from_estimator(model, rows[200:], y[200:, None])
    assert [warning.filename for warning in caught] == [__file__]
    np.testing.assert_array_equal(column.y_true, plain.y_true)
    assert column.images.shape == plain.images.shape
    y_pred = model.predict(rows[200:])[:, None]
    with pytest.warns(DataConversionWarning, match="A column-vector y_pred was passed") as caught:
        column = MisclassifiedDisplay.from_predictions(rows[200:], y[200:], y_pred)
    assert len(caught) == 1
    np.testing.assert_array_equal(column.y_pred, plain.y_pred)
    with pytest.warns(DataConversionWarning) as caught:
        display = MisclassifiedDisplay(column.images, column.y_true[:, None], column.y_pred)
    assert len(caught) == 1
    assert display.plot().axes_[0, 0].get_title() == column.axes_[0, 0].get_title()
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed") as caught:
        occluded = OcclusionDisplay.from_estimator(model, rows[:2], y[:2, None], patch_size=4)
    assert [warning.filename for warning in caught] == [__file__]
    assert occluded.labels.tolist() == y[:2].tolist()


@pytest.mark.parametrize("name", ["max_images", "columns"])
@pytest.mark.parametrize("value", [0, -1, 2.0, True])
@pytest.mark.parametrize("mistakes", [0, 2])
def test_numbers_that_are_not_positive_integers(rows, y, name, value, mistakes):
    y_pred = np.where(np.arange(9) < mistakes, 10, y[:9])
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected an integer of 1 or more"):
        MisclassifiedDisplay.from_predictions(rows[:9], y[:9], y_pred, **{name: value})
    with pytest.raises(ValueError, match=rf"{name} is {value}; expected"):
        MisclassifiedDisplay.from_estimator(classifier(rows, y), rows[:9], y[:9], **{name: value})
    assert not plt.get_fignums()


def test_what_is_no_label(rows, y):
    one_hot = np.eye(10)
    model = classifier(rows, y)
    with pytest.raises(ValueError, match=r"y has shape .*one-hot.* Use y.argmax\(axis=1\)"):
        MisclassifiedDisplay.from_estimator(model, rows, one_hot[y])
    with pytest.raises(ValueError, match=r"y_pred has .*one-hot.* Use y_pred.argmax\(axis=1\)"):
        MisclassifiedDisplay.from_predictions(rows, y, one_hot[y])
    with pytest.raises(ValueError, match="y_true contains NaN"):
        MisclassifiedDisplay.from_predictions(rows[:2], [np.nan, 1.0], [1, 1])
    with pytest.raises(ValueError, match=r"continuous. y_pred has values such as .* class labels"):
        MisclassifiedDisplay.from_estimator(LinearRegression().fit(rows, y), rows, y)
    with pytest.raises(ValueError, match=r"one-hot.* Use y.argmax\(axis=1\)"):
        OcclusionDisplay.from_estimator(model, rows[:2], one_hot[y[:2]])
    with pytest.raises(ValueError, match="labels are str and the classes are int"):
        OcclusionDisplay.from_estimator(model, rows[:2], y[:2].astype(str))
