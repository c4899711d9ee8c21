"""A number from an image: by how many degrees has a digit been turned?
====================================================================

`ConvNetRegressor` has the network of `ConvNetClassifier` and predicts numbers. The example turns
each of scikit-learn's digits by a random angle and learns this angle. The picture shows predicted
against true angles, and some test images turned back by the predicted angle::

    python examples/rotation_angle.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/rotation_angle.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from skimage.transform import rotate
from sklearn.model_selection import train_test_split

from skcnn import ConvNetRegressor
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

LARGEST = 60  # degrees
rng = np.random.default_rng(0)
X, _ = load_digits_images()
X = X[: 500 if options.quick else None].repeat(2, axis=0)  # each digit at two angles
angles = rng.uniform(-LARGEST, LARGEST, len(X))
turned = np.stack([rotate(image / 16, a, order=3) for image, a in zip(X, angles, strict=True)])
# Both angles of a digit are in the same part.
first = np.arange(0, len(X), 2)
train, test = (
    np.concatenate([part, part + 1])
    for part in train_test_split(first, test_size=1 / 3, random_state=0)
)

regressor = ConvNetRegressor(max_iter=20 if options.quick else "auto", random_state=0)
regressor.fit(turned[train], angles[train])
predicted = regressor.predict(turned[test])
error = np.abs(predicted - angles[test]).mean()
guess = np.abs(angles[test] - angles[train].mean()).mean()
print(f"R2 {regressor.score(turned[test], angles[test]):.3f}")
print(
    f"mean error {error:.1f} degrees, which is {100 * error / guess:.0f} % of the "
    f"{guess:.1f} degrees of the mean angle"
)

figure = plt.figure(figsize=(9, 4.2), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=(1, 1.1))
ax = left.subplots()
ax.plot([-LARGEST, LARGEST], [-LARGEST, LARGEST], color="0.7")
ax.plot(angles[test], predicted, ".", markersize=3, color="#0072B2")
ax.set_xlabel("true angle (degrees)")
ax.set_ylabel("predicted angle (degrees)")
ax.set_aspect("equal")
ax.spines[["top", "right"]].set_visible(False)
right.suptitle("test images, and turned back as predicted", fontsize=10)
for column, place in zip(right.subplots(2, 6).T, test[:6], strict=True):
    image = turned[place]
    back = rotate(image, -regressor.predict(image[None])[0], order=3)
    for panel, shown in zip(column, (image, back), strict=True):
        panel.imshow(shown, cmap="gray_r", vmin=0, vmax=1)
        panel.set_axis_off()
figure.savefig(options.out / "rotation_angle.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'rotation_angle.png'}")
