"""Searches, curves, cross-validated predictions and importances: the same as by hand."""

import numpy as np
import pytest
from helpers.quick import fast
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 (makes them importable)
from sklearn.inspection import permutation_importance
from sklearn.model_selection import (
    HalvingGridSearchCV,
    HalvingRandomSearchCV,
    StratifiedKFold,
    cross_val_predict,
    cross_val_score,
    learning_curve,
    permutation_test_score,
    validation_curve,
)

FOLDS = StratifiedKFold(3)
LEARNS = {"learning_rate_init": 0.02, "max_iter": 10, "n_jobs": 1}


@pytest.fixture(scope="module")
def words(images):
    """300 images and their labels as words."""
    names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    return images[0], np.array(names)[images[1]]


@pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
def test_cross_val_predict(words, method):
    X, y = words
    model = fast(**LEARNS)
    predicted = cross_val_predict(model, X, y, cv=FOLDS, method=method)
    for train, test in FOLDS.split(X, y):
        expected = getattr(clone(model).fit(X[train], y[train]), method)(X[test])
        assert_array_equal(predicted[test], expected)
    if method == "predict":
        assert (predicted == y).mean() > 0.7


def test_there_is_no_decision_function(images):
    """As in `MLPClassifier`; scikit-learn then uses the probabilities."""
    with pytest.raises(AttributeError, match="decision_function"):
        cross_val_predict(fast(), *images, cv=2, method="decision_function")
    area = cross_val_score(fast(**LEARNS), *images, cv=FOLDS, scoring="roc_auc_ovr")
    assert area.min() > 0.9


@pytest.mark.parametrize("incremental", [False, True])
def test_learning_curve(words, incremental):
    """With `exploit_incremental_learning`, by `partial_fit` on the images that come on top."""
    X, y = words
    model = fast(**LEARNS)
    sizes, train_scores, test_scores = learning_curve(
        model,
        X,
        y,
        train_sizes=[100, 150, 200],
        cv=FOLDS,
        exploit_incremental_learning=incremental,
    )
    for fold, (train, test) in enumerate(FOLDS.split(X, y)):
        network, done = clone(model), 0
        for row, size in enumerate(sizes):
            if incremental:
                new = train[done:size]
                network.partial_fit(X[new], y[new], classes=np.unique(y))
            else:
                network.fit(X[train[:size]], y[train[:size]])
            done = size
            assert train_scores[row, fold] == network.score(X[train[:size]], y[train[:size]])
            assert test_scores[row, fold] == network.score(X[test], y[test])
    assert test_scores[-1].mean() > test_scores[0].mean()


def test_validation_curve(words):
    X, y = words
    curves = validation_curve(
        fast(), X, y, param_name="n_filters", param_range=[2, (4, 4)], cv=FOLDS
    )
    for row, n_filters in enumerate([2, (4, 4)]):
        expected = cross_val_score(fast(n_filters=n_filters), X, y, cv=FOLDS)
        assert_array_equal(curves[1][row], expected)


def test_permutation_test_score(words):
    X, y = words
    model = fast(**LEARNS)
    score, permuted, p_value = permutation_test_score(
        model, X, y, cv=FOLDS, n_permutations=9, random_state=0
    )
    assert score == cross_val_score(model, X, y, cv=FOLDS).mean() > 0.7
    assert permuted.max() < 0.25
    assert p_value == 0.1  # the lowest that nine permutations can give


def test_permutation_importance_of_pixels(images):
    X, y = images[0].reshape(300, 64), images[1]
    model = fast(**LEARNS).fit(X, y)
    found = permutation_importance(model, X, y, n_repeats=2, random_state=0)
    constant = np.ptp(X, axis=0) == 0
    assert constant.any()
    assert not found.importances[constant].any()
    assert found.importances_mean.argmax() % 8 in (2, 3, 4, 5)  # digits are in the middle


@pytest.mark.parametrize(
    ("search", "values"),
    [
        (HalvingGridSearchCV, {"learning_rate_init": [1e-5, 0.01, 1e-6, 2e-6]}),
        (HalvingRandomSearchCV, {"learning_rate_init": [1e-5, 0.01, 1e-6, 2e-6]}),
    ],
)
@pytest.mark.parametrize("resource", ["n_samples", "max_iter"])
def test_halving_searches(words, search, values, resource):
    """The resource is the number of images or of epochs."""
    X, y = words
    limits = {"n_samples": (75, 300), "max_iter": (4, 16)}
    least, most = limits[resource]
    model = fast(max_iter=10)
    options = {"n_candidates": 4} if search is HalvingRandomSearchCV else {}
    halving = search(
        model,
        values,
        resource=resource,
        min_resources=least,
        max_resources=most,
        factor=2,
        cv=2,
        random_state=0,
        **options,
    ).fit(X, y)
    assert halving.n_candidates_ == [4, 2, 1]
    assert halving.n_resources_ == [least, 2 * least, most]
    best = {"learning_rate_init": 0.01}
    if resource == "max_iter":
        best["max_iter"] = most
    assert halving.best_params_ == best
    expected = model.set_params(**best).fit(X, y)
    assert_array_equal(halving.best_estimator_.network_.parameters, expected.network_.parameters)
