"""Locks of the whole process."""

from __future__ import annotations

import os
import threading


def new_lock() -> threading.Lock:
    """A lock for a variable of a module; `os.fork` waits for it, so that it is free in the child.

    Otherwise another thread may hold it at that moment, which the child does not have: there, the
    lock would never be released.
    """
    lock = threading.Lock()
    if hasattr(os, "register_at_fork"):  # not on Windows
        os.register_at_fork(
            before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release
        )
    return lock
