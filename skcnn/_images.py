"""Flat rows <-> images ``(n, h, w, channels)``, and the checks that X has to pass.

Every accepted form of X (a 2-D table of pixels, ``(n, h, w)`` or ``(n, h, w, channels)``;
an array, a DataFrame, a read-only memory map) becomes a *view* of shape ``(n, h, w, channels)``:
X is never copied.
"""

from __future__ import annotations

import math
from numbers import Integral

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_feature_names, check_array, validate_data

ImageShape = tuple[int, int, int]


def resolve_image_shape(x_shape: tuple[int, ...], image_shape=None) -> ImageShape:
    """Height, width and channels of one image in an X of shape `x_shape`.

    Parameters
    ----------
    x_shape : tuple of int
        Shape of X: ``(n, pixels)``, ``(n, h, w)`` or ``(n, h, w, channels)``.
    image_shape : (h, w) or (h, w, channels), default=None
        What the user said. None: taken from an n-D X; for a 2-D X, square if `pixels` is a
        perfect square, else one row of pixels ``(1, pixels)``.

    Returns
    -------
    (h, w, channels) : tuple of int

    Raises
    ------
    ValueError
        If `image_shape` is not two or three positive integers, or does not fit X.

    Examples
    --------
    >>> from skcnn._images import resolve_image_shape
    >>> resolve_image_shape((1797, 64))
    (8, 8, 1)
    >>> resolve_image_shape((100, 3072), (32, 32, 3))
    (32, 32, 3)
    """
    if len(x_shape) not in (2, 3, 4):
        raise ValueError(
            f"X has shape {x_shape}; expected (n_samples, n_pixels), (n_samples, height, width) "
            "or (n_samples, height, width, channels)."
        )
    if len(x_shape) > 2 and 0 in x_shape[1:]:
        raise ValueError(
            f"X has shape {x_shape}: images without pixels. Every side and the number of channels "
            "has to be 1 or more."
        )
    if image_shape is None:
        if len(x_shape) > 2:
            return (*x_shape[1:3], x_shape[3] if len(x_shape) == 4 else 1)
        side = math.isqrt(x_shape[1])
        return (side, side, 1) if side * side == x_shape[1] else (1, x_shape[1], 1)

    try:
        given = tuple(image_shape)
    except TypeError:
        given = ()
    if len(given) not in (2, 3) or not all(
        isinstance(side, Integral) and not isinstance(side, bool) and side > 0 for side in given
    ):
        raise ValueError(
            f"image_shape is {image_shape!r}; expected (height, width) or "
            "(height, width, channels), positive integers."
        )
    height, width, channels = (*map(int, given), 1)[:3]
    if len(x_shape) == 2:
        if height * width * channels != x_shape[1]:
            raise ValueError(
                f"image_shape={tuple(given)} means {height * width * channels} pixels an image, "
                f"but X has {x_shape[1]} features. Set image_shape to the images' "
                "(height, width) or (height, width, channels)."
            )
    elif (height, width, channels) != (*x_shape[1:], 1)[:3]:
        raise ValueError(
            f"image_shape={tuple(given)} does not fit the images of X, of shape {x_shape[1:]}. "
            "Leave image_shape=None to take it from X."
        )
    return height, width, channels


def validate_images(
    estimator: BaseEstimator, X, *, image_shape=None, reset: bool
) -> tuple[NDArray, ImageShape]:
    """Check X as scikit-learn does and view it as images.

    Sets `n_features_in_` (and `feature_names_in_` for a DataFrame) if `reset`, otherwise holds X
    against them: whatever the form of X, the number of pixels of an image has to agree.

    Parameters
    ----------
    estimator : BaseEstimator
        Named in the messages; receives the attributes.
    X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
        Real numbers of any dtype, finite, dense.
    image_shape : tuple of int, default=None
        With `reset`, the user's setting; otherwise the fitted ``(h, w, channels)``.
    reset : bool
        True in the first `fit`, False afterwards.

    Returns
    -------
    images : ndarray of shape (n, h, w, channels)
        A view of X (of X as an array), in its own dtype.
    image_shape : (h, w, channels)

    Raises
    ------
    ValueError
        If X is sparse, complex, not finite, empty, or of another number of pixels.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skcnn._images import validate_images
    >>> images, shape = validate_images(BaseEstimator(), np.zeros((10, 64)), reset=True)
    >>> images.shape, shape
    ((10, 8, 8, 1), (8, 8, 1))
    """
    name = type(estimator).__name__
    if issparse(X):
        raise ValueError(
            f"{name} needs dense images, but X is a sparse {type(X).__name__} of shape {X.shape}. "
            "Pass X.toarray()."
        )
    if getattr(X, "ndim", 0) > 2:
        array = check_array(X, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X")
        shape = resolve_image_shape(array.shape, image_shape if reset else None)
        _check_feature_names(estimator, X, reset=reset)
        if reset:
            estimator.n_features_in_ = math.prod(shape)
        elif shape != tuple(image_shape):
            raise ValueError(
                f"X has images of shape {shape}, but {name} was fitted on images of shape "
                f"{tuple(image_shape)} (height, width, channels)."
            )
        return array.reshape(len(array), *shape), shape

    if not hasattr(X, "__array__") and np.ndim(X) > 2:  # nested lists of pixels
        return validate_images(estimator, np.asarray(X), image_shape=image_shape, reset=reset)
    array = validate_data(estimator, X, reset=reset, dtype="numeric")
    shape = resolve_image_shape(array.shape, image_shape)
    return array.reshape(len(array), *shape), shape
