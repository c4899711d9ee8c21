"""Training time by number of images, filters and threads, and in a grid search.

    python examples/benchmarks/scaling.py

The script times fits of `ConvNetClassifier` on random images of 28 x 28 pixels and prints medians.
Runs that are compared take turns, so that a change in the machine's speed affects all of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from functools import partial

import joblib
import numpy as np
from sklearn.model_selection import GridSearchCV

from skcnn import ConvNetClassifier


def images_of(n_images: int):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n_images, 28, 28), dtype=np.uint8)
    return images, np.arange(n_images) % 10


def seconds(run) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def medians(runs: dict, rounds: int) -> dict:
    """Median seconds of each run. The runs take turns; a first round only warms up."""
    times: dict = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in runs.items():
            found = seconds(run)
            if number:
                times[name].append(found)
    return {name: statistics.median(found) for name, found in times.items()}


def fit(n_images: int, n_epochs: int = 1, **changes):
    images, labels = images_of(n_images)
    model = ConvNetClassifier(max_iter=n_epochs, batch_size=64, random_state=0, **changes)
    return partial(model.fit, images, labels)


def by_images(rounds: int) -> None:
    """Each run processes 60,000 images in total."""
    sizes = {1000: 60, 10_000: 6, 60_000: 1}
    found = medians({n: fit(n, epochs) for n, epochs in sizes.items()}, rounds)
    for n, epochs in sizes.items():
        print(f"{n:>6} images: {1e6 * found[n] / n / epochs:6.1f} microseconds per image and epoch")


def by_filters(rounds: int) -> None:
    one_layer = {"filter_size": 5, "hidden_layer_sizes": (), "dropout": 0.0}
    found = medians({k: fit(8192, n_filters=k, **one_layer) for k in (16, 32, 64, 128)}, rounds)
    for k, time_taken in found.items():
        print(f"{k:>6} filters: {1e6 * time_taken / 8192:6.1f} microseconds per image")


NETWORKS = {
    "defaults": {},
    "paper": {
        "n_filters": 64, "filter_size": 13, "padding": "valid", "pooling": "mean",
        "pool_regions": 2, "activation": "sigmoid", "hidden_layer_sizes": (10,),
    },
    "two layers of 5 x 5": {
        "n_filters": (32, 64), "filter_size": 5, "padding": "valid", "dropout": 0.0,
    },
}  # fmt: skip


def by_threads(rounds: int) -> None:
    runs = {
        (name, n_jobs): fit(8192, n_jobs=n_jobs, **settings)
        for name, settings in NETWORKS.items()
        for n_jobs in (1, 2)
    }
    found = medians(runs, rounds)
    for name in NETWORKS:
        print(f"{name}: two threads are {found[name, 1] / found[name, 2]:.2f} times as fast as one")


def in_a_grid_search(rounds: int) -> None:
    images, labels = images_of(4000)

    def search(n_jobs: int, backend: str = "loky"):
        model = ConvNetClassifier(max_iter=4, random_state=0)
        grid = GridSearchCV(model, {"alpha": [0.0, 1e-4]}, cv=4, n_jobs=n_jobs, refit=False)
        with joblib.parallel_config(backend):
            grid.fit(images, labels)

    found = medians(
        {
            "n_jobs=1, threads inside": partial(search, 1),
            "n_jobs=2": partial(search, 2),
            'n_jobs=2, parallel_config("threading")': partial(search, 2, "threading"),
        },
        rounds,
    )
    first = found["n_jobs=1, threads inside"]
    for name, time_taken in found.items():
        print(f"{name}: {time_taken:.2f} s, {first / time_taken:.2f} times as fast as the first")


PARTS = {
    "images": by_images,
    "filters": by_filters,
    "threads": by_threads,
    "search": in_a_grid_search,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for part in args.parts or PARTS:
        print(f"-- by {part}", flush=True)
        PARTS[part](args.rounds)


if __name__ == "__main__":
    main()
