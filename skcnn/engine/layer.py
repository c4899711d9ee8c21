"""The interface of layers: values that hold settings only. Memory is passed in.

`Layer.plan` specifies the output shape for an input shape, the arrays that the layer needs, and the
`Kernel` that does its work (for most layers, the layer itself). `Workspace` lays out the arrays
once. It calls `Kernel.forward` and `Kernel.backward` once; they return lists of calls without
arguments, NumPy functions bound to views of the memory. The training loop only makes these
calls. Between two NumPy calls a thread holds the interpreter's lock and other threads wait for it;
the less happens there, the better threads scale.

A kernel receives three namespaces:

``p`` : parameters
    The layer's parameters and state, by name, and the arrays derived from them.
``m`` : memory of one tile
    ``m.x`` input, ``m.y`` output, ``m.dx`` and ``m.dy`` their gradients (None if nothing needs
    them), and the arrays of the plan (`kept`, `scratch`, `backward_scratch`), by name.
    ``m.training`` is False for prediction. ``m.rng`` is the tile's random stream. ``m.observed``
    is memory for what a layer with state observes in the tile, by the name of the state.
    With ``m.separate_images``, no bit of an image's output may depend on the number of images in
    the tile, on its place in it or on the other images. Elementwise operations meet this; a matrix
    product must hold the rows of one image only, because its rounding depends on its shape.
``g`` : gradients
    Memory for the tile's gradients of the parameters, by name.

Axes: t images of a tile, h rows, w columns, c channels. Images are stored ``(h, t, w, c)``, rows
first; features ``(t, features)``. A gradient is ``d`` + name.

A layer may request another format of its input. ``m.x`` may then be None:

- with `Plan.input_padding`, ``m.x_stored`` is the memory with columns of zeros around the image;
  ``m.x`` is the view without them and ``m.x_pixels`` the slice of columns that it covers;
- with `Plan.input_period`, the columns x with equal ``x % period`` are stored side by side:
  ``m.x_planes``, of shape ``(h, period, t, w / period, c)``, takes the place of ``m.x``. Where
  ``m.x`` exists without padding, ``m.x_planes`` does too, with a period of 1.

``m.y_stored``, ``m.y_pixels`` and ``m.y_planes`` describe the output, in the format that the next
layer requested.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.initialization import Initializer
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls

Shape = tuple[int, ...]
Namespace = SimpleNamespace  # arrays by name
Folding = Literal["affine", "weights", "bias", "pooling"]


@dataclass(frozen=True)
class Parameter:
    """An array that is trained.

    Attributes
    ----------
    shape : tuple of int
    init : Initializer
        Draws the initial values.
    penalized : bool
        Whether the L2 penalty applies: to weights, not to biases.
    matrix : bool
        Whether these are weights (..., outputs) that map inputs to outputs, which an optimizer may
        move as one matrix (inputs, outputs).
    whole_batch : bool
        Whether the gradient is one product ``x.T @ dy`` over the mini-batch, which the optimizer
        step then computes instead of `backward`. For parameters of shape (inputs, outputs) of a
        layer on features.
    """

    shape: Shape
    init: Initializer
    penalized: bool = True
    matrix: bool = False
    whole_batch: bool = False


@dataclass(frozen=True)
class State:
    """An array that is saved and copied with the parameters but not trained: running statistics.

    The forward pass of a tile writes what it observed, of the same shape, to
    ``m.observed.<name>``; `Kernel.update_state` merges the tiles' observations.
    """

    shape: Shape
    init: Initializer


@dataclass(frozen=True)
class Plan:
    """Output shape and memory of a layer for one input shape.

    Attributes
    ----------
    kernel : Kernel
        Does the layer's computations; ``kernel=self`` in a layer that does them itself.
    out_shape : (h, w, c) or (features,)
    parameters, state : by name
    kept : arrays that live from forward to backward
    scratch, backward_scratch : arrays used within one direction only; the latter exist for
        training only
    derived, backward_derived : shapes of arrays computed from the parameters and the state before
        each step; the latter exist for training only
    input_padding : columns of zeros (before, after) that the layer requests around its input
    input_period : the period with which the layer requests its input; used if the layer before it
        has `unpadded_output`, can write with this period, and the number of columns is a multiple
    overwrites_input : ``m.dx`` is stored in the memory of ``m.x``
    unpadded_output : the output must be stored without padding, whatever the next layer requests
    output_periods : the periods with which the layer can store its output; None: any
    in_place : the output is stored in the memory of the input, unless the adjacent layers need
        different formats
    random : whether the layer draws from ``m.rng`` in training; otherwise ``m.rng`` is None
    training_only : in prediction, `Kernel.forward` is not used, and the output is the input
    flops : multiplications and additions of the forward matrix products for one image; a
        convolution counts those of a direct sum, however it is computed
    folding : in prediction, `Network` folds an "affine" layer into the "weights" before it and the
        "bias" after it. What it relies on, for each channel or unit (the last axis):
        "affine": the output is ``x * p.scale + p.shift`` with a positive scale; both are derived
        arrays, and `Kernel.derive` computes them;
        "weights": the output is linear in ``p.weights``, whose last axis is that of the output;
        "bias": the layer adds ``p.bias`` first;
        "pooling": it commutes with a positive scale and a shift;
        None: the layer is not folded, and nothing is folded across it
    separate_images_layer : the layer to use in place of this one with ``m.separate_images``;
        None: this one
    """

    kernel: Kernel
    out_shape: Shape
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    state: Mapping[str, State] = field(default_factory=dict)
    kept: Mapping[str, Array] = field(default_factory=dict)
    scratch: Mapping[str, Array] = field(default_factory=dict)
    backward_scratch: Mapping[str, Array] = field(default_factory=dict)
    derived: Mapping[str, Shape] = field(default_factory=dict)
    backward_derived: Mapping[str, Shape] = field(default_factory=dict)
    input_padding: tuple[int, int] | None = None
    input_period: int = 1
    overwrites_input: bool = False
    unpadded_output: bool = False
    output_periods: tuple[int, ...] | None = None
    in_place: bool = False
    random: bool = False
    training_only: bool = False
    flops: int = 0
    folding: Folding | None = None
    separate_images_layer: Layer | None = None


class Layer(ABC):
    """Settings of a layer: a frozen dataclass that can be compared, hashed and pickled.

    Fields that only determine initial values, such as ``init``, are excluded from the comparison
    (``field(compare=False)``): they do not change a network that is already fitted.
    """

    @abstractmethod
    def plan(self, in_shape: Shape) -> Plan:
        """The plan for images (h, w, c) or features (n,)."""


class Kernel(ABC):
    """The computations of a layer. derive, forward and backward return lists of calls."""

    def derive(self, p: Namespace, training: bool) -> Calls:
        """Calls that compute the derived arrays of ``p`` from its parameters and state."""
        return []

    @abstractmethod
    def forward(self, p: Namespace, m: Namespace) -> Calls:
        """Calls that compute ``m.y`` from ``m.x``, and ``m.observed`` in training."""

    @abstractmethod
    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        """Calls that compute ``m.dx`` and ``g`` from ``m.dy``.

        They may overwrite ``m.y`` and ``m.dy``. Where ``m.dx`` is None, nothing needs it.
        """

    def update_state(
        self, state: Namespace, observed: Namespace, n_images: NDArray[np.intp]
    ) -> None:
        """Merge observations (n_tiles, ...), in tile order, into `state`; by name.

        Called once after all tiles of a mini-batch. `n_images` (n_tiles,) is the number of images
        of each tile. A layer that plans state must define this method; it must change the arrays
        of `state` in place (``state.mean[:] = ...``).
        """
        raise TypeError(
            f"{type(self).__name__} plans state but does not define update_state, which merges "
            "what the tiles observed. Define it."
        )
