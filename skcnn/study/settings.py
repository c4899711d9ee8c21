"""What every study is asked to do, and checks of settings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib

from skcnn._files.paths import to_path
from skcnn._input.settings import is_positive_int


@dataclass(frozen=True, kw_only=True)
class StudySettings:
    """What every study is asked to do; the subclasses add settings, their `run` documents all.

    An invalid setting raises ValueError.
    """

    data: Any
    out: Path
    seeds: int = 1
    n_jobs: int | None = None
    quick: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.data, os.PathLike):
            object.__setattr__(self, "data", Path(self.data))
        object.__setattr__(self, "out", to_path(self.out, "out"))
        check_count("seeds", self.seeds, "the number of repetitions")
        if self.n_jobs is not None and (
            isinstance(self.n_jobs, bool)
            or not isinstance(self.n_jobs, Integral)
            or self.n_jobs == 0
        ):
            raise ValueError(
                f"n_jobs is {self.n_jobs!r}; expected a positive number of cores, a negative one "
                "(-1 for all cores, -2 for all but one), or None for all. Pass one of these."
            )

    @property
    def workers(self) -> int:
        """Number of cores to use, at most as many as this process may use."""
        cores: int = joblib.cpu_count()
        if self.n_jobs is None:
            return cores
        return max(1, cores + 1 + self.n_jobs) if self.n_jobs < 0 else min(self.n_jobs, cores)

    @property
    def seed_list(self) -> list[int]:
        """The seeds: 0, 1, ..."""
        return list(range(self.seeds))


def check_count(name: str, value: Any, meaning: str) -> None:
    """Raise ValueError unless the setting `name` is a positive integer."""
    if not is_positive_int(value):
        raise ValueError(
            f"{name} is {value!r}; expected {meaning}, an integer of at least 1. "
            "Pass such an integer."
        )
