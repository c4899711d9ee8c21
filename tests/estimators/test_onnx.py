"""ONNX models give what the estimators give."""

import json
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from helpers.quick import FAST, fast
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import VotingClassifier
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
    __version__,
    to_onnx,
)
from skcnn.engine import layers
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network
from skcnn.onnx import register_converters

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

QUICK = {"n_filters": (6, 8), "hidden_layer_sizes": (12,), "max_iter": 2, "random_state": 0}
PAPER = {
    "n_filters": 16,
    "filter_size": 5,
    "padding": "valid",
    "pool_regions": 2,
    "pooling": "mean",
    "hidden_layer_sizes": (10,),
    "activation": "sigmoid",
    "output_activation": "sigmoid",
    "normalization": None,
}
ARCHITECTURES = {
    "defaults": {"n_filters": (32, 32, 64), "hidden_layer_sizes": (128,)},
    "the paper's": PAPER,
    "the paper's, uniform weights": {**PAPER, "weight_init": "uniform", "hidden_layer_sizes": ()},
    "mean pooling": {"pooling": "mean"},
    "partial windows": {"pool_size": 3},
    "partial windows, mean": {"pool_size": 3, "pooling": "mean"},
    "regions of two sizes": {"pool_regions": (3, 5)},
    "regions of two sizes, mean": {"pool_regions": (5, 3), "pooling": "mean"},
    "no pooling, valid": {"pool_size": 1, "padding": "valid", "filter_size": (4, 3)},
    "even filters": {"filter_size": (2, 4)},
    "no hidden layer, tanh": {"hidden_layer_sizes": (), "activation": "tanh"},
    "three hidden layers": {"hidden_layer_sizes": (20, 16, 12), "dropout": 0.5},
    "no batch normalization": {"normalization": None},
    "sigmoid output": {"output_activation": "sigmoid"},
    "no standardization": {"standardize": False},
    "mirrored": {"predict_augment": "flip"},
    "mirrored and shifted": {"predict_augment": ("flip", "shift")},
}


