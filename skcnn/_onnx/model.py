"""From a `Graph` to an ONNX model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skcnn._onnx.estimators import TEXT, Outputs, class_labels
from skcnn._onnx.graph import ML, Graph, Node

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

BATCH = "n"  # the name of the free axis
ML_VERSION = 3  # of the operators for classical machine learning, since opset 15


def make_model(
    graph: Graph, name: str, x: ValueInfoProto, outputs: Outputs, opset: int, zipmap: NDArray | None
) -> ModelProto:
    """The model of a graph whose input is x; `zipmap` are class labels, see `_add_zipmap`."""
    from onnx import helper

    values = []
    for output_name, output in outputs.items():
        if zipmap is not None and output_name == "probabilities":
            values.append(_add_zipmap(graph, output_name, output.value, zipmap))
            continue
        graph.rename(output.value, output_name)
        values.append(tensor_info(output_name, output.dtype, output.shape))
    imports = [helper.make_opsetid("", opset)]
    if any(node.domain == ML for node in graph.nodes):
        imports.append(helper.make_opsetid(ML, ML_VERSION))
    return helper.make_model(
        helper.make_graph(
            [as_node(node) for node in graph.nodes],
            name,
            [x],
            values,
            [as_tensor(*constant) for constant in graph.constants.items()],
        ),
        opset_imports=imports,
        # an older runtime does not read newer ones
        ir_version=helper.find_min_ir_version_for(imports),
    )


def tensor_info(name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> ValueInfoProto:
    """An input or output, whose first axis is free."""
    from onnx import helper

    return helper.make_tensor_value_info(name, element_type(dtype), [BATCH, *shape])


def element_type(dtype: np.dtype[Any]) -> int:
    """ONNX's number of a dtype; that of strings for objects."""
    from onnx import TensorProto, helper

    return TensorProto.STRING if dtype == TEXT else helper.np_dtype_to_tensor_dtype(dtype)


def as_node(node: Node) -> NodeProto:
    """A node of the model, with the name of its output."""
    from onnx import helper

    return helper.make_node(
        node.operator,
        node.inputs,
        [node.output],
        name=node.output,
        domain=node.domain or None,
        **attributes_of(node),
    )


def attributes_of(node: Node) -> dict[str, Any]:
    """The attributes of a node in ONNX's terms."""
    return {
        name: element_type(value) if isinstance(value, np.dtype) else value
        for name, value in node.attributes.items()
    }


def as_tensor(name: str, values: NDArray[Any]) -> TensorProto:
    """A constant of the model."""
    from onnx import numpy_helper

    return numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), name)


def _add_zipmap(graph: Graph, name: str, value: str, classes: NDArray[Any]) -> ValueInfoProto:
    """Make a dictionary {label: probability} of the probabilities of each image."""
    from onnx import TensorProto, helper

    text = classes.dtype == TEXT
    attribute = "classlabels_strings" if text else "classlabels_int64s"
    graph.rename(graph.add("ZipMap", value, domain=ML, **{attribute: classes.tolist()}), name)
    key = TensorProto.STRING if text else TensorProto.INT64
    probability = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    return helper.make_value_info(
        name, helper.make_sequence_type_proto(helper.make_map_type_proto(key, probability))
    )


def describe(model: ModelProto, estimator: Any, last: Any, version: str) -> None:
    """Say in the model's metadata where it is from, and which classes its columns have."""
    from onnx import helper

    model.producer_name, model.producer_version = "skcnn", version
    model.doc_string = f"{type(estimator).__name__}, exported by skcnn {version}"
    properties = {"estimator": " ".join(repr(estimator).split())}
    if isinstance(getattr(last, "classes_", None), np.ndarray):
        properties["classes"] = json.dumps(class_labels(last).tolist())
    helper.set_model_props(model, properties)
