"""Tuning a contender: cross-validation over its settings, within a budget of seconds."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold

from skcnn.study.comparison.contenders import build
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.progress import Reporter
from skcnn.study.store import InterruptWatch, Store

EPOCHS, STEPS = 15, 300  # at least, of a network's fit in the search
BATCH = 64
SEED = 0  # of the folds, the order of the candidates and the networks
HALVING_FACTOR = 3


@dataclass(frozen=True)
class Search:
    """What a search found.

    Attributes
    ----------
    best : dict
        The settings with the least cross-validated error.
    rows : list of dict
        One per candidate tried, best first: ``params``, ``error``, ``spread`` (standard deviation
        over the folds), ``fit_seconds`` and ``images`` (of one fit).
    total : int
        Candidates in the grid; those beyond ``len(rows)`` were not reached in time.
    images, folds, epochs : int
        Images searched on, folds of the cross-validation, epochs of a network's fit.
    """

    best: dict[str, Any]
    rows: list[dict[str, Any]]
    total: int
    images: int
    folds: int
    epochs: int


def order_candidates(grid: list[dict[str, list]], seed: int = SEED) -> list[dict[str, Any]]:
    """The settings of a grid: the defaults, then those that differ from them in one, two, ...

    The first value of every list is the default. Among settings equally far from the defaults
    the order is random. A search that ends early has then tried every parameter by itself before
    any combination.

    Examples
    --------
    >>> from skcnn.study.comparison.search import order_candidates
    >>> candidates = order_candidates([{"svc__C": [10, 1, 100], "svc__gamma": ["scale", 0.1]}])
    >>> candidates[0], len(candidates)
    ({'svc__C': 10, 'svc__gamma': 'scale'}, 6)
    >>> [(c["svc__C"] != 10) + (c["svc__gamma"] != "scale") for c in candidates]
    [0, 1, 1, 1, 2, 2]
    """
    default = {name: values[0] for name, values in grid[0].items()}
    candidates = [params for section in grid for params in ParameterGrid(section)]

    def changes(params: dict[str, Any]) -> int:
        return sum(params.get(name, value) != value for name, value in default.items())

    chance = np.random.default_rng(seed).permutation(len(candidates))
    order = sorted(range(len(candidates)), key=lambda i: (changes(candidates[i]), chance[i]))
    return [candidates[index] for index in order]


def search_epochs(images: int, folds: int) -> int:
    """Epochs of a network while it is searched: fewer than by default, to rank settings suffices.

    Examples
    --------
    >>> from skcnn.study.comparison.search import search_epochs
    >>> search_epochs(10_000, folds=3), search_epochs(300, folds=3)
    (15, 96)
    """
    return max(EPOCHS, math.ceil(STEPS * BATCH / (images - images // folds)))


def search(
    key: str,
    fixed: dict[str, Any],
    grid: list[dict[str, list]],
    X: NDArray,
    y: NDArray,
    *,
    settings: Settings,
    budget: Budget,
    store: Store,
    reporter: Reporter,
    watch: InterruptWatch,
    memory: joblib.Memory,
) -> Search:
    """Cross-validate the settings of a contender and choose the best.

    Parameters
    ----------
    key : str
        The contender.
    fixed : dict
        Its settings that are not searched.
    grid : list of dict of str to list
        As for `GridSearchCV`; the first values are the defaults.
    X, y : ndarray
        Training images (the beginning of a random order) and labels.
    settings, budget, store, reporter, watch, memory
        Of the run.

    Returns
    -------
    found : Search
    """
    every = order_candidates(grid)
    candidates = every[: settings.most_candidates(key, len(y))]
    epochs = search_epochs(len(y), settings.folds)
    fixed_here = fixed if key == "hog_svc" else {**fixed, "cnn__max_iter": epochs}
    folds = StratifiedKFold(settings.folds, shuffle=True, random_state=SEED)
    # Alone in its process, a network takes all the cores; in a worker, its share of them.
    n_jobs = 1 if settings.workers == 1 else None
    pipeline = build(key, fixed_here, seed=SEED, n_jobs=n_jobs, memory=memory)
    run = _halving if settings.search == "halving" else _grid
    rows = run(
        key, fixed_here, pipeline, candidates, folds, X, y, settings, budget, store, reporter, watch
    )
    ranked = sorted(rows, key=lambda row: (-row["images"], row["error"], row["order"]))
    best = {**fixed, **candidates[ranked[0]["order"]]}
    return Search(best, ranked, len(every), len(y), settings.folds, epochs)


def _grid(
    key, fixed, pipeline, candidates, folds, X, y, settings, budget, store, reporter, watch
) -> list[dict[str, Any]]:
    """Every candidate on all folds, a few at a time, until done or out of time.

    Each bundle is a `GridSearchCV` of its own over the same folds, so a candidate is a finished
    part by itself. So is a search that ran out of time: when the same run is started again, it is
    not given more time, which might change the settings that all the rest was measured with.
    """
    common = {"contender": key, "fixed": fixed, "images": len(y), "folds": settings.folds}
    out_of_time = {**common, "candidates": candidates, "budget": float(settings.time_budget)}
    ended = store.load("search-end", out_of_time)
    if ended is not None:
        candidates = candidates[:ended]
        reporter.line(
            f"Search, {key}: ended by the clock after {ended} candidates when this was run before; "
            "another --time-budget takes it up again"
        )
    rows, waiting = [], []
    with reporter.stage(f"Search, {key}", len(candidates)) as stage:
        for order, params in enumerate(candidates):
            done = store.load("search", {**common, "params": params})
            if done is None:
                waiting.append((order, params))
            else:
                rows.append({**done, "order": order, "params": params})
                stage.advance(f"{done['error']:.2%} error")
        size = max(1, math.ceil(2 * settings.workers / settings.folds))
        slowest = 0.0
        for start in range(0, len(waiting), size):
            if rows and not budget.allows(slowest):
                reporter.line(f"Search, {key}: time is up after {len(rows)} candidates")
                store.save("search-end", out_of_time, len(rows))
                break
            bundle = waiting[start : start + size]
            began = time.monotonic()
            searched = _cross_validate(
                GridSearchCV(
                    pipeline,
                    [{name: [value] for name, value in params.items()} for _, params in bundle],
                    cv=folds,
                    refit=False,
                    n_jobs=settings.workers,
                    error_score="raise",
                ),
                X,
                y,
            )
            watch.check()
            slowest = max(slowest, time.monotonic() - began)
            for index, (order, params) in enumerate(bundle):
                row = _row(searched, index, len(y) - len(y) // settings.folds)
                store.save("search", {**common, "params": params}, row)
                rows.append({**row, "order": order, "params": params})
                stage.advance(f"{row['error']:.2%} error")
    return rows


def _halving(
    key, fixed, pipeline, candidates, folds, X, y, settings, budget, store, reporter, watch
) -> list[dict[str, Any]]:
    """Successive halving: all candidates on few images, the best third of them on three times as
    many, and so on. It cannot be stopped in the middle, so the budget sets how many start.
    """
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    least = max(2 * settings.folds * len(np.unique(y)), len(y) // HALVING_FACTOR**2)
    whole = {"contender": key, "fixed": fixed, "images": len(y), "folds": settings.folds}

    def run() -> list[dict[str, Any]]:
        began = time.monotonic()
        _cross_validate(
            GridSearchCV(
                pipeline,
                {name: [value] for name, value in candidates[0].items()},
                cv=folds,
                refit=False,
                n_jobs=settings.workers,
                error_score="raise",
            ),
            X[:least],
            y[:least],
        )
        probe = time.monotonic() - began
        # A rung has a third of the candidates and three times the images: each costs about the
        # same (an SVC's somewhat more, which the doubling covers).
        rungs = 1 + int(math.log(len(y) / least, HALVING_FACTOR) + 1e-9)
        affordable = int(budget.left / (2 * rungs * probe)) if probe > 0 else len(candidates)
        chosen = candidates[: max(HALVING_FACTOR, affordable)]
        halving = HalvingGridSearchCV(
            pipeline,
            [{name: [value] for name, value in params.items()} for params in chosen],
            factor=HALVING_FACTOR,
            min_resources=least,
            cv=folds,
            refit=False,
            random_state=SEED,
            n_jobs=settings.workers,
            error_score="raise",
        )
        _cross_validate(halving, X, y)
        last: dict[int, dict[str, Any]] = {}
        for index, params in enumerate(halving.cv_results_["params"]):
            images = int(halving.cv_results_["n_resources"][index])
            row = _row(halving, index, images - images // settings.folds)
            last[chosen.index(params)] = {**row, "order": chosen.index(params)}
        return list(last.values())

    with reporter.stage(f"Halving search, {key}", 1) as stage:
        rows = part(store, "halving", {**whole, "candidates": candidates}, watch, run)
        stage.advance(f"{min(row['error'] for row in rows):.2%} error")
    return [{**row, "params": candidates[row["order"]]} for row in rows]


def _cross_validate(search_cv: Any, X: NDArray, y: NDArray) -> Any:
    """Fit a search without the warnings of fits that were given few epochs or images."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search_cv.fit(X, y)


def _row(searched: Any, index: int, images: int) -> dict[str, Any]:
    """One line of `cv_results_`, as errors."""
    results = searched.cv_results_
    return {
        "error": 1.0 - float(results["mean_test_score"][index]),
        "spread": float(results["std_test_score"][index]),
        "fit_seconds": float(results["mean_fit_time"][index]),
        "images": images,
    }


def part(
    store: Store, kind: str, key: dict[str, Any], watch: InterruptWatch, make: Callable[[], Any]
) -> Any:
    """The stored part, or a new one made by `make` and stored."""
    value = store.load(kind, key)
    if value is None:
        value = make()
        watch.check()
        store.save(kind, key, value)
        value = store.load(kind, key)
    return value
