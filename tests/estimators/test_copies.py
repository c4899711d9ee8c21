"""Predictions averaged over copies of the images."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits_images()
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def fitted(digits):
    return ConvNetClassifier(n_filters=4, hidden_layer_sizes=(), max_iter=3, random_state=0).fit(
        *digits
    )


def predict(fitted, X, setting):
    return clone_fitted(fitted).set_params(predict_augment=setting).predict_log_proba(X)


def clone_fitted(fitted):
    other = clone(fitted)
    vars(other).update(vars(fitted))
    return other


def naive(fitted, copies, weights):
    """The softmax of the weighted mean of the outputs, up to a constant for each image."""
    mean = sum(w * fitted.predict_log_proba(X) for w, X in zip(weights, copies, strict=True))
    return mean - np.log(np.exp(mean).sum(axis=1, keepdims=True))


def shifted(X, down, right):
    edged = np.pad(X, ((0, 0), (1, 1), (1, 1)), mode="edge")
    return edged[:, 1 - down : 9 - down, 1 - right : 9 - right]


@pytest.mark.parametrize("n", [20, 300])
def test_averages_of_copies(digits, fitted, n):
    X = digits[0][:n]
    mirrored = X[:, :, ::-1]
    shifts = [X, shifted(X, 1, 1), shifted(X, -1, -1)]
    expected = {
        "flip": naive(fitted, [X, mirrored], [0.5, 0.5]),
        "shift": naive(fitted, shifts, [0.5, 0.25, 0.25]),
        ("shift", "flip"): naive(
            fitted,
            [*shifts, *(copy[:, :, ::-1] for copy in shifts)],
            [0.25, 0.125, 0.125, 0.25, 0.125, 0.125],
        ),
    }
    for setting, logarithms in expected.items():
        assert_allclose(predict(fitted, X, setting), logarithms, rtol=1e-4, atol=1e-4)


def test_mirror_images_have_the_same_average(digits, fitted):
    X = digits[0]
    assert_allclose(
        predict(fitted, X, "flip"), predict(fitted, X[:, :, ::-1], "flip"), rtol=1e-4, atol=1e-4
    )


def test_it_changes_neither_training_nor_features(digits, fitted):
    X, y = digits
    other = clone(fitted).set_params(predict_augment="flip").fit(X, y)
    assert_array_equal(other.network_.parameters, fitted.network_.parameters)
    assert_array_equal(other.transform(X), fitted.transform(X))
    assert_array_equal(other.predict(X), other.predict_proba(X).argmax(axis=1))


@pytest.mark.parametrize(
    "setting", ["mirror", ("flip", "affine"), [1], ("flip", ["shift"]), 3, (), ("flip", "flip")]
)
def test_other_settings_are_refused(digits, fitted, setting):
    with pytest.raises(ValueError, match="predict_augment"):
        clone(fitted).set_params(predict_augment=setting).fit(*digits)
    with pytest.raises(ValueError, match="predict_augment"):
        predict(fitted, digits[0], setting)
