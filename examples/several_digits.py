"""Several labels for an image: which digits does a picture show?
==============================================================

With an indicator matrix as y, `ConvNetClassifier` predicts for each label whether the image has it.
The example puts one to four of scikit-learn's digits into a picture of 20 x 20 pixels, each
somewhere in its quarter::

    python examples/several_digits.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/several_digits.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MultiLabelBinarizer

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)


def compose(digits, labels, n_pictures, rng):
    """Pictures (n, 20, 20), and for each the set of the digits that it shows."""
    pictures, shown = np.zeros((n_pictures, 20, 20), np.uint8), []
    for picture in pictures:
        quarters = rng.permutation(4)[: rng.integers(1, 5)]
        chosen = rng.integers(0, len(digits), len(quarters))
        for quarter, index in zip(quarters, chosen, strict=True):
            top, left = 10 * np.array(divmod(quarter, 2)) + rng.integers(0, 3, 2)
            picture[top : top + 8, left : left + 8] = digits[index]
        shown.append(set(labels[chosen].tolist()))
    return pictures, shown


rng = np.random.default_rng(0)
digits, test_digits, labels, test_labels = train_test_split(
    *load_digits_images(), test_size=1 / 3, random_state=0
)
n_pictures = 2_000 if options.quick else 10_000
X_train, train_sets = compose(digits, labels, n_pictures, rng)
X_test, test_sets = compose(test_digits, test_labels, 1_000, rng)  # other digits
binarizer = MultiLabelBinarizer(classes=range(10))
Y_train, Y_test = binarizer.fit_transform(train_sets), binarizer.transform(test_sets)

network = ConvNetClassifier(max_iter=10 if options.quick else 20, random_state=0)
predicted = network.fit(X_train, Y_train).predict(X_test)
print(f"all labels right: {100 * network.score(X_test, Y_test):.1f} % of the pictures")
print(f"wrong labels: {100 * np.mean(predicted != Y_test):.2f} % of all labels")

figure, axes = plt.subplots(2, 6, figsize=(9, 3.8), layout="constrained")
for ax, image, truth, found in zip(
    axes.flat, X_test, test_sets, binarizer.inverse_transform(predicted), strict=False
):
    ax.imshow(image, cmap="gray_r")
    ax.set_title(
        " ".join(map(str, found)) or "none", color="black" if set(found) == truth else "#D55E00"
    )
    ax.set_xticks([])
    ax.set_yticks([])
figure.suptitle("test pictures and predicted digits")
figure.savefig(options.out / "several_digits.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'several_digits.png'}")
