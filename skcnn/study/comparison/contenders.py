"""The contenders: three pipelines, how to build them, and the settings that their searches try."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import joblib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from skcnn.classifier import ConvNetClassifier
from skcnn.displays._common import BLUE, GREEN, VERMILION
from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.study.data import Images, nested_order
from skcnn.study.figures import Look

Params = dict[str, Any]  # as a pipeline's `set_params` takes them: step__parameter
Grid = list[dict[str, list]]  # as `GridSearchCV` takes it

SVC_CACHE_MB = 1_000  # for the kernel matrix: the default of 200 slows 60,000 images down
# The small network of a quick run, which is not searched.
QUICK_NETWORK: Params = {"cnn__n_filters": (8, 16), "cnn__hidden_layer_sizes": (32,)}
GAMMA_IMAGES = 200  # training images from which the width of the RBF kernel is estimated


# In the order of their searches: the third one starts from the best network of the first one.
CONTENDERS = {
    "cnn": Look("CNN", BLUE, "o"),
    "hog_svc": Look("HOG + SVC", VERMILION, "s"),
    "cnn_svc": Look("CNN features + SVC", GREEN, "^"),
}


def build(
    key: str,
    params: Params,
    *,
    seed: int,
    n_jobs: int | None = None,
    memory: joblib.Memory | None = None,
) -> Pipeline:
    """The unfitted pipeline of a contender.

    `seed` is that of the network, `n_jobs` the number of cores for the network and HOG (an SVC uses
    one), `memory` a cache of HOG features and fitted networks, which settings of the SVC share.
    """
    if key == "hog_svc":
        pipeline = make_hog_svc()
        return pipeline.set_params(
            memory=memory, hog__n_jobs=n_jobs, svc__cache_size=SVC_CACHE_MB, **params
        )
    steps = [("cnn", ConvNetClassifier(random_state=seed, n_jobs=n_jobs))]
    if key == "cnn_svc":
        # Most features hardly vary: with components an SVC is as accurate and many times faster.
        steps += [
            ("pca", PCA(0.95, svd_solver="covariance_eigh")),
            ("svc", SVC(cache_size=SVC_CACHE_MB)),
        ]
    return Pipeline(steps, memory=memory if key == "cnn_svc" else None).set_params(**params)


def grid_of(key: str, images: Images, fixed: Collection[str] = ()) -> Grid:
    """The grid that the search of a contender tries; the first value of every list is its default.

    The cells of HOG and the widths of its kernels depend on the images. The parameters `fixed` of a
    network are left out.
    """
    if key == "cnn":
        return [{name: values for name, values in _cnn_grid().items() if name not in fixed}]
    if key == "hog_svc":
        return _hog_grid(images)
    return _svc_grids({"pca__n_components": [0.95, 0.8]})  # of the variance


def _cnn_grid() -> dict[str, list]:
    """The network's size, filters, dropout, augmentation and learning rate around its defaults."""
    default = ConvNetClassifier().get_params()
    filters = tuple(np.atleast_1d(default["n_filters"]).tolist())

    def around(name: str, values: list) -> list:
        return [default[name], *(value for value in values if value != default[name])]

    return {
        "cnn__n_filters": [filters, tuple(max(1, count // 2) for count in filters)],
        "cnn__filter_size": around("filter_size", [3, 5]),
        "cnn__dropout": around("dropout", [0.0, 0.25, 0.5]),
        "cnn__augment": around("augment", [None, "shift", "affine"]),
        "cnn__learning_rate_init": around("learning_rate_init", [0.025, 0.1]),
    }


def _hog_grid(images: Images) -> Grid:
    """Cells, blocks and orientations, and for each of them the kernels of the SVC.

    A gamma that suits one block size does not suit another. The values of gamma are therefore
    multiples of what "scale" amounts to on a few training images.
    """
    sample = images.X_train[nested_order(images.y_train, seed=0)[:GAMMA_IMAGES]]
    # "auto" makes cells of at least two pixels. Where it makes such cells, only one is smaller.
    shorter = min(images.image_shape[:2])
    cells = ["auto", round(shorter / 7) + 1 if shorter >= 14 else 1]
    names = ("pixels_per_cell", "cells_per_block", "orientations")
    grid: Grid = []
    for values in ((c, b, o) for c in cells for b in ("auto", 2) for o in (8, 12)):
        hog: dict[str, Any] = dict(zip(names, values, strict=True))
        try:
            features = HOGTransformer(**hog).fit_transform(sample)
        except ValueError:  # the images are too small for such blocks
            continue
        scale = 1.0 / max(features.shape[1] * float(features.var()), 1e-12)
        gammas = ["scale", *(float(f"{value:.2g}") for value in (scale / 3, scale * 3))]
        common = {f"hog__{name}": [value] for name, value in hog.items()}
        grid += _svc_grids(common, {"svc__gamma": gammas})
    return grid


def _svc_grids(common: dict[str, list], rbf: dict[str, list] | None = None) -> Grid:
    """The kernels of an SVC with their values of C; `rbf` holds for the RBF kernel only."""
    return [
        {**common, "svc__kernel": ["rbf"], "svc__C": [10.0, 1.0, 100.0], **(rbf or {})},
        {**common, "svc__kernel": ["poly"], "svc__C": [10.0, 1.0]},
        {**common, "svc__kernel": ["linear"], "svc__C": [10.0, 1.0, 0.1]},
    ]
