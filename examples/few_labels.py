"""Few labels: which features need the fewest?
===========================================

Ten images of each class have labels, the others have none. Filters that are learned without labels
(patches, autoencoder) come from all training images. The classifier on features is an SVC, tuned by
cross-validation on the labelled images only. Networks see the labelled images only, unless they
begin with the filters of the autoencoder::

    python examples/few_labels.py
    python examples/few_labels.py --data mnist --draws 10

`mnist` is downloaded once; a folder with its four IDX files is also possible.
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/few_labels.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from skcnn import ConvAutoencoder, ConvNetClassifier, HOGTransformer, PatchFeatures
from skcnn.daisy import DaisyTransformer
from skcnn.datasets import load_digits_images, load_mnist

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", default="digits", metavar="digits|mnist|DIRECTORY")
parser.add_argument("--per-class", type=int, default=10, help="labelled images of each class")
parser.add_argument("--draws", type=int, default=3, help="draws of the labelled images")
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
if options.per_class < 2 or options.draws < 1:
    parser.error("expected --per-class of at least 2 and --draws of at least 1")
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

if options.data == "digits":
    X, y = load_digits_images()
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=1 / 3, stratify=y, random_state=0
    )
else:
    folder = None if options.data == "mnist" else options.data
    X_train, y_train, X_test, y_test = load_mnist(folder)
if options.quick:
    X_train, y_train, X_test, y_test = X_train[:600], y_train[:600], X_test[:300], y_test[:300]
    options.draws = 1

# Without labels: each is fitted to all training images.
architecture = {"n_filters": (32, 64), "filter_size": 3}
autoencoder = ConvAutoencoder(**architecture, sparsity=0.9, random_state=0)
label_free = {
    "pixels": FunctionTransformer(lambda X: np.reshape(X, (len(X), -1)).astype(np.float32)),
    "HOG": HOGTransformer(),
    "DAISY": DaisyTransformer(),
    "patches": PatchFeatures(n_filters=50 if options.quick else 400, random_state=0),
    "autoencoder": autoencoder,
}
features = {}
for name, transformer in label_free.items():
    print(f"{name} ...", flush=True)
    # No labelled image is a test image, and y is not passed.
    features[name] = transformer.fit(X_train), transformer.transform(X_test)

# Only the labelled images, randomly transformed.
settings = {**architecture, "augment": "affine", "max_iter": 20 if options.quick else 200}
networks = {
    "CNN": {},
    "CNN from the autoencoder": {"pretrained": autoencoder},
    "CNN, frozen filters of the autoencoder": {"pretrained": autoencoder, "freeze": True},
}


def svc():
    """An SVC whose kernel and penalty are chosen by cross-validation."""
    grid = [
        {"svc__kernel": ["linear"], "svc__C": [0.001, 0.01, 0.1]},
        {"svc__kernel": ["rbf"], "svc__C": [1, 10, 100]},
    ]
    return GridSearchCV(make_pipeline(StandardScaler(), SVC()), grid, cv=min(5, options.per_class))


def draw(seed):
    """Indices of the labelled images, the same number of each class."""
    rng = np.random.default_rng(seed)
    members = (np.flatnonzero(y_train == label) for label in np.unique(y_train))
    return np.concatenate([rng.choice(m, options.per_class, replace=False) for m in members])


def errors_of(seed):
    """Test errors in percent, given the labels of this draw."""
    chosen = draw(seed)
    X, y = X_train[chosen], y_train[chosen]
    errors = {}
    for name, (transformer, of_test) in features.items():
        model = svc().fit(transformer.transform(X), y)
        errors[f"{name} + SVC"] = 100 * (1 - model.score(of_test, y_test))
    for name, changes in networks.items():
        network = ConvNetClassifier(**settings, **changes, random_state=seed).fit(X, y)
        errors[name] = 100 * (1 - network.score(X_test, y_test))
        if name == "CNN":
            model = svc().fit(network.transform(X), y)
            of_test = network.transform(X_test)
            errors["CNN features + SVC"] = 100 * (1 - model.score(of_test, y_test))
    return errors


rows = []
for seed in range(options.draws):
    rows.append(errors_of(seed))
    print(f"draw {seed}: " + ", ".join(f"{k} {v:.1f} %" for k, v in rows[-1].items()), flush=True)
names = sorted(rows[0], key=lambda name: np.mean([row[name] for row in rows]))
table = np.array([[row[name] for row in rows] for name in names])
mean, spread = table.mean(axis=1), table.std(axis=1, ddof=1 if options.draws > 1 else 0)
n_labels = options.per_class * len(np.unique(y_train))
print(f"\ntest error with {n_labels} labels: mean ± standard deviation of {options.draws} draws")
for row in zip(names, mean, spread, strict=True):
    print("{:38s} {:5.2f} ± {:.2f} %".format(*row))

figure, ax = plt.subplots(figsize=(7, 4), layout="constrained")
ax.barh(names, mean, xerr=spread if options.draws > 1 else None, color="#56B4E9", capsize=3)
ax.invert_yaxis()
ax.set_xlabel("test error (%)")
ax.set_title(f"{n_labels} labels, {len(X_train):,} training images")
ax.spines[["top", "right"]].set_visible(False)
figure.savefig(options.out / "few_labels.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'few_labels.png'}")
print(f"the lowest error: {mean[0]:.2f} %")
