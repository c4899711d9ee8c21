"""`ChannelStatistics`: the mean and the scale of each channel, by which images are standardized."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 22
LARGEST_PIXEL = 1e30  # far below float32's 3e38: the network multiplies and adds


@dataclass(frozen=True)
class ChannelStatistics:
    """Statistics of the pixels of some images, for each channel.

    Attributes
    ----------
    weight : float
        Sum of the weights of the images.
    mean, variance : ndarray of float64 of shape (channels,)
        Images of weight zero do not count.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.engine.standardization import ChannelStatistics
    >>> images = np.zeros((2, 4, 4, 2))
    >>> images[1, ..., 1] = 6
    >>> statistics = ChannelStatistics.of(images)
    >>> statistics.mean.tolist(), statistics.scale.tolist()
    ([0.0, 3.0], [1.0, 3.0])
    >>> more = ChannelStatistics.of(np.full((1, 4, 4, 2), 9))
    >>> statistics.merged(more).mean.tolist()
    [3.0, 5.0]
    """

    weight: float
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]

    @classmethod
    def of(cls, images: NDArray[Any], weights: NDArray[Any] | None = None) -> ChannelStatistics:
        """Statistics of images, in one pass over chunks.

        Parameters
        ----------
        images : ndarray of shape (n, h, w, channels)
            Of any real dtype. Never copied whole.
        weights : ndarray of shape (n,), default=None
            How much each image counts; at least one is positive.

        Raises
        ------
        ValueError
            If pixels are too large for the network's float32.
        """
        n, height, width, channels = images.shape
        n_pixels = height * width
        weights = np.ones(n) if weights is None else weights
        heaviest = float(weights.max())
        total = 0.0
        mean, squares = np.zeros(channels), np.zeros(channels)
        lowest, highest = np.full(channels, np.inf), np.full(channels, -np.inf)
        for rows in _chunks(images):
            chunk = _by_channel(images[rows])
            minima, maxima = chunk.min(axis=2), chunk.max(axis=2)
            _check_size(float(max(maxima.max(), -minima.min())), "X")
            w = weights[rows] / heaviest  # sums of large weights might overflow
            count = float(w.sum()) * n_pixels
            if count == 0:
                continue
            lowest = np.minimum(lowest, minima[w > 0].min(axis=0))
            highest = np.maximum(highest, maxima[w > 0].max(axis=0))
            chunk_mean = _weighted_sum(w, chunk.sum(axis=2)) / count
            chunk = chunk - chunk_mean[:, np.newaxis]
            chunk_squares = _weighted_sum(w, np.einsum("nci,nci->nc", chunk, chunk))
            # Merged as in Chan, Golub & LeVeque (1979).
            shift = chunk_mean - mean
            squares += chunk_squares + shift**2 * count * (total / (total + count))
            total += count
            mean += shift * count / total
        constant = lowest == highest  # rounding leaves a small variance
        return cls(
            weight=total / n_pixels * heaviest,
            mean=np.where(constant, lowest, mean),
            variance=np.where(constant, 0.0, squares / total),
        )

    def merged(self, other: ChannelStatistics) -> ChannelStatistics:
        """Statistics of the images of both."""
        weight = self.weight + other.weight
        share = other.weight / weight
        shift = other.mean - self.mean
        within = (1 - share) * self.variance + share * other.variance
        return ChannelStatistics(
            weight=weight,
            mean=self.mean + share * shift,
            variance=within + share * (1 - share) * shift**2,
        )

    @property
    def scale(self) -> NDArray[np.float64]:
        """Standard deviations, (channels,); one where all pixels are equal up to rounding."""
        deviation = np.sqrt(self.variance)
        rounding = 10 * np.finfo(np.float64).eps * np.abs(self.mean)
        return np.where(deviation > rounding, deviation, 1.0)


def _by_channel(images: NDArray[Any]) -> NDArray[np.float64]:
    """Images (n, h, w, channels) as (n, channels, pixels) in float64, pixels side by side."""
    n, height, width, channels = images.shape
    rows = np.asarray(images, dtype=np.float64).reshape(n, height * width, channels)
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def _weighted_sum(w: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the rows of (n, channels), weighted by w: (channels,)."""
    # The rounding of these products does not depend on the number of channels.
    return np.array([w @ column for column in np.ascontiguousarray(values.T)])


def check_pixel_size(images: NDArray[Any], name: str) -> None:
    """Raise ValueError if images, which the message calls `name`, have too large pixels.

    Integers never have.
    """
    if images.dtype.kind != "f":
        return
    for rows in _chunks(images):
        chunk = images[rows]
        _check_size(max(float(chunk.max()), -float(chunk.min())), name)


def _check_size(largest: float, name: str) -> None:
    if largest > LARGEST_PIXEL:
        raise ValueError(
            f"{name} has pixels as large as {largest:g}; expected at most {LARGEST_PIXEL:g}, "
            f"because skcnn computes in float32. Divide {name} by a suitable number."
        )


def _chunks(images: NDArray[Any]) -> Iterator[slice]:
    """Parts of the images that take about `CHUNK_BYTES` in float64."""
    step = max(1, CHUNK_BYTES // (8 * math.prod(images.shape[1:])))
    return (slice(start, start + step) for start in range(0, len(images), step))
