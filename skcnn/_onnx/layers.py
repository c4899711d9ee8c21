"""The layers of a network in ONNX: one function for each kind of layer.

Images are ``(n, channels, h, w)`` in the graph, as ONNX expects; features are ``(n, features)``.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from skcnn._onnx.fold import Step, steps_of
from skcnn._onnx.graph import Graph
from skcnn._onnx.pooling import pool
from skcnn.engine.layer import Layer, Shape
from skcnn.engine.layers import (
    BatchNorm,
    BiasActivation,
    Conv2D,
    Dense,
    Flatten,
    MaxPool2D,
    MeanPool2D,
    Unflatten,
    Upsample2D,
)
from skcnn.engine.layers.convolution.geometry import Geometry
from skcnn.engine.network import Network

ACTIVATIONS = {"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "identity": None}


def add_network(graph: Graph, x: str, network: Network) -> str:
    """The output of the last layer for images or features x."""
    for step in steps_of(network):
        x = translate(step.layer, step, graph, x)
    return x


@singledispatch
def translate(layer: Layer, step: Step, graph: Graph, x: str) -> str:
    """Add the nodes of a layer with the input x; return the name of its output."""
    known = (kind.__name__ for kind in translate.registry if kind is not object)
    raise NotImplementedError(
        f"The network has the layer {layer}, which has no translation to ONNX; expected layers "
        f"among {', '.join(sorted(known))}, and layers that only act in training. Add a function "
        "to skcnn/_onnx/layers.py."
    )


@translate.register
def _(layer: Conv2D, step: Step, graph: Graph, x: str) -> str:
    geometry = Geometry(step.in_shape, layer.n_filters, layer.filter_size, layer.padding)
    rows, columns = geometry.rows, geometry.columns
    weights = step.arrays["weights"].transpose(3, 2, 0, 1)
    return graph.add(
        "Conv",
        x,
        graph.constant(weights, np.float32),
        *_bias(step, graph),
        kernel_shape=[layer.filter_size] * 2,
        pads=[rows.before, columns.before, rows.after, columns.after],
    )


@translate.register
def _(layer: Dense, step: Step, graph: Graph, x: str) -> str:
    weights = graph.constant(step.arrays["weights"], np.float32)
    return graph.add("Gemm", x, weights, *_bias(step, graph))


@translate.register
def _(layer: BiasActivation, step: Step, graph: Graph, x: str) -> str:
    for bias in _bias(step, graph, shape=_per_channel(step)):
        x = graph.add("Add", x, bias)
    activation = ACTIVATIONS[layer.function]
    return x if activation is None else graph.add(activation, x)


@translate.register
def _(layer: BatchNorm, step: Step, graph: Graph, x: str) -> str:
    for operator, name in (("Mul", "scale"), ("Add", "shift")):
        values = step.arrays[name].reshape(_per_channel(step))
        x = graph.add(operator, x, graph.constant(values, np.float32))
    return x


@translate.register
def _(layer: MaxPool2D, step: Step, graph: Graph, x: str) -> str:
    return pool(graph, x, "MaxPool", *layer.groups(step.in_shape))


@translate.register
def _(layer: MeanPool2D, step: Step, graph: Graph, x: str) -> str:
    return pool(graph, x, "AveragePool", *layer.groups(step.in_shape))


@translate.register
def _(layer: Flatten, step: Step, graph: Graph, x: str) -> str:
    return flatten(graph, x, step.in_shape)


@translate.register
def _(layer: Unflatten, step: Step, graph: Graph, x: str) -> str:
    return channels_first(graph, x, layer.image_shape)


@translate.register
def _(layer: Upsample2D, step: Step, graph: Graph, x: str) -> str:
    x = graph.add(
        "Resize",
        x,
        "",
        graph.constant([1, 1, layer.size, layer.size], np.float32),
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    for axis in (0, 1):
        if step.out_shape[axis] < layer.size * step.in_shape[axis]:
            x = graph.slice(x, 0, step.out_shape[axis], 2 + axis)
    return x


def channels_first(graph: Graph, x: str, shape: Shape) -> str:
    """Images of `shape` (h, w, channels), stored in any form, as (n, channels, h, w)."""
    h, w, c = shape
    if c == 1:
        return graph.reshape(x, (1, h, w))
    return graph.add("Transpose", graph.reshape(x, shape), perm=[0, 3, 1, 2])


def flatten(graph: Graph, x: str, shape: Shape) -> str:
    """Images (n, channels, h, w) as features, in the order of `shape` (h, w, channels)."""
    h, w, c = shape
    if c > 1 and h * w > 1:
        x = graph.add("Transpose", x, perm=[0, 2, 3, 1])
    return graph.reshape(x, (c * h * w,))


def _bias(step: Step, graph: Graph, shape: tuple[int, ...] = (-1,)) -> list[str]:
    """The bias in a list, which is empty if another layer adds it."""
    if "bias" not in step.arrays:
        return []
    return [graph.constant(step.arrays["bias"].reshape(shape), np.float32)]


def _per_channel(step: Step) -> tuple[int, ...]:
    """The shape of one number for each channel or feature, so that it fits the values."""
    return (-1, 1, 1) if len(step.in_shape) == 3 else (-1,)
