"""`PatchFeatures` in ONNX: the computation of `PatchEncoder`, for all patches at once."""

from __future__ import annotations

import numpy as np

from skcnn._features.patch_features import PatchEncoder
from skcnn._onnx.graph import Graph
from skcnn._onnx.layers import flatten
from skcnn._onnx.pooling import pool
from skcnn.engine.layers.windows import by_regions


def add_patch_features(graph: Graph, x: str, encoder: PatchEncoder) -> str:
    """Features (n, n_features) of standardized images x (n, channels, h, w)."""
    z = _responses(graph, x, encoder)
    threshold = graph.constant(encoder.threshold[0])
    signs = (z, graph.add("Neg", z))
    rectified = [graph.add("Relu", graph.add("Sub", sign, threshold)) for sign in signs]
    regions = [by_regions(n, encoder.n_regions) for n in (encoder.n_rows, encoder.n_columns)]
    pooled = pool(graph, graph.concat(rectified, axis=1), "AveragePool", *regions)
    rows, columns = (groups[-1].windows.stop for groups in regions)
    return flatten(graph, pooled, (rows, columns, 2 * encoder.n_filters))


def _responses(graph: Graph, x: str, encoder: PatchEncoder) -> str:
    """Responses of the filters to normalized patches, (n, filters, rows, columns)."""
    rows, columns = encoder.size
    channels = encoder.image_shape[2]
    d = rows * columns * channels
    # The numbers of a patch along the axis of the channels: (column, row, channel).
    for axis, size, n in ((2, rows, encoder.n_rows), (3, columns, encoder.n_columns)):
        x = graph.concat([graph.slice(x, i, i + n, axis) for i in range(size)], axis=1)
    mean = _mean(graph, x, d)
    x = graph.add("Sub", x, mean)
    variance = _mean(graph, graph.add("Mul", x, x), d)
    contrast = max(encoder.contrast, np.finfo(np.float32).tiny)  # smaller numbers would be zero
    variance = graph.add("Add", variance, graph.constant(contrast, np.float32))
    x = graph.add("Div", x, graph.add("Sqrt", variance))
    weights, bias = encoder.weights[:-1], encoder.weights[-1]
    filters = weights.reshape(rows, columns, channels, -1).transpose(3, 1, 0, 2)
    constants = graph.constant(filters.reshape(-1, d, 1, 1)), graph.constant(bias)
    return graph.add("Conv", x, *constants, kernel_shape=[1, 1])


def _mean(graph: Graph, x: str, d: int) -> str:
    """The mean over the axis of the channels, which has d elements."""
    total = graph.add("ReduceSum", x, graph.constant([1], np.int64), keepdims=1)
    return graph.add("Mul", total, graph.constant(1 / d, np.float32))
