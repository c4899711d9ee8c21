"""Training time by number of images, filters and threads, and in a grid search.

    python examples/benchmarks/scaling.py [PART ...]

The script times fits of `ConvNetClassifier` on random images of 28 x 28 pixels and prints medians.
Runs that are compared take turns, so that a change in the machine's speed affects all of them.

The part "model" predicts the speed-up on 1 to 16 cores, with and without the interpreter's lock,
from times measured on one thread (`scaling_model`, `scaling_costs`). For as many threads as there
are cores, it also measures the speed-up and prints the error of the prediction.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from functools import partial

import joblib
import numpy as np
from scaling_costs import (
    hand_over_times,
    measure_costs,
    measure_threads,
    slowdowns,
    start_times,
)
from scaling_model import StepCosts, held_share, seconds_of, speed_up
from sklearn.model_selection import GridSearchCV

from skcnn import ConvNetClassifier

PLAIN = {"normalization": None, "solver": "adam"}


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
    model = ConvNetClassifier(max_iter=n_epochs, random_state=0, **changes)
    return partial(model.fit, images, labels)


def by_images(rounds: int) -> None:
    """Each run processes 60,000 images in total."""
    sizes = {1000: 60, 10_000: 6, 60_000: 1}
    found = medians({n: fit(n, epochs) for n, epochs in sizes.items()}, rounds)
    for n, epochs in sizes.items():
        print(f"{n:>6} images: {1e6 * found[n] / n / epochs:6.1f} microseconds per image and epoch")


def by_filters(rounds: int) -> None:
    one_layer = {"filter_size": 5, "hidden_layer_sizes": (), "dropout": 0.0, **PLAIN}
    found = medians({k: fit(8192, n_filters=k, **one_layer) for k in (16, 32, 64, 128)}, rounds)
    for k, time_taken in found.items():
        print(f"{k:>6} filters: {1e6 * time_taken / 8192:6.1f} microseconds per image")


NETWORKS = {
    "defaults": {},
    "paper": {
        "n_filters": 64, "filter_size": 13, "padding": "valid", "pooling": "mean",
        "pool_regions": 2, "activation": "sigmoid", "hidden_layer_sizes": (10,), **PLAIN,
    },
    "two layers of 5 x 5": {
        "n_filters": (32, 64), "filter_size": 5, "padding": "valid", "dropout": 0.0, **PLAIN,
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


MODEL_NETWORKS = ("default", "default-8x8", "paper", "colour-batch-norm")
MODEL_CORES = (1, 2, 4, 8, 16)
MODEL_BATCHES = (64, 128, 256, 512)
BUSY = 8  # threads that a mini-batch should keep at work


def by_model(
    rounds: int,
    networks: tuple[str, ...] = MODEL_NETWORKS,
    batches: tuple[int, ...] = MODEL_BATCHES,
    n_images: int = 2048,
) -> None:
    """Predicted speed-up over one thread, and measured on the cores of this machine."""
    start, hand_over = start_times(max(MODEL_CORES), rounds), hand_over_times(10 * rounds)
    starts = ", ".join(f"{1e6 * start[k]:.0f} for {k}" for k in MODEL_CORES[1:])
    print(
        f"Microseconds to start threads: {starts}. To hand over the lock: "
        f"{1e6 * hand_over.signal:.1f} for the thread that has it, and "
        f"{1e6 * hand_over.wake:.1f} until the next one runs.\n",
        flush=True,
    )
    costs = {
        (name, size): measure_costs(
            name, size, MODEL_CORES, start, hand_over, n_images=n_images, n_rounds=rounds
        )
        for name in networks
        for size in batches
    }
    print(prediction_table(costs), end="\n\n")
    for name in networks:
        print(batch_that_keeps_busy(name, {size: costs[name, size] for size in batches}))
    here = joblib.cpu_count()
    cores = [k for k in MODEL_CORES if k <= here]
    if len(cores) == 1:
        print("This machine has one core: no prediction can be compared with a measurement.")
        return
    print("\nPredicted and measured\n", flush=True)
    print(comparison_table(costs, cores, rounds, n_images))


def comparison_table(
    costs: dict[tuple[str, int], StepCosts], cores: list[int], rounds: int, n_images: int
) -> str:
    """The speed-up on the cores of this machine: predicted, measured, and the error."""
    lock = getattr(sys, "_is_gil_enabled", lambda: True)()
    lines = [
        "| network | images | threads | predicted | predicted with slower memory | measured "
        "| error of the predictions |",
        "|---|---|---|---|---|---|---|",
    ]
    slower = {name: slowdowns(name, cores, rounds) for name in dict.fromkeys(n for n, _ in costs)}
    for (name, size), cost in costs.items():
        seconds = measure_threads(name, size, cores, n_images, rounds)
        for k in cores[1:]:
            plain = speed_up(cost, k, lock=lock)
            slow = speed_up(cost, k, lock=lock, slowdown=slower[name][k])
            measured = seconds[1] / seconds[k]
            errors = ", ".join(f"{100 * (p / measured - 1):+.0f} %" for p in (plain, slow))
            lines.append(
                f"| {name} | {size} | {k} | {plain:.2f} | {slow:.2f} | {measured:.2f} | {errors} |"
            )
    return "\n".join(lines)


def prediction_table(costs: dict[tuple[str, int], StepCosts]) -> str:
    """Speed-up over one thread by network, batch size and cores: with / without the lock."""
    heads = ["network", "images", "tiles", "µs a tile", "with the lock", "serial µs"]
    heads += [f"{k} cores" for k in MODEL_CORES[1:]]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for (name, size), cost in costs.items():
        tile = cost.tiles[0]
        cells = [name, str(size), str(len(cost.tiles)), f"{1e6 * seconds_of(tile):.0f}"]
        cells += [f"{100 * held_share(tile):.1f} %", f"{1e6 * cost.serial:.0f}"]
        cells += [
            " / ".join(f"{speed_up(cost, k, lock=lock):.2f}" for lock in (True, False))
            for k in MODEL_CORES[1:]
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def batch_that_keeps_busy(name: str, costs: dict[int, StepCosts]) -> str:
    """Which batch size gives each of 8 threads at least a tile."""
    enough = [size for size, cost in costs.items() if len(cost.tiles) >= BUSY]
    if not enough:
        return f"{name}: mini-batches of up to {max(costs)} images have fewer than {BUSY} tiles."
    size = min(enough)
    with_lock, without = (speed_up(costs[size], BUSY, lock=lock) for lock in (True, False))
    return (
        f"{name}: mini-batches of {size} images have work for {BUSY} threads; predicted speed-up "
        f"{with_lock:.2f}, without the lock {without:.2f}."
    )


PARTS = {
    "images": by_images,
    "filters": by_filters,
    "threads": by_threads,
    "search": in_a_grid_search,
    "model": by_model,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"any of {', '.join(PARTS)} (default: all)"
    )
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    for part in args.parts or PARTS:
        print(f"-- {part}", flush=True)
        PARTS[part](args.rounds)


if __name__ == "__main__":
    main()
