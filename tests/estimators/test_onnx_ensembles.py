"""ONNX models of scikit-learn's ensembles and of estimators that wrap a classifier."""

import numpy as np
import pytest
from helpers.onnx import QUICK, check_classifier, run
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.calibration import CalibratedClassifierCV
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
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.multioutput import MultiOutputClassifier, MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

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


@pytest.mark.parametrize(
    ("estimator", "message"),
    [
        (calibrated(CNN, method="isotonic"), "method='isotonic'.*Calibrate with method='sigmoid'"),
        (make_pipeline(CNN, calibrated(LINEAR, method="isotonic")), "method='isotonic'"),
        (calibrated(make_pipeline(CNN, LINEAR)), "Pipeline.*Calibrate the last step"),
        (calibrated(OneVsRestClassifier(CNN)), "OneVsRestClassifier.*classifier inside it"),
        (FixedThresholdClassifier(CNN, threshold=0.1), "threshold.*Export its estimator_"),
        (TunedThresholdClassifierCV(CNN, cv=2), "threshold.*Export its estimator_"),
    ],
    ids=["isotonic", "step", "pipeline", "rest", "fixed threshold", "tuned threshold"],
)
def test_what_skl2onnx_converts_to_something_else(estimator, message, rows):
    X, y = rows
    classes = y < 5 if "threshold" in message else y % 3
    with pytest.raises(NotImplementedError, match=message):
        to_onnx(estimator.fit(X, classes))


def test_hard_votes(rows):
    voting = VotingClassifier([(str(seed), fast(random_state=seed)) for seed in (1, 2, 3)])
    X, y = rows[0].reshape(-1, 8, 8), rows[1]
    assert_array_equal(run(to_onnx(voting.fit(X, y)), X)["label"], voting.predict(X))


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


def test_multioutput(rows):
    X, y = rows
    several = np.stack([y % 2, y % 3], axis=1)
    classifier = MultiOutputClassifier(CNN).fit(X, several)
    label, *_ = run(to_onnx(classifier), X).values()
    assert_array_equal(label, classifier.predict(X))


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
