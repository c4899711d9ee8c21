"""Weights and validation images that go through a pipeline to a network.

With scikit-learn's metadata routing each step says what it wants; without it, the name of the step
is put in front: ``pipeline.fit(X, y, cnn__sample_weight=weights)``.

`test_routing_searches.py` tests searches and ensembles.
"""

import numpy as np
import pytest
from helpers.quick import FAST, fast
from helpers.routing import assert_same, images_and_metadata, requesting
from numpy.testing import assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.utils.metadata_routing import get_routing_for_object

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
    make_hog_svc,
)


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


@pytest.fixture(scope="module")
def data(digits):
    return images_and_metadata(digits)[0]


@pytest.fixture(scope="module")
def given(digits):
    return images_and_metadata(digits)[1]


def regressor(**changes):
    return ConvNetRegressor(**(FAST | changes))


def autoencoder():
    return ConvAutoencoder(n_filters=3, max_iter=2, random_state=0)


REQUESTS = {
    ConvNetClassifier: {
        "fit": {"sample_weight", "X_val", "y_val", "sample_weight_val"},
        "partial_fit": {"classes", "sample_weight"},
        "score": {"sample_weight"},
    },
    ConvNetRegressor: {
        "fit": {"sample_weight", "X_val", "y_val", "sample_weight_val"},
        "partial_fit": {"sample_weight"},
        "score": {"sample_weight"},
    },
    ConvAutoencoder: {
        "fit": {"sample_weight", "X_val", "sample_weight_val"},
        "partial_fit": {"sample_weight"},
        "score": {"sample_weight"},
    },
    PatchFeatures: {},
    HOGTransformer: {},
    DaisyTransformer: {},
}


@pytest.mark.parametrize("estimator", REQUESTS)
def test_what_can_be_requested(routing, estimator):
    new = estimator()
    setters = {name for name in dir(new) if name.startswith("set_") and name.endswith("_request")}
    assert setters == {f"set_{method}_request" for method in REQUESTS[estimator]}
    for method, names in REQUESTS[estimator].items():
        getattr(new, f"set_{method}_request")(**dict.fromkeys(names, True))
        assert get_routing_for_object(new).consumes(method, names) == names
        assert get_routing_for_object(clone(new)).consumes(method, names) == names


def test_what_is_passed_must_be_requested(routing, data, given):
    """But not where the network is called directly."""
    fast().fit(*data, **given)
    weights = {"sample_weight": given["sample_weight"]}
    message = r"\[.*\] are passed but are not explicitly set .*requested for ConvNetClassifier\.fit"
    with pytest.raises(UnsetMetadataPassedError, match=message):
        make_pipeline(fast()).fit(*data, **given)
    with pytest.raises(UnsetMetadataPassedError, match=message):
        GridSearchCV(fast(), {"alpha": [0.1]}).fit(*data, **weights)
    network = fast().set_fit_request(sample_weight=False)
    with pytest.raises(TypeError, match=r"unexpected argument.*'sample_weight'"):
        make_pipeline(network).fit(*data, **weights)
    search = GridSearchCV(requesting(fast(), "sample_weight"), {"alpha": [0.1]})
    with pytest.raises(UnsetMetadataPassedError, match=r"requested for ConvNetClassifier\.score"):
        search.fit(*data, **weights)


# --- pipelines ------------------------------------------------------------------------------------


def test_a_pipeline_transforms_validation_images(routing, data, given):
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    steps = [("scaler", scaler), ("cnn", requesting(fast(standardize=False)))]
    pipeline = Pipeline(steps, transform_input=["X_val"]).fit(*data, **given)
    scaler = StandardScaler().fit(*data, sample_weight=given["sample_weight"])
    scaled = given | {"X_val": scaler.transform(given["X_val"])}
    expected = fast(standardize=False).fit(scaler.transform(data[0]), data[1], **scaled)
    assert_same(pipeline["cnn"], expected)
    unweighted = fast(standardize=False).fit(scaler.transform(data[0]), data[1])
    assert not np.array_equal(expected.network_.parameters, unweighted.network_.parameters)


