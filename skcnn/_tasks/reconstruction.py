"""Reconstruction: the image itself, through a bottleneck."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skcnn._tasks.task import Measured, Task, Validation, Weights
from skcnn.engine.inference import predict
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.losses import SquaredError
from skcnn.engine.training.targets import ImageTargets, Targets
from skcnn.engine.workspace import Workspace

KEY_NUMBERS = 8  # of an image, to tell whether it is the same


class Reconstruction(Task):
    """An autoencoder's: standardized images are their own targets.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, channels)
    """

    key_name = "X"
    score_name = "negative MSE"
    constant = "the mean of each channel"
    regularizers = "alpha, noise or sparsity"
    check = "the pixels of X differ (small ones need standardize=True)"
    least_gain = 0.0  # with standardize=False, the loss may be in any unit

    def __init__(self, images: NDArray[Any]) -> None:
        self.n_outputs, self.loss = math.prod(images.shape[1:]), SquaredError()
        self.strata = np.zeros(len(images), np.intp)
        # All pixels would take long to compare, and the memory of X: a few of the middle row.
        _, height, width, channels = images.shape
        step = math.ceil(width / max(1, KEY_NUMBERS // channels))
        with np.errstate(over="ignore"):  # of pixels that are refused afterwards
            self.key = images[:, height // 2, step // 2 :: step].astype(np.float32)
        self.attributes = {}

    def targets(self, work: Any) -> Targets:
        return ImageTargets(float(np.mean((work._statistics.deviation / work.scale_) ** 2)))

    def validation(
        self,
        work: Any,
        reader: ImageReader,
        indices: NDArray[np.intp] | None,
        weights: Weights,
    ) -> Validation:
        return _ReconstructionValidation(reader, indices, weights, work.scale_)


class _ReconstructionValidation(NamedTuple):
    reader: ImageReader
    indices: NDArray[np.intp] | None
    weights: Weights
    scale: NDArray[np.float64]

    def measure(self, network: Network, threads: Threads) -> Measured:
        errors = squared_errors(network, self.reader, threads, self.indices)
        by_channel = np.average(errors, axis=0, weights=self.weights)
        mse = float(np.mean(by_channel * self.scale**2))
        return Measured(-mse, 0.5 * float(np.mean(by_channel)))


def squared_errors(
    network: Network,
    reader: ImageReader,
    threads: Threads,
    indices: NDArray[np.intp] | None = None,
) -> NDArray[np.float64]:
    """Mean squared difference of standardized images and the network's outputs, (n, channels).

    The network returns flattened images. `indices` selects images of the reader; None: all.
    """
    n = len(reader) if indices is None else len(indices)
    channels = network.input_shape[-1]
    errors = np.empty((n, channels))

    def write(rows: slice, space: Workspace) -> None:
        count = rows.stop - rows.start
        difference = space.output[:count] - space.input[:count].reshape(count, -1)
        squares = np.square(difference, out=difference).reshape(count, -1, channels)
        errors[rows] = squares.mean(axis=1, dtype=np.float64)

    predict(network, reader, threads, write, indices)
    return errors
