"""The experiments of a paper of 2014, repeated: as published, and with today's training.

F. Bastani and Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits", 2014.

`run`, or the command ``python -m skcnn paper``, goes through these modules:

- `runner`: the command, from its arguments to the report; all runs, in worker processes
- `report`, `figures`: the HTML report
- `verdicts`: whether the paper's conclusions hold
- `tables`: mean values of the runs, beside the paper's values
- `experiments`: the paper's tables and figures, and the runs that each one needs
- `runs`: one training of a network, one timing, or one fit of HOG and a support vector machine
- `settings`: the paper's settings, and today's
"""

from skcnn.study.paper2014.runner import Rerun, main, run
from skcnn.study.paper2014.settings import paper_classifier, today_classifier

__all__ = ["Rerun", "main", "paper_classifier", "run", "today_classifier"]
