"""The settings that each contender's search tries: its defaults first, then around them."""

from __future__ import annotations

from typing import Any

import numpy as np

from skcnn.classifier import ConvNetClassifier
from skcnn.hog import HOGTransformer
from skcnn.study.data import Images, nested_order

Grid = list[dict[str, list]]
GAMMA_IMAGES = 200  # training images from which the width of the RBF kernel is estimated


def fixed_settings(key: str, quick: bool) -> dict[str, Any]:
    """Settings that are not searched: a quick comparison has a small network."""
    return (
        {"cnn__n_filters": (8, 16), "cnn__hidden_layer_sizes": (32,)}
        if quick and key == "cnn"
        else {}
    )


def grid_of(key: str, images: Images, quick: bool = False) -> Grid:
    """A grid as `GridSearchCV` takes it; the first value of every list is the default.

    Parameters
    ----------
    key : {"cnn", "hog_svc", "cnn_svc"}
        The contender.
    images : Images
        The data: cells, and the widths of kernels, have to suit it.
    quick : bool
        Of a quick comparison.

    Returns
    -------
    grid : list of dict of str to list

    Examples
    --------
    >>> from skcnn.study.data import load
    >>> from skcnn.study.comparison.grids import grid_of
    >>> from skcnn.study.comparison.settings import Settings
    >>> grid = grid_of("cnn_svc", load(Settings("digits")))
    >>> grid[0]["svc__C"], grid[0]["pca__n_components"]
    ([10.0, 1.0, 100.0], [0.95, 0.8])
    """
    if key == "cnn":
        grid = _network_grid()
        return [{k: v for k, v in grid[0].items() if k not in fixed_settings(key, quick)}]
    if key == "hog_svc":
        return _hog_grid(images)
    common = {"pca__n_components": [0.95, 0.8]}  # of the variance
    return [
        {**common, "svc__kernel": ["rbf"], "svc__C": [10.0, 1.0, 100.0]},
        {**common, "svc__kernel": ["poly"], "svc__C": [10.0, 1.0]},
        {**common, "svc__kernel": ["linear"], "svc__C": [10.0, 1.0, 0.1]},
    ]


def _network_grid() -> Grid:
    """Around the network's defaults: size, filters, dropout, augmentation, learning rate."""
    default = ConvNetClassifier().get_params()
    filters = tuple(np.atleast_1d(default["n_filters"]).tolist())
    side = default["filter_size"]
    return [
        {
            "cnn__n_filters": [filters, tuple(max(1, count // 2) for count in filters)],
            "cnn__filter_size": _first(side, [3, 5]),
            "cnn__dropout": _first(default["dropout"], [0.0, 0.25, 0.5]),
            "cnn__augment": _first(default["augment"], [None, "shift", "affine"]),
            "cnn__learning_rate_init": _first(default["learning_rate_init"], [0.002, 0.008]),
        }
    ]


def _hog_grid(images: Images) -> Grid:
    """Cells, blocks and orientations, and for each of them kernels, C, and gamma around "scale".

    A gamma that suits one size of blocks does not suit another, so its values are multiples of
    what "scale" comes to, from a few training images.
    """
    sample = images.X_train[nested_order(images.y_train, seed=0)[:GAMMA_IMAGES]]
    # Two pixels are the least that "auto" makes of a cell; there, only finer ones are left.
    shorter = min(images.image_shape[:2])
    cells = ["auto", round(shorter / 7) + 1 if shorter >= 14 else 1]
    grid: Grid = []
    for cell in cells:
        for block in ("auto", 2):
            for orientations in (8, 12):
                hog = {
                    "pixels_per_cell": cell,
                    "cells_per_block": block,
                    "orientations": orientations,
                }
                try:
                    features = HOGTransformer(**hog).fit_transform(sample)
                except ValueError:  # an image too small for such blocks
                    continue
                scale = 1.0 / max(features.shape[1] * float(features.var()), 1e-12)
                common = {f"hog__{name}": [value] for name, value in hog.items()}
                grid += [
                    {
                        **common,
                        "svc__kernel": ["rbf"],
                        "svc__C": [10.0, 1.0, 100.0],
                        "svc__gamma": ["scale", _rounded(scale / 3), _rounded(scale * 3)],
                    },
                    {**common, "svc__kernel": ["poly"], "svc__C": [10.0, 1.0]},
                    {**common, "svc__kernel": ["linear"], "svc__C": [10.0, 1.0, 0.1]},
                ]
    return grid


def _first(default: Any, values: list) -> list:
    """The default, then the values that are not it."""
    return [default, *(value for value in values if value != default)]


def _rounded(value: float) -> float:
    """To two digits: a setting to read."""
    return float(f"{value:.2g}")
