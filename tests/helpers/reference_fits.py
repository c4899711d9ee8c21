"""Small fits whose results are the same, up to rounding, on every machine and with every version.

``PYTHONPATH=tests python tests/helpers/reference_fits.py > tests/helpers/reference_fits.json``
stores what the fits answer for a few images. `test_same_everywhere` compares on every run, within
a tolerance; for any number of threads, the results are equal bit for bit. With ``--hashes``, the
script prints hashes of all results, to compare processes with different environments.
"""

import argparse
import json
from pathlib import Path

from helpers.fixed_fits import hash_of
from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor, HOGTransformer
from skcnn.datasets import load_digits_images

STORED = Path(__file__).with_suffix(".json")
N_TRAIN, N_STORED, ODD = 600, 4, 499
# A mini-batch has eight tiles, so that eight threads have work.
COMMON = {"batch_size": 512, "max_iter": 2, "random_state": 0}


def estimators(n_jobs):
    common = {**COMMON, "n_jobs": n_jobs}
    small = {**common, "n_filters": (6, 8), "hidden_layer_sizes": (20,)}
    return {
        "default network": ConvNetClassifier(**common),
        "adam": ConvNetClassifier(solver="adam", normalization=None, dropout=0.3, **small),
        "sgd, augmented": ConvNetClassifier(solver="sgd", augment="affine", **small),
        # Several threads of BLAS would round products with these sizes differently than one.
        "odd sizes": ConvNetClassifier(
            **{**common, "batch_size": ODD, "hidden_layer_sizes": (77,)}, n_filters=15, pool_size=1
        ),
        "regressor": ConvNetRegressor(**small),
        "autoencoder": ConvAutoencoder(n_filters=8, noise=0.2, sparsity=0.5, **common),
        "hog": HOGTransformer(n_jobs=n_jobs),
    }


def results(n_jobs):
    """For all digits, by the name of the estimator: probabilities, predictions or features."""
    X, y = load_digits_images()
    found = {}
    for name, estimator in estimators(n_jobs).items():
        targets = {"regressor": y / 9.0}.get(name, y)
        train = slice(ODD if name == "odd sizes" else N_TRAIN)
        estimator.fit(X[train], targets[train])
        method = next(
            method
            for method in ("predict_proba", "predict", "transform")
            if hasattr(estimator, method)
        )
        found[name] = getattr(estimator, method)(X)
    return found


def stored_part(values):
    """Up to ten numbers for each of the last images."""
    return values[-N_STORED:].reshape(N_STORED, -1)[:, :10]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hashes", action="store_true")
    found = results(n_jobs=2)
    if parser.parse_args().hashes:
        print(json.dumps({name: hash_of(values) for name, values in found.items()}))
        return
    rounded = {
        name: [[float(f"{value:.6g}") for value in row] for row in stored_part(values)]
        for name, values in found.items()
    }
    print("{")
    for number, (name, rows) in enumerate(rounded.items()):
        end = "\n" if number == len(rounded) - 1 else ",\n"
        lines = ",\n    ".join(json.dumps(row) for row in rows)
        print(f"  {json.dumps(name)}: [\n    {lines}\n  ]", end=end)
    print("}")


if __name__ == "__main__":
    main()
