"""The estimators in ONNX: what each one makes of X."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from skcnn._input.labels import kind_of
from skcnn._onnx.graph import Graph
from skcnn._onnx.images import FLOAT, add_average, add_copies, add_images
from skcnn._onnx.layers import add_network
from skcnn._onnx.patches import add_patch_features
from skcnn._predict_augment import copies_of
from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.patches import PatchFeatures
from skcnn.regressor import ConvNetRegressor

LABEL, TEXT = np.dtype(np.int64), np.dtype(object)
Head = Callable[[Graph, str], str]


class Features(TransformerMixin, BaseEstimator):
    """The `transform` of a network, which `add_outputs` adds instead of its predictions."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __sklearn_is_fitted__(self) -> bool:
        check_is_fitted(self.estimator)
        return True

    @property
    def _n_features_out(self) -> int:
        return self.estimator._n_features_out


@dataclass(frozen=True)
class Output:
    """An output of a model: the name of its value, its dtype, and its shape without the batch."""

    value: str
    dtype: np.dtype[Any]
    shape: tuple[int, ...]


Outputs = dict[str, Output]


@singledispatch
def add_outputs(estimator: Any, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    """Add the nodes from X, of this dtype, to the outputs of a fitted estimator, by name."""
    raise TypeError(f"add_outputs has no translation of {type(estimator).__name__}")


@add_outputs.register
def _(estimator: ConvNetClassifier, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    z = add_predictions(graph, x, dtype, estimator)
    return {
        "label": add_label(graph, z, estimator),
        "probabilities": add_probabilities(graph, z, estimator),
    }


@add_outputs.register
def _(estimator: ConvNetRegressor, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    z = add_predictions(graph, x, dtype, estimator)
    z = graph.add("Mul", z, graph.constant(estimator.target_scale_, FLOAT))
    z = graph.add("Add", z, graph.constant(estimator.target_mean_, FLOAT))
    return {"variable": Output(z, FLOAT, estimator.target_mean_.shape)}


@add_outputs.register
def _(estimator: PatchFeatures, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    encoder = estimator._encoder()
    value = add_patch_features(graph, add_images(graph, x, dtype, estimator), encoder)
    return {features_name(estimator): Output(value, FLOAT, (encoder.n_features,))}


@add_outputs.register
def _(estimator: ConvAutoencoder, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    outputs = _add_features(graph, x, dtype, estimator)
    network = estimator.network_
    decoder = network.part(estimator._code_layer + 1, len(network.layers))
    images = graph.reshape(
        add_network(graph, outputs["codes"].value, decoder), estimator.image_shape_
    )
    images = graph.add("Mul", images, graph.constant(estimator.scale_, FLOAT))
    images = graph.add("Add", images, graph.constant(estimator.mean_, FLOAT))
    value = graph.reshape(images, estimator._form)
    return {**outputs, "reconstruction": Output(value, FLOAT, estimator._form)}


@add_outputs.register
def _(estimator: Features, graph: Graph, x: str, dtype: np.dtype[Any]) -> Outputs:
    return _add_features(graph, x, dtype, estimator.estimator)


def features_name(estimator: Any) -> str:
    """The name of what a transformer returns."""
    inner = estimator.estimator if isinstance(estimator, Features) else estimator
    return "codes" if isinstance(inner, ConvAutoencoder) else "features"


def _add_features(graph: Graph, x: str, dtype: np.dtype[Any], estimator: Any) -> Outputs:
    """The output of a network's `transform`."""
    network = estimator.network_
    layer = network.feature_layer
    if isinstance(estimator, ConvAutoencoder):
        layer = estimator._code_layer
    encoder = network.part(0, layer + 1)
    value = add_network(graph, add_images(graph, x, dtype, estimator), encoder)
    return {features_name(estimator): Output(value, FLOAT, encoder.shapes[-1])}


def add_predictions(graph: Graph, x: str, dtype: np.dtype[Any], estimator: Any) -> str:
    """The network's outputs (n, n_outputs), before their activation."""
    network, copies = estimator.network_, copies_of(estimator.predict_augment)
    x = add_images(graph, x, dtype, estimator)
    if len(copies) == 1:
        return add_network(graph, x, network)
    x = add_copies(graph, x, copies, estimator.image_shape_)
    return add_average(graph, add_network(graph, x, network), copies, network.shapes[-1][0])


def add_label(graph: Graph, z: str, estimator: Any, *, as_index: bool = False) -> Output:
    """The labels: of the largest outputs or, of an indicator matrix, where outputs are positive.

    With `as_index`, the number of the class takes the place of its label.
    """
    if estimator._head == "multilabel":
        positive = graph.add("Greater", z, graph.constant(0, FLOAT))
        return Output(graph.add("Cast", positive, to=LABEL), LABEL, estimator.classes_.shape)
    index = graph.add("ArgMax", z, axis=1, keepdims=0)
    classes = class_labels(estimator)
    if as_index or (classes.dtype == LABEL and (classes == np.arange(len(classes))).all()):
        return Output(index, LABEL, ())
    return Output(graph.add("Gather", graph.constant(classes), index), classes.dtype, ())


def class_labels(estimator: Any) -> NDArray[Any]:
    """The labels as int64 or as an object array of str: ONNX has no others.

    Raises
    ------
    NotImplementedError
        If they are dates, too large for int64, or text that is not Unicode.
    """
    classes = estimator.classes_
    kind = kind_of(classes)
    if kind == "str" and all(map(_is_unicode, classes)):
        return classes.astype(TEXT)
    if kind in ("bool", "int", "float"):
        with np.errstate(invalid="ignore"):  # too large for int64
            numbers = classes.astype(LABEL)
        if (numbers == classes).all():
            return numbers
    wrong = [label for label in classes if kind != "str" or not _is_unicode(label)]
    raise NotImplementedError(
        f"The classes are of type {classes.dtype}, with labels such as {wrong[-1]!r}; ONNX has "
        "labels that are str, of valid Unicode, or whole numbers of 64 bits. Train with such "
        f"labels, for example [{'ascii' if kind == 'str' else 'str'}(label) for label in y]."
    )


def _is_unicode(text: str) -> bool:
    """Whether UTF-8 has it; names of files may have parts of characters, which it does not have."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def add_probabilities(graph: Graph, z: str, estimator: Any) -> Output:
    """The probabilities (n, n_classes)."""
    return Output(HEADS[estimator._head](graph, z), FLOAT, estimator.classes_.shape)


def _softmax(graph: Graph, z: str) -> str:
    return graph.add("Softmax", z, axis=1)


def _normalized_sigmoid(graph: Graph, z: str) -> str:
    """The sigmoids divided by their sum; from logarithms, which do not underflow."""
    logarithms = graph.add("Neg", graph.add("Softplus", graph.add("Neg", z)))
    return _softmax(graph, logarithms)


def _sigmoid(graph: Graph, z: str) -> str:
    return graph.add("Sigmoid", z)


HEADS: dict[str, Head] = {
    "softmax": _softmax,
    "sigmoid": _normalized_sigmoid,
    "multilabel": _sigmoid,
}
