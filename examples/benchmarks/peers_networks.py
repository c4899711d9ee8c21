"""The classifiers that `peers.py` compares: how each is built, trained and asked for its extras.

All networks for images have one convolution (8 filters of 3 x 3 pixels, "same"), ReLU, max pooling,
a hidden layer of 16 units and a softmax; `MLPClassifier` has the hidden layer only. A method of
`Peer` is scikit-learn's way to do a thing; a peer that has a way of its own overrides it. `how`
says in the table how a thing is done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits

EPOCHS, RATE, BATCH = 12, 0.01, 32
FILTERS, UNITS = 8, 16
WIDE = {"filters": 128, "batch": 200}  # enough work for several threads
N_IMAGES = 400


def load_rows() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's digits as rows of float32 from 0 to 1, and their classes."""
    X, y = load_digits(return_X_y=True)
    return (X[:N_IMAGES] / 16).astype(np.float32), y[:N_IMAGES].astype(np.int64)


class NotOffered(Exception):
    """The classifier has no way to do this; the message is the note of the table's cell."""


class Peer:
    """A classifier of the table, with scikit-learn's way to do everything."""

    name: str  # for --peer
    title: str  # head of the column
    distributions: tuple[str, ...]  # what has to be installed
    statement: str  # the import whose time is measured
    how: dict[str, str]  # notes of the table's cells
    partly: tuple[str, ...] = ()  # rows for which users write code of their own

    def new(self, epochs: int = EPOCHS, **changes: Any) -> BaseEstimator:
        """A small network; `changes` may have dropout, augment, filters and batch."""
        raise NotImplementedError

    def new_warm(self) -> BaseEstimator:
        """A network whose second `fit` should continue from the first."""
        return self.new().set_params(warm_start=True)

    def checked(self) -> BaseEstimator:
        """The network for scikit-learn's estimator checks, which use tables of any width."""
        raise NotImplementedError

    def images(self, X: np.ndarray) -> np.ndarray:
        """Rows of 64 pixels from 0 to 1, in the form that the network takes."""
        return X

    def set_seed(self, seed: int) -> None:
        """Seed what `random_state` does not."""

    def epochs_of(self, estimator: BaseEstimator) -> int:
        """The epochs of the last fit."""
        return estimator.n_iter_

    def weights(self, estimator: BaseEstimator) -> np.ndarray:
        """All weights, one after the other."""
        raise NotImplementedError

    def fit_weighted(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray) -> BaseEstimator:
        """A network trained with sample weights."""
        return self.new().fit(X, y, sample_weight=weights)

    def fit_class_weighted(self, X: np.ndarray, y: np.ndarray, weights: dict) -> BaseEstimator:
        """A network trained with a weight for each class."""
        if "class_weight" not in self.new().get_params():
            raise NotOffered
        return self.new().set_params(class_weight=weights).fit(X, y)

    def fit_validated(self, X: Any, y: Any, X_val: Any, y_val: Any) -> list[float]:
        """The scores or losses after each epoch on images that the user chose."""
        raise NotOffered

    def fit_with_callback(self, X: np.ndarray, y: np.ndarray, record: list) -> None:
        """A fit with a callback that adds an entry to `record` after each epoch."""
        estimator = self.new()
        if not hasattr(estimator, "set_callbacks"):
            raise NotOffered
        estimator.set_callbacks(Recorder(record)).fit(X, y)

    @contextlib.contextmanager
    def threads(self, estimator: BaseEstimator, number: int) -> Iterator[None]:
        """Train with this number of threads."""
        raise NotImplementedError
        yield

    def weights_with_threads(self, number: int) -> np.ndarray:
        """The weights of a wide network that this number of threads trained."""
        X, y = load_rows()
        estimator = self.new(epochs=2, **WIDE)
        with self.threads(estimator, number):
            self.set_seed(0)
            return self.weights(estimator.fit(self.images(X), y))

    def to_onnx(self, estimator: BaseEstimator, X: np.ndarray, path: Path) -> None:
        """Export the network."""
        raise NotImplementedError

    def save_safely(self, estimator: BaseEstimator, X: np.ndarray, folder: Path) -> bool:
        """Whether a file without code, in the peer's own format, gives the same predictions."""
        raise NotOffered

    trusted_types: tuple[str, ...] = ()  # what the peer says a skops file may contain


