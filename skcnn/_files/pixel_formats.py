"""Decoding the pixels of an image to 8 bits per channel, where Pillow alone gives other values.

Pillow's mode does not tell how many bits of a TIFF file's 16 are used, or which value is white. It
compares PNG's transparent colour, which has as many bits as the file, with pixels of 8 bits.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL import TiffImagePlugin as tiff
from PIL.PngImagePlugin import PngImageFile

_WHITE_IS_ZERO, _RGB, _CMYK, _YCBCR, _LAB = 0, 2, 5, 6, 8  # PhotometricInterpretation
_CHANNELS = {_RGB: 3, _CMYK: 4, _YCBCR: 3, _LAB: 3}  # otherwise 1
_SAMPLE_FORMATS = {1: "unsigned integers", 2: "signed integers", 3: "floating-point numbers"}
_UNCOMPRESSED = 1
_EXPECTED = "not unsigned integers of at most 16 bits per channel"
# By Pillow's raw mode; PNG's palettes have other transparent colours.
_PNG_BITS = {"1": 1, "L;2": 2, "L;4": 4, "L": 8, "RGB": 8, "I;16B": 16, "RGB;16B": 16}


def load_8_bits(image: Image.Image) -> Image.Image:
    """Load an image that is open; the same image with 8 bits per channel."""
    if isinstance(image, tiff.TiffImageFile):
        return _load_tiff(image)
    if isinstance(image, PngImageFile) and image.mode != "P" and "transparency" in image.info:
        return _load_png_with_transparent_color(image)
    image.load()
    if image.mode == "F":
        raise ValueError(f"its pixels are floating-point numbers, {_EXPECTED}")
    if image.mode == "I" or image.mode.startswith("I;16"):  # Of colour images, Pillow reduces all.
        return Image.fromarray(_upper_8(np.asarray(image), 16))
    return image


def _upper_8(pixels: NDArray, bits: int) -> NDArray[np.uint8]:
    """The upper 8 bits of pixels of more bits."""
    return (pixels >> (bits - 8)).astype(np.uint8)


def _load_tiff(image: tiff.TiffImageFile) -> Image.Image:
    """Load a TIFF image; ValueError if Pillow would read other pixels than the file has."""
    tags = image.tag_v2
    are_planes = tags.get(tiff.PLANAR_CONFIGURATION) == 2
    bits = max(tags.get(tiff.BITSPERSAMPLE, (1,)))
    sample_format = tags.get(tiff.SAMPLEFORMAT, (1,))[0]
    if sample_format != 1 or bits > 16:
        kind = _SAMPLE_FORMATS.get(sample_format, "numbers of an unknown format")
        raise ValueError(f"its pixels are {kind} of {bits} bits, {_EXPECTED}")
    if are_planes and not _are_planes_readable(image):
        raise ValueError(
            "its channels are in separate planes (PlanarConfiguration is 2), in a form that Pillow "
            "does not read correctly; save it with PlanarConfiguration 1"
        )
    photometric = tags.get(tiff.PHOTOMETRIC_INTERPRETATION)
    if photometric == _YCBCR and not _is_ycbcr_readable(image):
        raise ValueError(
            "its YCbCr pixels are not compressed, a form that Pillow does not read correctly; save "
            "it as RGB"
        )
    if _is_uncompressed(image) and not _is_covered(image, are_planes):
        raise ValueError("its strips or tiles do not cover the whole image; it is damaged")
    image.load()
    if not image.mode.startswith("I;16"):
        return image.convert("LA") if image.mode == "La" else image
    pixels = _upper_8(np.asarray(image), bits)
    return Image.fromarray(255 - pixels if photometric == _WHITE_IS_ZERO else pixels)


def _is_uncompressed(image: tiff.TiffImageFile) -> bool:
    return image.tag_v2.get(tiff.COMPRESSION, _UNCOMPRESSED) == _UNCOMPRESSED


def _are_planes_readable(image: tiff.TiffImageFile) -> bool:
    """Whether Pillow reads the separate planes of a TIFF file correctly."""
    tags = image.tag_v2
    photometric = tags.get(tiff.PHOTOMETRIC_INTERPRETATION, _WHITE_IS_ZERO)
    extra = len(tags.get(tiff.EXTRASAMPLES, ()))
    is_counted = _CHANNELS.get(photometric, 1) + extra == tags.get(tiff.SAMPLESPERPIXEL, 1)
    if photometric == _LAB:
        return False
    if not _is_uncompressed(image):
        # Of a grey or palette image, only the first plane is read.
        raw_mode: Any = image.tile[0][3]
        return is_counted and raw_mode[0] not in ("LA", "La", "PA", "PX")
    # Each plane is read as plain 8-bit values, or as single bits of which 1 is white.
    return (
        set(tags.get(tiff.BITSPERSAMPLE, (1,))) == {1 if image.mode == "1" else 8}
        and tags.get(tiff.FILLORDER, 1) == 1
        and photometric != _WHITE_IS_ZERO
        and (is_counted or tiff.TILEWIDTH not in tags)
    )


def _is_covered(image: tiff.TiffImageFile, are_planes: bool) -> bool:
    """Whether the blocks of an uncompressed TIFF file cover all pixels."""
    boxes: Any = [tile[1] for tile in image.tile]
    area = sum((right - left) * (lower - upper) for left, upper, right, lower in boxes)
    return area >= math.prod(image.size) * (len(image.getbands()) if are_planes else 1)


def _is_ycbcr_readable(image: tiff.TiffImageFile) -> bool:
    """Whether Pillow reads the YCbCr or grey pixels of a TIFF file correctly."""
    if image.mode == "L" or not _is_uncompressed(image):
        return True
    # Old versions of Pillow read uncompressed pixels as RGB, with a mode that says so.
    subsampling = image.tag_v2.get(tiff.YCBCRSUBSAMPLING, (2, 2))
    return image.mode == "YCbCr" and subsampling == (1, 1)


def _load_png_with_transparent_color(image: PngImageFile) -> Image.Image:
    """Load a grey or RGB image; white where it has the colour that stands for transparency."""
    raw_mode: Any = image.tile[0][3]
    bits = _PNG_BITS[raw_mode]
    color = np.asarray(image.info["transparency"])
    lower = _lower_bytes(image) if raw_mode == "RGB;16B" else None
    image.load()
    pixels = np.array(image.convert("L") if image.mode == "1" else image)
    if lower is not None:
        is_transparent = (pixels == color >> 8) & (lower == color & 255)
    elif bits == 16:
        is_transparent = pixels == color
        pixels = _upper_8(pixels, bits)
    else:
        largest = 2**bits - 1
        is_transparent = pixels == (color & largest) * 255 // largest
    pixels[is_transparent.all(axis=-1) if color.ndim else is_transparent] = 255
    return Image.fromarray(pixels)


def _lower_bytes(image: PngImageFile) -> NDArray[np.uint8]:
    """The lower 8 bits of an RGB image of 16 bits, of which Pillow reads only the upper."""
    file: Any = image.fp
    again: Any = Image.open(file, formats=("PNG",))
    again.tile = [(*again.tile[0][:3], "RGB;16L")]  # as if the order of the bytes were the other
    return np.asarray(again)
