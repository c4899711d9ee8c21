"""What a layer is: a value that holds settings only. Memory is passed in.

A layer answers `plan(in_shape)`: the shape of its output and the arrays that it needs. `Workspace`
lays the arrays out once and asks the layer, or the kernel that the plan names in its stead, once,
for what it does with them: `forward` and `backward` return lists of calls without arguments, numpy
functions bound to views of the memory.
The training loop does nothing but make these calls. Between two calls of numpy a thread holds the
interpreter's lock, and others wait for it: the less happens there, the better threads scale.

A layer gets

- ``p``: its parameters, by name, and what is derived from them each step,
- ``m``: its memory for one tile: ``m.x`` input, ``m.y`` output, ``m.dx`` and ``m.dy`` their
  gradients (None where nobody needs them), and the arrays that it asked for, by name,
- ``g``: where the tile's gradients of the parameters go, by name.

Images are ``(h, t, w, c)``, rows first. A convolution may be asked to store the columns x with
equal ``x % period`` side by side: then ``m.y`` (and ``m.x`` of the pooling layer behind it) is
None, and ``m.y_planes``, ``(h, period, t, w / period, c)``, takes its place; it also exists, with a
period of 1, where ``m.y`` does. ``m.y_stored`` is the memory behind ``m.y`` with its padding, and
``m.y_pixels`` the columns in it that are not padding; for x alike. A gradient is ``d`` + name.

Contains `Call`, `Calls`, `Parameter`, `Plan` and the protocols `Layer` and `Kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from skcnn.engine.memory import Array

Shape = tuple[int, ...]
Call = Callable[[], Any]
Calls = list[Call]


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
    scratch, backward_scratch : arrays that live from the layer's first call to its last, in one
        direction; the latter made only for training
    derived, backward_derived : arrays computed from the parameters once a step; the latter made
        only for training
    input_padding : columns of zeros (before, after) that the layer wants around its input, which
        is then stored ``(h, t, before + w + after, c)``; None: no wish
    input_period : the layer wants the columns x with equal ``x % input_period`` stored side by
        side; granted where a layer with `row_order` writes them and their number divides
    overwrites_input : the gradient of the input takes the input's place
    periods : the layer can store its output with these only; None: with any
    row_order : the output has to be stored without padding, whatever the next layer wishes
    in_place : the output is the input's memory, if that can be stored as both neighbours wish
    random : draws from ``m.rng`` while training
    idle_in_prediction : does nothing but while training; its output is then the input's memory
    whole_batch : names of parameters whose gradient is one product over the mini-batch
    flops : multiplications and additions an image of the forward matrix products; of a convolution,
        those of a direct sum, however it is computed
    single_image_layer : the layer to use in this one's stead for tiles of one image; None: itself
    kernel : what does the layer's work; None: the layer itself
    """

    out_shape: Shape
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    kept: Mapping[str, Array] = field(default_factory=dict)
    scratch: Mapping[str, Array] = field(default_factory=dict)
    backward_scratch: Mapping[str, Array] = field(default_factory=dict)
    derived: Mapping[str, Shape] = field(default_factory=dict)
    backward_derived: Mapping[str, Shape] = field(default_factory=dict)
    input_padding: tuple[int, int] | None = None
    input_period: int = 1
    overwrites_input: bool = False
    row_order: bool = False
    periods: tuple[int, ...] | None = None
    in_place: bool = False
    random: bool = False
    idle_in_prediction: bool = False
    whole_batch: tuple[str, ...] = ()
    flops: int = 0
    single_image_layer: Layer | None = None
    kernel: Kernel | None = None


class Layer(Protocol):
    """What `Network` asks of a layer; a layer that plans no kernel is a `Kernel` itself."""

    def plan(self, in_shape: Shape) -> Plan: ...


class Kernel(Protocol):
    """What `Network` and `Workspace` ask of what does a layer's work."""

    def derive(self, p: Any, training: bool) -> Calls:
        """What computes the derived arrays from the parameters."""

    def forward(self, p: Any, m: Any) -> Calls:
        """What computes ``m.y`` from ``m.x``."""

    def backward(self, p: Any, m: Any, g: Any) -> Calls:
        """What computes ``m.dx`` and g from ``m.dy``; may use up ``m.y`` and ``m.dy``."""
