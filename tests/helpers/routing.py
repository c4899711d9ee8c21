"""Shared by the tests of metadata routing."""

import numpy as np
from numpy.testing import assert_array_equal


def images_and_metadata(digits):
    """Training images as rows of pixels and their labels; weights and validation images."""
    X = digits[0][:300].reshape(300, 64).astype(float)
    weights = np.random.default_rng(0).integers(0, 4, 200).astype(float)
    given = {"sample_weight": weights, "X_val": X[200:], "y_val": digits[1][200:300]}
    return (X[:200], digits[1][:200]), given


def requesting(estimator, *names):
    """The estimator, which requests these arguments of `fit`; all of them without names."""
    names = names or ("sample_weight", "X_val", "y_val")
    return estimator.set_fit_request(**dict.fromkeys(names, True))


def assert_same(found, expected):
    """The same weights, from training on the same images, and the same validation losses."""
    assert_array_equal(found.network_.parameters, expected.network_.parameters)
    assert found.validation_loss_curve_ == expected.validation_loss_curve_
