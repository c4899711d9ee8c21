"""What the commands of all studies share: their arguments, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

ReportT = TypeVar("ReportT")


def add_common_arguments(
    parser: argparse.ArgumentParser,
    *,
    data: str,
    data_help: str,
    out: str,
    seeds: int,
    seeds_help: str,
    quick_help: str,
) -> None:
    """Add --data, --out, --seeds, --n-jobs, --quick and --quiet with these defaults and texts."""
    parser.add_argument("--data", default=data, metavar="digits|mnist|DIRECTORY", help=data_help)
    parser.add_argument(
        "--out",
        default=out,
        metavar="DIR",
        help="folder of the report (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=seeds,
        metavar="N",
        help=f"{seeds_help} (default: %(default)s)",
    )
    parser.add_argument(
        "--n-jobs", type=int, metavar="N", help="number of cores to use (default: all)"
    )
    parser.add_argument("--quick", action="store_true", help=quick_help)
    parser.add_argument("--quiet", action="store_true", help="do not report progress")


def run_command(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    run: Callable[..., ReportT],
    summarize: Callable[[ReportT], str],
) -> int:
    """Call `run` with the parsed arguments; print a summary of what it returns, and its `report`.

    The arguments are the parameters of `run`, and --quiet. Returns the exit status: 0 for success,
    2 if an argument, the data or the installation is wrong, 130 after Ctrl-C.
    """
    arguments: dict[str, Any] = vars(parser.parse_args(argv))
    verbose = not arguments.pop("quiet")
    try:
        done: Any = run(**arguments, verbose=verbose)
    except (ValueError, OSError, ImportError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(summarize(done))
    print(f"Report: {done.report.resolve()}")
    return 0
