"""Runs over processes: each is kept when it is finished, and not made again.

Networks are trained with one thread each, as many at a time as there are cores: that uses the
cores better than one network over all of them, and gives the same results bit for bit. Only the
times of iterations are measured alone and with all cores.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from skcnn.study.data import Images
from skcnn.study.formatting import seconds
from skcnn.study.paper2014 import fits
from skcnn.study.paper2014.experiments import CNNRun, HOGRun, Run, TimingRun
from skcnn.study.paper2014.settings import QUARTER_HOUR, TEN_HOURS, THREE_HOURS
from skcnn.study.progress import Reporter
from skcnn.study.store import InterruptWatch, Store

LEAST_BETWEEN = 4  # iterations between two points of an error curve

Features = dict[str, tuple[NDArray, NDArray]]


def execute(
    runs: Iterable[Run],
    images: Images,
    store: Store,
    *,
    workers: int,
    scratch: Path,
    reporter: Reporter,
    watch: InterruptWatch,
) -> dict[Run, dict[str, Any]]:
    """The result of every run: kept ones from the store, the others made now.

    Parameters
    ----------
    runs : iterable of Run
        May name a run several times.
    images : Images
    store : Store
        Where results are kept.
    workers : int
        Processes, and threads where something runs alone.
    scratch : Path
        Folder for HOG features while they are needed; deleted at the end.
    reporter : Reporter
        Tells the plan, the progress and the time left.
    watch : InterruptWatch
        Knows whether Ctrl-C cut a run short, which is not kept then.

    Returns
    -------
    results : dict of Run to dict
        See `skcnn.study.paper2014.fits`.
    """
    runs = list(dict.fromkeys(runs))
    results = {}
    for run in runs:
        found = store.load(*_place(run))
        if found is not None:
            results[run] = found
    longer = {run: _longer(run, runs, results) for run in runs if run not in results}
    missing = [run for run, other in longer.items() if other is None]
    missing.sort(key=lambda run: fits.cost(run, images), reverse=True)
    _tell_plan(runs, len(results), missing, images, workers, reporter)
    try:
        with reporter.stage("Runs", len(missing)) as stage:
            clock = _Clock(missing, images)
            for run, result in _made(missing, images, workers, scratch, reporter):
                watch.check()
                store.save(*_place(run), result)
                results[run] = result
                stage.advance(f"{_said(run, result)}; about {clock.left(run)} left")
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for run, other in longer.items():
        if other is not None:
            results[run] = fits.beginning(run, results[other])
            store.save(*_place(run), results[run])
    return results


def _longer(run: Run, runs: Iterable[Run], kept: dict[Run, dict[str, Any]]) -> CNNRun | None:
    """The run whose beginning, up to one of its checkpoints, is this one."""
    if not isinstance(run, CNNRun) or run.protocol == "today":
        return None
    for other in runs:
        if (
            isinstance(other, CNNRun)
            and run.iterations in checkpoints(other)
            and other == replace(run, iterations=other.iterations, curve=other.curve)
            # one that was kept may have been made without that checkpoint
            and (other not in kept or fits.beginning(run, kept[other]) is not None)
        ):
            return other
    return None


def _made(
    missing: list[Run], images: Images, workers: int, scratch: Path, reporter: Reporter
) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Runs and their results in the order in which they come to an end."""
    alone = [run for run in missing if isinstance(run, TimingRun)]
    for run in alone:
        yield run, fits.time_iteration(run, images, workers)
    together = [run for run in missing if run not in set(alone)]
    features = _features({r.variant for r in together if isinstance(r, HOGRun)}, images, workers,
                         scratch, reporter)  # fmt: skip
    jobs = (
        delayed(_one)(run, images, features.get(run.variant) if isinstance(run, HOGRun) else None)
        for run in together
    )
    if workers == 1:
        yield from (job[0](*job[1]) for job in jobs)
        return
    yield from Parallel(workers, return_as="generator_unordered", pre_dispatch="2*n_jobs")(jobs)


def _one(
    run: CNNRun | HOGRun, images: Images, features: tuple[NDArray, NDArray] | None
) -> tuple[Run, dict[str, Any]]:
    """A run in a worker process."""
    if isinstance(run, HOGRun):
        return run, fits.hog_svc(run, *features, images)
    return run, fits.train(run, images, checkpoints(run))


