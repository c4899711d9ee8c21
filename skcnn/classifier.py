"""`ConvNetClassifier`: the contract with scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions

from skcnn._base import SupervisedConvNet
from skcnn._constraints import SUPERVISED_CONSTRAINTS
from skcnn._tasks.classification import Classification, read_labels, read_validation_labels
from skcnn._tasks.multilabel import (
    Multilabel,
    check_indicator,
    check_same_kind,
    n_labels_of,
    read_indicator,
)
from skcnn._tasks.task import Task
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.settings import Augment


class ConvNetClassifier(ClassifierMixin, SupervisedConvNet):
    """Convolutional network for small images, on the CPU.

    Convolution layers, each followed by pooling, then fully connected layers, trained with
    mini-batches. Results are bit-identical for any number of threads.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, channels), default=None
        Shape of the image in one row of a 2-D X. None: taken from a 3-D or 4-D X; in a 2-D X,
        square images if the number of features is a perfect square, otherwise images with a single
        row of pixels. `fit` issues an `ImageShapeWarning` if that is likely to be wrong.
    n_filters : int or tuple of int, default=(32, 32, 64)
        Number of filters of each convolution layer; an int means one layer.
    filter_size : int or tuple of int, default=3
        Side of the square filters, in pixels; a tuple has one value for each layer.
    padding : {"same", "valid"}, default="same"
        "same" pads the image with zeros so that it keeps its size; with "valid", filters stay
        inside the image, as in [1]_.
    pool_size : int or tuple of int, default=2
        Side of the pooling window, in pixels; 1 means no pooling. A partial last window is kept.
    pool_regions : int or tuple of int, default=None
        Pool into this many regions per side, as equal as possible, whatever the size of the image
        ("2 by 2" in [1]_). Replaces `pool_size`.
    pooling : {"max", "mean"}, default="max"
        Whether a window is replaced by its maximum or by its mean.
    hidden_layer_sizes : int or tuple of int, default=(128,)
        Units of the fully connected layers between the convolutions and the output; an int means
        one layer, ``()`` none.
    activation : {"relu", "sigmoid", "tanh"}, default="relu"
        Activation of the convolution layers and the hidden layers.
    output_activation : {"softmax", "sigmoid"}, default="softmax"
        "softmax" with cross-entropy, or "sigmoid" with squared error ([1]_, section 5.5). If y is
        an indicator matrix, each label always has a sigmoid with cross-entropy.
    normalization : {"batch"} or None, default="batch"
        "batch": batch normalization of the output of every convolution (after its max pooling) and
        of every hidden layer, before the bias: each channel or unit is standardized, in prediction
        by a running mean and standard deviation, in training by those over 8 to 64 images [8]_ (in
        mini-batches of fewer than 8, by the running ones). Sample weights do not apply to them.
        For prediction it is folded into the filters.
    dropout : float in [0, 1) or "auto", default="auto"
        Share of the inputs of each fully connected layer that are set to zero in training [2]_.
        "auto": 0.3 with "relu", except before layers with fewer than 64 inputs; 0 with "sigmoid"
        and "tanh", which fit the training images less closely.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes in training [7]_; over yes and
        no for each label of an indicator matrix. It makes probabilities under-confident; 0
        disables it.
    weight_init : {"auto", "uniform"}, default="auto"
        "auto": He initialization [3]_ for "relu", Glorot initialization [4]_ otherwise; "uniform":
        weights and biases from U[-1, 1), as in [1]_.
    pretrained : fitted estimator, array or list of arrays, default=None
        Where the first convolution layers start from, instead of random weights: the convolutions
        of a fitted `ConvAutoencoder`, `ConvNetClassifier` or `ConvNetRegressor`, with their biases
        and normalization; or filters of shape
        ``(n_filters, filter_size, filter_size, channels)`` for the first layer, or a list of such
        arrays, one for each layer. They must have the sizes that `n_filters` and `filter_size` ask
        for. `mean_` and `scale_` are not taken over, but those of the training images: the filters
        see other images than before if these differ. A search and a cross-validation clone an
        estimator without its fit: wrap it in `sklearn.frozen.FrozenEstimator`.
    freeze : bool, default=False
        Whether the pretrained layers keep their weights; gradients are then not propagated back
        through them. Their normalization keeps its mean and standard deviation (0 and 1 for filters
        that are arrays). With `warm_start`, a second `fit` with ``freeze=False`` trains them, too.
    solver : {"muon", "adam", "sgd", "gd"}, default="muon"
        "muon" [9]_ moves the weights of each hidden layer as one matrix, so that small gradients
        count, too. Each of its steps costs matrix products, which take long if hidden layers are
        very wide; larger mini-batches then need fewer steps. "adam" is Adam [5]_, "sgd" stochastic
        gradient descent with momentum, and "gd" the same with all images in each step.
    learning_rate : {"auto", "linear", "one_cycle", "constant", "invscaling"} or callable, \
