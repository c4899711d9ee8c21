"""Files that are written whole or not at all, stored results, and Ctrl-C."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import signal
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np

FORMAT = 2  # to be raised when the meaning of a stored result changes


def write_text(path: Path, text: str) -> None:
    """Write a file. An interruption leaves the old file intact, never half of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file as `write_text` does; NumPy's values become plain, NaN becomes null."""
    write_text(path, json.dumps(_plain(value), indent=1, allow_nan=False))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a CSV file as `write_text` does."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


class Store:
    """Results in a folder, one JSON file each, found by their kind and the settings behind them.

    `common` are settings that all results share: a hash of the data, versions of the libraries.
    """

    def __init__(self, folder: Path, common: dict[str, Any]):
        self.folder = folder
        self.common = {**common, "format": FORMAT}
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, kind: str, key: dict[str, Any], suffix: str = ".json") -> Path:
        """The file of the result of this kind with these settings."""
        whole = json.dumps({**self.common, **key}, sort_keys=True, default=repr)
        return self.folder / f"{kind}-{joblib.hash(whole)[:16]}{suffix}"

    def load(self, kind: str, key: dict[str, Any]) -> Any:
        """The stored result; None if there is none or its file is damaged."""
        try:
            text = self.path(kind, key).read_text(encoding="utf-8")
            return json.loads(text)["value"]
        except (FileNotFoundError, json.JSONDecodeError, KeyError):
            return None

    def save(self, kind: str, key: dict[str, Any], value: Any) -> None:
        """Store a result together with its settings."""
        write_json(self.path(kind, key), {"settings": {**self.common, **key}, "value": value})


class InterruptWatch:
    """Remember Ctrl-C, so that a fit which caught it is not taken for a finished one.

    `ConvNetClassifier.fit` ends on Ctrl-C and keeps the weights learned so far. A study cannot
    use such a fit: it calls `check` before it stores a result.
    """

    def __init__(self) -> None:
        self._seen = False
        self._previous: Any = None

    def __enter__(self) -> InterruptWatch:
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.signal(signal.SIGINT, self._remember)
        return self

    def __exit__(self, *exception: object) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def _remember(self, *_: object) -> None:
        self._seen = True
        raise KeyboardInterrupt

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed since the start."""
        if self._seen:
            raise KeyboardInterrupt


def _plain(value: Any) -> Any:
    """A value in the types of JSON, which has no NaN; other types by their repr."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value if value is None or isinstance(value, str | int) else repr(value)
