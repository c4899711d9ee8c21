"""Classification: one label for each image."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn._input.labels import check_labels, check_same_length, comparable, encode, show
from skcnn._input.weights import times_class_weight
from skcnn._tasks.task import OutputsTask, Weights
from skcnn._warn import warn_caller
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.targets import ClassTargets, Targets


class Classification(OutputsTask):
    """One of several classes for each image.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,)
        The labels, sorted.
    labels : ndarray of int of shape (n,)
        Class of each image, 0 ... n_classes - 1.
    output_activation : {"softmax", "sigmoid"}
    label_smoothing : float
        Share of each target that is spread evenly over all classes.
    class_weight : dict, "balanced" or None
    """

    score_name = "accuracy"
    constant = "the frequencies of the classes"
    check = "the images of X differ and whether the labels belong to them"
    watches_score = True

    def __init__(
        self,
        classes: NDArray[Any],
        labels: NDArray[np.intp],
        *,
        output_activation: str,
        label_smoothing: float,
        class_weight: dict[Any, float] | str | None = None,
    ) -> None:
        self.classes, self.label_smoothing = classes, float(label_smoothing)
        self.class_weight = class_weight
        self.n_outputs, self.loss = len(classes), LOSSES[output_activation]
        self.strata = self.key = labels
        self.attributes = {"classes_": classes, "_head": output_activation}

    def weights(self, sample_weight: Weights) -> Weights:
        return times_class_weight(sample_weight, self.class_weight, self.strata, self.classes)

    def targets(self, work: Any) -> Targets:
        n, smoothing = self.n_outputs, self.label_smoothing
        table = np.full((n, n), smoothing / n)
        np.fill_diagonal(table, 1 - smoothing + smoothing / n)
        return ClassTargets(self.strata, table.astype(work.network_.dtype))

    def score(self, z: NDArray[Any], targets: NDArray[Any], weights: Weights) -> float:
        return float(np.average(z.argmax(axis=1) == targets.argmax(axis=1), weights=weights))


def read_labels(
    y: ArrayLike,
    images: NDArray[Any],
    *,
    estimator: str,
    classes: ArrayLike | None,
    fitted: NDArray[Any] | None,
    incremental: bool,
) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """The classes, and the number of each image's class, from the y of `fit` or `partial_fit`.

    `estimator` is the name of its class; `classes` are those that `partial_fit` received, `fitted`
    those of an earlier call, which this one continues.
    """
    checked = check_labels(y)
    check_same_length(images, checked, "X", "y")
    known = _check_classes(estimator, checked, classes, fitted, incremental)
    return known, encode(checked, known, "y")


def read_validation_labels(
    y: ArrayLike, images: NDArray[Any], classes: NDArray[Any]
) -> NDArray[np.intp]:
    """The number of each validation image's class, from `y_val`."""
    checked = check_labels(y, "y_val")
    check_same_length(images, checked, "X_val", "y_val")
    return encode(checked, classes, "y_val")


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
