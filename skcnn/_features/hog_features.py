"""HOG's settings resolved for one image shape, and the features of a batch of images.

Pairs are (rows, columns) throughout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skcnn._input.settings import ImageShape, in_order, is_positive_int
from skcnn.engine.runtime.floating_point import ignore_underflow

_MOST_HISTOGRAMS = 1250  # of an image with automatic cells: 10,000 features by default


@dataclass(frozen=True)
class HOGSettings:
    """Settings of `skimage.feature.hog` for images of one shape."""

    padding: tuple[int, int]  # pixels by which the image is enlarged, half of them on each side
    orientations: int
    cell: tuple[int, int]  # pixels
    block: tuple[int, int]  # cells
    n_blocks: tuple[int, int]
    block_norm: str
    transform_sqrt: bool

    @property
    def n_features(self) -> int:
        """Number of features of one image."""
        blocks, cells = self.n_blocks, self.block
        return blocks[0] * blocks[1] * cells[0] * cells[1] * self.orientations

    def feature_names(self) -> list[str]:
        """Name of each feature, as the notes of `HOGTransformer` describe them."""
        angles = [f"{180 * k / self.orientations:.4g}deg" for k in range(self.orientations)]
        return [
            f"block{row}_{column}_cell{cell_row}_{cell_column}_{angle}"
            for row, column in np.ndindex(self.n_blocks)
            for cell_row, cell_column in np.ndindex(self.block)
            for angle in angles
        ]

    @ignore_underflow  # worker processes have settings of their own
    def compute(self, images: NDArray) -> NDArray[np.float32]:
        """Features (n, n_features) of one batch of images (n, h, w, channels)."""
        from skimage.feature import hog  # imported here so that importing skcnn stays fast

        if any(self.padding):
            rows, columns = ((count // 2, count - count // 2) for count in self.padding)
            images = np.pad(images, ((0, 0), rows, columns, (0, 0)), mode="edge")
        channel_axis = None if images.shape[-1] == 1 else -1
        if channel_axis is None:
            images = images[..., 0]
        return np.stack(
            [
                hog(
                    image,
                    orientations=self.orientations,
                    pixels_per_cell=self.cell,
                    cells_per_block=self.block,
                    block_norm=self.block_norm,
                    transform_sqrt=self.transform_sqrt,
                    channel_axis=channel_axis,
                ).astype(np.float32)
                for image in images
            ]
        )


def resolve_settings(
    shape: ImageShape,
    *,
    orientations: int,
    pixels_per_cell: int | Sequence[int] | str,
    cells_per_block: int | Sequence[int] | str,
    block_norm: str,
    transform_sqrt: bool,
) -> HOGSettings:
    """Resolve the parameters of `HOGTransformer` for images of `shape` (h, w, channels).

    Raises
    ------
    ValueError
        If a cell or a block is not one or two positive integers, or if the image is smaller than
        one block.
    """
    size = shape[:2]
    block = None  # "auto"
    if not isinstance(cells_per_block, str):
        block = check_pair("cells_per_block", cells_per_block)
    if isinstance(pixels_per_cell, str):  # "auto"
        cell = _automatic_cell(size, block)
        padding = (-size[0] % cell[0], -size[1] % cell[1])  # whole cells cover the image
    else:
        cell = check_pair("pixels_per_cell", pixels_per_cell)
        padding = (0, 0)
    n_cells = ((size[0] + padding[0]) // cell[0], (size[1] + padding[1]) // cell[1])
    block = block or _automatic_block(n_cells)
    n_blocks = _count_blocks(n_cells, block)
    if min(n_blocks) < 1:
        raise ValueError(
            f"Images of {size[0]} x {size[1]} pixels (rows x columns) are smaller than one "
            f"block: {block[0]} x {block[1]} cells of {cell[0]} x {cell[1]} pixels need at least "
            f"{block[0] * cell[0]} x {block[1] * cell[1]} pixels. Reduce pixels_per_cell or "
            'cells_per_block, or set both to "auto".'
        )
    return HOGSettings(
        padding, int(orientations), cell, block, n_blocks, block_norm, transform_sqrt
    )


def _automatic_cell(size: tuple[int, int], block: tuple[int, int] | None) -> tuple[int, int]:
    """Rows and columns of a cell for images of `size`, as `HOGTransformer` describes them.

    `block` is None for automatic blocks.
    """
    side = min(max(2, min(size) // 7), *size)

    def fits(side: int) -> bool:
        return _count_histograms(size, side, block) > 0

    while _count_histograms(size, side, block) > _MOST_HISTOGRAMS and fits(side + 1):
        side += 1
    padding = _total_padding(size, side)
    # More than half a cell along each axis is too much, if larger cells need less.
    if padding > side and _total_padding(size, side + 1) < padding and fits(side + 1):
        side += 1
    return min(side, size[0]), min(side, size[1])


def _total_padding(size: tuple[int, int], side: int) -> int:
    """Rows and columns to add, so that whole cells cover the image."""
    return sum(-length % min(side, length) for length in size)


def _count_histograms(size: tuple[int, int], side: int, block: tuple[int, int] | None) -> int:
    """Number of histograms in all blocks of an image; 0 if no block fits."""
    n_cells = (-(-size[0] // side), -(-size[1] // side))
    block = block or _automatic_block(n_cells)
    rows, columns = _count_blocks(n_cells, block)
    return max(0, rows) * max(0, columns) * block[0] * block[1]


def _automatic_block(n_cells: tuple[int, int]) -> tuple[int, int]:
    # at least 1: if not even one cell fits, the check of `resolve_settings` raises
    return max(1, min(3, n_cells[0])), max(1, min(3, n_cells[1]))


def _count_blocks(n_cells: tuple[int, int], block: tuple[int, int]) -> tuple[int, int]:
    return n_cells[0] - block[0] + 1, n_cells[1] - block[1] + 1


def check_pair(name: str, value: int | Sequence[int]) -> tuple[int, int]:
    """(rows, columns) from one positive int or two."""
    items = in_order(value)
    pair = (value, value) if items is None else items
    if len(pair) != 2 or not all(map(is_positive_int, pair)):
        raise ValueError(
            f"{name} is {value!r}; expected a positive int or two of them (rows, columns). Pass "
            'these, or "auto" to adapt to the size of the images.'
        )
    return int(pair[0]), int(pair[1])
