"""Pooling windows: how an axis of an image is divided, and the base of the pooling layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from skcnn.engine.layer import Kernel, Layer, Shape


@dataclass(frozen=True)
class Group:
    """`count` adjacent windows of `size` pixels from pixel `start`; `index` is the first one's."""

    start: int
    size: int
    count: int
    index: int

    @property
    def pixels(self) -> slice:
        """All pixels of the windows."""
        return slice(self.start, self.start + self.size * self.count)

    def tap(self, offset: int) -> slice:
        """Pixel number `offset` of every window."""
        return slice(self.start + offset, self.pixels.stop, self.size)

    @property
    def windows(self) -> slice:
        """The windows' indices."""
        return slice(self.index, self.index + self.count)


def by_size(n_pixels: int, size: int) -> list[Group]:
    """Windows of `size` pixels; the remaining pixels at the end form a smaller window."""
    size = min(size, n_pixels)
    whole, rest = divmod(n_pixels, size)
    groups = [Group(0, size, whole, 0)]
    if rest:
        groups.append(Group(whole * size, rest, 1, whole))
    return groups


def by_regions(n_pixels: int, n_regions: int) -> list[Group]:
    """`n_regions` windows as equal as possible, the larger ones first, as in `np.array_split`."""
    n_regions = min(n_regions, n_pixels)
    size, n_larger = divmod(n_pixels, n_regions)
    groups = [Group(0, size + 1, n_larger, 0)] if n_larger else []
    groups.append(Group(n_larger * (size + 1), size, n_regions - n_larger, n_larger))
    return groups


@dataclass(frozen=True)
class Pool2D(Layer, Kernel):
    """Pooling into windows of `size` x `size` pixels, or into `regions` x `regions` windows.

    Windows do not overlap. A partial last window is kept, so every image size works. An image that
    is smaller than a window, or has fewer pixels per side than regions, gets fewer windows.

    Pooling is separable: first along one axis, then along the other, each time a few long vector
    operations. The windows of an axis have at most two sizes, hence `Group`.
    """

    size: int = 2
    regions: int | None = None

    def groups(self, in_shape: Shape) -> tuple[list[Group], list[Group]]:
        """The windows along the rows' axis, and those along the columns' axis."""
        if self.regions is None:
            return by_size(in_shape[0], self.size), by_size(in_shape[1], self.size)
        return by_regions(in_shape[0], self.regions), by_regions(in_shape[1], self.regions)

    def pooled_shape(self, in_shape: Shape) -> Shape:
        """Shape of the output."""
        rows, columns = self.groups(in_shape)
        return (rows[-1].windows.stop, columns[-1].windows.stop, in_shape[2])


def image_shape(planes: NDArray[Any]) -> Shape:
    """(h, w, c) of images stored as (h, period, t, w / period, c)."""
    h, period, _, w, c = planes.shape
    return h, period * w, c
