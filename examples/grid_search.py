"""Tune a network with GridSearchCV, several fits in parallel
==========================================================

A fit uses all cores by default. With `GridSearchCV(n_jobs=2)` two networks train in parallel, each
with its share of the cores. The picture shows the cross-validated error over the grid::

    python examples/grid_search.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/grid_search.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

X, y = load_digits_images()
filters, rates = [(8,), (16,), (16, 32)], [0.01, 0.03, 0.1]
if options.quick:
    X, y, filters, rates = X[:300], y[:300], filters[:2], rates[:2]
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

search = GridSearchCV(
    ConvNetClassifier(max_iter=15, random_state=0),
    {"n_filters": filters, "learning_rate_init": rates},
    cv=StratifiedKFold(3, shuffle=True, random_state=0),
    n_jobs=2,
)
search.fit(X_train, y_train)
print("Best parameters:", search.best_params_)
print(f"Cross-validated error: {1 - search.best_score_:.2%}")
print(f"Test error: {1 - search.score(X_test, y_test):.2%} of {len(y_test)} images")

# GridSearchCV sorts the parameters by name; the last one varies fastest.
errors = 100 * (1 - search.cv_results_["mean_test_score"].reshape(len(rates), len(filters)))
figure, ax = plt.subplots(figsize=(5.2, 3.8), layout="constrained")
drawn = ax.imshow(errors, cmap="cividis_r")
for (row, column), error in np.ndenumerate(errors):
    ax.text(column, row, f"{error:.1f}", ha="center", va="center", bbox={"fc": "white", "lw": 0})
ax.set_xticks(range(len(filters)), [str(value) for value in filters])
ax.set_yticks(range(len(rates)), [str(value) for value in rates])
ax.set_xlabel("n_filters")
ax.set_ylabel("learning_rate_init")
figure.colorbar(drawn, label="cross-validated error (%)")
figure.savefig(options.out / "grid_search.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'grid_search.png'}")
