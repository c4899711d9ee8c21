"""skcnn in processes that other processes start, and in joblib's pools within pools."""

import multiprocessing
import os
import signal
import sys
import threading
import warnings

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from threadpoolctl import threadpool_info

from skcnn import ConvNetClassifier
from skcnn._parallel import n_threads
from skcnn.engine.runtime import blas, pool

SECONDS = 120  # after which a test fails, as it would never end

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")


def network(**changes):
    """A network with two tiles in a mini-batch, on two threads."""
    settings = {"n_filters": 4, "max_iter": 1, "batch_size": 100, "random_state": 0, "n_jobs": 2}
    return ConvNetClassifier(n_iter_no_change=np.inf, **{**settings, **changes})


@pytest.fixture(scope="module")
def data(digits):
    return digits[0][:200], digits[1][:200]


@pytest.fixture(scope="module")
def fitted(data):
    return network().fit(*data)


@pytest.fixture(autouse=True)
def time_limit():
    """A test that hangs fails."""
    if not hasattr(signal, "SIGALRM") or not sys.platform.startswith("linux"):
        yield
        return

    def fail(*_):
        raise TimeoutError(f"still running after {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, fail)
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def use_in_child(model, data, connection):
    """Predict with a fitted network, fit another one, and send back both results."""
    X, y = data
    proba = model.predict_proba(X)
    weights = clone(model).fit(X, y).network_.parameters
    connection.send((proba, model.predict_proba(X[:3]), weights))


def in_child(method, target, *arguments):
    """What a function sends from a process that was started in this way."""
    context = multiprocessing.get_context(method)
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=target, args=(*arguments, theirs))
    with warnings.catch_warnings():
        # From Python 3.12 on, fork warns if any thread is running, such as those of OpenBLAS.
        warnings.filterwarnings("ignore", ".*multi-?threaded.*fork", DeprecationWarning)
        child.start()
    theirs.close()
    try:
        assert ours.poll(SECONDS / 2), f"a child by {method} does not answer"
        return ours.recv()
    finally:
        child.kill()
        child.join()


@pytest.mark.parametrize(
    "method",
    [
        pytest.param("fork", marks=needs_fork),
        pytest.param("forkserver", marks=[needs_fork, pytest.mark.slow]),
        pytest.param("spawn", marks=pytest.mark.slow),
    ],
)
def test_a_child_predicts_and_fits(data, fitted, method):
    """The parent has used the engine's threads, and has idle memory for single images."""
    expected = fitted.predict_proba(data[0]), fitted.predict_proba(data[0][:3])
    proba, few, weights = in_child(method, use_in_child, fitted, data)
    assert_array_equal(proba, expected[0])
    assert_array_equal(few, expected[1])
    assert_array_equal(weights, fitted.network_.parameters)


def limits():
    return [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"]


def use_while_training(model, data, connection):
    connection.send((limits(), model.predict_proba(data[0][:3])))


@needs_fork
def test_fork_while_other_threads_compute(data, fitted):
    """The child does not have these threads: what they hold at that moment must not be missed."""
    expected = fitted.predict_proba(data[0][:3])
    outside, done = limits(), threading.Event()

    def compute():
        while not done.is_set():
            fitted.predict_proba(data[0][:3])
            with blas.single_threaded_blas():
                pass

    busy = [threading.Thread(target=compute) for _ in range(3)]
    for thread in busy:
        thread.start()
    try:
        for _ in range(10):
            found, proba = in_child("fork", use_while_training, fitted, data)
            assert found == outside
            assert_array_equal(proba, expected)
    finally:
        done.set()
        for thread in busy:
            thread.join()


@needs_fork
@pytest.mark.parametrize("lock", [blas._holders_lock, pool._lock])
def test_fork_waits_for_the_locks(lock):
    """So that another thread does not hold them in the child for ever."""
    held, leave = threading.Event(), threading.Event()

    def hold():
        with lock:
            held.set()
            leave.wait(0.2)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    assert in_child("fork", send_whether_free, lock) is True
    assert not lock.locked()
    thread.join()


def send_whether_free(lock, connection):
    connection.send(lock.acquire(timeout=1))


def test_fork_from_a_function_of_the_user(data, fitted):
    """In the middle of a training, on a thread of the engine."""
    if not hasattr(os, "fork"):
        pytest.skip("needs os.fork")
    found = []

    def augment(images, rng):
        if not found:
            found.append(in_child("fork", use_while_training, fitted, data)[1])
        return images

    network(augment=augment).fit(*data)
    assert_array_equal(found[0], fitted.predict_proba(data[0][:3]))


def threads_of_workers(backend, n_outer, n_inner):
    """`n_threads` of each inner task of pools within pools."""

    def inner():
        return joblib.Parallel(n_inner)(joblib.delayed(n_threads)(None) for _ in range(2))

    tasks = joblib.Parallel(n_outer, backend=backend)(joblib.delayed(inner)() for _ in range(2))
    return [*tasks[0], *tasks[1]]


class FakeBackend:
    def __init__(self, nesting_level):
        self.nesting_level = nesting_level


@pytest.mark.parametrize(
    ("level", "in_thread", "share", "expected"),
    [
        (0, False, 8, 8),
        (0, False, 4, 4),  # threadpoolctl or the environment limits this process
        (1, False, 4, 4),  # one of two worker processes
        (1, False, 8, 1),  # a worker process that limits nothing
        (1, True, 8, 1),  # a worker thread
        (1, True, 4, 1),  # one in a process that is limited
        (2, True, 4, 1),  # one in a worker process
    ],
)
def test_no_more_threads_than_cores(monkeypatch, level, in_thread, share, expected):
    from skcnn import _parallel

    monkeypatch.setattr(_parallel, "_cores", lambda: 8)
    monkeypatch.setattr(_parallel, "blas_threads", lambda: share)
    monkeypatch.setattr(_parallel, "get_active_backend", lambda: (FakeBackend(level), None))
    found = []
    if in_thread:
        thread = threading.Thread(target=lambda: found.append(n_threads(None)))
        thread.start()
        thread.join()
    else:
        found.append(n_threads(None))
    assert found == [expected]


def test_threads_of_threads():
    assert threads_of_workers("threading", 2, 2) == [1] * 4


@pytest.mark.slow
def test_threads_of_processes():
    cores = joblib.cpu_count()
    assert threads_of_workers("loky", cores, 2) == [1] * 4


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_a_search_over_a_bagging_of_networks(data, backend):
    """Three levels: the search, the ensemble, and the threads of each network."""
    X, y = data[0].reshape(len(data[0]), -1)[:80], data[1][:80]
    results = []
    for outer, inner, n_jobs in ((1, 1, 1), (2, 2, 2), (2, 2, None)):
        bagging = BaggingClassifier(
            network(n_jobs=n_jobs, image_shape=(8, 8)), n_estimators=2, n_jobs=inner, random_state=0
        )
        grid = {"estimator__max_iter": [1]}
        search = GridSearchCV(bagging, grid, cv=2, n_jobs=outer)
        with joblib.parallel_config(backend):
            search.fit(X, y)
        results.append((search.cv_results_["mean_test_score"].tolist(), search.predict(X).tolist()))
    assert results[1] == results[0]
    assert results[2] == results[0]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_cross_validation_in_threads(data, n_jobs):
    expected = cross_val_score(network(n_jobs=1), *data, cv=4)
    with joblib.parallel_config("threading", n_jobs=4):
        assert_array_equal(cross_val_score(network(n_jobs=n_jobs), *data, cv=4), expected)
    assert not [thread for thread in threading.enumerate() if "_loop" in thread.name]
    assert not blas._holders
