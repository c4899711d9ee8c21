"""Finding the image files of a folder with one subfolder per class."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from skcnn._files.image_file import ENDINGS
from skcnn._files.paths import describe_contents, unreadable
from skcnn._text import count
from skcnn._warn import warn_caller

_SYSTEM_FILES = {"__macosx", "desktop.ini", "ehthumbs.db", "thumbs.db"}  # in lower case
_EXAMPLES = 3  # paths that a message gives for each kind of file or size
_EXPECTED = "one subfolder per class with image files in it"


def find_images(folder: Path) -> list[Path]:
    """The image files of all classes, sorted by the class and the name of the file."""
    classes, others = _list_root(folder)
    ignored: dict[str, list[Path]] = defaultdict(list)
    ignored["image outside the class folders"] = [p for p in others if _has_image_ending(p)]
    images: dict[Path, list[Path]] = {}
    for class_folder in classes:
        subfolders, files = _list(class_folder)
        images[class_folder] = [path for path in files if _has_image_ending(path)]
        ignored["subfolder of a class folder"] += subfolders
        for path in files:
            if not _has_image_ending(path):
                ignored[f"{path.suffix.lower() or 'file without ending'}"].append(path)
    empty = [class_folder for class_folder, paths in images.items() if not paths]
    if empty:
        _raise_empty(folder, classes, empty)
    ignored = {kind: paths for kind, paths in ignored.items() if paths}
    if ignored:
        _warn_ignored(folder, ignored)
    return [path for paths in images.values() for path in paths]


def _list_root(folder: Path) -> tuple[list[Path], list[Path]]:
    """The class folders and the other files of the folder."""
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(
            f"path is {folder} (no such folder); {describe_contents(folder.parent)}; expected a "
            f"folder with {_EXPECTED}. Check the path."
        ) from error
    except OSError as error:
        raise unreadable(folder, error) from error
    if not is_folder:
        raise NotADirectoryError(
            f"path is {folder} (a file); expected a folder with {_EXPECTED}. Pass the path of a "
            "folder; unpack an archive first."
        )
    classes, files = _list(folder)
    # A broken link may have been a class: listing it raises an error.
    classes += [path for path in files if not os.path.exists(path)]
    if not classes:
        raise ValueError(
            f"path is {folder}, which has no subfolders; {describe_contents(folder)}; expected "
            f"{_EXPECTED}. Move the images of each class into a subfolder named after the class."
        )
    return classes, [path for path in files if os.path.exists(path)]


def _list(folder: Path) -> tuple[list[Path], list[Path]]:
    """Subfolders and files, each sorted by name; none that are hidden."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.name.lower() not in _SYSTEM_FILES:
                    # Unlike entry.is_dir(), os.path.isdir() raises no error for links.
                    is_folder = os.path.isdir(entry) if entry.is_symlink() else entry.is_dir()
                    (folders if is_folder else files).append(entry.name)
    except OSError as error:
        raise unreadable(folder, error) from error
    return [folder / name for name in sorted(folders)], [folder / name for name in sorted(files)]


def _has_image_ending(path: Path) -> bool:
    return path.suffix.lower() in ENDINGS


def _raise_empty(folder: Path, classes: list[Path], empty: list[Path]) -> NoReturn:
    """Raise ValueError for subfolders without images."""
    nested = next((path for path in empty if _list(path)[0]), None)
    raise ValueError(
        f"{len(empty)} of {count(len(classes), 'subfolder')} of {folder} "
        f"{'has' if len(empty) == 1 else 'have'} no image files: "
        f"{', '.join(path.name for path in empty)}; {describe_contents(nested or empty[0])}; "
        f"expected {_EXPECTED}, with one of the endings {' '.join(ENDINGS)}. "
        + (f"If the classes are subfolders of {nested}, pass this path. " if nested else "")
        + "Otherwise add images to these folders, or remove them."
    )


def _warn_ignored(folder: Path, ignored: dict[str, list[Path]]) -> None:
    """Warn about files that may be images and are not read."""
    kinds = [
        f"{len(paths):,} {kind}{'' if kind.startswith('.') or len(paths) == 1 else 's'} "
        f"({examples(folder, paths)})"
        for kind, paths in ignored.items()
    ]
    warn_caller(
        f"{folder} has files that are not read: {'; '.join(kinds)}. Expected only image files "
        f"with the endings {' '.join(ENDINGS)}, directly in the class folders. Convert or move "
        "the images among them; remove the others, or ignore this warning.",
        UserWarning,
    )


def examples(folder: Path, paths: Sequence[Path]) -> str:
    """The first paths, relative to the folder."""
    names = [str(path.relative_to(folder)) for path in paths[:_EXAMPLES]]
    return ", ".join(names) + (", ..." if len(paths) > _EXAMPLES else "")
