"""Reading EMNIST: the files of one split, from the published archive or from a folder."""

from __future__ import annotations

import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from numpy.typing import NDArray

from skcnn._files import remote_data_sets
from skcnn._files.download import fetch
from skcnn._files.find_idx import find_data_set
from skcnn._files.idx import as_data_set, decode_idx, read_data_set
from skcnn._files.paths import to_path, unreadable

_ARCHIVES = ("gzip.zip", "emnist-gzip.zip")  # names on the two servers that have it
# What zipfile raises for damaged, encrypted and unknown archives
_DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    IndexError,
    OSError,
    OverflowError,
    RuntimeError,
    UnicodeDecodeError,
    lzma.LZMAError,
    zlib.error,
)


def read_emnist(
    data_home: Any, split: str, n_classes: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The arrays that `skcnn.datasets.load_emnist` describes; labels must be below `n_classes`."""
    if data_home is None:
        return _read_archive(fetch(remote_data_sets.EMNIST)[0], split, n_classes)
    path = to_path(data_home, "data_home")
    if path.suffix.lower() == ".zip" and path.is_file():
        return _read_archive(path, split, n_classes)
    for name in _ARCHIVES:
        if os.path.isfile(path / name):
            return _read_archive(path / name, split, n_classes)
    expected = f"a folder with the files {', '.join(_names(split))}, or EMNIST's archive gzip.zip"
    found = find_data_set(path, "data_home", expected, prefix=f"emnist-{split}")
    return read_data_set(found.files, n_classes, transposed=True)


def _names(split: str) -> list[str]:
    """Names of the four files of a split, in the order of the arrays."""
    return [
        f"emnist-{split}-{part}-{kind}-ubyte"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ]


def _read_archive(
    path: Path, split: str, n_classes: int
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The four arrays of a split; nothing is unpacked to the disk."""
    names = _names(split)
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = _read_members(archive, path, names)
            described = [f"{name} in {path}" for name in names]
            return as_data_set(arrays, described, n_classes)
    except PermissionError as error:
        raise unreadable(path, error) from error
    except _DAMAGED as error:
        raise ValueError(
            f"{path} is a damaged or truncated ZIP archive, or none at all ({error}); expected "
            "EMNIST's archive gzip.zip. Download it again."
        ) from error


def _read_members(archive: zipfile.ZipFile, path: Path, names: list[str]) -> Iterator[NDArray]:
    """The arrays in the files with these names, in any folder and with or without .gz."""
    members = {
        PurePosixPath(member.filename).name.removesuffix(".gz"): member
        for member in archive.infolist()
        if not member.is_dir()
    }
    missing = [name for name in names if name not in members]
    if missing:
        raise ValueError(
            f"{path} has no {', '.join(missing)}; it has {len(members)} other files; expected "
            "EMNIST's archive gzip.zip. Check the path."
        )
    for name in names:
        with archive.open(members[name]) as file:
            yield decode_idx(file, f"{name} in {path}", transposed=True)
