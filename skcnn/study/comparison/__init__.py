"""Compare a CNN with HOG + SVC: one protocol, costs, uncertainty, and an HTML report.

`run` makes the comparison; `main` is the command ``python -m skcnn compare``.
"""

from skcnn.study.comparison.cli import main
from skcnn.study.comparison.runner import Comparison, run

__all__ = ["Comparison", "main", "run"]
