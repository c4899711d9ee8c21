"""Starting threads, also where the system or Ctrl-C prevents it."""

from __future__ import annotations

import threading


def start(thread: threading.Thread) -> bool:
    """Start a thread; False if the system starts no more, or Python is shutting down.

    Ctrl-C while Python waits for the thread may leave a lock in a state that raises RuntimeError:
    it is a KeyboardInterrupt here, and the thread has begun.
    """
    try:
        thread.start()
    except RuntimeError as error:
        if "new thread" in str(error):
            return False
        raise KeyboardInterrupt from error
    return True