class Recorder:
    """A callback in scikit-learn's protocol."""

    def __init__(self, record: list) -> None:
        self.record = record

    def setup(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        pass

    def on_fit_task_end(self, estimator: Any, context: Any) -> None:
        if context.task_name == "epoch":
            self.record.append(context.task_id)

    def teardown(self, estimator: Any, context: Any) -> None:
        pass


class Skcnn(Peer):
    name, title = "skcnn", "skcnn"
    distributions = ("skcnn",)
    statement = "from skcnn import ConvNetClassifier"
    how = {  # noqa: RUF012
        "images as X": "(n, h, w), (n, h, w, channels) or rows",
        "own validation set": "`X_val` and `y_val` of `fit`",
        "callbacks": "scikit-learn's (from 1.9 on)",
        "sample weights": "`sample_weight` of `fit`",
        "class weights": "`class_weight`",
        "dropout": "`dropout`",
        "augmentation": "`augment`",
        "transform": "the output of the last pooling layer",
        "threads": "`n_jobs`",
        "same results again": "`random_state`",
        "ONNX": "`skcnn.to_onnx`",
        "files without code": "skops, with `skcnn.SKOPS_TRUSTED`",
    }

    def new(self, epochs=EPOCHS, *, filters=FILTERS, batch=BATCH, dropout=False, augment=False):
        from skcnn import ConvNetClassifier

        return ConvNetClassifier(
            n_filters=filters,
            hidden_layer_sizes=(UNITS,),
            dropout=0.5 if dropout else 0.0,
            augment="shift" if augment else None,
            batch_size=batch,
            max_iter=epochs,
            random_state=0,
        )

    def checked(self):
        return self.new(epochs=50).set_params(random_state=None)

    def images(self, X):
        return X.reshape(-1, 8, 8)

    def weights(self, estimator):
        return estimator.network_.parameters.copy()

    def fit_validated(self, X, y, X_val, y_val):
        return self.new().fit(X, y, X_val=X_val, y_val=y_val).validation_loss_curve_

    @contextlib.contextmanager
    def threads(self, estimator, number):
        estimator.set_params(n_jobs=number)
        yield

    def to_onnx(self, estimator, X, path):
        from skcnn import to_onnx

        to_onnx(estimator, path)

    @property
    def trusted_types(self):
        from skcnn import SKOPS_TRUSTED

        return tuple(SKOPS_TRUSTED)


class MLP(Peer):
    name, title = "mlp", "MLPClassifier"
    distributions = ("scikit-learn",)
    statement = "from sklearn.neural_network import MLPClassifier"
    how = {  # noqa: RUF012
        "images as X": "rows of features; no convolutions",
        "own validation set": "`early_stopping` sets aside a random part of X",
        "sample weights": "`sample_weight` of `fit` (from 1.7 on)",
        "threads": "those of BLAS, for the whole process[^threadpoolctl]",
        "same results again": "`random_state`",
        "ONNX": "`skl2onnx.to_onnx`",
        "files without code": "skops",
    }
    partly = ("threads",)

    def new(self, epochs=EPOCHS, *, filters=FILTERS, batch=BATCH, dropout=False, augment=False):
        from sklearn.neural_network import MLPClassifier

        if dropout or augment:
            raise NotOffered
        return MLPClassifier(
            (UNITS * filters // FILTERS,),
            batch_size=batch,
            max_iter=epochs,
            n_iter_no_change=epochs,
            learning_rate_init=RATE,
            random_state=0,
        )

    def checked(self):
        return self.new(epochs=100).set_params(random_state=None)

    def weights(self, estimator):
        return np.concatenate([w.ravel() for w in estimator.coefs_ + estimator.intercepts_])

    def fit_weighted(self, X, y, weights):
        from inspect import signature

        if "sample_weight" not in signature(self.new().fit).parameters:
            raise NotOffered  # scikit-learn before 1.7
        return super().fit_weighted(X, y, weights)

    @contextlib.contextmanager
    def threads(self, estimator, number):
        from threadpoolctl import threadpool_limits

        with threadpool_limits(number):
            yield

    def to_onnx(self, estimator, X, path):
        from skl2onnx import to_onnx

        model = to_onnx(estimator, X[:1], options={"zipmap": False})
        path.write_bytes(model.SerializeToString())


def find(name: str) -> Peer:
    """The peer of this name; importing those that need a framework only when they are asked for."""
    if name in ("skcnn", "mlp"):
        return Skcnn() if name == "skcnn" else MLP()
    if name == "skorch":
        from peers_torch import Skorch

        return Skorch()
    from peers_keras import Keras, SciKeras

    return SciKeras() if name == "scikeras" else Keras()


NAMES = ("skcnn", "mlp", "skorch", "scikeras", "keras")
