"""`Graph`: the nodes and constants of an ONNX graph while it is built.

A value is represented by its name. Nothing here needs the package onnx.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

ML = "ai.onnx.ml"  # the domain of operators for classical machine learning


@dataclass
class Node:
    """One operator with its inputs and its output. An attribute may be a NumPy dtype."""

    operator: str
    inputs: list[str]
    output: str
    attributes: dict[str, Any]
    domain: str


class Graph:
    """Nodes and constants by name.

    Parameters
    ----------
    unique : callable, default=None
        Returns a name that is not used yet, from a proposal. None: names are unique in this graph.

    Attributes
    ----------
    nodes : list of Node
        In the order of computation.
    constants : dict of ndarray
    """

    def __init__(self, unique: Callable[[str], str] | None = None) -> None:
        numbers = count()
        self._unique = unique or (lambda name: f"{name}_{next(numbers)}")
        self.nodes: list[Node] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def constant(self, values: Any, dtype: Any = None) -> str:
        """The name of a constant."""
        name = self._unique("constant")
        self.constants[name] = np.asarray(values, dtype)
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Append a node and return the name of its output."""
        output = self._unique(operator.lower())
        self.nodes.append(Node(operator, list(inputs), output, attributes, domain))
        return output

    def reshape(self, x: str, shape: tuple[int, ...]) -> str:
        """Reshape each image to `shape`."""
        return self.add("Reshape", x, self.constant((0, *shape), np.int64))  # 0: as in the input

    def slice(self, x: str, start: int, stop: int, axis: int) -> str:
        """Part of an axis."""
        ends = [self.constant([value], np.int64) for value in (start, stop, axis)]
        return self.add("Slice", x, *ends)

    def concat(self, parts: list[str], axis: int) -> str:
        """Join values along an axis; a single one is returned as it is."""
        return parts[0] if len(parts) == 1 else self.add("Concat", *parts, axis=axis)

    def rename(self, old: str, new: str) -> None:
        """Give the output of a node another name."""
        for node in self.nodes:
            node.inputs = [new if name == old else name for name in node.inputs]
            node.output = new if node.output == old else node.output
