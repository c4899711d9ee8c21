"""Downloading the files of published data sets into the user's cache."""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from skcnn._files.paths import make_folder
from skcnn._files.progress import ProgressLine

_TIMEOUT = 30.0  # seconds without an answer, until the next mirror is tried
_CHUNK = 2**16  # bytes
_DAY = 24 * 60 * 60.0


@dataclass(frozen=True)
class RemoteFile:
    """A file on the internet; `sources` has each URL with the SHA-256 of what it should deliver."""

    name: str
    sources: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RemoteDataSet:
    """The files of a data set; `folder` is where the cache has them.

    `remedy` says how to load files that the user has downloaded.
    """

    title: str
    folder: str
    files: tuple[RemoteFile, ...]
    remedy: str


def fetch(data_set: RemoteDataSet) -> list[Path]:
    """Paths of the files in the user's cache; those that are missing or damaged are downloaded."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            f"Downloading {data_set.title} needs pooch, which is not installed. Install it with: "
            f'pip install "skcnn[data]". Or {data_set.remedy}'
        ) from error
    folder = Path(pooch.os_cache("skcnn")) / data_set.folder
    missing = [file for file in data_set.files if not _is_intact(folder / file.name, file)]
    if missing:
        make_folder(folder, "the cache", f"Change its permissions, or {data_set.remedy}")
        _remove_remnants(folder)
    failed: set[int] = set()
    for file in missing:
        _download(file, folder, data_set, failed)
    return [folder / file.name for file in data_set.files]


def _is_intact(path: Path, file: RemoteFile) -> bool:
    """Whether a path has the file as one of its sources delivers it."""
    if not path.is_file():
        return False
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return digest in {sha256 for _, sha256 in file.sources}


def _remove_remnants(folder: Path) -> None:
    """Remove the temporary files of processes that were killed while they downloaded."""
    for path in folder.glob("tmp*"):  # pooch's names
        with suppress(OSError):
            # Another process may be writing to a younger one.
            if path.stat().st_mtime < time.time() - _DAY:
                path.unlink()


def _download(file: RemoteFile, folder: Path, data_set: RemoteDataSet, failed: set[int]) -> None:
    """Download a file from one of its sources, last from those with the numbers `failed`."""
    failures = []
    for number in sorted(range(len(file.sources)), key=failed.__contains__):
        url, sha256 = file.sources[number]
        try:
            _retrieve(url, sha256, folder / file.name, data_set.title)
        except (OSError, ValueError) as error:  # ValueError: a different hash
            if isinstance(error, OSError) and error.errno is not None:
                # From the operating system; requests raises OSErrors without a number.
                raise type(error)(
                    f"{folder / file.name} cannot be written: {error.strerror}; expected room for "
                    f"the files of {data_set.title}. Free some, or {data_set.remedy}"
                ) from error
            failed.add(number)
            failures.append(f"\n  {url}: {error}")
        else:
            return
    raise OSError(
        f"{file.name} of {data_set.title} could not be downloaded; expected that one of these "
        "addresses delivers the published file. Check the connection and try again later, or "
        f"{data_set.remedy}{''.join(failures)}"
    )


def _retrieve(url: str, sha256: str, path: Path, title: str) -> None:
    """Download a file. Whatever happens, `path` has the whole file, or is as it was."""
    import pooch

    with ProgressLine() as line:
        downloader = pooch.HTTPDownloader(
            progressbar=_Progress(line, f"Downloading {path.name} of {title}"),
            chunk_size=_CHUNK,
            timeout=_TIMEOUT,
        )
        # pooch writes to a temporary file and renames it once its hash is right.
        pooch.retrieve(url, f"sha256:{sha256}", path.name, path.parent, downloader=downloader)


class _Progress:
    """The progress of a download, with the interface that pooch expects of a progress bar."""

    def __init__(self, line: ProgressLine, label: str):
        self.total = 0  # bytes, set by pooch; 0 if the server does not tell
        self._line, self._label = line, label
        self._done = 0

    def update(self, size: int) -> None:
        self._done += size
        total = f" of {self.total / 1e6:.1f}" if self.total else ""
        self._line.show(f"{self._label}: {self._done / 1e6:.1f}{total} MB")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass
