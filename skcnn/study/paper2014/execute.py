"""All runs of a rerun: stored results are loaded, the others made in worker processes.

A network is trained on one thread, and as many networks at a time as there are cores. This uses
the cores better than one network on all of them, and gives the same results bit for bit. Only the
times of iterations are measured alone, on all cores.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, fields
from functools import partial
from typing import Any

from numpy.typing import NDArray

from skcnn.study.data import Images
from skcnn.study.formatting import count, seconds
from skcnn.study.paper2014.runs import (
    CNNRun,
    FitResult,
    HOGRun,
    Results,
    Run,
    TimingResult,
    TimingRun,
    fit_svc,
    hog_features,
    time_iteration,
    train,
)
from skcnn.study.store import Part, Session

Features = dict[str, tuple[NDArray, NDArray]]  # of training and test images, by variant of HOG


def execute(runs: Iterable[Run], images: Images, session: Session) -> Results:
    """The result of every run; equal runs are made once.

    On Ctrl-C, all finished results are stored and KeyboardInterrupt is raised.
    """
    runs = list(dict.fromkeys(runs))
    results: Results = session.load_all(runs, _part)
    missing = [run for run in runs if run not in results]
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

    variants = {run.variant for run in missing if isinstance(run, HOGRun)}
    features = {variant: hog_features(variant, images, session.workers) for variant in variants}
    make = partial(_make, images=images, features=features, n_jobs=session.workers)
    for title, timed, workers in (("Timings", True, 1), ("Networks, HOG + SVC", False, None)):
        made: Results = {}
        jobs = [(run,) for run in missing if isinstance(run, TimingRun) == timed]
        session.run(title, jobs, make, made, part_of=_part, describe=describe, workers=workers)
        results |= made
    return results


def _part(run: Run) -> Part[Any]:
    return Part(run.kind, asdict(run), run.restore)


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
