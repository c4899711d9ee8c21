"""One buffer divided into named arrays."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike, NDArray

ALIGNMENT = 64  # bytes: a cache line, and the widest vector register

Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True)
class Array:
    """An array that a layer requests.

    Attributes
    ----------
    shape : tuple of int
        Without the axis of images, which comes first.
    images_second : bool
        The axis of images comes second, after that of the rows for example.
    fixed : bool
        There is no axis of images.
    """

    shape: tuple[int, ...]
    images_second: bool = False
    fixed: bool = False

    @classmethod
    def like_values(cls, shape: tuple[int, ...]) -> Array:
        """An array for values of this shape, stored as between layers.

        Images (h, w, c) become (h, t, w, c), features (n,) become (t, n).
        """
        return cls(shape, images_second=len(shape) == 3)

    def full_shape(self, n_images: int) -> tuple[int, ...]:
        """The shape with the axis of images."""
        if self.fixed:
            return self.shape
        if self.images_second:
            return (self.shape[0], n_images, *self.shape[1:])
        return (n_images, *self.shape)


def carve(
    arrays: Mapping[Name, Array],
    n_images: int,
    dtype: DTypeLike,
    *,
    start: int = 0,
    buffer: NDArray[np.uint8] | None = None,
) -> tuple[dict[Name, NDArray[Any]], int]:
    """Place `arrays` one after another from byte `start` of `buffer`, each on a cache line.

    Without a buffer, only the space is counted.

    Returns
    -------
    views : dict
        The arrays by name; empty without a buffer.
    end : int
        The byte after the last array.
    """
    views: dict[Name, NDArray[Any]] = {}
    end = start
    kind = np.dtype(dtype)
    for name, array in arrays.items():
        shape = array.full_shape(n_images)
        size = math.prod(shape) * kind.itemsize
        if buffer is not None:
            views[name] = buffer[end : end + size].view(kind).reshape(shape)
        end += -(-size // ALIGNMENT) * ALIGNMENT
    return views, end


def aligned_zeros(n_bytes: int) -> NDArray[np.uint8]:
    """`n_bytes` zero bytes that begin on a cache line."""
    raw = np.zeros(n_bytes + ALIGNMENT, np.uint8)
    skip = -raw.ctypes.data % ALIGNMENT
    return raw[skip : skip + n_bytes]
