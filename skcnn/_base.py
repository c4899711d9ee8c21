"""`BaseConvNet`: what the network estimators share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils.validation import check_is_fitted

from skcnn._estimator import Estimator
from skcnn._feature_names import ImageFeaturesOutMixin
from skcnn._fitting.architecture import build_layers
from skcnn._fitting.callbacks import CallbackSupportMixin
from skcnn._fitting.fit import fit_estimator
from skcnn._fitting.pretrained import Pretraining
from skcnn._fitting.problem import ValidationInput
from skcnn._input.images import validate_images
from skcnn._input.settings import ImageShape
from skcnn._parallel import n_threads
from skcnn._predict_augment import average_outputs, copies_of
from skcnn._tasks.task import Task
from skcnn.engine.inference import features, useful_threads
from skcnn.engine.layer import Layer
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.settings import TrainingState

Compute = Callable[[Network, ImageReader, Threads], NDArray[Any]]


class BaseConvNet(CallbackSupportMixin, ImageFeaturesOutMixin, Estimator, ABC):
    """A convolutional network as an estimator.

    A subclass has the parameters of `TRAINING_CONSTRAINTS` and those that its layers need. It says
    which layers these are, and makes a `Task` of the targets.
    """

    _needs_y: ClassVar[bool] = True

    @abstractmethod
    def _layers(self, image_shape: ImageShape, n_outputs: int) -> list[Layer]:
        """The layers that the parameters ask for."""

    @abstractmethod
    def _task(
        self,
        y: Any,
        images: NDArray[Any],
        *,
        classes: ArrayLike | None,
        incremental: bool,
        resume: bool,
    ) -> Task:
        """The checked targets of `fit` or, if `incremental`, `partial_fit`."""

    @abstractmethod
    def _validation_task(self, y: Any, images: NDArray[Any], task: Task) -> Task:
        """The checked targets of validation images; `task` is that of the training images."""

    def _check_settings(self, incremental: bool) -> None:
        """Check what the constraints cannot express."""
        return

    def _pretraining(self) -> Pretraining:
        """Where the network starts from: from random weights, unless there is a parameter."""
        return Pretraining()

    def _fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        X_val: ArrayLike | None,
        y_val: ArrayLike | None,
        sample_weight_val: ArrayLike | None,
        *,
        finish: bool = False,
    ) -> None:
        if self._needs_y and (X_val is None) != (y_val is None):
            given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
            raise ValueError(f"{given} was given without {missing}. Pass both or neither.")
        validation = None
        if X_val is not None:
            validation = ValidationInput(X_val, y_val, sample_weight_val)
        elif sample_weight_val is not None:
            names = "X_val and y_val" if self._needs_y else "X_val"
            raise ValueError(
                f"sample_weight_val was given without {names}. Pass all of them, or none."
            )
        fit_estimator(
            self,
            X,
            y,
            finish=finish,
            sample_weight=sample_weight,
            validation=validation,
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def _resume_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        X_val: ArrayLike | None,
        y_val: ArrayLike | None,
        sample_weight_val: ArrayLike | None,
    ) -> None:
        """Continue an unfinished fit."""
        self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val, finish=True)

    def _partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike | None,
        sample_weight: ArrayLike | None,
        classes: ArrayLike | None = None,
    ) -> None:
        if hasattr(self, "network_"):
            self._validate_params()  # the decorator validates in the first call only
        fit_estimator(self, X, y, incremental=True, classes=classes, sample_weight=sample_weight)

    def drop_optimizer_state(self) -> Self:
        """Remove what only `partial_fit` needs, so that files of the estimator are smaller.

        The optimizer's running averages are as large as the network's parameters, or twice as
        large. Predictions do not change. A later `partial_fit` starts them anew: its first steps
        are those of a new optimizer.

        Returns
        -------
        self : the estimator

        Examples
        --------
        >>> import pickle
        >>> from skcnn import ConvNetClassifier
        >>> from skcnn.datasets import load_digits_images
        >>> X, y = load_digits_images()
        >>> cnn = ConvNetClassifier(max_iter=1, solver="adam").fit(X[:200], y[:200])
        >>> size = len(pickle.dumps(cnn))
        >>> len(pickle.dumps(cnn.drop_optimizer_state())) < 0.4 * size
        True
        """
        check_is_fitted(self)
        state: TrainingState = vars(self)["_state"]
        self._state = replace(state, moments=[])  # a copy of the estimator may share the other
        self.__dict__.pop("_unfinished", None)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the flattened output of the last pooling layer: features for other estimators.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        features : ndarray of shape (n, n_features_out), float32
            In the order (row, column, filter).
        """
        return self._copy_fitted()._run(X, features)

    def _reader(self, X: ArrayLike) -> ImageReader:
        """The images of X, checked."""
        images, _ = validate_images(self, X, image_shape=self.image_shape_, reset=False)
        return ImageReader(images, self.mean_, self.scale_)

    def _run(self, X: ArrayLike, compute: Compute) -> NDArray[Any]:
        """Run the network on X."""
        return self._compute(self.network_, self._reader(X), compute)

    @ignore_underflow  # also if np.seterr makes it an error
    def _compute(self, network: Network, reader: ImageReader, compute: Compute) -> NDArray[Any]:
        count = n_threads(self.n_jobs, most=useful_threads(network, len(reader)))
        with single_threaded_blas(), Threads(count) as threads, np.errstate(all="ignore"):
            result = compute(network, reader, threads)
        if not (np.isfinite(result.min()) and np.isfinite(result.max())):
            low, high = float(reader.images.min()), float(reader.images.max())
            raise ValueError(
                f"X has values from {low:g} to {high:g}, for which the outputs of the network are "
                "not finite in float32; expected values like those in fit. Scale X as it was there."
            )
        return result

    @property
    def filters_(self) -> NDArray[np.float32]:
        """Filters of the first layer: (n_filters, filter_size, filter_size, channels)."""
        convolution = next(p.weights for p in self.network_.layer_parameters if vars(p))
        filters = convolution.transpose(3, 0, 1, 2)
        filters.flags.writeable = False  # a view of the network's parameters
        return filters

    @property
    def _n_features_out(self) -> int:
        return self.network_.plans[self.network_.feature_layer].out_shape[0]


class SupervisedConvNet(BaseConvNet):
    """A convolutional network with the layers of a classifier."""

    def _layers(self, image_shape: ImageShape, n_outputs: int) -> list[Layer]:
        return build_layers(
            image_shape,
            n_outputs,
            n_filters=self.n_filters,
            filter_size=self.filter_size,
            padding=self.padding,
            pool_size=self.pool_size,
            pool_regions=self.pool_regions,
            pooling=self.pooling,
            hidden_layer_sizes=self.hidden_layer_sizes,
            activation=self.activation,
            dropout=self.dropout,
            normalization=self.normalization,
            weight_init=self.weight_init,
        )

    def _check_settings(self, incremental: bool) -> None:
        super()._check_settings(incremental)
        copies_of(self.predict_augment)

    def _pretraining(self) -> Pretraining:
        return Pretraining(self.pretrained, bool(self.freeze))

    def _outputs(self, X: ArrayLike) -> NDArray[np.float64]:
        """Output of the last layer, before its activation: (n, n_outputs)."""
        return self._run(X, partial(average_outputs, copies_of(self.predict_augment)))
