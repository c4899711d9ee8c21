"""Who is compared: three pipelines, how each is built, and the settings that its search tries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from skcnn.classifier import ConvNetClassifier
from skcnn.hog import make_hog_svc

SVC_CACHE_MB = 1_000  # of the kernel matrix, per SVC: the default 200 slows 60,000 images down


@dataclass(frozen=True)
class Contender:
    """One of the pipelines; colour and marker are those of Okabe and Ito's palette."""

    key: str
    name: str
    text: str
    colour: str
    marker: str


CNN = Contender(
    "cnn",
    "CNN",
    "<code>ConvNetClassifier</code>: filters and classifier are learned together, from the pixels.",
    "#0072B2",
    "o",
)
HOG_SVC = Contender(
    "hog_svc",
    "HOG + SVC",
    "<code>make_hog_svc()</code>: histograms of oriented gradients, designed by hand (Dalal and "
    "Triggs, 2005), then a support vector classifier.",
    "#D55E00",
    "s",
)
CNN_SVC = Contender(
    "cnn_svc",
    "CNN features + SVC",
    "the tuned CNN cut off after its last pooling layer; what it has learned to see goes, by way "
    "of its principal components, into a support vector classifier. The study that the paper of "
    "2014 left for later.",
    "#009E73",
    "^",
)
# In the order in which they are tuned: the third starts from the first one's best network.
CONTENDERS = {c.key: c for c in (CNN, HOG_SVC, CNN_SVC)}


def build(
    key: str, params: dict[str, Any], *, seed: int, n_jobs: int | None = None, memory=None
) -> Pipeline:
    """An unfitted pipeline of a contender.

    Parameters
    ----------
    key : {"cnn", "hog_svc", "cnn_svc"}
        Which one.
    params : dict
        Settings as the pipeline's `set_params` takes them: ``step__parameter``.
    seed : int
        Of the network.
    n_jobs : int or None
        Cores for the network and for HOG. (An SVC always runs on one.)
    memory : joblib.Memory or None
        Keeps HOG features and fitted networks, so that they are not made anew for every setting
        of the SVC.

    Examples
    --------
    >>> from skcnn.study.comparison.contenders import build
    >>> build("cnn_svc", {"svc__C": 1.0}, seed=0).named_steps["svc"].C
    1.0
    """
    if key == "hog_svc":
        pipeline = make_hog_svc()
        pipeline.set_params(
            memory=memory, hog__n_jobs=n_jobs, svc__cache_size=SVC_CACHE_MB, **params
        )
        return pipeline
    steps = [("cnn", ConvNetClassifier(random_state=seed, n_jobs=n_jobs))]
    if key == "cnn_svc":
        # Most features hardly vary: an SVC on the components is as good and many times as quick.
        steps += [
            ("pca", PCA(0.95, svd_solver="covariance_eigh")),
            ("svc", SVC(cache_size=SVC_CACHE_MB)),
        ]
    return Pipeline(steps, memory=memory if key == "cnn_svc" else None).set_params(**params)
