"""The searches: cross-validation of the settings of each contender within a time budget."""

from __future__ import annotations

import math
import time
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline

from skcnn.study.comparison.contenders import (
    CONTENDERS,
    Params,
    build,
    grid_of,
)
from skcnn.study.comparison.grids import Grid
from skcnn.study.comparison.measured import Candidate, Scores, Search
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.data import Images, nested_order
from skcnn.study.store import Part, Session

# Share of the time budget for all searches. The final fits are always made; the learning curves
# have the rest.
BUDGET_SHARE = 0.4
# Minimum for a network's fit in the search: less than by default, but enough to rank settings.
EPOCHS, STEPS = 15, 300
BATCH = 64
SEED = 0  # of the images, the folds, the order of the candidates and the networks
HALVING_FACTOR = 3


def order_candidates(grid: Grid) -> list[Params]:
    """The settings of a grid by the number of their changes from the defaults.

    The first value of every list is the default. Settings with the same number of changes are in
    random order. A search that ends early has then tried every single change before combinations.
    """
    default = {name: values[0] for name, values in grid[0].items()}
    candidates = [params for section in grid for params in ParameterGrid(section)]

    def changes(params: Params) -> int:
        return sum(params.get(name, value) != value for name, value in default.items())

    chance = np.random.default_rng(SEED).permutation(len(candidates))
    order = sorted(range(len(candidates)), key=lambda i: (changes(candidates[i]), chance[i]))
    return [candidates[index] for index in order]


