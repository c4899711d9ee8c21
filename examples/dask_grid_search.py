"""Tune networks on several machines, with dask
=============================================

`GridSearchCV` leaves its fits to joblib, and joblib can pass them on to the workers of a dask
cluster. Without an address, the cluster is two processes of this machine::

    python examples/dask_grid_search.py
    python examples/dask_grid_search.py --scheduler tcp://192.168.0.10:8786
    python examples/dask_grid_search.py --time

The last command also runs the same searches without a cluster, checks that all results are equal,
and prints how long each takes. It needs dask: ``python -m pip install "skcnn[distributed]"``. On a
cluster of several machines, skcnn must be installed on each of them.
"""

import argparse
import time
from contextlib import ExitStack, nullcontext
from functools import partial
from statistics import median

import joblib
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from skcnn import ConvNetClassifier, make_hog_svc
from skcnn.datasets import load_digits_images


def make_searches(quick=False):
    """Searches by name: for a network, and for HOG features with an SVC."""
    cv = StratifiedKFold(2 if quick else 3, shuffle=True, random_state=0)
    rates, directions = [0.02, 0.05, 0.1], [6, 8, 12]
    if quick:
        rates, directions = rates[:1], directions[:1]
    # A network uses one thread in a worker process of dask, as n_jobs is None.
    network = GridSearchCV(
        ConvNetClassifier(max_iter=3 if quick else 15, random_state=0),
        {"n_filters": [(8,), (16,)], "learning_rate_init": rates},
        cv=cv,
    )
    # With n_jobs=1 a worker computes all features of a fit, instead of asking other workers.
    hog_svc = GridSearchCV(
        make_hog_svc(n_jobs=1), {"svc__C": [3, 30], "hog__orientations": directions}, cv=cv
    )
    return {"CNN": network, "HOG + SVC": hog_svc}


def run(search, X, y, engine):
    """Fit a copy of the search; `engine` makes the context in which joblib runs its fits."""
    search = clone(search)
    with engine():
        return search.fit(X, y)


def run_and_time(searches, engines, X, y, rounds):
    """Print the seconds of each search by each engine: the median of some rounds, in turns."""
    seconds = {(engine, name): [] for engine in engines for name in searches}
    for _ in range(rounds):
        for name, search in searches.items():
            scores = []
            for engine in engines:
                started = time.perf_counter()
                fitted = run(search, X, y, engines[engine])
                seconds[engine, name].append(time.perf_counter() - started)
                scores.append(fitted.cv_results_["mean_test_score"])
            if not all(np.array_equal(scores[0], others) for others in scores):
                raise SystemExit(f"{name}: the engines found different scores: {scores}")
    print(f"\nAll engines found the same scores. Seconds, medians of {rounds} rounds:\n")
    print(f"| engine | {' | '.join(searches)} |\n|---|{'---|' * len(searches)}")
    for engine in engines:
        cells = [f"{median(seconds[engine, name]):.2f}" for name in searches]
        print(f"| {engine} | {' | '.join(cells)} |")


def main(arguments=None):
    """Run the searches on a cluster; returns them by name."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scheduler", help="address of a cluster; default: start two processes")
    parser.add_argument("--time", action="store_true", help="compare with joblib's own processes")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of --time")
    parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
    options = parser.parse_args(arguments)
    try:
        from dask.distributed import Client, LocalCluster
    except ImportError as error:
        raise SystemExit(
            f"dask.distributed could not be imported ({error}); this example needs it. Install "
            'it: python -m pip install "skcnn[distributed]"'
        ) from error

    X, y = load_digits_images()
    if options.quick:
        X, y = X[:300], y[:300]
    X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)
    searches = make_searches(options.quick)
    engines = {
        "n_jobs=1": nullcontext,
        "loky, two processes": partial(joblib.parallel_config, "loky", n_jobs=2),
        "dask": partial(joblib.parallel_config, "dask"),
    }
    with ExitStack() as stack:
        if options.time:  # dask changes the environment of processes that are started later
            run(searches["CNN"], X[:100], y[:100], engines["loky, two processes"])
        started = time.perf_counter()
        # Worker processes with one thread each: HOG holds Python's lock.
        cluster = options.scheduler or stack.enter_context(
            LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0")
        )
        client = stack.enter_context(Client(cluster))
        run(searches["CNN"], X[:100], y[:100], engines["dask"])  # workers import skcnn
        seconds = time.perf_counter() - started
        n_workers = len(client.scheduler_info(n_workers=-1)["workers"])
        print(f"{n_workers} workers are ready after {seconds:.1f} s")
        found = {
            name: run(search, X_train, y_train, engines["dask"])
            for name, search in searches.items()
        }
        for name, search in found.items():
            print(f"{name}: best parameters {search.best_params_}")
            print(f"  cross-validated error {1 - search.best_score_:.2%}")
            print(f"  test error {1 - search.score(X_test, y_test):.2%} of {len(y_test)} images")
        if options.time:
            run_and_time(searches, engines, X_train, y_train, options.rounds)
    return found


if __name__ == "__main__":  # worker processes import this file, too
    main()
