"""The checks of what `fit` and `partial_fit` receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn._copies import copies_of
from skcnn._input.images import ImageShape, as_image_shape, validate_images
from skcnn._input.labels import check_labels, check_same_length, comparable, encode, show
from skcnn._input.weights import check_unscaled, check_weights, scaled, times_class_weight
from skcnn._warn import warn_caller
from skcnn.augment import AUGMENTATIONS


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
    if resume and probe.image_shape is not None:
        _check_same_shape(probe)
    images, shape = validate_images(
        probe,
        X,
        image_shape=probe.image_shape_ if resume else probe.image_shape,
        reset=not resume,
    )
    checked_y = check_labels(y)
    check_same_length(images, checked_y, "X", "y")
    fitted = probe.classes_ if resume else None
    known = _check_classes(name, checked_y, classes, fitted, incremental)
    labels = encode(checked_y, known, "y")
    weights = check_weights("sample_weight", sample_weight, len(images))
    if incremental:
        weights = times_class_weight(weights, probe.class_weight, labels, known)
        check_unscaled(weights)
    else:
        weights = scaled(times_class_weight(scaled(weights), probe.class_weight, labels, known))
    return Problem(
        images,
        shape,
        known,
        labels,
        weights,
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
            "partial_fit. Pass the weights as a dict, for example dict(zip(classes, "
            "compute_class_weight('balanced', classes=classes, y=y))) with an array of classes and "
            "sklearn.utils.compute_class_weight."
        )
    _check_augment(probe.augment)
    copies_of(probe.predict_augment)


def _check_augment(setting: Any) -> None:
    """What scikit-learn's constraints cannot express: classes, and the steps of a sequence."""
    several = isinstance(setting, (tuple, list))
    if several and not setting:
        raise ValueError(
            f"augment is {setting!r}; expected at least one transformation. Pass None for none."
        )
    for step in setting if several else (setting,):
        if isinstance(step, type):
            raise ValueError(
                f"augment {'has' if several else 'is'} the class {step.__name__}; expected an "
                f"instance of it. Use {step.__name__}()."
            )
        known = callable(step) or (isinstance(step, str) and step in AUGMENTATIONS)
        if several and not known:
            raise ValueError(
                f"augment has the step {step!r}; expected callables and names among "
                f"{', '.join(AUGMENTATIONS)}. Replace it."
            )


def _check_same_shape(probe: Any) -> None:
    """The parameter must not differ from the shape of the images seen so far."""
    if as_image_shape(probe.image_shape) != probe.image_shape_:
        raise ValueError(
            f"image_shape is {probe.image_shape}, but the network was fitted on images of shape "
            f"{probe.image_shape_} (height, width, channels); expected this shape or None. Set "
            "image_shape=None, or start over: set warm_start=False or make a new estimator."
        )


def _check_validation(
    probe: Any, validation: ValidationInput, shape: ImageShape, classes: NDArray[Any]
) -> ValidationImages:
    try:
        images, _ = validate_images(probe, validation.X, image_shape=shape, reset=False)
    except ValueError as error:
        raise ValueError(f"X_val: {error}") from error
    y = check_labels(validation.y, "y_val")
    check_same_length(images, y, "X_val", "y_val")
    labels = encode(y, classes, "y_val")
    weights = check_weights("sample_weight_val", validation.sample_weight, len(images))
    return ValidationImages(images, labels, scaled(weights))


def _check_classes(
    name: str,
    y: NDArray[Any],
    classes: ArrayLike | None,
    fitted: NDArray[Any] | None,
    incremental: bool,
) -> NDArray[Any]:
    """The sorted classes: those given or fitted, otherwise the labels of y."""
    present = np.unique(y)
    given = None if classes is None else np.unique(check_labels(classes, "classes"))
    if fitted is not None:
        if incremental and given is not None and not _equal(given, fitted):
            raise ValueError(
                f"classes is {show(given)}; expected {show(fitted)}, as at the first call of "
                "partial_fit. Pass the same classes or None."
            )
        if not incremental and not _equal(present, fitted):
            raise ValueError(
                f"y has the classes {show(present)}; with warm_start=True it needs the same "
                f"classes as before, {show(fitted)}. Set warm_start=False to start over."
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
            f"{name} needs labels of at least 2 classes; got {len(found)} class: {show(found)}. "
            "Add images of another class."
        )
    if not incremental and len(y) > 20 and len(found) > len(y) / 2:  # as in scikit-learn
        warn_caller(
            f"y has {len(found)} different labels for {len(y)} images; expected several images of "
            "each class. Check whether y holds the labels.",
            UserWarning,
        )
    return found


def _equal(a: NDArray[Any], b: NDArray[Any]) -> bool:
    """Whether two arrays have the same classes."""
    return comparable(a, b) and np.array_equal(a, b)
