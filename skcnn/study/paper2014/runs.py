"""One run: a training of the paper's network, the time of its iterations, or HOG and an SVM."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.svm import SVC

from skcnn.classifier import ConvNetClassifier
from skcnn.engine.standardization import ChannelStatistics
from skcnn.engine.training.schedules import one_cycle
from skcnn.hog import HOGTransformer, make_hog_svc
from skcnn.study.data import Images, nested_order, share_of
from skcnn.study.mistakes import Mistakes, count_mistakes
from skcnn.study.paper2014.settings import (
    BATCH,
    NETWORK,
    PROTOCOLS,
    QUARTER_HOUR,
    TEN_HOURS,
    TODAY,
    TODAY_GD_RATE,
    paper_pixels,
)

CHUNK = 30  # iterations per call of partial_fit: a few megabytes of images
MIN_INTERVAL = 4  # iterations between two points of an error curve
TIMED_ITERATIONS = 8
HOG_2014, HOG_TUNED = "HOG of 2014", "HOG tuned"
TUNED_TRAIN_ERROR_IMAGES = 1_000  # the tuned SVC takes milliseconds per image
# The paper names neither its HOG nor its SVM, only MATLAB. These are the defaults of MATLAB's
# extractHOGFeatures. The SVM is linear and tolerates few errors on the training images, as the
# paper reports none on small training sets.
HOG_SETTINGS: dict[str, Any] = {"pixels_per_cell": 8, "cells_per_block": 2, "orientations": 9}


@dataclass(frozen=True)
class Checkpoint(Mistakes):
    """Mistakes after some iterations; seconds of training so far."""

    iteration: int
    seconds: float


@dataclass(frozen=True)
class FitResult(Mistakes):
    """Result of a training; training images are tested on at most `n_watched` of them."""

    fit_seconds: float  # without the measurement of errors
    images: int  # seen, with repetitions
    parameters: int | None = None  # of a network
    curve: tuple[Checkpoint, ...] = ()  # of a network; the last point is the end
    filters: list[Any] | None = None  # (filters, height, width, channels), of a run with a curve

    def __str__(self) -> str:
        return f"{100 * self.test_error:.2f} % test error"

    @classmethod
    def restore(cls, curve: Iterable[Mapping[str, Any]], **fields: Any) -> FitResult:
        """The result from its fields in JSON."""
        return cls(curve=tuple(Checkpoint(**point) for point in curve), **fields)


@dataclass(frozen=True)
class TimingResult:
    """Median time of an iteration of 256 images."""

    seconds_per_iteration: float

    def __str__(self) -> str:
        return f"{1000 * self.seconds_per_iteration:.0f} ms per iteration"


@dataclass(frozen=True)
class CNNRun:
    """One training of a network: everything that the result depends on, besides the images."""

    protocol: str = "published"  # one of PROTOCOLS
    filter_size: int = NETWORK["filter_size"]
    n_filters: int = NETWORK["n_filters"]
    pool_regions: int = NETWORK["pool_regions"]
    hidden: tuple[int, ...] = NETWORK["hidden_layer_sizes"]
    output: str = NETWORK["output_activation"]
    full_batch: bool = False
    iterations: int = TEN_HOURS
    share: int = 100  # percent of the training images
    curve: bool = False  # also store the filters, and the errors every quarter of an hour
    seed: int = 0

    kind: ClassVar = "network"
    restore: ClassVar = FitResult.restore

    def checkpoints(self) -> list[int]:
        """The iterations, besides the last, after which the errors are measured.

        Every quarter of an hour for a curve, less often in a quick run.
        """
        if not self.curve:
            return []
        step = max(MIN_INTERVAL, QUARTER_HOUR * self.iterations / TEN_HOURS)
        points = {max(1, round(step * k)) for k in range(1, round(self.iterations / step) + 1)}
        return sorted(at for at in points if at < self.iterations)

    def cost(self, images: Images) -> float:
        """Approximate seconds on one core."""
        side, n_train = min(images.image_shape[:2]), share_of(len(images.y_train), self.share)
        outputs = self.n_filters * (side - self.filter_size + 1) ** 2
        per_image = 4e-6 + outputs * (3.6e-11 * self.filter_size**2 + 1.2e-9)
        seen = self.iterations * (n_train if self.full_batch else BATCH)
        tested = min(n_train, n_watched(len(images.y_test))) + len(images.y_test)
        return per_image * (seen + 0.4 * tested * (40 if self.curve else 1)) + 0.05


@dataclass(frozen=True)
class TimingRun:
    """The time of an iteration of 256 images, as published, alone on all cores."""

    filter_size: int
    n_filters: int
    pool_regions: int
    hidden: tuple[int, ...]

    kind: ClassVar = "time"
    restore: ClassVar = TimingResult

    def cost(self, images: Images) -> float:
        """Approximate seconds."""
        return 1.0


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


Run = CNNRun | HOGRun | TimingRun
Results = dict[Run, Any]  # FitResult; of a TimingRun, TimingResult
Features = dict[str, tuple[NDArray, NDArray]]  # of training and test images, by variant of HOG


def make(
    runs: tuple[Run], images: Images, features: Features, n_jobs: int
) -> list[FitResult | TimingResult]:
    """The result of a single run; only a timing uses more than one thread."""
    (run,) = runs
    if isinstance(run, CNNRun):
        return [train(run, images, run.checkpoints())]
    if isinstance(run, HOGRun):
        return [fit_svc(run, features[run.variant], images)]
    return [time_iteration(run, images, n_jobs)]


def classifier(run: CNNRun, n_jobs: int | None) -> ConvNetClassifier:
    """The network of a run, for `partial_fit` with mini-batches that are already drawn."""
    settings: dict[str, Any] = {
        "filter_size": run.filter_size,
        "n_filters": run.n_filters,
        "pool_regions": run.pool_regions,
        "hidden_layer_sizes": run.hidden,
        "output_activation": run.output,
        "shuffle": False,
        "standardize": False,  # partial_fit knows the first images only; `_pixel_scaling` knows all
        "random_state": run.seed,
        "n_jobs": n_jobs,
    }
    if run.full_batch:
        settings["solver"] = "gd"
    if run.protocol == "today" and run.full_batch:
        settings |= {"learning_rate": "constant", "learning_rate_init": TODAY_GD_RATE}
    elif run.protocol == "today":  # partial_fit does not know the number of steps
        rate, steps = TODAY["learning_rate_init"], run.iterations * BATCH // TODAY["batch_size"]
        settings["learning_rate"] = lambda step: rate * one_cycle(step, step / steps)
    return ConvNetClassifier(**PROTOCOLS[run.protocol] | settings)


def train(run: CNNRun, images: Images, checkpoints: Sequence[int] = ()) -> FitResult:
    """Train a network for exactly ``run.iterations`` iterations, on one thread.

    The errors are measured after each of the `checkpoints` (iterations) and at the end. Raises
    KeyboardInterrupt if Ctrl-C ended the training early.
    """
    order = training_order(images, run.share, run.seed)
    scaled = _pixel_scaling(run, images.X_train, order)
    watched = order[: n_watched(len(images.y_test))]
    X_watched, y_watched = scaled(images.X_train[watched]), images.y_train[watched]
    X_test = scaled(images.X_test)
    net, classes = classifier(run, n_jobs=1), images.classes
    rng = np.random.default_rng([run.seed, 2014])
    draw = _draw_epochs if run.protocol == "today" else _draw_with_replacement
    drawn = None if run.full_batch else draw(order, run.iterations * BATCH, rng)

    curve: list[Checkpoint] = []
    seconds, done = 0.0, 0
    while done < run.iterations:
        until = min(c for c in (*checkpoints, run.iterations) if c > done)
        count = 1 if run.full_batch else min(CHUNK, until - done)
        batch = order if drawn is None else drawn[done * BATCH : (done + count) * BATCH]
        X, y = scaled(images.X_train[batch]), images.y_train[batch]
        begin = time.perf_counter()
        net.partial_fit(X, y, classes=classes)
        seconds += time.perf_counter() - begin
        done += count
        seen = done * (len(order) if run.full_batch else BATCH)
        if net.t_ != seen:  # on Ctrl-C, partial_fit keeps the weights so far and returns
            raise KeyboardInterrupt(f"Training ended after {net.t_:,} of {seen:,} images.")
        if done == until:
            mistakes = Mistakes(
                wrong=count_mistakes(net, X_test, images.y_test),
                tested=len(X_test),
                train_wrong=count_mistakes(net, X_watched, y_watched),
                train_tested=len(X_watched),
            )
            curve.append(Checkpoint(**vars(mistakes), iteration=done, seconds=seconds))
    return FitResult(
        **vars(mistakes),
        fit_seconds=seconds,
        images=seen,
        parameters=int(net.network_.parameters.size),
        curve=tuple(curve),
        filters=net.filters_.astype(float).round(5).tolist() if run.curve else None,
    )


def time_iteration(run: TimingRun, images: Images, n_jobs: int | None) -> TimingResult:
    """Measure the time of an iteration: the median of three rounds."""
    as_published = CNNRun("published", **vars(run))
    net = classifier(as_published, n_jobs)
    drawn = np.resize(np.arange(len(images.y_train)), TIMED_ITERATIONS * BATCH)
    scaled = _pixel_scaling(as_published, images.X_train, drawn)
    X, y = scaled(images.X_train[drawn]), images.y_train[drawn]
    net.partial_fit(X[:BATCH], y[:BATCH], classes=images.classes)  # lays out the memory
    rounds = []
    for _ in range(3):
        begin = time.perf_counter()
        net.partial_fit(X, y)
        rounds.append(time.perf_counter() - begin)
    return TimingResult(statistics.median(rounds) / TIMED_ITERATIONS)


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
    svc = make_hog_svc()["svc"] if tuned else SVC(kernel="linear", C=1.0)
    begin = time.perf_counter()
    svc.fit(train[order], images.y_train[order])
    seconds = time.perf_counter() - begin
    most = TUNED_TRAIN_ERROR_IMAGES if tuned else len(order)
    watched = order[: min(most, n_watched(len(images.y_test)))]
    return FitResult(
        wrong=count_mistakes(svc, test, images.y_test),
        tested=len(test),
        train_wrong=count_mistakes(svc, train[watched], images.y_train[watched]),
        train_tested=len(watched),
        fit_seconds=seconds,
        images=len(order),
    )


def training_order(images: Images, share: int, seed: int) -> NDArray[np.intp]:
    """Indices of a share of the training images (in percent), in random order."""
    order = nested_order(images.y_train, seed)
    return order[: share_of(len(order), share)]


def n_watched(n_test: int) -> int:
    """The largest number of training images on which the training error is measured."""
    return max(1, n_test // 2)


def _pixel_scaling(
    run: CNNRun, X_train: NDArray, order: NDArray
) -> Callable[[NDArray], NDArray[np.float32]]:
    """The function that scales pixels for the network of a run."""
    if run.protocol != "today":
        white = float(X_train.max()) or 1.0
        return lambda X: paper_pixels(X, white)
    counts = np.zeros(len(X_train))
    counts[order] = 1.0
    statistics = ChannelStatistics.of(X_train[..., np.newaxis], counts)
    mean, scale = np.float32(statistics.mean[0]), np.float32(statistics.scale[0])
    return lambda X: (X.astype(np.float32) - mean) / scale


def _draw_with_replacement(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """`count` images, each drawn from all."""
    return order[rng.integers(0, len(order), count)]


def _draw_epochs(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """`count` images in whole passes, each in a new order; the last pass may be cut off."""
    passes = -(-count // len(order))
    return np.concatenate([rng.permutation(order) for _ in range(passes)])[:count]
