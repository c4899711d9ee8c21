"""The images of a study: loading, train/test split, and nested subsets of the training images."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_array

from skcnn import datasets
from skcnn._files.find_idx import NAMES, find_data_set
from skcnn._files.idx import read_data_set
from skcnn._input.image_lists import as_array
from skcnn._input.images import resolve_image_shape
from skcnn._input.labels import check_labels, check_same_length, comparable, find, kind_of, show
from skcnn._input.pixel_range import warn_if_other_range
from skcnn._input.settings import ImageShape
from skcnn._input.shape_guess import warn_if_unlikely
from skcnn._text import count

TEST_SHARE = 1 / 3  # of scikit-learn's digits, which have no split of their own
SPLIT_SEED = 0
LEAST_PER_CLASS = 2  # training images of each class in a subset
# Name and source.
DIGITS = (
    "scikit-learn's digits",
    "The 1,797 scans of handwritten digits that come with scikit-learn. A third of them, drawn at "
    f"random with every class in proportion (seed {SPLIT_SEED}), is set aside for testing.",
)
MNIST = (
    "MNIST",
    "Handwritten digits of the MNIST database (LeCun, Cortes and Burges), with its own train/test "
    "split.",
)
FOLDER = f"a folder with the files {NAMES}"
MNIST_TRAIN_IMAGES = 60_000
# SHA-256 of the pixels of MNIST's test images (the file without its header).
MNIST_TEST_PIXELS = "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"


@dataclass(frozen=True)
class Images:
    """Training and test images (n, height, width) or (n, height, width, channels), and labels (n,).

    `source` says in a sentence or two where they come from.
    """

    name: str
    source: str
    X_train: NDArray
    y_train: NDArray
    X_test: NDArray
    y_test: NDArray

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(height, width, channels)"""
        return resolve_image_shape(self.X_train.shape)

    @property
    def classes(self) -> NDArray:
        """The distinct labels, sorted."""
        return np.unique(self.y_train)

    @property
    def is_mnist(self) -> bool:
        """Whether the test images are those of MNIST, by a hash of their pixels."""
        if self.X_test.shape != (10_000, 28, 28) or self.X_test.dtype != np.uint8:
            return False
        pixels = np.ascontiguousarray(self.X_test).tobytes()
        return hashlib.sha256(pixels).hexdigest() == MNIST_TEST_PIXELS

    @property
    def is_full_mnist(self) -> bool:
        """Whether these are all training and test images of MNIST."""
        return self.is_mnist and len(self.y_train) == MNIST_TRAIN_IMAGES

    @property
    def fingerprint(self) -> str:
        """A hash of all images and labels."""
        return joblib.hash((self.X_train, self.y_train, self.X_test, self.y_test))


def load_images(
    data: Any, *, train_size: int | None = None, least_per_class: int = LEAST_PER_CLASS
) -> Images:
    """Load the images of a study, which `skcnn.study.comparison.run` describes.

    `train_size` is the number of training images to use, drawn with every class in proportion.
    ValueError is raised if the data are unknown or do not fit together, or if a class has fewer
    than `least_per_class` training images.
    """
    images = _load_all(data)
    classes, counts = np.unique(images.y_train, return_counts=True)
    for kind, y in (("training", images.y_train), ("test", images.y_test)):
        if not len(y):
            raise ValueError(
                f"There are no {kind} images; expected at least one of each class. Check the files."
            )
    if len(classes) < 2:
        raise ValueError(
            f"The training images are all of one class, {classes[0]}; expected at least two "
            "classes. Add images of another class."
        )
    if counts.min() < least_per_class:
        raise ValueError(
            f"Class {classes[counts.argmin()]} has {count(counts.min(), 'training image')}; "
            f"expected at least {least_per_class} of each class. Add images of this class or leave "
            "it out."
        )
    if train_size is None or train_size >= len(images.y_train):
        return images
    least = least_per_class * len(classes)
    if train_size < least:
        raise ValueError(
            f"train_size is {train_size}; expected at least {least} training images, "
            f"{least_per_class} for each of {len(classes)} classes. Pass a larger train_size."
        )
    chosen = np.sort(nested_order(images.y_train, SPLIT_SEED)[:train_size])
    part = (
        f"Only {train_size:,} of the {len(images.y_train):,} training images are used, drawn at "
        "random with every class in proportion."
    )
    return replace(
        images,
        source=f"{images.source} {part}",
        X_train=images.X_train[chosen],
        y_train=images.y_train[chosen],
    )


def nested_order(y: ArrayLike, seed: int) -> NDArray:
    """Indices (n,) of the samples in a random order; every prefix has the classes in proportion.

    Prefixes of growing length are the nested subsets of a learning curve. The first
    ``2 * n_classes`` samples are two of every class, however rare it is.
    """
    y = np.asarray(y)
    rng = np.random.default_rng(seed)
    position = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        position[members] = (np.arange(len(members)) + rng.random()) / len(members)
        position[members[:LEAST_PER_CLASS]] = -1.0
    return np.lexsort((rng.random(len(y)), position))


def share_of(n: int, percent: float) -> int:
    """Number of images in a share of `n` images, at least 1."""
    return max(1, round(n * percent / 100))


