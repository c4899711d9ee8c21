"""The features of a network as input for another classifier
=========================================================

`ConvNetClassifier.transform` returns the output of the last pooling layer, so a network can be a
transformer in a pipeline. The example trains the same SVC on pixels, on HOG features and on the
features of a network, and plots the test errors. (On digits as small and clean as these, an SVC
on the pixels is hard to beat.) ::

    python examples/cnn_features_svc.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/cnn_features_svc.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC

from skcnn import ConvNetClassifier, HOGTransformer
from skcnn.datasets import load_digits_images


def flatten(images):
    """Reshape images (n, h, w) to rows of pixels."""
    return images.reshape(len(images), -1)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

X, y = load_digits_images()
if options.quick:
    X, y = X[:400], y[:400]
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=1 / 3, stratify=y, random_state=0
)

network = ConvNetClassifier(max_iter=10 if options.quick else 30, random_state=0)
contenders = {
    "SVC on pixels": make_pipeline(FunctionTransformer(flatten), SVC(C=10)),
    "SVC on HOG": make_pipeline(HOGTransformer(), SVC(C=10)),
    "SVC on the network's features": make_pipeline(network, PCA(0.95), SVC(C=10)),
    "network": network,
}
errors = {}
for name, model in contenders.items():
    errors[name] = 100 * (1 - model.fit(X_train, y_train).score(X_test, y_test))
    print(f"{name}: {errors[name]:.2f} % error on {len(y_test)} images")

figure, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
bars = ax.barh(
    list(errors), list(errors.values()), color=["#6B6B6B", "#D55E00", "#009E73", "#0072B2"]
)
ax.bar_label(bars, fmt="%.2f", padding=3)
ax.invert_yaxis()
ax.margins(x=0.12)
ax.set_xlabel(f"error on {len(y_test)} test images (%)")
figure.savefig(options.out / "cnn_features_svc.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'cnn_features_svc.png'}")
