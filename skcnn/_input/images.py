"""From X to images of shape ``(n, height, width, channels)``, and the checks that X has to pass.

X may be a 2-D table of pixels, or an array of shape ``(n, h, w)`` or ``(n, h, w, channels)``. It
may be an array, a DataFrame or a read-only memory map. The result is a *view* of shape
``(n, h, w, channels)``: X is not copied. Only a collection of images is, into one array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import assert_all_finite, check_array, validate_data

from skcnn._input.image_lists import as_array, check_cells
from skcnn._input.pixels import explain_objects, refuse_other_than_numbers
from skcnn._input.settings import ImageShape, check_image_shape, with_channels
from skcnn._input.shape_guess import like_sides, warn_if_unlikely


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
    >>> from skcnn._input.images import resolve_image_shape
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
            return with_channels(x_shape[1:])
        side = math.isqrt(x_shape[1])
        return (side, side, 1) if side * side == x_shape[1] else (1, x_shape[1], 1)

    given = check_image_shape(image_shape)
    shape = with_channels(given)
    if len(x_shape) == 2:
        if math.prod(shape) != x_shape[1]:
            raise ValueError(
                f"image_shape={given} means {math.prod(shape)} pixels per image, but X has "
                f"{x_shape[1]} features. Set image_shape to the (height, width) or "
                "(height, width, channels) of the images."
            )
    elif shape != with_channels(x_shape[1:]):
        raise ValueError(
            f"image_shape={given} does not fit the images of X, which have shape {x_shape[1:]}. "
            + _remedy(x_shape, shape, "Set image_shape=None to take the shape from X.")
        )
    return shape


def _remedy(x_shape: tuple[int, ...], expected: tuple[int, ...], otherwise: str) -> str:
    """What to do about an X whose images do not have the `expected` shape."""
    if len(x_shape) == 4 and (*x_shape[2:], x_shape[1]) == expected:
        return "Its channels come first: pass X.transpose(0, 2, 3, 1)."
    return otherwise


def validate_images(
    estimator: BaseEstimator,
    X: ArrayLike,
    *,
    image_shape: Sequence[int] | None = None,
    reset: bool,
) -> tuple[NDArray, ImageShape]:
    """Check X as scikit-learn does and view it as images.

    With `reset`, set `n_features_in_` (and `feature_names_in_` for a DataFrame), and what an image
    in X is: `_form`, its shape (pixels,), (h, w) or (h, w, channels), and `_dtype_name`. Otherwise
    check X against them: in every form of X, an image must have the same number of pixels.

    Parameters
    ----------
    estimator : BaseEstimator
        Named in the messages; receives the attributes.
    X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
        Dense, finite real numbers of any dtype. A list, a Series or a 1-D object array of images
        is stacked.
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
        If X is sparse, complex, not finite or empty, if its images do not all have the same shape,
        or if they do not have the shape given by `image_shape` or seen in `fit`.

    Warns
    -----
    ImageShapeWarning
        With `reset`, if `image_shape` is None and the guess is likely to be wrong.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from skcnn._input.images import validate_images
    >>> images, shape = validate_images(BaseEstimator(), np.zeros((10, 64)), reset=True)
    >>> images.shape, shape
    ((10, 8, 8, 1), (8, 8, 1))
    """
    if issparse(X):
        raise ValueError(
            f"{type(estimator).__name__} needs dense images, but X is a sparse "
            f"{type(X).__name__} of shape {np.shape(X)}. Pass X.toarray()."
        )
    batch = as_array(X)
    fitted = None if reset or image_shape is None else tuple(image_shape)
    if fitted:
        _check_several(X, tuple(getattr(batch, "shape", ())), fitted)
    is_table = getattr(batch, "ndim", 2) <= 2
    array = _check_array(estimator, batch, is_table, reset, fitted)
    refuse_other_than_numbers(array)
    if fitted and not is_table:
        shape = _check_fitted_shape(estimator, array.shape, fitted)
    else:
        shape = resolve_image_shape(array.shape, image_shape)
    if reset and image_shape is None:
        warn_if_unlikely(array, shape)
    if reset:
        estimator._form, estimator._dtype_name = array.shape[1:], array.dtype.name
    if reset and not is_table:
        estimator.n_features_in_ = math.prod(shape)
        vars(estimator).pop("feature_names_in_", None)  # only tables have names
    return array.reshape(len(array), *shape), shape


def _check_array(
    estimator: BaseEstimator,
    X: Any,
    is_table: bool,
    reset: bool,
    fitted: tuple[int, ...] | None,
) -> NDArray:
    """X as an array of finite numbers; the columns of a table are checked or, in `fit`, noted."""
    is_plain = type(X) is np.ndarray and X.size > 0 and X.dtype.kind in "biuf"
    if is_plain and (not is_table or (not reset and _has_known_columns(estimator, X))):
        # What scikit-learn does for other input takes as long as predicting an image.
        if X.dtype.kind == "f":
            assert_all_finite(X, estimator_name=type(estimator).__name__, input_name="X")
        return X
    if is_table:
        try:
            array = validate_data(estimator, X, reset=reset, dtype="numeric")
            # scikit-learn 1.6 leaves objects beside columns of pandas' own dtypes as they are.
            return check_array(array, dtype="numeric") if array.dtype.kind == "O" else array
        except (TypeError, ValueError, OverflowError) as error:
            check_cells(X)
            # Missing values of pandas are objects for NumPy; other columns are told first.
            if "Input X contains NaN" not in str(error) and "feature" not in str(error):
                explain_objects(X)
            if fitted and _may_be_one_image(np.shape(X), fitted):
                size = fitted if fitted[2] > 1 else fitted[:2]
                raise ValueError(
                    f"{error} If X is one image, resize it to {size} and pass {_as_batch(X)}."
                ) from error
            raise
    # `validate_data` refuses more than two dimensions.
    try:
        return check_array(X, dtype="numeric", allow_nd=True, estimator=estimator, input_name="X")
    except (TypeError, ValueError, OverflowError):
        explain_objects(X)
        raise


def _has_known_columns(estimator: BaseEstimator, X: NDArray) -> bool:
    """Whether X is a table with the columns seen in `fit`, which had no names."""
    return (
        X.ndim == 2
        and X.shape[1] == estimator.n_features_in_
        and not hasattr(estimator, "feature_names_in_")
    )


def _check_several(X: ArrayLike, x_shape: tuple[int, ...], fitted: tuple[int, ...]) -> None:
    """Check that X, as an array of shape `x_shape`, is not a single image of the fitted shape."""
    height, width, _ = fitted
    one_image = {
        1: x_shape == (math.prod(fitted),),
        2: x_shape == (height, width) and width != math.prod(fitted),
        3: x_shape == fitted and with_channels(x_shape[1:]) != fitted,
    }
    if one_image.get(len(x_shape)):
        raise ValueError(
            f"X has the shape {x_shape} of one image; expected several images. Reshape your data: "
            f"pass {_as_batch(X)}."
        )


def _as_batch(X: ArrayLike) -> str:
    """How to pass one image X."""
    # Tables and Series of pandas and polars cannot be indexed with None.
    return "X[None]" if hasattr(X, "ndim") and not hasattr(X, "iloc") else "[X]"


def _may_be_one_image(x_shape: tuple[int, ...], fitted: tuple[int, ...]) -> bool:
    """Whether X is a table with too many or too few columns that looks like one image."""
    if len(x_shape) != 2 or x_shape[1] == math.prod(fitted):
        return False
    return min(fitted[:2]) > 1 and like_sides(*x_shape)


def _check_fitted_shape(
    estimator: BaseEstimator, x_shape: tuple[int, ...], fitted: tuple[int, ...]
) -> ImageShape:
    """The shape of the images in an X of shape `x_shape`, which must be the fitted one."""
    shape = resolve_image_shape(x_shape)
    if shape != fitted:
        remedy = "Resize the images, or fit the estimator on images of the new shape."
        if len(x_shape) == 3 and x_shape[:2] == fitted[:2]:
            remedy += (
                " If X is one image, convert it to the channels of the others and pass X[None]."
            )
        raise ValueError(
            f"X has images of shape {shape}, but {type(estimator).__name__} is expecting images "
            f"of shape {fitted} (height, width, channels). " + _remedy(x_shape, fitted, remedy)
        )
    return shape
