"""Paths that users pass: the check, the ``~``, and error messages about files and folders.

Also files that are written whole or not at all.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

NO_SPACE = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_MOST_NAMES = 12  # that a message lists


def to_path(value: Any, name: str) -> Path:
    """The path `value` with ``~`` expanded; TypeError or ValueError if it is not a path."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if not isinstance(text, str):
        raise TypeError(
            f"{name} is {value!r}, of type {type(value).__name__}; expected a path. Pass a string "
            "or a pathlib.Path."
        )
    if not text:
        raise ValueError(f'{name} is empty; expected a path. Pass "." for the current folder.')
    return Path(os.path.expanduser(text))


def make_folder(path: Path, name: str, remedy: str = "Pass another path.") -> None:
    """Make a folder; OSError if nothing can be written to it. Messages call the path `name`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise _like(
            error,
            f"{name} is the folder {path}, which cannot be used: {error.strerror}; expected a "
            f"folder that you may write to. {remedy}",
        ) from error


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Whatever happens, the old file stays intact until the new one is complete."""
    with replacing(path) as partial, open(partial, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # before the rename, also if the power fails


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to. At the end of the context, that file replaces the one at `path`.

    If `path` is a link, the file that it leads to is replaced; a pipe, a socket or a device is
    refused. After an error, nothing is left of it; a message is added to that of an OSError.
    """
    target = Path(os.path.realpath(path))
    # Each process and each thread has a file of its own, in the same file system.
    partial = target.parent / f"{target.name}.{os.getpid()}-{threading.get_ident()}.partial"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and is_special(target):
            raise OSError(errno.EINVAL, "Not a regular file")
        yield partial
        os.replace(partial, target)
    except BaseException as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        here = {"None", *map(str, (target, partial, *target.parents))}
        if isinstance(error, OSError) and str(error.filename) in here:
            remedy = "Free some space, or pass" if error.errno in NO_SPACE else "Pass"
            raise _like(
                error,
                f"{path} cannot be written: {error.strerror or error}; expected a path that you "
                f"may write to, with enough space. {remedy} another path.",
            ) from error
        raise


def remove_partial_files(folder: Path, begin: str = "") -> None:
    """Remove what processes that were killed while they wrote have left in a folder.

    Names of files to be removed have this beginning.
    """
    for path in folder.glob(f"{begin}*.partial"):
        if re.search(r"\.\d+-\d+\.partial$", path.name):
            with suppress(OSError):
                path.unlink()


def describe_contents(folder: Path) -> str:
    """What a folder has, for an error message."""
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    _, folders, files = next(os.walk(folder), ("", [], []))
    names = sorted([f"{name}{os.sep}" for name in folders] + files)
    if len(names) > _MOST_NAMES:
        names[_MOST_NAMES:] = [f"{len(names) - _MOST_NAMES:,} more"]
    return f"{folder} has {', '.join(names) or 'no files'}"


def is_special(path: Path) -> bool:
    """Whether a path is a pipe, a socket or a device, of which reading might never end."""
    mode = os.stat(path).st_mode
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def unreadable(path: Path, error: OSError) -> OSError:
    """An error of the same type that says what to do."""
    return _like(
        error,
        f"{path} cannot be read: {error.strerror}; expected a file or folder that you may read. "
        "Check its permissions, or copy it.",
    )


def _like(error: OSError, message: str) -> OSError:
    """An error of the same type and number with another message."""
    new = type(error)(message)
    new.errno = error.errno
    return new
