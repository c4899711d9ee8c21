"""Shared by the engine's tests: dtypes, trainers, methods of convolutions, two simple layers."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from hypothesis import strategies as st

from skcnn.engine.initialization import Constant
from skcnn.engine.layer import Kernel, Layer, Parameter, Plan, State
from skcnn.engine.layers import Conv2D
from skcnn.engine.memory import Array
from skcnn.engine.reader import ImageReader
from skcnn.engine.training.losses import SoftmaxCrossEntropy
from skcnn.engine.training.optimizers import SGD
from skcnn.engine.training.settings import StepSettings, TrainingData, TrainingState
from skcnn.engine.training.targets import ClassTargets
from skcnn.engine.training.trainer import Trainer

DTYPES = st.sampled_from([np.float32, np.float64])
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-10}


def rounded(rng, shape, dtype):
    """Normally distributed float64 numbers that `dtype` represents exactly."""
    return rng.standard_normal(shape).astype(dtype).astype(np.float64)


def make_trainer(
    network,
    images,
    labels,
    threads,
    *,
    loss=None,
    optimizer=None,
    weights=None,
    l2=0.0,
    batch_size=None,
    augment=None,
    seed=0,
):
    """A `Trainer` for all images, with one-hot targets."""
    optimizer = optimizer or SGD()
    settings = StepSettings(
        loss or SoftmaxCrossEntropy(),
        optimizer,
        batch_size or len(images),
        l2=l2,
        augment=augment,
    )
    targets = ClassTargets(labels, np.eye(network.shapes[-1][0], dtype=network.dtype))
    data = TrainingData(ImageReader(images), targets, weights)
    state = TrainingState.new(network, optimizer, np.random.default_rng(0))
    state.seed = seed
    return Trainer(network, settings, data, state, threads)


def with_method(layer, method):
    """The layer, with this method if it is a convolution for which the method exists."""
    possible = type(layer) is Conv2D and (
        layer.filter_size == 3 or method not in ("winograd4", "winograd4x4")
    )
    return replace(layer, method=method) if possible else layer


@dataclass(frozen=True)
class Centre(Layer, Kernel):
    """A layer with state: it subtracts the mean of each channel.

    In training, this is the mean over the tile, as in batch normalization; in prediction, it is a
    running mean.
    """

    share: float = 0.1  # weight of a mini-batch in the running mean

    def plan(self, in_shape):
        return Plan(
            kernel=self,
            out_shape=in_shape,
            state={"mean": State(in_shape[-1:], Constant(0.0))},
            backward_scratch={"column_means": Array(in_shape[-1:], fixed=True)},
        )

    def forward(self, p, m):
        if not m.training:
            return [partial(np.subtract, m.x, p.mean, m.y)]
        axes = tuple(range(m.x.ndim - 1))
        return [
            partial(np.mean, m.x, axes, None, m.observed.mean),
            partial(np.subtract, m.x, m.observed.mean, m.y),
        ]

    def backward(self, p, m, g):
        if m.dx is None:
            return []
        axes = tuple(range(m.dy.ndim - 1))
        return [
            partial(np.mean, m.dy, axes, None, m.column_means),
            partial(np.subtract, m.dy, m.column_means, m.dx),
        ]

    def update_state(self, state, observed, n_images):
        mean = np.average(observed.mean, axis=0, weights=n_images)
        state.mean += self.share * (mean - state.mean)


@dataclass(frozen=True)
class Scale(Layer, Kernel):
    """y = x * scale. A correct layer, from which tests derive layers with a fault."""

    def plan(self, in_shape):
        images = len(in_shape) == 3
        return Plan(
            kernel=self,
            out_shape=in_shape,
            parameters={"scale": Parameter(in_shape[-1:], Constant(1.0), penalized=False)},
            kept={"x_kept": Array(in_shape, images_second=images)},
            backward_scratch={"product": Array(in_shape, images_second=images)},
        )

    def forward(self, p, m):
        return [partial(np.copyto, m.x_kept, m.x), partial(np.multiply, m.x, p.scale, m.y)]

    def backward(self, p, m, g):
        rows = m.product.reshape(-1, m.product.shape[-1])
        calls = [
            partial(np.multiply, m.dy, m.x_kept, m.product),
            partial(np.add.reduce, rows, 0, None, g.scale),
        ]
        return calls if m.dx is None else [*calls, partial(np.multiply, m.dy, p.scale, m.dx)]


def registry_of_faults(faulty):
    """A decorator that adds a faulty layer, and the message it must get, to the list `faulty`."""

    def rejected(message):
        def register(cls):
            faulty.append(pytest.param(cls(), message, id=cls.__name__))
            return cls

        return register

    return rejected
