"""One run: a network trained for so many iterations, HOG and an SVC, or an iteration timed.

Contains `train`, `CutShortError`, `beginning`, `time_iteration`, `hog_features`, `hog_svc`, `cost`.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from skcnn.classifier import ConvNetClassifier
from skcnn.engine.reader import mean_and_scale
from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.study.data import Images, nested_order
from skcnn.study.paper2014.experiments import CNNRun, HOGRun, Run, TimingRun
from skcnn.study.paper2014.settings import (
    BATCH,
    LAST_COMMIT,
    TODAY,
    TODAY_GD_RATE,
    OneCycle,
    paper_classifier,
    paper_pixels,
    today_classifier,
)

CHUNK = 30  # iterations of one call of partial_fit: some megabytes of images
TUNED_TRAIN_ERROR_IMAGES = 1_000  # that SVC takes milliseconds an image
TIMED_ITERATIONS = 8
# Which HOG and SVC the paper used, it does not say, except that HOG came from MATLAB. These are
# the defaults of MATLAB's extractHOGFeatures, and a linear SVM that hardly allows for mistakes
# (the paper's have none on small training sets).
HOG_2014 = {"pixels_per_cell": 8, "cells_per_block": 2, "orientations": 9}
SVC_2014 = {"kernel": "linear", "C": 1.0}


class CutShortError(RuntimeError):
    """A training that ended before its time, by Ctrl-C."""


def classifier(run: CNNRun, n_classes: int, n_jobs: int | None) -> ConvNetClassifier:
    """The network of a run, to be fed by `partial_fit` with mini-batches that are already drawn."""
    settings: dict[str, Any] = {
        "filter_size": run.filter_size,
        "n_filters": run.n_filters,
        "pool_regions": run.pool_regions,
        "hidden_layer_sizes": run.hidden,
        "output_activation": run.output,
        "shuffle": False,
        "standardize": False,  # from all its training images, not the first it is given: `_pixels`
        "random_state": run.seed,
        "n_jobs": n_jobs,
    }
    if run.full_batch:
        settings["solver"] = "gd"
    if run.protocol == "published":
        return paper_classifier(**settings)
    if run.protocol == "last commit":
        return paper_classifier(**{**LAST_COMMIT, **settings})
    if run.full_batch:
        return today_classifier(
            **{**settings, "learning_rate": "constant", "learning_rate_init": TODAY_GD_RATE}
        )
    steps = run.iterations * BATCH // TODAY["batch_size"]
    settings["learning_rate"] = OneCycle(TODAY["learning_rate_init"], steps)
    return today_classifier(**settings)


def train(run: CNNRun, images: Images, checkpoints: tuple[int, ...] = ()) -> dict[str, Any]:
    """Train a network for exactly `run.iterations` times 256 images, with one thread.

    Parameters
    ----------
    run : CNNRun
    images : Images
    checkpoints : tuple of int
        Iterations after which errors are measured; the last iteration always is one.

    Returns
    -------
    result : dict
        ``test_error``, ``train_error`` (percent; of half as many images as there are for tests),
        ``fit_seconds``, ``images`` (seen), ``parameters``, ``curve`` (iteration, training error,
        test error and seconds at each checkpoint); with ``run.curve`` also ``filters``
        (k, h, w, channels).

    Raises
    ------
    CutShortError
        If the training was interrupted.
    """
    order = nested_order(images.y_train, run.seed)
    order = order[: _share_of(len(order), run.share)]
    pixels = _pixels(run, images.X_train, order)
    watched = order[: _watched(images)]
    X_watched, y_watched = pixels(images.X_train[watched]), images.y_train[watched]
    X_test, classes = pixels(images.X_test), np.unique(images.y_train)
    net = classifier(run, len(classes), n_jobs=1)
    rng = np.random.default_rng([run.seed, 2014])
    draw = _epochs if run.protocol == "today" else _with_replacement
    drawn = None if run.full_batch else draw(order, run.iterations * BATCH, rng)

    curve, seconds, done = [], 0.0, 0
    while done < run.iterations:
        until = min([c for c in (*checkpoints, run.iterations) if c > done])
        count = 1 if run.full_batch else min(CHUNK, until - done)
        batch = order if drawn is None else drawn[done * BATCH : (done + count) * BATCH]
        X, y = pixels(images.X_train[batch]), images.y_train[batch]
        begin = time.perf_counter()
        net.partial_fit(X, y, classes=classes)
        seconds += time.perf_counter() - begin
        done += count
        seen = done * (len(order) if run.full_batch else BATCH)
        if net.t_ != seen:  # Ctrl-C: partial_fit keeps what it has learned; this is no result
            raise CutShortError(f"Training ended after {net.t_:,} of {seen:,} images.")
        if done == until:
            train_error = 100 * (1 - net.score(X_watched, y_watched))
            test_error = 100 * (1 - net.score(X_test, images.y_test))
            curve.append([done, train_error, test_error, seconds])
    result = {
        "train_error": curve[-1][1],
        "test_error": curve[-1][2],
        "fit_seconds": seconds,
        "images": seen,
        "parameters": int(net.network_.parameters.size),
        "curve": curve,
    }
    if run.curve:
        result["filters"] = net.filters_.astype(float).round(5).tolist()
    return result


def beginning(run: CNNRun, longer: dict[str, Any]) -> dict[str, Any] | None:
    """The result of a run from that of a longer one whose beginning it is, or None.

    As published nothing depends on when training will end, so that the longer run went through
    the very state in which the shorter one stops.
    """
    for iterations, train_error, test_error, seconds in longer["curve"]:
        if iterations == run.iterations:
            return {
                "train_error": train_error,
                "test_error": test_error,
                "fit_seconds": seconds,
                "images": iterations * BATCH,
                "parameters": longer["parameters"],
                "curve": [[iterations, train_error, test_error, seconds]],
            }
    return None


def time_iteration(run: TimingRun, images: Images, n_jobs: int | None) -> dict[str, Any]:
    """Seconds of one iteration of 256 images, as published: the median of three rounds."""
    net = paper_classifier(
        filter_size=run.filter_size,
        n_filters=run.n_filters,
        pool_regions=run.pool_regions,
        hidden_layer_sizes=run.hidden,
        shuffle=False,
        random_state=0,
        n_jobs=n_jobs,
    )
    drawn = np.resize(np.arange(len(images.y_train)), TIMED_ITERATIONS * BATCH)
    X = paper_pixels(images.X_train[drawn], float(images.X_train.max()) or 1.0)
    y, classes = images.y_train[drawn], np.unique(images.y_train)
    net.partial_fit(X[:BATCH], y[:BATCH], classes=classes)  # the first plans its memory
    rounds = []
    for _ in range(3):
        begin = time.perf_counter()
        net.partial_fit(X, y)
        rounds.append(time.perf_counter() - begin)
    return {"seconds_per_iteration": statistics.median(rounds) / TIMED_ITERATIONS}


def hog_transformer(variant: str, image_side: int, n_jobs: int | None) -> HOGTransformer:
    """The HOG of a variant; cells shrink with smaller images."""
    if variant == "HOG tuned":
        return make_hog_svc(n_jobs=n_jobs)["hog"]
    cell = min(HOG_2014["pixels_per_cell"], max(1, image_side // HOG_2014["cells_per_block"]))
    return HOGTransformer(**{**HOG_2014, "pixels_per_cell": cell}, n_jobs=n_jobs)


def hog_features(
    variant: str, X_train: NDArray, X_test: NDArray, n_jobs: int | None
) -> tuple[NDArray, NDArray]:
    """Features of all the images, float32."""
    hog = hog_transformer(variant, min(X_train.shape[1:3]), n_jobs)
    return hog.fit_transform(X_train), hog.transform(X_test)


def hog_svc(run: HOGRun, train: NDArray, test: NDArray, images: Images) -> dict[str, Any]:
    """Fit an SVC on HOG features (n, f) of all the images, of which it takes its share."""
    order = nested_order(images.y_train, run.seed)
    order = order[: _share_of(len(order), run.share)]
    svc = make_hog_svc()["svc"] if run.variant == "HOG tuned" else SVC(**SVC_2014)
    begin = time.perf_counter()
    svc.fit(train[order], images.y_train[order])
    seconds = time.perf_counter() - begin
    most = TUNED_TRAIN_ERROR_IMAGES if run.variant == "HOG tuned" else len(order)
    watched = order[: min(most, _watched(images))]
    return {
        "train_error": 100 * (1 - svc.score(train[watched], images.y_train[watched])),
        "test_error": 100 * (1 - svc.score(test, images.y_test)),
        "fit_seconds": seconds,
        "images": len(order),
    }


def cost(run: Run, images: Images) -> float:
    """About how many seconds a run takes on one core: for the order of the runs and the plan."""
    side, n = min(images.image_shape[:2]), len(images.y_train)
    if isinstance(run, TimingRun):
        return 1.0
    n_train = _share_of(n, run.share)
    if isinstance(run, HOGRun):
        slow = 12.0 if run.variant == "HOG tuned" else 1.0
        return slow * (25 * (n_train / 60_000) ** 1.7 + len(images.y_test) * n_train * 1e-8)
    outputs = run.n_filters * (side - run.filter_size + 1) ** 2
    each = 4e-6 + outputs * (3.6e-11 * run.filter_size**2 + 1.2e-9)  # seconds of an image
    seen = run.iterations * (n_train if run.full_batch else BATCH)
    tested = min(n_train, _watched(images)) + len(images.y_test)
    return each * (seen + 0.4 * tested * (40 if run.curve else 1)) + 0.05


def _pixels(run: CNNRun, X_train: NDArray, order: NDArray) -> Callable[[NDArray], NDArray]:
    """What turns images into what the network of a run is to see."""
    if run.protocol != "today":
        largest = float(X_train.max()) or 1.0
        return lambda X: paper_pixels(X, largest)
    counts = np.zeros(len(X_train))
    counts[order] = 1.0
    mean, scale = mean_and_scale(X_train, counts)
    return lambda X: (X.astype(np.float32) - np.float32(mean)) / np.float32(scale)


def _watched(images: Images) -> int:
    """On how many training images, at most, the training error is measured."""
    return max(1, len(images.y_test) // 2)


def _share_of(n: int, share: int) -> int:
    return max(1, round(n * share / 100))


def _with_replacement(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    return order[rng.integers(0, len(order), count)]


def _epochs(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """Whole passes, each in a new order, cut off at `count`."""
    passes = -(-count // len(order))
    return np.concatenate([rng.permutation(order) for _ in range(passes)])[:count]
