"""What a layer is: a value that holds settings only. Memory is passed in.

A layer answers `plan(in_shape)`: the shape of its output and the arrays that it needs. `Workspace`
lays the arrays out, and each call gets

- ``p``: the layer's parameters, by name, and what was derived from them for this step,
- ``m``: the layer's memory for one tile: ``m.x`` input, ``m.y`` output, ``m.dx`` and ``m.dy`` their
  gradients (``m.dx`` None where nobody needs it), the arrays that it asked for, by name, and
  ``m.x_columns`` and ``m.y_columns``, the order in which images' columns stand in memory,
- ``g``: where the tile's gradients of the parameters go, by name.

A gradient is ``d`` + name. Images are ``(t, h, w, c)`` to look at, whatever their order in memory.

Contains `Parameter`, `Plan` and the protocol `Layer`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

from skcnn.engine.memory import Array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Parameter:
    """A weight or a bias: its shape, and how many inputs and outputs meet in it (weights only)."""

    shape: Shape
    fan_in: int = 0
    fan_out: int = 0

    @property
    def is_weight(self) -> bool:
        return self.fan_in > 0


@dataclass(frozen=True)
class Plan:
    """What a layer makes of an input shape, and what it needs for it.

    Attributes
    ----------
    out_shape : (h, w, c) or (features,)
    parameters : by name
    kept : arrays that live from forward to backward
    scratch, backward_scratch : arrays that live for one call; the latter made only for training
    derived : arrays computed from the parameters once a step
    input_padding : rows of zeros (before, after) that the layer wants around its input, which it
        then also wants stored column by column; None: no wish
    input_period : the layer wants the columns x with equal ``x % input_period`` stored side by
        side (`ColumnOrder`); granted where a layer with `row_order` writes them
    overwrites_input : the gradient of the input takes the input's place
    row_order : the output has to be stored as rows of columns, ``(t, h, w, c)``, whatever the next
        layer wishes; in which order the columns stand does not matter to the layer
    in_place : the output is the input's memory, if that can be stored as both neighbours wish
    random : draws from ``m.rng`` while training
    idle_in_prediction : does nothing but while training; its output is then the input's memory
    whole_batch : names of parameters whose gradient is one product over the mini-batch
    flops : multiplications and additions an image of the forward matrix products
    """

    out_shape: Shape
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    kept: Mapping[str, Array] = field(default_factory=dict)
    scratch: Mapping[str, Array] = field(default_factory=dict)
    backward_scratch: Mapping[str, Array] = field(default_factory=dict)
    derived: Mapping[str, Shape] = field(default_factory=dict)
    input_padding: tuple[int, int] | None = None
    input_period: int = 1
    overwrites_input: bool = False
    row_order: bool = False
    in_place: bool = False
    random: bool = False
    idle_in_prediction: bool = False
    whole_batch: tuple[str, ...] = ()
    flops: int = 0


class Layer(Protocol):
    """What `Network` asks of a layer."""

    def plan(self, in_shape: Shape) -> Plan: ...

    def bind(self, m: SimpleNamespace) -> None:
        """Add to `m` the views that forward and backward use; called once, not in the loop."""

    def derive(self, p: Any) -> None:
        """Compute the derived arrays from the parameters."""

    def forward(self, p: Any, m: Any) -> None: ...

    def backward(self, p: Any, m: Any, g: Any) -> None: ...
