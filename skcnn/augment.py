"""Random warps of a batch of images: shifts, affine and elastic distortions.

Each is a callable ``(images, rng) -> images`` on a float32 batch ``(n, h, w, channels)``, as
`ConvNetClassifier(augment=...)` takes them. What an output pixel shows is read from the input
between four pixels (bilinear); outside the image its edge goes on.

Contains `Shift`, `Affine`, `Elastic`, and `AUGMENTATIONS`, the names that the estimator knows.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Shift:
    """Move each image by up to `reach` of its side, down or up and right or left.

    Parameters
    ----------
    reach : float, default=1/14
        Share of the height and width: 2 pixels of 28.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Shift
    >>> images = np.zeros((1, 5, 5, 1), np.float32)
    >>> images[0, 2, 2] = 1
    >>> moved = Shift(reach=0.5)(images, np.random.default_rng(0))
    >>> moved.shape, bool(np.isclose(moved.sum(), 1))
    ((1, 5, 5, 1), True)
    """

    reach: float = 1 / 14

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        n, h, w, _ = images.shape
        move = rng.uniform(-self.reach, self.reach, (2, n, 1, 1)).astype(np.float32)
        rows = np.arange(h, dtype=np.float32)[:, None] + move[0] * h
        columns = np.arange(w, dtype=np.float32) + move[1] * w
        shape = (n, h, w)
        return sample(images, np.broadcast_to(rows, shape), np.broadcast_to(columns, shape))


@dataclass(frozen=True)
class Affine:
    """Rotate, scale, shear and shift each image about its centre.

    Parameters
    ----------
    rotation, shear : float, default=12 and 8
        Largest angles, in degrees.
    scale : float, default=0.1
        Height and width change, each on its own, by up to about this share.
    reach : float, default=1/14
        Largest shift, as a share of the side.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Affine
    >>> images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    >>> still = Affine(rotation=0, shear=0, scale=0, reach=0)
    >>> bool(np.allclose(still(images, np.random.default_rng(0)), images))
    True
    """

    rotation: float = 12.0
    shear: float = 8.0
    scale: float = 0.1
    reach: float = 1 / 14

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        return sample(images, *self.coordinates(images.shape, rng))

    def coordinates(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """Rows and columns (n, h, w), in pixels, at which to read the images of `shape`."""
        n, h, w, _ = shape
        draw = rng.uniform(-1, 1, (6, n, 1, 1))
        angle = np.deg2rad(self.rotation) * draw[0]
        shear = np.tan(np.deg2rad(self.shear) * draw[1])
        scale_y, scale_x = 1 + self.scale * draw[2], 1 + self.scale * draw[3]
        cos, sin = np.cos(angle), np.sin(angle)
        y = np.arange(h)[:, None] - (h - 1) / 2
        x = np.arange(w) - (w - 1) / 2
        # rotation after shear after scale; a row's part and a column's part, added by broadcasting
        rows_of_y = (cos + sin * shear) * scale_y * y + (h - 1) / 2 + self.reach * h * draw[4]
        columns_of_y = (cos * shear - sin) * scale_y * y + (w - 1) / 2 + self.reach * w * draw[5]
        rows = rows_of_y.astype(np.float32) + (sin * scale_x * x).astype(np.float32)
        columns = columns_of_y.astype(np.float32) + (cos * scale_x * x).astype(np.float32)
        return rows, columns


@dataclass(frozen=True)
class Elastic:
    """Affine distortion and, on top of it, smooth random displacements of the pixels.

    Uniform noise, smoothed by a Gaussian; Simard, Steinkraus & Platt, *Best Practices for
    Convolutional Neural Networks Applied to Visual Document Analysis*, ICDAR 2003.

    Parameters
    ----------
    strength : float, default=1/25
        Standard deviation of the displacements, as a share of the side.
    smoothness : float, default=1/6
        Standard deviation of the Gaussian, as a share of the side.
    affine : Affine

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Elastic
    >>> images = np.random.default_rng(0).random((4, 28, 28, 1), np.float32)
    >>> Elastic()(images, np.random.default_rng(0)).shape
    (4, 28, 28, 1)
    """

    strength: float = 1 / 25
    smoothness: float = 1 / 6
    affine: Affine = Affine()

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        n, h, w, _ = images.shape
        rows, columns = self.affine.coordinates(images.shape, rng)
        noise = rng.random((2, n, h, w), dtype=np.float32)
        noise -= 0.5
        smooth_h, smooth_w = _smoother(h, self.smoothness), _smoother(w, self.smoothness)
        field = smooth_h @ noise @ smooth_w.T
        rows += (self.strength * h) * field[0]
        columns += (self.strength * w) * field[1]
        return sample(images, rows, columns)


@functools.cache
def _smoother(n: int, smoothness: float) -> NDArray:
    """(n, n): smooths uniform noise from [-0.5, 0.5) along an axis; two make its variance 1."""
    steps = np.arange(n)
    width = max(smoothness * n, 1e-3)  # pixels; so little is no smoothing
    kernel = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    return (kernel * 12**0.25).astype(np.float32)  # the noise has variance 1/12


def sample(images: NDArray, rows: NDArray, columns: NDArray) -> NDArray:
    """Read images between their pixels.

    Parameters
    ----------
    images : ndarray of shape (n, h, w, channels), float32
    rows, columns : ndarray of shape (n, h_out, w_out), float32
        Where to read, in pixels of the input; beyond an edge, the edge is read.

    Returns
    -------
    ndarray of shape (n, h_out, w_out, channels), float32
    """
    n, h, w, channels = images.shape
    rows, columns = np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1)
    top, left = np.floor(rows), np.floor(columns)
    rows -= top
    columns -= left
    # once more the last row and column, so that every pixel has neighbours below and to the right
    edged = np.empty((n, h + 1, w + 1, channels), images.dtype)
    edged[:, :h, :w] = images
    edged[:, h, :w] = images[:, -1]
    edged[:, :, w] = edged[:, :, w - 1]
    where = top.astype(np.intp)
    where *= w + 1
    where += left.astype(np.intp)
    where += np.arange(0, n * (h + 1) * (w + 1), (h + 1) * (w + 1))[:, None, None]
    pixels = edged.reshape(-1, channels)
    # a view that begins a pixel or a row later finds the neighbours under the same numbers
    upper, upper_right, lower, lower_right = (
        np.take(pixels[step:], where, axis=0, mode="clip") for step in (0, 1, w + 1, w + 2)
    )
    rows, columns = rows[..., None], columns[..., None]
    for left_value, right_value in ((upper, upper_right), (lower, lower_right)):
        right_value -= left_value
        right_value *= columns
        left_value += right_value
    lower -= upper
    lower *= rows
    lower += upper
    return lower


AUGMENTATIONS = {"shift": Shift(), "affine": Affine(), "elastic": Elastic()}
