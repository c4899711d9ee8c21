"""Multilabel classification: any number of the labels for each image."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import issparse

from skcnn._input.labels import check_labels, check_same_length, show
from skcnn._tasks.task import OutputsTask, Weights, other_form
from skcnn._warn import warn_caller
from skcnn.engine.training.losses import SigmoidCrossEntropy
from skcnn.engine.training.targets import RowTargets, Targets


class Multilabel(OutputsTask):
    """A set of labels for each image.

    Parameters
    ----------
    indicator : ndarray of uint8 of shape (n, n_labels)
        1 where an image has a label, 0 elsewhere.
    label_smoothing : float
        Share of each target, 0 or 1, that is replaced by 1/2.
    """

    score_name = "accuracy"
    # Early stopping watches the loss: all labels of an image may be right only after many epochs.
    constant = "the frequencies of the labels"

    def __init__(self, indicator: NDArray[np.uint8], *, label_smoothing: float) -> None:
        self.key, self.label_smoothing = indicator, float(label_smoothing)
        self.n_outputs, self.loss = indicator.shape[1], SigmoidCrossEntropy()
        self.strata = np.zeros(len(indicator), np.intp)
        self.attributes = {"classes_": np.arange(self.n_outputs), "_head": "multilabel"}

    def targets(self, work: Any) -> Targets:
        rows = self.key.astype(work.network_.dtype)
        rows *= 1 - self.label_smoothing
        rows += self.label_smoothing / 2
        return RowTargets(rows)

    def score(self, z: NDArray[Any], targets: NDArray[Any], weights: Weights) -> float:
        """The share of images of which all labels are right."""
        exact = ((z > 0) == (targets > 0.5)).all(axis=1)
        return float(np.average(exact, weights=weights))


def n_labels_of(y: Any) -> int | None:
    """The number of labels if y is an indicator matrix; None otherwise.

    Such a matrix has two columns or more, with the numbers 0 and 1 only. They may be objects, as in
    a DataFrame with dtypes of pandas.
    """
    if issparse(y):
        y = y.tocsr()
    try:
        values = y.data if issparse(y) else np.asarray(y)
    except ValueError:  # of sequences of different lengths; the check of labels will say so
        return None
    shape = y.shape if issparse(y) else values.shape
    if len(shape) != 2 or shape[1] < 2 or shape[0] == 0:
        return None
    if values.dtype.kind == "O":
        is_indicator = all(isinstance(v, Real | np.bool_) and v in (0, 1) for v in values.flat)
    else:
        is_indicator = values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())
    return int(shape[1]) if is_indicator else None


def read_indicator(
    y: Any, images: NDArray[Any], X_name: str = "X", y_name: str = "y"
) -> NDArray[np.uint8]:
    """The indicator matrix (n, n_labels), from a y that is one."""
    array = y.toarray() if issparse(y) else np.asarray(y)
    check_same_length(images, array, X_name, y_name, "row")
    return (array != 0).astype(np.uint8)


def check_indicator(
    indicator: NDArray[np.uint8], *, classes: ArrayLike | None, class_weight: Any, first: bool
) -> None:
    """Check what `fit` or `partial_fit` received together with an indicator matrix.

    `first` is False if the call continues another.
    """
    n_labels = indicator.shape[1]
    given = None if classes is None else np.unique(check_labels(classes, "classes"))
    if given is not None and not np.array_equal(given, np.arange(n_labels)):
        raise ValueError(
            f"classes is {show(given)}, but y is an indicator matrix with {n_labels} columns; "
            f"expected range({n_labels}) or None. Pass None."
        )
    if class_weight is not None:
        raise ValueError(
            f"class_weight is {class_weight!r}, but y is an indicator matrix, of which an image "
            "may have several labels; expected None. Set class_weight=None, and pass sample_weight "
            "if images should count differently."
        )
    if first and len(indicator) > 1 and (indicator.sum(axis=1) == 1).all():
        warn_caller(
            "y is an indicator matrix with a single 1 in each row, which is read as several labels "
            "that do not exclude each other. If they do, pass np.argmax(y, axis=1): the "
            "probabilities of an image then sum to one.",
            UserWarning,
        )


def check_same_kind(
    n_labels: int | None, before: int | None, *, of_validation: bool = False
) -> None:
    """Check that the targets are of the same kind as others: both numbers from `n_labels_of`."""
    if n_labels != before:
        found, expected = (
            "one label for each image" if n is None else f"an indicator matrix with {n} columns"
            for n in (n_labels, before)
        )
        raise other_form(f"is {found}", expected, of_validation=of_validation)
