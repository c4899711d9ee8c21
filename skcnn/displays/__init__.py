"""Plots of what estimators learned and where they fail, in the style of scikit-learn's displays.

Each class has a class method `from_estimator`, which computes what is shown and draws it, and a
method `plot`, which draws it again. After drawing, `figure_` and `ax_` or `axes_` hold the
matplotlib objects.

- `FilterDisplay` and `LossCurveDisplay` take the fitted estimators of skcnn that learn filters and
  that have a loss, respectively, or a `Pipeline`, a search or an ensemble that contains one.
- `ReconstructionDisplay` and `EmbeddingDisplay` take any fitted transformer of images.
- `OcclusionDisplay` and `MisclassifiedDisplay` take any fitted classifier of images.

Images are drawn as they are in X, before the steps of a pipeline.

The displays need matplotlib (``pip install "skcnn[plot]"``), which is imported when something is
drawn.
"""

from skcnn.displays._embedding import EmbeddingDisplay
from skcnn.displays._filters import FilterDisplay
from skcnn.displays._loss_curve import LossCurveDisplay
from skcnn.displays._misclassified import MisclassifiedDisplay
from skcnn.displays._occlusion import OcclusionDisplay
from skcnn.displays._reconstruction import ReconstructionDisplay

__all__ = [
    "EmbeddingDisplay",
    "FilterDisplay",
    "LossCurveDisplay",
    "MisclassifiedDisplay",
    "OcclusionDisplay",
    "ReconstructionDisplay",
]
