"""`export`: an estimator, or a pipeline with the help of skl2onnx, to an ONNX model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline
from sklearn.svm import LinearSVC

from skcnn._onnx.comparison import check_results
from skcnn._onnx.estimators import Features, add_outputs, class_labels, features_name
from skcnn._onnx.graph import Graph
from skcnn._onnx.model import describe, make_model, tensor_info
from skcnn._onnx.packages import required
from skcnn._onnx.pipelines import brightest_pixels, input_of, is_ours, prepared
from skcnn.autoencoder import ConvAutoencoder
from skcnn.patches import PatchFeatures

if TYPE_CHECKING:
    from onnx import ModelProto

# skl2onnx's types of X by dtype. It does not know the others in all places: they become a type
# that has all their values.
TYPES = {
    "bool": "BooleanTensorType",
    "int8": "Int8TensorType",
    "uint8": "UInt8TensorType",
    "int16": "FloatTensorType",
    "uint16": "FloatTensorType",
    "int32": "Int32TensorType",
    "uint32": "DoubleTensorType",
    "int64": "Int64TensorType",
    "uint64": "DoubleTensorType",
    "float16": "FloatTensorType",
    "float32": "FloatTensorType",
    "float64": "DoubleTensorType",
}

LONGEST = 200  # characters of another package's message in an error


def export(estimator: Any, *, opset: int, zipmap: bool, version: str) -> ModelProto:
    """The model, checked by onnx."""
    whole = prepared(estimator)
    last = _last(whole)
    classes = getattr(last, "classes_", None)
    has_probabilities = hasattr(last, "predict_proba") and isinstance(classes, np.ndarray)
    if zipmap and not (is_classifier(last) and has_probabilities):
        raise ValueError(
            f"zipmap is True, but {type(last).__name__} predicts no probabilities of one set of "
            "classes; expected a classifier that does. Set zipmap=False."
        )
    if isinstance(classes, np.ndarray):
        class_labels(last)  # an error that is clearer than that of skl2onnx
    if is_ours(whole):
        model = _export_ours(whole, opset, zipmap)
    else:
        model = _export_others(whole, opset, zipmap, original=estimator)
    describe(model, estimator, last, version)
    check_model(model)
    return model


def check_model(model: ModelProto) -> None:
    """Raise onnx's error if the model is not valid."""
    from onnx import checker

    checker.check_model(model, full_check=True)


def _last(estimator: Any) -> Any:
    return _last(estimator.steps[-1][1]) if isinstance(estimator, Pipeline) else estimator


def _export_ours(estimator: Any, opset: int, zipmap: bool) -> ModelProto:
    graph, (dtype, form) = Graph(), input_of(estimator)
    outputs = add_outputs(estimator, graph, "X", dtype)
    classes = class_labels(estimator) if zipmap else None
    x = tensor_info("X", dtype, form)
    return make_model(graph, type(estimator).__name__, x, outputs, opset, classes)


def _export_others(estimator: Any, opset: int, zipmap: bool, original: Any) -> ModelProto:
    """A model that skl2onnx makes, with the results of the `original` estimator.

    Raises
    ------
    NotImplementedError
        If skl2onnx cannot make it.
    """
    name = type(estimator).__name__
    skl2onnx = required("skl2onnx", f"A {name} with steps that are not from skcnn")
    from skcnn._onnx.converters import register

    register()
    dtype, form = input_of(estimator)
    x = ("X", getattr(skl2onnx.common.data_types, TYPES[dtype.name])([None, *form]))
    try:
        model = _convert(estimator, name, x, opset, zipmap=False)
        check_model(model)
        brightest = brightest_pixels(estimator, dtype, form)
        check_results(model, original, dtype, form, brightest)
        if zipmap:
            model = _convert(estimator, name, x, opset, zipmap=True)
    except (MemoryError, NotImplementedError):
        raise
    except Exception as error:
        text = f"{type(error).__name__}: {error}"
        text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        raise NotImplementedError(
            f"skl2onnx {skl2onnx.__version__} does not convert this {name} correctly. Export the "
            f"networks in it alone, and compute the rest after the model. {text}"
        ) from error
    _rename_outputs(model, _output_names(estimator))
    return model


def _convert(estimator: Any, name: str, x: tuple[str, Any], opset: int, zipmap: bool) -> ModelProto:
    import skl2onnx

    # Without the first, skl2onnx lets a pipeline set `zipmap` of a LinearSVC, which fails.
    options: dict[Any, Any] = {LinearSVC: {}}
    last = _last(estimator)
    if is_classifier(last) and not isinstance(last, LinearSVC):
        options[id(last)] = {"zipmap": zipmap}
    return skl2onnx.to_onnx(
        estimator, name=name, initial_types=[x], target_opset=opset, options=options
    )


def _output_names(estimator: Any) -> list[str]:
    """The names that the first outputs should have."""
    if is_classifier(estimator):
        return ["label", "probabilities"]
    last = _last(estimator)
    if isinstance(last, PatchFeatures | Features | ConvAutoencoder):
        return [features_name(last)]
    return []


def _rename_outputs(model: ModelProto, names: list[str]) -> None:
    """Give the first outputs these names, and another name to what has one of them already."""
    wanted = dict(zip((output.name for output in model.graph.output), names, strict=False))
    new = {name: f"{name}_inside" for name in names if name not in wanted}
    new.update(wanted)
    for output in model.graph.output:
        output.name = new.get(output.name, output.name)
    for node in model.graph.node:
        for values in (node.input, node.output):
            values[:] = [new.get(value, value) for value in values]