def run(model, X):
    """The outputs of a model for X, by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X}), strict=True))


def check_classifier(estimator, X, **arguments):
    """Compare labels and probabilities of one image and of many; return the model."""
    model = to_onnx(estimator, **arguments)
    for images in (X[:1], X):
        found = run(model, images)
        assert list(found) == ["label", "probabilities"]
        assert_array_equal(found["label"], estimator.predict(images))
        assert_allclose(found["probabilities"], estimator.predict_proba(images), atol=1e-5, rtol=0)
        assert found["probabilities"].dtype == np.float32
    return model


def check_features(estimator, X, name, **arguments):
    """Compare the features of one image and of many."""
    model = to_onnx(estimator, **arguments)
    for images in (X[:1], X):
        expected = estimator.transform(images)
        assert_allclose(run(model, images)[name], expected, atol=1e-5 * np.abs(expected).max())
    return model


@pytest.fixture(scope="module")
def thousand(digits):
    return digits[0][-1000:]


@pytest.fixture(scope="module")
def rows(images):
    """Rows of pixels in float32, and labels."""
    return images[0].reshape(300, 64).astype(np.float32), images[1]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_classifier(name, images, thousand):
    X, y = images
    labels = np.char.add("digit ", y.astype(str)) if len(name) % 2 else y
    cnn = ConvNetClassifier(**{**QUICK, **ARCHITECTURES[name]}).fit(X, labels)
    model = check_classifier(cnn, thousand)
    normalizations = {"BatchNormalization", "Add"} & {node.op_type for node in model.graph.node}
    assert not normalizations  # folded


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_random_networks(data):
    size = st.integers(1, 4)
    shape = data.draw(st.tuples(st.integers(3, 11), st.integers(3, 11), st.integers(1, 3)))
    n_layers = data.draw(st.integers(1, 3))
    per_layer = st.lists(size, min_size=n_layers, max_size=n_layers)
    cnn = ConvNetClassifier(
        n_filters=data.draw(per_layer),
        filter_size=data.draw(per_layer),
        pool_size=data.draw(per_layer),
        pool_regions=data.draw(st.none() | per_layer),
        pooling=data.draw(st.sampled_from(["max", "mean"])),
        hidden_layer_sizes=data.draw(st.lists(size, max_size=2)),
        activation=data.draw(st.sampled_from(["relu", "tanh", "sigmoid"])),
        output_activation=data.draw(st.sampled_from(["softmax", "sigmoid"])),
        normalization=data.draw(st.sampled_from(["batch", None])),
        predict_augment=data.draw(st.sampled_from([None, "flip", "shift"])),
        image_shape=shape,
        max_iter=1,
        random_state=0,
    )
    X = np.random.default_rng(0).normal(5, 2, (40, *shape))
    model = to_onnx(cnn.fit(X, np.arange(40) % 3))
    assert_allclose(run(model, X)["probabilities"], cnn.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("form", [(64,), (8, 8), (8, 8, 1), (8, 4, 2)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "int64", "float32", "float64"])
def test_form_and_dtype_of_X(form, dtype, images):
    X, y = images
    X = (X > 8 if dtype == "bool" else X).astype(dtype).reshape(300, *form)
    shape = (8, 4, 2) if form[-1] == 2 else None
    model = check_classifier(fast(image_shape=shape, max_iter=1).fit(X, y), X)
    tensor = model.graph.input[0].type.tensor_type
    assert onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type) == X.dtype
    assert [dim.dim_value for dim in tensor.shape.dim] == [0, *form]
    assert tensor.shape.dim[0].dim_param


@pytest.mark.parametrize(
    ("factor", "offset", "dtype"),
    [(1e-42, 0, np.float64), (1e-3, 1e6, np.float64), (1, 0, ">f4"), (1, 0, np.float16)],
)
def test_unusual_pixels(factor, offset, dtype, images):
    X, y = images
    X = (factor * X.astype(np.float64) + offset).astype(dtype)
    cnn = fast().fit(X, y)
    found = run(to_onnx(cnn), X.astype(X.dtype.newbyteorder("=")))
    assert_allclose(found["probabilities"], cnn.predict_proba(X), atol=1e-5)


def test_estimator_without_the_dtype_of_X(rows):
    cnn = fast().fit(rows[0].astype(np.uint8), rows[1])
    del cnn._dtype_name  # pickled by an earlier version
    check_classifier(cnn, rows[0])


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 7, 11]),
        np.array([0, 1, 2], dtype=np.uint8),
        np.array([-1.0, 0.0, 5.0]),
        np.array(["b", "ä", "c"]),
        np.array(["b", "a", "long"], dtype=object),
        np.array([False, True]),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels(labels, images):
    X, y = images
    y = labels[y % len(labels)]
    cnn = fast().fit(X, y)
    model = check_classifier(cnn, X)
    text = labels.dtype.kind in "UO"
    assert run(model, X)["label"].dtype == (object if text else np.int64)
    assert json.loads(model.metadata_props[1].value) == cnn.classes_.tolist()
    found = run(to_onnx(cnn, zipmap=True), X[:2])
    assert_array_equal(found["label"], cnn.predict(X[:2]))
    for row, expected in zip(found["probabilities"], cnn.predict_proba(X[:2]), strict=True):
        assert list(row) == cnn.classes_.tolist()
        assert_allclose(list(row.values()), expected, atol=1e-5)


@pytest.mark.parametrize(
    "labels",
    [np.array(["2024-01-01", "2024-01-02"], "M8[D]"), np.array([2**63, 2**64 - 1], np.uint64)],
)
def test_labels_that_onnx_does_not_have(labels, images):
    cnn = fast(max_iter=1).fit(images[0], labels[images[1] % 2])
    with pytest.raises(NotImplementedError, match=r"Train with such labels, for example \[str"):
        to_onnx(cnn)


def test_indicator_matrix(images, thousand):
    X, y = images
    Y = np.stack([y % 2, y > 4, y == 1], axis=1).astype(int)
    cnn = ConvNetClassifier(**QUICK).fit(X, Y)
    check_classifier(cnn, thousand)
    (row,) = run(to_onnx(cnn, zipmap=True), X[:1])["probabilities"]
    assert list(row) == [0, 1, 2]


@pytest.mark.parametrize("n_targets", [None, 1, 3])
def test_regressor(n_targets, images, thousand):
    X, y = images
    y = 1000.0 * y if n_targets is None else y[:, None] ** np.arange(1.0, n_targets + 1)
    network = ConvNetRegressor(**QUICK, predict_augment="shift").fit(X, y)
    model = to_onnx(network)
    for some in (thousand[:1], thousand):
        expected = network.predict(some).reshape(len(some), -1)
        found = run(model, some)["variable"]
        assert found.shape == expected.shape
        assert_allclose(found, expected, atol=1e-5 * np.abs(y).max())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"code_size": 5, "noise": 0.1, "sparsity": 0.5},
        {"pool_size": 3, "pooling": "mean", "normalization": None, "activation": "tanh"},
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(8, 8), (4, 8, 2), (64,)], ids=str)
def test_autoencoder(changes, shape, images):
    X = images[0].reshape(300, *shape)
    autoencoder = ConvAutoencoder(n_filters=(6, 8), max_iter=2, random_state=0, **changes).fit(X)
    model = check_features(autoencoder, X, "codes")
    found = run(model, X)
    assert list(found) == ["codes", "reconstruction"]
    expected = autoencoder.inverse_transform(autoencoder.transform(X))
    assert_allclose(found["reconstruction"], expected, atol=2e-4)
    codes_only = to_onnx(make_pipeline(autoencoder, "passthrough"))
    assert_array_equal(run(codes_only, X)["codes"], found["codes"])
    assert len(codes_only.graph.output) == 1


@pytest.mark.parametrize("form", [(8, 8), (4, 8, 2), (2, 32)])
@pytest.mark.parametrize("changes", [{}, {"pool_regions": 2, "filter_size": 2, "threshold": 0}])
def test_patch_features(form, changes, images, thousand):
    patches = PatchFeatures(
        n_filters=20, n_patches=1000, method="random", random_state=0, **changes
    )
    patches.fit(images[0].reshape(300, *form))
    check_features(patches, thousand.reshape(1000, *form), "features")


@pytest.mark.parametrize("kind", [ConvNetClassifier, ConvNetRegressor])
def test_features_of_a_network(kind, images, thousand):
    network = kind(**QUICK).fit(*images)
    model = check_features(make_pipeline(network, "passthrough"), thousand, "features")
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"Gemm", "MatMul"}  # the dense layers are left out


def test_frozen_and_pretrained_layers(images, thousand):
    X, y = images
    first = ConvNetClassifier(**QUICK).fit(X, y)
    cnn = ConvNetClassifier(**QUICK, pretrained=FrozenEstimator(first), freeze=True).fit(X, y)
    check_classifier(cnn, thousand)


def test_search_and_frozen_estimator(rows):
    search = GridSearchCV(fast(max_iter=1), {"alpha": [0, 1e-4]}, cv=2).fit(*rows)
    check_classifier(search, rows[0])
    check_classifier(FrozenEstimator(search.best_estimator_), rows[0])
    with pytest.raises(NotFittedError):
        to_onnx(GridSearchCV(fast(), {}))


PIPELINES = {
    "scaled": (StandardScaler(), ConvNetClassifier(**QUICK)),
    "scaled, PCA": (MinMaxScaler(), PCA(49), "passthrough", ConvNetClassifier(**QUICK)),
    "features": (ConvNetClassifier(**QUICK), StandardScaler(), LogisticRegression()),
    "scaled features": (StandardScaler(), ConvNetRegressor(**QUICK), LogisticRegression()),
    "codes": (ConvAutoencoder(n_filters=6, max_iter=1), LogisticRegression()),
    "patches": (PatchFeatures(n_filters=9, n_patches=200), None, LogisticRegression()),
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
def test_features_for_an_svc(images, thousand):
    X, y = images[0].astype(np.float64), images[1]
    pipeline = make_pipeline(ConvNetClassifier(**QUICK), StandardScaler(), SVC()).fit(X, y)
    found = run(to_onnx(pipeline), thousand.astype(np.float64))
    assert_array_equal(found["label"], pipeline.predict(thousand))


def test_other_labels_in_a_pipeline(rows):
    X, y = rows
    bools = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK)).fit(X, y > 4)
    check_classifier(bools, X)
    floats = make_pipeline(ConvNetClassifier(**QUICK), LogisticRegression()).fit(X, y.astype(float))
    check_classifier(floats, X)
    indicator = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK))
    check_classifier(indicator.fit(X, np.stack([y > 4, y % 2], axis=1).astype(int)), X)


def test_pipelines_that_do_not_classify(rows):
    X, y = rows
    scaled = make_pipeline(StandardScaler(), ConvNetRegressor(**QUICK)).fit(X, y)
    assert_allclose(run(to_onnx(scaled), X)["variable"][:, 0], scaled.predict(X), atol=1e-4)
    ridge = make_pipeline(ConvNetRegressor(**QUICK), Ridge()).fit(X, y)
    assert_allclose(run(to_onnx(ridge), X)["variable"][:, 0], ridge.predict(X), atol=1e-4)
    codes = make_pipeline(StandardScaler(), ConvAutoencoder(n_filters=6, max_iter=1)).fit(X)
    model = check_features(codes, X, "codes")
    assert len(model.graph.output) == 1
    features = make_pipeline(StandardScaler(), ConvNetClassifier(**QUICK), "passthrough")
    check_features(features.fit(X, y), X, "features")


def test_unions_columns_and_ensembles(rows):
    X, y = rows
    networks = [
        ("codes", ConvAutoencoder(n_filters=6, max_iter=1)),
        ("nothing", "drop"),
        ("features", ConvNetClassifier(**QUICK)),
        ("patches", PatchFeatures(n_filters=9, n_patches=200)),
    ]
    check_classifier(make_pipeline(FeatureUnion(networks), LogisticRegression()).fit(X, y), X)
    left = ConvNetClassifier(image_shape=(4, 8), **QUICK)
    columns = ColumnTransformer(
        [("image", left, slice(32)), ("numbers", StandardScaler(), slice(32, 64))]
    )
    check_classifier(make_pipeline(columns, LogisticRegression()).fit(X, y), X)
    members = [(str(seed), fast(random_state=seed)) for seed in (1, 2)]
    voting = VotingClassifier(members, voting="soft", flatten_transform=False)
    check_classifier(voting.fit(X.reshape(-1, 8, 8), y), X.reshape(-1, 8, 8))


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
    label_, scores = converted(zipmap=False, raw_scores=True)
    assert_array_equal(label_, label)
    assert_allclose(scores, cnn._outputs(X), atol=1e-4)


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_target_opset(opset, images):
    cnn = ConvNetClassifier(**QUICK | {"output_activation": "sigmoid"}).fit(*images)
    for estimator in (cnn, make_pipeline(cnn, PCA(5).fit(cnn.transform(images[0])))):
        model = to_onnx(estimator, target_opset=opset)
        assert {entry.version for entry in model.opset_import if not entry.domain} == {opset}
        run(model, images[0])
    check_classifier(cnn, images[0], target_opset=opset)


@pytest.mark.parametrize("opset", [12, 1000])
def test_unknown_opset(opset, images):
    with pytest.raises(ValueError, match=f"target_opset is {opset}; expected 13 to"):
        to_onnx(fast(max_iter=1).fit(*images), target_opset=opset)


def test_metadata(images):
    model = to_onnx(fast(max_iter=1).fit(*images))
    assert (model.producer_name, model.producer_version) == ("skcnn", __version__)
    assert "ConvNetClassifier" in model.doc_string
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)  # both of 2022
    found = {entry.key: entry.value for entry in model.metadata_props}
    assert found["estimator"].startswith("ConvNetClassifier(")
    assert json.loads(found["classes"]) == list(range(10))


def test_the_file_is_written_whole(images, tmp_path, monkeypatch):
    path = tmp_path / "new" / "cnn.onnx"
    model = to_onnx(fast(max_iter=1).fit(*images), path)
    assert [file.name for file in path.parent.iterdir()] == ["cnn.onnx"]
    assert path.read_bytes() == model.SerializeToString()
    onnx.checker.check_model(str(path), full_check=True)

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        to_onnx(fast(n_filters=1, max_iter=1).fit(*images), str(path))
    assert path.read_bytes() == model.SerializeToString()


@pytest.mark.parametrize(
    "estimator",
    [
        ConvNetClassifier(),
        ConvAutoencoder(),
        PatchFeatures(),
        make_pipeline(StandardScaler(), ConvNetRegressor()),
        FrozenEstimator(ConvNetClassifier()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_not_fitted(estimator):
    with pytest.raises(NotFittedError):
        to_onnx(estimator)


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


def test_not_an_estimator():
    with pytest.raises(TypeError, match="not an estimator"):
        to_onnx("cnn.joblib")


def test_zipmap_needs_a_classifier(images):
    with pytest.raises(ValueError, match="ConvNetRegressor predicts no probabilities"):
        to_onnx(ConvNetRegressor(**QUICK).fit(*images), zipmap=True)


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


def test_every_layer_has_a_translation():
    from skcnn._onnx.layers import translate

    training_only = {"Dropout", "GaussianNoise", "KeepLargest"}
    known = {kind.__name__ for kind in translate.registry if kind is not object}
    assert known == set(layers.__all__) - training_only


def test_batch_normalization_that_cannot_be_folded(images):
    cnn = fast(max_iter=1).fit(*images)
    network = Network([layers.BatchNorm(), *cnn.network_.layers], (8, 8, 1))
    network.initialize(np.random.default_rng(0))
    network.layer_state[0].mean[:], network.layer_state[0].variance[:] = 0.3, 2
    cnn.network_ = network
    check_classifier(cnn, images[0])


def test_layer_without_a_translation(images):
    class Unknown(Layer):
        def plan(self, in_shape):
            return layers.Flatten().plan(in_shape)

        def __repr__(self):
            return "Unknown()"

    cnn = fast(max_iter=1).fit(*images)
    known = cnn.network_.layers
    own = [Unknown() if isinstance(layer, layers.Flatten) else layer for layer in known]
    cnn.network_ = Network(own, (8, 8, 1))
    with pytest.raises(NotImplementedError, match=r"the layer Unknown\(\), which has no transl"):
        to_onnx(cnn)


def test_the_code_of_the_manual(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "deployment.md").read_text(encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    module = types.ModuleType("manual")
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(block, vars(module))
    assert (tmp_path / "digits.onnx").exists()
    assert_array_equal(module.label, module.cnn.predict(module.X[:5]))
