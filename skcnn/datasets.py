"""Images to learn from: scikit-learn's digits, IDX files, MNIST."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# What IDX files are made of, by the third byte (http://yann.lecun.com/exdb/mnist, "file format")
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

_MNIST_FILES = (  # name, MD5 of the published .gz file
    ("train-images-idx3-ubyte", "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
    ("train-labels-idx1-ubyte", "d53e105ee54ea40749a09fcbcd1e9432"),
    ("t10k-images-idx3-ubyte", "9fb629c4189551a2d022fa330f9573f3"),
    ("t10k-labels-idx1-ubyte", "ec29112dd5afa0611ce80d1b7f02629c"),
)
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


def load_digits_images() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The scanned digits that scikit-learn ships.

    Returns
    -------
    X : ndarray of uint8 of shape (1797, 8, 8)
        Grey values from 0 to 16.
    y : ndarray of int of shape (1797,)
        Digits from 0 to 9.

    Examples
    --------
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> X.shape, X.dtype, y.shape
    ((1797, 8, 8), dtype('uint8'), (1797,))
    """
    from sklearn.datasets import load_digits  # here: it costs time that IDX files need not

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target


def load_idx(path: str | os.PathLike) -> NDArray:
    """Read a file of the IDX format, MNIST's: a plain one, or one packed by gzip.

    Parameters
    ----------
    path : str or path-like
        The content, not the name, says whether it is packed.

    Returns
    -------
    array : ndarray
        In the machine's own byte order: uint8, int8, int16, int32, float32 or float64, with the
        dimensions that the file states.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is not in the IDX format, is truncated, or is longer than it states.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skcnn.datasets import load_idx
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = Path(directory) / "labels-idx1-ubyte"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1]) + (3).to_bytes(4, "big") + bytes([5, 0, 4]))
    ...     load_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    path = Path(path).expanduser()
    content = path.read_bytes()
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path} is a damaged or truncated gzip file: {error}") from error

    zeros, code, ndim = content[:2], content[2:3], content[3:4]
    if len(content) < 4 or zeros != b"\0\0" or code[0] not in _IDX_DTYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes {content[:4].hex(' ') or 'none'};"
            " expected 00 00, one of "
            f"{', '.join(f'{known:02x}' for known in _IDX_DTYPES)} (the data type), and the "
            "number of dimensions."
        )
    dtype = np.dtype(_IDX_DTYPES[code[0]])
    start = 4 + 4 * ndim[0]
    if len(content) < start:
        raise ValueError(
            f"{path} is truncated: {ndim[0]} dimensions take {start} bytes of header, "
            f"but the file has {len(content)} bytes."
        )
    shape = struct.unpack(f">{ndim[0]}I", content[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} is {'truncated' if len(content) < expected else 'too long'}: its header "
            f"states {' x '.join(map(str, shape))} values of type {dtype.newbyteorder('=')}, "
            f"{expected} bytes in all, but there are {len(content)}."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))  # a copy: the bytes are read-only


def load_mnist(
    data_home: str | os.PathLike | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """MNIST, or any other data set in MNIST's four IDX files.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Directory of the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``; each may end in ``.gz``, and
        may have a dot instead of the hyphen before ``idx``. None: the directory that the
        environment variable `SKCNN_DATA` names; without it, MNIST is downloaded once (11 MB,
        checked by its hash) and kept in the user's cache.

    Returns
    -------
    X_train : ndarray of uint8 of shape (n_train, h, w)
        Of MNIST: 60,000 images of 28 x 28 pixels, 0 to 255.
    y_train : ndarray of uint8 of shape (n_train,)
    X_test : ndarray of uint8 of shape (n_test, h, w)
        Of MNIST: 10,000 images.
    y_test : ndarray of uint8 of shape (n_test,)

    Raises
    ------
    FileNotFoundError
        If the directory lacks one of the files.
    ValueError
        If a file is not in the IDX format, if images and labels differ in number, or if the
        training images and the test images differ in shape.
    ImportError
        If the files are to be downloaded and pooch is not installed.
    OSError
        If they could not be downloaded.

    Notes
    -----
    MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, under CC BY-SA 3.0. Files of other types
    than unsigned bytes, and images with a fourth dimension for channels, are returned as they
    are.

    Examples
    --------
    >>> from skcnn.datasets import load_mnist
    >>> X_train, y_train, X_test, y_test = load_mnist()  # doctest: +SKIP
    >>> X_train.shape, X_test.shape  # doctest: +SKIP
    ((60000, 28, 28), (10000, 28, 28))
    """
    directory = data_home if data_home is not None else os.environ.get("SKCNN_DATA")
    paths = _find_idx_files(directory) if directory else _download_mnist()
    X_train, y_train, X_test, y_test = map(load_idx, paths)
    for images, labels, (images_path, labels_path) in (
        (X_train, y_train, paths[:2]),
        (X_test, y_test, paths[2:]),
    ):
        if images.ndim not in (3, 4):
            raise ValueError(
                f"{images_path} has an array of shape {images.shape}; expected images, "
                "(n, height, width) or (n, height, width, channels)."
            )
        if labels.shape != images.shape[:1]:
            raise ValueError(
                f"{images_path} has {len(images)} images, but {labels_path} has an array of "
                f"shape {labels.shape}; expected as many labels, {images.shape[:1]}."
            )
    if X_train.shape[1:] != X_test.shape[1:]:
        raise ValueError(
            f"Training images of shape {X_train.shape[1:]} in {paths[0]}, but test images of shape "
            f"{X_test.shape[1:]} in {paths[2]}; expected the same."
        )
    return X_train, y_train, X_test, y_test


def _find_idx_files(directory: str | os.PathLike) -> list[Path]:
    """The four files under any of their names, or a FileNotFoundError with all that was tried."""
    directory = Path(directory).expanduser()
    paths = []
    for name, _ in _MNIST_FILES:
        names = [
            stem + suffix for stem in (name, name.replace("-idx", ".idx")) for suffix in ("", ".gz")
        ]
        found = next((directory / n for n in names if (directory / n).is_file()), None)
        if found is None:
            raise FileNotFoundError(
                f"No {name} in {directory}"
                f"{'' if directory.is_dir() else ' (no such directory)'}: looked for "
                f"{', '.join(names)}. Put MNIST's four IDX files there, or leave data_home=None "
                "and the environment variable SKCNN_DATA unset to download them."
            )
        paths.append(found)
    return paths


def _download_mnist() -> list[Path]:
    """The four published files in the user's cache, from the first mirror that has them intact."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            'Downloading MNIST needs pooch: pip install "skcnn[data]". Or give load_mnist (or the '
            "environment variable SKCNN_DATA) a directory that has the four IDX files."
        ) from error
    cache = pooch.os_cache("skcnn")
    paths = []
    for name, md5 in _MNIST_FILES:
        failures = []
        for mirror in _MNIST_MIRRORS:
            try:
                path = pooch.retrieve(
                    f"{mirror}{name}.gz", known_hash=f"md5:{md5}", fname=f"{name}.gz", path=cache
                )
            except (OSError, ValueError) as error:  # unreachable or missing; another hash
                failures.append(f"{mirror}: {error}")
            else:
                paths.append(Path(path))
                break
        else:
            raise OSError(
                f"Could not download {name}.gz. Get MNIST's four files by other means and give "
                "their directory to load_mnist or to the environment variable SKCNN_DATA. "
                f"What was tried: {'; '.join(failures)}"
            )
    return paths
