"""`ConvNetRegressor`: numbers from images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin, _fit_context
from sklearn.utils import Tags

from skcnn._base import SupervisedConvNet
from skcnn._constraints import SUPERVISED_CONSTRAINTS
from skcnn._tasks.regression import Regression, check_same_form, read_values
from skcnn._tasks.task import Task
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.training.settings import Augment


class ConvNetRegressor(RegressorMixin, SupervisedConvNet):
    """Convolutional network that predicts numbers from small images, on the CPU.

    The network of `ConvNetClassifier` with outputs that are not bounded, trained with the squared
    error. Results are bit-identical for any number of threads.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, channels), default=None
        Shape of the image in one row of a 2-D X; None: taken from X, see `ConvNetClassifier`.
    n_filters : int or tuple of int, default=(32, 32, 64)
        Number of filters of each convolution layer.
    filter_size : int or tuple of int, default=3
        Side of the square filters, in pixels.
    padding : {"same", "valid"}, default="same"
        Whether images are padded with zeros so that they keep their size, or filters stay inside.
    pool_size : int or tuple of int, default=2
        Side of the pooling window, in pixels; 1 means no pooling.
    pool_regions : int or tuple of int, default=None
        Pool into this many regions per side, whatever the size of the image, instead.
    pooling : {"max", "mean"}, default="max"
        Whether a window is replaced by its maximum or by its mean.
    hidden_layer_sizes : int or tuple of int, default=(128,)
        Units of the fully connected layers between the convolutions and the output; an int means
        one layer, ``()`` none.
    activation : {"relu", "sigmoid", "tanh"}, default="relu"
        Activation of the convolution layers and the hidden layers.
    normalization : {"batch"} or None, default="batch"
        Batch normalization of the output of every convolution and every hidden layer.
    dropout : float in [0, 1) or "auto", default=0
        Share of the inputs of each fully connected layer that are set to zero in training; "auto"
        as for `ConvNetClassifier`.
    weight_init : {"auto", "uniform"}, default="auto"
        Distribution of the initial weights.
    pretrained : fitted estimator, array or list of arrays, default=None
        Where the first convolution layers start from, see `ConvNetClassifier`.
    freeze : bool, default=False
        Whether the pretrained layers keep their weights.
    solver : {"muon", "adam", "sgd", "gd"}, default="muon"
        Optimizer; see `ConvNetClassifier`, also for the other parameters of the training.
    learning_rate : {"auto", "linear", "one_cycle", "constant", "invscaling"} or callable, \
