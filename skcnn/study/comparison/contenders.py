"""The contenders of a comparison: pipelines that classify images, and how to build them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skcnn.autoencoder import ConvAutoencoder
from skcnn.classifier import ConvNetClassifier
from skcnn.daisy import DaisyTransformer
from skcnn.displays._common import BLACK, BLUE, GREEN, ORANGE, PURPLE, SKY, VERMILION
from skcnn.hog import make_hog_svc
from skcnn.patches import PatchFeatures
from skcnn.study.comparison import grids
from skcnn.study.comparison.grids import Grid
from skcnn.study.data import Images
from skcnn.study.figures import Look

Params = dict[str, Any]  # as a pipeline's `set_params` takes them: step__parameter
Steps = list[tuple[str, Any]]

SVC_CACHE_MB = 1_000  # for the kernel matrix: the default of 200 slows 60,000 images down


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A pipeline that classifies images.

    `noun` is its name within a sentence, `description` what the report says of it, in HTML.
    `steps(seed, n_jobs)` are those of the pipeline, `grid(images)` what its search tries: at most
    `few_candidates` settings if there are few images. `quick` are its settings in a quick run.

    If `label_free`, all steps but the last one ignore the labels. Its result depends on the seed
    if `seeded`. It begins with the network of the contender `network`, if that is given. `epochs`
    is the parameter with the number of epochs, which the search reduces.
    """

    look: Look
    noun: str
    description: str
    steps: Callable[[int, int | None], Steps]
    grid: Callable[[Images], Grid]
    few_candidates: int = 10
    quick: Params = field(default_factory=dict)
    label_free: bool = False
    seeded: bool = True
    network: str | None = None
    epochs: str | None = None


def _flat(X: NDArray) -> NDArray:
    return np.reshape(X, (len(X), -1)).astype(np.float32)


class Components(TransformerMixin, BaseEstimator):
    """Principal components with the share `n_components` of the variance, in units of all of it.

    An SVC has fewer features to compare, and their unit does not matter.
    """

    def __init__(self, n_components: float = 0.95) -> None:
        self.n_components = n_components

    def fit(self, X: NDArray, y: object = None) -> Components:
        # With fewer images than features, their covariance matrix would be larger than they are.
        solver = "covariance_eigh" if X.shape[0] > X.shape[1] else "full"
        with np.errstate(invalid="ignore"):  # if all features are equal
            self.pca_ = PCA(self.n_components, svd_solver=solver).fit(X)
        share = np.nan_to_num(self.pca_.explained_variance_ratio_.sum())
        total = self.pca_.explained_variance_.sum() / share if share > 0 else 1.0
        self.scale_ = X.dtype.type(np.sqrt(total))
        return self

    def transform(self, X: NDArray) -> NDArray:
        return self.pca_.transform(X) / self.scale_


def _pca_svc() -> Steps:
    return [("pca", Components()), ("svc", SVC(C=10, cache_size=SVC_CACHE_MB))]


def _cnn(seed: int, n_jobs: int | None) -> Steps:
    return [("cnn", ConvNetClassifier(random_state=seed, n_jobs=n_jobs))]


def _hog_svc(seed: int, n_jobs: int | None) -> Steps:
    hog_svc = make_hog_svc(n_jobs=n_jobs).set_params(svc__cache_size=SVC_CACHE_MB)
    return list(hog_svc.steps)


def _cnn_svc(seed: int, n_jobs: int | None) -> Steps:
    return [*_cnn(seed, n_jobs), *_pca_svc()]


def _pixels_svc(seed: int, n_jobs: int | None) -> Steps:
    return [("pixels", FunctionTransformer(_flat)), *_pca_svc()]


def _patches(seed: int, n_jobs: int | None) -> Steps:
    return [
        ("patches", PatchFeatures(random_state=seed, n_jobs=n_jobs)),
        ("scaler", StandardScaler(copy=False)),
        ("ridge", RidgeClassifier(alpha=300.0)),
    ]


def _daisy_svc(seed: int, n_jobs: int | None) -> Steps:
    return [("daisy", DaisyTransformer(n_jobs=n_jobs)), *_pca_svc()]


def _autoencoder_svc(seed: int, n_jobs: int | None) -> Steps:
    return [("autoencoder", ConvAutoencoder(random_state=seed, n_jobs=n_jobs)), *_pca_svc()]


