"""scikit-learn's ensembles and wrappers around networks: they do what one can do by hand.

Some check X as a table and refuse arrays of images (n, h, w). They take images as rows of pixels.
"""

import numpy as np
import pytest
from helpers.quick import FAST, fast
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    FixedThresholdClassifier,
    KFold,
    StratifiedKFold,
    cross_val_predict,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier, MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import SelfTrainingClassifier

from skcnn import ConvNetRegressor, make_hog_svc

LEARNS = {"learning_rate_init": 0.02, "max_iter": 15, "n_jobs": 1}
LEARNS_NUMBERS = {"learning_rate_init": 0.05, "max_iter": 15, "n_jobs": 1}
FOLDS = StratifiedKFold(3)


def regressor(**changes):
    return ConvNetRegressor(**(FAST | changes))


def assert_same_network(found, expected):
    assert_array_equal(found.network_.parameters, expected.network_.parameters)


@pytest.fixture(scope="module")
def words(images):
    """300 images and their labels as words."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return images[0], np.array(names)[images[1]]


@pytest.fixture(scope="module")
def rows(images):
    return images[0].reshape(300, 64), images[1]


@pytest.fixture(scope="module")
def ink(images):
    """300 images and how dark they are."""
    return images[0], images[0].mean(axis=(1, 2))


# --- classifiers ----------------------------------------------------------------------------------


def test_soft_voting_is_the_mean_of_the_probabilities(words):
    X, y = words
    pixels = make_pipeline(FunctionTransformer(_as_rows), LogisticRegression(max_iter=2000))
    members = {"cnn": fast(**LEARNS), "other": fast(random_state=1), "pixels": pixels}
    voting = VotingClassifier(list(members.items()), voting="soft", weights=[3, 1, 2]).fit(X, y)
    numbers = np.unique(y, return_inverse=True)[1]  # which a VotingClassifier passes on
    each = [member.fit(X, numbers).predict_proba(X) for member in members.values()]
    expected = np.average(each, axis=0, weights=[3, 1, 2])
    assert_array_equal(voting.predict_proba(X), expected)
    assert_array_equal(voting.predict(X), np.unique(y)[expected.argmax(axis=1)])
    assert voting.score(X, y) > 0.9


def test_hard_voting_is_the_majority(words):
    X, y = words
    members = [
        (f"cnn{seed}", fast(random_state=seed, max_iter=8, learning_rate_init=0.005))
        for seed in range(3)
    ]
    members.append(("hog", make_hog_svc(C=1e-3)))
    voting = VotingClassifier(members, weights=[1, 1, 1, 2]).fit(X, y)
    each = np.array([member.fit(X, y).predict(X) for _, member in members])
    assert 0.2 < (each[0] == each[1]).mean() < 0.8  # they disagree
    votes = np.array([(each == label).T @ [1, 1, 1, 2] for label in voting.classes_])
    assert_array_equal(voting.predict(X), voting.classes_[votes.argmax(axis=0)])


def test_stacking_fits_on_predictions_for_images_left_out(words):
    """Probabilities of the network, distances of the SVC, which has no probabilities."""
    X, y = words
    members = {"cnn": fast(**LEARNS), "hog": make_hog_svc()}
    final = LogisticRegression(max_iter=2000)
    stacking = StackingClassifier(list(members.items()), final, cv=FOLDS).fit(X, y)
    numbers = np.unique(y, return_inverse=True)[1]
    methods = {"cnn": "predict_proba", "hog": "decision_function"}
    inputs, outputs = [], []
    for name, member in members.items():
        left_out = cross_val_predict(member, X, numbers, cv=FOLDS, method=methods[name])
        inputs.append(left_out)
        outputs.append(getattr(member.fit(X, numbers), methods[name])(X))
    expected = final.fit(np.hstack(inputs), numbers).predict_proba(np.hstack(outputs))
    assert_allclose(stacking.predict_proba(X), expected, rtol=1e-10)
    assert stacking.score(X, y) > 0.9


def test_stacking_passes_rows_of_pixels_through(rows):
    X, y = rows
    members = [("cnn", fast())]
    stacking = StackingClassifier(members, GaussianNB(), cv=2, passthrough=True).fit(X, y)
    assert_array_equal(
        stacking.transform(X), np.hstack([stacking.estimators_[0].predict_proba(X), X])
    )


def test_bagging_weights_the_images_that_it_draws(rows):
    X, y = rows
    bagging = BaggingClassifier(fast(**LEARNS), n_estimators=3, random_state=0).fit(X, y)
    for member, drawn in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=300)
        assert counts.max() > 1
        assert counts.min() == 0
        seed = member.random_state
        assert_same_network(member, fast(random_state=seed, **LEARNS).fit(X, y, counts))
    expected = np.mean([member.predict_proba(X) for member in bagging.estimators_], axis=0)
    assert_allclose(bagging.predict_proba(X), expected, rtol=1e-12)
    assert bagging.score(X, y) > 0.9
    with parallel_config("threading", n_jobs=2):
        again = clone(bagging).fit(X, y)
    for member, expected in zip(again.estimators_, bagging.estimators_, strict=True):
        assert_same_network(member, expected)


def test_bagging_with_sample_weights(rows):
    """Images of weight zero take no part: a network learns to avoid their class."""
    X, y = rows
    weights = (y != 9).astype(float)
    bagging = BaggingClassifier(fast(**LEARNS), n_estimators=2, random_state=0)
    bagging.fit(X, y, sample_weight=weights)
    assert 9 in bagging.classes_
    assert 9 not in bagging.predict(X)
    assert bagging.score(X[y != 9], y[y != 9]) > 0.9


def test_calibration_makes_probabilities_better(digits):
    """Those of a network with much label smoothing are too low."""
    X, y = digits[0][:600], digits[1][:600]
    smooth = fast(label_smoothing=0.5, **LEARNS)
    weights = np.random.default_rng(0).integers(1, 4, 300)
    calibrated = CalibratedClassifierCV(smooth, cv=FOLDS)
    calibrated.fit(X[:300], y[:300], sample_weight=weights)
    folds = FOLDS.split(X[:300], y[:300])
    for member, (train, _) in zip(calibrated.calibrated_classifiers_, folds, strict=True):
        expected = fast(label_smoothing=0.5, **LEARNS).fit(X[train], y[train], weights[train])
        assert_same_network(member.estimator, expected)
    before = log_loss(y[300:], smooth.fit(X[:300], y[:300], weights).predict_proba(X[300:]))
    assert log_loss(y[300:], calibrated.predict_proba(X[300:])) < 0.9 * before


def test_calibration_of_a_fitted_network(digits):
    X, y = digits[0][:900], digits[1][:900]
    network = fast(label_smoothing=0.5, **LEARNS).fit(X[:300], y[:300])
    before = log_loss(y[600:], network.predict_proba(X[600:]))
    weights = network.network_.parameters.copy()
    calibrated = CalibratedClassifierCV(FrozenEstimator(network)).fit(X[300:600], y[300:600])
    assert log_loss(y[600:], calibrated.predict_proba(X[600:])) < 0.9 * before
    assert_array_equal(network.network_.parameters, weights)


def test_self_training_labels_what_the_network_is_sure_of(rows):
    X, y = rows
    known = np.arange(300) < 150
    partly = np.where(known, y, -1)
    half = SelfTrainingClassifier(fast(**LEARNS), threshold=0.9, max_iter=1).fit(X, partly)
    first = fast(**LEARNS).fit(X[known], y[known])
    probabilities = first.predict_proba(X[~known])
    sure = probabilities.max(axis=1) > 0.9
    assert 10 < sure.sum() < 140
    guessed = np.where(sure, first.predict(X[~known]), -1)
    assert_array_equal(half.transduction_[~known], guessed)
    assert (guessed == y[~known])[sure].mean() > 0.9
    labelled = half.transduction_ != -1
    expected = fast(**LEARNS).fit(X[labelled], half.transduction_[labelled])
    assert_same_network(half.estimator_, expected)


def test_one_versus_rest(words):
    X, y = words
    kept = np.isin(y, ["zero", "one", "two", "three"])
    X, y = X[kept], y[kept]
    model = OneVsRestClassifier(fast(**LEARNS)).fit(X, y)
    each = [
        fast(**LEARNS).fit(X, (y == c).astype(int)).predict_proba(X)[:, 1] for c in np.unique(y)
    ]
    expected = np.array(each).T
    assert_array_equal(model.predict_proba(X), expected / expected.sum(axis=1, keepdims=True))
    assert model.score(X, y) > 0.9


def test_another_threshold(images):
    X, y = images[0], images[1] > 4
    network = fast(**LEARNS).fit(X, y)
    careful = FixedThresholdClassifier(FrozenEstimator(network), threshold=0.8).fit(X, y)
    assert_array_equal(careful.predict(X), network.predict_proba(X)[:, 1] >= 0.8)
    assert careful.predict(X).sum() < network.predict(X).sum()


# --- regressors -----------------------------------------------------------------------------------


def test_a_transformed_target(ink):
    X, y = ink
    model = TransformedTargetRegressor(regressor(), func=np.log1p, inverse_func=np.expm1).fit(X, y)
    expected = np.expm1(regressor().fit(X, np.log1p(y)).predict(X))
    assert_array_equal(model.predict(X), expected)


def test_one_regressor_for_each_target(ink):
    X, y = ink
    targets = np.stack([y, X[:, 0].mean(axis=1)], axis=1)
    model = MultiOutputRegressor(regressor()).fit(X, targets)
    expected = [regressor().fit(X, target).predict(X) for target in targets.T]
    assert_array_equal(model.predict(X), np.transpose(expected))


def test_voting_and_stacking_of_regressors(ink):
    X, y = ink
    members = [("cnn", regressor(**LEARNS_NUMBERS)), ("other", regressor(random_state=1))]
    each = np.stack([member.fit(X, y).predict(X) for _, member in members], axis=1)
    assert_allclose(VotingRegressor(members).fit(X, y).predict(X), each.mean(axis=1), rtol=1e-12)
    folds = KFold(3)
    stacking = StackingRegressor(members, Ridge(), cv=folds).fit(X, y)
    left_out = [cross_val_predict(member, X, y, cv=folds) for _, member in members]
    final = Ridge().fit(np.transpose(left_out), y)
    assert_allclose(stacking.predict(X), final.predict(each), rtol=1e-9)
    assert stacking.score(X, y) > 0.9


def test_bagging_of_regressors(ink):
    X, y = ink[0].reshape(300, 64), ink[1]
    bagging = BaggingRegressor(regressor(**LEARNS_NUMBERS), n_estimators=2, random_state=0).fit(
        X, y
    )
    for member, drawn in zip(bagging.estimators_, bagging.estimators_samples_, strict=True):
        counts = np.bincount(drawn, minlength=300)
        seed = member.random_state
        assert_same_network(
            member, regressor(random_state=seed, **LEARNS_NUMBERS).fit(X, y, counts)
        )
    assert bagging.score(X, y) > 0.7


# --- which of them take arrays of images ----------------------------------------------------------

TABLES_ONLY = {
    "BaggingClassifier": lambda: BaggingClassifier(fast(), n_estimators=2, random_state=0),
    "BaggingRegressor": lambda: BaggingRegressor(regressor(), n_estimators=2, random_state=0),
    "SelfTrainingClassifier": lambda: SelfTrainingClassifier(fast(), max_iter=1),
    "OneVsOneClassifier": lambda: OneVsOneClassifier(fast(max_iter=1)),
}
IMAGES_TOO = {
    "VotingClassifier": lambda: VotingClassifier([("cnn", fast())], voting="soft"),
    "VotingRegressor": lambda: VotingRegressor([("cnn", regressor())]),
    "StackingClassifier": lambda: StackingClassifier([("cnn", fast())], GaussianNB(), cv=2),
    "StackingRegressor": lambda: StackingRegressor(
        [("cnn", regressor())], LinearRegression(), cv=2
    ),
    "CalibratedClassifierCV": lambda: CalibratedClassifierCV(fast(), cv=2),
    "OneVsRestClassifier": lambda: OneVsRestClassifier(fast(max_iter=1)),
    "TransformedTargetRegressor": lambda: TransformedTargetRegressor(regressor()),
}


@pytest.mark.parametrize("name", [*TABLES_ONLY, *IMAGES_TOO])
def test_the_form_of_x(images, name):
    X, y = images[0], np.where(images[1] < 3, images[1], -1)
    new = {**TABLES_ONLY, **IMAGES_TOO}[name]
    of_rows = new().fit(X.reshape(300, 64), y)
    if name in TABLES_ONLY:
        with pytest.raises(ValueError, match="Found array with dim 3"):
            new().fit(X, y)
        return
    of_images = new().fit(X, y)
    assert_array_equal(of_images.predict(X), of_rows.predict(X.reshape(300, 64)))


def test_several_outputs_for_each_image(images):
    X, y = images
    targets = np.stack([y > 4, y % 2], axis=1).astype(int)
    apart = MultiOutputClassifier(fast(**LEARNS)).fit(X, targets)
    for column in (0, 1):
        expected = fast(**LEARNS).fit(X, targets[:, column])
        assert_array_equal(apart.predict(X)[:, column], expected.predict(X))
    with pytest.raises(ValueError, match="Found array with dim 3"):  # it appends columns to X
        ClassifierChain(fast()).fit(X, targets)


def _as_rows(X):
    return X.reshape(len(X), -1)
