"""Photographs in minutes: CIFAR-10, or any folder of small colour images
======================================================================

A recipe is a `ConvNetClassifier` with the parameters below: the longer the training, the larger the
network. `max_time` ends the training, and the learning rate falls to zero within that time; only
training is timed::

    python examples/cifar10_in_minutes.py --data FOLDER [--minutes 2 10 60] [--seeds 3] [--out DIR]
    python examples/cifar10_in_minutes.py --data FOLDER --validate

FOLDER has the subfolders ``train/<class>/`` and ``test/<class>/`` with image files, of one size in
each. The parameters were chosen on a tenth of the training images (``--validate`` also sets a tenth
aside), not on the test images.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from skcnn import ConvNetClassifier
from skcnn.augment import Shift
from skcnn.datasets import load_image_folder

# What differs from the defaults.
COMMON = {
    "hidden_layer_sizes": (),
    "dropout": 0.0,
    "label_smoothing": 0.1,
    "augment": "flip",
    "predict_augment": ("flip", "shift"),
    "max_iter": 1_000_000,  # the clock ends the training
}
# By minutes of training.
RECIPES = {
    2: {**COMMON, "n_filters": (24, 64, 64, 128, 128), "pool_size": (2, 2, 1, 2, 1)},
    10: {
        **COMMON,
        "n_filters": (24, 64, 64, 192, 192, 192, 192),
        "pool_size": (1, 2, 1, 2, 1, 2, 1),
        "augment": ("flip", Shift(reach=1 / 16, whole_pixels=True)),
    },
    60: {
        **COMMON,
        "n_filters": (24, 64, 64, 256, 256, 256, 256),
        "pool_size": (1, 2, 1, 2, 1, 2, 1),
        "augment": ("flip", Shift(reach=1 / 16, whole_pixels=True)),
    },
}


def recipe(minutes: float) -> dict:
    """The parameters for about so many minutes of training."""
    return RECIPES[min(RECIPES, key=lambda m: abs(math.log(m / minutes)))]


def train(minutes: float, seed: int, data: tuple[NDArray, ...]) -> tuple[float, ...]:
    """Fit once; return the seconds of training, and the accuracy with and without averaging."""
    X_train, y_train, X_test, y_test = data
    cnn = ConvNetClassifier(**recipe(minutes), max_time=60 * minutes, random_state=seed)
    begin = time.perf_counter()
    cnn.fit(X_train, y_train)
    took = time.perf_counter() - begin
    averaged = cnn.score(X_test, y_test)
    return took, averaged, cnn.set_params(predict_augment=None).score(X_test, y_test)


def load(folder: Path, *, validate: bool, train_size: int | None) -> tuple[NDArray, ...]:
    """Training images and labels, then those on which the accuracy is measured."""
    X, y = load_image_folder(folder / "train")
    if validate:
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.1, stratify=y, random_state=0)
    else:
        X_test, y_test = load_image_folder(folder / "test")
    chosen = np.random.default_rng(0).permutation(len(X))[:train_size]
    return X[chosen], y[chosen], X_test, y_test


def draw(rows: list[dict], which: str, path: Path) -> None:
    """Draw the median accuracy against the training time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    minutes = [row["seconds"] / 60 for row in rows]
    for name, label, marker in (
        ("accuracy_percent", "average over copies of each image", "o-"),
        ("plain_percent", "each image once", "s--"),
    ):
        ax.plot(minutes, [row[name] for row in rows], marker, label=label)
    ax.set_xscale("log")
    ax.set_xticks(minutes, [f"{m:.3g}" for m in minutes])
    ax.minorticks_off()
    ax.set_xlabel("minutes of training")
    ax.set_ylabel(f"{which} accuracy (%)")
    ax.grid(color="0.9")
    ax.legend(frameon=False)
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and test/")
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.0], help="default: 2")
    parser.add_argument("--validate", action="store_true", help="measure on training images")
    parser.add_argument("--seeds", type=int, default=1, help="fits for each time (default: 1)")
    parser.add_argument("--train-size", type=int, help="train on this many images only")
    parser.add_argument(
        "--out", type=Path, default=Path("cifar10-in-minutes"), help="output folder"
    )
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    data = load(args.data.expanduser(), validate=args.validate, train_size=args.train_size)
    which = "validation" if args.validate else "test"
    rows = []
    for minutes in args.minutes:
        runs = [train(minutes, seed, data) for seed in range(args.seeds)]
        took, averaged, plain = (statistics.median(values) for values in zip(*runs, strict=True))
        rows.append(
            {
                "minutes": minutes,
                "seconds": took,
                "accuracy_percent": 100 * averaged,
                "plain_percent": 100 * plain,
                "accuracies": " ".join(f"{100 * accuracy:.2f}" for _, accuracy, _ in runs),
            }
        )
        print(
            f"{minutes:g} minutes: {took:.0f} s of training, {which} accuracy "
            f"{100 * averaged:.2f} % (each image once: {100 * plain:.2f} %)",
            flush=True,
        )
    with open(args.out / "cifar10_in_minutes.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, which, args.out / "cifar10_in_minutes.png")
    print(f"Written to {args.out}")


if __name__ == "__main__":
    main()
