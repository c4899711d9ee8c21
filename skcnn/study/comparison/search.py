"""The search of a contender: cross-validation of its settings within a time budget."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline

from skcnn.study.comparison.contenders import Grid, Params, build
from skcnn.study.comparison.results import Candidate, Search
from skcnn.study.comparison.settings import Budget, Settings
from skcnn.study.runs import Part, Session

EPOCHS, STEPS = 15, 300  # minimum for a network's fit in the search
BATCH = 64
SEED = 0  # of the folds, the order of the candidates and the networks
HALVING_FACTOR = 3


def order_candidates(grid: Grid, seed: int = SEED) -> list[Params]:
    """The settings of a grid by the number of their changes from the defaults.

    The first value of every list is the default. Settings with the same number of changes are in
    random order. A search that ends early has then tried every single change before combinations.

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

    def changes(params: Params) -> int:
        return sum(params.get(name, value) != value for name, value in default.items())

    chance = np.random.default_rng(seed).permutation(len(candidates))
    order = sorted(range(len(candidates)), key=lambda i: (changes(candidates[i]), chance[i]))
    return [candidates[index] for index in order]


def search_epochs(images: int, folds: int) -> int:
    """Epochs of a network's fit in the search: fewer than by default, but enough to rank settings.

    Examples
    --------
    >>> from skcnn.study.comparison.search import search_epochs
    >>> search_epochs(10_000, folds=3), search_epochs(300, folds=3)
    (15, 96)
    """
    return max(EPOCHS, math.ceil(STEPS * BATCH / (images - images // folds)))


def search(
    key: str,
    fixed: Params,
    grid: Grid,
    X: NDArray,
    y: NDArray,
    *,
    settings: Settings,
    budget: Budget,
    session: Session,
    memory: joblib.Memory,
) -> Search:
    """Cross-validate the settings of a contender.

    Parameters
    ----------
    key : str
        The contender.
    fixed : dict
        Parameters that are not searched.
    grid : list of dict of str to list
        As for `GridSearchCV`; the first value of every list is the default.
    X : ndarray of shape (n, height, width) or (n, height, width, channels)
        Training images in random order.
    y : ndarray of shape (n,)
        Labels.
    settings, budget, session
        Those of the run; `budget` is for this search alone.
    memory : joblib.Memory
        Cache of HOG features and fitted networks.

    Returns
    -------
    found : Search
    """
    every = order_candidates(grid)
    epochs = search_epochs(len(y), settings.folds)
    if key != "hog_svc":
        fixed = {**fixed, "cnn__max_iter": epochs}
    # Alone in this process a network may use all cores, in a worker its share of them.
    n_jobs = 1 if settings.workers == 1 else None
    task = _Task(
        key=key,
        fixed=fixed,
        candidates=every[: settings.max_candidates(key, len(y))],
        pipeline=build(key, fixed, seed=SEED, n_jobs=n_jobs, memory=memory),
        X=X,
        y=y,
        settings=settings,
        budget=budget,
        session=session,
    )
    rows = list(task.halving() if settings.search == "halving" else task.grid())
    rows.sort(key=lambda row: (-row.images, row.error, row.order))
    return Search(rows, len(every), len(y), settings.folds, epochs)


@dataclass(frozen=True)
class Rungs:
    """The stored result of a halving search: its candidates at the last rung of each."""

    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class OutOfTime:
    """Stored by a grid search that ran out of time after this number of candidates."""

    candidates: int


@dataclass(frozen=True)
class _Task:
    """A search: what to try, on which images, and for how long."""

    key: str
    fixed: Params
    candidates: list[Params]
    pipeline: Pipeline
    X: NDArray
    y: NDArray
    settings: Settings
    budget: Budget
    session: Session

    @property
    def _identity(self) -> dict[str, Any]:
        """What a stored result depends on."""
        folds, images = self.settings.folds, len(self.y)
        return {"contender": self.key, "fixed": self.fixed, "images": images, "folds": folds}

    def grid(self) -> Iterator[Candidate]:
        """Cross-validate one bundle of candidates after the other until the budget is spent.

        Every bundle is a `GridSearchCV` with the same folds, so each candidate can be stored for
        itself. That the budget was spent is also stored: if the same command is given again, more
        time must not change the settings with which everything else was measured.
        """
        reporter, title = self.session.reporter, f"Search, {self.key}"
        out_of_time = Part("search-end", self._of_all(float(self.settings.time_budget)), OutOfTime)
        ended = self.session.load(out_of_time)
        candidates = self.candidates[: None if ended is None else ended.candidates]
        if ended is not None:
            reporter.line(
                f"{title}: an earlier run spent its time on {ended.candidates} candidates; another "
                "--time-budget continues the search"
            )
        stored = self.session.load_all(range(len(candidates)), self._part)
        missing = [order for order in range(len(candidates)) if order not in stored]
        size = max(1, math.ceil(2 * self.settings.workers / self.settings.folds))
        slowest, done = 0.0, len(stored)
        with reporter.stage(title, len(candidates)) as stage:
            for row in stored.values():
                stage.advance(f"{row.error:.2%} error")
                yield row
            for start in range(0, len(missing), size):
                if done and not self.budget.allows(slowest):
                    reporter.line(f"{title}: the time is spent after {done} candidates")
                    self.session.save(out_of_time, OutOfTime(done))
                    return
                began = time.monotonic()
                orders = missing[start : start + size]
                for row in self._cross_validate(orders):
                    self.session.save(self._part(row.order), row)
                    stage.advance(f"{row.error:.2%} error")
                    yield row
                done += len(orders)
                slowest = max(slowest, time.monotonic() - began)

    def halving(self) -> Iterator[Candidate]:
        """Successive halving: all candidates on few images, the best third of them on three times
        as many, and so on. It cannot be interrupted, so the budget limits how many start.
        """
        with self.session.reporter.stage(f"Halving search, {self.key}", 1) as stage:
            part = Part("halving", self._of_all(None), Rungs)
            for row in self.session.load_or_make(part, self._halve).rows:
                yield replace(Candidate(**row), params=self.candidates[row["order"]])
            stage.advance()

    def _halve(self) -> Rungs:
        from sklearn.experimental import enable_halving_search_cv  # noqa: F401
        from sklearn.model_selection import HalvingGridSearchCV

        folds, images = self.settings.folds, len(self.y)
        least = max(2 * folds * len(np.unique(self.y)), images // HALVING_FACTOR**2)
        began = time.monotonic()
        list(self._cross_validate([0], least))
        probe = time.monotonic() - began
        # A rung has a third of the candidates and three times the images of the one before, so it
        # takes as long; an SVC takes somewhat longer, hence the factor of two.
        rungs = 1 + int(math.log(images / least, HALVING_FACTOR) + 1e-9)
        affordable = int(self.budget.left / (2 * rungs * probe))
        orders = range(len(self.candidates))[: max(HALVING_FACTOR, affordable)]
        rules = {"factor": HALVING_FACTOR, "min_resources": least, "random_state": SEED}
        searched = self._fit(HalvingGridSearchCV, orders, **rules)
        last = {}
        for index, params in enumerate(searched.cv_results_["params"]):
            n = int(searched.cv_results_["n_resources"][index])
            order = self.candidates.index(params)
            last[order] = vars(self._candidate(searched, index, order, n))
        return Rungs(list(last.values()))

    def _cross_validate(self, orders: list[int], images: int | None = None) -> list[Candidate]:
        """These candidates on all folds of the first `images` images."""
        searched = self._fit(GridSearchCV, orders, images=images)
        n = images or len(self.y)
        return [self._candidate(searched, i, order, n) for i, order in enumerate(orders)]

    def _fit(self, kind: Any, orders: Any, *, images: int | None = None, **settings: Any) -> Any:
        """A fitted search of this kind over the candidates at these places."""
        grids = [{k: [v] for k, v in self.candidates[order].items()} for order in orders]
        folds = StratifiedKFold(self.settings.folds, shuffle=True, random_state=SEED)
        searched = kind(
            self.pipeline,
            grids,
            cv=folds,
            refit=False,
            n_jobs=self.settings.workers,
            error_score="raise",
            **settings,
        )
        with warnings.catch_warnings():  # the search has few epochs and images on purpose
            warnings.simplefilter("ignore", ConvergenceWarning)
            return searched.fit(self.X[:images], self.y[:images])

    def _candidate(self, searched: Any, index: int, order: int, images: int) -> Candidate:
        """A row of `cv_results_`, which is about `images` images."""
        results = searched.cv_results_
        return Candidate(
            params=self.candidates[order],
            order=order,
            error=1.0 - float(results["mean_test_score"][index]),
            spread=float(results["std_test_score"][index]),
            fit_seconds=float(results["mean_fit_time"][index]),
            images=images - images // self.settings.folds,
        )

    def _part(self, order: int) -> Part[Candidate]:
        """Where a candidate is stored. JSON turns its tuples into lists, hence `params`."""
        params = self.candidates[order]

        def load(**fields: Any) -> Candidate:
            return replace(Candidate(**fields), params=params, order=order)

        return Part("search", {**self._identity, "params": params}, load)

    def _of_all(self, budget: float | None) -> dict[str, Any]:
        """What a stored result of the whole search depends on."""
        return {**self._identity, "candidates": self.candidates, "budget": budget}
