"""``python -m skcnn paper``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from skcnn.study.paper2014.experiments import ALIASES, EXPERIMENTS

DEFAULT_OUT = "skcnn-paper"


def parser(prog: str = "python -m skcnn paper") -> argparse.ArgumentParser:
    """The command's arguments."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description=(
            "Rerun the experiments of Bastani and Wang, 'Convolutional Neural Networks for "
            "Classifying Handwritten Digits' (2014), as published and trained as one would today, "
            "and set the new numbers beside the old: one HTML report. A run that was stopped goes "
            "on where it was when the same command is given again."
        ),
        epilog="Experiments: " + ", ".join([*EXPERIMENTS, *ALIASES]) + ".",
    )
    parser.add_argument(
        "experiments",
        nargs="*",
        default=["all"],
        metavar="EXPERIMENT",
        help="what to rerun: table2, fig2 ... fig11, sec5.5, heatmaps, or all (default)",
    )
    parser.add_argument(
        "--data",
        default="mnist",
        metavar="digits|mnist|DIRECTORY",
        help="MNIST, as in the paper (default; downloaded once), scikit-learn's digits, or a "
        "directory with four IDX files named as MNIST's",
    )
    parser.add_argument(
        "--out",
        default=DEFAULT_OUT,
        metavar="DIR",
        help="folder of the report (default: %(default)s)",
    )
    parser.add_argument(
        "--seeds", type=int, default=1, metavar="N", help="repetitions of every run (default: 1)"
    )
    parser.add_argument("--n-jobs", type=int, metavar="N", help="cores to use (default: all)")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="few images and few iterations: the whole report in about two minutes, to see how "
        "it works; its numbers mean nothing",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")
    return parser


def main(argv: Sequence[str] | None = None, prog: str = "python -m skcnn paper") -> int:
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
    from skcnn.study.paper2014.runner import run

    try:
        found = run(**arguments, verbose=verbose)
    except (ValueError, OSError, ImportError) as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    for verdict in found.verdicts:
        print(f"{verdict.experiment}: {verdict.claim}")
        print(f"    as published: {verdict.published.status}; today: {verdict.today.status}")
    print(f"Report: {found.report.resolve()}")
    return 0
