"""Train a classifier on a folder of your own images
=================================================

The folder has one subfolder per class, named after the class, which holds the image files::

    animals/cat/tom.png
    animals/cat/felix.jpg
    animals/dog/pluto.png

    python examples/image_folder.py animals

Images are converted to grey (with ``--colour``, to RGB) and resized to one small size. Without a
folder, the script creates a temporary one with digits. The picture shows some test images and
their predicted labels.
"""

# sphinx_gallery_thumbnail_path = "../examples/pictures/image_folder.png"

import argparse
import tempfile
from pathlib import Path

import joblib
import matplotlib.pyplot as plt
import numpy as np
from skimage.io import imsave
from sklearn.model_selection import train_test_split

from skcnn import ConvNetClassifier
from skcnn.datasets import load_digits_images, load_image_folder


def make_example(folder, count):
    """Write `count` digits as PNG files, in one subfolder per class."""
    X, y = load_digits_images()
    for number, (image, label) in enumerate(zip(X[:count], y[:count], strict=True)):
        path = folder / f"digit-{label}" / f"{number:04}.png"
        path.parent.mkdir(exist_ok=True)
        imsave(path, (image * 15).astype(np.uint8), check_contrast=False)


parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument(
    "folder", type=Path, nargs="?", help="folder with one subfolder of images per class"
)
parser.add_argument(
    "--size", type=int, default=16, help="side in pixels after resizing (default: 16)"
)
parser.add_argument("--colour", action="store_true", help="use RGB images instead of grey ones")
parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture and the model")
parser.add_argument("--quick", action="store_true", help="use few images; takes a few seconds")
options = parser.parse_args()
options.out = options.out.expanduser()
options.out.mkdir(parents=True, exist_ok=True)

with tempfile.TemporaryDirectory() as temporary:
    if options.folder is None:
        make_example(Path(temporary), 200 if options.quick else 1000)
    X, y = load_image_folder(
        options.folder or temporary,
        image_shape=(options.size, options.size),
        grayscale=not options.colour,
    )
X_train, X_test, y_train, y_test = train_test_split(X, y, stratify=y, random_state=0)

network = ConvNetClassifier(max_iter=15 if options.quick else "auto", random_state=0)
network.fit(X_train, y_train)
error = 1 - network.score(X_test, y_test)
print(f"{len(y)} images of {len(network.classes_)} classes; test error {error:.1%}")
joblib.dump(network, options.out / "image_folder.joblib")

probabilities = network.predict_proba(X_test[:10])
figure, axes = plt.subplots(2, 5, figsize=(9, 4.4), layout="constrained", squeeze=False)
for ax in axes.flat:
    ax.set_axis_off()
for ax, image, label, row in zip(axes.flat, X_test, y_test, probabilities, strict=False):
    predicted = network.classes_[row.argmax()]
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(
        f"true {label}\npredicted {predicted}, {row.max():.0%}",
        fontsize=9,
        color="black" if predicted == label else "#D55E00",
    )
figure.savefig(options.out / "image_folder.png", dpi=120)
plt.close(figure)
print(f"Picture: {options.out / 'image_folder.png'}")
print(f"Model (load it with joblib.load): {options.out / 'image_folder.joblib'}")
