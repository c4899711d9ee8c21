"""`Threads` runs tasks."""

import _thread
import contextlib
import gc
import itertools
import queue
import signal
import threading
import time
import weakref

import numpy as np
import pytest

from skcnn.engine.runtime.threads import Threads, _Batch


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("n_tasks", [0, 1, 2, 3, 200])
def test_threads_run_every_task_once(n_threads, n_tasks):
    done = []
    used = [threading.Lock() for _ in range(n_threads)]

    def task(thread, index):
        assert used[thread].acquire(blocking=False)  # no other task may run on this thread
        done.append(index)
        used[thread].release()

    with Threads(n_threads) as threads:
        for _ in range(3):
            done.clear()
            threads.run(task, n_tasks)
            assert sorted(done) == list(range(n_tasks))


def test_short_tasks_run_once():
    """Taking the next index must be safe without the interpreter's lock, too."""
    with Threads(4) as threads:
        for _ in range(500):
            done = [[] for _ in range(4)]
            threads.run(lambda thread, index, done=done: done[thread].append(index), 200)
            assert sorted(itertools.chain(*done)) == list(range(200))
            assert all(indices == sorted(indices) for indices in done)


def test_tasks_run_in_parallel():
    barrier = threading.Barrier(3)  # opens when three tasks run at the same time
    with Threads(3) as threads:
        threads.run(lambda thread, index: barrier.wait(timeout=30), 3)


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt()])
@pytest.mark.parametrize("thread_that_fails", [0, 1, 2])
def test_an_exception_in_a_thread_is_raised_by_run(thread_that_fails, error):
    """First all threads stop, with most tasks not run. They can then be used again."""
    started = threading.Barrier(3)
    running, done = set(), []

    def task(thread, index):
        running.add(thread)
        if index < 3:
            started.wait(timeout=30)
        time.sleep(0.001)
        running.remove(thread)
        if thread == thread_that_fails:
            raise error
        done.append(index)

    with Threads(3) as threads:
        with pytest.raises(type(error)) as caught:
            threads.run(task, 1000)
        assert caught.value is error
        assert not running
        assert len(done) < 500
        done.clear()
        threads.run(lambda thread, index: done.append(index), 10)
        assert sorted(done) == list(range(10))


def test_of_several_exceptions_that_of_the_lowest_index_is_raised():
    """As by a single thread, whichever thread fails first."""
    together = threading.Barrier(3)

    def task(thread, index):
        together.wait(timeout=30)
        if index < 3:
            time.sleep(0.01 * (thread == 0))  # so that the calling thread has the last task
        else:
            time.sleep(0.01 * (5 - index))  # and fails first
            raise ValueError(index)

    with Threads(3) as threads, pytest.raises(ValueError, match="3"):
        threads.run(task, 6)


def test_an_exception_keeps_nothing_alive():
    """Exceptions refer to the memory of their tasks: no reference cycle may hold them."""
    refs, both = [], threading.Barrier(2)

    def task(thread, index):
        memory = np.empty(10)
        refs.append(weakref.ref(memory))
        both.wait(timeout=30)
        raise ValueError

    gc.collect()
    gc.disable()
    try:
        with contextlib.suppress(ValueError), Threads(2) as threads:
            threads.run(task, 2)
        assert [ref() for ref in refs] == [None, None]
    finally:
        gc.enable()


def test_tasks_run_in_the_context_of_the_caller():
    """For example under its floating-point error handling, which threads do not inherit."""
    both, seen = threading.Barrier(2), {}

    def task(thread, index):
        both.wait(timeout=30)
        seen[thread] = np.geterr()["under"]

    with Threads(2) as threads:
        for handling in ("raise", "ignore"):
            with np.errstate(under=handling):
                threads.run(task, 2)
            assert seen == {0: handling, 1: handling}


def test_an_exception_in_the_only_thread_is_raised_by_run():
    with Threads(1) as threads, pytest.raises(ZeroDivisionError):
        threads.run(lambda thread, index: 1 / index, 3)


