"""Learn from a stream of images with `partial_fit`
================================================

The whole data set is never in one call. Each batch of images is first predicted and then learned,
so the error is measured on images that the network has not seen before. The picture shows how it
falls::

    python examples/partial_fit_stream.py
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/partial_fit_stream.png"

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)


def stream(size=32):
    """Yield batches of `size` images and their labels, as from a camera or a queue."""
    X, y = load_digits_images()
    order = np.random.default_rng(0).permutation(len(y))[: 600 if options.quick else None]
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield X[chosen], y[chosen]


# Mini-batches of 8 give four steps per batch of the stream, since each image is seen only once.
network = ConvNetClassifier(batch_size=8, random_state=0)
wrong = []
for images, labels in stream():
    if wrong:
        wrong.extend(network.predict(images) != labels)
    else:
        wrong.extend(np.ones(len(labels), dtype=bool))  # nothing has been learned yet
    network.partial_fit(images, labels, classes=np.arange(10))

window = 100 if options.quick else 200
error = 100 * np.convolve(wrong, np.ones(window) / window, mode="valid")
print(f"Learned from {network.t_:,} images, each seen once.")
print(f"Error on the first {window}: {error[0]:.1f} %, on the last {window}: {error[-1]:.1f} %")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(np.arange(window, len(wrong) + 1), error, color="#0072B2")
ax.set_xlabel("images seen so far")
ax.set_ylabel(f"error on the last {window} images, before learning (%)")
ax.set_ylim(0, 100)
ax.grid(alpha=0.3)
figure.savefig(options.out / "partial_fit_stream.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'partial_fit_stream.png'}")
