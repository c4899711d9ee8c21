"""Pixels that are missing or are not real numbers: they are refused, not converted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn._text import short_repr


def refuse_masked(images: Iterable[Any]) -> None:
    """Raise ValueError if one of the arrays has masked pixels, of which NumPy keeps the values."""
    masked = [array for array in images if isinstance(array, np.ma.MaskedArray)]
    n_missing = sum(int(np.ma.getmaskarray(array).sum()) for array in masked)
    if n_missing:
        raise ValueError(
            f"X has {n_missing} masked pixels; expected a number for every pixel. Fill them, for "
            "example with X.filled(0)."
        )


def refuse_fields(array: NDArray[Any]) -> None:
    """Raise ValueError if the array has a structured dtype."""
    if array.dtype.names:
        raise ValueError(
            f"X has the fields {', '.join(array.dtype.names)} of a structured dtype; expected real "
            "numbers. Pass numpy.lib.recfunctions.structured_to_unstructured(X)."
        )


def refuse_other_than_numbers(array: NDArray[Any]) -> None:
    """Raise ValueError if checked images have a dtype that is not one of real numbers."""
    if array.dtype.kind in "mM":
        what = "dates" if array.dtype.kind == "M" else "durations"
        raise ValueError(
            f"X has {what}, of dtype {array.dtype}; expected real numbers. Divide "
            f"{'the durations since a date' if what == 'dates' else 'them'} by a unit, for example "
            "np.timedelta64(1, 's')."
        )
    if array.dtype.kind not in "biuf":
        raise ValueError(
            f"X has dtype {array.dtype}; expected real numbers. Convert it, for example with "
            "np.asarray(X, dtype=np.float32)."
        )


def explain_objects(X: Any) -> None:
    """Raise an error that names the first object in X that is not a number, if there is one."""
    array = np.asarray(X)
    if array.dtype.kind != "O":
        return
    for place, value in np.ndenumerate(array):
        try:
            float(value)
        except (TypeError, ValueError, OverflowError) as error:
            is_type = isinstance(error, TypeError)  # scikit-learn expects its text
            raise (TypeError if is_type else ValueError)(
                f"X[{', '.join(map(str, place))}] is {short_repr(value)}, of type "
                f"{type(value).__name__}; expected a real number that float64 can hold"
                f"{f' ({error})' if is_type else ''}. Convert or remove it."
            ) from error
