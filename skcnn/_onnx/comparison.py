"""Whether a model has the results of its estimator, on random images.

skcnn's own translations are tested. skl2onnx's are many, and some have other results than
scikit-learn, without an error.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

if TYPE_CHECKING:
    from onnx import ModelProto

N_IMAGES = 32
BATCH = 4  # models of large networks take much memory for each image
N_DIFFERENT = 1  # a tree may branch the other way after rounding
TOLERANCE = 1e-3  # far above rounding, far below what a wrong translation differs by


def check_results(
    model: ModelProto,
    estimator: Any,
    dtype: np.dtype[Any],
    form: tuple[int, ...],
    brightest: NDArray[Any],
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
    brightest : ndarray of shape () or (n_pixels,)
        The largest pixels, as in the training images: outputs for others may be too large or too
        small for float32.

    Raises
    ------
    ValueError
        If the results differ.
    """
    X = _random_images(dtype, form, brightest)
    try:
        expected = _results(estimator, X)
    except ValueError:  # such as a category that is not in the training data
        return
    found = _run(model, X)
    if len(found) < len(expected):
        raise ValueError(f"the model has {len(found)} outputs, the estimator {len(expected)}")
    different = [_differ(*pair) for pair in zip(found, expected, strict=False)]
    if len(expected) > 1:
        different[0] = different[0] & ~_undecided(expected[1:], is_indicator=expected[0].ndim == 2)
    images = np.concatenate(different, axis=1).any(axis=1)
    if len(expected) == 2 and found[1].ndim == 2:
        vanished = (found[1] == 0).all(axis=1)  # all probabilities, in float32
        images &= ~vanished | (vanished.sum() > N_IMAGES // 2)
    if images.sum() > N_DIFFERENT:
        raise ValueError(f"{images.sum()} of {N_IMAGES} random images have other results")


def _random_images(
    dtype: np.dtype[Any], form: tuple[int, ...], brightest: NDArray[Any]
) -> NDArray[Any]:
    """Images of many brightnesses, none negative unless all training images are."""
    random = np.random.default_rng(0).random((N_IMAGES, *form))
    if dtype.kind == "b":
        return random > 0.5
    images = random * np.geomspace(1 / 255, 1, N_IMAGES).reshape(-1, *(1 for _ in form)) * brightest
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


def _run(model: ModelProto, X: NDArray[Any]) -> list[NDArray[Any]]:
    """The outputs of the model."""
    from onnx import helper

    element = model.graph.input[0].type.tensor_type.elem_type
    images = X.astype(helper.tensor_dtype_to_np_dtype(element))
    run = _runner(model)
    parts = [_flat(run(None, {"X": part})) for part in np.split(images, N_IMAGES // BATCH)]
    return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def _runner(model: ModelProto) -> Callable[..., Any]:
    """The `run` of ONNX Runtime or, if it is not installed, of onnx itself, which is slower."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        return ReferenceEvaluator(model).run
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # only what ends the process: errors are raised as well
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run


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
