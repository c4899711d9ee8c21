"""Hundreds of calls in one process: memory, objects, threads and open files do not grow."""

import gc
import os
import sys
import threading
import tracemalloc
import weakref

import numpy as np
import pytest
from helpers.quick import fast

from skcnn import ConvAutoencoder, ConvNetRegressor, DaisyTransformer, HOGTransformer

N = 200  # four tiles, so that threads start; more than the 64 for which predictors are kept
# The interpreter's caches hold some thousand names; `partial_fit` adds a number to a list. If each
# call leaves an array behind, even a small one, it is more.
SLACK_BYTES, SLACK_BYTES_PER_CALL = 80_000, 40
SLACK_OBJECTS = 50


@pytest.fixture(scope="module")
def mapped(images, tmp_path_factory):
    """A memory map of images."""
    path = tmp_path_factory.mktemp("images") / "X.npy"
    np.save(path, images[0])
    return np.load(path, mmap_mode="r")


def open_files():
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def measures_coverage():
    coverage = sys.modules.get("coverage")
    return coverage is not None and coverage.Coverage.current() is not None


@pytest.fixture(params=[0.1, pytest.param(2, marks=pytest.mark.slow)])
def check_steady(request):
    """A function that checks what many calls leave behind; how many depends on the parameter."""
    if measures_coverage():
        pytest.skip("what coverage has seen grows")
    return lambda call, n_calls: _check_steady(call, int(request.param * n_calls))


def _check_steady(call, n_calls):
    """Run the call a few times, then often: the second part must leave nothing behind."""
    for _ in range(3):
        call()
    tracemalloc.start()
    try:
        for _ in range(2):
            call()
        gc.collect()
        bytes_before, objects = tracemalloc.get_traced_memory()[0], len(gc.get_objects())
        threads, files = threading.active_count(), open_files()
        for _ in range(n_calls):
            call()
        gc.collect()
        growth = tracemalloc.get_traced_memory()[0] - bytes_before
        assert growth < SLACK_BYTES + SLACK_BYTES_PER_CALL * n_calls
        assert len(gc.get_objects()) - objects < SLACK_OBJECTS
        assert threading.active_count() == threads
        assert open_files() <= files
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("settings", [{}, {"solver": "muon", "normalization": "batch"}])
def test_partial_fit(check_steady, mapped, images, settings):
    """Only the curve of the loss grows: by 32 bytes a call."""
    model, y = fast(batch_size=N, n_jobs=2, **settings), images[1]
    check_steady(lambda: model.partial_fit(mapped[:N], y[:N], classes=range(10)), 200)
    assert len(model.loss_curve_) == model.n_iter_ == model.t_ // N > 20


def test_loss_curve_is_all_that_partial_fit_adds(mapped, images):
    model, y = fast(), images[1]
    for _ in range(20):
        model.partial_fit(mapped[:N], y[:N], classes=range(10))
    sizes = {name: np.size(value) for name, value in vars(model).items()}
    for _ in range(5):
        model.partial_fit(mapped[:N], y[:N])
    grown = {name for name, value in vars(model).items() if np.size(value) != sizes[name]}
    assert grown == {"loss_curve_"}


def test_fit_of_one_estimator(check_steady, mapped, images):
    model, y = fast(batch_size=N, n_jobs=2, max_iter=1), images[1]
    check_steady(lambda: model.fit(mapped[:N], y[:N]), 50)


def test_fit_of_new_estimators(check_steady, mapped, images):
    y = images[1]
    kept = []

    def call():
        model = fast(batch_size=N, n_jobs=2, max_iter=1, early_stopping=True).fit(mapped[:N], y[:N])
        kept.append(weakref.ref(model.network_))
        del kept[:-5]

    check_steady(call, 50)
    assert [ref() for ref in kept] == [None] * 5


@pytest.mark.parametrize("n", [1, N])
@pytest.mark.parametrize("method", ["predict_proba", "transform"])
def test_predictions(check_steady, mapped, images, method, n):
    model = fast(batch_size=N, n_jobs=2).fit(*images)
    check_steady(lambda: getattr(model, method)(mapped[:n]), 200)


def test_predictions_for_many_different_numbers_of_images(check_steady, mapped, images):
    """Predictors are kept for a few sizes only."""
    model, sizes = fast(batch_size=N, n_jobs=2).fit(*images), np.random.default_rng(0)
    for n in range(1, 65):
        model.predict(mapped[:n])
    check_steady(lambda: model.predict(mapped[: sizes.integers(20, 24)]), 100)
    assert len(model.network_.idle_predictors) <= 8


@pytest.mark.parametrize("kind", [HOGTransformer, DaisyTransformer])
def test_descriptors(check_steady, mapped, kind):
    check_steady(lambda: kind(n_jobs=1).fit_transform(mapped[:2]), 50)


@pytest.mark.parametrize("kind", [ConvAutoencoder, ConvNetRegressor])
def test_other_networks(check_steady, mapped, images, kind):
    model = kind(n_filters=4, max_iter=1, n_jobs=2)
    given = (images[1][:N].astype(float),) if kind is ConvNetRegressor else ()
    method = "predict" if kind is ConvNetRegressor else "transform"

    def call():
        getattr(model.fit(mapped[:N], *given), method)(mapped[:N])

    check_steady(call, 30)


def test_calls_that_fail(check_steady, mapped, images):
    """Exceptions refer to the memory of the call; it is freed with them."""
    model, y = fast(batch_size=N, n_jobs=2, learning_rate_init=1e30), images[1]

    def call():
        with pytest.raises(ValueError, match="Training diverged"):
            model.fit(mapped[:N], y[:N])

    check_steady(call, 50)
