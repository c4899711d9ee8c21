"""Learning curves: the errors of every contender on growing shares of the training images."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial

from skcnn.study.comparison.contenders import CONTENDERS, Params, build
from skcnn.study.comparison.measure import fit_and_test
from skcnn.study.comparison.results import FinalFit, Fit, FitKey
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.data import Images, nested_order, subset_sizes
from skcnn.study.runs import Part, Session


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
    on the seed there, so it has that result for every seed. Returns the fits, and those skipped for
    lack of time.
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

    fits: dict[FitKey, Fit] = {}
    for key in keys:
        if key.share == 100 and (key.seed == 0 or key.contender == "hog_svc"):
            fit = final[key.contender]
            # It had all cores for itself; in a worker it would take longer.
            seconds = fit.seconds * settings.workers
            fits[key] = Fit(fit.test_error, fit.train_error, fit.fit_seconds, seconds)
    fits |= session.load_all([key for key in keys if key not in fits], part_of)
    # CNN and CNN features + SVC share their network: they are one job.
    jobs: dict[tuple, tuple[FitKey, ...]] = {}
    for key in keys:
        if key not in fits:
            fitted = (key.contender == "hog_svc", *key[1:])
            jobs[fitted] = (*jobs.get(fitted, ()), key)
    session.run(
        "Learning curves",
        list(jobs.values()),
        partial(_fit_all, params=params, images=images, alone=settings.workers == 1),
        fits,
        part_of=part_of,
        describe=describe,
        allows=lambda job: budget.allows(_expected_seconds(job, fits)),
    )
    skipped = [key for job in jobs.values() for key in job if key not in fits]
    if skipped:
        session.reporter.line(f"Learning curves: no time for {len(skipped)} of {len(keys)} fits")
    return {key: fits[key] for key in keys if key in fits}, skipped


def _fit_all(
    keys: tuple[FitKey, ...], params: dict[str, Params], images: Images, alone: bool
) -> list[Fit]:
    """The fits of a job; `alone` in this process, they may use only one core as well."""
    chosen = nested_order(images.y_train, keys[0].seed)[: keys[0].images]
    subset = replace(images, X_train=images.X_train[chosen], y_train=images.y_train[chosen])
    n_jobs = 1 if alone else None
    first, *others = (
        build(key.contender, params[key.contender], seed=key.seed, n_jobs=n_jobs) for key in keys
    )
    fits = [fit_and_test(first, subset)]
    for other in others:  # after the network, which `first` is
        start = time.perf_counter()
        features = replace(
            subset,
            X_train=first["cnn"].transform(subset.X_train),
            X_test=first["cnn"].transform(subset.X_test),
        )
        fit = fit_and_test(other[1:], features)
        seconds = time.perf_counter() - start
        fit_seconds = fit.fit_seconds + fits[0].fit_seconds
        fits.append(replace(fit, seconds=seconds, fit_seconds=fit_seconds))
    return fits


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
