"""Learning curves: errors of every contender against the share of the training images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from joblib import Parallel, delayed

from skcnn.study.comparison.contenders import CONTENDERS, build
from skcnn.study.comparison.measure import fit_and_test
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.data import Images, nested_order, subset_sizes
from skcnn.study.progress import Reporter
from skcnn.study.store import InterruptWatch, Store

Fit = tuple[str, int, int, int]  # contender, share (percent), images, seed
Job = tuple[tuple[str, ...], int, int, int]  # the same for contenders that share a network


def learning_curves(
    params: dict[str, dict[str, Any]],
    images: Images,
    finals: dict[str, dict[str, Any]],
    *,
    settings: Settings,
    budget: Budget,
    store: Store,
    reporter: Reporter,
    watch: InterruptWatch,
) -> tuple[list[dict[str, Any]], list[Fit]]:
    """Fit every contender on growing subsets, once per seed, as far as time allows.

    A seed chooses the subset and starts the network; all contenders get the same subsets, each
    within the next larger one. All images with the first seed is the final fit, taken over from
    `finals`; a contender without chance in it (HOG + SVC) gets that result for every seed. The
    network of CNN and of CNN features + SVC is the same, so it is trained once for both.

    Parameters
    ----------
    params : dict of str to dict
        Tuned settings by contender.
    images : Images
        The data.
    finals : dict of str to dict
        Result of `measure_alone` on all training images by contender.
    settings, budget, store, reporter, watch
        Of the run.

    Returns
    -------
    rows : list of dict
        One per fit: ``contender``, ``share``, ``images``, ``seed``, ``test_error``,
        ``train_error``, ``fit_seconds``.
    skipped : list of (contender, share, images, seed)
        Fits that time did not allow.
    """
    sizes, _ = subset_sizes(images.y_train, settings.shares)
    every = [
        (name, share, size, seed)
        for seed in settings.seed_list
        for share, size in sizes
        for name in CONTENDERS
    ]

    def identity(fit: Fit) -> dict[str, Any]:
        name, _, size, seed = fit
        return {"contender": name, "params": params[name], "images": size, "seed": seed}

    rows: dict[Fit, dict[str, Any]] = {}
    for fit in every:
        name, share, _, seed = fit
        if share == 100 and (seed == 0 or name == "hog_svc"):
            # Measured with all the cores to itself; in a worker it would take longer.
            alone = finals[name]
            rows[fit] = {**alone, "seconds": alone["seconds"] * settings.workers}
        elif (found := store.load("curve", identity(fit))) is not None:
            rows[fit] = found
    jobs = _jobs([fit for fit in every if fit not in rows])
    orders = {seed: nested_order(images.y_train, seed) for seed in settings.seed_list}
    started: set[Job] = set()

    def tasks() -> Iterator[Any]:
        """Jobs for as long as each is likely to end in time; taken one by one by the workers."""
        for job in jobs:
            if budget.allows(_expected_seconds(job, rows)):
                started.add(job)
                yield delayed(_do)(job, params, images, orders[job[3]], settings)

    with reporter.stage("Learning curves", len(every)) as stage:
        for _ in rows:
            stage.advance()
        workers = Parallel(
            n_jobs=settings.workers,
            batch_size=1,
            pre_dispatch=settings.workers,
            return_as="generator_unordered",
        )
        for (names, share, size, seed), results in workers(tasks()):
            watch.check()
            for name, result in zip(names, results, strict=True):
                fit = (name, share, size, seed)
                store.save("curve", identity(fit), result)
                rows[fit] = result
                stage.advance(
                    f"{CONTENDERS[name].name}, {share} %, seed {seed}: "
                    f"{result['test_error']:.2%} test error"
                )
    skipped = [(name, *job[1:]) for job in jobs if job not in started for name in job[0]]
    if skipped:
        reporter.line(f"Learning curves: no time for {len(skipped)} of {len(every)} fits")
    measured = ("test_error", "train_error", "fit_seconds")
    table = [
        {
            **dict(zip(("contender", "share", "images", "seed"), fit, strict=True)),
            **{name: rows[fit][name] for name in measured},
        }
        for fit in every
        if fit in rows
    ]
    return table, skipped


def _jobs(fits: list[Fit]) -> list[Job]:
    """Fits as jobs, in order; the two that share a network are one."""
    jobs: dict[tuple, list[str]] = {}
    for name, *rest in fits:
        jobs.setdefault((name == "hog_svc", *rest), []).append(name)
    return [(tuple(names), *key[1:]) for key, names in jobs.items()]


def _do(
    job: Job, params: dict[str, dict[str, Any]], images: Images, order, settings: Settings
) -> tuple[Job, list[dict[str, float]]]:
    """The fits of a job, in a worker."""
    names, _, size, seed = job
    chosen = order[:size]
    n_jobs = 1 if settings.workers == 1 else None
    pipelines = [build(name, params[name], seed=seed, n_jobs=n_jobs) for name in names]
    data = (images.X_train[chosen], images.y_train[chosen], images.X_test, images.y_test)
    first = fit_and_test(pipelines[0], *data, settings.train_error_size)
    if len(pipelines) == 1:
        return job, [first]
    network, (X_train, y_train, X_test, y_test) = pipelines[0], data
    start = time.perf_counter()
    features = [network["cnn"].transform(X) for X in (X_train, X_test)]
    again = fit_and_test(
        pipelines[1][1:], features[0], y_train, features[1], y_test, settings.train_error_size
    )
    again["seconds"] = time.perf_counter() - start
    again["fit_seconds"] += first["fit_seconds"]
    return job, [first, again]


def _expected_seconds(job: Job, rows: dict[Fit, dict[str, Any]]) -> float:
    """Seconds that a job will take: as with another seed, else by the next smaller fits.

    An SVC's time grows with up to the square of the number of images, so this errs on the long
    side; but no fit takes longer than one on more images.
    """
    names, _, size, _ = job
    expected = 0.0
    for name in names:
        mine = [(fit[2], row["seconds"]) for fit, row in rows.items() if fit[0] == name]
        estimates = [seconds for images, seconds in mine if images >= size]
        if smaller := [(images, seconds) for images, seconds in mine if images <= size]:
            nearest, taken = max(smaller)
            estimates.append(taken * (size / nearest) ** 2)
        expected += min(estimates, default=0.0)
    return expected
