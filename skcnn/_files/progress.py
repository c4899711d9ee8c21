"""A line in the terminal that shows the progress of what takes long."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_AFTER = 3.0  # seconds
_EVERY = 0.5


class ProgressLine:
    """A line that appears after a few seconds and is erased at the end of the context.

    Without a terminal, nothing is shown.
    """

    def __init__(self) -> None:
        self._terminal = sys.stderr if sys.stderr is not None and sys.stderr.isatty() else None
        self._next_time = time.monotonic() + _AFTER
        self._width = 0  # of what is shown

    def show(self, text: str) -> None:
        """Show the text, unless the last one was shown a moment ago."""
        if self._terminal is not None and time.monotonic() >= self._next_time:
            print(f"\r{text.ljust(self._width)}", end="", file=self._terminal, flush=True)
            self._width = len(text)
            self._next_time = time.monotonic() + _EVERY

    def __enter__(self) -> ProgressLine:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._width:
            print(f"\r{' ' * self._width}\r", end="", file=self._terminal, flush=True)
