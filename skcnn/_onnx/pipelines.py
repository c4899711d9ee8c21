"""Pipelines and ensembles: how skl2onnx should see their parts, and what their input is."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler
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
    if _members(estimator):
        return _prepared_ensemble(estimator)
    if isinstance(estimator, BaseConvNet) and not last:
        return Features(estimator)
    # A copy, since it may have two places, and skl2onnx's options are those of an object.
    return copy.copy(estimator) if is_ours(estimator) else _with_int64_classes(estimator)


def _prepared_parts(parts: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [
        (name, part if isinstance(part, str) else prepared(part, last=False), *columns)
        for name, part, *columns in parts
    ]


def _prepared_ensemble(estimator: Any) -> Any:
    ensemble = _with_int64_classes(estimator)
    members = [prepared(member) for member in _members(estimator)]
    if isinstance(estimator, CalibratedClassifierCV):
        calibrated = [copy.copy(classifier) for classifier in estimator.calibrated_classifiers_]
        for classifier, member in zip(calibrated, members, strict=True):
            classifier.estimator = member
        ensemble.calibrated_classifiers_ = calibrated
    else:
        ensemble.estimators_ = members
    if hasattr(estimator, "final_estimator_"):  # of stacking
        ensemble.final_estimator_ = prepared(estimator.final_estimator_)
    if isinstance(estimator, VotingClassifier):
        ensemble.flatten_transform = False  # skl2onnx refuses True, which concerns `transform`
    if isinstance(estimator, VotingClassifier | VotingRegressor):
        ensemble.weights = _weights_of_members(estimator)
    return ensemble


def _with_int64_classes(estimator: Any) -> Any:
    """A copy, whose classes are int64 if they are integers or bool: skl2onnx knows no others."""
    changed = copy.copy(estimator)
    for name, value in vars(estimator).items():
        if name == "classes_" and isinstance(value, np.ndarray) and value.dtype.kind in "biu":
            if (value <= np.iinfo(np.int64).max).all():
                changed.classes_ = value.astype(np.int64)
        elif name == "label_binarizer_":  # which has the classes of a OneVsRestClassifier
            changed.label_binarizer_ = _with_int64_classes(value)
    return changed


def _weights_of_members(voting: Any) -> NDArray[Any] | None:
    """As an array, without the weights of those that are dropped."""
    if voting.weights is None:
        return None
    pairs = zip(voting.estimators, voting.weights, strict=True)
    return np.array([weight for (_, member), weight in pairs if not isinstance(member, str)])


def _is_empty(step: Any) -> bool:
    return step is None or isinstance(step, str)  # "passthrough"


def _refuse(estimator: Any) -> None:
    """NotImplementedError if there is no ONNX translation, or if skl2onnx's gives other results."""
    what = remedy = None
    if isinstance(estimator, DescriptorTransformer):
        what = "computes its features with scikit-image"
        remedy = "Compute the features before the model, and export the steps after it"
    elif isinstance(estimator, FunctionTransformer) and estimator.func is not None:
        what = "calls a Python function"
        remedy = "Call the function before the model, and export the other steps"
    elif isinstance(estimator, FixedThresholdClassifier | TunedThresholdClassifierCV):
        what = "compares probabilities with a threshold"
        remedy = "Export its estimator_, and compare the probabilities after the model"
    elif isinstance(estimator, CalibratedClassifierCV) and estimator.method != "sigmoid":
        what = f"calibrates with method={estimator.method!r}"
        remedy = "Calibrate with method='sigmoid'"
    if what is not None:
        raise NotImplementedError(
            f"{type(estimator).__name__} {what}, which has no translation to ONNX; expected "
            f"networks, PatchFeatures, and steps that skl2onnx converts. {remedy}."
        )


def input_of(estimator: Any) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The dtype of X and the shape of an image in X, as fitted.

    scikit-learn's estimators do not keep the dtype, and skl2onnx needs one type for all members of
    an ensemble: float32.
    """
    if isinstance(estimator, Pipeline):
        return input_of(estimator.steps[0][1])
    if isinstance(estimator, FeatureUnion):
        return input_of(estimator.transformer_list[0][1])
    if hasattr(estimator, "estimators_features_"):  # bagging: a member has some of the columns
        return FLOAT, (estimator.n_features_in_,)
    if members := _members(estimator):
        return FLOAT, input_of(members[0])[1]
    first = _receiver(estimator)
    if not is_ours(first):
        return FLOAT, (first.n_features_in_,)
    dtype = np.dtype(getattr(first, "_dtype_name", FLOAT))
    if dtype.kind == "f" and dtype.itemsize > 8:  # ONNX has no longdouble
        dtype = np.dtype(np.float64)
    return dtype, first._form


def brightest_pixels(estimator: Any, dtype: np.dtype[Any], form: tuple[int, ...]) -> NDArray[Any]:
    """About the largest pixel, or that of each column, in the X of `fit`; 255 if unknown."""
    first, found = _receiver(estimator), np.array(0.0)
    if isinstance(first, MinMaxScaler):
        found = first.data_max_
    elif isinstance(first, StandardScaler) and first.var_ is not None:
        found = first.mean_ + 2 * np.sqrt(first.var_)
    elif isinstance(first, BaseConvNet | PatchFeatures):
        found = first.mean_ + 2 * first.scale_
    if found.shape != form:  # of channels, or of the columns of a member of bagging
        found = np.max(found)
    # Without standardization, the mean is 0 and the scale 1.
    is_known = found.any() and not (dtype.kind in "iu" and found.max() <= 2)
    return found if is_known else np.array(255.0)


def _receiver(estimator: Any) -> Any:
    """The estimator that X reaches first: a step of a pipeline, a member of an ensemble."""
    if isinstance(estimator, Pipeline):
        return _receiver(estimator.steps[0][1])
    if isinstance(estimator, FeatureUnion):
        return _receiver(estimator.transformer_list[0][1])
    if members := _members(estimator):
        return _receiver(members[0])
    return estimator.estimator if isinstance(estimator, Features) else estimator


def _members(estimator: Any) -> list[Any]:
    """The fitted estimators to which an ensemble gives its X; also the one that is calibrated."""
    if isinstance(estimator, CalibratedClassifierCV):
        return [classifier.estimator for classifier in estimator.calibrated_classifiers_]
    members = getattr(estimator, "estimators_", None)
    return members if isinstance(members, list) else []
