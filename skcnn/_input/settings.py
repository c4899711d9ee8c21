"""Checks of sizes and shapes that users pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from numbers import Integral
from typing import Any, TypeAlias, TypeGuard

ImageShape: TypeAlias = tuple[int, int, int]


def is_positive_int(value: object) -> TypeGuard[int]:
    """Whether `value` is an integer of any type, not a bool, and at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def in_order(value: Any) -> tuple[Any, ...] | None:
    """The items of a sequence or an array; None for one value, text, and what has no order."""
    if isinstance(value, str | bytes | Set | Mapping) or not isinstance(value, Iterable):
        return None
    return tuple(value) if getattr(value, "ndim", 1) else None  # arrays without axes seem iterable


def check_image_shape(image_shape: Sequence[int]) -> tuple[int, ...]:
    """The setting as a tuple of two or three positive integers."""
    given = in_order(image_shape) or ()
    if len(given) not in (2, 3) or not all(map(is_positive_int, given)):
        raise ValueError(
            f"image_shape is {image_shape!r}; expected (height, width) or "
            "(height, width, channels), all positive integers. Pass such a tuple, or None to "
            "infer the shape from X."
        )
    return tuple(map(int, given))


def as_image_shape(image_shape: Sequence[int]) -> ImageShape:
    """The user's setting as (height, width, channels)."""
    return with_channels(check_image_shape(image_shape))


def with_channels(shape: tuple[int, ...]) -> ImageShape:
    """(h, w) or (h, w, channels) as (h, w, channels)."""
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels
