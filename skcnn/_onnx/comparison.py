"""Whether a model has the results of its estimator, on random images.

skcnn's own translations are tested. skl2onnx's are many, and some have other results than
scikit-learn, without an error.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

if TYPE_CHECKING:
    from onnx import ModelProto

N_IMAGES = 32
N_DIFFERENT = 1  # a tree may branch the other way after rounding
TOLERANCE = 1e-3  # far above rounding, far below what a wrong translation differs by


def check_results(
    model: ModelProto, estimator: Any, dtype: np.dtype[Any], form: tuple[int, ...]
) -> None:
    """Let the model and the estimator compute the same images.

    Parameters
    ----------
    model : onnx.ModelProto
        With the results of the estimator as its first outputs.
    estimator : fitted estimator
    dtype : dtype
        Of X.
    form : tuple of int
        Shape of an image in X.

    Raises
    ------
    ValueError
        If the results differ.
    """
    X = _random_images(dtype, form)
    try:
        expected = _results(estimator, X)
    except ValueError:  # such as a category that is not in the training data
        return
    found = _flat(_run(model, X))
    if len(found) < len(expected):
        raise ValueError(f"the model has {len(found)} outputs, the estimator {len(expected)}")
    different = [_differ(*pair) for pair in zip(found, expected, strict=False)]
    if len(expected) > 1:
        different[0] = different[0] & ~_undecided(expected[1:], is_indicator=expected[0].ndim == 2)
    images = np.concatenate(different, axis=1).any(axis=1).sum()
    if images > N_DIFFERENT:
        raise ValueError(f"{images} of {N_IMAGES} random images have other results")


def _random_images(dtype: np.dtype[Any], form: tuple[int, ...]) -> NDArray[Any]:
    """Images of many brightnesses, up to 255, none negative."""
    rng = np.random.default_rng(0)
    brightness = np.geomspace(1, 255, N_IMAGES).reshape(-1, *(1 for _ in form))
    images = rng.random((N_IMAGES, *form)) * brightness
    if dtype.kind == "b":
        return images > brightness / 2
    if dtype.kind in "iu":
        images = np.rint(images).clip(max=np.iinfo(dtype).max)
    return images.astype(dtype)


def _results(estimator: Any, X: NDArray[Any]) -> list[NDArray[Any]]:
    """What the estimator computes, in the order of a model's outputs."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # about names of columns, and numbers of random images
        if not hasattr(estimator, "predict"):
            return _flat([estimator.transform(X)])
        results = [estimator.predict(X)]
        if hasattr(estimator, "predict_proba"):
            results.append(estimator.predict_proba(X))
        return _flat(results)


def _flat(results: list[Any]) -> list[NDArray[Any]]:
    """Arrays; a list of arrays is the probabilities of several outputs."""
    arrays = []
    for result in results:
        parts = result if isinstance(result, list) else [result]
        arrays += [part.toarray() if issparse(part) else np.asarray(part) for part in parts]
    return arrays


def _run(model: ModelProto, X: NDArray[Any]) -> list[Any]:
    """The outputs of the model, by ONNX Runtime or, if it is not installed, by onnx itself."""
    from onnx import helper

    element = model.graph.input[0].type.tensor_type.elem_type
    inputs = {"X": X.astype(helper.tensor_dtype_to_np_dtype(element))}
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return list(ReferenceEvaluator(model).run(None, inputs))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # only what ends the process: errors are raised as well
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)


def _differ(found: NDArray[Any], expected: NDArray[Any]) -> NDArray[np.bool_]:
    """Which results differ, (n, k)."""
    if found.shape not in (expected.shape, (*expected.shape, 1)):
        return np.ones((N_IMAGES, 1), bool)
    found, expected = (array.reshape(N_IMAGES, -1) for array in (found, expected))
    if expected.dtype.kind != "f":  # labels: str and numbers of any type
        return found.astype(object) != expected.astype(object)
    size = np.abs(expected)
    allowed = TOLERANCE * np.maximum(size.max(axis=1, keepdims=True), size.max() / 100)
    return ~np.isclose(found, expected, rtol=0, atol=allowed, equal_nan=True)


def _undecided(probabilities: list[NDArray[Any]], *, is_indicator: bool) -> NDArray[np.bool_]:
    """Which labels rounding may change, (n, k): those of two classes that are equally probable."""
    if is_indicator and len(probabilities) == 1:
        return np.abs(probabilities[0] - 0.5) <= TOLERANCE
    gaps = [np.diff(np.sort(each, axis=1)[:, -2:], axis=1) for each in probabilities]
    return np.concatenate(gaps, axis=1) <= TOLERANCE
