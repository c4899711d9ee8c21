"""`ImageReader`: reads the images of a tile and standardizes them.

Images are never loaded all at once: an array of any real dtype, read-only or memory-mapped, is read
one tile at a time and converted to the network's dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

SMALLEST_SCALE = 1e-30  # smaller differences between pixels are not accurate in float32
LARGEST_OFFSET = 1e4  # of the mean, in units of the scale: float32 rounds to 1/1000 of the scale


class ImageReader:
    """Images ``(n, h, w, channels)`` of any real dtype, standardized as they are read.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, channels)
        Never copied whole.
    mean, scale : float or array-like of shape (channels,), default=0.0 and 1.0
        Each pixel becomes ``(pixel - mean) / scale``, with the mean and the scale of its channel.
    """

    def __init__(self, images: NDArray[Any], mean: ArrayLike = 0.0, scale: ArrayLike = 1.0) -> None:
        self.images = images
        means, scales = np.ravel(mean).tolist(), np.ravel(scale).tolist()
        self._identity = not any(means) and set(scales) == {1.0}
        self._tiny = min(scales) < SMALLEST_SCALE
        far = any(abs(m) > LARGEST_OFFSET * s for m, s in zip(means, scales, strict=True))
        # float32 would round these images too much before their mean is subtracted.
        self._augment_in_float64 = (self._tiny or far) and images.dtype.itemsize > 2
        self._mean = self._spread(means)
        self._scale = self._spread(scales)  # of which the reciprocal may overflow
        self._factor = self._spread([1 / s for s in scales])
        rows = images.reshape(len(images), -1) if images.flags.c_contiguous else None
        # np.take would copy anything else as a whole first.
        plain = images.dtype.isnative and images.dtype.kind in "biuf"
        self._rows = np.asarray(rows) if rows is not None and plain else None
        # float32 represents these exactly, so that they need not be subtracted in float64.
        self._small_integers = images.dtype.kind in "bu" and images.dtype.itemsize <= 2

    def _spread(self, values: list[float]) -> float | NDArray[np.float64]:
        """A number for all channels, or a row of pixels, (w, channels).

        NumPy adds a row several times as fast as a single pixel, whose few channels are too short
        for its inner loop.
        """
        if len(set(values)) == 1:
            return values[0]
        row = np.empty(self.images.shape[2:])
        row[:] = values
        return row

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

        If `out` is (len(indices), features), the values of an image follow one another.

        `augment` receives the images before standardization, in the dtype of `out`; in float64
        where that would round them too much.
        """
        if scratch is None or self._rows is None:
            raw = self.images[indices]
        else:
            raw = scratch[: len(indices)]
            np.take(self._rows, indices, axis=0, out=raw, mode="clip")  # "raise" would use a buffer
        raw = raw.reshape(out.shape)
        if augment is not None:
            dtype = np.float64 if self._augment_in_float64 else out.dtype
            raw = augment(raw.astype(dtype, order="C"))
        if self._identity:
            np.copyto(out, raw)
        elif self._tiny:  # differences would vanish in float32
            centred = np.subtract(raw, self._mean, dtype=np.float64)
            np.divide(centred, self._scale, out=out, casting="same_kind")
        else:
            small = self._small_integers and augment is None
            # Otherwise float16 would be subtracted in float16.
            wide = out.dtype if small else np.promote_types(raw.dtype, out.dtype)
            np.subtract(raw, _in(self._mean, wide), out=out, dtype=wide, casting="same_kind")
            np.multiply(out, _in(self._factor, out.dtype), out=out)


def _in(constant: float | NDArray[Any], dtype: DTypeLike) -> float | NDArray[Any]:
    """A constant in the dtype of a calculation, which NumPy would otherwise convert in pieces."""
    return constant.astype(dtype) if isinstance(constant, np.ndarray) else constant
