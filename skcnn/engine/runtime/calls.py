"""The unit of work of the engine: a function bound to its arguments, to be called without any."""

from __future__ import annotations

from collections.abc import Callable

Call = Callable[[], object]
Calls = list[Call]
