"""Test error and training time on MNIST: skcnn, PyTorch, MLPClassifier, HOG + SVC.

    python examples/benchmarks/accuracy.py [--data DIR] [--seeds 3] [--out DIR]

PyTorch trains the network of `ConvNetClassifier()` in the same way (`torch_recipe`); it has
standardized the images and chosen its memory format before the clock starts. The other
classifiers have their defaults and choose their number of threads; `MLPClassifier` gets pixels from
0 to 1. Each row is the median over the seeds.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import time
from pathlib import Path

import numpy as np
from sklearn.neural_network import MLPClassifier

from skcnn import ConvNetClassifier, make_hog_svc
from skcnn.datasets import load_mnist

NAMES = ("skcnn", "PyTorch", "MLPClassifier", "HOG + SVC")


def new_contender(name: str, seed: int, n_epochs: int):
    if name == "skcnn":
        return ConvNetClassifier(max_iter=n_epochs, random_state=seed)
    if name == "PyTorch":
        from torch_recipe import TorchClassifier

        return TorchClassifier({"max_iter": n_epochs}, seed)
    if name == "MLPClassifier":
        return MLPClassifier(random_state=seed)
    return make_hog_svc()


def prepared(name: str, X):
    """Images as the classifier needs them: `MLPClassifier` learns little from pixels up to 255."""
    return X.reshape(len(X), -1) / np.float32(255) if name == "MLPClassifier" else X


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="directory of the four IDX files (default: download MNIST)")
    parser.add_argument("--contenders", nargs="+", choices=NAMES, default=list(NAMES))
    parser.add_argument("--epochs", type=int, default=10, help="epochs of skcnn and PyTorch")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--train-size", type=int, help="use only the first TRAIN_SIZE training images"
    )
    parser.add_argument("--out", type=Path, default=Path("accuracy"))
    args = parser.parse_args()
    args.out = args.out.expanduser()
    args.out.mkdir(parents=True, exist_ok=True)
    X_train, y_train, X_test, y_test = load_mnist(args.data)
    X_train, y_train = X_train[: args.train_size], y_train[: args.train_size]
    rows = []
    for name in args.contenders:
        seconds, errors = [], []
        for seed in range(1 if name == "HOG + SVC" else args.seeds):  # deterministic
            model = new_contender(name, seed, args.epochs)
            X = prepared(name, X_train)
            start = time.perf_counter()
            model.fit(X, y_train)
            seconds.append(getattr(model, "seconds_", time.perf_counter() - start))
            errors.append(100 * (1 - model.score(prepared(name, X_test), y_test)))
        rows.append(
            {
                "contender": name,
                "seconds": f"{statistics.median(seconds):.0f}",
                "test_error_percent": f"{statistics.median(errors):.2f}",
                "errors": " ".join(f"{error:.2f}" for error in errors),
            }
        )
        print(
            "| {contender} | {seconds} s | {test_error_percent} % | {errors} |".format(**rows[-1])
        )
    with open(args.out / "accuracy.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(X_train)} training images; written to {args.out}")


if __name__ == "__main__":
    main()
