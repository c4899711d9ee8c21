"""Finished parts of a run, kept as JSON files and found again by the settings that made them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np

FORMAT = 1  # raise when the meaning of a stored part changes


class Store:
    """Parts in a folder; a part is a JSON file named after its kind and a hash of its settings.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    common : dict
        Settings that all parts share: the data, the versions of the libraries.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skcnn.study.store import Store
    >>> store = Store(Path(tempfile.mkdtemp()), {"data": "digits"})
    >>> store.load("final", {"seed": 0}) is None
    True
    >>> store.save("final", {"seed": 0}, {"error": 0.01})
    >>> store.load("final", {"seed": 0})
    {'error': 0.01}
    >>> store.load("final", {"seed": 1}) is None
    True
    """

    def __init__(self, folder: Path, common: dict[str, Any]):
        self.folder = folder
        self.common = {**common, "format": FORMAT}
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, key: dict[str, Any], suffix: str = ".json") -> Path:
        """Where the part of this kind and these settings is kept."""
        whole = json.dumps({**self.common, **key}, sort_keys=True, default=repr)
        return self.folder / f"{kind}-{joblib.hash(whole)[:16]}{suffix}"

    def load(self, kind: str, key: dict[str, Any]) -> Any:
        """The part, or None if it was not finished (or its file was damaged)."""
        try:
            text = self.path(kind, key).read_text(encoding="utf-8")
            return json.loads(text)["value"]
        except (FileNotFoundError, json.JSONDecodeError, KeyError):
            return None

    def discard(self, kind: str, key: dict[str, Any]) -> None:
        """Forget a part."""
        self.path(kind, key).unlink(missing_ok=True)

    def save(self, kind: str, key: dict[str, Any], value: Any) -> None:
        """Keep the part, with its settings beside it; whole or not at all."""
        whole = {"settings": {**self.common, **key}, "value": value}
        write_whole(self.path(kind, key), json.dumps(whole, indent=1, default=plain))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a stop in the middle leaves the old one, never half a new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def plain(value: Any) -> Any:
    """NumPy numbers and arrays as JSON knows them; anything else by its repr."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return repr(value)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a comparison: what is finished is kept."""


class InterruptWatch:
    """Remembers a Ctrl-C, so that a fit that swallowed it is not taken for a finished one.

    `ConvNetClassifier.fit` answers Ctrl-C by keeping what it has learned. For a comparison such a
    fit is cut short and worth nothing: `check` raises before it can be stored.
    """

    def __init__(self) -> None:
        self._seen = False
        self._previous: Any = None

    def __enter__(self) -> InterruptWatch:
        import signal
        import threading

        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        import signal

        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, *_: object) -> None:
        self._seen = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise `Interrupted` if Ctrl-C was pressed since the start."""
        if self._seen:
            raise Interrupted


def part(
    store: Store, kind: str, key: dict[str, Any], watch: InterruptWatch, make: Callable[[], Any]
) -> Any:
    """The stored part, or a new one made by `make` and stored."""
    value = store.load(kind, key)
    if value is None:
        value = make()
        watch.check()
        store.save(kind, key, value)
        value = store.load(kind, key)
    return value
