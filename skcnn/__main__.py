"""The command line: ``python -m skcnn COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
from collections.abc import Sequence

# Each command is `main(argv, prog)` of its module, which is imported when it is asked for.
COMMANDS = {
    "compare": ("skcnn.study.comparison", "a CNN against HOG + SVC on your images: an HTML report"),
    "paper": ("skcnn.study.paper2014", "rerun the experiments of the paper of 2014"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status.

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
    for name, (module, text) in COMMANDS.items():
        if importlib.util.find_spec(module) is not None:
            commands.add_parser(name, help=text, add_help=False)  # its module has the help
    known, _ = parser.parse_known_args(argv[:1])
    module = importlib.import_module(COMMANDS[known.command][0])
    return module.main(argv[1:], prog=f"{parser.prog} {known.command}")


if __name__ == "__main__":
    sys.exit(main())
