"""Converters with which skl2onnx finds skcnn's estimators in pipelines and ensembles."""

from __future__ import annotations

from typing import Any

import numpy as np

from skcnn._onnx.estimators import (
    TEXT,
    Features,
    add_label,
    add_outputs,
    add_predictions,
    add_probabilities,
    class_labels,
)
from skcnn._onnx.graph import Graph
from skcnn._onnx.model import as_tensor, attributes_of
from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.patches import PatchFeatures
from skcnn.regressor import ConvNetRegressor

# The options that skl2onnx's own classifiers have, and their values.
CLASSIFIER_OPTIONS: dict[str, list[Any]] = {
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    "output_class_labels": [False, True],
}


def register() -> None:
    """Register a converter for each estimator, as often as wanted."""
    from skl2onnx import update_registered_converter

    update_registered_converter(
        ConvNetClassifier,
        "SkcnnConvNetClassifier",
        _classifier_shapes,
        _convert_classifier,
        parser=_parse_classifier,
        options=CLASSIFIER_OPTIONS,
    )
    for estimator in (ConvAutoencoder, ConvNetRegressor, Features, PatchFeatures):
        update_registered_converter(
            estimator,
            f"Skcnn{estimator.__name__}",
            _first_output_shapes,
            _convert_first_output,
            parser=_parse_first_output,
        )


def _parse_classifier(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """The outputs of a classifier; they are float32, also if X is float64."""
    from skl2onnx._parse import _parse_sklearn_classifier
    from skl2onnx.common import data_types as types

    outputs = _parse_sklearn_classifier(scope, model, inputs, custom_parsers)
    for output in outputs:
        if isinstance(output.type, types.SequenceType):
            key = output.type.element_type.key_type
            dictionary = types.DictionaryType(key, types.FloatTensorType())
            output.set_type(types.SequenceType(dictionary))
        elif isinstance(output.type, types.DoubleTensorType):
            output.set_type(types.FloatTensorType())
    return outputs


def _parse_first_output(scope: Any, model: Any, inputs: Any, custom_parsers: Any = None) -> Any:
    """The only output of a transformer or a regressor."""
    from skl2onnx import get_model_alias
    from skl2onnx.common.data_types import FloatTensorType

    operator = scope.declare_local_operator(get_model_alias(type(model)), model)
    operator.inputs = inputs
    operator.outputs.append(scope.declare_local_variable("variable", FloatTensorType()))
    return operator.outputs


def _classifier_shapes(operator: Any) -> None:
    """Set the types of label and probabilities."""
    from skl2onnx.common.data_types import FloatTensorType, Int64TensorType, StringTensorType

    estimator, n = operator.raw_operator, operator.inputs[0].get_first_dimension()
    nocl = operator.scope_inst.get_options(estimator, {"nocl": False})["nocl"]
    text = not nocl and class_labels(estimator).dtype == TEXT
    n_classes = len(estimator.classes_)
    label_type = StringTensorType if text else Int64TensorType
    shape = [n, n_classes] if estimator._head == "multilabel" else [n]
    operator.outputs[0].set_type(label_type(shape))
    operator.outputs[1].set_type(FloatTensorType([n, n_classes]))


def _first_output_shapes(operator: Any) -> None:
    """Set the type of the first output."""
    from skl2onnx.common.data_types import FloatTensorType

    estimator, n = operator.raw_operator, operator.inputs[0].get_first_dimension()
    if isinstance(estimator, ConvNetRegressor):
        n_columns = len(estimator.target_mean_)
    else:
        n_columns = estimator._n_features_out
    operator.outputs[0].set_type(FloatTensorType([n, n_columns]))


def _convert_classifier(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a classifier."""
    estimator, graph = operator.raw_operator, Graph(scope.get_unique_variable_name)
    as_index = container.get_options(estimator, {"nocl": False})["nocl"]
    z = add_predictions(graph, *_input(operator), estimator)
    label = add_label(graph, z, estimator, as_index=as_index)
    probabilities = add_probabilities(graph, z, estimator)
    _finish(graph, [label.value, probabilities.value], operator, scope, container)


def _convert_first_output(scope: Any, operator: Any, container: Any) -> None:
    """Add the nodes of a transformer or a regressor."""
    estimator, graph = operator.raw_operator, Graph(scope.get_unique_variable_name)
    if isinstance(estimator, ConvAutoencoder):
        estimator = Features(estimator)  # without the reconstruction
    (output,) = add_outputs(estimator, graph, *_input(operator)).values()
    _finish(graph, [output.value], operator, scope, container)


def _input(operator: Any) -> tuple[str, np.dtype[Any]]:
    """The name and the dtype of X."""
    from onnx import helper

    if len(operator.inputs) != 1:
        raise NotImplementedError(
            f"{type(operator.raw_operator).__name__} has {len(operator.inputs)} inputs; expected "
            "one, X with all pixels of an image. Pass initial_types with one input."
        )
    (x,) = operator.inputs
    element = x.type.to_onnx_type().tensor_type.elem_type
    return x.full_name, helper.tensor_dtype_to_np_dtype(element)


def _finish(graph: Graph, values: list[str], operator: Any, scope: Any, container: Any) -> None:
    """Move the graph into skl2onnx's container; its `values` are the outputs of the operator."""
    for value, output in zip(values, operator.outputs, strict=True):
        graph.rename(value, output.full_name)
    for name, array in graph.constants.items():
        tensor = as_tensor(name, array)
        # skl2onnx would lose the strings of a tensor
        content = array.tolist() if array.dtype == TEXT else tensor
        container.add_initializer(name, tensor.data_type, array.shape, content)
    for node in graph.nodes:
        container.add_node(
            node.operator,
            node.inputs,
            [node.output],
            op_domain=node.domain,
            name=scope.get_unique_operator_name(node.operator),
            **attributes_of(node),
        )
