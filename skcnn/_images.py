"""From X to images of shape ``(n, height, width, channels)``, and the checks that X has to pass.

X may be a 2-D table of pixels, or an array of shape ``(n, h, w)`` or ``(n, h, w, channels)``. It
may be an array, a DataFrame or a read-only memory map. The result is a *view* of shape
``(n, h, w, channels)``: X is never copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral
from typing import TypeAlias, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_feature_names, check_array, validate_data

ImageShape: TypeAlias = tuple[int, int, int]


def is_positive_int(value: object) -> TypeGuard[int]:
    """Whether `value` is an integer of any type, not a bool, and at least 1."""
    return isinstance(value, Integral) and not isinstance(value, bool) and int(value) > 0


def resolve_image_shape(
    x_shape: tuple[int, ...], image_shape: Sequence[int] | None = None
) -> ImageShape:
    """Height, width and channels of one image in an X of shape `x_shape`.

    Parameters
    ----------
    x_shape : tuple of int
        Shape of X: ``(n, pixels)``, ``(n, h, w)`` or ``(n, h, w, channels)``.
    image_shape : (h, w) or (h, w, channels), default=None
        The user's setting. If None, the shape is taken from a 3-D or 4-D X. A 2-D X is read as
        square images if `pixels` is a perfect square, and as single rows of pixels,
        ``(1, pixels)``, otherwise.

    Returns
    -------
    (h, w, channels) : tuple of int

    Raises
    ------
    ValueError
        If X does not have two to four dimensions or has no pixels, if `image_shape` is not two or
        three positive integers, or if it does not fit X.

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
            "or (n_samples, height, width, channels). Reshape X; a single image needs a first "
            "axis of length 1."
        )
    if len(x_shape) > 2 and 0 in x_shape[1:]:
        raise ValueError(
            f"X has shape {x_shape}, so its images have no pixels; expected a height, a width and "
            "a number of channels of 1 or more. Check how X was sliced or reshaped."
        )
    if image_shape is None:
        if len(x_shape) > 2:
            return _with_channels(x_shape[1:])
        side = math.isqrt(x_shape[1])
        return (side, side, 1) if side * side == x_shape[1] else (1, x_shape[1], 1)

    given = _check_image_shape(image_shape)
    shape = _with_channels(given)
    if len(x_shape) == 2:
        if math.prod(shape) != x_shape[1]:
            raise ValueError(
                f"image_shape={given} means {math.prod(shape)} pixels per image, but X has "
                f"{x_shape[1]} features. Set image_shape to the (height, width) or "
                "(height, width, channels) of the images."
            )
    elif shape != _with_channels(x_shape[1:]):
        raise ValueError(
            f"image_shape={given} does not fit the images of X, which have shape {x_shape[1:]}. "
            "Set image_shape=None to take the shape from X."
        )
    return shape


def _check_image_shape(image_shape: Sequence[int]) -> tuple[int, ...]:
    """The setting as a tuple of two or three positive integers."""
    try:
        given = tuple(image_shape)
    except TypeError:  # not iterable
        given = ()
    if len(given) not in (2, 3) or not all(map(is_positive_int, given)):
        raise ValueError(
            f"image_shape is {image_shape!r}; expected (height, width) or "
            "(height, width, channels), all positive integers. Pass such a tuple, or None to "
            "infer the shape from X."
        )
    return tuple(map(int, given))


def _with_channels(shape: tuple[int, ...]) -> ImageShape:
    """(h, w) or (h, w, channels) as (h, w, channels)."""
    height, width, channels = (*shape, 1)[:3]
    return height, width, channels


def validate_images(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    reset: bool,
) -> tuple[NDArray, ImageShape]:
    """Check X as scikit-learn does and view it as images.

    With `reset`, set `n_features_in_` (and `feature_names_in_` for a DataFrame). Otherwise check
    X against them: in every form of X, an image must have the same number of pixels.

    Parameters
    ----------
    estimator : BaseEstimator
        Named in the messages; receives the attributes.
    X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
        Dense, finite real numbers of any dtype.
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
        If X is sparse, complex, not finite or empty, or if its images do not have the shape given
        by `image_shape` or seen in `fit`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skcnn._images import validate_images
    >>> images, shape = validate_images(BaseEstimator(), np.zeros((10, 64)), reset=True)
    >>> images.shape, shape
    ((10, 8, 8, 1), (8, 8, 1))
    """
    if issparse(X):
        raise ValueError(
            f"{type(estimator).__name__} needs dense images, but X is a sparse "
            f"{type(X).__name__} of shape {np.shape(X)}. Pass X.toarray()."
        )
    if not hasattr(X, "__array__") and np.ndim(X) > 2:  # nested lists of pixels
        X = np.asarray(X)
    if getattr(X, "ndim", 0) > 2:
        return _validate_image_array(estimator, X, image_shape, reset)
    array = validate_data(estimator, X, reset=reset, dtype="numeric")
    shape = resolve_image_shape(array.shape, image_shape)
    return array.reshape(len(array), *shape), shape


def _validate_image_array(
    estimator: BaseEstimator, X: ArrayLike, image_shape: Sequence[int] | None, reset: bool
) -> tuple[NDArray, ImageShape]:
    """`validate_images` for an X of more than two dimensions, which `validate_data` refuses."""
    array = check_array(X, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X")
    shape = resolve_image_shape(array.shape, image_shape if reset else None)
    _check_feature_names(estimator, X, reset=reset)
    if reset:
        estimator.n_features_in_ = math.prod(shape)
    elif image_shape is not None and shape != tuple(image_shape):
        raise ValueError(
            f"X has images of shape {shape}, but {type(estimator).__name__} was fitted on images "
            f"of shape {tuple(image_shape)} (height, width, channels). Resize the images, or fit "
            "the estimator on images of the new shape."
        )
    return array.reshape(len(array), *shape), shape
