"""The images of a comparison: loading, the split, and subsets of the training images."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_consistent_length

from skcnn._images import resolve_image_shape
from skcnn.study.comparison.settings import Settings

TEST_SHARE = 1 / 3  # of the digits, which come without a split of their own
SPLIT_SEED = 0
LEAST_PER_CLASS = 2
MNIST = (  # name and source
    "MNIST",
    "Handwritten digits of the MNIST database (LeCun, Cortes and Burges), in its own split into "
    "training and test images.",
)
# SHA-256 of the bytes of MNIST's test images, without their file's header.
MNIST_TEST_PIXELS = "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"


@dataclass(frozen=True)
class Images:
    """Training and test images.

    Attributes
    ----------
    name, source : str
        What they are called, and a sentence on where they come from.
    X_train, X_test : ndarray of shape (n, height, width) or (n, height, width, channels)
    y_train, y_test : ndarray of shape (n,)
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
        """The labels, sorted."""
        return np.unique(self.y_train)

    @property
    def is_mnist(self) -> bool:
        """Whether the test images are MNIST's, wherever they come from."""
        if self.X_test.shape != (10_000, 28, 28) or self.X_test.dtype != np.uint8:
            return False
        pixels = np.ascontiguousarray(self.X_test).tobytes()
        return hashlib.sha256(pixels).hexdigest() == MNIST_TEST_PIXELS

    @property
    def fingerprint(self) -> str:
        """A hash of all images and labels."""
        return joblib.hash((self.X_train, self.y_train, self.X_test, self.y_test))


def load(settings: Settings) -> Images:
    """The images that the settings ask for, the training images cut to `train_size`.

    Raises
    ------
    ValueError
        If `data` is neither "digits", "mnist", a folder nor four arrays that fit; if there are
        too few training images.
    """
    images = _load_all(settings.data)
    counts = np.unique(images.y_train, return_counts=True)[1]
    if len(counts) < 2:
        raise ValueError(
            "The training images are all of one class; a comparison needs two or more."
        )
    least = LEAST_PER_CLASS * settings.folds
    if counts.min() < least:
        raise ValueError(
            f"A class has {counts.min()} training images; the search needs at least {least} of "
            f"each ({settings.folds} folds)."
        )
    size = settings.train_size
    if size is None or size >= len(images.y_train):
        return images
    if size < least * len(counts):
        raise ValueError(
            f"train_size is {size}; {len(counts)} classes and {settings.folds} folds need at least "
            f"{least * len(counts)} training images."
        )
    chosen = np.sort(nested_order(images.y_train, SPLIT_SEED)[:size])
    return Images(
        images.name,
        f"{images.source} The comparison uses {size:,} of its {len(images.y_train):,} training "
        "images, drawn with every class in proportion.",
        images.X_train[chosen],
        images.y_train[chosen],
        images.X_test,
        images.y_test,
    )


def nested_order(y: ArrayLike, seed: int, least: int = LEAST_PER_CLASS) -> NDArray:
    """A random order of the samples any beginning of which holds the classes in proportion.

    Subsets of growing size are then nested, as a learning curve wants them, and the first
    ``least * n_classes`` samples hold `least` of every class, however rare it is.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels.
    seed : int
        Of the random order.
    least : int
        Samples of every class that come first.

    Returns
    -------
    order : ndarray of int of shape (n,)
        Indices into `y`.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.study.data import nested_order
    >>> y = np.repeat(["a", "b"], [90, 10])
    >>> order = nested_order(y, seed=0)
    >>> [int((y[order[:n]] == "b").sum()) for n in (4, 50, 100)]
    [2, 5, 10]
    """
    y = np.asarray(y)
    rng = np.random.default_rng(seed)
    place = np.empty(len(y))
    for label in np.unique(y):
        members = rng.permutation(np.flatnonzero(y == label))
        place[members] = (np.arange(len(members)) + rng.random()) / len(members)
        place[members[:least]] = -1.0
    return np.lexsort((rng.random(len(y)), place))


def subset_sizes(
    y: NDArray, shares: tuple[int, ...]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(share, images) of each subset, and of those left out: fewer than two images per class.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.study.data import subset_sizes
    >>> subset_sizes(np.arange(1000) % 10, (1, 2, 100))
    ([(2, 20), (100, 1000)], [(1, 10)])
    """
    least = LEAST_PER_CLASS * len(np.unique(y))
    sizes = [(share, round(share / 100 * len(y))) for share in shares]
    return [s for s in sizes if s[1] >= least], [s for s in sizes if s[1] < least]


def _load_all(data: Any) -> Images:
    """The images by name, from a folder, or from four arrays."""
    from skcnn import datasets

    if isinstance(data, str) and data == "digits":
        X, y = datasets.load_digits_images()
        X_train, X_test, y_train, y_test = train_test_split(
            X, y, test_size=TEST_SHARE, stratify=y, random_state=SPLIT_SEED
        )
        return Images(
            "scikit-learn's digits",
            f"The {len(y):,} scans of handwritten digits that come with scikit-learn, of which a "
            f"third, drawn at random with every class in proportion (seed {SPLIT_SEED}), is kept "
            "for testing.",
            X_train,
            y_train,
            X_test,
            y_test,
        )
    if isinstance(data, str) and data == "mnist":
        return Images(*MNIST, *datasets.load_mnist())
    if isinstance(data, (str, Path)):
        folder = Path(data)
        if not folder.is_dir():
            raise ValueError(
                f'data is {str(data)!r}; expected "digits", "mnist", or a folder with four IDX '
                "files named as MNIST's."
            )
        images = Images(
            folder.resolve().name,
            f"The four IDX files of the folder {folder.resolve().name}, in their own split into "
            "training and test images.",
            *datasets.load_mnist(data_home=folder),
        )
        return replace(images, name=MNIST[0], source=MNIST[1]) if images.is_mnist else images
    return _own_arrays(data)


def _own_arrays(data: Any) -> Images:
    """Four arrays of the caller's, checked."""
    try:
        X_train, y_train, X_test, y_test = (np.asarray(part) for part in data)
    except (TypeError, ValueError):
        raise ValueError(
            f"data is a {type(data).__name__}; expected a name, a folder, or four arrays "
            "(X_train, y_train, X_test, y_test)."
        ) from None
    check_consistent_length(X_train, y_train)
    check_consistent_length(X_test, y_test)
    shapes = [resolve_image_shape(X.shape) for X in (X_train, X_test)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"The images of X_train are {shapes[0]}, those of X_test {shapes[1]}.")
    unknown = np.setdiff1d(y_test, y_train)
    if unknown.size:
        raise ValueError(f"y_test has labels that y_train does not have: {unknown.tolist()}.")
    shape = shapes[0][:2] if shapes[0][2] == 1 else shapes[0]
    return Images(
        "own images",
        "Images and labels passed as arrays, already split into training and test images.",
        X_train.reshape(len(X_train), *shape),
        y_train,
        X_test.reshape(len(X_test), *shape),
        y_test,
    )
