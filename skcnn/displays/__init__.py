"""Pictures of what a network learned and where it goes wrong, in scikit-learn's Display style.

Every class has `from_estimator` (which computes what is shown), `plot(ax=None)` (which draws it),
and, once drawn, `figure_` and `ax_` or `axes_`. They take a fitted `ConvNetClassifier`, or a
`Pipeline` or a search that holds one; `OcclusionDisplay` and `MisclassifiedDisplay` take any
fitted classifier of images. matplotlib is imported when something is drawn, not before:
``pip install "skcnn[plot]"``.
"""

from skcnn.displays._filters import FilterDisplay
from skcnn.displays._loss_curve import LossCurveDisplay
from skcnn.displays._misclassified import MisclassifiedDisplay
from skcnn.displays._occlusion import OcclusionDisplay

__all__ = ["FilterDisplay", "LossCurveDisplay", "MisclassifiedDisplay", "OcclusionDisplay"]
