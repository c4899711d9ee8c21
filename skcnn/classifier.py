"""`ConvNetClassifier`: scikit-learn's contract, and nothing else."""

from __future__ import annotations

from numbers import Integral, Real

import numpy as np
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from skcnn import _fit as fitting
from skcnn._images import validate_images
from skcnn._parallel import n_threads
from skcnn.augment import AUGMENTATIONS
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.losses import LOSSES
from skcnn.engine.training.optimizers import SCHEDULES


class ConvNetClassifier(
    ClassNamePrefixFeaturesOutMixin, ClassifierMixin, TransformerMixin, BaseEstimator
):
    """Convolutional network for small images, on the CPU.

    Convolution layers, each with pooling, then fully connected layers; trained by mini-batches,
    bit-for-bit the same for any number of threads.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, channels), default=None
        Shape of the image in one row of a 2-D X. None: taken from a 3-D or 4-D X; for a 2-D X,
        square if the number of features is a perfect square, else one row of pixels.
    n_filters : int or tuple of int, default=(32, 32, 64)
        Filters of each convolution layer; an int is one layer.
    filter_size : int or tuple of int, default=3
        Side of the square filters in pixels; a tuple has one for each layer.
    padding : {"same", "valid"}, default="same"
        "same" surrounds the image with zeros so that it keeps its size; with "valid" filters stay
        inside the image, as in [1]_.
    pool_size : int or tuple of int, default=2
        Side of the pooling window in pixels; 1 is no pooling. A partial last window is kept.
    pool_regions : int or tuple of int, default=None
        Pool into this many regions per side, as equal as possible, whatever the image's size, as
        [1]_ counts ("2 by 2"); takes the place of `pool_size`.
    pooling : {"max", "mean"}, default="max"
        What represents a window.
    hidden_layer_sizes : tuple of int, default=(128,)
        Units of the fully connected layers between convolutions and output; ``()`` is none.
    activation : {"relu", "sigmoid", "tanh"}, default="relu"
        Of the convolution and hidden layers.
    output_activation : {"softmax", "sigmoid"}, default="softmax"
        "softmax" with cross-entropy, or "sigmoid" with squared error ([1]_, section 5.5).
    dropout : float in [0, 1) or "auto", default="auto"
        Share of the inputs of each fully connected layer that are dropped while training [2]_.
        "auto": 0.3 with "relu", but none before a layer of fewer than 64 inputs; none with
        "sigmoid" and "tanh", whose networks fit less closely.
    label_smoothing : float in [0, 1), default=0.05
        Share of each target that is spread evenly over all classes while training [7]_. It makes
        the probabilities more modest than the errors are rare; 0 for probabilities that are to be
        taken at their word.
    weight_init : {"auto", "uniform"}, default="auto"
        "auto": He [3]_ for "relu", Glorot [4]_ otherwise; "uniform": weights and biases from
        U[-1, 1), as in [1]_.
    solver : {"adam", "sgd", "gd"}, default="adam"
        "adam" [5]_; "sgd", with momentum; "gd", the same with all images in each step.
    learning_rate : {"one_cycle", "constant", "invscaling"} or callable, default="one_cycle"
        The rate over time. "one_cycle" rises to `learning_rate_init` and falls to zero at the end
        of `fit` [6]_; "invscaling" is ``learning_rate_init / sqrt(step + 1)``; a callable maps the
        number of the step, from 0, to the rate itself.
    learning_rate_init : float or "auto", default="auto"
        The (highest) rate. "auto": for "adam" 0.004 with "relu" and 0.02 with "sigmoid" and
        "tanh"; for "sgd" and "gd" 0.05 and 0.5. With `augment` and more epochs, or more layers
        than by default, half of it or less may do better.
    momentum : float in [0, 1] or callable, default=0.9
        For "sgd" and "gd"; a callable maps the number of the step, from 0, to the momentum.
    nesterovs_momentum : bool, default=True
        Whether that momentum is Nesterov's.
    alpha : float, default=0.0001
        Strength of the L2 penalty on the weights, divided by the number of images in a mini-batch,
        as in `MLPClassifier`.
    batch_size : int or "auto", default="auto"
        Images in a mini-batch; "auto" is ``min(64, n_samples)``.
    max_iter : int or "auto", default="auto"
        Epochs: how often each training image is used. "auto" takes fewer for more images: what
        makes 600,000 images in all, within 8 to 100 epochs, but at least 300 steps.
    max_time : float, default=None
        Stop after this many seconds of training, if `max_iter` epochs have not passed. "one_cycle"
        then runs by the clock, so that the rate has come down when the time is up. What is learned
        then depends on the machine's speed.
    shuffle : bool or "replacement", default=True
        Whether each epoch takes the images in a new order. With "replacement" mini-batches are
        drawn with replacement, as in [1]_; an epoch is then as many images as there are.
    augment : {"shift", "affine", "elastic"}, callable or None, default=None
        Random warps of the training images: see `skcnn.augment`, whose classes are to be had with
        other strengths, too. Your own is ``callable(images, rng) -> images``, on a few images
        ``(n, h, w, channels)`` at a time, in float32 and as they are in X; it is called by several
        threads at once, each with a `numpy.random.Generator` of its own.
    standardize : bool, default=True
        Subtract the training images' mean pixel and divide by their standard deviation, so that
        0-255, 0-1 or any other scale trains alike. Learned at the first fit.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes; "balanced" is inverse to their frequency.
    tol : float, default=1e-4
        What counts as an improvement; see `n_iter_no_change`.
    n_iter_no_change : int, default=10
        Stop after so many epochs without improvement: of the validation accuracy with
        `early_stopping`, under any schedule (which may cut "one_cycle" short of its best part);
        otherwise of the training loss, with "constant" and "invscaling" only: a schedule that has
        an end, "one_cycle" or your own, is followed to it.
    early_stopping : bool, default=False
        Watch the accuracy on validation images, stop when it no longer improves, and restore the
        weights that were best. The images are `X_val`, or, without, set aside from X.
    validation_fraction : float in (0, 1), default=0.1
        Share of X that is set aside (stratified) with `early_stopping` and without `X_val`.
    warm_start : bool, default=False
        Whether `fit` goes on from the weights of the fit before.
    random_state : int, RandomState instance or None, default=None
        Seed of initial weights, order of images, dropout, augmentation and the split for early
        stopping.
    verbose : bool, default=False
        Whether to print a line for each epoch.
    n_jobs : int or None, default=None
        Threads. None: all cores that this process may use, fewer in a joblib worker; -1: all
        cores. The result does not depend on it. Threads share a mini-batch 16 to 64 images at a
        time: more than one (small images), two or four of them want a larger `batch_size` than 64.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_features_in_ : int
        Pixels times channels of an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, if X was a DataFrame.
    image_shape_ : (height, width, channels)
        Shape of an image.
    network_ : Network
        The network; ``print(network_.summary())`` shows layers, output shapes and parameters.
    n_iter_ : int
        Epochs done since the weights were first drawn.
    t_ : int
        Images used for training since then.
    loss_ : float
        Mean training loss of the last epoch, without the L2 penalty.
    loss_curve_ : list of float
        The same for each epoch. Weighted, where the images are.
    validation_scores_ : list of float or None
        Validation accuracy after each epoch, if there were validation images; NaN for epochs of
        an earlier fit without any.
    best_validation_score_ : float or None
        The best of them.
    filters_ : ndarray of shape (n_filters, filter_size, filter_size, channels)
        Filters of the first layer.
    mean_, scale_ : float
        What was subtracted from the pixels, and by what they were divided.

    See Also
    --------
    skcnn.make_hog_svc : Histograms of oriented gradients into a support vector machine.
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

    _parameter_constraints: dict = {  # noqa: RUF012 (scikit-learn's way)
        "image_shape": ["array-like", None],
        "n_filters": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "filter_size": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "padding": [StrOptions({"same", "valid"})],
        "pool_size": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "pool_regions": [Interval(Integral, 1, None, closed="left"), "array-like", None],
        "pooling": [StrOptions({"max", "mean"})],
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "activation": [StrOptions({"relu", "sigmoid", "tanh"})],
        "output_activation": [StrOptions(set(LOSSES))],
        "dropout": [Interval(Real, 0, 1, closed="left"), StrOptions({"auto"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "weight_init": [StrOptions({"auto", "uniform"})],
        "solver": [StrOptions({"adam", "sgd", "gd"})],
        "learning_rate": [StrOptions(set(SCHEDULES)), callable],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "momentum": [Interval(Real, 0, 1, closed="both"), callable],
        "nesterovs_momentum": ["boolean"],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_iter": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
        "max_time": [Interval(Real, 0, None, closed="neither"), None],
        "shuffle": ["boolean", StrOptions({"replacement"})],
        "augment": [StrOptions(set(AUGMENTATIONS)), callable, None],
        "standardize": ["boolean"],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "warm_start": ["boolean"],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        image_shape=None,
        n_filters=(32, 32, 64),
        filter_size=3,
        padding="same",
        pool_size=2,
        pool_regions=None,
        pooling="max",
        hidden_layer_sizes=(128,),
        activation="relu",
        output_activation="softmax",
        dropout="auto",
        label_smoothing=0.05,
        weight_init="auto",
        solver="adam",
        learning_rate="one_cycle",
        learning_rate_init="auto",
        momentum=0.9,
        nesterovs_momentum=True,
        alpha=0.0001,
        batch_size="auto",
        max_iter="auto",
        max_time=None,
        shuffle=True,
        augment=None,
        standardize=True,
        class_weight=None,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        random_state=None,
        verbose=False,
        n_jobs=None,
    ):
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
        self.dropout = dropout
        self.label_smoothing = label_smoothing
        self.weight_init = weight_init
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
    def fit(self, X, y, sample_weight=None, X_val=None, y_val=None, sample_weight_val=None):
        """Train on images X with labels y.

        Interrupted from the keyboard, it keeps what was learned, with a warning.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, of any real dtype. Not copied.
        y : array-like of shape (n,)
            Labels.
        sample_weight : array-like of shape (n,), default=None
            How much each image counts, compared with the others.
        X_val, y_val, sample_weight_val : like X, y and sample_weight, default=None
            Images on which the accuracy is measured after each epoch; see `early_stopping`.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If X, y or a parameter is not as described, or if training diverges. The estimator
            is then as it was before.
        """
        if (X_val is None) != (y_val is None):
            missing = "y_val" if y_val is None else "X_val"
            raise ValueError(f"X_val and y_val go together, but {missing} is missing.")
        if X_val is None and sample_weight_val is not None:
            raise ValueError("sample_weight_val was given, but X_val and y_val are missing.")
        validation = None if X_val is None else (X_val, y_val, sample_weight_val)
        fitting.fit(
            self, X, y, sample_weight=sample_weight, validation=validation, incremental=False
        )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """One pass over X; weights, optimizer and random stream go on where they stood.

        "one_cycle", which would need to know the end, holds `learning_rate_init` here; `max_iter`
        and `max_time` play no part.

        Parameters
        ----------
        X, y
            As for `fit`.
        sample_weight : array-like of shape (n,), default=None
            Factors of each image's loss and gradient. In `fit` only their ratios matter; here they,
            and `class_weight`, are taken as they are, as a call cannot know the other calls'
            images. (For "adam" a factor common to all calls changes nothing.)
        classes : array-like of shape (n_classes,), default=None
            All labels that will ever come; needed at the first call.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If `classes` is missing at the first call or differs later, if y has another label, or
            as for `fit`.
        """
        fitting.fit(self, X, y, classes=classes, sample_weight=sample_weight, incremental=True)
        return self

    def predict(self, X):
        """Labels of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        ndarray of shape (n,)
        """
        best = self._outputs(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Probabilities of the classes, in the order of `classes_`.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        ndarray of shape (n, n_classes)
            Rows sum to one. With ``output_activation="sigmoid"`` each class's output, divided by
            their sum.
        """
        logarithms = self.predict_log_proba(X)
        return np.exp(logarithms, out=logarithms)

    def predict_log_proba(self, X):
        """Logarithms of `predict_proba`: (n, n_classes)."""
        z = self._outputs(X)
        LOSSES[self.output_activation].log_probabilities(z, out=z)
        return z

    def transform(self, X):
        """Output of the last pooling layer, flat: features for another estimator.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        ndarray of shape (n, n_features_out), float32
            In the order (row, column, filter).
        """
        return self._outputs(X, features=True)

    def _outputs(self, X, features=False):
        check_is_fitted(self)
        images, _ = validate_images(self, X, image_shape=self.image_shape_, reset=False)
        source = ImageReader(images, self.mean_, self.scale_)
        threads = n_threads(self.n_jobs)
        with single_threaded_blas(), Threads(threads) as pool:
            return fitting.outputs(self.network_, source, pool, features=features)

    @property
    def filters_(self):
        """Filters of the first layer: (n_filters, filter_size, filter_size, channels)."""
        filters = self.network_.layer_parameters[0].weights.transpose(3, 0, 1, 2)
        filters.flags.writeable = False  # a view of the network's own
        return filters

    @property
    def _n_features_out(self):
        return fitting.n_features(self.network_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []  # features are float32
        return tags
