"""Reading the binary version of CIFAR-10, from the published archive or from a folder.

The Python version is not read: its files are pickles, which can run any code when loaded.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from skcnn._files import remote_data_sets
from skcnn._files.download import fetch
from skcnn._files.paths import describe_contents, to_path, unreadable

_IMAGES_PER_BATCH = 10_000
_RECORD = 1 + 3 * 32 * 32  # bytes: the label, and the pixels of the three channels one by one
_BLOCK = 2**18  # bytes of an archive that are read at once
_MOST_AT_ONCE = 2**25  # bytes that its headers may have: more than a batch has
_TRAIN = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
_TEST = "test_batch.bin"
_NAMES = (*_TRAIN, _TEST)
_FOLDER = "cifar-10-batches-bin"
_ARCHIVE = "cifar-10-binary.tar.gz"
_PYTHON_VERSION = {"data_batch_1", "cifar-10-batches-py", "cifar-10-python.tar.gz"}
_EXPECTED = f"CIFAR-10's binary version: {_ARCHIVE}, or a folder with {', '.join(_NAMES)}"


def read_cifar10(data_home: Any, n_classes: int) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The arrays that `skcnn.datasets.load_cifar10` describes; labels must be below `n_classes`."""
    if data_home is None:
        return _assemble(_read_archive(fetch(remote_data_sets.CIFAR10)[0]), n_classes)
    path = to_path(data_home, "data_home")
    try:
        if path.is_file():
            return _assemble(_read_archive(path), n_classes)
        for folder in (path, path / _FOLDER):
            if any(os.path.isfile(folder / name) for name in _NAMES):
                return _assemble(_read_folder(folder), n_classes)
        if os.path.isfile(path / _ARCHIVE):
            return _assemble(_read_archive(path / _ARCHIVE), n_classes)
    except PermissionError as error:
        raise unreadable(path, error) from error
    if not path.is_dir():
        _raise_missing(f"data_home is {path} (no such file or folder)", path.parent)
    _raise_missing(f"data_home is {path} (no batches of CIFAR-10)", path)


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the batches in a folder."""
    for name in _NAMES:
        path = folder / name
        if not path.is_file():
            _raise_missing(f"{path} is missing", folder)
        _check_size(path, path.stat().st_size)
        yield name, path.read_bytes()


def _read_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the batches in an archive; nothing is unpacked to the disk."""
    found, others = set(), set()
    for name, size, content in _members(path):
        if content is None:
            others.add(name)
            continue
        _check_size(f"{name} in {path}", size)
        found.add(name)
        yield name, content
    if missing := [name for name in _NAMES if name not in found]:
        _raise_missing(f"{path} has no {', '.join(missing)}", path.parent, others)


def _members(path: Path) -> Iterator[tuple[str, int, bytes | None]]:
    """Names, sizes and contents of the files in an archive; None for what cannot be a batch."""
    expected = _IMAGES_PER_BATCH * _RECORD
    try:
        with _open_unpacked(path) as file:
            limited: Any = _Limited(file)
            with tarfile.open(fileobj=limited, mode="r:") as archive:
                for member in archive:
                    name = PurePosixPath(member.name).name
                    is_file = name in _NAMES and member.isreg()
                    content = archive.extractfile(member) if is_file else None
                    # The content of a file of another size is not needed.
                    yield name, member.size, None if content is None else content.read(expected)
            while file.read(_BLOCK):  # to the end, where a gzip file has its checksum
                pass
    except (MemoryError, PermissionError):
        raise
    except Exception as error:  # tarfile raises errors of many types for damaged archives
        raise ValueError(
            f"{path} is a damaged or truncated archive, or none at all ({error}); expected "
            f"{_ARCHIVE}. Download it again."
        ) from error


class _Limited:
    """A file for tarfile, without headers that claim to be longer than a batch."""

    def __init__(self, file: gzip.GzipFile | io.BufferedReader):
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int) -> bytes:
        if size > _MOST_AT_ONCE:
            raise tarfile.ReadError(f"it has a header of {size:,} bytes")
        return self._file.read(size)


def _open_unpacked(path: Path) -> gzip.GzipFile | io.BufferedReader:
    """The file, decompressed if it is a gzip file; some browsers decompress what they download."""
    with path.open("rb") as file:
        is_gzip = file.read(2) == b"\x1f\x8b"
    return gzip.open(path) if is_gzip else path.open("rb")


def _assemble(
    batches: Iterator[tuple[str, bytes]], n_classes: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The arrays of all batches, each of which is held in memory only until it is copied."""
    X_train, y_train = _allocate(_IMAGES_PER_BATCH * len(_TRAIN))
    X_test, y_test = _allocate(_IMAGES_PER_BATCH)
    for name, content in batches:
        records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
        if records[:, 0].max() >= n_classes:
            raise ValueError(
                f"{name} has the label {records[:, 0].max()}; expected 0 to {n_classes - 1}, the "
                "first byte of each image. Check that it is a file of CIFAR-10's binary version, "
                "or download it again."
            )
        X, y, start = X_test, y_test, 0
        if name != _TEST:
            X, y, start = X_train, y_train, _IMAGES_PER_BATCH * _TRAIN.index(name)
        batch = slice(start, start + _IMAGES_PER_BATCH)
        y[batch] = records[:, 0]
        X[batch] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return X_train, y_train, X_test, y_test


def _allocate(n: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Arrays for n images and their labels."""
    return np.empty((n, 32, 32, 3), np.uint8), np.empty(n, np.uint8)


def _check_size(path: Path | str, size: int) -> None:
    """Raise ValueError unless a batch has the size of all batches."""
    expected = _IMAGES_PER_BATCH * _RECORD
    if size != expected:
        raise ValueError(
            f"{path} is {'truncated' if size < expected else 'too long'}: it has {size:,} bytes; "
            f"expected {expected:,}, {_IMAGES_PER_BATCH:,} images of {_RECORD:,} bytes. Download "
            "the file again."
        )


def _raise_missing(problem: str, folder: Path, archived: Collection[str] = ()) -> NoReturn:
    """Raise FileNotFoundError; `archived` are the other files of an archive in the folder."""
    names = {*archived, *(os.listdir(folder) if folder.is_dir() else ())}
    remedy = "Check the path."
    if names & _PYTHON_VERSION:
        remedy = (
            "The Python version is not read, because its files are pickles, which can run any code "
            f"when they are loaded. Download {_ARCHIVE}."
        )
    raise FileNotFoundError(
        f"{problem}; {describe_contents(folder)}; expected {_EXPECTED}. {remedy}"
    )
