"""From X to standardized images in ONNX, as `ImageReader` and `predict_augment` make them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._onnx.graph import Graph
from skcnn._onnx.layers import channels_first
from skcnn._predict_augment import Copy
from skcnn.engine.reader import SMALLEST_SCALE

FLOAT = np.dtype(np.float32)


def add_images(graph: Graph, x: str, dtype: np.dtype[Any], estimator: Any) -> str:
    """Standardized images (n, channels, h, w), from an X of any form and of this dtype."""
    x = channels_first(graph, x, estimator.image_shape_)
    mean, scale = (
        (values[:1] if (values == values[0]).all() else values).reshape(-1, 1, 1)
        for values in (estimator.mean_, estimator.scale_)
    )
    exact = dtype.kind in "bu" and dtype.itemsize <= 2  # in float32
    wide = FLOAT if exact else np.promote_types(dtype, FLOAT)
    if (mean == 0).all() and (scale == 1).all():
        return _cast(graph, x, dtype, FLOAT)
    tiny = scale.min() < SMALLEST_SCALE  # differences would vanish in float32
    if tiny:
        wide = np.dtype(np.float64)
    x = graph.add("Sub", _cast(graph, x, dtype, wide), graph.constant(mean, wide))
    x = x if tiny else _cast(graph, x, wide, FLOAT)
    x = graph.add("Mul", x, graph.constant(1 / scale, wide if tiny else FLOAT))
    return _cast(graph, x, wide, FLOAT) if tiny else x


def _cast(graph: Graph, x: str, dtype: np.dtype[Any], to: np.dtype[Any]) -> str:
    return x if dtype == to else graph.add("Cast", x, to=to)


def add_copies(graph: Graph, x: str, copies: Sequence[Copy], shape: tuple[int, int, int]) -> str:
    """The copies of each image one after another, (n * copies, channels, h, w).

    A copy has the pixels of the image in another order, which its transformation of the pixels'
    numbers tells.
    """
    h, w, c = shape
    numbers = np.arange(h * w).reshape(1, h, w, 1)
    orders = [
        numbers if transform is None else np.ascontiguousarray(transform(numbers))
        for _, transform in copies
    ]
    indices = graph.constant(np.reshape(orders, (len(copies), h * w)), np.int64)
    x = graph.add("Gather", graph.reshape(x, (c, h * w)), indices, axis=2)
    x = graph.add("Transpose", x, perm=[0, 2, 1, 3])  # (n, copies, channels, pixels)
    return graph.add("Reshape", x, graph.constant([-1, c, h, w], np.int64))


def add_average(graph: Graph, z: str, copies: Sequence[Copy], n_outputs: int) -> str:
    """The weighted mean of the outputs z (n * copies, n_outputs) over the copies."""
    z = graph.add("Reshape", z, graph.constant([-1, len(copies), n_outputs], np.int64))
    weights: NDArray[Any] = np.array([[weight for weight, _ in copies]])
    return graph.reshape(graph.add("MatMul", graph.constant(weights, FLOAT), z), (n_outputs,))
