"""The warnings about shapes of images that were guessed and are likely to be wrong."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._warn import warn_caller
from skcnn.exceptions import ImageShapeWarning

# Narrower tables are rarely images: few have fewer than 8 x 8 pixels. scikit-learn's estimator
# checks have up to 30 columns.
SMALLEST_TABLE = 64
_MOST_CHANNELS = 4  # of photographs: grey, with transparency, RGB, RGBA
_SMALLEST_SIDE = 8
_LONGEST = 4  # times as long as the other side
# Mean difference from the third value after, divided by that from the next value: about 0.2 to 0.6
# in flat RGB photos, about 2 in grey photos and digits, 1 in noise.
_RGB_RATIO = 0.8
_SAMPLE_ROWS, _SAMPLE_VALUES = 32, 2**14  # rows of X, and columns of each


def warn_if_unlikely(
    X: NDArray[Any], shape: tuple[int, int, int], name: str = "X", *, has_setting: bool = True
) -> None:
    """Warn if `shape` (h, w, channels) is a bad guess for the images of X.

    The message calls X `name`. `has_setting` is whether the caller has `image_shape` as a setting.
    """
    if X.ndim == 2:
        message, reshaping_helps = _describe_table(X, shape, name, has_setting), True
    elif X.ndim == 3:
        message, reshaping_helps = _describe_one_image(X.shape, name), True
    else:
        message, reshaping_helps = _describe_channels_first(shape, name), False
    if not message:
        return
    confirmed = shape if shape[2] > 1 else shape[:2]
    if has_setting:
        otherwise = f"set image_shape={confirmed}, which confirms the shape and silences"
    elif reshaping_helps:
        sizes = ", ".join(map(str, shape if X.ndim == 3 else confirmed))
        otherwise = f"pass {name}.reshape(-1, {sizes}), which confirms the shape and silences"
    else:
        otherwise = "ignore"
    warn_caller(f"{message} Otherwise {otherwise} this warning.", ImageShapeWarning)


def _describe_table(
    X: NDArray[Any], shape: tuple[int, int, int], name: str, has_setting: bool
) -> str:
    """The message for a wide 2-D X that is unlikely to have grey squares in its rows, or ''."""
    n_pixels = X.shape[1]
    reshape = f"set image_shape or reshape {name}, e.g." if has_setting else f"reshape {name}, e.g."
    if n_pixels < SMALLEST_TABLE:
        return ""
    if shape != (1, n_pixels, 1):
        likely = _rgb_shapes(n_pixels)
        if not likely or not _has_period_3(X):
            return ""
        return (
            f"Each row of {name} was read as a grey image of {shape[0]} x {shape[1]} pixels, but "
            f"its values resemble the third value after them more than the next, as in RGB "
            f"images. If they are RGB images, {reshape} to images of {_listed(likely)}."
        )
    message = (
        f"{name} has {n_pixels} columns, which is not a square number"
        f"{', and image_shape is None' if has_setting else ''}: each row was read as an image with "
        f"a single row of {n_pixels} pixels."
    )
    likely = plausible_shapes(n_pixels)
    if likely:
        message += f" If the images are higher, {reshape} to images of {_listed(likely)}."
    colour = next((s for s in likely if len(s) == 3), None)
    if colour:
        height, width, channels = colour
        message += (
            " If the channels of an image follow one another (as in the files of CIFAR-10), pass "
            f"{name}.reshape(-1, {channels}, {height}, {width}).transpose(0, 2, 3, 1)."
        )
    square = next((s for s in plausible_shapes(n_pixels - 1) if s[0] == s[1]), None)
    if square:
        message += (
            f" {n_pixels} is one more than {' x '.join(map(str, square))}: if a column has labels "
            "or numbers of rows, remove it."
        )
    if like_sides(*X.shape):
        message += f" If {name} is one image, pass {name}[None]."
    return message


def _rgb_shapes(n_values: int) -> list[tuple[int, ...]]:
    """Shapes that an RGB image of `n_values` values is likely to have, if these are a square."""
    side = math.isqrt(n_values)
    if side % 3:
        return []
    # Flat images of 3k x 4k x 3 look like squares of 6k x 6k.
    sides = (side // 2, side // 6 * 4) if side % 6 == 0 else _nearest_to_square(n_values // 3)
    if sides is None or not like_sides(*sides):
        return []
    return [(*sides, 3), (*sides[::-1], 3)]


def _has_period_3(X: NDArray[Any]) -> bool:
    """Whether the values of a row resemble the third value after them more than the next."""
    n, n_values = X.shape
    rows = np.linspace(0, n - 1, min(n, _SAMPLE_ROWS)).astype(np.intp)
    start = max(0, n_values - _SAMPLE_VALUES) // 2  # the middle of large images
    sample = X[rows, start : start + _SAMPLE_VALUES].astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        next_value = np.abs(sample[:, 1:] - sample[:, :-1]).mean()
        third_value = np.abs(sample[:, 3:] - sample[:, :-3]).mean()
        return bool(third_value < _RGB_RATIO * next_value)


def _describe_one_image(x_shape: tuple[int, ...], name: str) -> str:
    """The message for a 3-D X that looks like one colour image, or ''."""
    n, height, width = x_shape
    if width not in (3, 4) or not like_sides(n, height):
        return ""
    return (
        f"{name} of shape (n, {height}, {width}) was read as grey images of {height} x {width} "
        f"pixels. If {name} is one image with {width} channels, pass {name}[None]. If it has "
        f"signals of length {height} with {width} channels, pass {name}[:, None]."
    )


def _describe_channels_first(shape: tuple[int, int, int], name: str) -> str:
    """The message for a 4-D X that looks like (n, channels, h, w), or ''."""
    first, second, last = shape
    few = first <= _MOST_CHANNELS
    squares = first < second == last
    signals = first == 1 and second > _LONGEST * last  # of length `second`
    if min(second, last) < _SMALLEST_SIDE or signals or not (few or squares):
        return ""
    return (
        f"{name} of shape (n, {first}, {second}, {last}) was read as images of {first} x {second} "
        f"pixels with {last} channels. If it has {first} channel{'s'[: first > 1]} and images of "
        f"{second} x {last} pixels, pass {name}.transpose(0, 2, 3, 1)."
    )


def plausible_shapes(n_pixels: int) -> list[tuple[int, ...]]:
    """Shapes that an image of `n_pixels` values is likely to have, at most four.

    First RGB squares, then grey images as near to a square as possible.
    """
    shapes: list[tuple[int, ...]] = []
    side = math.isqrt(n_pixels // 3)
    if 3 * side**2 == n_pixels:
        shapes.append((side, side, 3))
    sides = _nearest_to_square(n_pixels)
    if sides is not None:
        shapes += [sides, sides[::-1]][: 1 + (sides[0] != sides[1])]
    return shapes


def _nearest_to_square(n_pixels: int) -> tuple[int, int] | None:
    """Height and width of an image as near to a square as possible; None if it would be long."""
    heights = (h for h in range(math.isqrt(n_pixels), 1, -1) if n_pixels % h == 0)
    height = next(heights, None)
    if height is None or n_pixels // height > _LONGEST * height:
        return None
    return height, n_pixels // height


def like_sides(height: int, width: int) -> bool:
    """Whether the two numbers may be the sides of an image."""
    shorter, longer = sorted((height, width))
    return shorter >= _SMALLEST_SIDE and longer <= _LONGEST * shorter


def _listed(shapes: list[tuple[int, ...]]) -> str:
    *others, last = map(str, shapes)
    return f"{', '.join(others)} or {last}" if others else last