def checkpoints(run: CNNRun) -> tuple[int, ...]:
    """The iterations before the last after which errors are measured.

    Every quarter of an hour for a run with a curve (in a quick run not as many); three hours for
    those of ten hours as published which the heatmaps have, too, for three.

    Examples
    --------
    >>> from skcnn.study.paper2014.execute import checkpoints
    >>> from skcnn.study.paper2014.experiments import CNNRun
    >>> checkpoints(CNNRun(n_filters=8))
    (354,)
    >>> every = checkpoints(CNNRun(curve=True))
    >>> every[:2], len(every), 354 in every
    ((30, 59), 39, True)
    """
    if run.curve:
        step = max(LEAST_BETWEEN, QUARTER_HOUR * run.iterations / TEN_HOURS)
        points = {max(1, round(step * k)) for k in range(1, round(run.iterations / step) + 1)}
    else:
        of_heatmap = run.protocol == "published" and not run.hidden and run.share == 100
        points = {THREE_HOURS} if of_heatmap else set()
    return tuple(sorted(at for at in points if at < run.iterations))


def _features(
    variants: set[str], images: Images, workers: int, scratch: Path, reporter: Reporter
) -> Features:
    """HOG features of all images by variant, as memory-mapped files that all workers share."""
    features = {}
    scratch.mkdir(parents=True, exist_ok=True)
    for variant in sorted(variants):
        begin = time.monotonic()
        arrays = fits.hog_features(variant, images.X_train, images.X_test, workers)
        mapped = []
        for name, array in zip(("train", "test"), arrays, strict=True):
            path = scratch / f"{variant.replace(' ', '-')}-{name}.npy"
            np.save(path, array)
            mapped.append(np.load(path, mmap_mode="r"))
        features[variant] = tuple(mapped)
        reporter.line(f"Features of {variant}: {seconds(time.monotonic() - begin)}")
    return features


def _place(run: Run) -> tuple[str, dict[str, Any]]:
    """Kind and key of a run in the store."""
    kind = {CNNRun: "cnn", HOGRun: "hog", TimingRun: "time"}[type(run)]
    return kind, asdict(run)


def _tell_plan(
    runs: list[Run],
    kept: int,
    missing: list[Run],
    images: Images,
    workers: int,
    reporter: Reporter,
) -> None:
    networks = sum(isinstance(run, CNNRun) for run in missing)
    total = sum(fits.cost(run, images) for run in missing)
    reporter.line(
        f"{len(runs)} runs, {kept} of them kept from before; to do: "
        f"{networks} networks, {sum(isinstance(run, HOGRun) for run in missing)} HOG + SVC, "
        f"{sum(isinstance(run, TimingRun) for run in missing)} timings, about "
        f"{seconds(total / workers)} on {workers} {'core' if workers == 1 else 'cores'}"
    )


def _said(run: Run, result: dict[str, Any]) -> str:
    """What a progress line says of a finished run."""
    if isinstance(run, TimingRun):
        return f"{1000 * result['seconds_per_iteration']:.0f} ms per iteration"
    if isinstance(run, HOGRun):
        return f"{run.variant}, {run.share} %: {result['test_error']:.2f} % test error"
    parts = [run.protocol, f"{run.n_filters} filters {run.filter_size}x{run.filter_size}"]
    parts += [f"{run.pool_regions}x{run.pool_regions} regions"]
    parts += ["-".join(map(str, run.hidden)) + " hidden"] if run.hidden else []
    parts += [f"{run.share} % of the images"] if run.share < 100 else []
    return f"{', '.join(parts)}: {result['test_error']:.2f} % test error"


class _Clock:
    """Time left, from what is done and the expected costs of all."""

    def __init__(self, runs: list[Run], images: Images):
        self._images = images
        self._total = sum(fits.cost(run, images) for run in runs)
        self._done = 0.0
        self._begin = time.monotonic()

    def left(self, finished: Run) -> str:
        """The time left when one more run is finished."""
        self._done += fits.cost(finished, self._images)
        elapsed = time.monotonic() - self._begin
        return seconds(max(0.0, elapsed * (self._total / self._done - 1)))
