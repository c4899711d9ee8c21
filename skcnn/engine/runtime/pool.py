"""`Pool`: objects that are expensive to create, kept for reuse; safe for several threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from skcnn.engine.runtime.locks import new_lock

Item = TypeVar("Item")

_lock = new_lock()  # one for all pools, which hold it for a moment only


class Pool(Generic[Item]):
    """Up to `size` idle items. An item has one user at a time.

    Examples
    --------
    >>> from skcnn.engine.runtime.pool import Pool
    >>> pool = Pool(size=2)
    >>> pool.give("small", [0])
    >>> pool.take("large") is None
    True
    >>> pool.take("small"), pool.take("small")
    ([0], None)
    """

    def __init__(self, size: int) -> None:
        self._idle: deque[tuple[Hashable, Item]] = deque(maxlen=size)

    def take(self, key: Hashable) -> Item | None:
        """Remove and return the last item that was given with this key; None if there is none."""
        with _lock:
            for place in reversed(range(len(self._idle))):
                if self._idle[place][0] == key:
                    item = self._idle[place][1]
                    del self._idle[place]
                    return item
        return None

    def give(self, key: Hashable, item: Item) -> None:
        """Keep an item that is no longer in use; if the pool is full, drop the oldest one."""
        with _lock:
            self._idle.append((key, item))

    def __len__(self) -> int:
        return len(self._idle)
