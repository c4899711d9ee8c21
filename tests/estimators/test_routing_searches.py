"""Weights and validation images that go through searches and ensembles to a network.

`test_routing.py` tests pipelines.
"""

import numpy as np
import pytest
from helpers.quick import fast
from helpers.routing import assert_same, images_and_metadata, requesting
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes it importable)
from sklearn.metrics import accuracy_score
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.semi_supervised import SelfTrainingClassifier

FOLDS = StratifiedKFold(2)


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def data(digits):
    return images_and_metadata(digits)[0]


@pytest.fixture(scope="module")
def given(digits):
    return images_and_metadata(digits)[1]


# --- searches and cross-validation ----------------------------------------------------------------


def of_fold(given, train):
    """What a network gets for a fold: its weights, and all validation images."""
    return given | {"sample_weight": given["sample_weight"][train]}


def test_a_search_splits_the_weights(data, given):
    X, y = data
    network = requesting(fast()).set_score_request(sample_weight=True)
    search = GridSearchCV(network, {"n_filters": [2, 6]}, cv=FOLDS).fit(X, y, **given)
    assert_same(search.best_estimator_, fast(**search.best_params_).fit(X, y, **given))
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        expected = fast().fit(X[train], y[train], **of_fold(given, train))
        score = expected.score(X[test], y[test], sample_weight=given["sample_weight"][test])
        assert search.cv_results_[f"split{fold}_test_score"][1] == score


def test_cross_validation_splits_the_weights(data, given):
    X, y = data
    network = requesting(fast()).set_score_request(sample_weight=True)
    options = {"cv": FOLDS, "params": given}
    result = cross_validate(network, X, y, return_estimator=True, **options)
    predicted = cross_val_predict(requesting(fast()), X, y, method="predict_proba", **options)
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        expected = fast().fit(X[train], y[train], **of_fold(given, train))
        assert_same(result["estimator"][fold], expected)
        assert_array_equal(predicted[test], expected.predict_proba(X[test]))
        score = accuracy_score(
            y[test], expected.predict(X[test]), sample_weight=given["sample_weight"][test]
        )
        assert result["test_score"][fold] == pytest.approx(score)


def test_a_pipeline_in_a_halving_search(data, given):
    """The best candidate is fitted on all images."""
    network = requesting(fast(), "X_val", "y_val")
    pipeline = Pipeline([("scaler", MinMaxScaler()), ("cnn", network)], transform_input=["X_val"])
    search = HalvingGridSearchCV(
        pipeline, {"cnn__alpha": [1e-4, 1e-3]}, cv=2, factor=2, min_resources=100, random_state=0
    )
    search.fit(*data, X_val=given["X_val"], y_val=given["y_val"])
    scaler = MinMaxScaler().fit(data[0])
    X, X_val = scaler.transform(data[0]), scaler.transform(given["X_val"])
    expected = fast(alpha=search.best_params_["cnn__alpha"])
    assert_same(
        search.best_estimator_["cnn"], expected.fit(X, data[1], X_val=X_val, y_val=given["y_val"])
    )


def test_a_learning_curve(data, given):
    """It asks for the requests of `partial_fit` also where it does not call it."""
    X, y = data
    network = requesting(fast(), "sample_weight").set_partial_fit_request(sample_weight=True)
    network.set_score_request(sample_weight=True)
    params = {"sample_weight": given["sample_weight"]}
    scores = learning_curve(network, X, y, cv=FOLDS, train_sizes=[50, 100], params=params)[2]
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        for row, part in enumerate([train[:50], train]):
            expected = fast().fit(X[part], y[part], params["sample_weight"][part])
            score = expected.score(X[test], y[test], params["sample_weight"][test])
            assert scores[row, fold] == score


def test_as_many_validation_images_as_images(data):
    """scikit-learn takes them for something that belongs to the images, and splits them too."""
    X, y = data
    network = requesting(fast(), "X_val", "y_val")
    params = {"X_val": X, "y_val": y}
    options = {"cv": FOLDS, "return_estimator": True}
    result = cross_validate(network, X, y, params=params, **options)
    train = next(FOLDS.split(X, y))[0]
    assert_same(
        result["estimator"][0], fast().fit(X[train], y[train], X_val=X[train], y_val=y[train])
    )


# --- ensembles ------------------------------------------------------------------------------------


def test_voting_and_stacking(data, given):
    """A StackingClassifier passes everything on to its last estimator, too: weights only."""
    members = [("first", requesting(fast())), ("second", requesting(fast(random_state=1)))]
    voting = VotingClassifier(members, voting="soft").fit(*data, **given)
    for member, (_, new) in zip(voting.estimators_, members, strict=True):
        assert_same(member, clone(new).fit(*data, **given))
    weights = {"sample_weight": given["sample_weight"]}
    member = requesting(fast(), "sample_weight")
    final = GaussianNB().set_fit_request(sample_weight=True)
    stacking = StackingClassifier([("cnn", member)], final, cv=FOLDS).fit(*data, **weights)
    assert_same(stacking.estimators_[0], fast().fit(*data, **weights))


def test_labels_of_validation_images_in_ensembles(data, given):
    """An ensemble numbers the labels of y, but not those of y_val."""
    y, y_val = (np.array(list("abcdefghij"))[labels] for labels in (data[1], given["y_val"]))
    voting = VotingClassifier([("cnn", requesting(fast(), "X_val", "y_val"))])
    with pytest.raises(ValueError, match=r"y_val has the labels \['a'.*expected .*\[0, 1"):
        voting.fit(data[0], y, X_val=given["X_val"], y_val=y_val)
    validation = {name: given[name] for name in ("X_val", "y_val")}
    voting.fit(data[0], y, **validation)
    assert_same(voting.estimators_[0], fast().fit(*data, **validation))


def test_bagging_calibration_and_self_training(data, given):
    bagging = BaggingClassifier(requesting(fast()), n_estimators=2, random_state=0)
    bagging.fit(*data, X_val=given["X_val"], y_val=given["y_val"])
    for member, drawn in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=200)
        expected = fast(random_state=member.random_state)
        assert_same(member, expected.fit(*data, **given | {"sample_weight": counts}))
    calibrated = CalibratedClassifierCV(requesting(fast()), cv=FOLDS).fit(*data, **given)
    train = next(FOLDS.split(*data))[0]
    expected = fast().fit(data[0][train], data[1][train], **of_fold(given, train))
    assert_same(calibrated.calibrated_classifiers_[0].estimator, expected)
    validation = {name: given[name] for name in ("X_val", "y_val")}
    half = SelfTrainingClassifier(requesting(fast(), "X_val", "y_val"), threshold=0.999)
    half.fit(data[0], np.where(np.arange(200) < 100, data[1], -1), **validation)
    assert_same(half.estimator_, fast().fit(data[0][:100], data[1][:100], **validation))


def test_partial_fit_of_several_outputs(data, given):
    y = np.stack([data[1] > 4, data[1] % 2], axis=1).astype(int)
    network = fast().set_partial_fit_request(classes=True, sample_weight=True)
    weights, classes = given["sample_weight"], [np.array([0, 1])] * 2
    model = MultiOutputClassifier(network).partial_fit(
        data[0], y, classes=classes, sample_weight=weights
    )
    for column in (0, 1):
        expected = fast().partial_fit(data[0], y[:, column], [0, 1], weights)
        assert_same(model.estimators_[column], expected)
