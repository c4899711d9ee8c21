"""Validation error and training time of `ConvNetClassifier` near its defaults
===========================================================================

Each candidate differs from the defaults in one respect. The script writes a table and a picture, in
which the current defaults are highlighted::

    python examples/sweep_defaults.py [--mnist DIR] [--cifar10 FOLDER] [--seeds 1] [--out DIR]

scikit-learn's digits are evaluated by 5-fold cross-validation on four fifths of the images. On
MNIST, the last 10,000 training images are the validation images, on CIFAR-10 (FOLDER is that of
`cifar10_in_minutes.py`) a tenth of the training images; candidates train on 1,000 of the others, on
5,000, and on all. Neither the test images nor the last fifth of the digits are used.
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/sweep.png"

from __future__ import annotations

import argparse
import csv
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from cifar10_in_minutes import load
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images, load_mnist

DEFAULTS = "defaults"
CANDIDATES = {
    DEFAULTS: {},
    "Adam": {"solver": "adam"},
    "no batch normalization": {"normalization": None},
    "Adam, no batch normalization": {"solver": "adam", "normalization": None},
    "one-cycle learning rate": {"learning_rate": "one_cycle"},
    "rate 0.025": {"learning_rate_init": 0.025},
    "rate 0.1": {"learning_rate_init": 0.1},
    "mini-batches of 64": {"batch_size": 64},
    "mini-batches of 128": {"batch_size": 128},
    "mini-batches of 256": {"batch_size": 256},
    "no dropout": {"dropout": 0.0},
    "dropout 0.5": {"dropout": 0.5},
    "no label smoothing": {"label_smoothing": 0.0},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "no hidden layer": {"hidden_layer_sizes": ()},
    "hidden 256": {"hidden_layer_sizes": (256,)},
    "first filters 5 x 5": {"filter_size": (5, 3, 3)},
    "3 layers, 16, 32 and 64 filters": {"n_filters": (16, 32, 64)},
    "3 layers, 32, 64 and 64 filters": {"n_filters": (32, 64, 64)},
}
SIZES = (1000, 5000, None)
Split = tuple[NDArray, NDArray, NDArray, NDArray]  # X, y, validation X and y
DataSets = dict[str, list[Split]]


def digits() -> list[Split]:
    """Five folds of four fifths of the images."""
    X, y = load_digits_images()
    X, _, y, _ = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)
    return [(X[train], y[train], X[val], y[val]) for train, val in folds]


def by_size(
    name: str, split: Split, sizes: tuple[int | None, ...]
) -> Iterator[tuple[str, list[Split]]]:
    """The name and the split for each number of training images."""
    X, y, X_val, y_val = split
    order = np.random.default_rng(0).permutation(len(X))
    for size in sizes:
        chosen = np.sort(order[:size])
        yield f"{name}, {len(chosen):,} images", [(X[chosen], y[chosen], X_val, y_val)]


def data_sets(mnist: Path | None, cifar10: Path | None, sizes: tuple[int | None, ...]) -> DataSets:
    found: DataSets = {"digits": digits()}
    if mnist is not None:
        X, y, _, _ = load_mnist(mnist)
        n = len(X) * 5 // 6
        found |= by_size("MNIST", (X[:n], y[:n], X[n:], y[n:]), sizes)
    if cifar10 is not None:
        split = load(cifar10.expanduser(), validate=True, train_size=None)
        found |= by_size("CIFAR-10", split, sizes)
    return found


def evaluate(params: dict, splits: list[Split], seed: int) -> tuple[float, float]:
    """Mean error in percent and mean seconds of training."""
    errors, seconds = [], []
    for X, y, X_val, y_val in splits:
        cnn = ConvNetClassifier(**params, random_state=seed)
        begin = time.perf_counter()
        cnn.fit(X, y)
        seconds.append(time.perf_counter() - begin)
        errors.append(100 * (1 - cnn.score(X_val, y_val)))
    return statistics.mean(errors), statistics.mean(seconds)


def draw(rows: list[dict], names: list[str], path: Path) -> None:
    """Draw the error of each candidate on each data set, with its training time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = rows[::-1]  # the defaults on top
    places = range(len(rows))
    colours = ["C1" if row["candidate"] == DEFAULTS else "C0" for row in rows]
    figure, axes = plt.subplots(
        1,
        len(names),
        figsize=(2.2 + 2.0 * len(names), 1.2 + 0.27 * len(rows)),
        sharey=True,
        layout="constrained",
        squeeze=False,
    )
    for ax, name in zip(axes[0], names, strict=True):
        errors = [row[f"{name}: error"] for row in rows]
        ax.scatter(errors, places, c=colours, s=30)
        for place, row, error in zip(places, rows, errors, strict=True):
            label = f"{row[f'{name}: seconds']:.3g} s"
            ax.annotate(label, (error, place), (6, -2), textcoords="offset points", fontsize=7)
        ax.set_yticks(places, [row["candidate"] for row in rows])
        ax.set_title(name.replace(", ", "\n"), fontsize=9)
        ax.set_xlabel("validation error (%)", fontsize=8)
        ax.margins(x=0.3)
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mnist", type=Path, help="folder with the four IDX files")
    parser.add_argument("--cifar10", type=Path, help="folder with train/")
    parser.add_argument(
        "--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES), help="default: all"
    )
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=SIZES,
        help="default: 1000, 5000, all",
    )
    parser.add_argument("--seeds", type=int, default=1, help="fits per candidate (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("sweep"), help="output folder")
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    data = data_sets(args.mnist, args.cifar10, tuple(args.sizes))
    rows = []
    for candidate in args.candidates:
        row: dict = {"candidate": candidate}
        for name, splits in data.items():
            runs = [evaluate(CANDIDATES[candidate], splits, seed) for seed in range(args.seeds)]
            row[f"{name}: error"], row[f"{name}: seconds"] = np.mean(runs, axis=0)
        rows.append(row)
        cells = (f"{row[f'{n}: error']:.2f} % in {row[f'{n}: seconds']:.1f} s" for n in data)
        print(f"| {candidate} | {' | '.join(cells)} |", flush=True)
    with open(args.out / "sweep.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, list(data), args.out / "sweep.png")
    print(f"| candidate | {' | '.join(data)} |\n{'|---' * (len(data) + 1)}|")
    print(f"Written to {args.out}")


if __name__ == "__main__":
    main()
