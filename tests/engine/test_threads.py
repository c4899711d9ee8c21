"""`Threads` runs tasks; `single_threaded_blas` limits BLAS to one thread."""

import _thread
import contextlib
import signal
import threading
import time

import pytest
import threadpoolctl

from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads


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


def test_threads_end_with_the_with_block():
    before = threading.active_count()
    with contextlib.suppress(ZeroDivisionError), Threads(4) as threads:
        assert threading.active_count() == before + 3
        threads.run(lambda thread, index: 1 / 0, 8)
    assert threading.active_count() == before


def blas_threads():
    return {
        library["num_threads"]
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    }


@pytest.mark.skipif(not blas_threads(), reason="threadpoolctl finds no BLAS library")
def test_blas_has_one_thread_until_the_last_context_exits():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        outside = blas_threads()
        first, second = single_threaded_blas(), single_threaded_blas()
        first.__enter__()
        assert blas_threads() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == outside
        with pytest.raises(ZeroDivisionError), single_threaded_blas():
            raise ZeroDivisionError
        assert blas_threads() == outside
