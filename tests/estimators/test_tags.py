"""Tags: what scikit-learn is told about an estimator is what it does."""

from dataclasses import asdict

import numpy as np
import pytest
from helpers.quick import FAST, fast
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.utils import get_tags

import skcnn
from skcnn import (
    ConvAutoencoder,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)

ESTIMATORS = {
    "classifier": fast(max_iter=1),
    "regressor": ConvNetRegressor(**(FAST | {"max_iter": 1})),
    "autoencoder": ConvAutoencoder(n_filters=3, max_iter=1),
    "patches": PatchFeatures(n_filters=5, n_patches=100),
    "hog": HOGTransformer(),
    "hog of roots": HOGTransformer(transform_sqrt=True),
    "daisy": DaisyTransformer(histograms=2, orientations=3),
}


def test_all_estimators_are_tested():
    classes = {
        found
        for name in skcnn.__all__
        if isinstance(found := getattr(skcnn, name), type) and issubclass(found, BaseEstimator)
    }
    assert {type(estimator) for estimator in ESTIMATORS.values()} == classes


@pytest.fixture(scope="module")
def data(images):
    """100 images of floats and their labels."""
    return images[0][:100].astype(float), images[1][:100]


def can_fit(name, X, y):
    """Whether it takes X and y; ValueError or TypeError if not."""
    try:
        clone(ESTIMATORS[name]).fit(X, y)
    except (ValueError, TypeError):
        return False
    return True


@pytest.mark.parametrize("name", ESTIMATORS)
def test_input_tags(data, name):
    X, y = data
    tags, rows = get_tags(ESTIMATORS[name]).input_tags, X.reshape(100, 64)
    missing = np.where(np.arange(64) == 9, np.nan, rows)
    found = {
        "one_d_array": can_fit(name, rows[:, 0], y),
        "two_d_array": can_fit(name, rows, y),
        "three_d_array": can_fit(name, X, y),
        "sparse": can_fit(name, csr_array(rows), y),
        "allow_nan": can_fit(name, missing, y),
        "positive_only": not can_fit(name, rows - 1, y),
        "string": can_fit(name, np.full((100, 64), "dark"), y),
        "dict": can_fit(name, [{"dark": 1.0}] * 100, y),
        "categorical": False,
        "pairwise": False,
    }
    assert asdict(tags) == found
    assert found["two_d_array"]
    assert found["three_d_array"]


@pytest.mark.parametrize("name", ESTIMATORS)
def test_target_tags(data, name):
    X, y = data
    tags = get_tags(ESTIMATORS[name])
    assert tags.target_tags.required == (not can_fit(name, X, None))
    indicator = np.stack([y > 4, y % 2], axis=1).astype(int)
    if is_classifier(ESTIMATORS[name]):
        assert tags.classifier_tags.multi_class
        assert tags.classifier_tags.multi_label == can_fit(name, X, indicator)
        assert tags.target_tags.multi_output == can_fit(name, X, 2 * indicator)
    elif is_regressor(ESTIMATORS[name]):
        assert tags.target_tags.multi_output == can_fit(name, X, indicator)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_transformer_tags(data, name):
    """Features are float32, whatever the pixels are."""
    X, y = data
    tags = get_tags(ESTIMATORS[name])
    kept = []
    for dtype in ("float64", "float32", "uint8"):
        model = clone(ESTIMATORS[name]).fit(X.astype(dtype), y)
        kept += [dtype] * (model.transform(X.astype(dtype)).dtype == dtype)
    assert tags.transformer_tags.preserves_dtype == kept == ["float32"]
    if not tags.requires_fit:
        clone(ESTIMATORS[name]).transform(X)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_other_tags(data, name):
    tags = get_tags(ESTIMATORS[name])
    assert tags.estimator_type == {"classifier": "classifier", "regressor": "regressor"}.get(name)
    assert not tags.non_deterministic
    assert not tags.no_validation
    assert not tags.array_api_support
    assert tags.requires_fit == (name not in ("hog", "hog of roots", "daisy"))
