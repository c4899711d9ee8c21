"""A fixed set of fits whose results must stay the same, bit for bit, when code is restructured.

``python tests/helpers/fixed_fits.py`` prints two hashes of each fit as JSON, one of the weights and
one of probabilities and features: `fixed_fits.json` is its output. Rounding depends on the versions
of NumPy and its BLAS library and on the BLAS kernel, so the file records these, too.
"""

import hashlib
import json
from pathlib import Path

import numpy as np
import threadpoolctl
from sklearn.datasets import load_digits

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor
from skcnn.augment import Elastic

TABLE = Path(__file__).with_suffix(".json")
N_TRAIN = 200
# What the fits share, unless their own settings differ. The defaults are one of the fits.
COMMON = {
    "normalization": None,
    "solver": "adam",
    "learning_rate": "one_cycle",
    "batch_size": 64,
    "random_state": 0,
}
SMALL = {"n_filters": (6, 8), "hidden_layer_sizes": (16,), "max_iter": 2}
PAPER = {
    "n_filters": 64,
    "filter_size": 5,
    "padding": "valid",
    "pool_regions": 2,
    "pooling": "mean",
    "hidden_layer_sizes": (10,),
    "activation": "sigmoid",
    "max_iter": 2,
}


def falling_rate(step):
    return 0.1 / (1 + step)


def rising_momentum(step):
    return min(0.9, 0.5 + step / 100)


def negated(images, rng):
    """An augment function that inverts some images."""
    return np.where(rng.random((len(images), 1, 1, 1)) < 0.5, images, 16 - images)