default="auto"
        Schedule of the learning rate.
    learning_rate_init : float or "auto", default="auto"
        The highest learning rate of the schedule.
    momentum : float in [0, 1] or callable, default=0.9
        Momentum of "muon", "sgd" and "gd".
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights.
    batch_size : int or "auto", default="auto"
        Images in a mini-batch.
    max_iter : int or "auto", default="auto"
        Number of epochs.
    max_time : float, default=None
        Stop training after this many seconds.
    shuffle : bool or "replacement", default=True
        Whether to use the images in a new order in each epoch, or to draw them with replacement.
    augment : str, callable, sequence of these, or None, default=None
        Random transformations of the training images. They must not change the targets: an angle,
        for example, is another one in the mirror image.
    predict_augment : {"flip", "shift"}, sequence of these, or None, default=None
        Predict the average over mirrored or shifted copies of each image.
    standardize : bool, default=True
        Subtract the mean of each channel of the training images and divide by its standard
        deviation. Targets are always standardized.
    tol : float, default=1e-4
        The least change of the loss that counts as an improvement.
    n_iter_no_change : int or np.inf, default=10
        Stop after this many epochs without improvement: of the validation loss with
        `early_stopping`; otherwise of the training loss, with "constant" and "invscaling" only.
        ``np.inf`` means never.
    early_stopping : bool, default=False
        Monitor the loss on validation images, stop when it no longer improves, and restore the
        best weights. The images are `X_val` or, without it, set aside from X.
    validation_fraction : float in (0, 1), default=0.1
        Share of X that `early_stopping` sets aside if there is no `X_val`.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit, with its `mean_` and `scale_`.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.
    verbose : bool, default=False
        Whether to print a line after each epoch.
    n_jobs : int or None, default=None
        Number of threads. None: all cores that this process may use.

    Attributes
    ----------
    target_mean_ : ndarray of shape (n_targets,)
        Mean of the training targets. In `partial_fit`, that of all targets so far.
    target_scale_ : ndarray of shape (n_targets,)
        Standard deviation of the training targets: one for a constant target. In `partial_fit`,
        that of all targets so far.
    n_features_in_ : int
        Pixels times channels of an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, if X was a DataFrame.
    image_shape_ : (height, width, channels)
        Shape of the images.
    network_ : Network
        The network; ``print(network_.summary())`` shows layers, output shapes and parameters.
    n_iter_ : int
        Epochs done since the weights were initialized.
    t_ : int
        Training images used since then, with repetitions.
    loss_ : float
        Training loss of the last epoch: half the mean squared error of standardized targets.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float or None
        R2 on the validation images after each epoch, the mean over the targets; None without
        validation images.
    validation_loss_curve_ : list of float or None
        The loss of the validation images after each epoch.
    best_validation_score_ : float or None
        The best R2; with `early_stopping`, that of the epoch with the lowest validation loss.
    filters_ : ndarray of shape (n_filters, filter_size, filter_size, channels)
        Filters of the first layer.
    mean_ : ndarray of shape (channels,)
        Mean of each channel, which is subtracted from the pixels. Zeros without `standardize`.
    scale_ : ndarray of shape (channels,)
        Standard deviation of each channel, by which the pixels are divided: one for a constant
        channel. Ones without `standardize`.

    See Also
    --------
    ConvNetClassifier : The same for labels; describes the parameters in more detail.
    sklearn.neural_network.MLPRegressor : Fully connected layers only.

    Examples
    --------
    How dark is a digit?

    >>> from skcnn import ConvNetRegressor
    >>> from skcnn.datasets import load_digits_images
    >>> X, _ = load_digits_images()
    >>> y = X.mean(axis=(1, 2))
    >>> cnn = ConvNetRegressor(max_iter=5, random_state=0).fit(X[:1000], y[:1000])
    >>> cnn.score(X[1000:], y[1000:]) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = SUPERVISED_CONSTRAINTS

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_filters: int | Iterable[int] = (32, 32, 64),
        filter_size: int | Iterable[int] = 3,
        padding: str = "same",
        pool_size: int | Iterable[int] = 2,
        pool_regions: int | Iterable[int] | None = None,
        pooling: str = "max",
        hidden_layer_sizes: int | Iterable[int] = (128,),
        activation: str = "relu",
        normalization: str | None = "batch",
        dropout: float | str = 0.0,
        weight_init: str = "auto",
        pretrained: Any = None,
        freeze: bool = False,
        solver: str = "muon",
        learning_rate: str | Callable[[int], float] = "auto",
        learning_rate_init: float | str = "auto",
        momentum: float | Callable[[int], float] = 0.9,
        nesterovs_momentum: bool = True,
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        max_iter: int | str = "auto",
        max_time: float | None = None,
        shuffle: bool | str = True,
        augment: str | Augment | Sequence[str | Augment] | None = None,
        predict_augment: str | Sequence[str] | None = None,
        standardize: bool = True,
        tol: float = 1e-4,
        n_iter_no_change: float = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        warm_start: bool = False,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.image_shape = image_shape
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.padding = padding
        self.pool_size = pool_size
        self.pool_regions = pool_regions
        self.pooling = pooling
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.normalization = normalization
        self.dropout = dropout
        self.weight_init = weight_init
        self.pretrained = pretrained
        self.freeze = freeze
        self.solver = solver
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.alpha = alpha
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.max_time = max_time
        self.shuffle = shuffle
        self.augment = augment
        self.predict_augment = predict_augment
        self.standardize = standardize
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> ConvNetRegressor:
        """Train on images X with targets y.

        Ctrl-C stops training, with a warning; the weights learned so far are kept.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, of any real dtype. They are not copied.
        y : array-like of shape (n,) or (n, n_targets)
            Finite real numbers of at most 1e30. Bools are zeros and ones; dates, durations and
            arrays of text are refused.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images. Only their ratios matter.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, default=None
            Images on which R2 and loss are measured after each epoch; see `early_stopping`.

        Returns
        -------
        self : ConvNetRegressor

        Raises
        ------
        ValueError
            If X, y or a parameter is not as described, or if training diverges. The estimator
            then remains as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If the final training loss is no lower than that of predicting the mean of the targets.
        UserWarning
            If training was interrupted, or for validation images as in `ConvNetClassifier.fit`.
        """
        self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> ConvNetRegressor:
        """Train for one pass over X, continuing from the current weights.

        `target_mean_` and `target_scale_` are updated with y first; the output layer is adapted to
        them, so that this alone changes no prediction (unless all targets so far were equal). For
        the rest, see `ConvNetClassifier.partial_fit`.

        Parameters
        ----------
        X, y
            As for `fit`.
        sample_weight : array-like of shape (n,), default=None
            Factors of each image's loss and gradient, and of its share in the means and scales.

        Returns
        -------
        self : ConvNetRegressor

        Raises
        ------
        ValueError
            As for `fit`, or if y has another number of targets than before.
        """
        self._partial_fit(X, y, sample_weight)
        return self

    @ignore_underflow
    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the targets of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_targets)
            As y was in `fit`.
        """
        fitted = self._copy_fitted()
        z = fitted._outputs(X)
        z *= fitted.target_scale_
        z += fitted.target_mean_
        return z[:, 0] if fitted._is_1d else z

    def _task(
        self,
        y: Any,
        images: NDArray[Any],
        *,
        classes: ArrayLike | None,
        incremental: bool,
        resume: bool,
    ) -> Task:
        values = read_values(y, images)
        if resume:
            before = None if self._is_1d else len(self.target_mean_)
            check_same_form(values, before)
        return Regression(values)

    def _validation_task(self, y: Any, images: NDArray[Any], task: Task) -> Task:
        values = read_values(y, images, "X_val", "y_val")
        before = None if task.attributes["_is_1d"] else task.n_outputs
        check_same_form(values, before, of_validation=True)
        return Regression(values)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
