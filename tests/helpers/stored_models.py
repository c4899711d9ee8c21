"""Small fitted estimators in files, which later versions must be able to load.

`python tests/helpers/stored_models.py` writes the files of the installed version, once for each
release, with the oldest supported versions of NumPy and scikit-learn.
"""

import sys
from pathlib import Path

import joblib
import numpy as np

import skcnn
from skcnn import (
    ConvAutoencoder,
    ConvNetClassifier,
    ConvNetRegressor,
    DaisyTransformer,
    HOGTransformer,
    PatchFeatures,
)
from skcnn.augment import Shift
from skcnn.datasets import load_digits_images

FOLDER = Path(__file__).parents[1] / "estimators" / "stored"
N_TRAIN, N_TEST = 150, 10
SMALL = {"n_filters": (4, 3), "hidden_layer_sizes": (5,), "max_iter": 2, "random_state": 0}


def images():
    """Training and test images with their labels."""
    X, y = load_digits_images()
    return X[:N_TRAIN], y[:N_TRAIN], X[N_TRAIN : N_TRAIN + N_TEST], y[N_TRAIN : N_TRAIN + N_TEST]


def estimators():
    """Fitted estimators by the names of their files."""
    X, y, *_ = images()
    names = np.array([f"digit {label}" for label in y])
    other = {"solver": "adam", "pooling": "mean", "pool_regions": 2, "activation": "tanh"}
    return {
        "classifier": ConvNetClassifier(**SMALL, dropout=0.2).fit(X, names),
        "classifier_early_stopping": ConvNetClassifier(
            **SMALL, **other, early_stopping=True, augment=("shift", Shift())
        ).fit(X.reshape(len(X), -1), y),
        "multilabel": ConvNetClassifier(**SMALL).fit(X, np.stack([y < 5, y % 2 == 0], axis=1)),
        "regressor": ConvNetRegressor(**SMALL).fit(X, y.astype(float)),
        "autoencoder": ConvAutoencoder(
            n_filters=4, code_size=6, noise=0.2, sparsity=0.5, max_iter=2, random_state=0
        ).fit(X),
        "patches": PatchFeatures(n_filters=6, random_state=0).fit(X),
        "hog": HOGTransformer().fit(X),
        "daisy": DaisyTransformer().fit(X),
    }


def results(estimator):
    """What the estimator answers for the test images, by the name of the method."""
    X = images()[2].reshape(N_TEST, *estimator._form)
    methods = ("predict", "predict_proba", "transform")
    return {name: getattr(estimator, name)(X) for name in methods if hasattr(estimator, name)}


def write(folder):
    folder.mkdir(parents=True)
    for name, estimator in estimators().items():
        content = {"estimator": estimator, "results": results(estimator)}
        joblib.dump(content, folder / f"{name}.joblib", compress=("zlib", 9))


if __name__ == "__main__":
    folder = FOLDER / skcnn.__version__
    if folder.exists():
        sys.exit(f"{folder} exists; the files of a released version must not change.")
    write(folder)