@pytest.fixture
def ctrl_c():
    """Install Python's handler of Ctrl-C, which a background process may lack."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield _thread.interrupt_main
    signal.signal(signal.SIGINT, before)


def test_a_keyboard_interrupt_is_raised_by_run(ctrl_c):
    """It is raised after all threads have stopped."""
    running, done = set(), []

    def task(thread, index):
        running.add(thread)
        if index == 20:
            ctrl_c()  # the main thread will raise soon
        time.sleep(0.001)
        done.append(index)
        running.discard(thread)

    with Threads(2) as threads:
        with pytest.raises(KeyboardInterrupt):
            threads.run(task, 2000)
        assert running <= {0}  # the main thread, if its task was interrupted
        assert 15 <= len(done) < 1500
        count = len(done)
        time.sleep(0.02)
        assert len(done) == count
        threads.run(lambda thread, index: done.append(index), 10)
        assert len(done) == count + 10


def test_ctrl_c_as_the_last_task_ends(ctrl_c):
    """The calling thread has then just stopped waiting, and must not wait again."""
    both = threading.Barrier(2)

    def task(thread, index):
        both.wait(timeout=30)
        if thread == 1:
            time.sleep(0.01)  # the calling thread waits by now
            ctrl_c()

    with Threads(2) as threads:
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                threads.run(task, 2)


def test_after_ctrl_c_at_any_time_no_task_runs(ctrl_c):
    running, delays = set(), queue.SimpleQueue()

    def interrupt_after_delays():
        while (microseconds := delays.get()) is not None:
            time.sleep(microseconds / 1e6)
            ctrl_c()

    def task(thread, index):
        running.add(thread)
        time.sleep(0.0001)
        running.discard(thread)

    interrupter = threading.Thread(target=interrupt_after_delays)
    interrupter.start()
    with Threads(3) as threads:
        threads.run(task, 3)  # Ctrl-C while Python starts a thread is not tested
        for microseconds in range(0, 3000, 50):
            with contextlib.suppress(KeyboardInterrupt):
                delays.put(microseconds)
                while True:
                    threads.run(task, 4)
            assert running <= {0}  # the calling thread, if its task was interrupted
            running.clear()
    delays.put(None)
    interrupter.join()


def test_threads_start_when_they_are_needed_and_end_with_the_with_block():
    before = threading.active_count()
    with contextlib.suppress(ZeroDivisionError), Threads(4) as threads:
        threads.run(lambda thread, index: None, 1)
        assert threading.active_count() == before
        threads.run(lambda thread, index: None, 2)
        assert threading.active_count() == before + 1
        threads.run(lambda thread, index: 1 / 0, 8)
    assert threads.n_threads == 4
    assert threading.active_count() == before


@pytest.mark.parametrize("n_allowed", [0, 1])
def test_other_threads_do_the_work_of_one_that_cannot_start(n_allowed, monkeypatch):
    start, started = threading.Thread.start, []

    def start_some(thread):
        if len(started) == n_allowed:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    done, before = [], threading.active_count()
    with Threads(4) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", start_some)
            threads.run(lambda thread, index: done.append(index), 10)
            assert sorted(done) == list(range(10))
            assert threading.active_count() == before + n_allowed
        threads.run(lambda thread, index: done.append(index), 10)
        assert sorted(done) == sorted(2 * list(range(10)))
        assert threading.active_count() == before + 3
    assert threading.active_count() == before


def test_a_thread_that_does_not_start_is_not_waited_for(monkeypatch):
    def fail(thread):
        raise MemoryError

    done, before = [], threading.active_count()
    with Threads(3) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            with pytest.raises(MemoryError):
                threads.run(lambda thread, index: done.append(index), 10)
        assert not done
        threads.run(lambda thread, index: done.append(index), 10)
        assert sorted(done) == list(range(10))
    assert threading.active_count() == before


def test_ctrl_c_that_python_turns_into_another_error(monkeypatch):
    """Within `Thread.start`, a condition may find its lock released: the thread has begun."""
    start = threading.Thread.start

    def interrupted(thread):
        start(thread)
        raise RuntimeError("release unlocked lock")

    done, before = [], threading.active_count()
    with Threads(3) as threads:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", interrupted)
            with pytest.raises(KeyboardInterrupt):
                threads.run(lambda thread, index: done.append(index), 10)
        assert not done
        assert threading.active_count() == before
        threads.run(lambda thread, index: done.append(index), 10)
    assert sorted(done) == list(range(10))
    assert threading.active_count() == before


def engine_threads():
    return [thread for thread in threading.enumerate() if "_loop" in thread.name]


def interrupt_once(monkeypatch, method):
    """Make a method of `Thread` raise KeyboardInterrupt once, after its work."""
    real, calls = getattr(threading.Thread, method), []

    def interrupted(thread, *arguments):
        real(thread, *arguments)
        if "_loop" in thread.name:
            calls.append(thread)
            if len(calls) == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, method, interrupted)


def test_ctrl_c_while_a_thread_starts(monkeypatch):
    done = []
    with Threads(3) as threads:
        interrupt_once(monkeypatch, "start")
        with pytest.raises(KeyboardInterrupt):
            threads.run(lambda thread, index: done.append(index), 10)
        assert not engine_threads()
        threads.run(lambda thread, index: done.append(index), 10)
        assert sorted(done) == list(range(10))
    assert not engine_threads()


def test_ctrl_c_before_a_thread_starts(monkeypatch):
    """Nothing tells that it was never created, but this is not waited for too long."""

    def interrupted(thread):
        raise KeyboardInterrupt

    monkeypatch.setattr("skcnn.engine.runtime.threads.PATIENCE", 0.01)
    with monkeypatch.context() as patch, Threads(2) as threads:
        patch.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            threads.run(lambda thread, index: None, 10)


def test_ctrl_c_while_the_threads_end(monkeypatch):
    interrupt_once(monkeypatch, "join")
    with pytest.raises(KeyboardInterrupt), Threads(4) as threads:
        threads.run(lambda thread, index: None, 10)
    assert not engine_threads()


def test_threads_end_if_ctrl_c_comes_before_the_exit(monkeypatch):
    """As it may: an exception is then raised in the first line of `__exit__`."""
    monkeypatch.setattr("skcnn.engine.runtime.threads.PATIENCE", 0.01)
    threads = Threads(3)
    threads.run(lambda thread, index: None, 10)
    waiting = engine_threads()
    time.sleep(0.05)
    threads.run(lambda thread, index: None, 10)  # they are still waiting
    assert len(waiting) == 2
    del threads
    for thread in waiting:
        thread.join(timeout=30)
    assert not engine_threads()


def test_ctrl_c_while_waiting_is_raised_rather_than_the_error_of_a_task():
    class CtrlC:
        def acquire(self):
            batch.finish(1)
            raise KeyboardInterrupt

        def release(self):
            pass

    batch = _Batch(lambda thread, index: 1 / 0, n_tasks=1, n_helpers=1)
    batch.n_started = 1
    batch._signals = [CtrlC()]
    batch.work(1)
    batch.wait()
    with pytest.raises(KeyboardInterrupt):
        batch.raise_error()
