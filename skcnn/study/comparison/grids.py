"""The settings that the search of each contender tries: grids, as `GridSearchCV` takes them.

The first value of every list is the default of the contender, where its search begins. What depends
on the size of the images or on the scale of their features is computed from the training images.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from skcnn._features.daisy_features import automatic_spacing
from skcnn.classifier import ConvNetClassifier
from skcnn.hog import HOGTransformer
from skcnn.patches import automatic_size
from skcnn.study.data import Images, nested_order

Grid = list[dict[str, list]]

GAMMA_IMAGES = 200  # training images from which the width of the RBF kernel is estimated
SHARES_OF_VARIANCE = [0.95, 0.8]  # that principal components keep


def cnn_grid(images: Images) -> Grid:
    """The network's size, filters, dropout, augmentation and learning rate around its defaults."""
    default = ConvNetClassifier().get_params()
    filters = tuple(np.atleast_1d(default["n_filters"]).tolist())

    def around(name: str, values: list) -> list:
        return [default[name], *(value for value in values if value != default[name])]

    return [
        {
            "cnn__n_filters": [filters, tuple(max(1, count // 2) for count in filters)],
            "cnn__filter_size": around("filter_size", [3, 5]),
            "cnn__dropout": around("dropout", [0.0, 0.25, 0.5]),
            "cnn__augment": around("augment", [None, "shift", "affine"]),
            "cnn__learning_rate_init": around("learning_rate_init", [0.025, 0.1]),
        }
    ]


def hog_grid(images: Images) -> Grid:
    """Cells, blocks and orientations, and for each of them the kernels of the SVC.

    A gamma that suits one block size does not suit another. Its values are therefore multiples of
    what "scale" amounts to on a few training images.
    """
    # "auto" makes cells of at least two pixels. Where it makes such cells, only one is smaller.
    side = _side(images)
    cells = ["auto", round(side / 7) + 1 if side >= 14 else 1]
    names = ("pixels_per_cell", "cells_per_block", "orientations")
    sample = images.X_train[nested_order(images.y_train, seed=0)[:GAMMA_IMAGES]]
    grid: Grid = []
    for values in product(cells, ("auto", 2), (8, 12)):
        hog: dict[str, Any] = dict(zip(names, values, strict=True))
        try:
            features = HOGTransformer(**hog).fit_transform(sample)
        except ValueError:  # the images are too small for such blocks
            continue
        scale = 1.0 / max(features.shape[1] * float(features.var()), 1e-12)
        gammas = ["scale", *(float(f"{value:.2g}") for value in (scale / 3, scale * 3))]
        common = {f"hog__{name}": [value] for name, value in hog.items()}
        grid += _kernels(common, {"svc__gamma": gammas})
    return grid


def daisy_grid(images: Images) -> Grid:
    """Distances of the points, radii, and the kernels of the SVC."""
    side = _side(images)
    auto = automatic_spacing(side)

    def beside_auto(value: int) -> list:
        return ["auto"] if value == auto else ["auto", value]

    common = {
        "daisy__step": beside_auto(auto - 1 if side >= 14 else auto),
        "daisy__radius": beside_auto(max(1, round(side / 4))),
    }
    return _svc_on_components(common)


def svc_grid(images: Images) -> Grid:
    """The kernels of the SVC, and the share of the variance that its components keep."""
    return _svc_on_components({})


def patches_grid(images: Images) -> Grid:
    """The patches, their whitening and threshold, and the strength of the penalty."""
    side = _side(images)
    auto = automatic_size(side)
    sizes = ["auto", *(size for size in (auto - 2, auto + 2) if 2 <= size <= side)]
    return [
        {
            "patches__filter_size": sizes,
            "patches__whitening": [0.5, 1.0],
            "patches__threshold": [0.25, 0.5],
            "ridge__alpha": [300.0, 100.0, 1000.0],
        }
    ]


def autoencoder_grid(images: Images) -> Grid:
    """The filters and the sparsity of the code, and the kernels of the SVC."""
    small = _side(images) < 14
    return _svc_on_components(
        {
            "autoencoder__n_filters": [64],
            "autoencoder__filter_size": [3, 5] if small else [7, 5],
            "autoencoder__pool_size": [2] if small else [4],
            "autoencoder__sparsity": [0.9, 0.98] if small else [0.98, 0.9],
        }
    )


def _svc_on_components(common: dict[str, list]) -> Grid:
    """The kernels of an SVC on `Components`, which have a variance of one in all."""
    return _kernels(
        {**common, "pca__n_components": SHARES_OF_VARIANCE}, {"svc__gamma": ["scale", 0.33, 3.0]}
    )


def _kernels(common: dict[str, list], rbf: dict[str, list] | None = None) -> Grid:
    """The kernels of an SVC with their values of C; `rbf` holds for the RBF kernel only."""
    return [
        {**common, "svc__kernel": ["rbf"], "svc__C": [10.0, 1.0, 100.0], **(rbf or {})},
        {**common, "svc__kernel": ["poly"], "svc__C": [10.0, 1.0]},
        {**common, "svc__kernel": ["linear"], "svc__C": [10.0, 1.0, 0.1]},
    ]


def _side(images: Images) -> int:
    """The shorter side of the images, in pixels."""
    return min(images.image_shape[:2])
