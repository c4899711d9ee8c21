"""All runs of a rerun: stored results are loaded, the others made in worker processes.

A network is trained on one thread, and as many networks at a time as there are cores. This uses
the cores better than one network on all of them, and gives the same results bit for bit. Only the
times of iterations are measured alone, on all cores.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import joblib
from numpy.typing import NDArray

from skcnn.study.data import Images
from skcnn.study.formatting import count, seconds
from skcnn.study.paper2014.experiments import Run
from skcnn.study.paper2014.hog import HOGRun, fit_svc, hog_features
from skcnn.study.paper2014.networks import (
    CNNRun,
    FitResult,
    InterruptedTrainingError,
    TimingResult,
    TimingRun,
    time_iteration,
    train,
)
from skcnn.study.store import Part, Session

Results = dict[Run, Any]  # FitResult; of a TimingRun, TimingResult
Features = dict[str, tuple[NDArray, NDArray]]  # of training and test images, by variant of HOG


def execute(runs: Iterable[Run], images: Images, session: Session, scratch: Path) -> Results:
    """The result of every run; equal runs are made once.

    `scratch` is a folder for HOG features, which all workers share; it is deleted at the end. On
    Ctrl-C, all finished results are stored and KeyboardInterrupt is raised.
    """
    runs = list(dict.fromkeys(runs))
    results = session.load_all(runs, _part)
    wanted = [run for run in runs if run not in results]
    longer = {
        run: other
        for run in wanted
        if isinstance(run, CNNRun)
        for other in runs
        if run.is_beginning_of(other)
    }
    missing = [run for run in wanted if run not in longer]
    missing.sort(key=lambda run: run.cost(images), reverse=True)
    total = sum(run.cost(images) for run in missing)
    session.reporter.line(
        f"{count(len(runs), 'run')}, {len(results)} of them stored; {len(missing)} to do, about "
        f"{seconds(total / session.workers)} on {count(session.workers, 'core')}"
    )
    begin, done = time.monotonic(), 0.0

    def describe(run: Run, result: FitResult | TimingResult) -> str:
        nonlocal done
        done += run.cost(images)
        left = max(0.0, (time.monotonic() - begin) * (total / done - 1))
        changes = (
            f"{field.name} {value}"
            for field in fields(run)
            if (value := getattr(run, field.name)) != field.default
        )
        return f"{', '.join([run.kind, *changes])}: {result}; about {seconds(left)} left"

    def stage(title: str, chosen: Sequence[Run], features: Features, workers: int) -> None:
        made: Results = {}
        make = partial(_make, images=images, features=features, n_jobs=session.workers)
        jobs = [(run,) for run in chosen]
        session.run(title, jobs, make, made, part_of=_part, describe=describe, workers=workers)
        results.update(made)

    timings = [run for run in missing if isinstance(run, TimingRun)]
    others = [run for run in missing if not isinstance(run, TimingRun)]
    variants = {run.variant for run in others if isinstance(run, HOGRun)}
    try:
        stage("Timings", timings, {}, 1)
        features = _shared_features(variants, images, session.workers, scratch)
        stage("Networks, HOG + SVC", others, features, session.workers)
    except InterruptedTrainingError as interrupted:
        raise KeyboardInterrupt from interrupted
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    for run, other in longer.items():
        results[run] = results[other].at(run.iterations)
        session.save(_part(run), results[run])
    return results


def _part(run: Run) -> Part[Any]:
    return Part(run.kind, asdict(run), run.restore)


def _shared_features(
    variants: Iterable[str], images: Images, n_jobs: int, scratch: Path
) -> Features:
    """HOG features as memory-mapped files."""
    scratch.mkdir(parents=True, exist_ok=True)
    features = {}
    for variant in variants:
        path = scratch / f"{variant}.joblib"
        joblib.dump(hog_features(variant, images, n_jobs), path)
        features[variant] = joblib.load(path, mmap_mode="r")
    return features


def _make(
    runs: tuple[Run], images: Images, features: Features, n_jobs: int
) -> list[FitResult | TimingResult]:
    """The result of a single run, made in a worker process."""
    (run,) = runs
    if isinstance(run, CNNRun):
        return [train(run, images, run.checkpoints())]
    if isinstance(run, HOGRun):
        return [fit_svc(run, features[run.variant], images)]
    return [time_iteration(run, images, n_jobs)]
