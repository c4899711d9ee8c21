"""Compare a CNN with HOG + SVC: one protocol, costs, uncertainty, and an HTML report.

`run` makes the comparison; `main` is the command ``python -m skcnn compare``.
"""

from skcnn.study.comparison.runner import Comparison, main, run

__all__ = ["Comparison", "main", "run"]
