"""The computations of `PatchFeatures`: drawing patches, learning filters, encoding images.

Axes: t images of a tile, p positions of a patch in an image, d numbers in a patch, k filters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from skcnn.engine.layers.windows import by_regions
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads

FLOAT = np.dtype(np.float32)
DRAWN_NUMBERS = 2**22  # of the images from which patches are drawn at a time: 16 MiB
LARGEST_SQUARED = 1e15  # squares of larger pixels are summed in float64
TILE_NUMBERS = 2**18  # responses of the filters that a thread computes at a time: 1 MiB


@dataclass(frozen=True)
class PatchFilters:
    """Learned filters, which include the whitening.

    A patch is normalized: its mean is subtracted, and it is divided by the square root of its
    variance plus `contrast`. Its responses are ``patch @ weights + bias``.

    Attributes
    ----------
    weights : ndarray of shape (d, k)
    bias : ndarray of shape (k,)
    contrast : float
    """

    weights: NDArray[np.float32]
    bias: NDArray[np.float32]
    contrast: float


def draw_patches(
    reader: ImageReader, size: tuple[int, int], n_patches: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Patches (n_patches, d) at random places of random images, standardized as the images."""
    _, height, width, channels = reader.images.shape
    chosen = np.sort(rng.integers(0, len(reader), n_patches))
    rows = rng.integers(0, height - size[0] + 1, n_patches)
    columns = rng.integers(0, width - size[1] + 1, n_patches)
    patches = np.empty((n_patches, *size, channels), FLOAT)
    at_once = max(1, DRAWN_NUMBERS // (height * width * channels))
    for part in gen_batches(n_patches, at_once):
        images = np.empty((part.stop - part.start, height, width, channels), FLOAT)
        reader.read(chosen[part], images, None)
        patches[part] = _windows(images, size)[np.arange(len(images)), rows[part], columns[part]]
    return patches.reshape(n_patches, -1)


def learn_filters(
    patches: NDArray[np.float32],
    n_filters: int,
    *,
    contrast: float,
    whitening: float,
    method: str,
    rng: np.random.Generator,
) -> PatchFilters:
    """Filters from patches (n, d), which are normalized in place."""
    _normalize(patches, contrast, *(np.empty(len(patches), FLOAT) for _ in range(2)))
    mean = patches.mean(axis=0, dtype=np.float64)
    patches -= mean.astype(FLOAT)
    # Zero-phase whitening (ZCA): whitened patches still look like patches, and so do filters.
    variances, directions = np.linalg.eigh((patches.T @ patches).astype(np.float64) / len(patches))
    whiten = (directions / np.sqrt(np.maximum(variances, 0) + whitening)) @ directions.T
    whitened = patches @ whiten.astype(FLOAT)
    if method == "random":
        centres = whitened[rng.permutation(len(whitened))[:n_filters]]
    else:
        kmeans = MiniBatchKMeans(
            n_filters,
            batch_size=max(1024, 4 * n_filters),
            n_init=1,
            max_iter=20,
            random_state=int(rng.integers(2**31)),
        )
        # On busy cores, several threads of OpenMP take several times as long as one.
        with threadpool_limits(1, user_api="openmp"):
            centres = kmeans.fit(whitened).cluster_centers_
    lengths = np.linalg.norm(centres.astype(np.float64), axis=1, keepdims=True)
    weights = whiten @ (centres / np.where(lengths > 0, lengths, 1)).T
    return PatchFilters(weights.astype(FLOAT), (-mean @ weights).astype(FLOAT), contrast)


class PatchEncoder:
    """Encodes images with filters, a tile at a time.

    A tile has a few images or, if they are large, one image, which is encoded in bands of a few
    rows of positions.

    Parameters
    ----------
    filters : PatchFilters
    image_shape : (h, w, channels)
    size : (rows, columns)
        Of a patch.
    n_regions : int
        Pooling regions per side.
    threshold : float
    """

    def __init__(
        self,
        filters: PatchFilters,
        image_shape: tuple[int, int, int],
        size: tuple[int, int],
        n_regions: int,
        threshold: float,
    ) -> None:
        self.image_shape, self.size, self.n_regions = image_shape, size, n_regions
        self.n_rows, self.n_columns = (
            side - length + 1 for side, length in zip(image_shape, size, strict=False)
        )
        self.n_filters, self.contrast = len(filters.bias), filters.contrast
        # A patch ends with the number one, whose weights are the bias.
        self.weights = np.concatenate([filters.weights, filters.bias[None]])
        self.threshold = np.full(self.n_filters, threshold, FLOAT)
        self.pooling = _pooling_matrix(self.n_rows, self.n_columns, n_regions)
        self.n_features = 2 * self.n_filters * len(self.pooling)
        by_row = self.n_columns * self.n_filters
        self.band = max(1, min(self.n_rows, TILE_NUMBERS // by_row))
        self.tile = max(1, TILE_NUMBERS // (by_row * self.n_rows))

    def encode(self, reader: ImageReader, threads: Threads) -> NDArray[np.float32]:
        """Features (n, n_features) of all images of the reader."""
        out = np.empty((len(reader), self.n_features), FLOAT)
        memories: dict[int, _Memory] = {}

        def run(thread: int, index: int) -> None:
            if thread not in memories:
                memories[thread] = _Memory(self, reader)
            rows = np.arange(index * self.tile, min((index + 1) * self.tile, len(reader)))
            pooled = self._encode_tile(reader, rows, memories[thread])
            np.copyto(out[rows[0] : rows[-1] + 1], pooled.reshape(len(rows), -1))

        threads.run(run, -(-len(reader) // self.tile))
        return out

    def _encode_tile(
        self, reader: ImageReader, rows: NDArray[np.intp], m: _Memory
    ) -> NDArray[np.float32]:
        """Features (t, regions, 2 * k) of the images of `rows`."""
        n = len(rows)
        images, pooled, sums = m.images[:n], m.pooled[:n], m.sums[:n]
        reader.read(rows, images, m.raw)
        is_large = max(images.max(), -images.min()) > LARGEST_SQUARED
        windows = _windows(images, self.size)
        pooled.fill(0)
        for first in range(0, self.n_rows, self.band):
            last = min(first + self.band, self.n_rows)
            positions = slice(first * self.n_columns, last * self.n_columns)
            here = (slice(n), slice(positions.stop - positions.start))
            np.copyto(m.windows[:n, : last - first], windows[:, first:last])
            if is_large:
                _normalize_in_float64(m.numbers[here], self.contrast)
            else:
                _normalize(m.numbers[here], self.contrast, m.means[here], m.squares[here])
            z, rectified = m.responses[here], m.rectified[here]
            np.matmul(m.patches[here], self.weights, out=z)
            np.maximum(z, self.threshold, out=rectified)
            np.matmul(self.pooling[:, positions], rectified, out=sums)
            pooled[:, :, 0] += sums
            np.minimum(z, -self.threshold, out=rectified)
            np.matmul(self.pooling[:, positions], rectified, out=sums)
            pooled[:, :, 1] -= sums
        pooled -= self.threshold
        return pooled


class _Memory:
    """A thread's memory for a tile."""

    def __init__(self, encoder: PatchEncoder, reader: ImageReader) -> None:
        t, p, k = encoder.tile, encoder.band * encoder.n_columns, encoder.n_filters
        shape = (*encoder.size, encoder.image_shape[2])
        self.raw = reader.scratch(t)
        self.images = np.empty((t, *encoder.image_shape), FLOAT)
        self.patches = np.ones((t, p, len(encoder.weights)), FLOAT)
        self.numbers = self.patches[..., :-1]
        self.windows = self.numbers.reshape(t, encoder.band, encoder.n_columns, *shape)
        assert np.shares_memory(self.windows, self.patches)
        self.means, self.squares = np.empty((t, p), FLOAT), np.empty((t, p), FLOAT)
        self.responses, self.rectified = (np.empty((t, p, k), FLOAT) for _ in range(2))
        self.sums = np.empty((t, len(encoder.pooling), k), FLOAT)
        self.pooled = np.empty((t, len(encoder.pooling), 2, k), FLOAT)


def _windows(images: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """All patches of images: (t, rows, columns, *size, channels)."""
    return sliding_window_view(images, size, axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)


def _normalize(
    patches: NDArray[Any], contrast: float, means: NDArray[Any], squares: NDArray[Any]
) -> None:
    """Subtract the mean of each patch (..., d) and divide by its deviation, in place.

    `means` and `squares` (...) are scratch memory.
    """
    d = patches.shape[-1]
    np.matmul(patches, np.full(d, 1 / d, patches.dtype), out=means)
    patches -= means[..., None]
    np.vecdot(patches, patches, out=squares)
    squares /= d
    squares += max(contrast, np.finfo(FLOAT).tiny)  # smaller numbers are zero in float32
    np.sqrt(squares, out=squares)
    patches /= squares[..., None]


def _normalize_in_float64(patches: NDArray[Any], contrast: float) -> None:
    """As `_normalize`, for pixels whose squares overflow in float32."""
    wide = patches.astype(np.float64)
    wide -= wide.mean(axis=-1, keepdims=True)
    wide /= np.sqrt(np.vecdot(wide, wide) / wide.shape[-1] + contrast)[..., None]
    patches[...] = wide


def _pooling_matrix(n_rows: int, n_columns: int, n_regions: int) -> NDArray[np.float32]:
    """(regions, p): each row is the mean over the positions of a region."""
    rows, columns = (
        np.repeat(
            np.arange(min(n_regions, n)),
            [group.size for group in by_regions(n, n_regions) for _ in range(group.count)],
        )
        for n in (n_rows, n_columns)
    )
    region = (rows[:, None] * (columns[-1] + 1) + columns).ravel()
    matrix = np.zeros((region[-1] + 1, len(region)), FLOAT)
    matrix[region, np.arange(len(region))] = 1
    return matrix / matrix.sum(axis=1, keepdims=True)
