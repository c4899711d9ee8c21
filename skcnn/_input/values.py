"""Targets of a regression: real numbers, and what is refused instead of being converted."""

from __future__ import annotations

import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_array

from skcnn._input.labels import is_missing, refuse_missing
from skcnn._text import short_repr


def check_values(y: ArrayLike, name: str) -> NDArray[np.float64]:
    """Finite real numbers in float64, of any shape.

    As for `check_array` with ``dtype="numeric"``, bools are zeros and ones, objects that Python can
    convert are converted, and arrays of text are refused. So are dates and durations, of which
    NumPy would make numbers of an unknown unit.

    Raises
    ------
    ValueError
        If they are not finite real numbers.
    """
    if isinstance(y, np.ma.MaskedArray) and np.ma.is_masked(y):
        count = int(np.ma.getmaskarray(y).sum())
        refuse_missing(name, "masked values", count, y.size, "target")
    if not issparse(y):
        _refuse_other_than_numbers(y, name)
    values = check_array(
        y,
        dtype="numeric",
        ensure_2d=False,
        allow_nd=True,
        ensure_min_samples=0,
        ensure_min_features=0,
        input_name=name,
    )
    with np.errstate(over="ignore"):
        return values.astype(np.float64)


def _refuse_other_than_numbers(y: ArrayLike, name: str) -> None:
    try:
        values = np.asarray(y).ravel()
    except ValueError as error:
        raise ValueError(
            f"{name} is a {type(y).__name__} of sequences of different lengths; expected one "
            "number, or as many numbers, for each image. Correct it."
        ) from error
    if values.dtype.kind in "biuf" or not len(values):
        return
    value = values[0] if values.dtype.kind in "mM" else values[:1].tolist()[0]
    if values.dtype.kind == "O":
        missing = np.array([is_missing(value) for value in values])
        if missing.any():
            what = str(values[missing.argmax()]).replace("nan", "NaN").strip("<>")
            refuse_missing(name, what, missing.sum(), len(values), "target")
        others = [value for value in values if not _is_real(value)]
        if not others:
            return
        value = others[0]
    raise ValueError(
        f"{name} has values such as {short_repr(value)}, of type {type(value).__name__}; expected "
        f"real numbers. {_remedy(value, name)}"
    )


def _is_real(value: object) -> bool:
    """Whether Python can convert an object to a number that is not one of a unit of time."""
    if isinstance(value, np.datetime64 | np.timedelta64):
        return False
    try:
        float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _remedy(value: object, name: str) -> str:
    """What to do about a value that is no real number."""
    if isinstance(value, np.datetime64 | datetime.date):
        return (
            "Pass a number for each date, for example the days since the first: (dates - "
            "dates.min()) / np.timedelta64(1, 'D') with dates = "
            f"np.asarray({name}, dtype='datetime64[s]')."
        )
    if isinstance(value, np.timedelta64 | datetime.timedelta):
        return (
            "Divide them by a unit, for example np.asarray("
            f"{name}, dtype='timedelta64[s]') / np.timedelta64(1, 's')."
        )
    if isinstance(value, complex | np.complexfloating):
        return f"Pass {name}.real, or one column for the real and one for the imaginary part."
    if isinstance(value, str | bytes) and not _is_real(value):
        return "If they are classes, use ConvNetClassifier."
    if isinstance(value, int):
        return f"Divide {name} by a suitable number."
    return f"Convert them, for example with np.asarray({name}, dtype=float)."
