"""`ImageReader`: reads the images of a tile and standardizes them.

Images are never loaded all at once: an array of any real dtype, read-only or memory-mapped, is read
one tile at a time and converted to the network's dtype.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK_BYTES = 1 << 22
LARGEST_PIXEL = 1e30  # far below float32's 3e38: the network multiplies and adds


class ImageReader:
    """Images ``(n, h, w, channels)`` of any real dtype, standardized as they are read.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, channels)
        Never copied whole.
    mean, scale : float
        Each pixel becomes ``(pixel - mean) / scale``.
    """

    def __init__(self, images: NDArray[Any], mean: float = 0.0, scale: float = 1.0) -> None:
        self.images = images
        self.mean, self.scale = float(mean), float(scale)
        rows = images.reshape(len(images), -1) if images.flags.c_contiguous else None
        # np.take would copy anything else as a whole first.
        plain = images.dtype.isnative and images.dtype.kind in "biuf"
        self._rows = np.asarray(rows) if rows is not None and plain else None
        # float32 represents these exactly, so that they need not be subtracted in float64.
        self._small_integers = images.dtype.kind in "bu" and images.dtype.itemsize <= 2

    def __len__(self) -> int:
        return len(self.images)

    def scratch(self, n_images: int) -> NDArray[Any] | None:
        """Memory that `read` needs for tiles of up to `n_images`, one for each thread; or None."""
        if self._rows is None:
            return None
        return np.empty((n_images, self._rows.shape[1]), self._rows.dtype)

    def read(
        self,
        indices: NDArray[np.intp],
        out: NDArray[Any],
        scratch: NDArray[Any] | None,
        augment: Callable[[NDArray[Any]], NDArray[Any]] | None = None,
    ) -> None:
        """Write the standardized images of `indices` to `out`: (len(indices), h, w, channels).

        `augment` receives the images before standardization, in the dtype of `out`.
        """
        if scratch is None or self._rows is None:
            raw = self.images[indices]
        else:
            raw = scratch[: len(indices)]
            np.take(self._rows, indices, axis=0, out=raw, mode="clip")  # "raise" would use a buffer
            raw = raw.reshape(out.shape)
        if augment is not None:
            raw = augment(raw.astype(out.dtype, order="C"))
            np.subtract(raw, self.mean, out=out)
            np.multiply(out, 1 / self.scale, out=out)
        elif self._small_integers:
            np.subtract(raw, self.mean, out=out, dtype=out.dtype, casting="unsafe")
            np.multiply(out, 1 / self.scale, out=out)
        elif self.mean == 0 and self.scale == 1:
            np.copyto(out, raw, casting="unsafe")
        else:
            # Otherwise float16 would be subtracted in float16.
            wide = np.promote_types(raw.dtype, out.dtype)
            np.subtract(raw, self.mean, out=out, dtype=wide, casting="unsafe")
            np.multiply(out, 1 / self.scale, out=out)


def mean_and_scale(
    images: NDArray[Any], weights: NDArray[Any] | None = None
) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, in one pass over chunks.

    The moments of the chunks are merged as in Chan, Golub & LeVeque (1979).

    Parameters
    ----------
    images : ndarray of shape (n, h, w, channels)
    weights : ndarray of shape (n,) or None
        How much each image counts.

    Returns
    -------
    mean, scale : float
        A standard deviation of zero (all pixels equal) becomes a scale of one.

    Raises
    ------
    ValueError
        If pixels are too large for the network's float32.
    """
    n, n_pixels = len(images), math.prod(images.shape[1:])
    step = max(1, CHUNK_BYTES // max(1, 8 * n_pixels))
    total = mean = squares = 0.0
    if weights is not None:
        weights = weights / weights.max()  # only their ratios matter, and large ones might overflow
    for start in range(0, n, step):
        chunk = np.asarray(images[start : start + step], dtype=np.float64).reshape(-1, n_pixels)
        w = np.ones(len(chunk)) if weights is None else weights[start : start + step]
        count = w.sum() * n_pixels
        if count == 0:
            continue
        largest = max(chunk.max(), -chunk.min())
        if largest > LARGEST_PIXEL:
            raise ValueError(
                f"X has pixels as large as {largest:g}; expected at most {LARGEST_PIXEL:g}, "
                "because the network computes in float32. Divide X by a suitable number."
            )
        chunk_mean = w @ chunk.sum(axis=1) / count
        chunk = chunk - chunk_mean
        chunk_squares = w @ np.einsum("ij,ij->i", chunk, chunk)
        shift = chunk_mean - mean
        squares += chunk_squares + shift**2 * count * (total / (total + count))
        total += count
        mean += shift * count / total
    scale = math.sqrt(squares / total) if total else 0.0
    # Rounding alone leaves a small variance in constant images.
    return float(mean), scale if scale > 1e-7 * max(abs(mean), 1e-30) else 1.0
