"""The folder of a study: one run at a time, and nothing that killed runs have left behind."""

from __future__ import annotations

import errno
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from skcnn._files.paths import make_folder, remove_partial_files

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

CACHE = "cache-"  # how the names of temporary folders with caches begin
LOCK = "lock"
FILES = ("report.html", "results.json")  # what studies write to the folder, beside `parts`
FOLDERS = ("models", "pictures", "tables")
IN_USE = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


@contextmanager
def parts_of(out: Path) -> Iterator[Path]:
    """The folder ``parts`` of the folder `out`, for this run alone.

    Raises OSError if it cannot be written to, or if another run uses it.
    """
    folder = out / "parts"
    make_folder(folder, "out")
    # The system releases the lock when the process ends, however it ends.
    with open(folder / LOCK, "ab") as file:
        if _lock(file):
            _clean(out, folder)
        yield folder


def _lock(file: IO[bytes]) -> bool:
    """Lock a file; False if its file system has no locks. OSError if another run has locked it."""
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in IN_USE:
            return False
        out = Path(file.name).parent.parent
        raise BlockingIOError(
            f"out is the folder {out}, which another run is using; expected a folder for this run "
            "alone. Wait until the other run has ended, or pass another path."
        ) from error
    return True


def _clean(out: Path, parts: Path) -> None:
    for cache in parts.glob(f"{CACHE}*"):
        shutil.rmtree(cache, ignore_errors=True)
    for folder in (parts, *(out / name for name in FOLDERS)):
        remove_partial_files(folder)
    for name in FILES:  # `out` may have files of other programs
        remove_partial_files(out, f"{name}.")
