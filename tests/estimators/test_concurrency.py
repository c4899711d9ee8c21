"""Several threads use skcnn at the same time; their results are those of one thread.

Without the interpreter's lock, these tests find code that relies on it. With the lock, threads are
switched so often that they find some of it.
"""

import copy
import pickle
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone

from skcnn import ConvNetClassifier, HOGTransformer

# With two threads each. The mini-batches have two tiles; "dense" has so many parameters that the
# threads share the optimizer step.
COMMON = {"max_iter": 2, "n_iter_no_change": np.inf, "batch_size": 100, "n_jobs": 2}
MODELS = {
    "random": ConvNetClassifier(
        n_filters=(6, 8), dropout=0.2, augment="elastic", random_state=0, **COMMON
    ),
    "winograd": ConvNetClassifier(n_filters=(32, 32), random_state=1, **COMMON),
    "dense": ConvNetClassifier(
        n_filters=16,
        pooling="mean",
        hidden_layer_sizes=(800,),
        solver="sgd",
        random_state=2,
        **COMMON,
    ),
}


@pytest.fixture(autouse=True)
def _frequent_switches():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=[3, pytest.param(20, marks=pytest.mark.slow)])
def rounds(request):
    """How often a test repeats its work."""
    return range(request.param)


def at_once(*functions):
    """What the functions return when each runs in a thread and all start together."""
    start = threading.Barrier(len(functions))

    def run(function):
        start.wait(timeout=60)
        return function()

    with ThreadPoolExecutor(len(functions)) as pool:
        return list(pool.map(run, functions))


def learned(model):
    """What a fit has computed, bit by bit."""
    return model.network_.snapshot().tobytes(), model.loss_curve_


@pytest.fixture(scope="module")
def data(digits):
    """200 digits and their labels."""
    return digits[0][:200], digits[1][:200]


@pytest.fixture(scope="module")
def fitted(data):
    """Every model, fitted by one thread."""
    return {name: clone(model).set_params(n_jobs=1).fit(*data) for name, model in MODELS.items()}


def test_fits(data, fitted, rounds):
    names = [*MODELS] * 3
    for _ in rounds:
        fits = at_once(*(lambda name=name: clone(MODELS[name]).fit(*data) for name in names))
        for name, fit in zip(names, fits, strict=True):
            assert learned(fit) == learned(fitted[name]), name


@pytest.mark.parametrize("name", MODELS)
def test_predictions_of_one_estimator(data, fitted, rounds, name):
    """Few and many images, also while the estimator is copied and pickled."""
    X, _ = data
    expected = {n: fitted[name].predict_proba(X[:n]) for n in (1, 3, 8, 64, 65, 200)}
    features = fitted[name].transform(X[:8])
    for _ in rounds:
        # As after loading a model: nothing is laid out yet.
        model = pickle.loads(pickle.dumps(fitted[name])).set_params(n_jobs=2)

        def predict_copies(model=model):
            for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
                assert_array_equal(copied.predict_proba(X[:8]), expected[8])

        def predict_often(n, model=model):
            for _ in range(10 if n <= 8 else 2):
                assert_array_equal(model.predict_proba(X[:n]), expected[n])

        at_once(
            predict_copies,
            lambda model=model: assert_array_equal(model.transform(X[:8]), features),
            *(lambda n=n, run=predict_often: run(n) for n in expected),
            lambda run=predict_often: run(8),
        )


def test_streams(data, fitted, rounds):
    """`partial_fit` of each thread's own estimator, with predictions in between."""
    X, y = data
    chunks = [slice(start, start + 50) for start in range(0, 200, 50)]

    def stream(name, n_jobs):
        model = clone(MODELS[name]).set_params(n_jobs=n_jobs)
        seen = []
        for chunk in chunks:
            model.partial_fit(X[chunk], y[chunk], classes=range(10))
            seen.append(model.predict_proba(X[:5]).tobytes())
        return learned(model), seen

    expected = {name: stream(name, 1) for name in MODELS}
    names = [*MODELS] * 2
    for _ in rounds:
        streams = at_once(*(lambda name=name: stream(name, 2) for name in names))
        for name, result in zip(names, streams, strict=True):
            assert result == expected[name], name


def test_an_estimator_is_always_fitted_while_it_is_fitted_again(data, rounds):
    """Another thread finds the estimator before or after the call, never none and never a mixture.

    The two fits have other classes and pixels of another scale.
    """
    X, y = data
    arguments = [(X[:20], y[:20]), (X[:20] * 1000.0, np.array(list("abcd") * 5))]
    model = clone(MODELS["random"]).set_params(max_iter=1)
    fits = [clone(model).fit(*own) for own in arguments]
    methods = ("predict", "predict_proba", "transform")
    expected = {name: {getattr(fit, name)(X[:1]).tobytes() for fit in fits} for name in methods}
    model.fit(*arguments[0])
    for _ in rounds:
        done = threading.Event()

        def fit_again(done=done):
            for number in range(20):
                model.fit(*arguments[number % 2])
            done.set()

        def predict_meanwhile(done=done):
            while not done.is_set():
                for name, results in expected.items():
                    assert getattr(model, name)(X[:1]).tobytes() in results, name

        at_once(fit_again, predict_meanwhile, predict_meanwhile)


def test_fits_in_threads_of_joblib(data, fitted, rounds):
    """As in a grid search with the threading backend, where ``n_jobs=None`` means one thread."""
    models = [clone(model).set_params(n_jobs=None) for model in MODELS.values()]
    for _ in rounds:
        fits = joblib.Parallel(4, backend="threading")(
            joblib.delayed(clone(model).fit)(*data) for model in models * 2
        )
        for fit, name in zip(fits, [*MODELS] * 2, strict=True):
            assert learned(fit) == learned(fitted[name]), name


def test_hog(data, rounds):
    X, _ = data
    hog = HOGTransformer().fit(X)
    expected = hog.transform(X[:50])
    for _ in rounds:
        for features in at_once(*[lambda: hog.transform(X[:50])] * 4):
            assert_array_equal(features, expected)
