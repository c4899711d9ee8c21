"""A network as the last step of a scikit-learn pipeline, cross-validated.

Whatever prepares the images belongs into the pipeline: it is then part of the model, at training
and at prediction alike. Here it enlarges small images, so that the filters see finer steps. The
picture shows which digits are still taken for which.

    python examples/pipeline.py
"""

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
    """Images (n, h, w) at one and a half times their size, interpolated."""
    return zoom(images.astype(np.float32), (1, 1.5, 1.5), order=1)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="few images, a few seconds")
options = parser.parse_args()

X, y = load_digits_images()
if options.quick:
    X, y = X[:300], y[:300]

folds = StratifiedKFold(2 if options.quick else 5, shuffle=True, random_state=0)
network = ConvNetClassifier(n_filters=(16, 32), max_iter=20, random_state=0)
for name, model in {
    "as they are": network,
    "enlarged": make_pipeline(FunctionTransformer(enlarge), network),
}.items():
    said = cross_val_predict(model, X, y, cv=folds)
    error = 1 - accuracy_score(y, said)
    print(f"Images {name}: {error:.2%} error of {len(y):,} in {folds.n_splits}-fold validation")

display = ConfusionMatrixDisplay.from_predictions(y, said, cmap="Blues", colorbar=False)
display.ax_.set_title(f"Enlarged images: {error:.2%} error")
display.figure_.savefig(options.out / "pipeline.png", dpi=120, bbox_inches="tight")
plt.close(display.figure_)
print(f"Picture: {options.out / 'pipeline.png'}")
