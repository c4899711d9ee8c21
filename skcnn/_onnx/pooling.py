"""Pooling in ONNX, with windows of one or of two sizes along each axis."""

from __future__ import annotations

from typing import NamedTuple

from skcnn._onnx.graph import Graph
from skcnn.engine.layers.windows import Group


class Part(NamedTuple):
    """Pixels ``start ... stop - 1`` of an axis, which one ONNX pooling divides into windows.

    `padding` pixels after the last one complete its window; they do not count.
    """

    start: int
    stop: int
    size: int
    padding: int


def pool(graph: Graph, x: str, operator: str, rows: list[Group], columns: list[Group]) -> str:
    """Pool images (n, channels, h, w) with "MaxPool" or "AveragePool".

    ONNX has windows of one size only. If an axis has two sizes, its parts are pooled separately and
    joined, unless the only smaller window is a partial one at the end.
    """
    bands = []
    row_parts, column_parts = _parts(rows), _parts(columns)
    for vertical in row_parts:
        band = _cut(graph, x, vertical, row_parts, axis=2)
        pooled = []
        for horizontal in column_parts:
            block = _cut(graph, band, horizontal, column_parts, axis=3)
            sides = [vertical.size, horizontal.size]
            pads = [0, 0, vertical.padding, horizontal.padding]
            pooled.append(graph.add(operator, block, kernel_shape=sides, strides=sides, pads=pads))
        bands.append(graph.concat(pooled, axis=3))
    return graph.concat(bands, axis=2)


def _parts(groups: list[Group]) -> list[Part]:
    """The windows of an axis, in as few parts as possible."""
    first, last = groups[0], groups[-1]
    if last.count == 1:  # a group of its own, or the last window of the only group
        return [Part(0, last.pixels.stop, first.size, first.size - last.size)]
    return [Part(group.pixels.start, group.pixels.stop, group.size, 0) for group in groups]


def _cut(graph: Graph, x: str, part: Part, parts: list[Part], axis: int) -> str:
    """The pixels of a part of an axis; all of them if there is no other part."""
    return x if len(parts) == 1 else graph.slice(x, part.start, part.stop, axis)
