"""What the displays ask of estimators: one inside another, and the confidence of predictions."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator

# Attributes with the estimator that another one wraps; fitted ones first.
_WRAPPED = ("best_estimator_", "estimator_", "regressor_", "estimator")


def find_fitted(
    estimator: BaseEstimator, attribute: str, display: str, accepted: str = ""
) -> BaseEstimator:
    """Find the estimator that has `attribute`: `estimator` itself, a step, or the best one.

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
        waiting.extend(getattr(part, name) for name in _WRAPPED if hasattr(part, name))
        for name in ("steps", "transformer_list"):  # of a Pipeline, a FeatureUnion
            waiting.extend(step for _, step in getattr(part, name, ()))
    raise AttributeError(
        f"{type(estimator).__name__} has no attribute {attribute!r}; {display} expected a fitted "
        f"{accepted}, or a fitted pipeline or search that contains one. Call fit first, or pass "
        "another estimator."
    )


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


def confidence_of(estimator: BaseEstimator, X: ArrayLike) -> NDArray | None:
    """Confidence of a classifier in each of its predictions (n,), or None if it gives none.

    This is the probability of the predicted class. Without `predict_proba` it is the difference
    between the largest and the second largest decision value. (The largest value itself says
    little for an SVC with several classes, since it mainly counts won pairwise decisions.)
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X)).max(axis=1)
    if not hasattr(estimator, "decision_function"):
        return None
    values = np.asarray(estimator.decision_function(X))
    if values.ndim == 1:
        return np.abs(values)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    return first - second
