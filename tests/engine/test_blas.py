"""BLAS is held to one thread; products are divided into sizes that it reads without copying."""

import functools
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import threadpoolctl
from helpers.engine import make_trainer, with_method
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skcnn._fitting.architecture import build_layers
from skcnn.engine.network import Network
from skcnn.engine.runtime import blas
from skcnn.engine.runtime.threads import Threads

SIZES = st.integers(1, 3000)


@given(SIZES, SIZES, SIZES, st.sampled_from([0, 1000, 1_000_000]))
def test_rows_per_product_divides_the_rows_into_uncopied_products(
    n_rows, n_inner, n_columns, limit
):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blas, "_most_uncopied", lambda: limit)
        rows = blas.rows_per_product(n_rows, n_inner, n_columns)
        assert n_rows % rows == 0
        if rows < n_rows:
            assert blas.is_uncopied(rows, n_inner, n_columns)
            assert not blas.is_uncopied(n_rows, n_inner, n_columns)
            assert rows >= 16


@pytest.mark.parametrize("method", ["gemm", "winograd", "winograd4", "winograd4x4"])
def test_divided_products_give_the_same_gradient(monkeypatch, method):
    """With and without dividing them, regardless of the BLAS library of this machine."""
    shape, rng = (10, 12, 2), np.random.default_rng(0)
    layers = build_layers(
        shape, 3, n_filters=(8, 6), filter_size=3, padding="same", pool_size=2, pool_regions=None,
        pooling="max", hidden_layer_sizes=(), activation="relu", dropout=0.0,
    )  # fmt: skip
    layers = [with_method(layer, method) for layer in layers]
    images, labels = rng.standard_normal((64, *shape)), rng.integers(3, size=64)
    gradients, divided = [], []
    rows_per_product = blas.rows_per_product
    for limit in (0, 12_000):
        monkeypatch.setattr(blas, "_most_uncopied", lambda limit=limit: limit)

        def recorded(n_rows, n_inner, n_columns):
            rows = rows_per_product(n_rows, n_inner, n_columns)
            divided.append(rows < n_rows)
            return rows

        for module in ("lowering", "winograd_2d"):
            monkeypatch.setattr(
                f"skcnn.engine.layers.convolution.{module}.rows_per_product", recorded
            )
        network = Network(layers, shape, np.float64)
        network.initialize(np.random.default_rng(1))
        start = network.parameters.copy()
        with Threads(1) as threads:
            trainer = make_trainer(network, images, labels, threads)
            trainer.step(np.arange(64), step=1, rate=1.0, momentum=0.0)
        gradients.append(start - network.parameters)
        assert any(divided) == bool(limit)
    assert_allclose(gradients[1], gradients[0], rtol=1e-10, atol=1e-13)


def limits():
    return {
        library["num_threads"]
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    }


needs_limit_of_process = pytest.mark.skipif(
    not blas._libraries()[0] or bool(blas._libraries()[1]),
    reason="needs a BLAS library with one limit for the process, and no other",
)


@needs_limit_of_process
def test_blas_has_one_thread_until_the_last_context_exits():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        outside = limits()
        first, second = blas.single_threaded_blas(), blas.single_threaded_blas()
        first.__enter__()
        assert limits() == {1}
        second.__enter__()
        first.__exit__(None, None, None)
        assert limits() == {1}
        second.__exit__(None, None, None)
        assert limits() == outside
        with pytest.raises(ZeroDivisionError), blas.single_threaded_blas():
            raise ZeroDivisionError
        assert limits() == outside


@needs_limit_of_process
def test_the_limit_of_blas_is_known_while_it_is_held_to_one_thread():
    for limit in (1, 2):
        with threadpoolctl.threadpool_limits(limit, user_api="blas"):
            assert blas.blas_threads() == max(limits())
            with blas.single_threaded_blas():
                assert blas.blas_threads() == limit


