"""The warnings about shapes of images that were guessed and are likely to be wrong."""

from __future__ import annotations

import math

from skcnn._warn import warn_caller
from skcnn.exceptions import ImageShapeWarning

# Narrower tables are rarely images: few have fewer than 8 x 8 pixels. scikit-learn's estimator
# checks have up to 30 columns.
SMALLEST_TABLE = 64
_MOST_CHANNELS = 4  # of photographs: grey, with transparency, RGB, RGBA
_SMALLEST_SIDE = 8
_LONGEST = 4  # times as long as the other side


def warn_if_unlikely(x_shape: tuple[int, ...], shape: tuple[int, int, int]) -> None:
    """Warn if `shape` (h, w, channels) is a bad guess for the images of an X of `x_shape`."""
    describe = {2: _describe_table, 3: _describe_one_image, 4: _describe_channels_first}
    message = describe[len(x_shape)](x_shape, shape)
    if message:
        confirmed = shape if shape[2] > 1 else shape[:2]
        warn_caller(
            f"{message} Otherwise set image_shape={confirmed}, which confirms the shape and "
            "silences this warning.",
            ImageShapeWarning,
        )


def _describe_table(x_shape: tuple[int, ...], shape: tuple[int, int, int]) -> str:
    """The message for a wide 2-D X that was not read as squares, or ''."""
    n_pixels = x_shape[1]
    if n_pixels < SMALLEST_TABLE or shape != (1, n_pixels, 1):
        return ""
    message = (
        f"X has {n_pixels} columns, which is not a square number, and image_shape is None: each "
        f"row was read as an image with a single row of {n_pixels} pixels."
    )
    likely = plausible_shapes(n_pixels)
    if likely:
        message += (
            " If the images are higher, set image_shape or reshape X, e.g. to images of "
            f"{_listed(likely)}."
        )
    colour = next((s for s in likely if len(s) == 3), None)
    if colour:
        height, width, channels = colour
        message += (
            " If the channels of an image follow one another (as in the files of CIFAR-10), pass "
            f"X.reshape(-1, {channels}, {height}, {width}).transpose(0, 2, 3, 1)."
        )
    square = next((s for s in plausible_shapes(n_pixels - 1) if s[0] == s[1]), None)
    if square:
        message += (
            f" {n_pixels} is one more than {' x '.join(map(str, square))}: if a column has labels "
            "or numbers of rows, remove it."
        )
    if _like_sides(*x_shape):
        message += " If X is one image, pass X[None]."
    return message


def _describe_one_image(x_shape: tuple[int, ...], shape: tuple[int, int, int]) -> str:
    """The message for a 3-D X that looks like one colour image, or ''."""
    n, height, width = x_shape
    if width not in (3, 4) or not _like_sides(n, height):
        return ""
    return (
        f"X of shape (n, {height}, {width}) was read as grey images of {height} x {width} pixels. "
        f"If X is one image with {width} channels, pass X[None]. If it has signals of length "
        f"{height} with {width} channels, pass X[:, None]."
    )


def _describe_channels_first(x_shape: tuple[int, ...], shape: tuple[int, int, int]) -> str:
    """The message for a 4-D X that looks like (n, channels, h, w), or ''."""
    first, second, last = shape
    few = first <= _MOST_CHANNELS
    squares = first < second == last
    signals = first == 1 and second > _LONGEST * last  # of length `second`
    if min(second, last) < _SMALLEST_SIDE or signals or not (few or squares):
        return ""
    return (
        f"X of shape (n, {first}, {second}, {last}) was read as images of {first} x {second} "
        f"pixels with {last} channels. If it has {first} channel{'s'[: first > 1]} and images of "
        f"{second} x {last} pixels, pass X.transpose(0, 2, 3, 1)."
    )


def plausible_shapes(n_pixels: int) -> list[tuple[int, ...]]:
    """Shapes that an image of `n_pixels` values is likely to have, at most four.

    First RGB squares, then grey images as near to a square as possible.
    """
    shapes: list[tuple[int, ...]] = []
    side = math.isqrt(n_pixels // 3)
    if 3 * side**2 == n_pixels:
        shapes.append((side, side, 3))
    side = math.isqrt(n_pixels)
    heights = (h for h in range(side, 1, -1) if n_pixels % h == 0)
    height = next(heights, None)
    if height is not None and n_pixels // height <= _LONGEST * height:
        width = n_pixels // height
        shapes += [(height, width), (width, height)][: 1 + (height != width)]
    return shapes


def _like_sides(height: int, width: int) -> bool:
    """Whether the two numbers may be the sides of an image."""
    shorter, longer = sorted((height, width))
    return shorter >= _SMALLEST_SIDE and longer <= _LONGEST * shorter


def _listed(shapes: list[tuple[int, ...]]) -> str:
    *others, last = map(str, shapes)
    return f"{', '.join(others)} or {last}" if others else last
