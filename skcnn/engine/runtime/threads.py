"""`Threads`: a few threads that share numbered tasks."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections import deque
from collections.abc import Callable

from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.starting import start

Task = Callable[[int, int], None]

PATIENCE = 1.0  # seconds after which a waiting thread checks that its owner still exists


class Threads:
    """`n_threads` threads, the calling one among them, that run numbered tasks.

    ``run(task, n_tasks)`` calls ``task(thread, index)`` for each index and returns when all are
    done. Tasks start in the order of their indices and run in parallel, also on Python without the
    interpreter's lock. `thread` tells which thread's private memory a task may use; results must
    not depend on it. Every task runs in the caller's context, for example under its
    ``np.errstate``.

    The other threads start when they are first needed and end with the ``with`` block; until then
    they hold BLAS to one thread. If the system refuses to start one, the others do its work. Only
    one call of `run` may be active at a time.

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
        self._helpers: list[_Helper] = []

    def __enter__(self) -> Threads:
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._end_helpers()
        except KeyboardInterrupt:  # the others must end, too
            self._end_helpers()
            raise

    def _end_helpers(self) -> None:
        while self._helpers:
            self._helpers[-1].end()
            self._helpers.pop()

    def run(self, task: Task, n_tasks: int) -> None:
        """Run the tasks; an exception in one is raised here once all threads have stopped.

        No task starts after an exception. If several tasks fail, the exception of the one with the
        lowest index is raised, as it would be by a single thread.
        """
        n_helpers = min(n_tasks, self.n_threads) - 1
        if n_helpers < 1:
            for index in range(n_tasks):
                task(0, index)
            return
        while (n := len(self._helpers)) < n_helpers:
            helper = _Helper(n + 1, self)
            try:
                if not helper.begin():
                    break
                self._helpers.append(helper)
            except BaseException:  # Ctrl-C, perhaps after the thread has begun
                del self._helpers[n:]
                helper.end()
                raise
        helpers = self._helpers[:n_helpers]
        batch = _Batch(task, n_tasks, len(helpers))
        try:
            for helper in helpers:
                helper.start(batch)
            batch.work(0)
            batch.wait()
        except BaseException as error:  # Ctrl-C outside a task
            batch.errors.append((-1, error))
            batch.wait()
        batch.raise_error()


class _Batch:
    """The tasks of one call of `Threads.run`, and their exceptions."""

    def __init__(self, task: Task, n_tasks: int, n_helpers: int) -> None:
        self._task = task
        # popleft is thread-safe without the interpreter's lock, too; next() of an iterator is not.
        # Unlike a lock of our own, it cannot be left locked by Ctrl-C.
        self._indices = deque(range(n_tasks))
        self.errors: list[tuple[int, BaseException]] = []  # index of the task, its exception
        self.n_started = 0
        # One for each helper. Locks are the fastest signals in Python.
        self._finished = [False] * n_helpers
        self._signals = [threading.Lock() for _ in range(n_helpers)]
        for signal in self._signals:
            signal.acquire()

    def work(self, thread: int) -> None:
        """Run tasks until none is left or one has failed."""
        while not self.errors:
            try:
                index = self._indices.popleft()
            except IndexError:
                return
            try:
                self._task(thread, index)
            except BaseException as error:
                self.errors.append((index, error))

    def finish(self, thread: int) -> None:
        """Tell `wait` that this helper has finished."""
        self._finished[thread - 1] = True
        self._signals[thread - 1].release()

    def wait(self) -> None:
        """Wait even when Ctrl-C is pressed: afterwards no thread may still be writing."""
        while True:
            try:
                for i in range(self.n_started):
                    # Ctrl-C may come after the lock was acquired: then do not acquire it again.
                    while not self._finished[i]:
                        self._signals[i].acquire()
                return
            except KeyboardInterrupt as error:
                self.errors.append((-1, error))

    def raise_error(self) -> None:
        """Raise the exception of the lowest index, if there is one."""
        if not self.errors:
            return
        _, error = min(self.errors, key=lambda failed: failed[0])
        try:
            raise error
        finally:
            # The traceback refers to this object: without the cycle, memory is freed at once.
            self.errors.clear()
            del error


class _Helper:
    """A thread that works on one batch after another."""

    def __init__(self, thread: int, owner: Threads) -> None:
        self._owner = weakref.ref(owner)
        self._go = threading.Lock()
        self._go.acquire()
        self._next: tuple[_Batch, contextvars.Context] | None = None
        # Locks, since Ctrl-C within the methods of an Event may be lost or become another error.
        self._begun = threading.Lock()
        self._begun.acquire()
        self._has_begun, self._may_begin, self._must_end = False, True, False
        self._thread = threading.Thread(target=self._loop, args=(thread,), daemon=True)

    def begin(self) -> bool:
        """Start the thread, if the system allows it."""
        try:
            self._may_begin = start(self._thread)
        except Exception:
            self._may_begin = False
            raise
        return self._may_begin

    def start(self, batch: _Batch) -> None:
        """Work on this batch, in a copy of the caller's context."""
        self._next = batch, contextvars.copy_context()
        batch.n_started += 1  # no call between this line and the next, so no Ctrl-C either
        self._go.release()

    def end(self) -> None:
        """End the thread, which must be idle, and wait for it. This may be repeated."""
        if not self._must_end:
            self._next, self._must_end = None, True  # no call before the next line, as in `start`
            self._go.release()
        # Ctrl-C during `begin`: the thread begins soon, or it was not created.
        if self._may_begin and (self._has_begun or self._begun.acquire(timeout=PATIENCE)):
            self._thread.join()

    @single_threaded_blas()
    def _loop(self, thread: int) -> None:
        self._has_begun = True
        self._begun.release()
        while True:
            while not self._go.acquire(timeout=PATIENCE):
                if self._owner() is None:  # Ctrl-C came just before the first line of `__exit__`
                    return
            if self._next is None:
                return
            (batch, context), self._next = self._next, None
            context.run(batch.work, thread)
            batch.finish(thread)
            del batch, context  # nothing is kept alive while the thread waits
