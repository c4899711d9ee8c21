"""Image data sets: scikit-learn's digits, files in the IDX format, MNIST."""

from __future__ import annotations

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_digits_images", "load_idx", "load_mnist"]

# Data types of IDX files by their third byte (http://yann.lecun.com/exdb/mnist, "file format")
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
    """Load the handwritten digits that come with scikit-learn, as images.

    Returns
    -------
    X : ndarray of uint8 of shape (1797, 8, 8)
        Grey values from 0 to 16.
    y : ndarray of int of shape (1797,)
        The digits, 0 to 9.

    See Also
    --------
    sklearn.datasets.load_digits : The same images as rows of float64 pixels.

    Examples
    --------
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> X.shape, X.dtype, y.shape
    ((1797, 8, 8), dtype('uint8'), (1797,))
    """
    from sklearn.datasets import load_digits  # imported here because it takes long to import

    digits = load_digits()
    return digits.images.astype(np.uint8), digits.target


def load_idx(path: str | os.PathLike[str]) -> NDArray:
    """Read a file in the IDX format, which MNIST uses, plain or compressed by gzip.

    Parameters
    ----------
    path : str or path-like
        The file. Compression is recognized by the content, not by the name.

    Returns
    -------
    array : ndarray
        Of uint8, int8, int16, int32, float32 or float64 in native byte order, with the shape that
        the file states.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    ValueError
        If the file is not in the IDX format, or is shorter or longer than its header states.

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
    content = _read_unpacked(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _IDX_DTYPES:
        raise ValueError(
            f"{path} is not an IDX file: it starts with the bytes {content[:4].hex(' ') or 'none'};"
            " expected 00 00, one of "
            f"{', '.join(f'{known:02x}' for known in _IDX_DTYPES)} (the data type), and the "
            "number of dimensions. Check the path, or download the file again."
        )
    dtype, n_dimensions = np.dtype(_IDX_DTYPES[content[2]]), content[3]
    start = 4 + 4 * n_dimensions
    if len(content) < start:
        raise ValueError(
            f"{path} is truncated: it has {len(content)} bytes; expected at least {start}, the "
            f"header of an array of {n_dimensions} dimensions. Download the file again."
        )
    shape = struct.unpack(f">{n_dimensions}I", content[4:start])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise ValueError(
            f"{path} is {'truncated' if len(content) < expected else 'too long'}: it has "
            f"{len(content)} bytes; expected {expected}, since its header states "
            f"{' x '.join(map(str, shape))} values of type {dtype.newbyteorder('=')}. Download "
            "the file again."
        )
    values = np.frombuffer(content, dtype, offset=start).reshape(shape)
    return values.astype(dtype.newbyteorder("="))  # a copy: the bytes are read-only


def _read_unpacked(path: Path) -> bytes:
    """Content of a file, decompressed if it is a gzip file."""
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is a damaged or truncated gzip file ({error}); expected a complete one. "
            "Download the file again."
        ) from error


def load_mnist(
    data_home: str | os.PathLike[str] | None = None,
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Load MNIST, or another data set in the same four IDX files.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Directory of the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``. Each name may end in ``.gz``,
        and may have a dot instead of the hyphen before ``idx``. If None, the directory is taken
        from the environment variable `SKCNN_DATA`. If this is not set, MNIST is downloaded once
        (11 MB, verified by its hash) and stored in the user's cache directory.

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
        If the directory lacks one of the files.
    ValueError
        If a file is not in the IDX format, if the numbers of images and labels differ, or if the
        training images and the test images differ in shape.
    ImportError
        If the files have to be downloaded and pooch is not installed.
    OSError
        If the download fails.

    Notes
    -----
    MNIST is by Y. LeCun, C. Cortes and C. J. C. Burges, licensed under CC BY-SA 3.0. Files of
    other types than unsigned bytes, and images with a fourth dimension for channels, are returned
    unchanged.

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
    _check_images_and_labels(X_train, y_train, *paths[:2])
    _check_images_and_labels(X_test, y_test, *paths[2:])
    if X_train.shape[1:] != X_test.shape[1:]:
        raise ValueError(
            f"{paths[0]} has training images of shape {X_train.shape[1:]}, but {paths[2]} has test "
            f"images of shape {X_test.shape[1:]}; expected the same shape. Use files of one data "
            "set."
        )
    return X_train, y_train, X_test, y_test


def _check_images_and_labels(
    images: NDArray, labels: NDArray, images_path: Path, labels_path: Path
) -> None:
    """Check that the arrays of two files are images and their labels."""
    if images.ndim not in (3, 4):
        raise ValueError(
            f"{images_path} has an array of shape {images.shape}; expected images, "
            "(n, height, width) or (n, height, width, channels). Check that the file has the "
            "right name."
        )
    if labels.shape != images.shape[:1]:
        raise ValueError(
            f"{labels_path} has an array of shape {labels.shape}, but {images_path} has "
            f"{len(images)} images; expected one label per image, {images.shape[:1]}. Use files "
            "of one data set."
        )


def _find_idx_files(directory: str | os.PathLike[str]) -> list[Path]:
    """Paths of the four files, under any of their names."""
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
                f"{'' if directory.is_dir() else ' (no such directory)'}; expected one of "
                f"{', '.join(names)}. Put MNIST's four IDX files there. To download them instead, "
                "leave data_home=None and the environment variable SKCNN_DATA unset."
            )
        paths.append(found)
    return paths


def _download_mnist() -> list[Path]:
    """Paths of the four published files in the user's cache, downloaded if they are not there."""
    try:
        import pooch
    except ImportError as error:
        raise ImportError(
            "Downloading MNIST needs pooch, which is not installed. Install it with: "
            'pip install "skcnn[data]". Or pass a directory with the four IDX files to load_mnist '
            "or in the environment variable SKCNN_DATA."
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
            except (OSError, ValueError) as error:  # unreachable or not found; a different hash
                failures.append(f"{mirror}: {error}")
            else:
                paths.append(Path(path))
                break
        else:
            raise OSError(
                f"Could not download {name}.gz; tried {'; '.join(failures)}. Download MNIST's four "
                "files by other means, and pass their directory to load_mnist or in the "
                "environment variable SKCNN_DATA."
            )
    return paths
