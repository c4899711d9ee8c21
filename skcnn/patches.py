"""`PatchFeatures`: features of images from filters that are learned from patches."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from skcnn._constraints import AT_LEAST_ONE
from skcnn._estimator import Estimator
from skcnn._feature_names import ImageFeaturesOutMixin
from skcnn._features.patch_features import PatchEncoder, draw_patches, learn_filters
from skcnn._input.images import validate_images
from skcnn._input.settings import ImageShape
from skcnn._parallel import n_threads
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.blas import single_threaded_blas
from skcnn.engine.runtime.floating_point import ignore_underflow
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.standardization import LARGEST_VALUE, ChannelStatistics, check_pixel_size

MOST_PATCHES = 2**31 - 1
SMALLEST_WHITENING = 1e-30
LARGEST_AUTO = 10  # pixels: patches of many numbers need many patches


class PatchFeatures(ImageFeaturesOutMixin, Estimator):
    """Features of images, learned without labels from small patches.

    Filters are the centres of clusters of patches of the training images, or patches themselves.
    An image is described by the responses of all filters at all positions: positive and negative
    ones apart, and averaged over a few regions of the image. A linear classifier on these features
    is a strong baseline that trains no network [1]_, [2]_.

    Parameters
    ----------
    image_shape : (height, width) or (height, width, channels), default=None
        Shape of the image in one row of a 2-D X; None: taken from X, see `ConvNetClassifier`.
    n_filters : int, default=400
        Number of filters.
    filter_size : int or "auto", default="auto"
        Side of the square patches and filters, in pixels; at most that of the images. "auto": a
        quarter of the shorter side of the image and one pixel, for example 8 for 28 x 28 pixels,
        but at least 2 and at most 10.
    method : {"kmeans", "random"}, default="kmeans"
        How filters are chosen: the cluster centres that `sklearn.cluster.MiniBatchKMeans` finds,
        or random patches, which takes less time.
    n_patches : int, default=100_000
        Number of patches that are drawn from the training images, at random; at least `n_filters`.
    contrast : float, default=0.1
        Each patch is divided by the square root of its variance plus this number, in units of the
        variance of all pixels: it keeps the noise of flat patches small.
    whitening : float, default=0.5
        Added to the variances of normalized patches when they are whitened. Larger numbers whiten
        less.
    threshold : float, default=0.25
        Responses of filters that are smaller are set to zero; it is subtracted from the others.
    pool_regions : int, default=3
        Responses are averaged over this many regions per side of the image, as equal as possible.
        It and `threshold` have no part in `fit`: a change of them acts at once.
    random_state : int, RandomState instance or None, default=None
        Seed of the patches and of the clusters, which also depend on the version of scikit-learn.
    n_jobs : int or None, default=None
        Number of threads in `transform`. None: all cores that this process may use. The result
        does not depend on it.

    Attributes
    ----------
    filters_ : ndarray of shape (n_filters, filter_size, filter_size, channels)
        The filters; they include the whitening.
    image_shape_ : (height, width, channels)
        Shape of the images.
    mean_ : ndarray of shape (channels,)
        Mean of each channel, which is subtracted from the pixels.
    scale_ : ndarray of shape (channels,)
        Standard deviation of each channel, by which the pixels are divided: one for a constant
        channel.
    n_features_in_ : int
        Pixels times channels of an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Column names, if X was a DataFrame.

    See Also
    --------
    ConvAutoencoder : Features learned by reconstruction.
    HOGTransformer : Features that are not learned.

    References
    ----------
    .. [1] A. Coates, H. Lee, A. Ng, "An Analysis of Single-Layer Networks in Unsupervised Feature
       Learning", AISTATS 2011.
    .. [2] A. Coates, A. Ng, "The Importance of Encoding Versus Training with Sparse Coding and
       Vector Quantization", ICML 2011.

    Examples
    --------
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from skcnn import PatchFeatures
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> model = make_pipeline(PatchFeatures(n_filters=64, random_state=0), RidgeClassifier())
    >>> model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.9
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 (scikit-learn's convention)
        "image_shape": ["array-like", None],
        "n_filters": [AT_LEAST_ONE],
        "filter_size": [AT_LEAST_ONE, StrOptions({"auto"})],
        "method": [StrOptions({"kmeans", "random"})],
        "n_patches": [Interval(Integral, 1, MOST_PATCHES, closed="both")],
        # skcnn computes in float32.
        "contrast": [Interval(Real, 0, LARGEST_VALUE, closed="right")],
        "whitening": [Interval(Real, SMALLEST_WHITENING, LARGEST_VALUE, closed="both")],
        "threshold": [Interval(Real, 0, LARGEST_VALUE, closed="both")],
        "pool_regions": [AT_LEAST_ONE],
        "random_state": ["random_state"],
        "n_jobs": [Integral, None],
    }

    def __init__(
        self,
        *,
        image_shape: tuple[int, ...] | None = None,
        n_filters: int = 400,
        filter_size: int | str = "auto",
        method: str = "kmeans",
        n_patches: int = 100_000,
        contrast: float = 0.1,
        whitening: float = 0.5,
        threshold: float = 0.25,
        pool_regions: int = 3,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.image_shape = image_shape
        self.n_filters = n_filters
        self.filter_size = filter_size
        self.method = method
        self.n_patches = n_patches
        self.contrast = contrast
        self.whitening = whitening
        self.threshold = threshold
        self.pool_regions = pool_regions
        self.random_state = random_state
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)
    @ignore_underflow
    def fit(self, X: ArrayLike, y: object = None) -> PatchFeatures:
        """Learn filters from patches of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, of any real dtype. They are not copied.
        y : ignored

        Returns
        -------
        self : PatchFeatures

        Raises
        ------
        ValueError
            If X or a parameter is not as described. The estimator then remains as it was.
        """
        n_filters, n_patches = int(self.n_filters), int(self.n_patches)
        n_threads(self.n_jobs)  # raises if it is 0
        work = self._copy()
        images, work.image_shape_ = validate_images(
            work, X, image_shape=self.image_shape, reset=True
        )
        size = _size_of(self.filter_size, work.image_shape_)
        if n_patches < n_filters:
            raise ValueError(
                f"n_patches is {n_patches}, but n_filters is {n_filters}; expected at "
                "least as many patches as filters. Increase n_patches."
            )
        statistics = ChannelStatistics.of(images)
        work.mean_, work.scale_ = statistics.mean, statistics.scale
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        reader = ImageReader(images, work.mean_, work.scale_)
        with single_threaded_blas():  # so that results do not depend on the number of threads
            patches = draw_patches(reader, size, n_patches, rng)
            work._filters = learn_filters(
                patches,
                n_filters,
                contrast=float(self.contrast),
                whitening=float(self.whitening),
                method=self.method,
                rng=rng,
            )
        work.filters_ = work._filters.weights.T.reshape(-1, *size, images.shape[3])
        work.filters_.flags.writeable = False  # a view
        self.__dict__ = work.__dict__
        return self

    @ignore_underflow
    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Compute the features of images X.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)

        Returns
        -------
        features : ndarray of shape (n, n_features_out), float32
            In the order (region, sign, filter).

        Raises
        ------
        ValueError
            If the images are not of the shape seen in `fit`, or if pixels are larger than 1e30 or
            than 1e30 times `scale_`.
        """
        fitted = self._copy_fitted()
        fitted._validate_params()  # some may have changed since the fit
        images, _ = validate_images(fitted, X, image_shape=fitted.image_shape_, reset=False)
        check_pixel_size(images, "X", unit=fitted.scale_.min())
        encoder = fitted._encoder()
        threads = n_threads(fitted.n_jobs, most=-(-len(images) // encoder.tile))
        with single_threaded_blas(), Threads(threads) as pool:
            return encoder.encode(ImageReader(images, fitted.mean_, fitted.scale_), pool)

    def _encoder(self) -> PatchEncoder:
        size = self.filters_.shape[1:3]
        return PatchEncoder(
            self._filters, self.image_shape_, size, int(self.pool_regions), float(self.threshold)
        )

    @property
    def _n_features_out(self) -> int:
        return self._encoder().n_features


def automatic_size(shorter: int) -> int:
    """The `filter_size` "auto" for images whose shorter side has this many pixels."""
    return min(max(2, shorter // 4 + 1), LARGEST_AUTO)


def _size_of(setting: int | str, image_shape: ImageShape) -> tuple[int, int]:
    """Rows and columns of a patch."""
    height, width, channels = image_shape
    if isinstance(setting, str):
        side = automatic_size(min(height, width))
        return min(side, height), min(side, width)
    side = int(setting)
    if side * side * channels == 1:
        raise ValueError(
            f"filter_size is {side}, but the images have a single channel; expected patches of "
            "more than one number, of which the mean is subtracted. Use a larger filter_size."
        )
    if side > min(height, width):
        raise ValueError(
            f"filter_size is {side}, but the images have {height} x {width} pixels; expected at "
            "most as many. Use a smaller filter_size, or 'auto'."
        )
    return side, side
