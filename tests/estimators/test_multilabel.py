"""ConvNetClassifier with an indicator matrix: any number of labels for each image."""

import numpy as np
import pandas as pd
import pytest
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import cross_val_score
from sklearn.preprocessing import MultiLabelBinarizer

from skcnn import ConvNetClassifier


@pytest.fixture(scope="module")
def tagged(digits):
    """400 digits, each with the labels: at least five, even, a multiple of three."""
    X, y = digits[0][:400], digits[1][:400]
    return X, np.stack([y >= 5, y % 2 == 0, y % 3 == 0], axis=1).astype(int)


def new(**settings):
    small = {"n_filters": (8, 16), "hidden_layer_sizes": (32,), "max_iter": 8, "random_state": 0}
    return ConvNetClassifier(**{**small, **settings})


def test_it_predicts_sets_of_labels(tagged):
    X, Y = tagged
    model = new(max_iter=25).fit(X, Y)
    assert_array_equal(model.classes_, [0, 1, 2])
    predicted, probabilities = model.predict(X), model.predict_proba(X)
    assert predicted.shape == probabilities.shape == (400, 3)
    assert set(np.unique(predicted)) == {0, 1}
    assert_array_equal(predicted, probabilities > 0.5)
    assert_allclose(np.exp(model.predict_log_proba(X)), probabilities)
    assert np.abs(probabilities.sum(axis=1) - 1).max() > 0.5  # they need not sum to one
    assert model.score(X, Y) > 0.9  # all three labels right


def test_it_agrees_with_one_classifier_for_each_label_in_kind(tagged):
    """The loss of constant predictions is the sum of the labels' entropies."""
    X, Y = np.zeros((300, 8, 8)), tagged[1][:300]
    with pytest.warns(ConvergenceWarning, match="predicting the frequencies of the labels"):
        model = fast(max_iter=60, learning_rate_init=0.01, label_smoothing=0.0).fit(X, Y)
    assert_allclose(model.predict_proba(X[:1])[0], Y.mean(axis=0), atol=0.03)
    shares = np.stack([Y.mean(axis=0), 1 - Y.mean(axis=0)])
    assert model.loss_ == pytest.approx(-(shares * np.log(shares)).sum(), abs=0.02)


@pytest.mark.parametrize(
    "convert",
    [lambda Y: Y.tolist(), lambda Y: Y.astype(bool), lambda Y: Y.astype(float), csr_array,
     pd.DataFrame, lambda Y: Y.astype(object), lambda Y: Y.astype(bool).astype(object)],
)  # fmt: skip
def test_every_form_of_an_indicator_matrix(tagged, convert):
    X, Y = tagged
    assert_array_equal(fast().fit(X, convert(Y)).predict(X), fast().fit(X, Y).predict(X))


@pytest.mark.parametrize(
    "dtype", ["object", "Int64", "UInt8", "boolean", "Float64", "category", {"a": "Int64"}], ids=str
)
def test_frames_of_any_dtype(tagged, dtype):
    """Their column names are not kept, as in scikit-learn's classifiers."""
    X, Y = tagged
    frame = pd.DataFrame(Y == 1 if dtype == "boolean" else Y, columns=["a", "b", "c"])
    frame = frame.astype(dtype)
    model = fast().fit(X, frame, X_val=X, y_val=frame)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.predict(X).dtype.kind == "i"
    assert_array_equal(model.predict(X), fast().fit(X, Y).predict(X))
    model.partial_fit(X, frame)


@pytest.mark.parametrize(
    ("dtype", "missing", "name"),
    [
        ("Int64", pd.NA, "NA"),
        ("boolean", pd.NA, "NA"),
        (float, np.nan, "NaN"),
        (object, None, "None"),
    ],
)
def test_missing_labels_are_found(tagged, dtype, missing, name):
    X, Y = tagged
    frame = pd.DataFrame(Y == 1).astype(dtype)
    frame.iloc[5, 1] = missing
    with pytest.raises(ValueError, match=f"Input y contains {name}: 1 of 1200 labels are missing"):
        fast().fit(X, frame)
    with pytest.raises(ValueError, match="Input y contains"):
        fast().fit(X, frame.to_numpy())


def test_numbers_that_are_stored_as_text(tagged):
    X, Y = tagged
    for text in (pd.DataFrame(Y).astype(str), Y.astype(str), Y.astype(str).astype(object)):
        with pytest.raises(ValueError, match=r"the numbers 0 and 1; convert text .*astype\(int\)"):
            fast().fit(X, text)


