"""Cross-validate a pipeline whose last step is a network
======================================================

Preprocessing belongs in the pipeline, so that it is part of the model in training and in
prediction. Here it enlarges small images, which gives the filters finer steps. The picture is the
confusion matrix::

    python examples/pipeline.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/pipeline.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy.ndimage import zoom
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images


def enlarge(images):
    """Enlarge images (n, h, w) by a factor of 1.5, with linear interpolation."""
    return zoom(images.astype(np.float32), (1, 1.5, 1.5), order=1)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

X, y = load_digits_images()
if options.quick:
    X, y = X[:300], y[:300]

folds = StratifiedKFold(2 if options.quick else 5, shuffle=True, random_state=0)
network = ConvNetClassifier(n_filters=(16, 32), max_iter=20, random_state=0)
for name, model in {
    "unchanged": network,
    "enlarged": make_pipeline(FunctionTransformer(enlarge), network),
}.items():
    predicted = cross_val_predict(model, X, y, cv=folds)
    error = 1 - accuracy_score(y, predicted)
    print(f"Images {name}: {error:.2%} error in {folds.n_splits}-fold cross-validation")

display = ConfusionMatrixDisplay.from_predictions(y, predicted, cmap="Blues", colorbar=False)
display.ax_.set_title(f"Enlarged images: {error:.2%} error")
display.figure_.savefig(options.out / "pipeline.png", dpi=120, bbox_inches="tight")
plt.close(display.figure_)
print(f"Picture: {options.out / 'pipeline.png'}")
