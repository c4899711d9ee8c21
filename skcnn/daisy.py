"""DAISY descriptors as a scikit-learn transformer, and DAISY with an SVC."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Literal

from sklearn.pipeline import Pipeline
from sklearn.utils._param_validation import StrOptions

from skcnn._constraints import AT_LEAST_ONE
from skcnn._features.daisy_features import DaisySettings, resolve_settings
from skcnn._features.transformer import DescriptorTransformer, make_descriptor_svc
from skcnn._input.settings import ImageShape

if TYPE_CHECKING:
    from joblib import Memory

__all__ = ["DaisyTransformer", "make_daisy_svc"]


class DaisyTransformer(DescriptorTransformer):
    """DAISY, a dense descriptor like SIFT: `skimage.feature.daisy` for a batch of images.

    Descriptors stand on a regular grid of points. Each has a histogram of the directions of the
    gradients around its point, and further ones on rings around it, smoothed the more the larger
    the ring [1]_. Colour images are converted to grey ones: to their luminance if they have three
    channels, to the mean of the channels otherwise.

    The transformer is stateless: `fit` only checks its input and stores the shape of an image.

    Parameters
    ----------
    image_shape : (h, w) or (h, w, channels), default=None
        Shape of the image in one row of a 2-D X. If None, the shape is taken from a 3-D or 4-D X.
        A 2-D X is read as square images if the number of features is a perfect square, and as
        single rows of pixels, ``(1, n_features)``, otherwise. If that is likely to be wrong, `fit`
        issues an `ImageShapeWarning`.
    step : int or "auto", default="auto"
        Distance between two points, in pixels; at most the longer side of the image. "auto": a
        sixth of the shorter side, but at least two pixels if the image has them.
    radius : int or "auto", default="auto"
        Radius of the outermost ring, in pixels; at most the shorter side of the image. "auto": a
        sixth of it, but at least two pixels if the image has them.
    rings : int, default=1
        Number of rings.
    histograms : int, default=8
        Number of histograms on each ring.
    orientations : int, default=8
        Number of histogram bins, over 360 degrees.
    normalization : {"l1", "l2", "daisy"}, default="daisy"
        Normalization of a descriptor; "daisy": L2 normalization of each of its histograms.
    n_jobs : int, default=None
        Number of worker processes, as in scikit-learn; see `HOGTransformer`.
    verbose : int, default=0
        1 prints about ten lines of progress; more than 1 prints a line for each batch.

    Attributes
    ----------
    image_shape_ : (h, w, channels)
        Shape of the images seen in `fit`.
    n_features_in_ : int
        Number of pixels in an image, times the number of channels.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Column names. Defined only if X in `fit` was a DataFrame with string column names.

    See Also
    --------
    make_daisy_svc : Pipeline of DAISY and a support vector classifier.
    HOGTransformer : Histograms of oriented gradients.

    Notes
    -----
    The features equal those of `skimage.feature.daisy` for each image in float64, divided by its
    largest absolute value and enlarged so that the points cover it evenly: its border pixels are
    repeated, as by ``numpy.pad(image, ..., mode="edge")``.

    `get_feature_names_out` names the point, the histogram and the direction. In
    ``point0_1_ring0_2_45deg``, the point is in row 0 and column 1 of the grid, and the histogram is
    number 2 of the innermost ring: number 0 is to the right of the point, and the next ones follow
    clockwise. At 0 degrees the brightness increases to the right, at 90 degrees downwards.

    References
    ----------
    .. [1] E. Tola, V. Lepetit, P. Fua, "DAISY: An Efficient Dense Descriptor Applied to
       Wide-Baseline Stereo", IEEE Transactions on Pattern Analysis and Machine Intelligence 32,
       2010, :doi:`10.1109/TPAMI.2009.77`

    Examples
    --------
    >>> from skcnn import DaisyTransformer
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> daisy = DaisyTransformer().fit(X)
    >>> daisy.transform(X[:5]).shape
    (5, 1152)
    >>> daisy.get_feature_names_out()[:2].tolist()
    ['point0_0_centre_180deg', 'point0_0_centre_225deg']
    """

    _parameter_constraints: dict = {  # noqa: RUF012 (scikit-learn's own form)
        "image_shape": ["array-like", None],
        "step": [AT_LEAST_ONE, StrOptions({"auto"})],
        "radius": [AT_LEAST_ONE, StrOptions({"auto"})],
        "rings": [AT_LEAST_ONE],
        "histograms": [AT_LEAST_ONE],
        "orientations": [AT_LEAST_ONE],
        "normalization": [StrOptions({"l1", "l2", "daisy"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        image_shape: Sequence[int] | None = None,
        step: int | Literal["auto"] = "auto",
        radius: int | Literal["auto"] = "auto",
        rings: int = 1,
        histograms: int = 8,
        orientations: int = 8,
        normalization: Literal["l1", "l2", "daisy"] = "daisy",
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.image_shape = image_shape
        self.step = step
        self.radius = radius
        self.rings = rings
        self.histograms = histograms
        self.orientations = orientations
        self.normalization = normalization
        self.n_jobs = n_jobs
        self.verbose = verbose

    def _settings(self, shape: ImageShape) -> DaisySettings:
        return resolve_settings(
            shape,
            step=self.step,
            radius=self.radius,
            rings=self.rings,
            histograms=self.histograms,
            orientations=self.orientations,
            normalization=self.normalization,
        )


def make_daisy_svc(*, memory: str | Memory | None = None, **params: Any) -> Pipeline:
    """Pipeline of DAISY and a support vector classifier.

    Parameters
    ----------
    memory : str or joblib.Memory, default=None
        Cache of the `Pipeline`. With it, a search over the parameters of the SVC computes the
        descriptors only once.
    **params
        Parameters of `DaisyTransformer` (including `verbose`, which shows its progress) and of
        `sklearn.svm.SVC`. `C` is 10 by default instead of 1.

    Returns
    -------
    pipeline : Pipeline
        With the steps "daisy" and "svc".

    Raises
    ------
    TypeError
        If a name is a parameter of neither step.

    See Also
    --------
    DaisyTransformer : The first step of the pipeline.
    make_hog_svc : The same with histograms of oriented gradients.

    Examples
    --------
    >>> from skcnn import make_daisy_svc
    >>> from skcnn.datasets import load_digits_images
    >>> X, y = load_digits_images()
    >>> daisy_svc = make_daisy_svc().fit(X[:300], y[:300])
    >>> daisy_svc.score(X[1500:], y[1500:]) > 0.8
    True
    """
    return make_descriptor_svc("daisy", DaisyTransformer, memory, params, C=10)
