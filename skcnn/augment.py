"""Random transformations of training images: mirror images, shifts, affine and elastic distortions.

Each is a callable ``(images, rng) -> images`` on a float32 batch of shape ``(n, h, w, channels)``,
for `ConvNetClassifier(augment=...)`. All but `Flip` and shifts by whole pixels use bilinear
interpolation; positions outside the image take the value of the nearest edge pixel. `Compose`
applies several in turn.

`AUGMENTATIONS` maps the names that `ConvNetClassifier` accepts to instances with default settings.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

from skcnn.engine.runtime.floating_point import ignore_underflow

__all__ = ["AUGMENTATIONS", "Affine", "Compose", "Elastic", "Flip", "Shift", "sample"]

LARGEST_SHEAR = 89  # degrees; at 90 an image has no width


def _check_ranges(owner: object, **limits: float) -> None:
    """Raise a ValueError unless each of these attributes is a finite number from 0 to its limit."""
    for name, highest in limits.items():
        value = getattr(owner, name)
        number = isinstance(value, Real) and not isinstance(value, bool)
        if not number or not 0 <= value <= highest or math.isinf(value):
            end = "" if math.isinf(highest) else f" and at most {highest:g}"
            raise ValueError(
                f"{name} of {type(owner).__name__} is {value!r}; expected a finite number of at "
                f"least 0{end}. Correct it."
            )


@dataclass(frozen=True)
class Flip:
    """Mirror images at random, left to right.

    For photographs; most digits and letters have another shape when mirrored.

    Parameters
    ----------
    probability : float, default=0.5
        Of an image to be mirrored.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Flip
    >>> images = np.float32([1, 2, 3]).reshape(1, 1, 3, 1)
    >>> Flip(probability=1)(images, np.random.default_rng(0)).ravel().tolist()
    [3.0, 2.0, 1.0]
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        _check_ranges(self, probability=1)

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        """Transform images (n, h, w, channels)."""
        chosen = rng.random(len(images)) < self.probability
        flipped = images.copy()
        flipped[chosen] = images[chosen, :, ::-1]
        return flipped


@dataclass(frozen=True)
class Compose:
    """Apply several transformations in turn.

    ``augment=("flip", "shift")`` means ``augment=Compose((Flip(), Shift()))``.

    Parameters
    ----------
    steps : tuple of callables ``(images, rng) -> images``

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Compose, Flip, Shift
    >>> images = np.zeros((2, 8, 8, 1), np.float32)
    >>> Compose((Flip(), Shift()))(images, np.random.default_rng(0)).shape
    (2, 8, 8, 1)
    """

    steps: tuple[Callable[[NDArray, np.random.Generator], NDArray], ...]

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        """Transform images (n, h, w, channels)."""
        for step in self.steps:
            images = step(images, rng)
        return images


