"""The comparison: a CNN against HOG + SVC, tuned by the same protocol, with costs and uncertainty.

`run` does it, and is what ``python -m skcnn compare`` calls (`main`). Imports point downwards:

- `cli`, `runner`: the command; the stages of a run, one after another
- `report`, `chapters`, `html`, `tables`: the article, its bricks, the CSV and JSON files
- `gallery`, `pictures`, `explain`: the figures, those that need a fitted model apart
- `conclusions`, `summary`, `stats`: sentences from figures, figures from fits, tests
- `search`, `curves`, `measure`: tuning, learning curves, one fit with all its costs
- `contenders`, `grids`, `data`: who is compared, with which settings, on which images
- `store`, `progress`, `provenance`, `settings`, `units`, `published`
"""

from skcnn.study.comparison.cli import main
from skcnn.study.comparison.runner import Comparison, run

__all__ = ["Comparison", "main", "run"]
