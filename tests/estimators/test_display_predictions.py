"""What `OcclusionDisplay` and `MisclassifiedDisplay` show is of the class that is predicted."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier
from sklearn.feature_selection import RFE
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier
from sklearn.neighbors import KNeighborsClassifier, RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

from skcnn import ConvNetClassifier  # noqa: E402
from skcnn.displays import MisclassifiedDisplay, OcclusionDisplay  # noqa: E402
from skcnn.displays._estimators import confidence_of  # noqa: E402


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def rows(digits):
    return digits[0].reshape(-1, 64) / 16.0


@pytest.fixture(scope="module")
def y(digits):
    return digits[1]


def threshold(estimator, at, **settings):
    return FixedThresholdClassifier(estimator, threshold=at, **settings)


DIFFERENT = {  # classifiers that often predict another class than the one with the largest value
    "SVC": (SVC(), "decision_function"),
    "pipeline": (make_pipeline(MinMaxScaler(), SVC()), "decision_function"),
    "probability": (threshold(LogisticRegression(), 0.02), "predict_proba"),
    "decision": (
        threshold(LinearSVC(), -0.5, response_method="decision_function"),
        "decision_function",
    ),
}


@pytest.fixture(params=DIFFERENT)
def different(request, rows, y):
    """A fitted classifier, the name of its responses, and images for which they differ."""
    model, method = DIFFERENT[request.param]
    labels = y if request.param in ("SVC", "pipeline") else np.where(y == 8, "yes", "no")
    model.fit(rows[:60], labels[:60])
    values = getattr(model, method)(rows[60:])
    if values.ndim == 1:
        values = np.column_stack([-values, values])
    predicted = model.predict(rows[60:])
    chosen = 60 + np.flatnonzero(model.classes_[values.argmax(axis=1)] != predicted)
    assert len(chosen) > 2
    return model, method, rows[chosen]


def test_occlusion_is_of_the_class_that_is_predicted(different):
    model, method, X = different
    predicted = model.predict(X[:3])
    display = OcclusionDisplay.from_estimator(model, X[:3])
    assert_array_equal(display.labels, predicted)
    assert [ax.get_title() for ax in display.axes_[0]] == [*map(str, predicted)]
    assert_array_equal(display.maps, OcclusionDisplay.from_estimator(model, X[:3], predicted).maps)
    assert display.response.startswith("prob" if method == "predict_proba" else "decision")


def test_confidence_is_that_of_the_class_that_is_predicted(different):
    model, method, X = different
    predicted = model.predict(X)
    true = np.where(predicted == model.classes_[0], model.classes_[1], model.classes_[0])
    display = MisclassifiedDisplay.from_estimator(model, X, true)
    values = getattr(model, method)(X)
    expected = []
    for value, label in zip(values, predicted, strict=True):
        index = model.classes_.tolist().index(label)
        if method == "predict_proba":
            expected.append(value[index])
        elif np.ndim(value):
            expected.append(value[index] - np.delete(value, index).max())
        else:
            expected.append(value if index else -value)
    assert_allclose(display.confidence, np.sort(expected)[::-1])
    assert (display.confidence < (0.5 if method == "predict_proba" else 0)).all()
    assert display.axes_[0, 0].get_title().endswith(f" ({display.confidence[0]:.2f})")
    assert_allclose(confidence_of(model, X), expected)


def test_confidence_of_the_usual_predictions(rows, y):
    svc = SVC(break_ties=True).fit(rows[:300], y[:300])
    values = np.sort(svc.decision_function(rows[300:]), axis=1)
    assert_allclose(confidence_of(svc, rows[300:]), values[:, -1] - values[:, -2])
    two = LinearSVC().fit(rows[:300], y[:300] > 4)
    assert_allclose(confidence_of(two, rows[300:]), np.abs(two.decision_function(rows[300:])))
    one = RidgeClassifier().fit(rows[:9], np.zeros(9))
    assert_allclose(confidence_of(one, rows[:2]), [1, 1])


def test_estimators_without_confidence(rows, y):
    assert confidence_of(KNeighborsClassifier(1), rows[:2]) is None  # has no classes_
    reported = RadiusNeighborsClassifier(0.5, outlier_label=-1).fit(rows[:200], y[:200])
    with pytest.warns(UserWarning, match="Outlier label -1 is not in training classes"):
        display = MisclassifiedDisplay.from_estimator(reported, rows[200:240], y[200:240])
    assert np.isnan(display.confidence).all()
    assert display.axes_[0, 0].get_title() == f"true {display.y_true[0]}\npredicted -1"


@pytest.mark.parametrize("method", ["predict_proba", "decision_function"])
def test_of_several_labels_the_one_with_the_largest_response(rows, y, method):
    labels = np.column_stack([y % 2, y > 4, y == 3]).astype(int)
    if method == "predict_proba":
        model = ConvNetClassifier(n_filters=2, max_iter=1, random_state=0)
    else:
        model = OneVsRestClassifier(LinearSVC())
    model.fit(rows[:200], labels[:200])
    values, predicted = getattr(model, method)(rows[200:]), model.predict(rows[200:])
    numbers = predicted.sum(axis=1)
    chosen = np.r_[numbers.argmin(), numbers.argmax(), 5]
    display = OcclusionDisplay.from_estimator(model, rows[200:][chosen])
    assert_array_equal(display.labels, values[chosen].argmax(axis=1))


def test_columns_of_predictions(rows, y):
    class Column(KNeighborsClassifier):
        def predict(self, X):
            return super().predict(X)[:, None]

    model = Column(1).fit(rows[:100], y[:100])
    assert_array_equal(OcclusionDisplay.from_estimator(model, rows[:3]).labels, y[:3])


OVO = SVC(decision_function_shape="ovo")


@pytest.mark.parametrize("classes", [3, 4])
@pytest.mark.parametrize(
    "model",
    [
        OVO,
        make_pipeline(MinMaxScaler(), OVO),
        GridSearchCV(make_pipeline(OVO), {}, cv=2),
        RFE(SVC(kernel="linear", decision_function_shape="ovo"), n_features_to_select=0.99),
        BaggingClassifier(OVO, n_estimators=2),
        StackingClassifier([("tree", DecisionTreeClassifier())], OVO, cv=2),
    ],
    ids=lambda model: type(model).__name__,
)
def test_decision_values_of_pairs_are_refused(rows, y, classes, model):
    X, labels = rows[y < classes][:90], y[y < classes][:90]
    model = clone(model).fit(X, labels)
    found = rf"SVC has .*='ovo', .* each pair of classes; expected .* the {classes} classes. Set"
    for fitted in model, FrozenEstimator(model):
        with pytest.raises(ValueError, match=found):
            OcclusionDisplay.from_estimator(fitted, X[:1], response_method="decision_function")
        if not hasattr(model, "predict_proba"):
            with pytest.raises(ValueError, match=found):
                MisclassifiedDisplay.from_estimator(fitted, X, labels)


def test_one_value_for_each_class_in_spite_of_pairs(rows, y):
    X, labels = rows[y < 3][:90], y[y < 3][:90]
    svc = SVC(decision_function_shape="ovo").fit(X, labels)
    svc.set_params(decision_function_shape="ovr")
    expected = SVC().fit(X, labels)
    assert_array_equal(confidence_of(svc, X), confidence_of(expected, X))
    for model in (AdaBoostClassifier(OVO, n_estimators=2), OneVsRestClassifier(OVO)):
        model.fit(X, labels)
        display = OcclusionDisplay.from_estimator(
            model, X[:2], response_method="decision_function", patch_size=4
        )
        assert_array_equal(display.labels, model.predict(X[:2]))
    two = SVC(decision_function_shape="ovo").fit(rows[y < 2], y[y < 2])
    assert_array_equal(OcclusionDisplay.from_estimator(two, rows[:2]).labels, [0, 1])


def test_responses_that_are_not_of_classes(rows, y):
    class Wide(KNeighborsClassifier):
        def predict_proba(self, X):
            return np.ones((len(X), 11))

    wide = Wide(1).fit(rows[:100], y[:100])
    found = r"predict_proba of Wide gives an array of shape \(2, 11\); expected \(n, 10\), a value"
    with pytest.raises(ValueError, match=found):
        MisclassifiedDisplay.from_estimator(wide, rows[:2], y[:2])
    with pytest.raises(ValueError, match=found):
        OcclusionDisplay.from_estimator(wide, rows[:2])
    outputs = np.column_stack([y % 2, y])
    for model in (KNeighborsClassifier(1), MultiOutputClassifier(KNeighborsClassifier(1))):
        with pytest.raises(ValueError, match="has 2 outputs with classes of their own; expected"):
            OcclusionDisplay.from_estimator(model.fit(rows[:100], outputs[:100]), rows[:2])
