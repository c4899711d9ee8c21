"""ONNX models of pipelines, unions and searches; what needs skl2onnx."""

import sys

import numpy as np
import pytest
from helpers.onnx import QUICK, check_classifier, check_features, run
from helpers.quick import FAST, fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
from sklearn.svm import SVC

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
    to_onnx,
)
from skcnn.onnx import register_converters

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")


@pytest.fixture(scope="module")
def rows(images):
    """Rows of pixels in float32, and labels."""
    return images[0].reshape(300, 64).astype(np.float32), images[1]


def test_search_and_frozen_estimator(rows):
    search = GridSearchCV(fast(max_iter=1), {"alpha": [0, 1e-4]}, cv=2).fit(*rows)
    check_classifier(search, rows[0])
    check_classifier(FrozenEstimator(search.best_estimator_), rows[0])
    with pytest.raises(NotFittedError):
        to_onnx(GridSearchCV(fast(), {}))


PIPELINES = {
    "scaled": (StandardScaler(), ConvNetClassifier(**QUICK)),
    "scaled, PCA": (MinMaxScaler(), PCA(49), "passthrough", ConvNetClassifier(**QUICK)),
    "features": (ConvNetClassifier(**QUICK), StandardScaler(), LogisticRegression(max_iter=1000)),
    "scaled features": (
        StandardScaler(),
        ConvNetRegressor(**QUICK),
        LogisticRegression(max_iter=1000),
    ),
    "codes": (
        ConvAutoencoder(n_filters=6, max_iter=1, random_state=0),
        LogisticRegression(max_iter=1000),
    ),
    "patches": (
        PatchFeatures(n_filters=9, n_patches=200, random_state=0),
        None,
        LogisticRegression(max_iter=1000),
    ),
}


@pytest.mark.parametrize("name", PIPELINES)
@pytest.mark.parametrize("text", [False, True])
def test_pipeline_that_classifies(name, text, rows):
    X, y = rows
    labels = y.astype(str).astype(object) if text else y  # a regressor reads them as numbers
    model = make_pipeline(*PIPELINES[name]).fit(X, labels)
    check_classifier(model, X)
    found = run(to_onnx(model, zipmap=True), X[:1])
    assert list(found) == ["label", "probabilities"]
    assert list(found["probabilities"][0]) == model.classes_.tolist()


# skl2onnx 1.20 reads an attribute that scikit-learn 1.9 deprecates.
@pytest.mark.filterwarnings("ignore:Attribute `prob._` was deprecated:FutureWarning")
def test_features_for_an_svc(images, digits):
    thousand = digits[0][-1000:]
    X, y = images[0].astype(np.float64), images[1]
    pipeline = make_pipeline(ConvNetClassifier(**QUICK), StandardScaler(), SVC()).fit(X, y)
    found = run(to_onnx(pipeline), thousand.astype(np.float64))
    assert_array_equal(found["label"], pipeline.predict(thousand))


def test_other_labels_in_a_pipeline(rows):
    X, y = rows
    bools = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK)).fit(X, y > 4)
    check_classifier(bools, X)
    floats = make_pipeline(ConvNetClassifier(**QUICK), LogisticRegression(max_iter=1000)).fit(
        X, y.astype(float)
    )
    check_classifier(floats, X)
    indicator = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK))
    check_classifier(indicator.fit(X, np.stack([y > 4, y % 2], axis=1).astype(int)), X)


def test_pipelines_that_do_not_classify(rows):
    X, y = rows
    scaled = make_pipeline(StandardScaler(), ConvNetRegressor(**QUICK)).fit(X, y)
    assert_allclose(run(to_onnx(scaled), X)["variable"][:, 0], scaled.predict(X), atol=1e-4)
    ridge = make_pipeline(ConvNetRegressor(**QUICK), Ridge()).fit(X, y)
    assert_allclose(run(to_onnx(ridge), X)["variable"][:, 0], ridge.predict(X), atol=1e-4)
    codes = make_pipeline(
        StandardScaler(), ConvAutoencoder(n_filters=6, max_iter=1, random_state=0)
    ).fit(X)
    model = check_features(codes, X, "codes")
    assert len(model.graph.output) == 1
    features = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK), "passthrough")
    check_features(features.fit(X, y), X, "features")


def test_unions_and_columns(rows):
    X, y = rows
    networks = [
        ("codes", ConvAutoencoder(n_filters=6, max_iter=1, random_state=0)),
        ("nothing", "drop"),
        ("features", ConvNetClassifier(**QUICK)),
        ("patches", PatchFeatures(n_filters=9, n_patches=200, random_state=0)),
    ]
    check_classifier(
        make_pipeline(FeatureUnion(networks), LogisticRegression(max_iter=1000)).fit(X, y), X
    )
    left = ConvNetClassifier(image_shape=(4, 8), **QUICK)
    columns = ColumnTransformer(
        [("image", left, slice(32)), ("numbers", StandardScaler(), slice(32, 64))]
    )
    check_classifier(make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(X, y), X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("labels", ["text", "numbers"])
def test_options_of_skl2onnx(dtype, labels, rows):
    X, y = rows[0].astype(dtype), rows[1]
    cnn = ConvNetClassifier(**QUICK).fit(X, y.astype(str) if labels == "text" else y + 5)
    register_converters()

    def converted(**options):
        model = skl2onnx.to_onnx(cnn, X[:1], options={id(cnn): options}, target_opset=17)
        onnx.checker.check_model(model, full_check=True)
        return list(run(model, X).values())

    expected, label = cnn.predict_proba(X), cnn.predict(X)
    found = converted(zipmap=False)
    assert_array_equal(found[0], label)
    assert_allclose(found[1], expected, atol=1e-5)
    assert list(converted(zipmap=True)[1][0]) == cnn.classes_.tolist()
    columns = converted(zipmap="columns")
    assert_allclose(np.stack(columns[1:], axis=1), expected, atol=1e-5)
    assert_array_equal(converted(zipmap=False, nocl=True)[0], expected.argmax(axis=1))
    assert_array_equal(converted(zipmap=False, output_class_labels=True)[2], cnn.classes_)


@pytest.mark.parametrize(
    "step",
    [HOGTransformer(n_jobs=1), DaisyTransformer(n_jobs=1), FunctionTransformer(np.sqrt)],
    ids=repr,
)
def test_steps_without_a_translation(step, images):
    X, y = (array[:60] for array in images)
    X = X.repeat(2, axis=1).repeat(2, axis=2)  # DAISY needs more pixels
    last = ConvNetClassifier(**FAST) if step.transform(X).ndim > 2 else RidgeClassifier()
    pipeline = make_pipeline(step, last).fit(X, y)
    with pytest.raises(NotImplementedError, match=f"{type(step).__name__} .* to ONNX; expected"):
        to_onnx(pipeline)
    with pytest.raises(NotImplementedError, match=type(step).__name__):
        to_onnx(FeatureUnion([("step", step)]).fit(X, y))


@pytest.mark.parametrize("package", ["onnx", "skl2onnx"])
def test_missing_package(package, rows, monkeypatch):
    pipeline = make_pipeline(StandardScaler(), fast(max_iter=1)).fit(*rows)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf'needs {package}.*pip install "skcnn\[onnx\]"'):
        to_onnx(pipeline)
    if package == "skl2onnx":
        check_classifier(pipeline[-1], pipeline[:-1].transform(rows[0]))
        with pytest.raises(ImportError, match="register_converters needs skl2onnx"):
            register_converters()