default="auto"
        Schedule of the learning rate. "linear" falls from `learning_rate_init` to zero at the end
        of `fit`; "one_cycle" rises to `learning_rate_init` and falls to zero [6]_; "auto" is
        "linear" for "muon" and "one_cycle" for the other solvers; "invscaling" is
        ``learning_rate_init / sqrt(step + 1)``; a callable maps the number of the step, counted
        from 0, to the rate. `partial_fit`, which knows no end, keeps the rate constant instead of
        "linear" and "one_cycle".
    learning_rate_init : float or "auto", default="auto"
        The highest learning rate of the schedule. "muon" moves the weights of hidden layers by this
        share of their norm, and everything else as "adam" with a tenth of this rate. "auto" for
        "muon": 0.05, or 0.015 if the rate stays constant; for mini-batches of fewer than 64 images
        times ``sqrt(batch_size / 64)``. For "adam": 0.004 with "relu" and 0.02 with "sigmoid" or
        "tanh"; for "sgd" and "gd" 0.05 and 0.5. With "adam" or "sgd" and more layers than by
        default, or with `augment` and more epochs, a rate half as large or smaller may work better.
    momentum : float in [0, 1] or callable, default=0.9
        Momentum of "muon", "sgd" and "gd"; a callable maps the number of the step, counted from 0,
        to the momentum.
    nesterovs_momentum : bool, default=True
        Whether to use Nesterov's momentum.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights, divided by the number of images in a mini-batch,
        as in `MLPClassifier`. With "muon" it applies to the output layer only: the norm of hidden
        weights stays what it was at the start.
    batch_size : int or "auto", default="auto"
        Images in a mini-batch, at most all of them. "auto": for "muon" a hundredth of the training
        images, but between 64 and 256; for "adam" and "sgd" 64. "gd" always uses all images. If
        less than a quarter as many are left for the last mini-batch, the last two share them.
    max_iter : int or "auto", default="auto"
        Number of epochs: how often each training image is used. "auto": as many as are at most
        600,000 images in total, but between 8 and 100 epochs and at least 300 steps.
    max_time : float, default=None
        Stop training after this many seconds, even before `max_iter` epochs are done. "one_cycle"
        and "linear" then follow the clock, so that the rate is zero when the time is up. The result
        depends on the speed of the machine.
    shuffle : bool or "replacement", default=True
        Whether to use the images in a new order in each epoch. With "replacement", mini-batches
        are drawn with replacement, as in [1]_; an epoch then has as many images as X.
    augment : str, callable, sequence of these, or None, default=None
        Random transformations of the training images: "shift", "affine" or "elastic", or "flip"
        (mirror images, for photographs); see `skcnn.augment`, whose classes take other strengths.
        A sequence such as ``("flip", "shift")`` is applied in order. A callable
        ``(images, rng) -> images`` receives a few images at a time, of shape
        ``(n, h, w, channels)``, in float32, with the pixel values of X (in float64 if float32
        would round them too much: if `mean_` is more than 10,000 times `scale_`). It may change
        them in place, and returns finite numbers in an array of this shape. Several threads call it
        at the same time, each with its own `numpy.random.Generator`.
    predict_augment : {"flip", "shift"}, sequence of these, or None, default=None
        Predict an average over copies of each image (test-time augmentation): the image and its
        mirror image ("flip"); the image, with weight 1/2, and two that are shifted diagonally by a
        pixel, with weight 1/4 each ("shift"); or all combinations of both. The outputs before the
        activation of the output are averaged. It takes two, three or six times as long, and does
        not change training, the accuracy on validation images, or `transform`.
    standardize : bool, default=True
        Subtract the mean of each channel of the training images and divide by its standard
        deviation, so that the range of the pixels (0-255, 0-1, ...) does not matter. In
        `partial_fit`, they are those of all images seen so far, as in
        `StandardScaler.partial_fit`; a warm-started `fit` keeps those of the fit before. If False,
        `partial_fit` leaves `mean_` and `scale_` as they are.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by label; classes that the dict does not have get 1. "balanced"
        uses weights inversely proportional to the frequency of the classes. An image counts as
        with a `sample_weight` multiplied by the weight of its class: in the loss, in `mean_` and
        `scale_`, and in the accuracy of the images that `early_stopping` sets aside. Not for
        indicator matrices.
    tol : float, default=1e-4
        The least change that counts as an improvement; see `n_iter_no_change`.
    n_iter_no_change : int or np.inf, default=10
        Stop after this many epochs without improvement; ``np.inf`` means never. With
        `early_stopping`, this refers to the validation accuracy, under any schedule ("one_cycle"
        and "linear" may then end before their low rates, which improve most). Otherwise it refers
        to the training loss, and applies to "constant" and "invscaling" only; other schedules run
        to their end.
    early_stopping : bool, default=False
        Monitor the accuracy on validation images (their loss if y is an indicator matrix), stop
        when it no longer improves, and restore the best weights. The images are `X_val` or, without
        it, set aside from X.
    validation_fraction : float in (0, 1), default=0.1
        Share of X that `early_stopping` sets aside if there is no `X_val`: as far as possible the
        same share of each class, but never all its images. A warm start sets the same images aside
        as the fit before, and this share of images that have been appended since (another
        `validation_fraction` applies to these only); if y differs otherwise, the split is new, with
        a warning.
    warm_start : bool, default=False
        Whether `fit` continues from the weights of the previous fit.
    random_state : int, RandomState instance or None, default=None
        Seed of the initial weights, the order of the images, dropout, augmentation and the split
        for early stopping.
    verbose : bool, default=False
        Whether to print a line after each epoch.
    n_jobs : int or None, default=None
        Number of threads. None: all cores that this process may use, fewer in a joblib worker; -1:
        all cores. The result does not depend on it. Threads share a mini-batch in tiles of 16 to
        64 images, 32 for most networks: of a mini-batch of 64 images two threads have work, of one
        of 256 eight; half as many for very small images, twice as many for large ones.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels. If y was an indicator matrix, the numbers of its columns, as in
        `MLPClassifier`; the column names of a DataFrame are not kept.
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
        Mean training loss of the last epoch, without the L2 penalty.
    loss_curve_ : list of float
        The mean training loss of each epoch, weighted if the images are.
    validation_scores_ : list of float or None
        Validation accuracy after each epoch, if there were validation images; NaN for the epochs
        of an earlier fit without them.
    validation_loss_curve_ : list of float or None
        The mean loss of the validation images after each epoch, weighted as their accuracy: with
        label smoothing as in training, without dropout and without the L2 penalty. None and NaN as
        for `validation_scores_`.
    best_validation_score_ : float or None
        The best validation accuracy.
    filters_ : ndarray of shape (n_filters, filter_size, filter_size, channels)
        Filters of the first layer.
    mean_ : ndarray of shape (channels,)
        Mean of each channel, which is subtracted from the pixels. Zeros without `standardize`.
    scale_ : ndarray of shape (channels,)
        Standard deviation of each channel, by which the pixels are divided: one for a constant
        channel. Ones without `standardize`.

    See Also
    --------
    ConvNetRegressor : The same network for numbers.
    ConvAutoencoder : Filters learned without labels.
    skcnn.make_hog_svc : Histograms of oriented gradients into a support vector machine.
    skcnn.to_onnx : Export as an ONNX model.
    sklearn.neural_network.MLPClassifier : Fully connected layers only.

    References
    ----------
    .. [1] F. Bastani, Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits",
       2014.
    .. [2] N. Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from
       Overfitting", JMLR 15, 2014.
    .. [3] K. He et al., "Delving Deep into Rectifiers", ICCV 2015.
    .. [4] X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
       networks", AISTATS 2010.
    .. [5] D. Kingma, J. Ba, "Adam: A Method for Stochastic Optimization", ICLR 2015.
    .. [6] L. Smith, N. Topin, "Super-Convergence", arXiv:1708.07120, 2018.
    .. [7] C. Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR
       2016, section 7.
    .. [8] S. Ioffe, C. Szegedy, "Batch Normalization", ICML 2015; over parts of a mini-batch: E.
       Hoffer et al., "Train longer, generalize better", NeurIPS 2017.
    .. [9] K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
       https://kellerjordan.github.io/posts/muon.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from skcnn import ConvNetClassifier
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> cnn = ConvNetClassifier(max_iter=10, random_state=0).fit(X_train, y_train)
    >>> cnn.score(X_test, y_test) > 0.95
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 (scikit-learn's convention)
        **SUPERVISED_CONSTRAINTS,
        "output_activation": [StrOptions(set(LOSSES))],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

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
        output_activation: str = "softmax",
        normalization: str | None = "batch",
        dropout: float | str = "auto",
        label_smoothing: float = 0.05,
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
        class_weight: dict[Any, float] | str | None = None,
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
        self.output_activation = output_activation
        self.normalization = normalization
        self.dropout = dropout
        self.label_smoothing = label_smoothing
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
        self.class_weight = class_weight
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
    ) -> ConvNetClassifier:
        """Train on images X with labels y.

        Ctrl-C stops training, with a warning; the weights learned so far are kept.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, of any real dtype. They are not copied. A list, a Series or a 1-D object array
            of images of one shape is stacked.
        y : array-like of shape (n,) or (n, n_labels)
            Labels: str, bool or whole numbers. Or, for any number of labels of each image, an
            indicator matrix (multilabel classification): 1 where an image has a label, otherwise 0.
        sample_weight : array-like of shape (n,), default=None
            Weights of the images. Only their ratios matter.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, default=None
            Images on which accuracy and loss are measured after each epoch; see `early_stopping`.
            They must be scaled like X. In a pipeline that scales X, see the example below.
            `class_weight` does not apply to them.

        Returns
        -------
        self : ConvNetClassifier

        Raises
        ------
        ValueError
            If X, y or a parameter is not as described, or if training diverges. The estimator
            then remains as it was before the call.

        Warns
        -----
        ConvergenceWarning
            If the final training loss is no lower than that of predicting the frequencies of the
            classes or labels for every image (not after a single epoch, or after fewer than 100
            steps unless the loss has risen); or if `max_iter` epochs were done before the loss
            stopped improving, see `n_iter_no_change`.
        UserWarning
            If training was interrupted, if images that `early_stopping` sets aside may have been
            trained on before, or if `X_val`, or one of its channels, has other pixel values than
            X, as when only one of them has been scaled.

        Examples
        --------
        A pipeline applies its other steps to X only. With scikit-learn's metadata routing and
        `transform_input`, it also applies them to `X_val`:

        >>> from sklearn import config_context
        >>> from sklearn.pipeline import Pipeline
        >>> from sklearn.preprocessing import MinMaxScaler
        >>> from skcnn import ConvNetClassifier
        >>> from skcnn.datasets import load_digits_images
        >>> X, y = load_digits_images()
        >>> X = X.reshape(-1, 64)
        >>> with config_context(enable_metadata_routing=True):
        ...     cnn = ConvNetClassifier(early_stopping=True, max_iter=8, random_state=0)
        ...     cnn = cnn.set_fit_request(X_val=True, y_val=True)
        ...     steps = [("scaler", MinMaxScaler()), ("cnn", cnn)]
        ...     pipeline = Pipeline(steps, transform_input=["X_val"])
        ...     pipeline = pipeline.fit(X[:1500], y[:1500], X_val=X[1500:], y_val=y[1500:])
        >>> cnn.best_validation_score_ > 0.9
        True
        """
        self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val)
        return self

    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> ConvNetClassifier:
        """Train for one pass over X, continuing from the current weights.

        The state of the optimizer and of the random generator is continued, too; `mean_` and
        `scale_` are updated with X before it is used (see `standardize`). "auto", "one_cycle" and
        "linear" need the total number of steps, so the rate is held at `learning_rate_init`
        instead, whose "auto" for "muon" is then lower; `max_iter` and `max_time` are ignored.

        Parameters
        ----------
        X, y
            As for `fit`.
        classes : array-like of shape (n_classes,), default=None
            All labels that any call will have; required at the first call, unless y is an
            indicator matrix.
        sample_weight : array-like of shape (n,), default=None
            Factors of each image's loss and gradient, and of its share in `mean_` and `scale_`.
            They and `class_weight` are used without rescaling, because a call cannot know the
            images of the other calls. With "muon" and "adam", a factor common to all calls has no
            effect.

        Returns
        -------
        self : ConvNetClassifier

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or differs later, if y has another label, or
            as for `fit`.
        """
        self._partial_fit(X, y, sample_weight, classes)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict the labels of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        labels : ndarray of shape (n,) or (n, n_labels)
            An indicator matrix if y was one in `fit`: 1 where the probability of a label is above
            one half.
        """
        fitted = self._copy_fitted()
        z = fitted._outputs(X)
        if fitted._head == "multilabel":
            return (z > 0).astype(np.intp)
        return fitted.classes_[z.argmax(axis=1)]

    @ignore_underflow
    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        probabilities : ndarray of shape (n, n_classes)
            Rows sum to one, unless y was an indicator matrix in `fit`: then they are the
            probabilities that the image has each label. With ``output_activation="sigmoid"``, the
            output of each class divided by the sum over the classes.
        """
        logarithms = self.predict_log_proba(X)
        return np.exp(logarithms, out=logarithms)

    @ignore_underflow
    def predict_log_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict the logarithms of the probabilities; see `predict_proba`.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        log_probabilities : ndarray of shape (n, n_classes)
        """
        fitted = self._copy_fitted()
        z = fitted._outputs(X)
        if fitted._head == "multilabel":
            np.logaddexp(0, np.negative(z, out=z), out=z)
            return np.negative(z, out=z)
        LOSSES[fitted._head].log_probabilities(z, out=z)
        return z

    def _check_settings(self, incremental: bool) -> None:
        super()._check_settings(incremental)
        if incremental and isinstance(self.class_weight, str):
            raise ValueError(
                f"class_weight={self.class_weight!r} needs all labels at once and cannot be used "
                "with partial_fit. Pass the weights as a dict, for example dict(zip(classes, "
                "compute_class_weight('balanced', classes=classes, y=y))) with an array of classes "
                "and sklearn.utils.compute_class_weight."
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
        fitted, n_labels = self.classes_ if resume else None, n_labels_of(y)
        if fitted is not None:
            check_same_kind(n_labels, len(fitted) if self._head == "multilabel" else None)
        if n_labels is not None:
            indicator = read_indicator(y, images)
            check_indicator(
                indicator, classes=classes, class_weight=self.class_weight, first=not resume
            )
            return Multilabel(indicator, label_smoothing=self.label_smoothing)
        known, labels = read_labels(
            y,
            images,
            estimator=type(self).__name__,
            classes=classes,
            fitted=fitted,
            incremental=incremental,
        )
        return self._classification(known, labels)

    def _validation_task(self, y: Any, images: NDArray[Any], task: Task) -> Task:
        if isinstance(task, Multilabel):
            check_same_kind(n_labels_of(y), task.n_outputs, of_validation=True)
            indicator = read_indicator(y, images, "X_val", "y_val")
            return Multilabel(indicator, label_smoothing=self.label_smoothing)
        classes = task.attributes["classes_"]
        return self._classification(classes, read_validation_labels(y, images, classes))

    def _classification(self, classes: NDArray[Any], labels: NDArray[np.intp]) -> Task:
        return Classification(
            classes,
            labels,
            output_activation=self.output_activation,
            label_smoothing=self.label_smoothing,
            class_weight=self.class_weight,
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
