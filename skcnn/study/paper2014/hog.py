"""Runs of HOG and a support vector machine on a share of the training images."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray
from sklearn.svm import SVC

from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.study.data import Images
from skcnn.study.paper2014.networks import FitResult, n_watched, share_of, training_order

HOG_2014, HOG_TUNED = "HOG of 2014", "HOG tuned"
TUNED_TRAIN_ERROR_IMAGES = 1_000  # the tuned SVC takes milliseconds per image
# The paper names neither its HOG nor its SVM, only MATLAB. These are the defaults of MATLAB's
# extractHOGFeatures, and a linear SVM that tolerates few errors on the training images (the paper
# reports none on small training sets).
HOG_SETTINGS: dict[str, Any] = {"pixels_per_cell": 8, "cells_per_block": 2, "orientations": 9}
SVC_SETTINGS = {"kernel": "linear", "C": 1.0}


@dataclass(frozen=True)
class HOGRun:
    """One fit of an SVC on HOG features."""

    variant: str  # HOG_2014 or HOG_TUNED
    share: int  # percent of the training images
    seed: int = 0

    kind: ClassVar = "hog"
    restore: ClassVar = FitResult.restore

    def cost(self, images: Images) -> float:
        """Approximate seconds on one core."""
        n_train = share_of(len(images.y_train), self.share)
        factor = 12.0 if self.variant == HOG_TUNED else 1.0
        return factor * (25 * (n_train / 60_000) ** 1.7 + len(images.y_test) * n_train * 1e-8)


def hog_features(variant: str, images: Images, n_jobs: int | None) -> tuple[NDArray, NDArray]:
    """Features (n, n_features), float32, of all training images and all test images."""
    if variant == HOG_TUNED:
        hog = make_hog_svc(n_jobs=n_jobs)["hog"]
    else:
        largest = max(1, min(images.image_shape[:2]) // HOG_SETTINGS["cells_per_block"])
        cell = min(HOG_SETTINGS["pixels_per_cell"], largest)  # a block must fit
        hog = HOGTransformer(**HOG_SETTINGS | {"pixels_per_cell": cell}, n_jobs=n_jobs)
    return hog.fit_transform(images.X_train), hog.transform(images.X_test)


def fit_svc(run: HOGRun, features: tuple[NDArray, NDArray], images: Images) -> FitResult:
    """Fit an SVC on the run's share of the training images, given the features of all images."""
    train, test = features
    order = training_order(images, run.share, run.seed)
    tuned = run.variant == HOG_TUNED
    svc = make_hog_svc()["svc"] if tuned else SVC(**SVC_SETTINGS)
    begin = time.perf_counter()
    svc.fit(train[order], images.y_train[order])
    seconds = time.perf_counter() - begin
    most = TUNED_TRAIN_ERROR_IMAGES if tuned else len(order)
    watched = order[: min(most, n_watched(len(images.y_test)))]
    return FitResult(
        100 * (1 - svc.score(train[watched], images.y_train[watched])),
        100 * (1 - svc.score(test, images.y_test)),
        seconds,
        len(order),
    )
