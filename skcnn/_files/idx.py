"""Reading files in the IDX format: one array, or the four arrays of a data set."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from skcnn._files.paths import describe_contents, unreadable

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


def read_idx(path: Path) -> NDArray:
    """The array in an IDX file, which `skcnn.datasets.load_idx` describes."""
    return decode_idx(_read(path), path)


def decode_idx(content: bytes, path: Path | str, transposed: bool = False) -> NDArray:
    """The array in the content of an IDX file, plain or compressed; messages call it `path`.

    If `transposed`, the rows and the columns of images are exchanged.
    """
    content = _decompress(content, path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _DTYPES:
        format = next((f for start, f in _OTHER_FORMATS.items() if content.startswith(start)), "")
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes {content[:4].hex(' ') or 'none'}"
            f"{f' ({format})' if format else ''}; expected 00 00, one of "
            f"{', '.join(f'{known:02x}' for known in _DTYPES)} (the data type), and the "
            "number of dimensions. Check the path, or download the file again."
        )
    dtype, n_dimensions = np.dtype(_DTYPES[content[2]]), content[3]
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise ValueError(
            f"{path} is truncated: it has {len(content)} bytes; expected at least {start}, the "
            f"header of an array of {n_dimensions} dimensions. Download the file again."
        )
    shape = struct.unpack(f">{n_dimensions}I", content[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} is {'truncated' if len(content) < expected else 'too long'}: it has "
            f"{len(content)} bytes; expected {expected}, since its header states "
            f"{' x '.join(map(str, shape))} values of type {dtype.newbyteorder('=')}. Download "
            "the file again."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    if transposed and n_dimensions >= 3:
        values = values.swapaxes(1, 2)
    # A copy in any case, since the bytes are read-only; it also makes the array contiguous.
    return values.astype(dtype.newbyteorder("="), order="C")


def _read(path: Path) -> bytes:
    """Content of a file."""
    if os.path.isdir(path):
        raise IsADirectoryError(
            f"{path} is a folder; expected an IDX file. {describe_contents(path)}. Pass the path "
            "of a file in it."
        )
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f"There is no file {path}; {describe_contents(path.parent)}; expected an IDX file. "
            "Check the path."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def _decompress(content: bytes, path: Path | str) -> bytes:
    """The content, decompressed if it is that of a gzip file."""
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file ({error}); expected a complete one. "
            "Download the file again."
        ) from error


def read_data_set(
    paths: Sequence[Path], transposed: bool = False
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """X_train, y_train, X_test and y_test from four IDX files in this order."""
    return as_data_set((decode_idx(_read(path), path, transposed) for path in paths), paths)


def as_data_set(
    arrays: Iterable[NDArray], paths: Sequence[Path | str]
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
