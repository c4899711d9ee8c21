"""Collections of images (lists, Series, 1-D object arrays) become one array.

Arrays and tables pass unchanged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from skcnn._input.pixels import refuse_fields, refuse_masked
from skcnn._warn import warn_caller

_NUMBERS = "biufc"  # kinds of dtype
_MOST_SHAPES = 5  # that a message lists
_EXPECTED = "expected an array of images, or a list of arrays"
_EMPTY = "X is empty; expected at least one image. Check how X was selected."
_READ = "Read the image files first, e.g. with skimage.io.imread."


def as_array(X: Any) -> Any:
    """X as one array, if it is a collection of images; an array, table or tensor as it is.

    Raises
    ------
    ValueError
        If X is neither, or if its images do not all have the same shape.
    """
    if (isinstance(X, np.ndarray) and X.dtype.kind in _NUMBERS) or issparse(X):
        if X.shape == (0,):
            raise ValueError(_EMPTY)
        refuse_masked([X])
        return X
    if isinstance(X, np.ndarray):
        refuse_fields(X)
    if isinstance(X, memoryview):
        return as_array(np.asarray(X))
    if _is_pillow(X):
        raise ValueError(
            f"X is one image ({_describe(X)}); expected several. Pass [X], a list of one image."
        )
    if _has_array(X):
        if not hasattr(X, "shape"):
            return as_array(np.asarray(X))
        images = _elements(X)
        return X if images is None else _stack(images)
    unread = hasattr(X, "collect")  # a LazyFrame of polars
    if unread or isinstance(X, (str, bytes, Mapping, Set)) or not hasattr(X, "__getitem__"):
        raise ValueError(f"X is {_describe(X)}; {_EXPECTED}. {_remedy(X)}")
    return _stack(list(X))


def check_cells(X: Any) -> None:
    """Raise ValueError if X is a table of images or paths instead of numbers."""
    if len(np.shape(X)) != 2:
        return
    cells = np.asarray(X[:1]).reshape(-1)
    images = [
        column
        for column, cell in enumerate(cells)
        if isinstance(cell, (list, tuple)) or _is_pillow(cell) or np.ndim(cell)
    ]
    if images:
        first = images[0]
        columns = getattr(X, "columns", None)
        column = f"X[:, {first}]" if columns is None else f"X[{columns[first]!r}]"
        raise ValueError(
            f"X is a table of {len(cells)} columns, and {column} has images; expected images only, "
            f"or a table of pixels. Select the column of images: pass {column}."
        )
    if len(cells) == 1 and _is_path(cells[0]):
        _image(0, cells[0])


def _has_array(X: Any) -> bool:
    """Whether NumPy can convert X as a whole: an array, a tensor, a DataFrame, a Series."""
    return hasattr(X, "__array__") or hasattr(X, "__array_interface__")


def _is_pillow(X: Any) -> bool:
    return type(X).__module__.partition(".")[0] == "PIL"


def _elements(X: Any) -> list[Any] | None:
    """The images in a 1-D X, or in a table with one column of images; None for other arrays."""
    shape: tuple[int, ...] = getattr(X, "shape", ())
    if not (len(shape) == 1 or (len(shape) == 2 and shape[1] == 1)):
        return None
    values = np.asarray(X)
    if values.dtype.kind in _NUMBERS:
        # A Series of polars is 1-D, also if its elements are arrays.
        return list(values) if values.ndim > len(shape) else None
    images = list(values.reshape(-1))
    # A column of numbers or words is a table, which scikit-learn checks.
    return images if len(shape) == 1 or (images and np.ndim(images[0])) else None


def _stack(images: list[Any]) -> NDArray[Any]:
    """One array of the images; a list of numbers or of rows becomes an array, too."""
    if not images:
        raise ValueError(_EMPTY)
    if any(found.__module__.startswith("PIL.") for found in set(map(type, images))):
        _check_pillow(images)
    refuse_masked(images)
    _warn_if_ranges_differ(images)
    try:
        array = np.asarray(images)
    except (TypeError, ValueError):  # of different shapes
        return np.stack(_checked(images))
    if array.dtype.kind in _NUMBERS or (array.ndim > 1 and not _is_nested(array)):
        return array
    return np.stack(_checked(images))


def _check_pillow(images: list[Any]) -> None:
    """Refuse images of Pillow whose pixels are not brightnesses."""
    for position, image in enumerate(images):
        if _is_pillow(image) and image.mode in ("P", "PA"):
            raise ValueError(
                f"X[{position}] is {_describe(image)} in mode {image.mode!r}, whose pixels are "
                "indices of a palette; expected colours or grey values. Convert the images, e.g. "
                "[image.convert('RGB') for image in X]."
            )


def _warn_if_ranges_differ(images: list[Any]) -> None:
    """Warn if some arrays have floats from 0 to 1 and others have larger integers."""
    arrays = [image for image in images if isinstance(image, np.ndarray) and image.size]
    kinds = {dtype.kind for dtype in {image.dtype for image in arrays}}
    if "f" not in kinds or kinds.isdisjoint("iu"):
        return
    floats = [image for image in arrays if image.dtype.kind == "f"]
    integers = [image for image in arrays if image.dtype.kind in "iu"]
    least, most = min(image.min() for image in floats), max(image.max() for image in floats)
    largest = max(int(image.max()) for image in integers)
    if largest > 1 and least >= 0 and 0 < most <= 1:
        counts = Counter(image.dtype.name for image in arrays)
        found = ", ".join(f"{dtype} {_times(count)}" for dtype, count in counts.items())
        warn_caller(
            f"X mixes images of integers up to {largest} and of floats from {least:.4g} to "
            f"{most:.4g} ({found}); expected images of one range. Divide the integers by the "
            "largest value that a pixel can have, e.g. image / 255.",
            UserWarning,
        )


def _is_nested(array: NDArray[Any]) -> bool:
    """Whether an array has arrays or lists as elements, as in tables read from Parquet files."""
    return array.dtype == object and array.ndim * array.size > 0 and np.ndim(array.flat[0]) > 0


def _unnested(image: Any) -> NDArray[Any]:
    """The image as an array; its rows may be arrays in an object array."""
    array = np.asarray(image)
    return np.stack([_unnested(row) for row in array]) if _is_nested(array) else array


def _checked(images: list[Any]) -> list[NDArray[Any]]:
    """The images as arrays of the same shape, or an error that says what they are."""
    arrays = [_image(position, image) for position, image in enumerate(images)]
    shapes = Counter(array.shape for array in arrays)
    if len(shapes) > 1:
        _raise_shapes(shapes)
    return arrays


def _image(position: int, image: Any) -> NDArray[Any]:
    """One image as an array, or an error that says what it is instead."""
    what = _describe(image)
    try:
        array = _unnested(image)
        if array.ndim and array.dtype.kind in _NUMBERS:
            return array
    except (TypeError, ValueError):
        what += ", which NumPy cannot convert to an array"
    if isinstance(image, tuple):
        remedy = "If X has pairs of an image and a label, pass the images as X, the labels as y."
    else:
        remedy = _READ if _is_path(image) else "Remove it, or replace it by an image."
    raise ValueError(f"X[{position}] is {what}; expected an image. {remedy}")


def _remedy(X: Any) -> str:
    """What to do about an X that is not an array and not a sequence."""
    if _is_path(X):
        return _READ
    if hasattr(X, "collect"):
        return "Pass X.collect()."
    if isinstance(X, Mapping):
        return "Pass list(X.values()) if its values are the images."
    return "Pass list(X)." if hasattr(X, "__iter__") else "Check what is passed as X."


def _is_path(value: Any) -> bool:
    return isinstance(value, (str, bytes)) or hasattr(value, "__fspath__")


def _raise_shapes(shapes: Counter[tuple[int, ...]]) -> NoReturn:
    """The error about images of different shapes."""
    common = shapes.most_common()
    listed = [f"{shape} {_times(count)}" for shape, count in common[:_MOST_SHAPES]]
    if len(common) > _MOST_SHAPES:
        listed.append(f"and {len(common) - _MOST_SHAPES} more")
    most_common = common[0][0]
    if all(len(shape) == 1 for shape in shapes):
        remedy = "Give every row the same number of pixels."
    elif len({shape[:2] for shape in shapes}) == 1:
        # Both keep the range of the pixels; skimage.color.rgb2gray would change it to 0..1.
        remedy = (
            "Convert them to the same channels: image[..., :3].mean(axis=-1) makes a grey image of "
            "RGB or RGBA, and skimage.color.gray2rgb(image) makes RGB of a grey image."
        )
        if all(shape[2:] in ((), (1,)) for shape in shapes):
            remedy = "Reshape them: image[..., None] adds an axis of channels."
    else:
        size = most_common[:2]
        remedy = (
            f"Resize them, e.g. with skimage.transform.resize(image, {size}, preserve_range=True)."
        )
    raise ValueError(
        f"X has images of {len(common)} different shapes: {', '.join(listed)}; expected images of "
        f"one shape. {remedy}"
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _describe(value: Any) -> str:
    """A value in a message: its type and, if it is a number or a path, the value."""
    if value is None:
        return "None"
    if _is_pillow(value):
        return f"a Pillow image of {value.width} x {value.height} pixels"
    name = type(value).__name__
    if _is_path(value) or np.isscalar(value):
        shown = repr(value if isinstance(value, bytes) or not _is_path(value) else str(value))
        return f"the {name} {shown if len(shown) <= 60 else shown[:57] + '...'}"
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
