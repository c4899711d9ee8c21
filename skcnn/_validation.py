"""The checks of what `fit` and `partial_fit` receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    _check_sample_weight,
    assert_all_finite,
    check_consistent_length,
    column_or_1d,
)

from skcnn._images import ImageShape, validate_images

LARGEST_WEIGHT = 1e6  # of an image in partial_fit


class ValidationInput(NamedTuple):
    """Validation images as `fit` receives them."""

    X: ArrayLike
    y: ArrayLike
    sample_weight: ArrayLike | None


@dataclass(frozen=True)
class ValidationImages:
    """Checked validation images (n, h, w, c), encoded labels (n,), weights (n,) or None."""

    images: NDArray[Any]
    labels: NDArray[np.intp]
    weights: NDArray[np.float64] | None


@dataclass(frozen=True)
class Problem:
    """Checked input of one call: images (n, h, w, c), encoded labels, weights (n,) or None."""

    images: NDArray[Any]
    shape: ImageShape
    classes: NDArray[Any]
    labels: NDArray[np.intp]
    weights: NDArray[np.float64] | None  # sample weights times class weights
    sample_weight: NDArray[np.float64] | None  # without class weights
    validation: ValidationImages | None


def check_problem(
    probe: Any,
    X: ArrayLike,
    y: ArrayLike,
    *,
    classes: ArrayLike | None,
    sample_weight: ArrayLike | None,
    validation: ValidationInput | None,
    incremental: bool,
    resume: bool,
) -> Problem:
    """Check what `fit` or, if `incremental`, `partial_fit` received.

    `probe` is a copy of the estimator, which receives `n_features_in_` and `feature_names_in_`.
    With `resume`, the input must agree with what was fitted before.

    Raises
    ------
    ValueError
        Saying what was found, what was expected and what to do.
    """
    name = type(probe).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    _check_settings(probe, incremental)
    images, shape = validate_images(
        probe,
        X,
        image_shape=probe.image_shape_ if resume else probe.image_shape,
        reset=not resume,
    )
    checked_y = _check_labels(y)
    check_consistent_length(images, checked_y)
    fitted = probe.classes_ if resume else None
    known = _check_classes(name, checked_y, classes, fitted, incremental)
    labels = _encode(checked_y, known, "y")
    own_weights = _check_weights("sample_weight", sample_weight, images)
    weights = own_weights
    if probe.class_weight is not None:
        weights = _apply_class_weight(probe.class_weight, known, checked_y, labels, own_weights)
    if incremental and weights is not None and weights.max() > LARGEST_WEIGHT:
        raise ValueError(
            f"sample_weight times class_weight is up to {weights.max():.3g}; partial_fit uses the "
            f"weights without rescaling and expects at most {LARGEST_WEIGHT:g}. Divide all weights "
            "by the same number."
        )
    return Problem(
        images,
        shape,
        known,
        labels,
        weights,
        own_weights,
        None if validation is None else _check_validation(probe, validation, shape, known),
    )


def _check_settings(probe: Any, incremental: bool) -> None:
    """Combinations of parameters that scikit-learn's constraints cannot express."""
    if incremental and probe.early_stopping:
        raise ValueError(
            "early_stopping=True cannot be used with partial_fit, which makes one pass over the "
            "images that it receives. Set early_stopping=False."
        )
    if incremental and isinstance(probe.class_weight, str):
        raise ValueError(
            f"class_weight={probe.class_weight!r} needs all labels at once and cannot be used with "
            "partial_fit. Pass the weights as a dict, from "
            "sklearn.utils.compute_class_weight('balanced', classes=classes, y=y)."
        )
    if isinstance(probe.augment, type):
        raise ValueError(
            f"augment is the class {probe.augment.__name__}; expected an instance of it. Use "
            f"augment={probe.augment.__name__}()."
        )


