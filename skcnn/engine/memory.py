"""One buffer carved into named arrays.

Contains `Array` (what a layer asks for: a shape an image) and `carve`.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register


@dataclass(frozen=True)
class Array:
    """An array that a layer asks for: `shape` without the axis of images.

    That axis comes first; of `images_second` arrays, behind the first one, of rows for example.
    `fixed` arrays have none at all.
    """

    shape: tuple[int, ...]
    fixed: bool = False
    images_second: bool = False

    def full_shape(self, n_images: int) -> tuple[int, ...]:
        if self.fixed:
            return self.shape
        if self.images_second:
            return (self.shape[0], n_images, *self.shape[1:])
        return (n_images, *self.shape)


def carve(
    arrays: Mapping[Hashable, Array],
    n_images: int,
    dtype: DTypeLike,
    *,
    start: int = 0,
    buffer: NDArray[np.uint8] | None = None,
) -> tuple[dict, int]:
    """Lay `arrays` one behind the other from byte `start` of `buffer`, each on a cache line.

    Without a buffer only the space is counted.

    Returns
    -------
    views : dict
        The arrays by name; empty without a buffer.
    end : int
        The byte behind the last array.
    """
    views = {}
    end = start
    for name, array in arrays.items():
        shape, kind = array.full_shape(n_images), np.dtype(dtype)
        size = math.prod(shape) * kind.itemsize
        if buffer is not None:
            views[name] = buffer[end : end + size].view(kind).reshape(shape)
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return views, end


def aligned_zeros(n_bytes: int) -> NDArray[np.uint8]:
    """`n_bytes` zeroed bytes that begin on a cache line."""
    raw = np.zeros(n_bytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    return raw[skip : skip + n_bytes]
