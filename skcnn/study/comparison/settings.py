"""The settings of a comparison, validated when they are created, and its time budget."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.study.comparison.contenders import ALWAYS, CONTENDERS
from skcnn.study.settings import StudySettings, check_count

SHARES = (1, 2, 5, 10, 20, 50, 100)  # percent of the training images
QUICK_SHARES = (10, 30, 100)
# Maximum number of training images for a training error: predicting 60,000 images with an SVC takes
# longer than fitting it. With 5,000 an error of 0.1 % has a standard error of 0.05 points.
TRAIN_ERROR_IMAGES = 5_000
SEARCHES = ("grid", "halving")
# With at most this number of images a run is meant to take one or two minutes: each contender
# tries only the settings closest to its defaults.
FEW_IMAGES = 5_000
LABELS_PER_CLASS = 10  # on the left of the curves of a comparison of features


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
    features: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train_size is not None:
            check_count("train_size", self.train_size, "the number of training images to use")
        if self.candidates is not None:
            check_count("candidates", self.candidates, "the number of settings per contender")
        if self.search not in SEARCHES:
            raise ValueError(f"search is {self.search!r}; expected one of {SEARCHES}. Pass one.")
        if isinstance(self.time_budget, bool) or not (
            isinstance(self.time_budget, Real) and 0 < self.time_budget < math.inf
        ):
            raise ValueError(
                f"time_budget is {self.time_budget!r}; expected a positive, finite number of "
                "seconds. Pass such a number."
            )

    @property
    def contenders(self) -> tuple[str, ...]:
        """The contenders that take part."""
        return tuple(CONTENDERS) if self.features else ALWAYS

    @property
    def unit_of_curves(self) -> str:
        """What the learning curves count."""
        return "labels" if self.features else "training images"

    def label_free(self, contender: str) -> bool:
        """Whether all steps of a contender but the last are fitted to all training images.

        In a comparison of features the subsets of the learning curves are the images with labels.
        """
        return self.features and CONTENDERS[contender].label_free

    def seeded(self, contender: str) -> bool:
        """Whether the fit of a contender to all training images depends on the seed."""
        return CONTENDERS[contender].seeded and not self.label_free(contender)

    def shares(self, y: NDArray) -> tuple[float, ...]:
        """Shares of the training images on the learning curves, in percent.

        In a comparison of features they are numbers of labels: on average 10 for each class, 20,
        50, 100, ... up to half of the images, and all.
        """
        if not self.features:
            return QUICK_SHARES if self.quick else SHARES
        least = LABELS_PER_CLASS * len(np.unique(y))
        factors = (10**power * digit for power in range(9) for digit in (1, 2, 5))
        sizes = [n for n in (factor * least for factor in factors) if n <= len(y) / 2]
        if self.quick:
            sizes = sizes[:1]
        return (*(100 * n / len(y) for n in sizes), 100)

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
        return CONTENDERS[contender].few_candidates if images <= FEW_IMAGES else None


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

    def one_of(self, n: int) -> Budget:
        """A new budget that starts now, with one of `n` equal parts of the seconds left."""
        return Budget(self.left / n)
