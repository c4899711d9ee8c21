"""Learning curves of a network and of HOG + SVC: how many images are needed?
==========================================================================

scikit-learn's `LearningCurveDisplay` draws both, on the same folds::

    python examples/learning_curve.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/learning_curve.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import PercentFormatter
from sklearn.model_selection import LearningCurveDisplay, StratifiedShuffleSplit

from skcnn import ConvNetClassifier, make_hog_svc
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

X, y = load_digits_images()
if options.quick:
    X, y = X[:300], y[:300]
sizes = np.array([50, 100] if options.quick else [50, 100, 200, 400, 800])
folds = StratifiedShuffleSplit(
    2 if options.quick else 3, train_size=int(sizes[-1] * 1.25), test_size=0.3, random_state=0
)

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
contenders = {
    "CNN": (ConvNetClassifier(random_state=0), "#0072B2", "o"),
    "HOG + SVC": (make_hog_svc(), "#D55E00", "s"),
}
for name, (estimator, colour, marker) in contenders.items():
    display = LearningCurveDisplay.from_estimator(
        estimator,
        X,
        y,
        train_sizes=sizes,
        cv=folds,
        shuffle=True,
        random_state=0,
        n_jobs=2,
        score_type="test",
        score_name="accuracy",
        std_display_style="errorbar",
        errorbar_kw={"color": colour, "marker": marker, "capsize": 3},
        ax=ax,
    )
    mean = display.test_scores.mean(axis=1)
    print(
        name,
        *(f"{n} images: {1 - m:.1%} error" for n, m in zip(sizes, mean, strict=True)),
        sep="; ",
    )

ax.legend(ax.containers, contenders, loc="lower right")
ax.set_xscale("log")
ax.set_xticks(sizes, [str(size) for size in sizes])
ax.set_xticks([], minor=True)
ax.yaxis.set_major_formatter(PercentFormatter(1))
ax.set_xlabel("training images")
ax.set_ylabel("test accuracy, mean and standard deviation")
ax.grid(alpha=0.3)
figure.savefig(options.out / "learning_curve.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'learning_curve.png'}")
