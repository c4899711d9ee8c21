"""`ChannelStatistics`: the mean and the scale of each channel, by which images are standardized."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 22
# 1e30 as float32 has it; far below float32's 3e38: the network multiplies and adds.
LARGEST_VALUE = float(np.float32(1e30))
SMALLEST_RANGE = 1e-100  # the squares of smaller differences between pixels may underflow


@dataclass(frozen=True)
class ChannelStatistics:
    """Statistics of the pixels of some images, for each channel.

    Attributes
    ----------
    weight : float
        Sum of the weights of the images.
    mean, variance : ndarray of float64 of shape (channels,)
        Images of weight zero do not count. The variance is in units of ``4.0 ** exponent``.
    exponent : ndarray of int of shape (channels,)
        Zero, but for channels whose variance would underflow.

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
    exponent: NDArray[np.intc] | int = 0

    @classmethod
    def of(cls, images: NDArray[Any], weights: NDArray[Any] | None = None) -> ChannelStatistics:
        """Statistics of images, in one pass over chunks; in two if pixels are tiny.

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
        weights = np.ones(len(images)) if weights is None else weights
        exponent = np.zeros(images.shape[3], np.intc)
        statistics, extent = cls._measured(images, weights, exponent)
        exponent = _exponent_for(extent)
        return cls._measured(images, weights, exponent)[0] if exponent.any() else statistics

    @classmethod
    def _measured(
        cls, images: NDArray[Any], weights: NDArray[Any], exponent: NDArray[np.intc]
    ) -> tuple[ChannelStatistics, NDArray[np.float64]]:
        """Statistics with this exponent, and the range of each channel."""
        n_pixels, channels = images.shape[1] * images.shape[2], images.shape[3]
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
            if exponent.any():
                chunk[w == 0] = 0  # they may be large
                chunk = np.ldexp(chunk, -exponent[:, np.newaxis])
            chunk_squares = _weighted_sum(w, np.einsum("nci,nci->nc", chunk, chunk))
            # Merged as in Chan, Golub & LeVeque (1979).
            shift = chunk_mean - mean
            squared = np.ldexp(shift, -exponent) ** 2
            squares += chunk_squares + squared * count * (total / (total + count))
            total += count
            mean += shift * count / total
        constant = lowest == highest  # rounding leaves a small variance
        statistics = cls(
            weight=total / n_pixels * heaviest,
            mean=np.where(constant, lowest, mean),
            variance=np.where(constant, 0.0, squares / total),
            exponent=exponent,
        )
        return statistics, highest - lowest

    def merged(self, other: ChannelStatistics) -> ChannelStatistics:
        """Statistics of the images of both."""
        weight = self.weight + other.weight
        share = other.weight / weight
        shift = other.mean - self.mean
        differences = np.abs([shift, self._root, other._root])
        exponent = _exponent_for(differences.max(axis=0))
        own, others = (np.ldexp(s.variance, 2 * (s.exponent - exponent)) for s in (self, other))
        within = (1 - share) * own + share * others
        return ChannelStatistics(
            weight=weight,
            mean=self.mean + share * shift,
            variance=within + share * (1 - share) * np.ldexp(shift, -exponent) ** 2,
            exponent=exponent,
        )

    @property
    def deviation(self) -> NDArray[np.float64]:
        """Standard deviations, (channels,); zero where all pixels are equal up to rounding."""
        rounding = 10 * np.finfo(np.float64).eps * np.abs(self.mean)
        return np.where(self._root > rounding, self._root, 0.0)

    @property
    def _root(self) -> NDArray[np.float64]:
        """Square root of the variance, in the units of the pixels."""
        return np.ldexp(np.sqrt(self.variance), self.exponent)

    @property
    def scale(self) -> NDArray[np.float64]:
        """Standard deviations, (channels,); one where all pixels are equal up to rounding."""
        deviation = self.deviation
        return np.where(deviation > 0, deviation, 1.0)


def _exponent_for(extent: NDArray[np.float64]) -> NDArray[np.intc]:
    """That of `ChannelStatistics` for channels whose pixels differ by `extent`, (channels,)."""
    is_tiny = (extent > 0) & (extent < SMALLEST_RANGE)
    return np.where(is_tiny, np.frexp(extent)[1], 0).astype(np.intc)


def _by_channel(images: NDArray[Any]) -> NDArray[np.float64]:
    """Images (n, h, w, channels) as (n, channels, pixels) in float64, pixels side by side."""
    n, height, width, channels = images.shape
    with np.errstate(over="ignore"):  # of long doubles, which are refused afterwards
        rows = np.asarray(images, dtype=np.float64).reshape(n, height * width, channels)
    return np.ascontiguousarray(rows.transpose(0, 2, 1))


def _weighted_sum(w: NDArray[Any], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum of the rows of (n, channels), weighted by w: (channels,)."""
    # The rounding of these products does not depend on the number of channels.
    return np.array([w @ column for column in np.ascontiguousarray(values.T)])


def check_pixel_size(images: NDArray[Any], name: str, unit: float = 1.0) -> None:
    """Raise ValueError if images, which the message calls `name`, have too large pixels.

    They are too large in this unit. Integers never are in units of one or more.
    """
    if images.dtype.kind != "f" and unit >= 1:
        return
    for rows in _chunks(images):
        chunk = images[rows]
        _check_size(max(float(chunk.max()), -float(chunk.min())), name, min(unit, 1.0))


def _check_size(largest: float, name: str, unit: float = 1.0) -> None:
    most = LARGEST_VALUE * unit
    if largest > most:
        raise ValueError(
            f"{name} has pixels as large as {largest:g}; expected at most {most:g}, because skcnn "
            f"computes in float32. Divide {name} by a suitable number."
        )


def _chunks(images: NDArray[Any]) -> Iterator[slice]:
    """Parts of the images that take about `CHUNK_BYTES` in float64."""
    step = max(1, CHUNK_BYTES // (8 * math.prod(images.shape[1:])))
    return (slice(start, start + step) for start in range(0, len(images), step))