def test_multilabel_binarizer(tagged):
    X, Y = tagged
    names = np.array(["large", "even", "three"])
    binarizer = MultiLabelBinarizer()
    Z = binarizer.fit_transform([names[row == 1] for row in Y])
    model = new(max_iter=25).fit(X, Z)
    found = binarizer.inverse_transform(model.predict(X))
    assert np.mean([set(a) == set(names[row == 1]) for a, row in zip(found, Y, strict=True)]) > 0.9


def test_label_smoothing_keeps_probabilities_away_from_zero_and_one(tagged):
    X, Y = tagged
    model = new(label_smoothing=0.4, max_iter=40, dropout=0.0).fit(X, Y)
    probabilities = model.predict_proba(X)
    assert_allclose(np.median(probabilities[Y == 1]), 0.8, atol=0.08)
    assert_allclose(np.median(probabilities[Y == 0]), 0.2, atol=0.08)


def test_validation_scores_count_images_with_all_labels_right(tagged):
    X, Y = tagged
    model = new().fit(X[:300], Y[:300], X_val=X[300:], y_val=Y[300:])
    assert model.validation_scores_[-1] == model.score(X[300:], Y[300:])
    stopped = new(early_stopping=True, max_iter=20, n_iter_no_change=3).fit(X, Y)
    best = int(np.argmin(stopped.validation_loss_curve_))
    assert stopped.best_validation_score_ == stopped.validation_scores_[best]


def test_results_do_not_depend_on_the_number_of_threads(tagged):
    one, two = (new(n_jobs=n).fit(*tagged) for n in (1, 2))
    assert_array_equal(one.network_.snapshot(), two.network_.snapshot())


def test_partial_fit_and_warm_start(tagged):
    X, Y = tagged
    model = new()
    for _ in range(8):
        for start in range(0, 400, 50):
            model.partial_fit(X[start : start + 50], Y[start : start + 50])
    assert model.score(X, Y) > 0.6
    warm = new(warm_start=True).fit(X, Y)
    loss = warm.loss_
    assert warm.fit(X, Y).loss_ < loss


def test_cross_validation_and_sample_weights(tagged):
    X, Y = tagged
    assert cross_val_score(new(max_iter=25), X, Y, cv=2).mean() > 0.5
    weights = (np.arange(400) < 200).astype(float)
    model = new(max_iter=25).fit(X, Y, weights)
    assert model.score(X[:200], Y[:200]) > model.score(X[200:], Y[200:])


def test_one_hot_rows_are_announced(tagged):
    X, Y = tagged[0], np.eye(3, dtype=int)[np.arange(400) % 3]
    with pytest.warns(UserWarning, match=r"single 1 in each row.*np.argmax\(y, axis=1\)"):
        fast(max_iter=1).fit(X, Y)


@pytest.mark.parametrize(
    ("settings", "fit", "message"),
    [
        ({"class_weight": "balanced"}, {}, "class_weight is 'balanced', but y is an indicator"),
        ({}, {"y_val": np.zeros(400, int)}, "y_val is one label for each image; expected an ind"),
        ({}, {"y_val": np.zeros((400, 2), int)}, "y_val is an indicator matrix with 2 columns"),
    ],
)
def test_what_does_not_fit(tagged, settings, fit, message):
    X, Y = tagged
    if fit:
        fit["X_val"] = X
    model = fast(**settings)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=message):
        model.fit(X, Y, **fit)
    assert vars(model) == before


def test_a_call_that_does_not_fit_those_before(tagged, images):
    X, Y = tagged
    model = fast().partial_fit(X, Y)
    for y in (images[1], Y[:300, :2]):
        with pytest.raises(ValueError, match="expected an indicator matrix with 3 columns, as in"):
            model.partial_fit(images[0], y)
    model = fast(warm_start=True).fit(*images)
    with pytest.raises(ValueError, match="3 columns; expected one label for each image, as in"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"classes is \[0, 1\], but y is an indicator matrix"):
        fast().partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="X has 400 images, but y has 399 rows; expected one row"):
        fast().fit(X, Y[:399])


def test_other_numbers_than_0_and_1_are_not_labels(tagged):
    X, Y = tagged
    with pytest.raises(ValueError, match="0 and 1"):
        fast().fit(X, 2 * Y)
