"""What the commands of all studies share: their settings and arguments, and how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

import joblib

from skcnn._files.paths import to_path


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
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise ValueError(
            f"{name} is {value!r}; expected {meaning}, an integer of at least 1. "
            "Pass such an integer."
        )


def add_common_arguments(
    parser: argparse.ArgumentParser,
    default: StudySettings,
    *,
    data_help: str,
    seeds_help: str,
    quick_help: str,
) -> None:
    """Add the arguments for `StudySettings`, with these defaults and texts, and --quiet."""

    def add(name: str, metavar: str, text: str, **options: Any) -> None:
        parser.add_argument(name, metavar=metavar, help=text, **options)

    add("--data", "digits|mnist|DIRECTORY", data_help, default=default.data)
    add("--out", "DIR", "folder of the report (default: %(default)s)", default=str(default.out))
    add("--seeds", "N", f"{seeds_help} (default: %(default)s)", type=int, default=default.seeds)
    add("--n-jobs", "N", "number of cores to use (default: all)", type=int)
    parser.add_argument("--quick", action="store_true", help=quick_help)
    parser.add_argument("--quiet", action="store_true", help="do not report progress")


def run_command(
    parser: argparse.ArgumentParser, argv: Sequence[str] | None, run: Callable[..., Any]
) -> int:
    """Call `run` with the parsed arguments; print the `summary` and the `report` that it returns.

    The arguments are the parameters of `run`, and --quiet. Returns the exit status: 0 for success,
    2 if an argument, the data or the installation is wrong, 130 after Ctrl-C.
    """
    arguments: dict[str, Any] = vars(parser.parse_args(argv))
    verbose = not arguments.pop("quiet")
    try:
        done = run(**arguments, verbose=verbose)
    except (ValueError, OSError, ImportError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(done.summary)
    print(f"Report: {done.report.resolve()}")
    return 0