# A contender comes after the one whose network it begins with.
CONTENDERS = {
    "cnn": Contender(
        look=Look("CNN", BLUE, "o"),
        noun="the CNN",
        description="<code>ConvNetClassifier</code>, which learns filters and classifier together "
        "from the pixels.",
        steps=_cnn,
        grid=grids.cnn_grid,
        few_candidates=8,
        quick={"cnn__n_filters": (8, 16), "cnn__hidden_layer_sizes": (32,)},
        epochs="cnn__max_iter",
    ),
    "hog_svc": Contender(
        look=Look("HOG + SVC", VERMILION, "s"),
        noun="HOG + SVC",
        description="<code>make_hog_svc()</code>: histograms of oriented gradients, which are "
        "designed by hand (Dalal and Triggs, 2005), followed by a support vector classifier.",
        steps=_hog_svc,
        grid=grids.hog_grid,
        few_candidates=20,
        label_free=True,
        seeded=False,
    ),
    "cnn_svc": Contender(
        look=Look("CNN features + SVC", GREEN, "^"),
        noun="CNN features + SVC",
        description="the tuned CNN up to its last pooling layer, followed by principal component "
        "analysis and a support vector classifier. Bastani and Wang (2014) name this combination "
        "as future work.",
        steps=_cnn_svc,
        grid=grids.svc_grid,
        network="cnn",
        epochs="cnn__max_iter",
    ),
    "pixels_svc": Contender(
        look=Look("Pixels + SVC", BLACK, "v"),
        noun="pixels + SVC",
        description="principal components of the pixels, followed by a support vector classifier: "
        "what is possible without features.",
        steps=_pixels_svc,
        grid=grids.svc_grid,
        label_free=True,
        seeded=False,
    ),
    "patches": Contender(
        look=Look("Patches + ridge", ORANGE, "D"),
        noun="patches + ridge",
        description="<code>PatchFeatures</code>: responses to filters that resemble patches of the "
        "training images, learned without labels (Coates, Lee and Ng, 2011), followed by a linear "
        "classifier, <code>RidgeClassifier</code>.",
        steps=_patches,
        grid=grids.patches_grid,
        few_candidates=6,
        quick={"patches__n_filters": 50, "patches__n_patches": 5_000},
        label_free=True,
    ),
    "daisy_svc": Contender(
        look=Look("DAISY + SVC", PURPLE, "P"),
        noun="DAISY + SVC",
        description="<code>DaisyTransformer</code>: dense descriptors like those of SIFT (Tola, "
        "Lepetit and Fua, 2010), followed by principal component analysis and a support vector "
        "classifier.",
        steps=_daisy_svc,
        grid=grids.daisy_grid,
        label_free=True,
        seeded=False,
    ),
    "autoencoder": Contender(
        look=Look("Autoencoder + SVC", SKY, "X"),
        noun="autoencoder + SVC",
        description="the code of <code>ConvAutoencoder</code>, which learns without labels to "
        "reconstruct images from a sparse code (section 3.3 of Bastani and Wang, 2014), followed "
        "by principal component analysis and a support vector classifier.",
        steps=_autoencoder_svc,
        grid=grids.autoencoder_grid,
        quick={"autoencoder__n_filters": 8, "autoencoder__filter_size": 3},
        label_free=True,
        epochs="autoencoder__max_iter",
    ),
}
ALWAYS = ("cnn", "hog_svc", "cnn_svc", "pixels_svc", "patches")  # without the option `features`


def build(
    key: str,
    params: Params,
    *,
    seed: int,
    n_jobs: int | None = None,
    memory: joblib.Memory | None = None,
) -> Pipeline:
    """The unfitted pipeline of a contender.

    `seed` is that of networks and patches, `n_jobs` the number of cores for all but an SVC, which
    uses one; `memory` a cache of all fitted steps but the last one.
    """
    steps = CONTENDERS[key].steps(seed, n_jobs)
    return Pipeline(steps, memory=memory).set_params(**params)


def grid_of(key: str, images: Images, fixed: Collection[str] = ()) -> Grid:
    """The grid that the search of a contender tries, without the parameters `fixed`."""
    grid = CONTENDERS[key].grid(images)
    return [{k: values for k, values in part.items() if k not in fixed} for part in grid]
