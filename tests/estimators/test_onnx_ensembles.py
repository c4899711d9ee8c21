"""ONNX models of scikit-learn's ensembles and of estimators that wrap a classifier."""

import sys

import numpy as np
import pytest
from helpers.onnx import QUICK, check_classifier, run
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC

from skcnn import ConvNetClassifier, ConvNetRegressor, to_onnx
from skcnn.onnx import register_converters

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

CNN = ConvNetClassifier(image_shape=(8, 8), **QUICK)
HALF = ConvNetClassifier(image_shape=(4, 8), **QUICK)
LINEAR = LogisticRegression(max_iter=1000)
REGRESSOR = ConvNetRegressor(image_shape=(8, 8), **QUICK)


@pytest.fixture(scope="module")
def rows(images):
    """Rows of pixels in float32, and labels."""
    return images[0].reshape(300, 64).astype(np.float32), images[1]


@pytest.fixture(scope="module")
def frozen(rows):
    return FrozenEstimator(ConvNetClassifier(**QUICK).fit(*rows))


def calibrated(estimator, **settings):
    return CalibratedClassifierCV(estimator, cv=2, **settings)


CLASSIFIERS = {
    "calibrated": calibrated(CNN),
    "calibrated once": calibrated(CNN, ensemble=False),
    "calibrated pipeline": calibrated(make_pipeline(StandardScaler(), CNN)),
    "calibrated pipeline of features": make_pipeline(CNN, calibrated(LINEAR)),
    "calibrated bagging": calibrated(BaggingClassifier(CNN, n_estimators=2, random_state=0)),
    "calibrated voting": calibrated(
        VotingClassifier([("cnn", CNN), ("linear", LINEAR)], voting="soft")
    ),
    "calibrated in a pipeline": make_pipeline(StandardScaler(), calibrated(CNN)),
    "calibrated in a search": GridSearchCV(calibrated(CNN), {"method": ["sigmoid"]}, cv=2),
    "voting": VotingClassifier([("cnn", CNN), ("linear", LINEAR)], voting="soft"),
    "voting pipelines": VotingClassifier(
        [("scaled", make_pipeline(StandardScaler(), CNN)), ("calibrated", calibrated(CNN))],
        voting="soft",
        weights=[1, 2],
    ),
    "stacking": StackingClassifier([("cnn", CNN), ("linear", LINEAR)], cv=2),
    "bagging": BaggingClassifier(HALF, n_estimators=2, max_features=32, random_state=0),
    "bagging of pipelines": BaggingClassifier(
        make_pipeline(StandardScaler(), HALF), n_estimators=2, max_features=32, random_state=0
    ),
    "boosting": AdaBoostClassifier(CNN, n_estimators=2, random_state=0),
    "one against the rest": OneVsRestClassifier(CNN),
}


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(name, rows):
    X, y = rows
    check_classifier(CLASSIFIERS[name].fit(X, y % 3), X)


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda frozen: CalibratedClassifierCV(frozen),
        lambda frozen: CalibratedClassifierCV(FrozenEstimator(frozen)),
        lambda frozen: VotingClassifier([("a", frozen), ("b", CNN)], voting="soft"),
        lambda frozen: StackingClassifier([("a", frozen), ("b", LINEAR)], cv=2),
        lambda frozen: make_pipeline(frozen, calibrated(LINEAR)),
    ],
    ids=["calibrated", "calibrated, frozen twice", "voting", "stacking", "features"],
)
def test_frozen_estimators_inside(wrapped, frozen, rows):
    check_classifier(wrapped(frozen).fit(*rows), rows[0])


def test_the_ensemble_is_as_before(frozen, rows):
    voting = VotingClassifier([("a", frozen), ("b", calibrated(frozen))], voting="soft").fit(*rows)
    inside = voting.estimators_[1].calibrated_classifiers_[0]
    before = vars(voting) | {"estimators_": list(voting.estimators_)}, vars(inside).copy()
    to_onnx(voting)
    assert (vars(voting), vars(inside)) == before


def test_two_classes(rows):
    X, y = rows
    check_classifier(calibrated(CNN).fit(X, y < 5), X)


