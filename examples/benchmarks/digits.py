"""Accuracy on scikit-learn's digits, stratified 5-fold: ConvNetClassifier, SVC, MLPClassifier.

    python examples/benchmarks/digits.py [--seeds 3]

All have their defaults and the same folds, except that `MLPClassifier` gets pixels from 0 to 1 and
max_iter=500, with which it converges. Folds and classifiers have the same seed. The script prints
the mean accuracy over the folds for each seed, and the median over the seeds.
"""

from __future__ import annotations

import argparse
import statistics
import time

from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.svm import SVC

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images


def contenders(seed: int) -> dict:
    return {
        "ConvNetClassifier()": ConvNetClassifier(random_state=seed),
        "SVC()": SVC(),
        "MLPClassifier(max_iter=500)": make_pipeline(
            MinMaxScaler(), MLPClassifier(random_state=seed, max_iter=500)
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    images, y = load_digits_images()
    X = images.reshape(len(images), -1)
    for name in contenders(0):
        accuracies, start = [], time.perf_counter()
        for seed in range(args.seeds):
            folds = StratifiedKFold(5, shuffle=True, random_state=seed)
            accuracies.append(cross_val_score(contenders(seed)[name], X, y, cv=folds).mean())
        seconds = (time.perf_counter() - start) / 5 / args.seeds
        each = " ".join(f"{accuracy:.4f}" for accuracy in accuracies)
        median = statistics.median(accuracies)
        print(f"{name:<27} {median:.4f}  ({each}), {seconds:.1f} s per fold", flush=True)


if __name__ == "__main__":
    main()
