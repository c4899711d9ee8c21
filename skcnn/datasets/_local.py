"""Images on the disk: scikit-learn's digits, files in the IDX format, folders of image files."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from skcnn._files.idx import read_idx
from skcnn._files.paths import to_path


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
        The file; ``~`` stands for the home directory. Compression is recognized by the content,
        not by the name.

    Returns
    -------
    array : ndarray
        Of uint8, int8, int16, int32, float32 or float64 in native byte order, with the shape that
        the file states.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    IsADirectoryError, PermissionError
        If the path is that of a folder, or of a file that cannot be read.
    ValueError
        If the file is not in the IDX format, or is shorter or longer than its header states, or
        if `path` is that of a pipe or a device. No more is read than the header states.

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
    return read_idx(to_path(path, "path"))


def load_image_folder(
    path: str | os.PathLike[str],
    image_shape: Sequence[int] | None = None,
    grayscale: bool = False,
) -> tuple[NDArray[np.uint8], NDArray[np.str_]]:
    """Load image files from a folder with one subfolder per class.

    A folder with the files ``animals/cat/felix.jpg``, ``animals/cat/tom.png`` and
    ``animals/dog/pluto.png`` has the classes "cat" and "dog".

    Parameters
    ----------
    path : str or path-like
        The folder; ``~`` stands for the home directory.
    image_shape : (height, width) or (height, width, channels), default=None
        Size in pixels to which images of other sizes are resized; their proportions are not kept.
        The number of channels, if given, must be 1 with `grayscale` and 3 otherwise. So
        `image_shape_` of a fitted estimator can be passed. If None, all images must have the same
        size.
    grayscale : bool, default=False
        If True, load grey images; otherwise, RGB images. Images of the other kind are converted.
        The grey value is 0.299 R + 0.587 G + 0.114 B.

    Returns
    -------
    X : ndarray of uint8 of shape (n, height, width, 3) or, with `grayscale`, (n, height, width)
        The images, with values from 0 to 255.
    y : ndarray of str of shape (n,)
        The names of their subfolders. Images are sorted by class, and within a class by the name
        of the file.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no folder `path`.
    PermissionError
        If the folder or one of its subfolders cannot be read.
    ValueError
        If there are no subfolders, or some without images; if files are damaged or cannot be
        read, all of which the message names; if the images differ in size and `image_shape` is
        None, in which case the message lists the sizes; if `image_shape` is not valid.
    TypeError
        If `path` is not a path or `grayscale` not a bool.
    MemoryError
        If the array of all images does not fit into memory.

    Warns
    -----
    UserWarning
        If class folders have files with other endings, or subfolders, or if there are images
        outside the class folders. None of them is read.

    See Also
    --------
    sklearn.datasets.load_files : Text files from a folder with one subfolder per class.

    Notes
    -----
    Files with the endings ``.bmp``, ``.gif``, ``.jfif``, ``.jpeg``, ``.jpg``, ``.pbm``, ``.pgm``,
    ``.png``, ``.ppm``, ``.tif``, ``.tiff`` and ``.webp``, in upper or lower case, are read. Their
    formats are recognized by the content. Links are followed. Subfolders of class folders are not
    read. Hidden files and folders, whose names begin with a dot, and those that operating systems
    create (``Thumbs.db``, ``desktop.ini``, ``__MACOSX``) are ignored.

    - Images are turned upright if their EXIF data state how the camera was held.
    - Transparent parts are put on a white background.
    - Of 12 or 16 bits per channel, the upper 8 are used. Signed integers, integers of 32 bits and
      floating-point numbers are refused.
    - Animations and TIFF files with several pages are refused, as are TIFF files that Pillow does
      not decode correctly, such as uncompressed 16-bit colours in separate planes.
    - Images of more pixels than twice ``PIL.Image.MAX_IMAGE_PIXELS`` are refused.
    - Colour profiles are ignored.
    - Images are resized with bilinear interpolation, in which, to prevent aliasing, the filter
      covers all pixels of an image that is reduced. Large JPEG images are first decoded at a half,
      a quarter or an eighth of their size, but at least twice `image_shape`.

    Images are decoded one at a time into the array that is returned. If this takes more than a few
    seconds, a line in the terminal shows how many images have been read.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from skimage.io import imsave
    >>> from skcnn.datasets import load_image_folder
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, shape in [("cat/1.png", (30, 40)), ("dog/1.png", (60, 50))]:
    ...         path = Path(folder) / name
    ...         path.parent.mkdir()
    ...         imsave(path, np.full(shape, 200, np.uint8), check_contrast=False)
    ...     X, y = load_image_folder(folder, image_shape=(32, 32))
    >>> X.shape, X.dtype
    ((2, 32, 32, 3), dtype('uint8'))
    >>> y.tolist()
    ['cat', 'dog']
    """
    from skcnn._files.image_folder import read_image_folder  # Pillow is needed only here

    return read_image_folder(path, image_shape, grayscale)