@needs_limit_of_process
def test_many_threads_hold_blas_to_one_thread():
    """Whichever enters first and leaves last, BLAS has one thread in between, and two after."""
    libraries = threadpoolctl.ThreadpoolController().select(user_api="blas").lib_controllers
    start, wrong = threading.Barrier(8), []

    def hold_often():
        start.wait(timeout=30)
        for _ in range(200):
            with blas.single_threaded_blas():
                counts = {library.get_num_threads() for library in libraries}
                if counts != {1} or blas.blas_threads() != 2:
                    wrong.append(counts)

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        workers = [threading.Thread(target=hold_often) for _ in range(8)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert not wrong
        assert max(limits()) == 2


class FakeBLAS:
    """A BLAS library as threadpoolctl shows it; like MKL, it may have a limit for each thread."""

    internal_api = "mkl"

    def __init__(self, *, per_thread):
        self._limits = threading.local() if per_thread else types.SimpleNamespace()

    def get_num_threads(self):
        return getattr(self._limits, "limit", 4)

    def set_num_threads(self, limit):
        self._limits.limit = limit


@pytest.mark.parametrize("per_thread", [False, True])
def test_every_thread_has_one_thread_of_blas(monkeypatch, per_thread):
    """Also if each thread has a limit of its own; every user gets its own limit back."""
    library = FakeBLAS(per_thread=per_thread)
    monkeypatch.setattr(blas, "_blas", lambda: types.SimpleNamespace(lib_controllers=[library]))
    monkeypatch.setattr(blas, "_libraries", functools.cache(blas._libraries.__wrapped__))
    all_run, used = threading.Barrier(3), []

    def task(thread, index):
        all_run.wait(timeout=30)
        used.append(library.get_num_threads())

    def compute():
        with blas.single_threaded_blas(), Threads(3) as threads:
            threads.run(task, 3)
        return library.get_num_threads()

    assert library.get_num_threads() == 4
    assert compute() == 4
    with blas.single_threaded_blas(), ThreadPoolExecutor(1) as pool:  # two users
        all_run.reset()
        assert pool.submit(compute).result(timeout=60) == (4 if per_thread else 1)
    assert library.get_num_threads() == 4
    assert used == [1] * 6


@pytest.mark.parametrize("per_thread", [False, True])
def test_the_limit_is_set_where_no_thread_can_be_started(monkeypatch, per_thread):
    library = FakeBLAS(per_thread=per_thread)
    monkeypatch.setattr(blas, "_blas", lambda: types.SimpleNamespace(lib_controllers=[library]))
    monkeypatch.setattr(blas, "_libraries", functools.cache(blas._libraries.__wrapped__))

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    used = []
    with blas.single_threaded_blas(), Threads(3) as threads:
        threads.run(lambda thread, index: used.append((thread, library.get_num_threads())), 3)
    assert used == [(0, 1)] * 3
    assert library.get_num_threads() == 4


def test_ctrl_c_that_python_turns_into_another_error(monkeypatch):
    library = FakeBLAS(per_thread=True)
    real = threading.Thread.start

    def interrupted(thread):
        real(thread)
        raise RuntimeError("release unlocked lock")

    monkeypatch.setattr(threading.Thread, "start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        blas._has_limit_for_each_thread(library)


@needs_limit_of_process
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("call", range(4))
def test_ctrl_c_while_the_limit_changes(monkeypatch, moment, call):
    """The calls of `_set_limits`: on entry and exit, for the process and for each thread."""
    set_limits, calls = blas._set_limits, []

    def interrupted(*arguments):
        calls.append(arguments)
        if moment == "before" and len(calls) == call + 1:
            raise KeyboardInterrupt
        set_limits(*arguments)
        if moment == "after" and len(calls) == call + 1:
            raise KeyboardInterrupt

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        outside = limits()
        monkeypatch.setattr(blas, "_set_limits", interrupted)
        with pytest.raises(KeyboardInterrupt), blas.single_threaded_blas():
            pass
        assert len(calls) > call
        assert limits() == outside
        assert not blas._holders
