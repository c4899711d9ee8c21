"""Finding the four IDX files of a data set: MNIST, or another one that is stored like it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

from skcnn._files.paths import describe_contents, to_path, unreadable

# Names like train-images-idx3-ubyte.gz, emnist-letters-test-labels-idx1-ubyte,
# qmnist-train-labels-idx2-int and T10K-Images.idx3-ubyte
_NAME = re.compile(
    r"(?!\.)(?:(?P<prefix>.+?)[-_.])??(?P<part>train|t10k|test)[-_.](?P<kind>images|labels)"
    r"[-_.]idx\d?(?:[-_.](?:idx\d?|[us]?byte|short|int|float|double|gz))*",
    re.IGNORECASE,
)
NAMES = (
    "train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and "
    "t10k-labels-idx1-ubyte, or the names of EMNIST or QMNIST"
)
_TEST_PARTS = ("t10k", "test")  # MNIST's word for the test images, and that of other data sets
_ARCHIVES = (".zip", ".7z", ".rar", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_LEVELS = 2  # of subfolders that are searched: torchvision stores files in ROOT/MNIST/raw
_GENERIC_FOLDERS = {"raw", "gzip"}  # whose names say nothing about the data set


@dataclass(frozen=True)
class IdxDataSet:
    """Four IDX files of a folder: training images and labels, test images and labels.

    `prefix` is what their names begin with, in lower case; "" for the names of MNIST.
    """

    folder: Path
    prefix: str
    files: tuple[Path, ...]

    @property
    def path(self) -> Path:
        """A path for which `find_data_set` finds this data set."""
        return self.folder / self.prefix

    @property
    def name(self) -> str:
        """A name for reports."""
        folder = self.folder.resolve()
        generic = folder.name.lower() in _GENERIC_FOLDERS
        return self.prefix or (folder.parent if generic else folder).name


@dataclass(frozen=True)
class _Folder:
    """The IDX files of a folder, by the prefix of their names and by their role in a data set."""

    path: Path
    files: dict[str, dict[str, Path]]
    subfolders: list[Path]

    def data_sets(self) -> list[IdxDataSet]:
        """All complete data sets."""
        found = {
            prefix: [files[role] for role in roles]
            for prefix, files in self.files.items()
            for roles in map(_roles, reversed(_TEST_PARTS))  # t10k takes precedence
            if files.keys() >= set(roles)
        }
        return [IdxDataSet(self.path, prefix, tuple(files)) for prefix, files in found.items()]

    def only(self, prefix: str) -> _Folder:
        """The folder without the files whose names begin otherwise."""
        return replace(self, files={p: files for p, files in self.files.items() if p == prefix})

    def preferred(self) -> list[IdxDataSet]:
        """The data set whose files have the names of MNIST; if there is none, all data sets."""
        found = self.data_sets()
        return [data_set for data_set in found if not data_set.prefix] or found


def find_data_set(value: Any, name: str, expected: str, prefix: str | None = None) -> IdxDataSet:
    """Find the data set at a path, as `skcnn.datasets.load_mnist` describes.

    With `prefix`, only a data set whose files' names begin with it is found. Error messages call
    the path `name` and say that `expected` was expected.
    """
    path = to_path(value, name)
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
        if is_folder:
            os.scandir(path).close()  # raises PermissionError
    except (FileNotFoundError, NotADirectoryError):
        return _find_by_prefix(path, name, expected, prefix)
    except OSError as error:
        raise unreadable(path, error) from error
    if not is_folder:
        match = _NAME.fullmatch(path.name)
        folder = path.parent / (match["prefix"] or "").lower() if match else path.parent
        remedy = f"Pass {folder}, or the folder that has the unpacked files."
        if _is_archive(path):
            remedy = "Unpack it, and pass the folder that has the unpacked files."
        raise NotADirectoryError(f"{name} is {path} (a file); expected {expected}. {remedy}")
    searched = list(_search(path, _LEVELS))
    if prefix is not None:
        searched = [folder.only(prefix) for folder in searched]
    found = searched[0].preferred() or _without_repetitions(
        data_set for folder in searched[1:] for data_set in folder.preferred()
    )
    if not found:
        _raise_incomplete(path, searched, name, expected, prefix)
    if len(found) > 1:
        raise ValueError(
            f"{name} is {path}, which has {len(found)} data sets; expected one. Pass the path of "
            f"one of them: {', '.join(str(data_set.path) for data_set in found)}."
        )
    return found[0]


def _without_repetitions(data_sets: Iterable[IdxDataSet]) -> list[IdxDataSet]:
    """Each data set once, even if links lead to it by several paths."""
    return list({(found.folder.resolve(), found.prefix): found for found in data_sets}.values())


def _find_by_prefix(path: Path, name: str, expected: str, prefix: str | None) -> IdxDataSet:
    """The data set in a folder whose files have names that begin with the last part of a path."""
    data_sets = _scan(path.parent).data_sets()
    wanted = path.name.lower().rstrip("-_.")
    for data_set in data_sets:
        if data_set.prefix == wanted and prefix in (None, wanted):
            return data_set
    choices = ", ".join(str(data_set.path) for data_set in data_sets)
    raise FileNotFoundError(
        f"{name} is {path} (no such folder); "
        f"{f'the data sets there are {choices}' if choices else describe_contents(path.parent)}; "
        f"expected {expected}. Check the path."
    )


def _raise_incomplete(
    path: Path, searched: list[_Folder], name: str, expected: str, prefix: str | None
) -> NoReturn:
    """Raise FileNotFoundError: say which files are missing and what the folder has."""
    parts = [
        (folder.path, start, files) for folder in searched for start, files in folder.files.items()
    ]
    if parts:
        folder_path, start, files = max(parts, key=lambda part: len(part[2]))
        roles = max(map(_roles, _TEST_PARTS), key=lambda roles: len(files.keys() & roles))
        dash = "-" if start else ""
        missing = [f"{start}{dash}{role}-idx*" for role in roles if role not in files]
        problem = f"{' and '.join(missing)} missing"
    else:
        files_of = "IDX files of a data set" if prefix is None else f"files {prefix}-*"
        folder_path, problem = path, f"no {files_of} in it or below"
    archive = next((file for file in sorted(_list(folder_path)[0]) if _is_archive(file)), None)
    remedy = "Each file may be compressed (.gz). Add the files, or pass the folder that has them."
    if archive:
        remedy = f"If {archive.name} has the files, unpack it. {remedy}"
    raise FileNotFoundError(
        f"{name} is {path} ({problem}); {describe_contents(folder_path)}; expected {expected}. "
        f"{remedy}"
    )


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(_ARCHIVES)


def _roles(test: str) -> tuple[str, ...]:
    """Part and kind of the four files; `test` is the word for the test images."""
    return tuple(f"{part}-{kind}" for part in ("train", test) for kind in ("images", "labels"))


def _search(folder: Path, levels: int) -> Iterator[_Folder]:
    """The folder and its subfolders, except those of folders with complete data sets."""
    scanned = _scan(folder)
    yield scanned
    if levels and not scanned.data_sets():
        for subfolder in scanned.subfolders:
            yield from _search(subfolder, levels - 1)


def _scan(folder: Path) -> _Folder:
    """The IDX files of a folder, and of those subfolders that are named like an IDX file.

    Some archives and programs put each file into a folder of its name.
    """
    paths, folders = _list(folder)
    subfolders = []
    for subfolder in folders:
        if _NAME.fullmatch(subfolder.name):
            paths += _list(subfolder)[0]
        elif not subfolder.name.startswith("."):
            subfolders.append(subfolder)
    matches = [
        (path, match)
        for path in paths
        if (match := _NAME.fullmatch(path.name)) and os.path.isfile(path)
    ]
    files: dict[str, dict[str, Path]] = {}
    for path, match in sorted(matches, key=lambda found: _preference(found[0])):
        role = f"{match['part']}-{match['kind']}".lower()
        files.setdefault((match["prefix"] or "").lower(), {}).setdefault(role, path)
    return _Folder(folder, files, subfolders)


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Files and subfolders; none if the folder cannot be read."""
    _, folders, files = next(os.walk(folder), ("", [], []))
    return [folder / name for name in files], [folder / name for name in sorted(folders)]


def _preference(path: Path) -> tuple[int, bool, bool, bool, str]:
    """Sort key of several files of one role, of which the first is read."""
    name = path.name.lower()
    return len(path.parts), "-idx" not in name, name.endswith(".gz"), name != path.name, path.name