def test_a_network_in_front_of_other_steps(routing, data, given):
    codes = requesting(autoencoder(), "sample_weight", "X_val")
    last = LogisticRegression(max_iter=3000).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(MinMaxScaler(), codes, last, transform_input=["X_val"])
    weights, X_val = given["sample_weight"], given["X_val"]
    pipeline.fit(*data, sample_weight=weights, X_val=X_val)
    scaler = MinMaxScaler().fit(data[0])
    X = scaler.transform(data[0])
    expected = autoencoder().fit(X, sample_weight=weights, X_val=scaler.transform(X_val))
    assert_same(pipeline["convautoencoder"], expected)
    classifier = clone(last).fit(expected.transform(X), data[1], sample_weight=weights)
    assert_array_equal(pipeline[-1].coef_, classifier.coef_)


def test_regressors(routing, data, given):
    y, y_val = data[0].mean(axis=1), given["X_val"].mean(axis=1)
    weights, X_val = given["sample_weight"], given["X_val"]
    passed = {"sample_weight": weights, "X_val": X_val, "y_val": y_val}
    network = requesting(regressor())
    pipeline = make_pipeline(MinMaxScaler(), network, transform_input=["X_val"])
    pipeline.fit(data[0], y, **passed)
    scaler = MinMaxScaler().fit(data[0])
    scaled = passed | {"X_val": scaler.transform(X_val)}
    assert_same(pipeline[-1], regressor().fit(scaler.transform(data[0]), y, **scaled))
    # y_val is not transformed like y.
    transformed = TransformedTargetRegressor(network, func=np.log1p, inverse_func=np.expm1)
    transformed.fit(data[0], y, **passed | {"y_val": np.log1p(y_val)})
    expected = regressor().fit(data[0], np.log1p(y), **passed | {"y_val": np.log1p(y_val)})
    assert_same(transformed.regressor_, expected)


def test_without_routing_the_name_of_the_step_is_put_in_front(data, given):
    passed = {f"cnn__{name}": value for name, value in given.items()}
    pipeline = Pipeline([("nothing", "passthrough"), ("cnn", fast())]).fit(*data, **passed)
    assert_same(pipeline["cnn"], fast().fit(*data, **given))
    weights = given["sample_weight"]
    svc = make_hog_svc().fit(*data, svc__sample_weight=weights)
    weighted = make_hog_svc()["svc"].fit(svc["hog"].transform(data[0]), data[1], weights)
    assert_array_equal(svc["svc"].dual_coef_, weighted.dual_coef_)


@pytest.mark.parametrize(
    "step",
    [
        HOGTransformer(orientations=3),
        DaisyTransformer(histograms=2, orientations=3),
        PatchFeatures(n_filters=5, n_patches=100, random_state=0),
    ],
    ids=lambda step: type(step).__name__,
)
def test_features_that_need_no_weights(routing, data, given, step):
    """Their `fit` has none; in a pipeline they go past these steps."""
    weights = given["sample_weight"]
    with pytest.raises(TypeError, match="unexpected keyword argument 'sample_weight'"):
        step.fit(*data, sample_weight=weights)
    last = LogisticRegression(max_iter=3000).set_fit_request(sample_weight=True)
    pipeline = make_pipeline(clone(step), last).fit(*data, sample_weight=weights)
    features = clone(step).fit_transform(data[0])
    assert_array_equal(pipeline[-1].coef_, clone(last).fit(features, data[1], weights).coef_)


def test_unions_and_columns(routing, data, given):
    weights, X_val = given["sample_weight"], given["X_val"]
    codes = requesting(autoencoder(), "sample_weight", "X_val")
    union = FeatureUnion([("codes", codes), ("hog", HOGTransformer())])
    union.fit(data[0], sample_weight=weights, X_val=X_val)
    expected = autoencoder().fit(data[0], sample_weight=weights, X_val=X_val)
    assert_same(union.transformer_list[0][1], expected)
    weighted = requesting(autoencoder(), "sample_weight")
    columns = ColumnTransformer(
        [("codes", weighted, slice(0, 49)), ("rest", "drop", slice(49, 64))]
    )
    columns.fit(data[0], sample_weight=weights)
    expected = autoencoder().fit(data[0][:, :49], sample_weight=weights)
    assert_array_equal(columns.named_transformers_["codes"].filters_, expected.filters_)
