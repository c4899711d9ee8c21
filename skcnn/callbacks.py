"""Callbacks for long trainings: `Checkpoint`, and `resume_fit` to continue from one."""

from __future__ import annotations

import copy
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import joblib
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted

from skcnn._base import BaseConvNet
from skcnn._files.paths import is_special, make_folder, to_path, write_bytes
from skcnn._fitting.callbacks import OF_CALLBACKS
from skcnn._input.settings import is_positive_int

__all__ = ["Checkpoint", "resume_fit"]


class Checkpoint:
    """Callback that stores the estimator in a file after every few epochs.

    If the process is killed or the machine fails, `resume_fit` continues from the last file. After
    the fit, the file has the fitted estimator. Callbacks need scikit-learn 1.9 or later.

    Parameters
    ----------
    path : str or path-like
        The file, which `joblib.load` reads; ``~`` stands for the home directory. It is replaced in
        a single step: at any time, it is complete. If one instance serves several fits, as in a
        grid search, each of them replaces the file of the others.
    every : int, default=1
        Number of epochs from one file to the next.

    Raises
    ------
    TypeError, ValueError
        If `path` is not a path or `every` not a positive int.
    OSError
        In `fit`, before the training, if `path` is a folder or a device, or if its folder cannot be
        made or written to; during the training, if the file cannot be written.
    TypeError
        In `fit`, before the training, if a parameter of the estimator has no pickle, such as a
        lambda.

    See Also
    --------
    resume_fit : Continue the fit.

    Notes
    -----
    The file has the fitted estimator as if the training had ended there, and what is needed to go
    on. It does not have the callbacks. Ctrl-C within an epoch leaves the file of the last whole
    epoch. A process that is killed while it writes leaves a file ``*.partial`` beside it, which you
    can delete. As with every pickle, load only files that you trust.

    In a pipeline or a search, set the checkpoint on the network: scikit-learn 1.9 passes no fitted
    estimator to the callbacks of the pipeline or the search, so there would be no file. It does so
    for `LogisticRegression`, but `resume_fit` continues only networks of skcnn.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import joblib
    >>> from skcnn import ConvNetClassifier
    >>> from skcnn.callbacks import Checkpoint
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
    ...     path = Path(folder) / "cnn.joblib"
    ...     cnn = ConvNetClassifier(max_iter=4).set_callbacks(Checkpoint(path, every=2))
    ...     proba = cnn.fit(X, y).predict_proba(X[:3])
    ...     (joblib.load(path).predict_proba(X[:3]) == proba).all()
    True
    """

    def __init__(self, path: str | os.PathLike[str], *, every: int = 1) -> None:
        self.path: Path = to_path(path, "path")
        if not is_positive_int(every):
            raise ValueError(
                f"every is {every!r}; expected a positive number of epochs. Pass an int."
            )
        self.every: int = int(every)

    def setup(self, estimator: Any, context: Any) -> None:
        """Called before the training: check that the estimator can be stored."""
        target = Path(os.path.realpath(self.path))  # what a link leads to
        make_folder(target.parent, "the folder of the checkpoint")
        if target.is_dir():
            raise IsADirectoryError(
                f"The path of the checkpoint is the folder {self.path}; expected a file. Add the "
                "name of a file."
            )
        if target.exists() and is_special(target):
            raise OSError(
                f"The path of the checkpoint, {self.path}, is a pipe, a socket or a device; "
                "expected a file. Pass another path."
            )
        try:
            _dumped(estimator)
        except MemoryError:
            raise
        except Exception as error:
            raise TypeError(
                f"{type(estimator).__name__} cannot be stored in a file: {error}; expected "
                "parameters that pickle can store. Define functions at the top level of a module."
            ) from error

    def teardown(self, estimator: Any, context: Any) -> None:
        """Called after the training."""

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Called before the training and before each epoch."""

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Called after each epoch and after the training: store the estimator."""
        is_iteration = context.parent is not None and context.source_task_name is None
        if fitted_estimator is None or (is_iteration and (context.task_id + 1) % self.every):
            return
        write_bytes(self.path, _dumped(fitted_estimator))

    def __repr__(self) -> str:
        return f"Checkpoint({str(self.path)!r}, every={self.every})"


def _dumped(estimator: Any) -> bytes:
    """What `joblib.load` reads: the estimator without its callbacks."""
    alone = copy.copy(estimator)
    for name in OF_CALLBACKS & vars(alone).keys():
        delattr(alone, name)
    stream = io.BytesIO()
    joblib.dump(alone, stream)
    return stream.getvalue()


def resume_fit(
    path: str | os.PathLike[str],
    X: ArrayLike,
    y: ArrayLike | None = None,
    *,
    sample_weight: ArrayLike | None = None,
    X_val: ArrayLike | None = None,
    y_val: ArrayLike | None = None,
    sample_weight_val: ArrayLike | None = None,
    callbacks: Sequence[Any] = (),
) -> Any:
    """Continue a fit that ended early, from the file of a `Checkpoint`.

    The result is the same, bit for bit, as that of a fit that was not interrupted, unless
    `max_time` is set.

    Parameters
    ----------
    path : str or path-like
        The file. It is a pickle: load only files that you trust.
    X, y, sample_weight, X_val, y_val, sample_weight_val
        As passed to the `fit` that ended early; in a pipeline, as its other steps passed them on.
    callbacks : sequence of callbacks, default=()
        For the rest of the training. To go on writing the file, pass its `Checkpoint`.

    Returns
    -------
    estimator : ConvNetClassifier, ConvNetRegressor or ConvAutoencoder
        The fitted estimator, with the parameters in the file. If the fit in the file was complete,
        or a call of `partial_fit`, it is returned as it is.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    TypeError, NotFittedError
        If it does not have an estimator that this function can continue.
    ValueError
        If the data differ from those of the fit that ended early (of X and `X_val`, only the number
        of images and a few of them are compared), or for the reasons that `fit` has.

    Examples
    --------
    >>> from skcnn.callbacks import Checkpoint, resume_fit
    >>> checkpoint = Checkpoint("cnn.joblib")
    >>> cnn = resume_fit("cnn.joblib", X, y, callbacks=[checkpoint])  # doctest: +SKIP
    """
    file = to_path(path, "path")
    if not isinstance(callbacks, Sequence):
        raise TypeError(
            f"callbacks is {callbacks!r}; expected a sequence of callbacks. Pass a list."
        )
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no file {file}; expected the file of a Checkpoint. Check the path, or call "
            "fit to start."
        )
    try:
        estimator = joblib.load(file)
    except Exception as error:
        error.add_note(
            f"{file} cannot be loaded; expected the file of a Checkpoint. Check the path, or call "
            "fit to start over."
        )
        raise
    if not isinstance(estimator, BaseConvNet):
        raise TypeError(
            f"{file} has an object of type {type(estimator).__name__}; expected a network of "
            "skcnn that a Checkpoint has stored. For other estimators, use their warm_start."
        )
    check_is_fitted(estimator)
    if not hasattr(estimator, "_unfinished"):
        return estimator
    if callbacks:
        estimator.set_callbacks(*callbacks)
    estimator._resume_fit(X, y, sample_weight, X_val, y_val, sample_weight_val)
    return estimator
