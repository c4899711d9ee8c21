"""Published data sets: MNIST, Fashion-MNIST, KMNIST, EMNIST and CIFAR-10."""

from __future__ import annotations

import os

from numpy.typing import NDArray

from skcnn._files import remote_data_sets
from skcnn._files.cifar10 import read_cifar10
from skcnn._files.download import RemoteDataSet, fetch
from skcnn._files.emnist import read_emnist
from skcnn._files.find_idx import NAMES, find_data_set
from skcnn._files.idx import read_data_set

# The name of each class; the label is its position.
FASHION_MNIST_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
KMNIST_CLASSES = ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo")
CIFAR10_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
_DIGITS = "0123456789"
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# The characters of each split of EMNIST; the label is the position. "letters" has no label 0.
EMNIST_CHARACTERS = {
    "balanced": f"{_DIGITS}{_UPPER}abdefghnqrt",
    "byclass": f"{_DIGITS}{_UPPER}{_UPPER.lower()}",
    "bymerge": f"{_DIGITS}{_UPPER}abdefghnqrt",
    "digits": _DIGITS,
    "letters": f" {_UPPER}",
    "mnist": _DIGITS,
}
_FOUR_FILES = f"a folder with the files {NAMES}"


def load_mnist(
    data_home: str | os.PathLike[str] | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load MNIST, or another data set in four IDX files.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the four files; ``~`` stands for the home directory. If None, the folder is
        taken from the environment variable `SKCNN_DATA`. If this is not set, MNIST is downloaded
        once (12 MB, verified by its hash) and stored in the user's cache directory.

        If a folder has several data sets, as that of EMNIST has, add to its path what the names
        of the files begin with: ``EMNIST/raw/emnist-letters``. The error for such a folder lists
        the paths to choose from. See the Notes for the names of files and folders.

    Returns
    -------
    X_train : ndarray of uint8 of shape (n_train, h, w)
        Training images, pixels from 0 to 255. MNIST has 60,000 images of 28 x 28 pixels.
    y_train : ndarray of uint8 of shape (n_train,)
        Training labels.
    X_test : ndarray of uint8 of shape (n_test, h, w)
        Test images. MNIST has 10,000.
    y_test : ndarray of uint8 of shape (n_test,)
        Test labels.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist or lacks one of the files. The message lists what it has.
    NotADirectoryError, PermissionError
        If `data_home` is a file, or cannot be read.
    ValueError
        If the folder has several data sets, if a file is not in the IDX format, if the numbers of
        images and labels differ, or if the training images and the test images differ in shape.
    ImportError
        If the files have to be downloaded and pooch is not installed.
    OSError
        If the files have to be downloaded and none of the mirrors delivers them, or if the cache
        cannot be written to. The message says why.

    See Also
    --------
    load_fashion_mnist, load_kmnist, load_emnist : Other data sets in the form of MNIST.

    Notes
    -----
    MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, licensed under CC BY-SA 3.0.

    The files of MNIST, Fashion-MNIST and KMNIST are called ``train-images-idx3-ubyte``,
    ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``. Those
    of EMNIST and QMNIST have ``test`` instead of ``t10k`` and begin with the name of the data set:
    ``emnist-letters-train-images-idx3-ubyte``, ``qmnist-test-labels-idx2-int``. Each name may be
    in upper or lower case, end in ``.gz``, and have a dot or an underscore for any hyphen. Each
    file may be in a folder of its name. If `data_home` does not have the files, they are searched
    in its subfolders, two levels deep, so the `root` of torchvision's data sets works, too.

    QMNIST's labels have eight columns; the first, the class, is returned, as int32. All other
    arrays are returned as they are: of types other than uint8 if the files have them, and with a
    fourth dimension if the images have channels. EMNIST's images are stored transposed; only
    `load_emnist` turns them upright.

    Only this function uses `SKCNN_DATA`.

    Examples
    --------
    >>> from skcnn.datasets import load_mnist
    >>> X_train, y_train, X_test, y_test = load_mnist()  # doctest: +SKIP
    >>> X_train.shape, X_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000, 28, 28))
    """
    folder = os.environ.get("SKCNN_DATA")
    if data_home is None and folder:
        name = "the environment variable SKCNN_DATA"
        return read_data_set(find_data_set(folder, name, _FOUR_FILES).files)
    return _load_four_files(data_home, remote_data_sets.MNIST, None)


def load_fashion_mnist(
    data_home: str | os.PathLike[str] | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load Fashion-MNIST: grey images of clothes in ten classes.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the four files, as in `load_mnist`. If None, they are downloaded once (31 MB) and
        stored in the user's cache directory.

    Returns
    -------
    X_train : ndarray of uint8 of shape (60000, 28, 28)
        Training images, pixels from 0 to 255.
    y_train : ndarray of uint8 of shape (60000,)
        Training labels. ``FASHION_MNIST_CLASSES[label]`` is the name of the class.
    X_test : ndarray of uint8 of shape (10000, 28, 28)
        Test images.
    y_test : ndarray of uint8 of shape (10000,)
        Test labels.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError, ValueError, ImportError, OSError
        As in `load_mnist`; also ValueError if a label is not one of the ten classes.

    Notes
    -----
    By H. Xiao, K. Rasul and R. Vollgraf, "Fashion-MNIST: a novel image dataset for benchmarking
    machine learning algorithms" (2017), https://github.com/zalandoresearch/fashion-mnist, under the
    MIT license.

    Examples
    --------
    >>> from skcnn.datasets import FASHION_MNIST_CLASSES, load_fashion_mnist
    >>> X_train, y_train, X_test, y_test = load_fashion_mnist()  # doctest: +SKIP
    >>> FASHION_MNIST_CLASSES[9]
    'Ankle boot'
    """
    return _load_four_files(data_home, remote_data_sets.FASHION_MNIST, len(FASHION_MNIST_CLASSES))


