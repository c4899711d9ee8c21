"""One image file: opening it, and its pixels as 8-bit RGB or grey values, upright."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skcnn._files.paths import is_special
from skcnn._files.pixel_formats import load_8_bits

_ENDINGS = {  # by format; a file may be in any of these formats, whatever its ending
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "JPEG": (".jfif", ".jpeg", ".jpg"),
    "PNG": (".png",),
    "PPM": (".pbm", ".pgm", ".ppm"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
}
FORMATS = tuple(_ENDINGS)
ENDINGS = tuple(ending for endings in _ENDINGS.values() for ending in endings)

_JPEG = ("JPEG", "MPO")  # MPO: a JPEG of some cameras, with a preview as a second picture
_EXIF_FIRST = (*_JPEG, "WEBP")  # other formats may have these data behind the pixels
_ORIENTATION = 0x0112  # EXIF's tag: how the camera was held
_TO_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SWAPS_SIDES = (5, 6, 7, 8)


@contextmanager
def open_image(path: Path) -> Iterator[Image.Image]:
    """Open an image file and read its header."""
    if is_special(path):
        raise ValueError("it is a pipe, a socket or a device, not a file")
    # Opened here because Pillow 13 scrambles some TIFF files that it opens itself: those that it
    # maps into memory and has to turn.
    with path.open("rb") as file, Image.open(file, formats=FORMATS) as image:
        yield image


def header_size(image: Image.Image) -> tuple[int, int]:
    """Height and width of the upright image, as far as the header tells."""
    width, height = image.size
    turned = image.format in _EXIF_FIRST and _orientation(image) in _SWAPS_SIDES
    return (width, height) if turned else (height, width)


def read_pixels(
    image: Image.Image, size: tuple[int, int] | None, grayscale: bool
) -> NDArray[np.uint8]:
    """The upright image as an array (h, w, 3) or, if grey, (h, w).

    It is resized to `size`, (height, width); None leaves its size.
    """
    if image.format not in _JPEG and getattr(image, "is_animated", False):
        raise ValueError(f"it has {getattr(image, 'n_frames', 'several')} frames or pages, not one")
    if size is not None:
        # A JPEG is decoded at 1/2, 1/4 or 1/8 of its size, if that is at least twice `size`.
        image.draft(None, (2 * max(size), 2 * max(size)))
    loaded = load_8_bits(image)
    turn = _TO_UPRIGHT.get(_orientation(image))  # Pillow itself turns a TIFF when it is loaded
    image = _opaque(loaded).convert("RGB")
    if grayscale:
        image = image.convert("L")
    if turn is not None:
        image = image.transpose(turn)
    if size is not None and image.size != size[::-1]:
        # Pillow widens the filter when it shrinks an image, which prevents aliasing.
        image = image.resize(size[::-1], Image.Resampling.BILINEAR)
    return np.asarray(image)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 (upright) to 8; 1 if there is none or EXIF is damaged."""
    try:
        return image.getexif().get(_ORIENTATION, 1)
    except Exception:  # Pillow raises errors of many types; the pixels may be in order
        return 1


def _opaque(image: Image.Image) -> Image.Image:
    """An image with transparent parts on a white background."""
    if image.mode in ("LA", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image
