"""The command line: ``python -m skcnn COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

# The package of each command, imported only when it is needed, and a line of help. The package
# has a function `main(argv, prog)`.
COMMANDS = {
    "compare": ("skcnn.study.comparison", "compare a CNN with HOG + SVC on images: a report"),
    "paper": ("skcnn.study.paper2014", "rerun the experiments of a 2014 paper: a report"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    argv : sequence of str, default=None
        The command and its arguments. None: those of the process.

    Returns
    -------
    status : int
        Exit status: 0 for success; 2 if an argument, the data or the installation is wrong; 130
        after Ctrl-C.

    Examples
    --------
    >>> from skcnn.__main__ import main
    >>> main(["compare", "--seeds", "0"])
    2
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    parser = argparse.ArgumentParser(
        prog="python -m skcnn",
        description="Convolutional networks on the CPU as scikit-learn estimators.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, text) in COMMANDS.items():
        commands.add_parser(name, help=text, add_help=False)  # the package has the full help
    known, _ = parser.parse_known_args(argv[:1])
    package = importlib.import_module(COMMANDS[known.command][0])
    status: int = package.main(argv[1:], prog=f"{parser.prog} {known.command}")
    return status


if __name__ == "__main__":
    sys.exit(main())
