"""What the commands of all studies share: their arguments, and how they end."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

from skcnn.study.settings import StudySettings


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
    report = f"Report: {done.report.resolve()}"
    # A full disk, or nobody reads any longer: the report is complete all the same.
    try:
        print(_printable(f"{done.summary}\n{report}"), flush=True)
    except OSError as error:
        sys.stdout = None  # so that Python does not try again at its end
        try:
            problem = f"the summary cannot be printed ({error})"
            print(f"{parser.prog}: {problem}. {report}", file=sys.stderr, flush=True)
        except OSError:
            sys.stderr = None
    return 0


def _printable(text: str) -> str:
    """Text without the characters that the encoding of the output lacks, which are escaped."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
