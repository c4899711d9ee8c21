"""What the displays ask of estimators: one inside another, and responses to classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator

from skcnn._input.labels import check_labels, find


def find_fitted(
    estimator: BaseEstimator, attribute: str, display: str, accepted: str = ""
) -> BaseEstimator:
    """Find the estimator that has `attribute`: `estimator` itself, or the first fitted inside it.

    `accepted` are the estimators that have it, for the message.

    Raises
    ------
    AttributeError
        If none has it, because it is not fitted or is another estimator.
    """
    waiting = [estimator]
    while waiting:
        part = waiting.pop(0)
        if getattr(part, attribute, None) is not None:
            return part
        waiting.extend(_fitted_parts(part))
    raise AttributeError(
        f"{type(estimator).__name__} has no attribute {attribute!r}; {display} expected a fitted "
        f"{accepted}, or a fitted pipeline, search or ensemble that contains one. Call fit first, "
        "or pass another estimator."
    )


def _fitted_parts(estimator: Any) -> Iterator[Any]:
    """The estimators that `estimator` has fitted, or has been given fitted.

    A parameter is none of them: meta-estimators fit copies of it.
    """
    if isinstance(estimator, FrozenEstimator):
        yield estimator.estimator
        return
    for name in ("steps", "transformer_list"):  # of a Pipeline, a FeatureUnion, fitted in place
        for _, step in getattr(estimator, name, ()):
            yield step
    attributes = getattr(estimator, "__dict__", {})
    for name, value in attributes.items():
        if name == "calibrated_classifiers_":  # which are no estimators
            yield from (classifier.estimator for classifier in value)
        elif name == "estimator_" and "estimators_" in attributes:
            continue  # the parameter, of which the others are copies
        elif name.endswith("_") and not name.startswith("_"):
            yield from _estimators_in(value)


def _estimators_in(value: Any) -> Iterator[Any]:
    """`value` if it is an estimator, or those in a list, a tuple or an array."""
    if isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.dtype == object):
        for part in value:
            yield from _estimators_in(part)
    elif hasattr(value, "fit"):
        yield value


def find_transformer(estimator: BaseEstimator, display: str) -> BaseEstimator:
    """Find what computes features: `estimator`, the best one, or the steps before a classifier.

    Raises
    ------
    TypeError
        If there is no `transform`.
    """
    part = estimator
    while hasattr(part, "best_estimator_") or isinstance(part, FrozenEstimator):
        part = part.best_estimator_ if hasattr(part, "best_estimator_") else part.estimator
    if hasattr(part, "transform"):
        return part
    if len(getattr(part, "steps", ())) > 1 and hasattr(part[:-1], "transform"):
        return part[:-1]
    raise TypeError(
        f"{type(estimator).__name__} has no transform; {display} expected a fitted transformer, or "
        "a fitted pipeline or search that contains one. Call fit first, or pass another estimator."
    )


def class_responses(estimator: BaseEstimator, method: str, X: ArrayLike) -> NDArray:
    """Responses (n, n_classes) of `predict_proba`, `decision_function` or the like.

    Raises
    ------
    ValueError
        If there is not one for each class.
    """
    outputs = getattr(estimator, method)(X)  # first, since it says whether it is fitted
    name, classes = type(estimator).__name__, estimator.classes_
    if isinstance(classes, list) and np.ndim(classes[0]):
        raise ValueError(
            f"{name} has {len(classes)} outputs with classes of their own; expected a single list "
            "of classes. Fit a classifier to each output, and pass one of them."
        )
    pairwise = _find_pairwise(estimator) if method == "decision_function" else None
    if pairwise is not None and len(classes) > 2:
        raise ValueError(
            f"{type(pairwise).__name__} has decision_function_shape='ovo', which gives a decision "
            f"value for each pair of classes; expected one for each of the {len(classes)} classes. "
            "Set decision_function_shape='ovr' (without fitting again)."
        )
    values = np.asarray(outputs)
    if values.ndim == 1 and len(classes) <= 2:  # a positive value means the second class
        values = np.column_stack([-values, values])[:, : len(classes)]
    if values.ndim != 2 or values.shape[1] != len(classes):
        raise ValueError(
            f"{method} of {name} gives an array of shape {values.shape}; expected (n, "
            f"{len(classes)}), a value for each class. Pass a classifier that gives one."
        )
    return values


def _find_pairwise(estimator: Any) -> Any:
    """The SVC with one-vs-one decision values whose values `estimator` passes on, or None."""
    part = estimator
    while part is not None:
        if isinstance(part, FrozenEstimator):
            part = part.estimator
        elif getattr(part, "decision_function_shape", None) == "ovo":
            return part
        elif isinstance(part, BaggingClassifier):
            part = part.estimators_[0]
        elif hasattr(part, "steps"):
            part = part.steps[-1][1]
        else:
            names = ["best_estimator_", "final_estimator_"]
            if not hasattr(part, "estimators_"):  # of which `estimator_` is the parameter
                names.append("estimator_")
            part = next((getattr(part, name) for name in names if hasattr(part, name)), None)
    return None


def confidence_of(
    estimator: BaseEstimator, X: ArrayLike, y_pred: NDArray[Any] | None = None
) -> NDArray | None:
    """Confidence of a classifier in each of its predictions (n,), or None if it gives none.

    This is the probability of the predicted class. Without `predict_proba` it is the decision value
    of the predicted class or, of more than two classes, how much it exceeds the largest of the
    others. (The value itself says little for an SVC with several classes, since it mainly counts
    won pairwise decisions.) It is negative if another class has a larger value, and NaN if the
    prediction is not among the classes.

    `y_pred` are the predictions, as `check_labels` returns them, if they are known.
    """
    methods = [name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)]
    if not methods or not hasattr(estimator, "classes_"):
        return None
    values = class_responses(estimator, methods[0], X).astype(np.float64, copy=False)
    labels = check_labels(estimator.predict(X), "y_pred") if y_pred is None else y_pred
    kinds, inverse = np.unique(labels, return_inverse=True)
    places = find(kinds, check_labels(estimator.classes_, "classes_"))[inverse]
    images = np.arange(len(values))
    own = values[images, places]
    if methods[0] == "decision_function" and values.shape[1] > 2:
        others = values.copy()
        others[images, places] = -np.inf
        own = own - others.max(axis=1)
    return np.where(places < 0, np.nan, own)
