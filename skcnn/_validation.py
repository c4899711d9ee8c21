"""The checks of what `fit` and `partial_fit` are given; nothing is changed by them.

Contains `check_problem` and its result, `Problem`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
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


@dataclass
class Problem:
    """Checked input of one call: images (n, h, w, c), encoded labels, weights (n,) or None."""

    images: NDArray
    shape: ImageShape
    classes: NDArray
    labels: NDArray[np.intp]
    weights: NDArray | None  # with class weights
    sample_weight: NDArray | None  # without
    validation: tuple[NDArray, NDArray[np.intp], NDArray | None] | None


def check_problem(
    probe, X, y, *, classes, sample_weight, validation, incremental: bool, go_on: bool
) -> Problem:
    """Check what `fit` or (`incremental`) `partial_fit` was given.

    `probe` stands for the estimator and receives `n_features_in_` and `feature_names_in_`. With
    `go_on` the input is held against what was fitted before.

    Raises
    ------
    ValueError
        Saying what was wrong, what was expected and what to do.
    """
    name = type(probe).__name__
    if y is None:
        raise ValueError(f"{name} requires y to be passed, but the target y is None.")
    if incremental and probe.early_stopping:
        raise ValueError(
            "early_stopping=True cannot be used with partial_fit, which makes one pass over all "
            "that it is given. Set early_stopping=False."
        )
    if isinstance(probe.augment, type):
        raise ValueError(
            f"augment is the class {probe.augment.__name__}; expected an instance of it, as in "
            f"augment={probe.augment.__name__}()."
        )
    images, shape = validate_images(
        probe,
        X,
        image_shape=probe.image_shape_ if go_on else probe.image_shape,
        reset=not go_on,
    )
    y = _check_labels(y)
    check_consistent_length(images, y)
    fitted = probe.classes_ if go_on else None
    classes = _check_classes(name, y, classes, fitted, incremental)
    labels = _encode(y, classes, "y")
    if sample_weight is not None:
        sample_weight = _check_sample_weight(
            sample_weight, images, dtype=np.float64, ensure_non_negative=True
        )
        if not sample_weight.any():
            raise ValueError("sample_weight is zero for every image; nothing can be learned.")
    weights = sample_weight
    if probe.class_weight is not None:
        if incremental and probe.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' needs all labels at once and cannot be used with "
                "partial_fit. Pass the weights as a dict, from "
                "sklearn.utils.compute_class_weight('balanced', classes=classes, y=y)."
            )
        if probe.class_weight == "balanced":
            # older releases of compute_class_weight know no sample_weight
            counts = np.bincount(labels, sample_weight, len(classes))
            by_class = counts.sum() / (len(classes) * np.where(counts > 0, counts, np.inf))
        else:
            by_class = compute_class_weight(probe.class_weight, classes=classes, y=y)
        if not (np.isfinite(by_class).all() and (by_class >= 0).all() and by_class.any()):
            raise ValueError(
                f"class_weight is {probe.class_weight}; expected finite weights, none negative "
                "and not all zero."
            )
        weights = by_class[labels] * (1.0 if sample_weight is None else sample_weight)
        if not weights.any():
            raise ValueError(
                "class_weight and sample_weight together are zero for every image; nothing can be "
                "learned."
            )
    if incremental and weights is not None and weights.max() > LARGEST_WEIGHT:
        raise ValueError(
            f"sample_weight times class_weight is up to {weights.max():.3g}; partial_fit takes it "
            f"as it is and allows {LARGEST_WEIGHT:g}. Divide all weights by the same number."
        )
    if validation is not None:
        try:
            validation = _check_validation(probe, *validation, shape, classes)
        except ValueError as error:
            raise ValueError(f"X_val, y_val, sample_weight_val: {error}") from error
    return Problem(images, shape, classes, labels, weights, sample_weight, validation)


def _check_validation(probe, X_val, y_val, weight_val, shape, classes):
    images, _ = validate_images(probe, X_val, image_shape=shape, reset=False)
    y_val = _check_labels(y_val)
    check_consistent_length(images, y_val)
    if weight_val is not None:
        weight_val = _check_sample_weight(
            weight_val, images, dtype=np.float64, ensure_non_negative=True
        )
        if not weight_val.any():
            raise ValueError("sample_weight_val is zero for every image.")
    return images, _encode(y_val, classes, "y_val"), weight_val


def _check_labels(y) -> NDArray:
    y = column_or_1d(y, warn=True)
    assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    return y


def _check_classes(name, y, classes, fitted, incremental) -> NDArray:
    present = np.unique(y)
    if classes is not None:
        classes = np.unique(column_or_1d(classes))
    if fitted is not None:
        if incremental and classes is not None and not np.array_equal(classes, fitted):
            raise ValueError(
                f"classes is {classes.tolist()}, but at the first call of partial_fit it was "
                f"{fitted.tolist()}. Pass the same classes, or none."
            )
        if not incremental and not np.array_equal(present, fitted):
            raise ValueError(
                f"With warm_start=True y needs the same classes as before, {fitted.tolist()}; "
                f"it has {present.tolist()}."
            )
        return fitted
    if incremental and classes is None:
        raise ValueError(
            "classes must be passed on the first call to partial_fit: "
            "an array of all labels that will ever come."
        )
    classes = present if classes is None else classes
    if len(classes) < 2:
        raise ValueError(
            f"{name} needs labels of at least 2 classes; got 1 class: {classes.tolist()}."
        )
    return classes


def _encode(y, classes, what: str) -> NDArray[np.intp]:
    labels = np.minimum(np.searchsorted(classes, y), len(classes) - 1)
    unknown = classes[labels] != y
    if np.any(unknown):
        raise ValueError(
            f"{what} has labels {np.unique(y[unknown]).tolist()} that are not among the classes "
            f"{classes.tolist()}."
        )
    return labels