def _check_weights(
    name: str, weights: ArrayLike | None, images: NDArray[Any]
) -> NDArray[np.float64] | None:
    if weights is None:
        return None
    checked: NDArray[np.float64] = _check_sample_weight(
        weights, images, dtype=np.float64, ensure_non_negative=True
    )
    if not checked.any():
        raise ValueError(
            f"{name} is zero for every image; expected a positive weight for at least one. Pass "
            f"{name}=None to weight all images alike."
        )
    return checked


def _apply_class_weight(
    class_weight: dict[Any, float] | str,
    classes: NDArray[Any],
    y: NDArray[Any],
    labels: NDArray[np.intp],
    sample_weight: NDArray[np.float64] | None,
) -> NDArray[np.float64]:
    """The images' weights, each multiplied by the weight of its class."""
    if class_weight == "balanced":
        # Older releases of compute_class_weight have no sample_weight.
        counts = np.bincount(labels, sample_weight, len(classes))
        by_class = counts.sum() / (len(classes) * np.where(counts > 0, counts, np.inf))
    else:
        by_class = compute_class_weight(class_weight, classes=classes, y=y)
    if not (np.isfinite(by_class).all() and (by_class >= 0).all() and by_class.any()):
        raise ValueError(
            f"class_weight is {class_weight}; expected finite weights, none negative and at least "
            "one positive."
        )
    weights: NDArray[np.float64] = by_class[labels] * (
        1.0 if sample_weight is None else sample_weight
    )
    if not weights.any():
        raise ValueError(
            "class_weight times sample_weight is zero for every image; expected a positive weight "
            "for at least one. Change one of the two."
        )
    return weights


def _check_validation(
    probe: Any, validation: ValidationInput, shape: ImageShape, classes: NDArray[Any]
) -> ValidationImages:
    try:
        images, _ = validate_images(probe, validation.X, image_shape=shape, reset=False)
        y = _check_labels(validation.y)
        check_consistent_length(images, y)
        weights = _check_weights("sample_weight_val", validation.sample_weight, images)
        return ValidationImages(images, _encode(y, classes, "y_val"), weights)
    except ValueError as error:
        raise ValueError(f"X_val, y_val, sample_weight_val: {error}") from error


def _check_labels(y: ArrayLike) -> NDArray[Any]:
    checked: NDArray[Any] = column_or_1d(y, warn=True)
    assert_all_finite(checked, input_name="y")
    check_classification_targets(checked)
    return checked


def _check_classes(
    name: str,
    y: NDArray[Any],
    classes: ArrayLike | None,
    fitted: NDArray[Any] | None,
    incremental: bool,
) -> NDArray[Any]:
    """The sorted classes: those given or fitted, otherwise the labels of y."""
    present = np.unique(y)
    given = None if classes is None else np.unique(column_or_1d(classes))
    if fitted is not None:
        if incremental and given is not None and not np.array_equal(given, fitted):
            raise ValueError(
                f"classes is {given.tolist()}; expected {fitted.tolist()}, as at the first call of "
                "partial_fit. Pass the same classes or None."
            )
        if not incremental and not np.array_equal(present, fitted):
            raise ValueError(
                f"y has the classes {present.tolist()}; with warm_start=True it needs the same "
                f"classes as before, {fitted.tolist()}. Set warm_start=False to start over."
            )
        return fitted
    if incremental and given is None:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: an array of all labels that "
            "any call will have."
        )
    found = present if given is None else given
    if len(found) < 2:
        raise ValueError(
            f"{name} needs labels of at least 2 classes; got 1 class: {found.tolist()}."
        )
    return found


def _encode(y: NDArray[Any], classes: NDArray[Any], name: str) -> NDArray[np.intp]:
    """Indices of the labels in `classes`."""
    labels = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = classes[labels] != y
    if np.any(unknown):
        raise ValueError(
            f"{name} has the labels {np.unique(y[unknown]).tolist()}; expected labels among the "
            f"classes {classes.tolist()}."
        )
    return labels
