"""`Threads`: a few threads that share numbered tasks."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator


class Threads:
    """`n_threads` threads, the calling one among them, that run numbered tasks.

    ``run(task, n_tasks)`` calls ``task(thread, index)`` for each index and returns when all are
    done. Tasks start in the order of their indices and run in parallel. `thread` tells which
    thread's private memory a task may use; results must not depend on it.

    Examples
    --------
    >>> from skcnn.engine.runtime.threads import Threads
    >>> squares = [0] * 5
    >>> def task(thread, index):
    ...     squares[index] = index**2
    >>> with Threads(2) as threads:
    ...     threads.run(task, 5)
    >>> squares
    [0, 1, 4, 9, 16]
    """

    def __init__(self, n_threads: int) -> None:
        self.n_threads = n_threads
        # Locks as signals: the fastest way in Python to wake one waiting thread.
        self._go = [threading.Lock() for _ in range(n_threads - 1)]
        self._done = [threading.Lock() for _ in range(n_threads - 1)]
        for lock in (*self._go, *self._done):
            lock.acquire()
        self._task: Callable[[int, int], None] | None = None
        self._indices: Iterator[int] = iter(())
        self._error: BaseException | None = None
        self._workers = [
            threading.Thread(target=self._wait_and_work, args=(i + 1,), daemon=True)
            for i in range(n_threads - 1)
        ]
        for worker in self._workers:
            worker.start()

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._task = None
        for go in self._go:
            go.release()
        for worker in self._workers:
            worker.join()

    def run(self, task: Callable[[int, int], None], n_tasks: int) -> None:
        """Run the tasks; an exception in one is raised here once all threads have stopped."""
        n_helpers = min(n_tasks, self.n_threads) - 1
        if n_helpers < 1:
            for index in range(n_tasks):
                task(0, index)
            return
        self._task, self._error = task, None
        # next() on a range iterator is atomic under the interpreter's lock: no index comes twice.
        self._indices = iter(range(n_tasks))
        woken = 0
        try:
            for go in self._go[:n_helpers]:
                woken += 1
                go.release()
            self._work(0)
        finally:
            self._indices = itertools.chain(())
            self._wait_for(self._done[:woken])
        if self._error is not None:
            raise self._error

    @staticmethod
    def _wait_for(locks: list[threading.Lock]) -> None:
        """Wait even when Ctrl-C is pressed: afterwards no thread may still be writing."""
        interrupt = None
        for lock in locks:
            while True:
                try:
                    lock.acquire()
                    break
                except KeyboardInterrupt as error:
                    interrupt = error
        if interrupt is not None:
            raise interrupt

    def _work(self, thread: int) -> None:
        task = self._task
        assert task is not None
        # `_indices` is looked up for each task: after an exception it is empty.
        while (index := next(self._indices, None)) is not None:
            task(thread, index)

    def _wait_and_work(self, thread: int) -> None:
        while True:
            self._go[thread - 1].acquire()
            if self._task is None:
                return
            try:
                self._work(thread)
            except BaseException as error:
                self._error = error
                self._indices = itertools.chain(())
            self._done[thread - 1].release()
