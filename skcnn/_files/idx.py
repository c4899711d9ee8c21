"""Reading files in the IDX format: one array, or the four arrays of a data set."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from skcnn._files.paths import describe_contents, is_special, unreadable

# Data types of IDX files by their third byte (http://yann.lecun.com/exdb/mnist, "file format")
_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# What a file that should be in the IDX format often is instead, by its first bytes
_OTHER_FORMATS = {
    b"PK": "a ZIP archive, to be unpacked first",
    b"\xfd7zX": "an XZ file, to be unpacked first",
    b"BZh": "a bzip2 file, to be unpacked first",
    b"<": "a web page, so the download failed",
    b"vers": "a Git LFS pointer, so the download failed",
}

_BLOCK = 2**18  # bytes that are read at once


def read_idx(path: Path, transposed: bool = False) -> NDArray:
    """The array in an IDX file, which `skcnn.datasets.load_idx` describes.

    If `transposed`, the rows and the columns of images are exchanged.
    """
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{path} is a folder; expected an IDX file. {describe_contents(path)}. Pass the path "
            "of a file in it."
        )
    try:
        if is_special(path):
            raise ValueError(
                f"{path} is a pipe, a socket or a device; expected an IDX file. Copy what it "
                "delivers into a file."
            )
        with path.open("rb") as file:
            return decode_idx(file, path, transposed)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f"There is no file {path}; {describe_contents(path.parent)}; expected an IDX file. "
            "Check the path."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def decode_idx(file: IO[bytes], path: Path | str, transposed: bool = False) -> NDArray:
    """The array in an open IDX file, plain or compressed by gzip; messages call it `path`."""
    is_gzip = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if not is_gzip:
        return _decode(file, path, transposed)
    try:
        with gzip.GzipFile(fileobj=file) as decompressed:
            return _decode(decompressed, path, transposed)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file ({error}); expected a complete one. "
            "Download the file again."
        ) from error


def _decode(file: IO[bytes] | gzip.GzipFile, path: Path | str, transposed: bool) -> NDArray:
    """The array in decompressed content, of which no more is read than its header states."""
    start = _read_up_to(4, file)
    if len(start) < 4 or start[:2] != b"\0\0" or start[2] not in _DTYPES:
        format = next((f for first, f in _OTHER_FORMATS.items() if start.startswith(first)), "")
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes {start.hex(' ') or 'none'}"
            f"{f' ({format})' if format else ''}; expected 00 00, one of "
            f"{', '.join(f'{known:02x}' for known in _DTYPES)} (the data type), and the "
            "number of dimensions. Check the path, or download the file again."
        )
    dtype, n_dimensions = np.dtype(_DTYPES[start[2]]), start[3]
    sizes = _read_up_to(4 * n_dimensions, file)
    if len(sizes) < 4 * n_dimensions:
        raise ValueError(
            f"{path} is truncated: it has {4 + len(sizes)} bytes; expected at least "
            f"{4 + 4 * n_dimensions}, the header of an array of {n_dimensions} dimensions. "
            "Download the file again."
        )
    shape = struct.unpack(f">{n_dimensions}I", sizes)
    n_bytes = math.prod(shape) * dtype.itemsize
    content = _read_up_to(n_bytes + 1, file)
    stated = f"{' x '.join(map(str, shape))} values of type {dtype.newbyteorder('=')}"
    if len(content) != n_bytes:
        is_short, header = len(content) < n_bytes, 4 + 4 * n_dimensions
        raise ValueError(
            f"{path} is {'truncated' if is_short else 'too long'}: it has "
            f"{'' if is_short else 'at least '}{header + len(content)} bytes; expected "
            f"{header + n_bytes}, since its header states {stated}. Download the file again."
        )
    try:
        values = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # more dimensions, or larger ones around a 0, than NumPy can have
        raise ValueError(
            f"{path} has a header that states {stated}; expected the shape of an array ({error}). "
            "Download the file again."
        ) from error
    if transposed and n_dimensions >= 3:
        values = values.swapaxes(1, 2)
    # A copy that has only the values; it also makes the array contiguous.
    return values.astype(dtype.newbyteorder("="), order="C")


def _read_up_to(size: int, file: IO[bytes] | gzip.GzipFile) -> bytearray:
    """The next `size` bytes, or all that there are.

    They are read in blocks, since `read` allocates all that a damaged header asks for.
    """
    content = bytearray()
    while len(content) < size and (block := file.read(min(size - len(content), _BLOCK))):
        content += block
    return content


def read_data_set(
    paths: Sequence[Path], n_classes: int | None = None, transposed: bool = False
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """X_train, y_train, X_test and y_test from four IDX files in this order.

    Labels must be below `n_classes`, if it is given.
    """
    return as_data_set((read_idx(path, transposed) for path in paths), paths, n_classes)


def as_data_set(
    arrays: Iterable[NDArray], paths: Sequence[Path | str], n_classes: int | None = None
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The arrays of four IDX files, checked; messages call the files `paths`."""
    X_train, y_train, X_test, y_test = arrays
    y_train, y_test = _class_column(y_train), _class_column(y_test)
    _check_images_and_labels(X_train, y_train, *paths[:2])
    _check_images_and_labels(X_test, y_test, *paths[2:])
    if X_train.shape[1:] != X_test.shape[1:]:
        raise ValueError(
            f"{paths[0]} has training images of shape {X_train.shape[1:]}, but {paths[2]} has test "
            f"images of shape {X_test.shape[1:]}; expected the same shape. Use files of one data "
            "set."
        )
    if n_classes is not None:
        _check_classes(y_train, n_classes, paths[1])
        _check_classes(y_test, n_classes, paths[3])
    return X_train, y_train, X_test, y_test


def _class_column(labels: NDArray) -> NDArray:
    """Labels, of QMNIST's eight columns of 32-bit integers only that of the classes."""
    if labels.ndim == 2 and labels.shape[1] == 8 and labels.dtype == np.int32:
        return labels[:, 0].copy()
    return labels


def _check_images_and_labels(
    images: NDArray, labels: NDArray, images_path: Path | str, labels_path: Path | str
) -> None:
    """Check that the arrays of two files are images and their labels."""
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{images_path} has an array of shape {images.shape}; expected images, "
            "(n, height, width) or (n, height, width, channels). Check that the file has the "
            "right name."
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{labels_path} has an array of shape {labels.shape}, but {images_path} has "
            f"{len(images)} images; expected one label per image, {images.shape[:1]}. Use files "
            "of one data set."
        )


def _check_classes(labels: NDArray, n_classes: int, path: Path | str) -> None:
    """Check that labels are those of a data set whose classes are known."""
    known = (labels >= 0) & (labels < n_classes) & (labels == np.floor(labels))
    if not known.all():
        raise ValueError(
            f"{path} has the label {labels[~known][0]}; expected 0 to {n_classes - 1}, the classes "
            "of this data set. Check that the file is one of this data set, or download it again."
        )
