"""The weights of the images: sample weights, multiplied by the weights of their classes."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from skcnn._input.labels import index_of, refuse_missing, show
from skcnn._text import short_repr

LARGEST_WEIGHT = 1e6  # of an image in partial_fit


def check_weights(name: str, weights: ArrayLike | None, n: int) -> NDArray[np.float64] | None:
    """Check the weights of `n` images; `name` is that of the argument."""
    if weights is None:
        return None
    checked = _as_numbers(name, weights)
    if checked.ndim == 0:
        checked = np.full(n, checked)
    if checked.shape != (n,):
        remedy = f"np.ravel({name})" if checked.shape == (n, 1) else "one weight for each image"
        raise ValueError(f"{name} has shape {checked.shape}; expected ({n},). Pass {remedy}.")
    invalid = checked[~(np.isfinite(checked) & (checked >= 0))]
    if len(invalid):
        raise ValueError(
            f"{name} contains {str(invalid[0]).replace('nan', 'NaN')}; expected finite numbers, "
            "none negative. Correct it, or set it to 0 to leave the image out."
        )
    if not checked.any():
        raise ValueError(
            f"{name} is zero for every image; expected a positive weight for at least one. Pass "
            f"{name}=None to weight all images alike."
        )
    return checked


def scaled(weights: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Scale weights of which only the ratios matter, so that the largest is from 0.5 to 1.

    Then neither their sum nor a product overflows. The factor is a power of two, so that no digits
    are lost.
    """
    if weights is None:
        return None
    with np.errstate(under="ignore"):
        return np.ldexp(weights, -np.frexp(weights.max())[1])


def times_class_weight(
    sample_weight: NDArray[np.float64] | None,
    class_weight: dict[Any, float] | str | None,
    labels: NDArray[np.intp],
    classes: NDArray[Any],
) -> NDArray[np.float64] | None:
    """The images' weights, each multiplied by the weight of its class."""
    if class_weight is None:
        return sample_weight
    if isinstance(class_weight, dict):
        by_class = _by_class(class_weight, classes)
    else:
        by_class = _balanced(np.bincount(labels, sample_weight, len(classes)))
    # In partial_fit, what overflows is refused afterwards.
    with np.errstate(over="ignore", under="ignore"):
        weights = by_class[labels] * (1.0 if sample_weight is None else sample_weight)
    if not weights.any():
        raise ValueError(
            "class_weight times sample_weight is zero for every image; expected a positive weight "
            "for at least one. Change one of the two."
        )
    return weights


def check_unscaled(weights: NDArray[np.float64] | None) -> None:
    """Check the weights of partial_fit, which are used as they are."""
    if weights is not None and weights.max() > LARGEST_WEIGHT:
        raise ValueError(
            f"sample_weight times class_weight is up to {weights.max():.3g}; partial_fit uses the "
            f"weights without rescaling and expects at most {LARGEST_WEIGHT:g}. Divide all weights "
            "by the same number."
        )


def _as_numbers(name: str, weights: Any) -> NDArray[np.float64]:
    if isinstance(weights, np.ma.MaskedArray) and np.ma.is_masked(weights):
        count = int(np.ma.getmaskarray(weights).sum())
        refuse_missing(name, "masked values", count, weights.size, "weight")
    try:
        if issparse(weights):
            raise TypeError(f"it is a sparse {type(weights).__name__} of shape {weights.shape}")
        found = np.asarray(weights)
        if found.dtype.kind not in "biufO":
            raise TypeError(f"its dtype is {found.dtype}")
        with np.errstate(over="ignore"):
            return found.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error)
        if isinstance(error, OverflowError):
            reason = "it has integers that are too large for float64"
        if reason.startswith("setting an array element with a sequence"):
            reason = "it has sequences, not all of the same length"
        raise ValueError(
            f"{name} is not an array of real numbers ({reason}); expected one number for each "
            "image. Convert it, for example with np.asarray(..., dtype=float)."
        ) from error


def _balanced(counts: NDArray[Any]) -> NDArray[np.float64]:
    """Weights (n_classes,) that give all classes which occur the same sum of weights."""
    positive = np.where(counts > 0, counts, np.inf)
    with np.errstate(over="ignore"):
        by_class = counts.sum() / (len(counts) * positive)
    return np.minimum(by_class, np.finfo(np.float64).max)


def _by_class(class_weight: dict[Any, Any], classes: NDArray[Any]) -> NDArray[np.float64]:
    """Weights (n_classes,) from a dict; 1 for classes that it does not have."""
    given = {key: _number(weight) for key, weight in class_weight.items()}
    index = index_of(classes)
    unknown = [key for key in given if key not in index]
    by_text = {str(label): label for label in index}
    mistaken = [key for key in unknown if str(key) in by_text]  # as "0" for 0
    # A part of the images, as a fold of a cross-validation, may lack a class that has a weight.
    if mistaken or (unknown and not all(label in given for label in index)):
        remedy = "Correct the keys, or give a weight for every class, too."
        if mistaken:
            remedy = f"Use the key {by_text[str(mistaken[0])]!r} instead of {mistaken[0]!r}."
        raise ValueError(
            f"class_weight has the keys {unknown}; expected labels among the classes "
            f"{show(classes)}. {remedy}"
        )
    by_class = np.array([given.get(label, 1.0) for label in index])
    wrong = [key for key, weight in given.items() if not (math.isfinite(weight) and weight >= 0)]
    if wrong:
        raise ValueError(
            f"class_weight has the weight {short_repr(class_weight[wrong[0]])} for the class "
            f"{short_repr(wrong[0])}; expected finite numbers, none negative. Correct it."
        )
    if not by_class.any():
        raise ValueError(
            "class_weight is zero for every class; expected a positive weight for at least one. "
            "Change the dict."
        )
    return by_class


def _number(weight: object) -> float:
    """The weight as a float; NaN if it is not a number."""
    try:
        return float(weight) if isinstance(weight, Real) else math.nan
    except OverflowError:
        return math.inf
