"""Learning curves: the errors of every contender on growing shares of the training images."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from joblib import delayed
from numpy.typing import NDArray

from skcnn.study.comparison.contenders import CONTENDERS, Params, build
from skcnn.study.comparison.measure import fit_and_test
from skcnn.study.comparison.results import FinalFit, Fit, FitKey
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.data import Images, nested_order, subset_sizes
from skcnn.study.runs import Job, Part, Session


def learning_curves(
    params: dict[str, Params],
    final: dict[str, FinalFit],
    images: Images,
    settings: Settings,
    budget: Budget,
    session: Session,
) -> tuple[dict[FitKey, Fit], list[FitKey]]:
    """Fit every contender on nested subsets, once for each seed, as far as the budget allows.

    A seed determines the subsets, which are the same for all contenders, and the initial weights
    of the network. The fit on all images with seed 0 is that of `final`. HOG + SVC does not depend
    on the seed there, so it has that result for every seed. CNN and CNN features + SVC share their
    network, which is trained once for both. Returns the fits, and those skipped for lack of time.
    """
    sizes, _ = subset_sizes(images.y_train, settings.shares)
    keys = [
        FitKey(name, share, size, seed)
        for seed in settings.seed_list
        for share, size in sizes
        for name in CONTENDERS
    ]

    def part_of(key: FitKey) -> Part[Fit]:
        name, _, size, seed = key
        identity = {"contender": name, "params": params[name], "images": size, "seed": seed}
        return Part("curve", identity, Fit)

    def describe(key: FitKey, fit: Fit) -> str:
        name = CONTENDERS[key.contender].name
        return f"{name}, {key.share} %, seed {key.seed}: {fit.test_error:.2%} test error"

    fits = {
        key: _taken_over(final[key.contender], settings.workers)
        for key in keys
        if key.share == 100 and (key.seed == 0 or key.contender == "hog_svc")
    }
    fits |= session.load_all([key for key in keys if key not in fits], part_of)
    jobs = list(_jobs([key for key in keys if key not in fits], params, images, settings))
    session.run(
        "Learning curves",
        jobs,
        fits,
        total=len(keys),
        part_of=part_of,
        describe=describe,
        allows=lambda job: budget.allows(_expected_seconds(job.items, fits)),
    )
    skipped = [key for job in jobs for key in job.items if key not in fits]
    if skipped:
        session.reporter.line(f"Learning curves: no time for {len(skipped)} of {len(keys)} fits")
    return {key: fits[key] for key in keys if key in fits}, skipped


def _taken_over(final: FinalFit, workers: int) -> Fit:
    """A final fit as a point; it had all cores for itself and would take longer on one."""
    return Fit(final.test_error, final.train_error, final.fit_seconds, final.seconds * workers)


def _jobs(
    keys: list[FitKey], params: dict[str, Params], images: Images, settings: Settings
) -> Iterator[Job[FitKey]]:
    """The fits as jobs, in order; the two that share a network are one job."""
    orders = {seed: nested_order(images.y_train, seed) for seed in settings.seed_list}
    groups: dict[tuple, list[FitKey]] = {}
    for key in keys:
        groups.setdefault((key.contender == "hog_svc", *key[1:]), []).append(key)
    for group in map(tuple, groups.values()):
        order = orders[group[0].seed]
        yield Job(group, delayed(_fit_group)(group, params, images, order, settings))


def _fit_group(
    keys: tuple[FitKey, ...],
    params: dict[str, Params],
    images: Images,
    order: NDArray,
    settings: Settings,
) -> tuple[tuple[FitKey, ...], list[Fit]]:
    """The fits of a job, in a worker."""
    chosen = order[: keys[0].images]
    subset = replace(images, X_train=images.X_train[chosen], y_train=images.y_train[chosen])
    n_jobs = 1 if settings.workers == 1 else None
    first, *others = (
        build(key.contender, params[key.contender], seed=key.seed, n_jobs=n_jobs) for key in keys
    )
    fits = [fit_and_test(first, subset, settings.train_error_size)]
    for other in others:  # after the network, which `first` is
        start = time.perf_counter()
        features = replace(
            subset,
            X_train=first["cnn"].transform(subset.X_train),
            X_test=first["cnn"].transform(subset.X_test),
        )
        fit = fit_and_test(other[1:], features, settings.train_error_size)
        fits.append(
            replace(
                fit,
                seconds=time.perf_counter() - start,
                fit_seconds=fit.fit_seconds + fits[0].fit_seconds,
            )
        )
    return keys, fits


def _expected_seconds(keys: tuple[FitKey, ...], fits: dict[FitKey, Fit]) -> float:
    """Seconds that these fits will take, judged by the finished ones of the same contenders.

    A fit takes no longer than one on more images. Compared with one on fewer images, its time grows
    at most with the square of their number, as that of an SVC.
    """
    expected = 0.0
    for key in keys:
        known = [
            (other.images, fit.seconds)
            for other, fit in list(fits.items())
            if other.contender == key.contender
        ]
        bounds = [seconds for images, seconds in known if images >= key.images]
        if smaller := [(images, seconds) for images, seconds in known if images <= key.images]:
            nearest, seconds = max(smaller)
            bounds.append(seconds * (key.images / nearest) ** 2)
        expected += min(bounds, default=0.0)
    return expected
