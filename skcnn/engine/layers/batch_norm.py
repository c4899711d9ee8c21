"""`BatchNorm`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.initialization import Constant
from skcnn.engine.layer import Kernel, Layer, Namespace, Plan, Shape, State
from skcnn.engine.memory import Array
from skcnn.engine.runtime.calls import Calls

EPSILON = 1e-5  # added to the variance
WINDOW = 1280  # the running statistics are a moving average over about half as many images
PRIOR = 128  # twice the images that the initial statistics count for beside a mini-batch of few


@dataclass(frozen=True)
class BatchNorm(Layer, Kernel):
    """Subtract the mean and divide by the standard deviation, for each channel or unit.

    Batch normalization (Ioffe & Szegedy 2015) without a trained scale; the `BiasActivation` that
    follows adds the bias. In training, the statistics are those of the tile ("ghost batch
    normalization", Hoffer et al. 2017), so that tiles stay independent. In prediction they are
    running statistics of the mini-batches.

    A tile of fewer than `fewest_images` is normalized by the running statistics, which are
    constants for its gradient. Its own would be too inaccurate; a single image has a variance of
    zero after a dense layer.

    Parameters
    ----------
    fewest_images : int
        The smallest number of images in a tile that is normalized by its own statistics.
    """

    fewest_images: int = 8

    def plan(self, in_shape: Shape) -> Plan:
        values = Array.like_values(in_shape)
        channels = in_shape[-1:]
        fixed = Array(channels, fixed=True)
        row = {"row": Array(in_shape[1:])} if len(in_shape) == 3 else {}  # of all images
        return Plan(
            kernel=self,
            out_shape=in_shape,
            state={
                "mean": State(channels, Constant(0.0)),
                "variance": State(channels, Constant(1.0)),
                "count": State((1,), Constant(0.0)),  # images so far, up to WINDOW
            },
            kept={"centred": values, "inverse": fixed},
            scratch={"products": values, **row},
            backward_scratch={"sums": Array((2, *channels), fixed=True)},
            derived={"scale": channels, "shift": channels},
            folding="affine",
        )

    def derive(self, p: Namespace, training: bool) -> Calls:
        """``scale`` and ``shift``: the output is ``x * scale + shift`` with running statistics."""
        epsilon = p.variance.dtype.type(EPSILON)
        return [
            partial(np.add, p.variance, epsilon, p.scale),
            partial(np.sqrt, p.scale, p.scale),
            partial(np.reciprocal, p.scale, p.scale),
            partial(np.multiply, p.mean, p.scale, p.shift),
            partial(np.negative, p.shift, p.shift),
        ]

    def forward(self, p: Namespace, m: Namespace) -> Calls:
        if not m.training:
            return [
                *_with_row(m, p.scale, np.multiply, m.x, m.y),
                *_with_row(m, p.shift, np.add, m.y, m.y),
            ]
        few = _n_images(m.x) < self.fewest_images
        calls: Calls = [
            *_means(m.x, m.observed.mean),
            *_with_row(m, p.mean if few else m.observed.mean, np.subtract, m.x, m.centred),
            partial(np.multiply, m.centred, m.centred, m.products),
            *_means(m.products, m.observed.variance),
            partial(m.observed.count.fill, 1),
        ]
        if few:
            calls.append(partial(np.copyto, m.inverse, p.scale))
        else:
            calls += [
                partial(np.add, m.observed.variance, m.inverse.dtype.type(EPSILON), m.inverse),
                partial(np.sqrt, m.inverse, m.inverse),
                partial(np.reciprocal, m.inverse, m.inverse),
            ]
        return calls + _with_row(m, m.inverse, np.multiply, m.centred, m.y)

    def backward(self, p: Namespace, m: Namespace, g: Namespace) -> Calls:
        """``dx = (dy - mean(dy) - n * mean(dy * n)) / std`` with ``n = centred / std``."""
        if m.dx is None:
            return []
        if _n_images(m.dy) < self.fewest_images:
            return _with_row(m, m.inverse, np.multiply, m.dy, m.dx)
        mean, product = m.sums
        return [
            partial(np.multiply, m.dy, m.centred, m.products),
            *_means(m.products, product),
            *_means(m.dy, mean),
            partial(np.multiply, product, m.inverse, product),
            partial(np.multiply, product, m.inverse, product),
            *_with_row(m, product, np.multiply, m.centred, m.centred),
            *_with_row(m, mean, np.subtract, m.dy, m.dx),
            partial(np.subtract, m.dx, m.centred, m.dx),
            *_with_row(m, m.inverse, np.multiply, m.dx, m.dx),
        ]

    def update_state(
        self, state: Namespace, observed: Namespace, n_images: NDArray[np.intp]
    ) -> None:
        """Merge the tiles' statistics and move the running ones towards them.

        A tile of few images has measured its variance about the running mean.
        """
        n = n_images.sum()
        weights = (n_images / n)[:, None]
        mean = (weights * observed.mean).sum(axis=0)
        centres = np.where(n_images[:, None] < self.fewest_images, state.mean, observed.mean)
        # The mean square about `mean`, from those about the tiles' centres.
        shifts = centres - mean
        squares = observed.variance + shifts * (2 * (observed.mean - centres) + shifts)
        variance = (weights * squares).sum(axis=0)
        if n < self.fewest_images:  # too few to replace the statistics so far at once
            state.count[:] = np.maximum(state.count, PRIOR)
        state.count[:] = np.minimum(state.count + n, max(n, WINDOW))
        # Twice the share of an equal average: the weights change, early steps matter less.
        share = np.minimum(1, 2 * n / (state.count + n))
        state.mean += (mean - state.mean) * share
        state.variance += (np.maximum(variance, 0) - state.variance) * share


def _n_images(values: NDArray[Any]) -> int:
    """The number of images in values that are stored as between layers."""
    return values.shape[1] if values.ndim == 4 else len(values)


def _means(values: NDArray[Any], out: NDArray[Any]) -> Calls:
    """The mean of each channel: a product with ones, which BLAS adds up fast."""
    rows = values.reshape(-1, values.shape[-1])
    share = np.full(len(rows), 1 / len(rows), rows.dtype)
    return [partial(np.matmul, share, rows, out)]


def _with_row(
    m: Namespace, channels: NDArray[Any], function: np.ufunc, x: NDArray[Any], out: NDArray[Any]
) -> Calls:
    """``out = function(x, channels)``, with `channels` repeated for a whole row of all images.

    NumPy is slow with short runs, such as one for each pixel.
    """
    if x.ndim == 2:
        return [partial(function, x, channels, out)]
    return [partial(np.copyto, m.row, channels), partial(function, x, m.row, out)]
