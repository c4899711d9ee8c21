"""A folder of image files, with one subfolder per class, as one array and labels."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from skcnn._files.find_images import examples, find_images
from skcnn._files.image_file import FORMATS, header_size, open_image, read_pixels
from skcnn._files.paths import to_path
from skcnn._files.progress import ProgressLine
from skcnn._input.settings import in_order, is_positive_int
from skcnn._text import count

_MOST_LINES = 1000  # of a list in a message


def read_image_folder(path: Any, image_shape: Any, grayscale: Any) -> tuple[NDArray, NDArray]:
    """X and y, as `skcnn.datasets.load_image_folder` describes them."""
    folder = to_path(path, "path")
    if not isinstance(grayscale, bool | np.bool_):
        raise TypeError(
            f"grayscale is {grayscale!r}, of type {type(grayscale).__name__}; expected a bool. "
            "Pass True for grey images or False for RGB images."
        )
    size = None if image_shape is None else _check_image_shape(image_shape, bool(grayscale))
    paths = find_images(folder)
    X = _read_all(folder, paths, size, bool(grayscale))
    return X, np.array([path.parent.name for path in paths])


def _check_image_shape(image_shape: Any, grayscale: bool) -> tuple[int, int]:
    """Height and width from the setting, which may have a number of channels."""
    given = in_order(image_shape) or ()
    channels = 1 if grayscale else 3
    if len(given) not in (2, 3) or not all(map(is_positive_int, given)):
        raise ValueError(
            f"image_shape is {image_shape!r}; expected (height, width), two positive integers. "
            "Pass such a tuple, or None if all images have the same size."
        )
    if given[2:] not in ((), (channels,)):
        raise ValueError(
            f"image_shape is {image_shape!r}, with {given[2]} channels; expected {channels}, "
            f"since grayscale={grayscale}. Pass {given[:2]}, and set grayscale as needed."
        )
    return int(given[0]), int(given[1])


def _read_all(
    folder: Path, paths: list[Path], size: tuple[int, int] | None, grayscale: bool
) -> NDArray[np.uint8]:
    """The images as one array, in the order of `paths`."""
    X = None if size is None else _allocate(len(paths), size, grayscale)
    by_size: dict[tuple[int, int], list[Path]] = defaultdict(list)
    problems: dict[Path, str] = {}
    for index, path in enumerate(_with_progress(paths)):
        try:
            with open_image(path) as image:
                if len(by_size) > 1:  # the images will be refused: only find out their sizes
                    by_size[header_size(image)].append(path)
                    continue
                pixels = read_pixels(image, size, grayscale)
        except Exception as error:  # Pillow raises errors of many types for damaged files
            problems[path] = _reason(path, error)
            continue
        found = pixels.shape[0], pixels.shape[1]
        by_size[found].append(path)
        if X is None:
            X = _allocate(len(paths), found, grayscale)
        if len(by_size) == 1:
            X[index] = pixels
    if len(by_size) > 1:
        _raise_sizes(folder, by_size)
    if X is None or problems:
        _raise_unreadable(folder, len(paths), problems)
    return X


def _allocate(n: int, size: tuple[int, int], grayscale: bool) -> NDArray[np.uint8]:
    """An array for all images."""
    shape = (n, *size) if grayscale else (n, *size, 3)
    try:
        return np.empty(shape, np.uint8)
    except (MemoryError, ValueError) as error:  # ValueError: more bytes than an index can count
        raise MemoryError(
            f"{count(n, 'image')} of {size[0]:,} x {size[1]:,} pixels need "
            f"{math.prod(shape) / 2**30:,.1f} GiB, more than could be allocated; expected an array "
            "that fits into memory. Pass a smaller image_shape, or a folder with fewer images."
        ) from error


def _reason(path: Path, error: Exception) -> str:
    """Why a file cannot be read."""
    if isinstance(error, UnidentifiedImageError):
        return "damaged, or not in one of these formats" if path.stat().st_size else "empty file"
    if isinstance(error, Image.DecompressionBombError):
        return f"{error} PIL.Image.MAX_IMAGE_PIXELS sets the limit."
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _raise_unreadable(folder: Path, total: int, problems: dict[Path, str]) -> NoReturn:
    """Raise ValueError that names all files which cannot be read."""
    lines = [f"{path.relative_to(folder)}: {reason}" for path, reason in problems.items()]
    raise ValueError(
        f"{len(problems):,} of {count(total, 'file')} in {folder} cannot be read; expected single "
        f"images in one of the formats {', '.join(FORMATS)}. Replace these files, or remove them:"
        + _as_list(lines, "file")
    )


def _raise_sizes(folder: Path, by_size: dict[tuple[int, int], list[Path]]) -> NoReturn:
    """Raise ValueError that lists the sizes of the images, the most frequent first."""
    lines = [
        f"{height} x {width}: {count(len(paths), 'image')} ({examples(folder, paths)})"
        for (height, width), paths in sorted(by_size.items(), key=lambda item: -len(item[1]))
    ]
    raise ValueError(
        f"The images in {folder} have {len(by_size):,} different sizes; expected one. Pass "
        "image_shape=(height, width) to resize them all, or remove some of them. Height x width:"
        + _as_list(lines, "size")
    )


def _as_list(lines: list[str], noun: str) -> str:
    """Lines for the end of a message; the last tells how many more there would be."""
    more = len(lines) - _MOST_LINES
    shown = lines[:_MOST_LINES] + ([f"and {count(more, f'more {noun}')}"] if more > 0 else [])
    return "".join(f"\n  {line}" for line in shown)


def _with_progress(paths: Sequence[Path]) -> Iterator[Path]:
    """The paths; if they take long, a line in the terminal shows how many have been read."""
    with ProgressLine() as line:
        for index, path in enumerate(paths):
            line.show(f"Reading images: {index:,} of {len(paths):,}")
            yield path
