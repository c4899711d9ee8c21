"""What a comparison is asked to do, checked before anything runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import joblib

SHARES = (1, 2, 5, 10, 20, 50, 100)  # percent of the training images
QUICK_SHARES = (10, 30, 100)
SEARCHES = ("grid", "halving")
DEFAULT_OUT = "skcnn-compare"
# Where there are at most so many images to search on, a run is meant to take a minute: it tries
# the defaults, every single change of them, and as many more as the time of a fit allows.
FEW_IMAGES = 5_000
FEW_CANDIDATES = {"cnn": 10, "hog_svc": 20, "cnn_svc": 10}


@dataclass(frozen=True)
class Settings:
    """The settings of one comparison; `run` documents them.

    Examples
    --------
    >>> from skcnn.study.comparison.settings import Settings
    >>> settings = Settings(seeds=2)
    >>> settings.seed_list, settings.shares
    ([0, 1], (1, 2, 5, 10, 20, 50, 100))
    """

    data: Any = "digits"
    out: Path = Path(DEFAULT_OUT)
    train_size: int | None = None
    seeds: int = 3
    search: str = "grid"
    time_budget: float = 5400.0
    n_jobs: int | None = None
    quick: bool = False
    candidates: int | None = None

    def __post_init__(self):
        object.__setattr__(self, "out", Path(self.out))
        if self.train_size is not None:
            _check_integer("train_size", self.train_size, "the number of training images to use")
        _check_integer("seeds", self.seeds, "the number of repetitions of the learning curves")
        if self.candidates is not None:
            _check_integer("candidates", self.candidates, "the most settings to try per contender")
        if self.search not in SEARCHES:
            raise ValueError(f"search is {self.search!r}; expected one of {SEARCHES}.")
        if isinstance(self.time_budget, bool) or not (
            isinstance(self.time_budget, Real) and self.time_budget > 0
        ):
            raise ValueError(f"time_budget is {self.time_budget!r}; expected seconds, above 0.")
        if self.n_jobs is not None and (
            isinstance(self.n_jobs, bool)
            or not isinstance(self.n_jobs, Integral)
            or self.n_jobs == 0
        ):
            raise ValueError(
                f"n_jobs is {self.n_jobs!r}; expected the number of cores to use, -1 for all of "
                "them, or None (all of them)."
            )

    @property
    def workers(self) -> int:
        """Cores to use: never more than this process may use."""
        cores = joblib.cpu_count()
        if self.n_jobs is None:
            return cores
        return max(1, cores + 1 + self.n_jobs) if self.n_jobs < 0 else min(self.n_jobs, cores)

    @property
    def seed_list(self) -> list[int]:
        """The seeds: 0, 1, ..."""
        return list(range(self.seeds))

    @property
    def shares(self) -> tuple[int, ...]:
        """Shares of the training images on the learning curves, in percent."""
        return QUICK_SHARES if self.quick else SHARES

    @property
    def folds(self) -> int:
        """Folds of the cross-validation in the search."""
        return 2 if self.quick else 3

    @property
    def search_size(self) -> int:
        """Most training images that the search looks at: the search refits many times."""
        return 1_000 if self.quick else 10_000

    def most_candidates(self, contender: str, images: int) -> int | None:
        """Most settings that the search tries of a contender; None: all of the grid."""
        if self.candidates is not None:
            return self.candidates
        if self.quick:
            return 2
        return FEW_CANDIDATES[contender] if images <= FEW_IMAGES else None

    @property
    def train_error_size(self) -> int:
        """Most training images that a training error is measured on.

        Predicting 60,000 images with an SVC takes longer than training it; on 5,000 images an
        error of 0.1 % is known to 0.05 points.
        """
        return 5_000


class Budget:
    """The clock of a comparison: how many of its seconds are left.

    Examples
    --------
    >>> from skcnn.study.comparison.settings import Budget
    >>> Budget(3600).allows(10)
    True
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds left, 0 when over."""
        return max(0.0, self.seconds - self.spent)

    def allows(self, seconds: float) -> bool:
        """Whether something that takes this long would end in time."""
        return seconds < self.left

    def part(self, share: float) -> Budget:
        """A budget of its own that starts now and holds a share of all the seconds."""
        return Budget(min(self.left, share * self.seconds))


def _check_integer(name: str, value: Any, meaning: str) -> None:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(f"{name} is {value!r}; expected {meaning}, an integer of at least 1.")