# Settings of one `fit`, by name. With the others in `fits`, they reach every layer, every
# kernel, and every parameter that can change the results (`test_fixed_fits` checks it).
FITS = {
    "Adam": {"max_iter": 3},
    "paper": PAPER,
    "paper, as published": {
        **PAPER,
        "hidden_layer_sizes": (),
        "weight_init": "uniform",
        "solver": "sgd",
        "nesterovs_momentum": False,
        "learning_rate": falling_rate,
        "momentum": rising_momentum,
        "shuffle": "replacement",
        "standardize": False,
        "label_smoothing": 0.0,
        "alpha": 0.0,
    },
    "wide": {"n_filters": (32, 64), "filter_size": (3, 5), "max_iter": 1},
    "long filters": {**SMALL, "filter_size": (7, 4), "pool_size": (2, 1)},
    "no pooling": {**SMALL, "pool_size": 1},
    "no pooling, mean": {**SMALL, "pool_size": (1, 2), "pooling": "mean"},
    # Winograd's method, which needs many filters and positions: four outputs at a time, columns in
    # the order for pooling
    "wide, 3 x 3": {
        "n_filters": (32, 32),
        "pool_size": (1, 2),
        "hidden_layer_sizes": (),
        "max_iter": 1,
    },
    **{  # columns in their own order
        f"no pooling, wide, {padding}, {pooling}": {
            "n_filters": n_filters,
            "padding": padding,
            "pool_size": 1,
            "pooling": pooling,
            "hidden_layer_sizes": (),
            "max_iter": 1,
        }
        for padding, n_filters in (("same", (32, 32)), ("valid", (64, 64)))
        for pooling in ("max", "mean")
    },
    **{  # two outputs at a time, columns in their own order
        f"no pooling, wide, 5 x 5, {normalization}": {
            "n_filters": (32, 32),
            "filter_size": (3, 5),
            "pool_size": 1,
            "hidden_layer_sizes": (),
            "normalization": normalization,
            "max_iter": 1,
        }
        for normalization in (None, "batch")
    },
    **{  # 4 x 4 outputs at a time, columns in their own order or in that for pooling
        f"wide, 4 x 4, {padding}, {pool_size}, {normalization}": {
            "n_filters": (32, 64) if padding == "same" else (64, 64),
            "filter_size": (1, 3),
            "padding": padding,
            "pool_size": (1, pool_size),
            "hidden_layer_sizes": (),
            "normalization": normalization,
            "max_iter": 1,
        }
        for padding, pool_size, normalization in (
            ("same", 2, None),
            ("same", 1, "batch"),
            ("valid", 1, None),
        )
    },
    "pooling by three": {**SMALL, "pool_size": 3},
    "regions": {**SMALL, "pool_regions": (4, 3)},
    "mean pooling": {**SMALL, "pooling": "mean", "activation": "tanh"},
    "no hidden layer": {**SMALL, "hidden_layer_sizes": ()},
    "two hidden layers": {**SMALL, "hidden_layer_sizes": (80, 70), "dropout": 0.5},
    "wide hidden layer": {"n_filters": 32, "hidden_layer_sizes": (600,), "max_iter": 1},
    "sigmoid output": {**SMALL, "output_activation": "sigmoid"},
    "sgd": {**SMALL, "solver": "sgd", "learning_rate": "constant", "max_iter": 4},
    "invscaling": {**SMALL, "solver": "sgd", "learning_rate": "invscaling", "shuffle": False},
    "initial rate": {**SMALL, "learning_rate_init": 0.02},
    "gradient descent": {**SMALL, "solver": "gd", "max_iter": 5},
    "shift": {**SMALL, "augment": "shift"},
    "affine": {**SMALL, "augment": "affine"},
    "elastic": {**SMALL, "augment": Elastic(strength=0.05)},
    "own augment": {**SMALL, "augment": negated},
    "several augmentations": {
        **SMALL,
        "augment": ("flip", "shift"),
        "predict_augment": ("flip", "shift"),
    },
    "muon": {**SMALL, "solver": "muon", "batch_size": 100},
    "batch normalization": {**SMALL, "normalization": "batch"},
    "batch normalization, wide": {
        "n_filters": (32, 32),
        "pool_size": 1,
        "hidden_layer_sizes": (),
        "normalization": "batch",
        "max_iter": 1,
    },
    "batch normalization, mean pooling": {**SMALL, "normalization": "batch", "pooling": "mean"},
    "early stopping": {**SMALL, "early_stopping": True, "n_iter_no_change": 2, "max_iter": 8},
    "early stopping, fraction and tol": {
        **SMALL,
        "early_stopping": True,
        "validation_fraction": 0.3,
        "tol": 0.05,
        "n_iter_no_change": 2,
        "max_iter": 12,
    },
    "tol of the loss": {
        **SMALL,
        "learning_rate": "constant",
        "tol": 0.3,
        "n_iter_no_change": 1,
        "max_iter": 12,
    },
    "balanced": {**SMALL, "class_weight": "balanced"},
    "class weights": {**SMALL, "class_weight": {0: 2.0, 3: 0.0}},
    "odd batches": {**SMALL, "batch_size": 37, "alpha": 0.1},
}


def digits():
    """scikit-learn's digits, uint8 (1797, 8, 8), and their labels."""
    X, y = load_digits(return_X_y=True)
    return X.astype(np.uint8).reshape(-1, 8, 8), y


