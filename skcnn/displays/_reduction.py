"""Features of images in two dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator, clone
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from sklearn.pipeline import make_pipeline

_PCA_COMPONENTS = 50  # before t-SNE, as its documentation recommends for many features
_PERPLEXITY = 30.0


def check_reducer(reducer: object, display: str) -> None:
    """Check that there is a `fit_transform`, and that this is no class."""
    if reducer is None or (hasattr(reducer, "fit_transform") and not isinstance(reducer, type)):
        return
    raise TypeError(
        f"reducer is {reducer!r:.60}; {display} expected an estimator with fit_transform. Pass "
        "such an estimator, for example PCA(2), or None for t-SNE."
    )


def reduce_features(
    features: Any,
    reducer: BaseEstimator | None,
    random_state: int | np.random.RandomState | None,
) -> NDArray:
    """Two columns (n, 2) from features of any shape (n, ...)."""
    features = features.toarray() if issparse(features) else np.asarray(features)
    features = features.reshape(len(features), -1)
    copy = _tsne(features, random_state) if reducer is None else clone(reducer, safe=False)
    embedding = np.asarray(copy.fit_transform(features))
    if embedding.shape != (len(features), 2):
        raise ValueError(
            f"reducer {type(reducer).__name__} gives an array of shape {embedding.shape}; expected "
            f"({len(features)}, 2), two columns for each image. Set its number of components to 2."
        )
    return embedding


def _tsne(features: NDArray, random_state: Any) -> BaseEstimator:
    """t-SNE of principal components, for features (n, n_features)."""
    count, width = features.shape
    if count < 3 or width < 2:
        raise ValueError(
            f"The features have shape {features.shape}, images times features; t-SNE expected at "
            "least 3 images and 2 features. Pass more images, another estimator or a reducer."
        )
    if (features == features[0]).all():
        raise ValueError(
            f"The features of all {count} images are equal; t-SNE expected features that differ. "
            "Pass other images or another estimator."
        )
    # A perplexity is a number of neighbours: at most a third of the other images.
    tsne = TSNE(2, perplexity=min(_PERPLEXITY, (count - 1) / 3), random_state=random_state)
    components = min(_PCA_COMPONENTS, count, width)
    return make_pipeline(PCA(components, random_state=random_state), tsne)