def search_all(
    images: Images, settings: Settings, budget: Budget, session: Session
) -> tuple[dict[str, Search], dict[str, Params]]:
    """The search of each contender within its share of the budget, and the chosen parameters.

    What a search leaves of its share is for those after it: those of networks, which take longest.
    """
    found: dict[str, Search] = {}
    params: dict[str, Params] = {}
    chosen = nested_order(images.y_train, seed=SEED)[: settings.search_size]
    X, y = images.X_train[chosen], images.y_train[chosen]
    n, folds = len(y), settings.folds
    epochs = max(EPOCHS, math.ceil(STEPS * BATCH / (n - n // folds)))
    # Alone in this process a network may use all cores, in a worker its share of them.
    n_jobs = 1 if session.workers == 1 else None
    searches = budget.part(BUDGET_SHARE)
    keys = sorted(settings.contenders, key=lambda key: CONTENDERS[key].epochs is not None)
    for index, key in enumerate(keys):
        contender = CONTENDERS[key]
        common: Params = {}  # what all settings of the contender have in common
        if contender.network is not None:
            common = params[contender.network]
        elif settings.quick:
            common = contender.quick
        fixed = {**common, contender.epochs: epochs} if contender.epochs else common
        every = order_candidates(grid_of(key, images, common))
        share = searches.one_of(len(keys) - index)
        # A new cache for each search: an interrupted one may hold a network that was cut short.
        with session.cache() as memory:
            task = _Task(
                pipeline=build(key, fixed, seed=SEED, n_jobs=n_jobs, memory=memory),
                candidates=every[: settings.max_candidates(key, n)],
                X=X,
                y=y,
                folds=folds,
                identity={"contender": key, "fixed": fixed, "images": n, "folds": folds},
            )
            if settings.search == "grid":
                scores = _grid_search(task, float(settings.time_budget), share, session)
            else:
                scores = _halving_search(task, float(settings.time_budget), share, session)
        rows = [Candidate(**vars(s), params=every[i], order=i) for i, s in scores.items()]
        rows.sort(key=lambda row: (*_rank(row), row.order))
        found[key] = Search(rows, len(every), n, folds, epochs)
        params[key] = {**common, **rows[0].params}
    in_order = settings.contenders
    return {key: found[key] for key in in_order}, {key: params[key] for key in in_order}


@dataclass(frozen=True)
class _Task:
    """What a search has to cross-validate, on which images; what its stored results depend on."""

    pipeline: Pipeline
    candidates: list[Params]
    X: NDArray
    y: NDArray
    folds: int
    identity: dict[str, Any]

    def fit(self, kind: Any, orders: Any, images: int | None = None, **settings: Any) -> Any:
        """A fitted search of this kind over the candidates at these places."""
        grids = [{k: [v] for k, v in self.candidates[order].items()} for order in orders]
        searched = kind(
            self.pipeline, grids, cv=self._split(), refit=False, error_score="raise", **settings
        )
        with warnings.catch_warnings():  # few epochs and images are intended
            warnings.simplefilter("ignore", ConvergenceWarning)
            return searched.fit(self.X[:images], self.y[:images])

    def scores(self, searched: Any, row: int, images: int) -> Scores:
        """A row of `cv_results_`, which is about this number of images."""
        results, part, wrong, tested = searched.cv_results_, images / len(self.y), 0, 0
        for fold, (_, held_out) in enumerate(self._split().split(self.X, self.y)):
            n = int(part * len(held_out))  # as a halving search draws them
            wrong += round((1.0 - results[f"split{fold}_test_score"][row]) * n)
            tested += n
        return Scores(
            wrong=wrong,
            tested=tested,
            spread=float(results["std_test_score"][row]),
            fit_seconds=float(results["mean_fit_time"][row]),
            score_seconds=float(results["mean_score_time"][row]),
            images=images - images // self.folds,
            total_seconds=float(results["mean_fit_time"][row]) * self.folds,
        )

    def _split(self) -> StratifiedKFold:
        return StratifiedKFold(self.folds, shuffle=True, random_state=SEED)


def _grid_search(
    task: _Task, time_budget: float, budget: Budget, session: Session
) -> dict[int, Scores]:
    """The scores of the candidates by their order, each from a `GridSearchCV` of its own.

    That the budget was spent is stored, too: if the same command is given again, more time must
    not change the settings with which everything else was measured.
    """
    title = f"Search, {task.identity['contender']}"
    key = {**task.identity, "candidates": task.candidates, "budget": time_budget}
    out_of_time: Part[dict[str, list[int]]] = Part("search-end", key, dict)
    ended = session.load(out_of_time)
    orders = ended["orders"] if ended else list(range(len(task.candidates)))
    if ended:
        session.reporter.line(
            f"{title}: an earlier run had time for {len(orders)} candidates; another --time-budget "
            "continues the search"
        )

    def part_of(order: int) -> Part[Scores]:
        return Part("search", {**task.identity, "params": task.candidates[order]}, Scores)

    n_asked, began = 0, time.perf_counter()

    def allows(job: tuple[int, ...]) -> bool:
        nonlocal n_asked
        n_asked += 1
        known = [task.folds * (row.fit_seconds + row.score_seconds) for row in list(rows.values())]
        # A job beyond one for each worker is asked for when a job has ended, before its result is
        # in `rows`: the time since the start is then as long as that job took.
        first = 0.0 if n_asked <= session.workers else time.perf_counter() - began
        return job == (0,) or max(known, default=first) < budget.left

    rows = session.load_all(orders, part_of)
    session.run(
        title,
        [(order,) for order in orders if order not in rows],
        partial(_cross_validate, task),
        rows,
        part_of=part_of,
        describe=lambda order, row: f"{row.error:.2%} error",
        allows=allows,
    )
    if len(rows) < len(orders):
        session.reporter.line(f"{title}: the time is spent after {len(rows)} candidates")
        session.save(out_of_time, {"orders": sorted(rows)})
    return rows


def _cross_validate(task: _Task, orders: tuple[int, ...]) -> list[Scores]:
    """A single candidate on all folds, in a worker."""
    return [task.scores(task.fit(GridSearchCV, orders), 0, len(task.y))]


def _halving_search(
    task: _Task, time_budget: float, budget: Budget, session: Session
) -> dict[int, Scores]:
    """The scores of the candidates by their order, each from the last rung that it reached.

    `total_seconds` includes the rungs before it, not the probe that measures how long a fit takes.
    A halving search cannot be interrupted, so the budget limits the number of its candidates.
    """
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingGridSearchCV

    n = len(task.y)
    least = max(2 * task.folds * len(np.unique(task.y)), n // HALVING_FACTOR**2)

    def halve() -> dict[str, dict[str, Any]]:
        began = time.perf_counter()
        task.fit(GridSearchCV, [0], least, n_jobs=session.workers)
        probe = max(time.perf_counter() - began, 1e-6)
        # A rung has a third of the candidates and three times the images of the one before, so it
        # takes as long; an SVC takes somewhat longer, hence the factor of two.
        rungs = 1 + int(math.log(n / least, HALVING_FACTOR) + 1e-9)
        affordable = int(budget.left / (2 * rungs * probe))
        searched = task.fit(
            HalvingGridSearchCV,
            range(len(task.candidates))[: max(HALVING_FACTOR, affordable)],
            factor=HALVING_FACTOR,
            min_resources=least,
            random_state=SEED,
            n_jobs=session.workers,
        )
        results = searched.cv_results_
        rows: dict[int, Scores] = {}
        sizes = zip(results["params"], results["n_resources"].tolist(), strict=True)
        for row, (params, size) in enumerate(sizes):  # the last rung comes last
            order, scores = task.candidates.index(params), task.scores(searched, row, size)
            before = rows[order].total_seconds if order in rows else 0.0
            rows[order] = replace(scores, total_seconds=before + scores.total_seconds)
        return {str(order): vars(scores) for order, scores in rows.items()}

    with session.reporter.stage(f"Halving search, {task.identity['contender']}", 1) as stage:
        key = {**task.identity, "candidates": task.candidates, "budget": time_budget}
        part: Part[dict[str, Any]] = Part("halving", key, dict)
        stored = session.load(part)
        if stored is None:
            stored = halve()
            session.save(part, stored)
        rows = {int(order): Scores(**fields) for order, fields in stored.items()}
        stage.advance(f"{min(map(_rank, rows.values()))[1]:.2%} error")
    return rows


def _rank(scores: Scores) -> tuple[int, float]:
    """The key by which settings are sorted, best first: errors on fewer images come later."""
    return -scores.images, scores.error
