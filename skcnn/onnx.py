"""Fitted estimators as ONNX models, which run without Python.

ONNX is a file format for models. `ONNX Runtime <https://onnxruntime.ai>`_ runs it from Python, C,
C++, C#, Java, JavaScript and on phones.
"""

from __future__ import annotations

import os
from numbers import Integral
from typing import TYPE_CHECKING, Any

from skcnn._files.paths import to_path, write_bytes
from skcnn._onnx.packages import required
from skcnn._version import __version__

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["register_converters", "to_onnx"]

OLDEST_OPSET = 13  # the first in which the operators have their present form
DEFAULT_OPSET = 17  # of 2022, so that older runtimes read the model


def to_onnx(
    estimator: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    target_opset: int | None = None,
    zipmap: bool = False,
) -> ModelProto:
    """Export a fitted estimator, or a pipeline with one, as an ONNX model.

    The model has one input, ``X``: images in the form and the dtype that X had in `fit`, any number
    of them. It is float32 in ensembles; in a pipeline whose first step is not from skcnn, it is a
    table of float32.

    ========================= ======================================================================
    estimator or last step    outputs
    ========================= ======================================================================
    `ConvNetClassifier`       ``label`` (n,), int64 or str, and ``probabilities`` (n, n_classes). If
                              y was an indicator matrix, ``label`` is (n, n_labels).
    `ConvNetRegressor`        ``variable`` (n, n_targets), also for a single target
    `ConvAutoencoder`         ``codes``, as `transform`; without other steps also
                              ``reconstruction``, as `inverse_transform` of them
    `PatchFeatures`           ``features``, as `transform`
    "passthrough"             ``features``, as `transform` of the network before it
    any other, ensembles      those that skl2onnx gives them; a classifier's are called ``label``
                              and ``probabilities``
    ========================= ======================================================================

    Numbers are float32. Labels that are bool or float become int64. What only acts in training is
    left out; `predict_augment` is part of the model.

    Parameters
    ----------
    estimator : fitted estimator or pipeline
        One of skcnn's networks, `PatchFeatures`, or a `Pipeline` or an ensemble with one, such as
        `VotingClassifier`, `StackingClassifier` and `CalibratedClassifierCV`. The other steps and
        the ensembles need skl2onnx, which converts them. In front of other steps, and in a
        `FeatureUnion` or a `ColumnTransformer`, networks are transformers. A search is exported as
        its `best_estimator_`, a `FrozenEstimator` as what is in it.
    path : str or path-like, default=None
        Also write the model to this file, in a single step: the file is complete, or as it was
        before.
    target_opset : int, default=None
        Version of the ONNX operators, at least 13. Runtimes need to be as new as this version.
        None: 17, from 2022.
    zipmap : bool, default=False
        Whether ``probabilities`` is a list with a dictionary {label: probability} for each image
        instead of an array. Runtimes for devices may not have this.

    Returns
    -------
    model : onnx.ModelProto
        Checked by `onnx.checker`. Its metadata name the estimator and, as JSON, the classes in the
        order of the columns of ``probabilities``.

    Raises
    ------
    ImportError
        If onnx or, for other steps and ensembles, skl2onnx is not installed.
    NotFittedError
        If the estimator is not fitted.
    NotImplementedError
        If it has a part without a translation: `HOGTransformer`, `DaisyTransformer`, a
        `FunctionTransformer` with a function, a classifier with a threshold, an isotonic
        calibration; if skl2onnx fails, or its model has other results; or if the labels are dates.
    TypeError
        If it is not an estimator, or `path` is not a path.
    ValueError
        If `target_opset` is out of range, or `zipmap` is True without a classifier.

    See Also
    --------
    skcnn.onnx.register_converters : For `skl2onnx.to_onnx`.

    Notes
    -----
    ONNX Runtime adds up in another order than NumPy: probabilities differ by less than 1e-5. Labels
    differ only where the two largest probabilities are equal up to this rounding.

    Some of skl2onnx's translations have other results than scikit-learn, such as that of stacking
    with ``stack_method="predict"``. Therefore a model of skl2onnx has to reproduce the results of
    the estimator for 32 random images, to 1e-3, except one, since a tree may branch the other way
    after rounding. ONNX Runtime computes them if it is installed, otherwise onnx, which takes
    seconds for a large network. An estimator that refuses random images, for example because of
    unknown categories, is exported without this check.

    Examples
    --------
    >>> from skcnn import ConvNetClassifier, to_onnx
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> cnn = ConvNetClassifier(max_iter=2, random_state=0).fit(X, y)
    >>> model = to_onnx(cnn)  # doctest: +SKIP
    >>> [output.name for output in model.graph.output]  # doctest: +SKIP
    ['label', 'probabilities']
    """
    onnx = required("onnx", "to_onnx")
    opset = _check_opset(target_opset, onnx.defs.onnx_opset_version())
    from skcnn._onnx.export import export

    file = None if path is None else to_path(path, "path")
    model = export(estimator, opset=opset, zipmap=zipmap, version=__version__)
    if file is not None:
        write_bytes(file, model.SerializeToString())
    return model


def register_converters() -> None:
    """Register skcnn's estimators with skl2onnx, so that it converts pipelines that have them.

    The classifier has the options of skl2onnx's own, ``zipmap``, ``nocl`` and
    ``output_class_labels``; not ``raw_scores``, since it has no decision function. skl2onnx takes a
    `ConvNetClassifier` or a `ConvNetRegressor` for a predictor wherever it stands in a pipeline: if
    another estimator uses its features, call `to_onnx` instead.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from skcnn.onnx import register_converters
    >>> register_converters()  # doctest: +SKIP
    """
    required("skl2onnx", "register_converters")
    from skcnn._onnx.converters import register

    register()


def _check_opset(target_opset: int | None, newest: int) -> int:
    if target_opset is None:
        return DEFAULT_OPSET
    if not isinstance(target_opset, Integral) or not OLDEST_OPSET <= target_opset <= newest:
        raise ValueError(
            f"target_opset is {target_opset!r}; expected {OLDEST_OPSET} to {newest}, the newest "
            "that the installed onnx knows, or None. Pass one of these."
        )
    return int(target_opset)
