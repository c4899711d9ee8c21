"""Features that are learned without labels: errors of linear classifiers on them, and times.

    python examples/benchmarks/features.py patches --mnist DIR [--cifar10 FOLDER]
    python examples/benchmarks/features.py autoencoder --mnist DIR

`patches`: `PatchFeatures` and ridge regression on all training images, test error and seconds.
`autoencoder`: the reconstruction error on the test images with a code of 64 numbers, beside that of
principal component analysis; then the test error of a linear SVC on a wide, sparse code. DIR has
the four IDX files of MNIST, FOLDER the subfolders train/<class>/ and test/<class>/. The settings
were chosen on training images that were set aside.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skcnn import ConvAutoencoder, PatchFeatures
from skcnn.datasets import load_image_folder, load_mnist

Data = tuple[NDArray, NDArray, NDArray, NDArray]
MNIST_PATCHES = {"filter_size": 10, "whitening": 1.0, "threshold": 0.5}
CIFAR10_PATCHES = {"n_filters": 1600, "filter_size": 7, "pool_regions": 2}
WIDE_CODE = {"n_filters": 128, "filter_size": 7, "pool_size": 4, "sparsity": 0.98}
COMPONENTS, C = 500, 1e-2  # of the linear SVC on the wide code


def ridge_on_patches(params: dict) -> Pipeline:
    """Standardized features and ridge regression, in place where scikit-learn can."""
    return make_pipeline(
        PatchFeatures(**params, random_state=0),
        StandardScaler(copy=False),
        RidgeClassifier(alpha=300, copy_X=False),
    )


def report(name: str, model: Pipeline, data: Data) -> None:
    """Fit, and print the test error and the seconds of fitting and of predicting."""
    X_train, y_train, X_test, y_test = data
    start = time.perf_counter()
    model.fit(X_train, y_train)
    fitted = time.perf_counter()
    error = 100 * (1 - model.score(X_test, y_test))
    print(
        f"{name}: {error:.2f} % test error; {fitted - start:.0f} s to fit {len(y_train):,} images, "
        f"{time.perf_counter() - fitted:.0f} s to predict {len(y_test):,}",
        flush=True,
    )


def patches(mnist: Data, cifar10: Path | None) -> None:
    report("MNIST, PatchFeatures()", ridge_on_patches({}), mnist)
    report(f"MNIST, {MNIST_PATCHES}", ridge_on_patches(MNIST_PATCHES), mnist)
    if cifar10 is not None:
        folder = cifar10.expanduser()
        data = (*load_image_folder(folder / "train"), *load_image_folder(folder / "test"))
        report(f"CIFAR-10, {CIFAR10_PATCHES}", ridge_on_patches(CIFAR10_PATCHES), data)


def autoencoder(mnist: Data, seconds: float) -> None:
    X_train, _, X_test, _ = mnist
    rows = X_test.reshape(len(X_test), -1).astype(np.float32)
    pca = PCA(64, random_state=0).fit(X_train.reshape(len(X_train), -1).astype(np.float32))
    linear = np.mean((pca.inverse_transform(pca.transform(rows)) - rows) ** 2)
    limits = {"max_iter": 1_000_000, "max_time": seconds, "random_state": 0}
    model = ConvAutoencoder(code_size=64, **limits).fit(X_train)
    error = -model.score(X_test)
    print(
        f"MNIST, code of 64 numbers: mean squared error {error:.1f} after {seconds:g} s of "
        f"training, {error / linear:.3f} of that of PCA ({linear:.1f})",
        flush=True,
    )
    wide = ConvAutoencoder(**WIDE_CODE, **limits)
    report(
        f"MNIST, {WIDE_CODE}, {COMPONENTS} principal components, linear SVC",
        make_pipeline(
            wide,
            PCA(COMPONENTS, svd_solver="covariance_eigh"),
            StandardScaler(copy=False),
            LinearSVC(C=C, dual=False, tol=1e-2),
        ),
        mnist,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=("patches", "autoencoder"))
    parser.add_argument("--mnist", help="folder with the four IDX files (default: download)")
    parser.add_argument("--cifar10", type=Path, help="folder with train/ and test/")
    parser.add_argument(
        "--seconds", type=float, default=100, help="training of an autoencoder (default: 100)"
    )
    args = parser.parse_args()
    mnist = load_mnist(args.mnist)
    if args.which == "patches":
        patches(mnist, args.cifar10)
    else:
        autoencoder(mnist, args.seconds)


if __name__ == "__main__":
    main()
