"""ONNX models give what the estimators give; pipelines: `test_onnx_pipelines`."""

import json
import re
import types
from pathlib import Path

import numpy as np
import pytest
from helpers.onnx import QUICK, check_classifier, check_features, run
from helpers.quick import fast
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    PatchFeatures,
    __version__,
    to_onnx,
)
from skcnn.engine import layers
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
skl2onnx = pytest.importorskip("skl2onnx")

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


@pytest.fixture(scope="module")
def thousand(digits):
    return digits[0][-1000:]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_classifier(name, images, thousand):
    X, y = images
    labels = np.char.add("digit ", y.astype(str)) if len(name) % 2 else y
    cnn = ConvNetClassifier(**{**QUICK, **ARCHITECTURES[name]}).fit(X, labels)
    model = check_classifier(cnn, thousand)
    normalizations = {"BatchNormalization", "Add"} & {node.op_type for node in model.graph.node}
    assert not normalizations  # folded


@settings(max_examples=60)
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


def test_estimator_without_the_dtype_of_X(images):
    X, y = images
    cnn = fast().fit(X, y)
    del cnn._dtype_name  # pickled by an earlier version
    check_classifier(cnn, X.astype(np.float32))


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
    ("labels", "function"),
    [
        (np.array(["2024-01-01", "2024-01-02"], "M8[D]"), "str"),
        (np.array([2**63, 2**64 - 1], np.uint64), "str"),
        (np.array([0, 1e300]), "str"),
        (np.array(["cat", "\udcff"]), "ascii"),  # from the name of a file that is not UTF-8
    ],
)
def test_labels_that_onnx_does_not_have(labels, function, images):
    cnn = fast(max_iter=1).fit(images[0], labels[images[1] % 2])
    with pytest.raises(NotImplementedError, match=rf"such labels, for example \[{function}\("):
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


@pytest.mark.parametrize("opset", [13, 15, 18, 21])
def test_target_opset(opset, images):
    cnn = ConvNetClassifier(**QUICK | {"output_activation": "sigmoid"}).fit(*images)
    for estimator in (cnn, make_pipeline(cnn, PCA(5).fit(cnn.transform(images[0])))):
        model = to_onnx(estimator, target_opset=opset)
        assert {entry.version for entry in model.opset_import if not entry.domain} == {opset}
        run(model, images[0])
    check_classifier(cnn, images[0], target_opset=opset)


@pytest.mark.parametrize("opset", [12, 1000, 17.5, "17"])
def test_unknown_opset(opset, images):
    with pytest.raises(ValueError, match=f"target_opset is {opset!r}; expected 13 to"):
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


def test_not_an_estimator():
    with pytest.raises(TypeError, match="not an estimator"):
        to_onnx("cnn.joblib")


def test_zipmap_needs_a_classifier(images):
    with pytest.raises(ValueError, match="ConvNetRegressor predicts no probabilities"):
        to_onnx(ConvNetRegressor(**QUICK).fit(*images), zipmap=True)


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
