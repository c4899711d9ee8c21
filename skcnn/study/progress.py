"""Progress on standard error: a bar by rich in a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

PLAIN_SECONDS = 2.0  # minimum time between two plain lines of a stage


class Stage:
    """A stage of the work. Call `advance` after each of its steps."""

    def __init__(self, reporter: Reporter, title: str, total: int, bar: Any):
        self._reporter, self._title, self._total, self._bar = reporter, title, total, bar
        self._done = 0
        self._last = time.monotonic()
        self._row = None if bar is None else bar.add_task(title, total=total, note="")

    def advance(self, note: str = "") -> None:
        """Count one more step as done; `note` tells its result."""
        self._done += 1
        if self._bar is not None:
            self._bar.update(self._row, advance=1, note=note)
            return
        now = time.monotonic()
        if self._done >= self._total or now - self._last > PLAIN_SECONDS:
            self._last = now
            end = f": {note}" if note else ""
            self._reporter.line(f"{self._title}: {self._done} of {self._total}{end}")


class Reporter:
    """Report the progress of a run; without `verbose`, print nothing."""

    def __init__(self, verbose: bool = True):
        self.verbose = verbose
        self._start = time.monotonic()

    def line(self, text: str) -> None:
        """Print a line, with the seconds since the start."""
        if self.verbose:
            elapsed = time.monotonic() - self._start
            print(f"[{elapsed:6.1f} s] {text}", file=sys.stderr, flush=True)

    @contextmanager
    def stage(self, title: str, total: int) -> Iterator[Stage]:
        """A stage of `total` steps."""
        bar = self._rich_bar()
        with bar or nullcontext():
            yield Stage(self, title, total, bar)

    def _rich_bar(self) -> Any:
        """A progress bar; None without rich or without a terminal."""
        if not self.verbose or not sys.stderr.isatty():
            return None
        try:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
        except ImportError:
            return None
        return Progress(
            "{task.description}",
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            "{task.fields[note]}",
            console=Console(stderr=True),
        )
