"""``python -m skcnn compare``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from skcnn.study.comparison.settings import DEFAULT_OUT, SEARCHES


def parser(prog: str = "python -m skcnn compare") -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            "Compare a convolutional network, HOG + SVC, and an SVC on the network's features: "
            "search, learning curves, test errors, costs, pictures, one HTML report. A run that "
            "was stopped goes on where it was when the same command is given again."
        ),
        epilog="scikit-learn's digits take about a minute on two cores, MNIST less than 90.",
    )
    parser.add_argument(
        "--data",
        default="digits",
        metavar="digits|mnist|DIRECTORY",
        help="scikit-learn's digits (default), MNIST (downloaded once), or a directory with four "
        "IDX files named as MNIST's",
    )
    parser.add_argument(
        "--out",
        default=DEFAULT_OUT,
        metavar="DIR",
        help="folder of the report (default: %(default)s)",
    )
    parser.add_argument("--train-size", type=int, metavar="N", help="use only N training images")
    parser.add_argument(
        "--seeds",
        type=int,
        default=3,
        metavar="N",
        help="repetitions of the learning curves (default: %(default)s)",
    )
    parser.add_argument(
        "--search", choices=SEARCHES, default="grid", help="how to tune (default: %(default)s)"
    )
    parser.add_argument(
        "--time-budget",
        type=float,
        default=5400.0,
        metavar="SECONDS",
        help="seconds to keep to; what does not fit is left out (default: %(default)g)",
    )
    parser.add_argument("--n-jobs", type=int, metavar="N", help="cores to use (default: all)")
    parser.add_argument(
        "--candidates",
        type=int,
        metavar="N",
        help="settings tried per contender, those nearest its defaults (default: 10 to 20 with "
        "up to 5,000 training images, otherwise the whole grid)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a small search and few points, to see how it works"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "python -m skcnn compare") -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, default=None
        Arguments. None: those of the process.
    prog : str
        The command's name in its messages.

    Returns
    -------
    status : int
        0; 2 if something in the arguments, the data or the installation is wrong; 130 if stopped
        by Ctrl-C.
    """
    arguments = vars(parser(prog).parse_args(argv))
    verbose = not arguments.pop("quiet")
    from skcnn.study.comparison.conclusions import brief
    from skcnn.study.comparison.runner import run

    try:
        comparison = run(**arguments, verbose=verbose)
    except (ValueError, FileNotFoundError, ImportError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print(brief(comparison.results))
    print(f"Report: {comparison.report.resolve()}")
    return 0
