"""The settings of a comparison, validated when they are created, and its time budget."""

from __future__ import annotations

import time
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

from skcnn.study.cli import StudySettings, check_count

SHARES = (1, 2, 5, 10, 20, 50, 100)  # percent of the training images
QUICK_SHARES = (10, 30, 100)
# Maximum number of training images for a training error: predicting 60,000 images with an SVC takes
# longer than fitting it. With 5,000 an error of 0.1 % has a standard error of 0.05 points.
TRAIN_ERROR_IMAGES = 5_000
SEARCHES = ("grid", "halving")
# With at most this number of images a run is meant to take about a minute: it tries the defaults,
# every single change of them, and as many other settings as the time of a fit allows.
FEW_IMAGES = 5_000
FEW_CANDIDATES = {"cnn": 10, "hog_svc": 20, "cnn_svc": 10}


@dataclass(frozen=True, kw_only=True)
class Settings(StudySettings):
    """The settings of a comparison; `skcnn.study.comparison.run` documents them."""

    data: Any = "digits"
    out: Path = Path("skcnn-compare")
    seeds: int = 3
    train_size: int | None = None
    search: str = "grid"
    time_budget: float = 5400.0
    candidates: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train_size is not None:
            check_count("train_size", self.train_size, "the number of training images to use")
        if self.candidates is not None:
            check_count("candidates", self.candidates, "the number of settings per contender")
        if self.search not in SEARCHES:
            raise ValueError(f"search is {self.search!r}; expected one of {SEARCHES}. Pass one.")
        if isinstance(self.time_budget, bool) or not (
            isinstance(self.time_budget, Real) and self.time_budget > 0
        ):
            raise ValueError(
                f"time_budget is {self.time_budget!r}; expected a positive number of seconds. "
                "Pass such a number."
            )

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
        """Maximum number of training images for the search, which makes many fits."""
        return 1_000 if self.quick else 10_000

    def max_candidates(self, contender: str, images: int) -> int | None:
        """Maximum number of settings to try for a contender; None: the whole grid."""
        if self.candidates is not None:
            return self.candidates
        if self.quick:
            return 2
        return FEW_CANDIDATES[contender] if images <= FEW_IMAGES else None


class Budget:
    """A number of seconds that starts to run now."""

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._start = time.monotonic()

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start

    @property
    def left(self) -> float:
        """Seconds left; 0 if there are none."""
        return max(0.0, self.seconds - self.spent)

    def part(self, share: float) -> Budget:
        """A new budget that starts now, with at most this share of all seconds."""
        return Budget(min(self.left, share * self.seconds))