def load_kmnist(
    data_home: str | os.PathLike[str] | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load KMNIST (Kuzushiji-MNIST): cursive Japanese characters in ten classes.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Folder of the four files, as in `load_mnist`. If None, they are downloaded once (21 MB) and
        stored in the user's cache directory.

    Returns
    -------
    X_train : ndarray of uint8 of shape (60000, 28, 28)
        Training images, pixels from 0 to 255.
    y_train : ndarray of uint8 of shape (60000,)
        Training labels. ``KMNIST_CLASSES[label]`` is the sound of the character in today's writing.
    X_test : ndarray of uint8 of shape (10000, 28, 28)
        Test images.
    y_test : ndarray of uint8 of shape (10000,)
        Test labels.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError, ValueError, ImportError, OSError
        As in `load_mnist`; also ValueError if a label is not one of the ten classes.

    Notes
    -----
    "KMNIST Dataset" (created by CODH), adapted from "Kuzushiji Dataset" (created by NIJL and
    others), :doi:`10.20676/00000341`, under CC BY-SA 4.0. Described by T. Clanuwat et al., "Deep
    learning for classical Japanese literature" (2018), https://github.com/rois-codh/kmnist.

    Examples
    --------
    >>> from skcnn.datasets import KMNIST_CLASSES, load_kmnist
    >>> X_train, y_train, X_test, y_test = load_kmnist()  # doctest: +SKIP
    >>> KMNIST_CLASSES[:3]
    ('o', 'ki', 'su')
    """
    return _load_four_files(data_home, remote_data_sets.KMNIST, len(KMNIST_CLASSES))


def load_emnist(
    data_home: str | os.PathLike[str] | None = None, *, split: str = "balanced"
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load a part of EMNIST: handwritten digits and letters.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The published archive ``gzip.zip``, its folder, or a folder with the four files of the
        `split`, or with those of all splits, as in `load_mnist`. If None, the archive is downloaded
        once (562 MB, all splits) and stored in the user's cache directory. It is not unpacked.
    split : str, default="balanced"
        One of the following, with the numbers of training and test images:

        - "balanced": 112,800 and 18,800 digits and letters in 47 classes, as many of each. Lower
          case has classes of its own only for a, b, d, e, f, g, h, n, q, r and t.
        - "byclass": 697,932 and 116,323 digits and letters in 62 classes, the digits, the upper
          case and the lower case.
        - "bymerge": the images of "byclass" in the classes of "balanced".
        - "digits": 240,000 and 40,000 digits.
        - "letters": 124,800 and 20,800 letters in 26 classes, upper and lower case together.
        - "mnist": 60,000 and 10,000 digits.

    Returns
    -------
    X_train : ndarray of uint8 of shape (n_train, 28, 28)
        Training images, pixels from 0 to 255. The files have them transposed; here they are
        upright, in a contiguous array.
    y_train : ndarray of uint8 of shape (n_train,)
        Training labels, from 0, or from 1 in "letters". ``EMNIST_CHARACTERS[split][label]`` is the
        character.
    X_test : ndarray of uint8 of shape (n_test, 28, 28)
        Test images.
    y_test : ndarray of uint8 of shape (n_test,)
        Test labels.

    Raises
    ------
    FileNotFoundError, NotADirectoryError, PermissionError, ValueError, ImportError, OSError
        As in `load_mnist`; also ValueError if the split is unknown, if a label is not one of its
        classes, or if the archive is damaged.

    Notes
    -----
    By G. Cohen, S. Afshar, J. Tapson and A. van Schaik, "EMNIST: an extension of MNIST to
    handwritten letters" (2017), https://www.nist.gov/itl/products-and-services/emnist-dataset, made
    from NIST Special Database 19. The authors state no license; they ask to cite the paper.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.datasets import EMNIST_CHARACTERS, load_emnist
    >>> X_train, y_train, X_test, y_test = load_emnist(split="letters")  # doctest: +SKIP
    >>> labels = np.array([8, 9])
    >>> np.array(list(EMNIST_CHARACTERS["letters"]))[labels].tolist()
    ['H', 'I']
    """
    if not isinstance(split, str) or split not in EMNIST_CHARACTERS:
        raise ValueError(
            f"split is {split!r}; expected one of {', '.join(EMNIST_CHARACTERS)}. Pass one of "
            "these names."
        )
    return read_emnist(data_home, split, len(EMNIST_CHARACTERS[split]))


def load_cifar10(
    data_home: str | os.PathLike[str] | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load CIFAR-10: small colour photographs in ten classes.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The archive of the binary version, ``cifar-10-binary.tar.gz``, its folder, or a folder with
        the unpacked files ``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin``;
        ``~`` stands for the home directory. If None, the archive is downloaded once (170 MB) and
        stored in the user's cache directory. It is not unpacked.

    Returns
    -------
    X_train : ndarray of uint8 of shape (50000, 32, 32, 3)
        Training images, RGB, from 0 to 255.
    y_train : ndarray of uint8 of shape (50000,)
        Training labels. ``CIFAR10_CLASSES[label]`` is the name of the class.
    X_test : ndarray of uint8 of shape (10000, 32, 32, 3)
        Test images.
    y_test : ndarray of uint8 of shape (10000,)
        Test labels.

    Raises
    ------
    FileNotFoundError
        If `data_home` does not exist or lacks one of the files, or has only the Python version of
        CIFAR-10, whose pickle files can run any code when they are loaded.
    ValueError
        If a file is damaged, truncated or too long.
    PermissionError, ImportError, OSError
        As in `load_mnist`.

    Notes
    -----
    By A. Krizhevsky, V. Nair and G. Hinton, described in A. Krizhevsky, "Learning multiple layers
    of features from tiny images" (2009), https://www.cs.toronto.edu/~kriz/cifar.html. The authors
    state no license; they ask to cite the report.

    Examples
    --------
    >>> from skcnn.datasets import CIFAR10_CLASSES, load_cifar10
    >>> X_train, y_train, X_test, y_test = load_cifar10()  # doctest: +SKIP
    >>> CIFAR10_CLASSES[3]
    'cat'
    """
    return read_cifar10(data_home, len(CIFAR10_CLASSES))


def _load_four_files(
    data_home: str | os.PathLike[str] | None, data_set: RemoteDataSet, n_classes: int | None
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """The arrays of four IDX files in a folder, or of those of a published data set."""
    if data_home is None:
        return read_data_set(fetch(data_set), n_classes)
    return read_data_set(find_data_set(data_home, "data_home", _FOUR_FILES).files, n_classes)
