"""Validation error and training time of `ConvNetClassifier` near its defaults.

    python examples/sweep_defaults.py [--data DIR] [--seeds 1] [--out DIR]

Each candidate differs from the defaults in one parameter. On MNIST it is trained on the first
50,000 training images and evaluated on the other 10,000. On scikit-learn's digits it is evaluated
by 5-fold cross-validation on four fifths of the images. MNIST's test images and the last fifth of
the digits are not used. The script writes a table and a picture, in which the current defaults are
highlighted.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, cross_val_score, train_test_split

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images, load_mnist

N_TRAIN = 50_000
DEFAULTS = "defaults"
CANDIDATES = {
    DEFAULTS: {},
    "2 layers, 32 and 64 filters": {"n_filters": (32, 64)},
    "3 layers, 16, 32 and 64 filters": {"n_filters": (16, 32, 64)},
    "3 layers, 32, 64 and 64 filters": {"n_filters": (32, 64, 64)},
    "first filters 5 x 5": {"filter_size": (5, 3, 3)},
    "no dropout": {"dropout": 0.0},
    "dropout 0.5": {"dropout": 0.5},
    "no label smoothing": {"label_smoothing": 0.0},
    "label smoothing 0.1": {"label_smoothing": 0.1},
    "no batch normalization": {"normalization": None},
    "Adam": {"solver": "adam"},
    "Adam, no batch normalization": {"solver": "adam", "normalization": None},
    "one-cycle learning rate": {"learning_rate": "one_cycle"},
    "rate 0.025": {"learning_rate_init": 0.025},
    "rate 0.1": {"learning_rate_init": 0.1},
    "mini-batches of 32": {"batch_size": 32},
    "mini-batches of 64": {"batch_size": 64},
    "mini-batches of 128": {"batch_size": 128},
    "mini-batches of 256": {"batch_size": 256},
    "hidden 64": {"hidden_layer_sizes": (64,)},
    "hidden 256": {"hidden_layer_sizes": (256,)},
}


def evaluate(
    params: dict,
    seed: int,
    mnist: tuple[NDArray, NDArray],
    digits: tuple[NDArray, NDArray],
) -> dict[str, float]:
    """Errors in percent and training times in seconds on both data sets."""
    X, y = mnist
    cnn = ConvNetClassifier(**params, random_state=seed)
    begin = time.perf_counter()
    cnn.fit(X[:N_TRAIN], y[:N_TRAIN])
    seconds = time.perf_counter() - begin
    mnist_error = 100 * (1 - cnn.score(X[N_TRAIN:], y[N_TRAIN:]))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    begin = time.perf_counter()
    scores = cross_val_score(ConvNetClassifier(**params, random_state=seed), *digits, cv=folds)
    return {
        "mnist_error_percent": mnist_error,
        "mnist_seconds": seconds,
        "digits_error_percent": 100 * (1 - scores.mean()),
        "digits_seconds_per_fold": (time.perf_counter() - begin) / folds.n_splits,
    }


def draw(rows: list[dict], path: Path) -> None:
    """Draw the error and the training time of each candidate on both data sets."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = sorted(rows, key=lambda row: row["mnist_error_percent"], reverse=True)
    places = range(len(rows))
    figure, axes = plt.subplots(
        1, 2, figsize=(10, 1.5 + 0.3 * len(rows)), sharey=True, layout="constrained"
    )
    for ax, error, seconds, title in (
        (axes[0], "mnist_error_percent", "mnist_seconds", "MNIST, 50,000 training images"),
        (
            axes[1],
            "digits_error_percent",
            "digits_seconds_per_fold",
            "scikit-learn's digits, 5-fold",
        ),
    ):
        colours = ["C1" if row["candidate"] == DEFAULTS else "C0" for row in rows]
        ax.scatter([row[error] for row in rows], places, c=colours, s=45)
        for place, row in zip(places, rows, strict=True):
            ax.annotate(
                f"{row[seconds]:.3g} s",
                (row[error], place),
                xytext=(7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8,
                color="0.35",
            )
        ax.set_yticks(places, [row["candidate"] for row in rows])
        ax.set_xlabel("validation error (%)")
        ax.set_title(title)
        ax.margins(x=0.2)
        ax.grid(color="0.9")
        ax.set_axisbelow(True)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="folder with the four IDX files (default: download MNIST)")
    parser.add_argument(
        "--candidates", nargs="+", choices=CANDIDATES, default=list(CANDIDATES), help="default: all"
    )
    parser.add_argument("--seeds", type=int, default=1, help="fits per candidate (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("sweep"), help="output folder")
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    X, y, _, _ = load_mnist(args.data)
    digits, _, digits_y, _ = train_test_split(
        *load_digits_images(), test_size=0.2, stratify=load_digits_images()[1], random_state=0
    )
    rows = []
    for name in args.candidates:
        runs = [
            evaluate(CANDIDATES[name], seed, (X, y), (digits, digits_y))
            for seed in range(args.seeds)
        ]
        row = {"candidate": name} | {key: np.mean([run[key] for run in runs]) for key in runs[0]}
        rows.append(row)
        print(
            f"{name:<34} MNIST {row['mnist_error_percent']:.2f} % in {row['mnist_seconds']:5.1f} s"
            f"   digits {row['digits_error_percent']:.2f} %"
            f" in {row['digits_seconds_per_fold']:.1f} s",
            flush=True,
        )
    with open(args.out / "sweep.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    draw(rows, args.out / "sweep.png")
    print(f"Written to {args.out}")


if __name__ == "__main__":
    main()
