"""MNIST in seconds: test error against training time, compared with ten hours in 2014
===================================================================================

Each point of the curve is a separate fit. `max_time` sets its duration in seconds, and the
learning rate falls to zero within that time. Only training is timed::

    python examples/mnist_in_seconds.py [--data DIR] [--recipe NAME ...] [--seeds 3] [--out DIR]
    python examples/mnist_in_seconds.py --recipe hour --out mnist-hour

The script prints the test errors and draws their median over the seeds, together with Fig. 8 of
Bastani & Wang (2014). The recipes were chosen by hand on the last 10,000 training images, as
``--validate`` measures them, not on the test images. The longest averages four networks, two of
which train at a time.
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/mnist_in_seconds.png"

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.ensemble import VotingClassifier

from skcnn import ConvNetClassifier
from skcnn.datasets import load_mnist

PAPER_NETWORK = {
    "n_filters": 64,
    "filter_size": 13,
    "padding": "valid",
    "pool_regions": 2,
    "pooling": "mean",
    "hidden_layer_sizes": (10,),
    "activation": "sigmoid",
    "normalization": None,
    "solver": "adam",
}
AUGMENTED = {
    "n_filters": (32, 64, 128),
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "augment": "affine",
}
DEEP = {
    "n_filters": (32, 32, 64, 64, 128, 128),
    "pool_size": (1, 2, 1, 2, 1, 2),
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "augment": "affine",
}
# name: (parameters, number of networks to average, seconds of training; None trains for max_iter
# epochs). Two networks train at a time, and share the seconds with those that follow. 14, 57, 170
# and 3,400 seconds are a quarter of a minute, a minute, three minutes and an hour of a machine
# whose large sgemm runs at 190 GFLOP/s, on one with 200.
RECIPES = {
    "the paper's network": (PAPER_NETWORK, 1, (3, 6, 12, 30, 57)),
    "defaults": ({}, 1, (5, 10, 14, 30, 57, None)),
    "three minutes": (AUGMENTED, 1, (170,)),
    "hour": (DEEP, 4, (3400,)),
    'defaults, augment="affine"': ({"augment": "affine"}, 1, (None,)),  # for few images
}
DEFAULT_RECIPES = ("the paper's network", "defaults", "three minutes")
# Markers and colours of the recipes, from the palette of Okabe and Ito, which colour-blind readers
# can tell apart.
LOOKS = (("o", "#0072B2"), ("s", "#D55E00"), ("D", "#009E73"), ("^", "#CC79A7"), ("v", "#E69F00"))
# Fig. 8 of the paper, read off the curve, and its best result: (hours of training, error in %)
PUBLISHED = (
    (0.25, 30), (0.5, 13.8), (1, 9.2), (2, 7.3), (3, 6.0), (4, 4.2), (5, 3.9), (6.75, 3.2),
    (10, 1.73),
)  # fmt: skip


def new(params: dict, n_networks: int, seconds: float | None, seed: int) -> ClassifierMixin:
    """The classifier of a recipe; several networks are averaged, and train two at a time."""
    if seconds is not None and n_networks > 1:
        seconds /= -(-n_networks // 2)
    networks = [
        (
            f"network {i}",
            ConvNetClassifier(**params, max_time=seconds, random_state=seed + 1000 * i),
        )
        for i in range(n_networks)
    ]
    if n_networks == 1:
        return networks[0][1]
    return VotingClassifier(networks, voting="soft", n_jobs=2)


def train(classifier: ClassifierMixin, data: tuple[NDArray, ...]) -> tuple[float, float]:
    """Fit once; return the seconds of training and the error on the other images in percent."""
    X_train, y_train, X_test, y_test = data
    begin = time.perf_counter()
    classifier.fit(X_train, y_train)
    took = time.perf_counter() - begin
    return took, 100 * (1 - classifier.score(X_test, y_test))


def draw(rows: list[dict], which: str, path: Path) -> None:
    """Draw the median error of each recipe against its training time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(8, 4.5), layout="constrained")
    hours, errors = zip(*PUBLISHED, strict=True)
    ax.plot([3600 * h for h in hours], errors, "o--", color="0.5", label="Bastani & Wang, 2014")
    names = dict.fromkeys(row["recipe"] for row in rows)
    for name, (marker, colour) in zip(names, LOOKS, strict=False):
        runs = [row for row in rows if row["recipe"] == name]
        ax.plot(
            [row["seconds"] for row in runs],
            [row["error_percent"] for row in runs],
            f"{marker}-",
            color=colour,
            label=name,
        )
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks([3, 10, 60, 600, 3600, 36000], ["3 s", "10 s", "1 min", "10 min", "1 h", "10 h"])
    ax.set_yticks([0.3, 0.5, 1, 2, 5, 10, 30], ["0.3", "0.5", "1", "2", "5", "10", "30"])
    ax.minorticks_off()
    ax.set_xlabel("training time")
    ax.set_ylabel(f"{which} error (%)")
    ax.grid(color="0.9")
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the four IDX files (default: download MNIST)")
    parser.add_argument(
        "--recipe",
        nargs="+",
        choices=RECIPES,
        default=DEFAULT_RECIPES,
        help=f"default: {', '.join(DEFAULT_RECIPES)}",
    )
    parser.add_argument(
        "--validate",
        action="store_true",
        help="train on the first 50,000 images and measure the error on the other 10,000",
    )
    parser.add_argument(
        "--seconds", type=float, nargs="+", help="durations to use instead of the recipe's"
    )
    parser.add_argument("--seeds", type=int, default=1, help="fits per point (default: 1)")
    parser.add_argument("--train-size", type=int, help="train on this many images only")
    parser.add_argument("--out", type=Path, default=Path("mnist-in-seconds"), help="output folder")
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    X_train, y_train, X_test, y_test = load_mnist(args.data)
    if args.validate:
        X_test, y_test = X_train[50_000:], y_train[50_000:]
        X_train, y_train = X_train[:50_000], y_train[:50_000]
    data = (X_train[: args.train_size], y_train[: args.train_size], X_test, y_test)
    which = "validation" if args.validate else "test"
    rows = []
    for name in args.recipe:
        params, n_networks, budgets = RECIPES[name]
        for seconds in args.seconds or budgets:
            # with a time limit, the clock ends the training, not the number of epochs
            epochs = {} if seconds is None else {"max_iter": 1_000_000}
            runs = [
                train(new({**params, **epochs}, n_networks, seconds, seed), data)
                for seed in range(args.seeds)
            ]
            errors = [error for _, error in runs]
            row = {
                "recipe": name,
                "max_time": seconds,
                "seconds": statistics.median(took for took, _ in runs),
                "error_percent": statistics.median(errors),
                "errors": " ".join(f"{error:.2f}" for error in errors),
            }
            rows.append(row)
            print(
                f"{name}: {row['seconds']:6.1f} s of training, {which} error "
                f"{row['error_percent']:.2f} %  ({row['errors']})",
                flush=True,
            )
    with open(args.out / "mnist_in_seconds.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, which, args.out / "mnist_in_seconds.png")
    print(f"Written to {args.out}")


if __name__ == "__main__":
    main()
