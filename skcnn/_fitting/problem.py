"""The checks of what `fit` and `partial_fit` receive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn._input.images import validate_images
from skcnn._input.settings import ImageShape, as_image_shape
from skcnn._input.weights import check_unscaled, check_weights, scaled
from skcnn._tasks.task import Task
from skcnn.augment import AUGMENTATIONS


class ValidationInput(NamedTuple):
    """Validation images as `fit` receives them."""

    X: ArrayLike
    y: ArrayLike | None
    sample_weight: ArrayLike | None


@dataclass(frozen=True)
class ValidationImages:
    """Checked validation images (n, h, w, c), their targets, and weights (n,) or None."""

    images: NDArray[Any]
    task: Task
    weights: NDArray[np.float64] | None


@dataclass(frozen=True)
class Problem:
    """Checked input of one call: images (n, h, w, c), their targets, and weights (n,) or None."""

    images: NDArray[Any]
    shape: ImageShape
    task: Task
    weights: NDArray[np.float64] | None  # sample weights times class weights
    validation: ValidationImages | None


def check_problem(
    work: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    *,
    classes: ArrayLike | None,
    sample_weight: ArrayLike | None,
    validation: ValidationInput | None,
    incremental: bool,
    resume: bool,
) -> Problem:
    """Check what `fit` or, if `incremental`, `partial_fit` received.

    `work` is a copy of the estimator, which receives `n_features_in_` and `feature_names_in_`.
    With `resume`, the input must agree with what was fitted before.

    Raises
    ------
    ValueError
        Saying what was found, what was expected and what to do.
    """
    if y is None and work._needs_y:
        raise ValueError(
            f"{type(work).__name__} requires y to be passed, but the target y is None."
        )
    _check_settings(work, incremental)
    if resume and work.image_shape is not None:
        _check_same_shape(work)
    images, shape = validate_images(
        work,
        X,
        image_shape=work.image_shape_ if resume else work.image_shape,
        reset=not resume,
    )
    task = work._task(y, images, classes=classes, incremental=incremental, resume=resume)
    weights = check_weights("sample_weight", sample_weight, len(images))
    if incremental:
        weights = task.weights(weights)
        check_unscaled(weights)
    else:
        weights = scaled(task.weights(scaled(weights)))
    checked = None if validation is None else _check_validation(work, validation, shape, task)
    return Problem(images, shape, task, weights, checked)


def _check_settings(work: Any, incremental: bool) -> None:
    """Combinations of parameters that scikit-learn's constraints cannot express."""
    if incremental and work.early_stopping:
        raise ValueError(
            "early_stopping=True cannot be used with partial_fit, which makes one pass over the "
            "images that it receives. Set early_stopping=False."
        )
    work._check_settings(incremental)
    _check_augment(work.augment)


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


def _check_same_shape(work: Any) -> None:
    """The parameter must not differ from the shape of the images seen so far."""
    if as_image_shape(work.image_shape) != work.image_shape_:
        raise ValueError(
            f"image_shape is {work.image_shape}, but the network was fitted on images of shape "
            f"{work.image_shape_} (height, width, channels); expected this shape or None. Set "
            "image_shape=None, or start over: set warm_start=False or make a new estimator."
        )


def _check_validation(
    work: Any, validation: ValidationInput, shape: ImageShape, task: Task
) -> ValidationImages:
    try:
        images, _ = validate_images(work, validation.X, image_shape=shape, reset=False)
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"X_val: {error}") from error
    own_task = work._validation_task(validation.y, images, task)
    weights = check_weights("sample_weight_val", validation.sample_weight, len(images))
    return ValidationImages(images, own_task, scaled(weights))
