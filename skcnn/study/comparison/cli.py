"""``python -m skcnn compare``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from skcnn.study.cli import add_common_arguments, run_command
from skcnn.study.comparison.runner import run
from skcnn.study.comparison.settings import SEARCHES, Settings


def parser(prog: str = "python -m skcnn compare") -> argparse.ArgumentParser:
    """The arguments of the command: the parameters of `run`."""
    default = Settings()
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            "Compare a convolutional network, HOG + SVC, and an SVC on the network's features: "
            "hyperparameter search, learning curves, test errors, costs and figures in one HTML "
            "report. To continue an interrupted run, give the same command again."
        ),
        epilog="On two cores, scikit-learn's digits take a minute, MNIST up to 90 minutes.",
    )
    add_common_arguments(
        parser,
        data=default.data,
        data_help="scikit-learn's digits (default), MNIST (downloaded once), or a directory with "
        "four IDX files named as those of MNIST",
        out=str(default.out),
        seeds=default.seeds,
        seeds_help="number of repetitions of the learning curves",
        quick_help="make a small run that only shows what the report looks like",
    )
    parser.add_argument("--train-size", type=int, metavar="N", help="use only N training images")
    parser.add_argument(
        "--search",
        choices=SEARCHES,
        default=default.search,
        help="search strategy (default: %(default)s)",
    )
    parser.add_argument(
        "--time-budget",
        type=float,
        default=default.time_budget,
        metavar="SECONDS",
        help="leave out what does not fit into this time (default: %(default)g)",
    )
    parser.add_argument(
        "--candidates",
        type=int,
        metavar="N",
        help="try at most N settings per contender, those closest to its defaults (default: 10 to "
        "20 with up to 5,000 training images, otherwise the whole grid)",
    )
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "python -m skcnn compare") -> int:
    """Run the command with these arguments, by default those of the process; return its status."""
    return run_command(parser(prog), argv, run, lambda comparison: comparison.summary)
