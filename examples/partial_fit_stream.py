"""Learning from a stream: `partial_fit` on whatever images arrive, never the whole set at once.

Every parcel of images is predicted first, then learned (test, then train), so the error is that
on images never seen before. The picture shows it falling.

    python examples/partial_fit_stream.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--out", type=Path, default=Path(), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="few images, a few seconds")
options = parser.parse_args()


def stream(parcel=32):
    """Parcels of images and labels, as from a camera or a queue."""
    X, y = load_digits_images()
    order = np.random.default_rng(0).permutation(len(y))[: 400 if options.quick else None]
    for start in range(0, len(order), parcel):
        chosen = order[start : start + parcel]
        yield X[chosen], y[chosen]


# Mini-batches of 8: four steps a parcel, since each image is seen only once. A network that goes
# on for ever has no end to anneal towards: "constant".
network = ConvNetClassifier(batch_size=8, learning_rate="constant", random_state=0)
wrong = []
for images, labels in stream():
    if wrong:
        wrong.extend(network.predict(images) != labels)
    else:
        wrong.extend(np.ones(len(labels), dtype=bool))  # nothing is known yet
    network.partial_fit(images, labels, classes=np.arange(10))

window = 100 if options.quick else 200
error = 100 * np.convolve(wrong, np.ones(window) / window, mode="valid")
print(f"{network.t_:,} images learned, each once.")
print(f"Error of the first {window}: {error[0]:.1f} %, of the last {window}: {error[-1]:.1f} %")

figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(np.arange(window, len(wrong) + 1), error, color="#0072B2")
ax.set_xlabel("images seen so far")
ax.set_ylabel(f"error on the last {window}, before learning them (%)")
ax.set_ylim(0, 100)
ax.grid(alpha=0.3)
figure.savefig(options.out / "partial_fit_stream.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'partial_fit_stream.png'}")