def color_images():
    """Float32 images (n, 9, 7, 3), whose class is the position of a bright pixel, and labels."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 5, N_TRAIN)
    X = rng.normal(0.4, 0.1, (N_TRAIN, 9, 7, 3)).astype(np.float32)
    X[np.arange(N_TRAIN), y, y] += 1
    return X, y


def hash_of(*arrays) -> str:
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:16]


def hashes_of(model, X) -> dict[str, str]:
    """A hash of the weights, and one of the predictions and features for X."""
    predict = getattr(model, "predict_proba", None) or getattr(model, "predict", model.transform)
    return {
        "weights": hash_of(model.network_.parameters),
        "predictions": hash_of(predict(X), predict(X[:3]), model.transform(X)),
    }


def new(**settings) -> ConvNetClassifier:
    return ConvNetClassifier(**{**COMMON, **settings})


def fits(n_jobs=None):
    """Yield each fit's name, the fitted classifier, and the images for its predictions."""
    X, y = digits()
    train, test = slice(N_TRAIN), slice(N_TRAIN, 2 * N_TRAIN)
    for name, settings in FITS.items():
        yield name, new(n_jobs=n_jobs, **settings).fit(X[train], y[train]), X[test]

    def small(**settings):
        return new(n_jobs=n_jobs, **SMALL, **settings)

    defaults = ConvNetClassifier(random_state=0, max_iter=3, n_jobs=n_jobs)
    yield "defaults", defaults.fit(X[train], y[train]), X[test]
    model = ConvNetClassifier(random_state=0, n_jobs=n_jobs)
    for part in (slice(70), slice(70, 75), slice(75, 76), slice(76, N_TRAIN)):
        model.partial_fit(X[part], y[part], classes=np.arange(10))
    yield "defaults, partial_fit", model, X[test]
    flat = X.reshape(len(X), -1) / 16
    weights = np.random.default_rng(0).uniform(0, 2, len(X))
    yield "rows, sample weights", small().fit(flat[train], y[train], weights[train]), flat[test]
    wide = small(image_shape=(4, 16)).fit(flat[train], y[train])
    yield "rows, image_shape", wide, flat[test]
    model = small(early_stopping=True)
    model.fit(X[train], y[train], X_val=X[test], y_val=y[test], sample_weight_val=weights[test])
    yield "validation images", model, X[test]
    model = small(warm_start=True).fit(X[train], y[train])
    yield "warm start", model.fit(X[train], y[train]), X[test]
    model = small()
    for start in range(0, N_TRAIN, 70):
        part = slice(start, start + 70)
        model.partial_fit(X[part], y[part], classes=np.arange(10))
    yield "partial_fit", model, X[test]
    yield "a mini-batch in two parts", small(batch_size=1500).fit(X[:1700], y[:1700]), X[test]
    images, labels = color_images()
    yield "colour", small().fit(images, labels), images
    row = X.reshape(len(X), 1, 64)
    yield "rows of pixels", small().fit(row[train], y[train]), row[test]
    labels = np.stack([y >= 5, y % 2 == 0, y % 3 == 0], axis=1)
    yield "multilabel", small().fit(X[train], labels[train]), X[test]
    yield from other_fits(X[train], y[train], X[test], n_jobs)


def other_fits(X, y, X_test, n_jobs):
    """Autoencoders, networks that start from one, and a regressor."""
    common = {"n_filters": (6, 8), "max_iter": 2, "random_state": 0, "n_jobs": n_jobs}
    autoencoder = ConvAutoencoder(noise=0.3, sparsity=0.8, **common).fit(X)
    yield "autoencoder", autoencoder, X_test
    code = ConvAutoencoder(code_size=5, sparsity=0.5, pooling="mean", activation="tanh", **common)
    yield "autoencoder, code of five numbers", code.fit(X), X_test
    for freeze in (False, True):
        model = ConvNetClassifier(pretrained=autoencoder, freeze=freeze, **common).fit(X, y)
        yield f"pretrained, freeze={freeze}", model, X_test
    targets = np.stack([X.mean(axis=(1, 2)), X[:, :4].mean(axis=(1, 2))], axis=1)
    yield "regressor", ConvNetRegressor(**common).fit(X, targets), X_test


def hash_all(n_jobs=None) -> dict[str, dict[str, str]]:
    """The hashes of every fit, by its name."""
    return {name: hashes_of(model, X) for name, model, X in fits(n_jobs)}


def platform() -> dict[str, str]:
    """The versions and the BLAS kernel on which the bits depend."""
    blas = next(
        library
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas" and "numpy" in library["filepath"]
    )
    return {
        "numpy": np.__version__,
        "blas": f"{blas['internal_api']} {blas['version']}",
        "kernel": blas.get("architecture", "unknown"),
    }


if __name__ == "__main__":
    print(json.dumps({"platform": platform(), "hashes": hash_all()}, indent=1))
