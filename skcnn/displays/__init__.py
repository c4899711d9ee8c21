"""Plots of what a network learned and where it fails, in the style of scikit-learn's displays.

Each class has a class method `from_estimator`, which computes what is shown and draws it, and a
method `plot`, which draws it again. After drawing, `figure_` and `ax_` or `axes_` hold the
matplotlib objects. The displays take a fitted `ConvNetClassifier`, or a `Pipeline` or a search
that contains one. `OcclusionDisplay` and `MisclassifiedDisplay` take any fitted classifier of
images.

The displays need matplotlib (``pip install "skcnn[plot]"``), which is imported when something is
drawn.
"""

from skcnn.displays._filters import FilterDisplay
from skcnn.displays._loss_curve import LossCurveDisplay
from skcnn.displays._misclassified import MisclassifiedDisplay
from skcnn.displays._occlusion import OcclusionDisplay

__all__ = ["FilterDisplay", "LossCurveDisplay", "MisclassifiedDisplay", "OcclusionDisplay"]
