"""The paper of 2014, rerun whole: settings in, tables and figures out.

F. Bastani, Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits", 2014.

`run` does it, and is what ``python -m skcnn paper`` calls (`main`). Imports point downwards:

- `cli`, `runner`: the command; from settings to the report
- `report`, `captions`, `pictures`, `verdicts`: the article, its figures, what holds and what not
- `errors`: a series of errors, and which of them differ by more than chance
- `tables`: from single runs to rows, and to CSV files
- `execute`, `fits`: runs over processes, each kept when finished; one run
- `experiments`: the paper's tables and figures, each as a list of runs
- `published`, `settings`: the paper's numbers, and the paper's settings
"""

from skcnn.study.paper2014.cli import main
from skcnn.study.paper2014.runner import run
from skcnn.study.paper2014.settings import paper_classifier, today_classifier

__all__ = ["main", "paper_classifier", "run", "today_classifier"]