def subset_sizes(
    y: NDArray, shares: tuple[float, ...]
) -> tuple[list[tuple[float, int]], list[tuple[float, int]]]:
    """(share in percent, number of images) of the subsets to use, and of those that are too small.

    A subset is too small if it cannot hold two images of every class.
    """
    least = LEAST_PER_CLASS * len(np.unique(y))
    sizes = [(share, share_of(len(y), share)) for share in shares]
    return [s for s in sizes if s[1] >= least], [s for s in sizes if s[1] < least]


def _load_all(data: Any) -> Images:
    """All images of `data`: by name, from a folder, or from four arrays."""
    if isinstance(data, str) and data == "digits":
        X, y = datasets.load_digits_images()
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=TEST_SHARE, stratify=y, random_state=SPLIT_SEED
        )
        return Images(*DIGITS, X_train, y_train, X_test, y_test)
    if isinstance(data, str) and data == "mnist":
        folder = os.environ.get("SKCNN_DATA")
        if not folder:
            return Images(*MNIST, *datasets.load_mnist())
        return _from_folder(folder, "the environment variable SKCNN_DATA", FOLDER)
    if isinstance(data, str | os.PathLike):
        return _from_folder(data, "data", f'"digits", "mnist", or {FOLDER}')
    return _from_arrays(data)


def _from_folder(path: str | os.PathLike[str], name: str, expected: str) -> Images:
    """The data set in four IDX files at a path, which error messages call `name`."""
    try:
        found = find_data_set(path, name, expected)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ValueError(str(error)) from error
    source = f"The four IDX files of {found.name}, with their own train/test split."
    images = Images(found.name, source, *read_data_set(found.files))
    _check_known_labels(images.y_train, images.y_test)
    return replace(images, name=MNIST[0], source=MNIST[1]) if images.is_mnist else images


def _from_arrays(data: Any) -> Images:
    """Four arrays that the caller passes, checked."""
    try:
        X_train, y_train, X_test, y_test = data
    except (TypeError, ValueError):
        raise ValueError(
            f"data is a {type(data).__name__}; expected a name, a folder, or four arrays. Pass "
            "(X_train, y_train, X_test, y_test)."
        ) from None
    X_train, train_shape = _check_images(X_train, "X_train")
    X_test, test_shape = _check_images(X_test, "X_test")
    y_train, y_test = _check_labels(y_train, "y_train"), _check_labels(y_test, "y_test")
    if train_shape != test_shape:
        raise ValueError(
            f"Images have the shape {train_shape} in X_train and {test_shape} in X_test; expected "
            "one shape. Resize the images."
        )
    check_same_length(X_train, y_train, "X_train", "y_train")
    check_same_length(X_test, y_test, "X_test", "y_test")
    _check_known_labels(y_train, y_test)
    warn_if_unlikely(X_train, train_shape, "X_train", has_setting=False)
    warn_if_other_range(
        X_train.reshape(-1, *train_shape),
        X_test.reshape(-1, *test_shape),
        ("X_train", "X_test"),
        "Scale both in the same way.",
    )
    shape = train_shape[:2] if train_shape[2] == 1 else train_shape
    return Images(
        "own images",
        "Images and labels passed as arrays, already split into training and test images.",
        X_train.reshape(len(X_train), *shape),
        y_train,
        X_test.reshape(len(X_test), *shape),
        y_test,
    )


def _check_images(X: Any, name: str) -> tuple[NDArray, ImageShape]:
    """X as an array of finite numbers, and the shape of its images; errors call it `name`."""
    if issparse(X):
        raise ValueError(
            f"{name} is a sparse {type(X).__name__} of shape {X.shape}; expected dense images. "
            f"Pass {name}.toarray()."
        )
    try:
        array = check_array(as_array(X), dtype="numeric", ensure_2d=False, allow_nd=True)
        return array, resolve_image_shape(array.shape)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error


def _check_labels(y: Any, name: str) -> NDArray:
    """Labels that scikit-learn can score and a JSON file can hold: no dates, no huge numbers."""
    labels = check_labels(y, name)
    # A long double does not fit into 64 bits.
    large = labels.dtype.kind == "f" and (
        labels.dtype.itemsize > 8 or bool((np.abs(labels.astype(float)) >= 2.0**63).any())
    )
    if len(labels) and (labels.dtype.kind in "mM" or large):
        raise ValueError(
            f"{name} has labels of type {labels.dtype}, such as {labels[0]}; expected str, bool "
            "or whole numbers of at most 64 bits. Convert them, for example with "
            f"np.asarray({name}).astype(str)."
        )
    return labels


def _check_known_labels(y_train: NDArray, y_test: NDArray) -> None:
    """Raise ValueError if test images have classes of which there are no training images."""
    labels, classes = np.unique(y_test), np.unique(y_train)
    unknown = labels[find(labels, classes) < 0]
    if unknown.size:
        remedy = "Add training images of these classes or leave them out."
        if not comparable(labels, classes):
            remedy = f"Convert labels of type {kind_of(labels)} to {kind_of(classes)}."
        raise ValueError(
            f"y_test has labels that y_train does not have: {show(unknown)}; expected labels of "
            f"training images only, {show(classes)}. {remedy}"
        )