WRONG = {
    "isotonic": calibrated(CNN, method="isotonic"),
    "isotonic step": make_pipeline(CNN, calibrated(LINEAR, method="isotonic")),
    "calibrated decision function": calibrated(make_pipeline(CNN, LINEAR)),
    "of a member": calibrated(BaggingClassifier(make_pipeline(CNN, LINEAR), 2, random_state=0)),
    "calibrated one against the rest": calibrated(OneVsRestClassifier(CNN)),
    "predictions of members": StackingClassifier(
        [("a", CNN), ("b", LINEAR)], cv=2, stack_method="predict"
    ),
    "scores of members": StackingClassifier(
        [("a", LINEAR), ("b", make_pipeline(CNN, LINEAR))], cv=2, stack_method="decision_function"
    ),
    "bagging of votes": BaggingClassifier(VotingClassifier([("a", CNN), ("b", LINEAR)]), 2),
    "one against one": OneVsOneClassifier(CNN),
    "ensemble as transformer": make_pipeline(
        VotingRegressor([("a", REGRESSOR), ("b", REGRESSOR)]), LINEAR
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_no_other_results(name, rows):
    """skl2onnx fails, or makes models with other results."""
    X, y = rows
    with pytest.raises(NotImplementedError, match=r"does not convert|Calibrate with method="):
        to_onnx(WRONG[name].fit(X, y % 3))


@pytest.mark.parametrize(
    "estimator",
    [FixedThresholdClassifier(CNN, threshold=0.1), TunedThresholdClassifierCV(CNN, cv=2)],
    ids=["fixed", "tuned"],
)
def test_thresholds(estimator, rows):
    with pytest.raises(NotImplementedError, match=r"threshold.*Export its estimator_"):
        to_onnx(estimator.fit(rows[0], rows[1] < 5))


def test_hard_votes_of_two_scores(rows):
    """skl2onnx takes a decision function for the probabilities of two classes."""
    X, y = rows
    members = [("cnn", CNN), ("ridge", RidgeClassifier()), ("svc", LinearSVC())]
    check_labels(VotingClassifier(members).fit(X, y % 3), X)
    with pytest.raises(NotImplementedError, match="random images have other results"):
        to_onnx(VotingClassifier(members).fit(X, y % 2))


def check_labels(estimator, X):
    assert_array_equal(run(to_onnx(estimator), X)["label"], estimator.predict(X))


def test_weights_of_members_that_are_dropped(rows):
    X, y = rows
    members = [("cnn", CNN), ("dropped", "drop"), ("bayes", GaussianNB())]
    check_classifier(VotingClassifier(members, voting="soft", weights=[1, 9, 2]).fit(X, y), X)
    check_labels(VotingClassifier(members, weights=[1, 9, 2]).fit(X, y), X)
    members = [("cnn", REGRESSOR), ("dropped", "drop"), ("ridge", Ridge())]
    regressor = VotingRegressor(members, weights=[1, 9, 2]).fit(X, y)
    assert_allclose(run(to_onnx(regressor), X)["variable"][:, 0], regressor.predict(X), atol=1e-4)


def test_one_object_in_two_places(rows):
    """skl2onnx keeps options, such as that of a calibration, by the identity of an object."""
    linear = FrozenEstimator(LINEAR.fit(*rows))
    members = [("a", CalibratedClassifierCV(linear)), ("b", linear), ("c", CNN)]
    check_classifier(VotingClassifier(members, voting="soft").fit(*rows), rows[0])


@pytest.mark.parametrize("dtype", ["uint8", "int16", "bool"])
@pytest.mark.parametrize(
    "estimator",
    [
        calibrated(CNN),
        VotingClassifier([("cnn", CNN), ("bayes", GaussianNB())], voting="soft"),
        AdaBoostClassifier(CNN, n_estimators=2, random_state=0),
        OneVsRestClassifier(CNN),
        make_pipeline(CNN, GaussianNB()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_labels_of_other_types(estimator, dtype, rows):
    X, y = rows
    check_classifier(estimator.fit(X, (y % 3).astype(dtype)), X)


def test_linear_svc_as_the_last_step(rows):
    X, y = rows
    pipeline = make_pipeline(CNN, StandardScaler(), LinearSVC(random_state=0)).fit(X, y % 3)
    check_labels(pipeline, X)
    with pytest.raises(ValueError, match="LinearSVC predicts no probabilities"):
        to_onnx(pipeline, zipmap=True)


def test_dictionaries_of_an_ensemble(rows):
    X, y = rows
    ensemble = calibrated(CNN).fit(X, np.array(["a", "b", "c"])[y % 3])
    found = run(to_onnx(ensemble, zipmap=True), X)["probabilities"]
    table = [[row[label] for label in ensemble.classes_] for row in found]
    assert_allclose(table, ensemble.predict_proba(X), atol=1e-5)


def test_without_onnx_runtime(rows, monkeypatch):
    X, y = rows
    good, bad = (clone(CLASSIFIERS["calibrated"]), clone(WRONG["calibrated decision function"]))
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    model = to_onnx(good.fit(X, y))
    with pytest.raises(NotImplementedError, match="32 of 32 random images have other results"):
        to_onnx(bad.fit(X, y))
    monkeypatch.undo()
    assert_array_equal(run(model, X)["label"], good.predict(X))


def test_estimators_that_refuse_random_images(rows):
    """They are exported, and not compared."""
    X, y = rows[0].astype(bool).astype(np.float32), rows[1]
    steps = OneHotEncoder(sparse_output=False), PCA(49), ConvNetClassifier(**QUICK)
    check_classifier(make_pipeline(*steps).fit(X, y), X)


@pytest.mark.parametrize("dtype", ["uint8", "float64"])
@pytest.mark.parametrize(
    "ensemble",
    [
        calibrated(CNN),
        VotingClassifier([("a", CNN), ("b", calibrated(CNN))], voting="soft"),
    ],
    ids=["calibrated", "voting"],
)
def test_images_of_other_forms(ensemble, dtype, images):
    X, y = images[0].astype(dtype), images[1]
    check_classifier(ensemble.fit(X, y), X.astype(np.float32))


@pytest.mark.parametrize("scale", [1 / 4096, 1 / 255, 1 / 16, 1000])
def test_pixels_of_any_range(scale, rows):
    """The check must not use pixels that are far from those of the training images."""
    X, y = rows[0] * np.float32(scale), rows[1]
    check_classifier(OneVsRestClassifier(CNN).fit(X, y), X)
    for scaler in (MinMaxScaler(), StandardScaler()):
        check_classifier(make_pipeline(scaler, OneVsRestClassifier(CNN)).fit(X, y), X)
    for name in ("calibrated decision function", "of a member", "one against one"):
        with pytest.raises(NotImplementedError):
            to_onnx(clone(WRONG[name]).fit(X, y % 3))


def test_long_messages_of_skl2onnx_are_cut(rows, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("no " * 1000)

    pipeline = make_pipeline(CNN, GaussianNB()).fit(*rows)
    monkeypatch.setattr(skl2onnx, "to_onnx", fail)
    with pytest.raises(
        NotImplementedError, match=r"Export the networks .* RuntimeError: no"
    ) as error:
        to_onnx(pipeline)
    assert len(str(error.value)) < 500


def test_multioutput(rows):
    X, y = rows
    classifier = MultiOutputClassifier(CNN).fit(X, np.stack([y % 2, y % 3], axis=1))
    check_labels(classifier, X)
    with pytest.raises(
        ValueError, match=r"MultiOutputClassifier predicts no .* one set of classes"
    ):
        to_onnx(classifier, zipmap=True)


@pytest.mark.parametrize(
    "regressor",
    [
        VotingRegressor([("a", REGRESSOR), ("b", REGRESSOR)]),
        StackingRegressor([("a", REGRESSOR)], cv=2),
        BaggingRegressor(REGRESSOR, n_estimators=2, random_state=0),
        MultiOutputRegressor(REGRESSOR),
    ],
    ids=lambda regressor: type(regressor).__name__,
)
def test_regressors(regressor, rows):
    X, y = rows
    target = np.stack([y, 2.0 * y], axis=1) if "Multi" in type(regressor).__name__ else y
    expected = regressor.fit(X, target).predict(X)
    found = run(to_onnx(regressor), X)["variable"]
    assert_allclose(found.reshape(expected.shape), expected, atol=1e-4)


def test_calibration_by_skl2onnx_alone(rows):
    """Its converter of calibrations takes `raw_scores` where a classifier has that option."""
    X, y = rows
    classifier = calibrated(CNN).fit(X, y)
    register_converters()
    model = skl2onnx.to_onnx(classifier, X[:1], options={"zipmap": False}, target_opset=17)
    label, probabilities = run(model, X).values()
    assert_array_equal(label, classifier.predict(X))
    assert_allclose(probabilities, classifier.predict_proba(X), atol=1e-5)
