"""Pipelines: how skl2onnx should see their steps, and what their input is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from skcnn._base import BaseConvNet
from skcnn._features.transformer import DescriptorTransformer
from skcnn._onnx.estimators import Features
from skcnn._onnx.images import FLOAT
from skcnn.patches import PatchFeatures


def is_ours(estimator: Any) -> bool:
    """Whether `add_outputs` can translate an estimator."""
    return isinstance(estimator, BaseConvNet | PatchFeatures | Features)


def prepared(estimator: Any, *, last: bool = True) -> Any:
    """The estimator without what only scikit-learn needs, such as wrappers and empty steps.

    A network that is not the `last` step becomes the transformer that it is there.

    Raises
    ------
    NotFittedError
        If an estimator is not fitted.
    NotImplementedError
        If a step cannot be exported.
    """
    _refuse(estimator)
    if isinstance(estimator, FrozenEstimator):
        return prepared(estimator.estimator, last=last)
    check_is_fitted(estimator)
    if hasattr(estimator, "best_estimator_"):  # a search
        return prepared(estimator.best_estimator_, last=last)
    if isinstance(estimator, Pipeline):
        end = len(estimator.steps) - 1
        steps = [
            (name, prepared(step, last=last and i == end))
            for i, (name, step) in enumerate(estimator.steps)
            if not _is_empty(step)
        ]
        return steps[0][1] if len(steps) == 1 else Pipeline(steps)
    if isinstance(estimator, FeatureUnion):
        union = copy.copy(estimator)
        used = [part for part in estimator.transformer_list if part[1] != "drop"]
        union.transformer_list = _prepared_parts(used)
        return union
    if isinstance(estimator, ColumnTransformer):
        columns = copy.copy(estimator)
        columns.transformers_ = _prepared_parts(estimator.transformers_)
        return columns
    if isinstance(estimator, BaseConvNet) and not last:
        return Features(estimator)
    return estimator


def _prepared_parts(parts: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        (name, part if isinstance(part, str) else prepared(part, last=False), *columns)
        for name, part, *columns in parts
    ]


def _is_empty(step: Any) -> bool:
    return step is None or isinstance(step, str)  # "passthrough"


def _refuse(estimator: Any) -> None:
    """NotImplementedError if there is no ONNX translation and never will be one."""
    what = remedy = None
    if isinstance(estimator, DescriptorTransformer):
        what = "computes its features with scikit-image"
        remedy = "Compute the features before the model, and export the steps after it"
    elif isinstance(estimator, FunctionTransformer) and estimator.func is not None:
        what = "calls a Python function"
        remedy = "Call the function before the model, and export the other steps"
    if what is not None:
        raise NotImplementedError(
            f"{type(estimator).__name__} {what}, which has no translation to ONNX; expected "
            f"networks, PatchFeatures, and steps that skl2onnx converts. {remedy}."
        )


def input_of(estimator: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype of X and the shape of an image in X, as fitted.

    scikit-learn's estimators do not keep the dtype: float32.
    """
    inner = _first(estimator)
    if inner is not None:
        return input_of(inner)
    fitted = estimator.estimator if isinstance(estimator, Features) else estimator
    if not is_ours(fitted):
        return FLOAT, (fitted.n_features_in_,)
    dtype = np.dtype(getattr(fitted, "_dtype_name", FLOAT))
    if dtype.kind == "f" and dtype.itemsize > 8:  # ONNX has no longdouble
        dtype = np.dtype(np.float64)
    return dtype, fitted._form


def _first(estimator: Any) -> Any:
    """The estimator inside another that receives its X, or None."""
    if isinstance(estimator, Pipeline):
        return estimator.steps[0][1]
    if isinstance(estimator, FeatureUnion):
        return estimator.transformer_list[0][1]
    members = getattr(estimator, "estimators_", None)  # of a voting or stacking ensemble
    return members[0] if isinstance(members, list) and members else None