@dataclass(frozen=True)
class Shift:
    """Shift each image at random, vertically and horizontally.

    Parameters
    ----------
    reach : float, default=1/14
        Largest shift as a fraction of the height and of the width. The default is 2 pixels for
        images of 28 x 28.
    whole_pixels : bool, default=False
        Shift by whole pixels only, which does not blur photographs: up to `reach` rounded to
        pixels, and at least one unless it is 0.

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
    whole_pixels: bool = False

    def __post_init__(self) -> None:
        _check_ranges(self, reach=math.inf)
        if not isinstance(self.whole_pixels, bool | np.bool_):
            raise ValueError(
                f"whole_pixels of Shift is {self.whole_pixels!r}; expected True or False. Pass one "
                "of them."
            )

    @ignore_underflow
    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        """Transform float32 images (n, h, w, channels)."""
        n, h, w, _ = images.shape
        if self.whole_pixels:
            rows, columns = (self._positions(size, n, rng) for size in (h, w))
            return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None]]
        move = rng.uniform(-self.reach, self.reach, (2, n, 1, 1)).astype(np.float32)
        rows = np.arange(h, dtype=np.float32)[:, None] + move[0] * h
        columns = np.arange(w, dtype=np.float32) + move[1] * w
        shape = (n, h, w)
        return sample(images, np.broadcast_to(rows, shape), np.broadcast_to(columns, shape))

    def _positions(self, size: int, n: int, rng: np.random.Generator) -> NDArray:
        """The positions that each of n shifted images reads along one axis, (n, size)."""
        most = max(1, round(self.reach * size)) if self.reach else 0
        moves = rng.integers(-most, most, (n, 1), endpoint=True)
        return np.clip(np.arange(size) + moves, 0, size - 1)


@dataclass(frozen=True)
class Affine:
    """Scale, shear, rotate and shift each image at random, about its centre.

    Parameters
    ----------
    rotation : float, default=12.0
        Largest angle of rotation, in degrees.
    shear : float, default=8.0
        Largest angle of shear, in degrees.
    scale : float, default=0.1
        Height and width are divided by numbers from ``1 - scale`` to ``1 + scale``, which are drawn
        independently.
    reach : float, default=1/14
        Largest shift as a fraction of the height and of the width.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import Affine
    >>> images = np.random.default_rng(0).random((4, 8, 8, 3), np.float32)
    >>> identity = Affine(rotation=0, shear=0, scale=0, reach=0)
    >>> bool(np.allclose(identity(images, np.random.default_rng(0)), images))
    True
    """

    rotation: float = 12.0
    shear: float = 8.0
    scale: float = 0.1
    reach: float = 1 / 14

    def __post_init__(self) -> None:
        _check_ranges(self, rotation=math.inf, shear=LARGEST_SHEAR, scale=1, reach=math.inf)

    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        """Transform float32 images (n, h, w, channels)."""
        return sample(images, *self.coordinates(images.shape, rng))

    @ignore_underflow
    def coordinates(
        self, shape: tuple[int, ...], rng: np.random.Generator
    ) -> tuple[NDArray, NDArray]:
        """Draw the positions at which the transformed images read the originals.

        Parameters
        ----------
        shape : (n, h, w, channels)
            Shape of the images.
        rng : numpy.random.Generator
            Source of the random numbers.

        Returns
        -------
        rows, columns : ndarray of float32 of shape (n, h, w)
            Positions in pixels, as `sample` takes them.
        """
        n, h, w, _ = shape
        draw = rng.uniform(-1, 1, (6, n, 1, 1))
        angle = np.deg2rad(self.rotation) * draw[0]
        shear = np.tan(np.deg2rad(self.shear) * draw[1])
        scale_y, scale_x = 1 + self.scale * draw[2], 1 + self.scale * draw[3]
        cos, sin = np.cos(angle), np.sin(angle)
        y = np.arange(h)[:, None] - (h - 1) / 2
        x = np.arange(w) - (w - 1) / 2
        # Rotation after shear after scale. A term in y and a term in x are added by broadcasting.
        rows_of_y = (cos + sin * shear) * scale_y * y + (h - 1) / 2 + self.reach * h * draw[4]
        columns_of_y = (cos * shear - sin) * scale_y * y + (w - 1) / 2 + self.reach * w * draw[5]
        rows = rows_of_y.astype(np.float32) + (sin * scale_x * x).astype(np.float32)
        columns = columns_of_y.astype(np.float32) + (cos * scale_x * x).astype(np.float32)
        return rows, columns


@dataclass(frozen=True)
class Elastic:
    """Distort each image by an affine transformation and smooth random displacements.

    The displacements are uniform noise smoothed by a Gaussian [1]_.

    Parameters
    ----------
    strength : float, default=1/25
        Standard deviation of the displacements as a fraction of the height and of the width.
    smoothness : float, default=1/6
        Standard deviation of the Gaussian as a fraction of the height and of the width.
    affine : Affine, default=Affine()
        The affine transformation.

    References
    ----------
    .. [1] P. Y. Simard, D. Steinkraus and J. C. Platt, "Best Practices for Convolutional Neural
       Networks Applied to Visual Document Analysis", ICDAR 2003.

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

    def __post_init__(self) -> None:
        _check_ranges(self, strength=math.inf, smoothness=math.inf)
        if not isinstance(self.affine, Affine):
            raise ValueError(
                f"affine of Elastic is {self.affine!r}; expected an Affine. Pass Affine(), or "
                "Affine(rotation=0, shear=0, scale=0, reach=0) for none."
            )

    @ignore_underflow
    def __call__(self, images: NDArray, rng: np.random.Generator) -> NDArray:
        """Transform float32 images (n, h, w, channels)."""
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
    """Matrix (n, n) that smooths along one axis.

    Smoothing uniform noise from [-0.5, 0.5) along both axes gives it variance 1.
    """
    steps = np.arange(n)
    width = max(smoothness * n, 1e-3)  # pixels; the minimum means no smoothing
    kernel = np.exp(-0.5 * ((steps[:, None] - steps) / width) ** 2)
    kernel /= np.sqrt((kernel**2).sum(axis=1, keepdims=True))
    return (kernel * 12**0.25).astype(np.float32)  # the noise has variance 1/12


@ignore_underflow
def sample(images: NDArray, rows: NDArray, columns: NDArray) -> NDArray:
    """Sample images at given positions by bilinear interpolation.

    Parameters
    ----------
    images : ndarray of float32 of shape (n, h, w, channels)
        The images to read.
    rows, columns : ndarray of float32 of shape (n, h_out, w_out)
        Positions in pixels of `images`. Positions outside the image are moved to its edge.

    Returns
    -------
    sampled : ndarray of float32 of shape (n, h_out, w_out, channels)

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.augment import sample
    >>> images = np.float32([0, 10, 20]).reshape(1, 1, 3, 1)
    >>> columns = np.float32([0.5, 1, 9]).reshape(1, 1, 3)
    >>> sample(images, np.zeros_like(columns), columns).ravel().tolist()
    [5.0, 10.0, 20.0]
    """
    n, h, w, channels = images.shape
    rows, columns = np.clip(rows, 0, h - 1), np.clip(columns, 0, w - 1)
    top, left = np.floor(rows), np.floor(columns)
    rows -= top
    columns -= left
    # Repeat the last row and column, so that every pixel has a neighbour below and to the right.
    edged = np.empty((n, h + 1, w + 1, channels), images.dtype)
    edged[:, :h, :w] = images
    edged[:, h, :w] = images[:, -1]
    edged[:, :, w] = edged[:, :, w - 1]
    where = top.astype(np.intp)
    where *= w + 1
    where += left.astype(np.intp)
    where += np.arange(0, n * (h + 1) * (w + 1), (h + 1) * (w + 1))[:, None, None]
    pixels = edged.reshape(-1, channels)
    # In a view that starts one pixel or one row later, the same indices give the neighbours.
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


AUGMENTATIONS: dict[str, Callable[[NDArray, np.random.Generator], NDArray]] = {
    "flip": Flip(),
    "shift": Shift(),
    "affine": Affine(),
    "elastic": Elastic(),
}
