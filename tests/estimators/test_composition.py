"""Unions, columns, pipelines with a cache, and nested parameters."""

import numpy as np
import pandas as pd
import pytest
from helpers.quick import FAST, fast
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)

TRANSFORMERS = {
    "classifier": lambda: fast(max_iter=1),
    "regressor": lambda: ConvNetRegressor(**(FAST | {"max_iter": 1})),
    "autoencoder": lambda: ConvAutoencoder(n_filters=3, max_iter=1, random_state=0),
    "patches": lambda: PatchFeatures(n_filters=5, n_patches=100, random_state=0),
    "hog": HOGTransformer,
    "daisy": lambda: DaisyTransformer(histograms=2, orientations=3),
}


@pytest.fixture(scope="module")
def columns(images):
    """A frame with a column of images, a number and a word for each of 100 images."""
    X = images[0][:100]
    kind = ["photo", "scan"] * 50
    return pd.DataFrame({"image": list(X), "ink": X.mean(axis=(1, 2)), "kind": kind})


def all_together():
    return FeatureUnion([(name, new()) for name, new in TRANSFORMERS.items()])


def test_a_union_of_all(images):
    X, y = images
    union = all_together().fit(X, y)
    each = {name: new().fit(X, y) for name, new in TRANSFORMERS.items()}
    assert_array_equal(union.transform(X), np.hstack([step.transform(X) for step in each.values()]))
    names = [f"{n}__{f}" for n, step in each.items() for f in step.get_feature_names_out()]
    assert union.get_feature_names_out().tolist() == names
    alone = clone(union).set_params(classifier="drop", regressor="drop", hog__orientations=4)
    assert alone.fit(X).transform(X).shape[1] < len(names) - 96 * 2
    assert alone.transformer_list[4][1].orientations == 4


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_pixels_beside_other_columns(images, name):
    """Images of 4 x 8 pixels in half of the columns of a table."""
    X, y = images[0][:100].reshape(100, 64), images[1][:100]
    image = TRANSFORMERS[name]().set_params(image_shape=(4, 8))
    both = ColumnTransformer([("image", image, slice(32)), ("rest", MinMaxScaler(), slice(32, 64))])
    found = both.fit_transform(X, y)
    features = clone(image).fit(X[:, :32].reshape(100, 4, 8), y).transform(X[:, :32])
    assert_array_equal(found, np.hstack([features, MinMaxScaler().fit_transform(X[:, 32:])]))
    names = both.get_feature_names_out()
    assert len(names) == found.shape[1]
    assert names[-1] == "rest__x63"


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("selected", ["image", ["image"]])
def test_a_column_of_images_beside_other_columns(images, columns, name, selected):
    """One column has one name, but as many features as an image has pixels."""
    X, y = images[0][:100], images[1][:100]
    new = TRANSFORMERS[name]
    transformer = ColumnTransformer(
        [
            ("image", new(), selected),
            ("ink", StandardScaler(), ["ink"]),
            ("kind", OneHotEncoder(sparse_output=False), ["kind"]),
        ]
    )
    image = new().fit(X, y)
    names = [f"image__{feature}" for feature in image.get_feature_names_out()]
    names += ["ink__ink", "kind__kind_photo", "kind__kind_scan"]
    found = transformer.fit_transform(columns, y)
    assert_array_equal(found[:, :-3], image.transform(X))
    assert transformer.get_feature_names_out().tolist() == names
    frame = clone(transformer).set_output(transform="pandas").fit_transform(columns, y)
    assert frame.columns.tolist() == names
    assert_array_equal(frame.to_numpy(float), found)
    model = make_pipeline(transformer, LogisticRegression(max_iter=3000)).fit(columns, y)
    assert model[:-1].get_feature_names_out().tolist() == names


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_which_names_are_checked(images, columns, name):
    """Names are checked where they can be those of pixels."""
    X, y = images[0][:100], images[1][:100]
    frame = pd.DataFrame(X.reshape(100, 64), columns=[f"pixel{i}" for i in range(64)])
    model = TRANSFORMERS[name]().fit(frame, y)
    expected = model.get_feature_names_out().tolist()
    assert model.get_feature_names_out(frame.columns).tolist() == expected
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        model.get_feature_names_out(["image"])
    model.fit(frame.to_numpy(), y)
    with pytest.raises(
        ValueError, match="input_features should have length equal to number of fea"
    ):
        model.get_feature_names_out(["left", "right"])
    for form in (X, columns["image"], columns[["image"]], list(X)):
        assert model.fit(form, y).get_feature_names_out(["image"]).tolist() == expected
    flat = pd.DataFrame({"image": list(X.reshape(100, 64))})
    assert model.fit(flat, y).get_feature_names_out(["image"]).tolist() == expected


def test_names_behind_a_function_of_images(images):
    """Which has a name for each row of an image."""
    divide = FunctionTransformer(_divide, feature_names_out="one-to-one")
    pipeline = make_pipeline(divide, fast(max_iter=1), PCA(3)).fit(*images)
    assert pipeline.get_feature_names_out().tolist() == ["pca0", "pca1", "pca2"]


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_pipeline_with_a_cache(images, name, tmp_path, monkeypatch):
    """The second fit reads the fitted step from the cache."""
    X, y = images
    step = TRANSFORMERS[name]()
    steps = [("features", step), ("classifier", LogisticRegression(max_iter=3000))]
    pipeline = Pipeline(steps, memory=str(tmp_path)).fit(X, y)
    expected = clone(pipeline).set_params(memory=None).fit(X, y).predict_proba(X)
    assert_array_equal(pipeline.predict_proba(X), expected)

    def refuse(self, X, y=None):
        raise AssertionError("fitted again")

    monkeypatch.setattr(type(step), "fit", refuse)
    again = clone(pipeline).set_params(classifier__C=1e-3).fit(X, y)
    assert_array_equal(again[0].transform(X), pipeline[0].transform(X))
    assert not np.allclose(again.predict_proba(X), expected)
    with pytest.raises(AssertionError, match="fitted again"):
        clone(pipeline).set_params(features__image_shape=(8, 8)).fit(X, y)


def test_nested_parameters(images):
    """Of a network that starts from another one, in a pipeline."""
    start = ConvAutoencoder(n_filters=6, max_iter=1, random_state=0)
    network = ConvNetClassifier(**(FAST | {"pretrained": start, "padding": "same"}))
    pipeline = Pipeline([("cnn", network)])
    pipeline.set_params(cnn__pretrained__noise=0.2, cnn__n_jobs=1)
    assert start.noise == 0.2
    assert pipeline.get_params()["cnn__pretrained__max_iter"] == 1
    copy = clone(pipeline)
    assert copy["cnn"].pretrained is not start
    assert copy.get_params()["cnn__pretrained__noise"] == 0.2
    copy.set_params(cnn__pretrained=None)
    assert pipeline["cnn"].pretrained is start
    with pytest.raises(ValueError, match="Invalid parameter 'noise' for estimator"):
        pipeline.set_params(cnn__noise=0.1)


def _divide(X):
    return X / 16
