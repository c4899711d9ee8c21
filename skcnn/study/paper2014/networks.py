"""Runs of the paper's network: one training, or the time of one iteration."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from skcnn.classifier import ConvNetClassifier
from skcnn.engine.reader import mean_and_scale
from skcnn.study.data import Images, nested_order
from skcnn.study.paper2014.settings import (
    BATCH,
    NETWORK,
    PROTOCOLS,
    QUARTER_HOUR,
    TEN_HOURS,
    THREE_HOURS,
    TODAY,
    TODAY_GD_RATE,
    OneCycle,
    paper_pixels,
)

CHUNK = 30  # iterations per call of partial_fit: a few megabytes of images
MIN_INTERVAL = 4  # iterations between two points of an error curve
TIMED_ITERATIONS = 8


@dataclass(frozen=True)
class Checkpoint:
    """Errors in percent after some iterations; seconds of training so far."""

    iteration: int
    train_error: float
    test_error: float
    seconds: float


@dataclass(frozen=True)
class FitResult:
    """Result of a training."""

    train_error: float  # percent, of at most `n_watched` images
    test_error: float  # percent
    fit_seconds: float  # without the measurement of errors
    images: int  # seen, with repetitions
    parameters: int | None = None  # of a network
    curve: tuple[Checkpoint, ...] = ()  # of a network; the last point is the end
    filters: list[Any] | None = None  # (filters, height, width, channels), of a run with a curve

    def __str__(self) -> str:
        return f"{self.test_error:.2f} % test error"

    @classmethod
    def restore(cls, curve: Iterable[Mapping[str, Any]], **fields: Any) -> FitResult:
        """The result from its fields in JSON."""
        return cls(curve=tuple(Checkpoint(**point) for point in curve), **fields)

    def at(self, iteration: int) -> FitResult:
        """The result of the run that ends at this checkpoint."""
        point = next(point for point in self.curve if point.iteration == iteration)
        errors = point.train_error, point.test_error
        return FitResult(*errors, point.seconds, iteration * BATCH, self.parameters, (point,))


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

    def checkpoints(self) -> tuple[int, ...]:
        """The iterations, besides the last, after which the errors are measured.

        Every quarter of an hour for a curve (less often in a quick run); after three hours in a
        ten-hour run of which the heatmaps need this beginning.
        """
        if self.curve:
            step = max(MIN_INTERVAL, QUARTER_HOUR * self.iterations / TEN_HOURS)
            points = {max(1, round(step * k)) for k in range(1, round(self.iterations / step) + 1)}
        else:
            in_heatmap = self.protocol == "published" and not self.hidden and self.share == 100
            points = {THREE_HOURS} if in_heatmap else set()
        return tuple(sorted(at for at in points if at < self.iterations))

    def is_beginning_of(self, other: object) -> bool:
        """Whether `other` has a checkpoint at which it is where this run ends.

        Today's learning rate depends on when the training will end; the paper's does not.
        """
        return (
            isinstance(other, CNNRun)
            and self.protocol != "today"
            and self.iterations in other.checkpoints()
            and other == replace(self, iterations=other.iterations, curve=other.curve)
        )

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


class InterruptedTrainingError(RuntimeError):
    """Ctrl-C ended a training early: the result must not be stored."""


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
    if run.protocol == "today":
        steps = run.iterations * BATCH // TODAY["batch_size"]
        settings["learning_rate"] = OneCycle(TODAY["learning_rate_init"], steps)
    if run.full_batch:
        settings["solver"] = "gd"
        if run.protocol == "today":
            settings |= {"learning_rate": "constant", "learning_rate_init": TODAY_GD_RATE}
    return ConvNetClassifier(**PROTOCOLS[run.protocol] | settings)


def train(run: CNNRun, images: Images, checkpoints: Sequence[int] = ()) -> FitResult:
    """Train a network for exactly ``run.iterations`` iterations, on one thread.

    The errors are measured after each of the `checkpoints` (iterations) and at the end. Raises
    `InterruptedTrainingError` if Ctrl-C ended the training early.
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
            raise InterruptedTrainingError(
                f"Training ended after {net.t_:,} of {seen:,} images, by Ctrl-C. "
                "Run the command again to repeat this training."
            )
        if done == until:
            train_error = 100 * (1 - net.score(X_watched, y_watched))
            test_error = 100 * (1 - net.score(X_test, images.y_test))
            curve.append(Checkpoint(done, train_error, test_error, seconds))
    return FitResult(
        curve[-1].train_error,
        curve[-1].test_error,
        seconds,
        seen,
        int(net.network_.parameters.size),
        tuple(curve),
        net.filters_.astype(float).round(5).tolist() if run.curve else None,
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


def training_order(images: Images, share: int, seed: int) -> NDArray[np.intp]:
    """Indices of a share of the training images (in percent), in random order."""
    order = nested_order(images.y_train, seed)
    return order[: share_of(len(order), share)]


def n_watched(n_test: int) -> int:
    """The largest number of training images on which the training error is measured."""
    return max(1, n_test // 2)


def share_of(n: int, share: int) -> int:
    """`share` percent of n, at least 1."""
    return max(1, round(n * share / 100))


def _pixel_scaling(
    run: CNNRun, X_train: NDArray, order: NDArray
) -> Callable[[NDArray], NDArray[np.float32]]:
    """The function that scales pixels for the network of a run."""
    if run.protocol != "today":
        white = float(X_train.max()) or 1.0
        return lambda X: paper_pixels(X, white)
    counts = np.zeros(len(X_train))
    counts[order] = 1.0
    mean, scale = mean_and_scale(X_train, counts)
    return lambda X: (X.astype(np.float32) - np.float32(mean)) / np.float32(scale)


def _draw_with_replacement(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """`count` images, each drawn from all."""
    return order[rng.integers(0, len(order), count)]


def _draw_epochs(order: NDArray, count: int, rng: np.random.Generator) -> NDArray:
    """`count` images in whole passes, each in a new order; the last pass may be cut off."""
    passes = -(-count // len(order))
    return np.concatenate([rng.permutation(order) for _ in range(passes)])[:count]
