"""`ConvAutoencoder`: features of images, learned without labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_array

from skcnn._base import BaseConvNet
from skcnn._constraints import AT_LEAST_ONE, CONVOLUTION_CONSTRAINTS, TRAINING_CONSTRAINTS
from skcnn._fitting.architecture import build_autoencoder
from skcnn._input.settings import ImageShape
from skcnn._input.weights import check_weights, scaled
from skcnn._tasks.reconstruction import Reconstruction, squared_errors
from skcnn._tasks.task import Task
from skcnn.engine.inference import features
from skcnn.engine.layer import Layer
from skcnn.engine.layers import Unflatten
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.training.settings import Augment


class ConvAutoencoder(BaseConvNet):
    """Convolutional autoencoder: features of small images, learned without labels.

    The encoder, convolutions that are each followed by pooling, turns an image into a code. The
    decoder turns the code into an image again: enlarging undoes the pooling, and convolutions
    follow. Both are trained together to minimize the squared difference from the original image.
    The code and the filters serve any other estimator (section 3.3 of [1]_).

    Parameters
    ----------
    image_shape : (height, width) or (height, width, channels), default=None
        Shape of the image in one row of a 2-D X; None: taken from X, see `ConvNetClassifier`.
    n_filters : int or tuple of int, default=(32, 64)
        Number of filters of each convolution layer of the encoder. The decoder has the same layers
        in reverse order.
    filter_size : int or tuple of int, default=3
        Side of the square filters, in pixels. Images are padded with zeros and keep their size.
    pool_size : int or tuple of int, default=2
        Side of the pooling window, in pixels; 1 means no pooling.
    pooling : {"max", "mean"}, default="max"
        Whether a window is replaced by its maximum or by its mean.
    code_size : int, default=None
        Length of the code: a fully connected layer without activation computes it from the output
        of the last pooling. None: the code is this output, in the order (row, column, filter).
    activation : {"relu", "sigmoid", "tanh"}, default="relu"
        Activation of all layers but the code of `code_size` and the reconstruction.
    normalization : {"batch"} or None, default="batch"
        Batch normalization of the output of every layer with an activation.
    noise : float, default=0
        Standard deviation of the noise that is added to the training images, in units of
        `scale_`: the autoencoder learns to remove it [2]_.
    sparsity : float in [0, 1), default=0
        Share of the code that is set to zero in training: the smallest values of each feature map
        of an image or, with `code_size`, of its code. At least one value remains: with a share
        near one, only the largest activity of each feature map [3]_.
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
        Random transformations of the training images, before noise is added.
    standardize : bool, default=True
        Subtract the mean of each channel of the training images and divide by its standard
        deviation.
    tol : float, default=1e-4
        The least change of the loss that counts as an improvement.
    n_iter_no_change : int or np.inf, default=10
        Stop after this many epochs without improvement: of the validation loss with
        `early_stopping`; otherwise of the training loss, with "constant" and "invscaling" only.
        ``np.inf`` means never.
    early_stopping : bool, default=False
        Monitor the reconstruction of validation images, stop when it no longer improves, and
        restore the best weights. The images are `X_val` or, without it, set aside from X.
    validation_fraction : float in (0, 1), default=0.1
        Share of X that `early_stopping` sets aside if there is no `X_val`.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    random_state : int, RandomState instance or None, default=None
        Seed of everything random.
    verbose : bool, default=False
        Whether to print a line after each epoch.
    n_jobs : int or None, default=None
        Number of threads. None: all cores that this process may use. The result does not depend
        on it.

    Attributes
    ----------
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
        Training loss of the last epoch: half the mean squared error of standardized pixels.
    loss_curve_ : list of float
        The training loss of each epoch.
    validation_scores_ : list of float or None
        `score` of the validation images after each epoch; None without validation images.
    validation_loss_curve_ : list of float or None
        The loss of the validation images after each epoch.
    best_validation_score_ : float or None
        The best validation score.
    filters_ : ndarray of shape (n_filters, filter_size, filter_size, channels)
        Filters of the first layer.
    mean_ : ndarray of shape (channels,)
        Mean of each channel, which is subtracted from the pixels. Zeros without `standardize`.
    scale_ : ndarray of shape (channels,)
        Standard deviation of each channel, by which the pixels are divided: one for a constant
        channel. Ones without `standardize`.

    See Also
    --------
    ConvNetClassifier : Its parameter `pretrained` starts from the encoder.
    sklearn.decomposition.PCA : The best linear code of the same length.

    References
    ----------
    .. [1] F. Bastani, Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits",
       2014.
    .. [2] P. Vincent et al., "Stacked Denoising Autoencoders", JMLR 11, 2010.
    .. [3] A. Makhzani, B. Frey, "Winner-Take-All Autoencoders", NeurIPS 2015.

    Examples
    --------
    A digit as 16 numbers:

    >>> from skcnn import ConvAutoencoder
    >>> from skcnn.datasets import load_digits_images
    >>> X, _ = load_digits_images()
    >>> autoencoder = ConvAutoencoder(code_size=16, max_iter=5, random_state=0).fit(X[:1000])
    >>> codes = autoencoder.transform(X[1000:])
    >>> codes.shape
    (797, 16)
    >>> autoencoder.inverse_transform(codes).shape
    (797, 8, 8)
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 (scikit-learn's convention)
        **TRAINING_CONSTRAINTS,
        **CONVOLUTION_CONSTRAINTS,
        "code_size": [AT_LEAST_ONE, None],
        "noise": [Interval(Real, 0, None, closed="left")],
        "sparsity": [Interval(Real, 0, 1, closed="left")],
    }
    _needs_y: ClassVar[bool] = False

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_filters: int | Iterable[int] = (32, 64),
        filter_size: int | Iterable[int] = 3,
        pool_size: int | Iterable[int] = 2,
        pooling: str = "max",
        code_size: int | None = None,
        activation: str = "relu",
        normalization: str | None = "batch",
        noise: float = 0.0,
        sparsity: float = 0.0,
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
        self.pool_size = pool_size
        self.pooling = pooling
        self.code_size = code_size
        self.activation = activation
        self.normalization = normalization
        self.noise = noise
        self.sparsity = sparsity
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
        y: object = None,
        sample_weight: ArrayLike | None = None,
        X_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> ConvAutoencoder:
        """Learn to reconstruct images X.

        Ctrl-C stops training, with a warning; the weights learned so far are kept.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, of any real dtype. They are not copied.
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            Weights of the images. Only their ratios matter.
        X_val, sample_weight_val : like X and sample_weight, default=None
            Images whose reconstruction is measured after each epoch; see `early_stopping`.

        Returns
        -------
        self : ConvAutoencoder

        Raises
        ------
        ValueError
            If X or a parameter is not as described, or if training diverges. The estimator then
            remains as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If the final training loss is no lower than that of the mean of each channel.
        UserWarning
            If training was interrupted, or for validation images as in `ConvNetClassifier.fit`.
        """
        self._fit(X, None, sample_weight, X_val, None, sample_weight_val)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> ConvAutoencoder:
        """Train for one pass over X, continuing from the current weights.

        See `ConvNetClassifier.partial_fit`.

        Parameters
        ----------
        X
            As for `fit`.
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            Factors of each image's loss and gradient, and of its share in `mean_` and `scale_`.

        Returns
        -------
        self : ConvAutoencoder

        Raises
        ------
        ValueError
            As for `fit`.
        """
        self._partial_fit(X, None, sample_weight)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the codes of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        codes : ndarray of shape (n, n_features_out), float32
        """
        fitted = self._copy_fitted()
        reader = fitted._reader(X)
        stop = fitted._code_layer + 1
        encoder = fitted.network_.part(0, stop)
        return fitted._compute(encoder, reader, partial(features, layer=stop - 1))

    @ignore_underflow
    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the images that belong to codes.

        Parameters
        ----------
        X : array-like of shape (n, n_features_out)
            Codes, as from `transform`.

        Returns
        -------
        images : ndarray of shape (n, pixels), (n, h, w) or (n, h, w, channels), float32
            In the form that X had in `fit`, with its pixel values.

        Raises
        ------
        ValueError
            If the codes do not have the right length or are not finite.
        """
        fitted = self._copy_fitted()
        codes = check_array(X, dtype=np.float32, order="C", estimator=self, input_name="X")
        if codes.shape[1] != fitted._n_features_out:
            raise ValueError(
                f"X has codes of {codes.shape[1]} numbers; expected {fitted._n_features_out}, as "
                "transform gives. Pass such codes."
            )
        start, stop = fitted._code_layer + 1, len(fitted.network_.layers)
        decoder = fitted.network_.part(start, stop)
        reader = ImageReader(codes[:, np.newaxis, np.newaxis])
        images = fitted._compute(decoder, reader, partial(features, layer=stop - start - 1))
        images = images.reshape(len(codes), *fitted.image_shape_)
        images *= fitted.scale_.astype(images.dtype)
        images += fitted.mean_.astype(images.dtype)
        return images.reshape(len(codes), *fitted._form)

    @ignore_underflow
    def score(
        self, X: ArrayLike, y: object = None, sample_weight: ArrayLike | None = None
    ) -> float:
        """The negative mean squared difference of the pixels of X and of their reconstruction.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
        y : ignored
        sample_weight : array-like of shape (n,), default=None
            Weights of the images in the mean.

        Returns
        -------
        score : float

        Raises
        ------
        ValueError
            If the images do not have the shape seen in `fit`, or if a weight is negative or not
            finite, or missing.
        """
        fitted = self._copy_fitted()
        reader = fitted._reader(X)
        weights = scaled(check_weights("sample_weight", sample_weight, len(reader)))
        errors = fitted._compute(fitted.network_, reader, squared_errors)
        by_channel = np.average(errors, axis=0, weights=weights)
        return -float(np.mean(by_channel * fitted.scale_**2))

    def _layers(self, image_shape: ImageShape, n_outputs: int) -> list[Layer]:
        return build_autoencoder(
            image_shape,
            n_filters=self.n_filters,
            filter_size=self.filter_size,
            pool_size=self.pool_size,
            pooling=self.pooling,
            code_size=self.code_size,
            activation=self.activation,
            normalization=self.normalization,
            noise=self.noise,
            sparsity=self.sparsity,
        )

    def _task(
        self,
        y: Any,
        images: NDArray[Any],
        *,
        classes: ArrayLike | None,
        incremental: bool,
        resume: bool,
    ) -> Task:
        return Reconstruction(images)

    def _validation_task(self, y: Any, images: NDArray[Any], task: Task) -> Task:
        return Reconstruction(images)

    @property
    def _code_layer(self) -> int:
        """Index of the layer whose output is the code."""
        first = self.network_.feature_layer
        if isinstance(self.network_.layers[first + 1], Unflatten):
            return first
        return first + 2  # after a fully connected layer and its bias

    @property
    def _n_features_out(self) -> int:
        return self.network_.plans[self._code_layer].out_shape[0]
