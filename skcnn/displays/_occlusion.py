"""OcclusionDisplay: which pixels a decision depends on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skcnn._input.image_lists import as_array
from skcnn._input.labels import check_labels, encode
from skcnn._input.settings import is_positive_int
from skcnn.displays._common import DIVERGING, grid_axes, label_texts, show_image, view_images
from skcnn.displays._estimators import class_responses
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from skcnn.displays._common import AxesLike

_Window: TypeAlias = tuple[slice, slice]

_RESPONSES = {
    "predict_proba": "probability of the class",
    "predict_log_proba": "log-probability of the class",
    "decision_function": "decision value of the class",
}


class OcclusionDisplay:
    """Which pixels a decision depends on, found by hiding parts of the image.

    A patch slides over the image and hides the pixels under it. The map of an image gives for each
    pixel how much the response for the class drops, on average over the patches that hide the
    pixel. Red pixels support the decision; hiding blue ones strengthens it [1]_.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        The images.
    maps : ndarray of shape (n, height, width)
        Mean drop of the response over the patches that hide the pixel.
    labels : array-like of shape (n,)
        The class whose response is followed, for each image.
    response : str, default="response"
        Name of the response, for the label of the colour bar.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (2, n)
        Images in the first row, maps in the second.
    figure_ : matplotlib Figure
        Figure of the axes.

    See Also
    --------
    FilterDisplay : The filters of the first convolution layer.

    Notes
    -----
    Patches hide pixels of X as it is passed. If a step of a pipeline reorders the pixels, for
    example from channels first, the image and its map are scrambled. Reorder the pixels before the
    pipeline, and pass only the steps that follow.

    References
    ----------
    .. [1] M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks",
       ECCV 2014, section 4.2.

    Examples
    --------
    >>> from sklearn.svm import SVC
    >>> from skcnn.datasets import load_digits_images
    >>> from skcnn.displays import OcclusionDisplay
    >>> X, y = load_digits_images()
    >>> rows = X.reshape(len(X), -1)
    >>> svc = SVC(kernel="linear").fit(rows[:500], y[:500])
    >>> display = OcclusionDisplay.from_estimator(svc, rows[500:503], image_shape=(8, 8))
    >>> display.maps.shape
    (3, 8, 8)
    """

    def __init__(
        self, images: NDArray, maps: NDArray, labels: ArrayLike, *, response: str = "response"
    ):
        self.images = images
        self.maps = maps
        self.labels = np.asarray(labels)
        self.response = response

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        patch_size: int | None = None,
        stride: int | None = None,
        fill: float | str = "mean",
        response_method: str = "auto",
        relative: bool = False,
        ax: AxesLike | None = None,
    ) -> Self:
        """Slide a patch over each image of X and draw the maps.

        Parameters
        ----------
        estimator : fitted classifier
            Any classifier of images that has `response_method`.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            The images to explain. Each becomes a column, so pass only a few. Of a DataFrame, the
            estimator receives DataFrames with the same columns.
        y : array-like of shape (n,), default=None
            The class whose response is followed. None means the class that `estimator.predict`
            gives. If that gives several labels for an image, None means the label with the largest
            response, whether or not it is predicted.
        image_shape : (h, w) or (h, w, channels), default=None
            Shape of the image in one row of a 2-D X. None takes it from the network, or assumes
            square images for other classifiers.
        patch_size : int, default=None
            Side of the patch in pixels. None means a fifth of the shorter side of the image.
        stride : int, default=None
            Distance between two positions of the patch, in pixels. None means half the patch.
        fill : float or "mean", default="mean"
            Value of the hidden pixels. "mean" is the mean pixel of X. The type of X must be able to
            hold it. For integers it is rounded.
        response_method : {"auto", "predict_proba", "predict_log_proba", "decision_function"}, \
                default="auto"
            Method that gives the response. "auto" uses `predict_proba` if the classifier has it,
            and `decision_function` otherwise. The log-probability shows what matters even if the
            classifier is so confident that no patch changes the probability.
        relative : bool, default=False
            Whether to scale the map of each image by its own largest value. By default all maps
            have the same scale.
        ax : matplotlib Axes or sequence of Axes, default=None
            Axes to draw into. A single one is divided. None creates a new figure.

        Returns
        -------
        display : OcclusionDisplay

        Raises
        ------
        ValueError
            If `patch_size`, `stride`, `fill` or `response_method` is invalid, if `y` does not
            have one known class per image, or if the classifier does not give one response per
            class, as an SVC with ``decision_function_shape="ovo"``.
        TypeError
            If `estimator` does not have the method.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skcnn import ConvNetClassifier
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import OcclusionDisplay
        >>> X, y = load_digits_images()
        >>> net = ConvNetClassifier(n_filters=4, max_iter=2, random_state=0).fit(X, y)
        >>> OcclusionDisplay.from_estimator(net, X[:2], y[:2]).axes_.shape
        (2, 2)
        """
        given = as_array(X)
        images = view_images(given, image_shape, estimator)
        height, width = images.shape[1:3]
        if patch_size is None:
            patch_size = max(1, round(min(height, width) / 5))
        if stride is None:
            stride = max(1, patch_size // 2)
        _check_patch(patch_size, stride, height, width)
        value = _fill_value(fill, images)
        method = _choose_method(estimator, response_method)

        def respond(images: NDArray) -> NDArray:
            """Responses (n, n_classes) to images (n, h, w, channels), passed in the form of X."""
            return class_responses(estimator, method, _in_form_of(given, images))

        values = respond(images)
        classes = np.asarray(estimator.classes_)
        if y is None:
            predicted = estimator.predict(_in_form_of(given, images))
            targets = _predicted_indices(predicted, values, classes)
        else:
            targets = _class_indices(y, classes, len(images))
        windows = _windows(height, width, patch_size, stride)
        maps = [
            _mean_drops(respond, image, target, before[target], windows, value)
            for image, target, before in zip(images, targets, values, strict=True)
        ]
        display = cls(images, np.stack(maps), classes[targets], response=_RESPONSES[method])
        return display.plot(ax=ax, relative=relative)

    @ignore_underflow
    def plot(self, ax: AxesLike | None = None, *, relative: bool = False) -> Self:
        """Draw the images and, below them, their maps.

        Parameters
        ----------
        ax, relative
            As in `from_estimator`.

        Returns
        -------
        display : OcclusionDisplay
            The display itself, with `axes_` and `figure_` set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        count = len(self.images)
        axes = grid_axes(type(self).__name__, ax, 2, count, (1.5 * count + 1.2, 3.6))
        largest = np.abs(self.maps).max(axis=(1, 2))
        limits = np.where(largest > 0, largest, 1.0) if relative else np.ones(count)
        limit = 1.0 if relative else float(largest.max()) or 1.0
        texts = label_texts(self.labels)
        for image, drops, text, (above, below) in zip(
            self.images, self.maps / limits[:, None, None], texts, axes.T, strict=True
        ):
            show_image(above, image)
            above.set_title(text)
            drawn = below.imshow(drops, cmap=DIVERGING, vmin=-limit, vmax=limit)
            below.set_xticks([])
            below.set_yticks([])
        label = f"drop in {self.response}"
        if relative:
            label += ",\nrelative to the image's largest"
            for below, value in zip(axes[1], largest, strict=True):
                below.set_xlabel(f"largest {value:.2g}", fontsize=9)
        self.axes_, self.figure_ = axes, axes[0, 0].figure
        self.figure_.colorbar(drawn, ax=list(axes.flat), label=label)
        return self


def _check_patch(patch_size: int, stride: int, height: int, width: int) -> None:
    """Check that the patch fits into the image, and that no pixel is left out between patches."""
    shorter = min(height, width)
    if not is_positive_int(patch_size) or patch_size > shorter:
        raise ValueError(
            f"patch_size is {patch_size!r}; expected an integer from 1 to {shorter}, the shorter "
            "side of the images. Pass such an integer, or None for a fifth of it."
        )
    if not is_positive_int(stride) or stride > patch_size:
        raise ValueError(
            f"stride is {stride!r}; expected an integer from 1 to {patch_size}, the patch_size. "
            "Pass such an integer, or None for half of it."
        )


def _fill_value(fill: float | str, images: NDArray) -> float:
    """The value of the hidden pixels, an integer if the pixels are."""
    kind = images.dtype.kind
    if isinstance(fill, str) and fill == "mean":
        value = images.mean()
        return round(value) if kind in "iub" else value
    low, high = _limits(images.dtype)
    if not isinstance(fill, Real) or not low <= fill <= high:
        accepted = f"a number from {low} to {high}" if kind in "iub" else "a finite number"
        raise ValueError(
            f"fill is {fill!r:.60}; expected 'mean' or {accepted}, since the pixels are "
            f"{images.dtype}. Pass one of these."
        )
    return round(fill) if kind in "iub" else float(fill)


def _limits(dtype: np.dtype) -> tuple[float, float]:
    """The smallest and the largest finite number of a type."""
    if dtype.kind == "b":
        return 0, 1
    if dtype.kind in "iu":
        return np.iinfo(dtype).min, np.iinfo(dtype).max
    limits = np.finfo(dtype)
    return float(limits.min), float(limits.max)


def _choose_method(estimator: BaseEstimator, response_method: str) -> str:
    """Name of the estimator's method that gives the response."""
    if response_method != "auto" and response_method not in _RESPONSES:
        raise ValueError(
            f"response_method is {response_method!r}; expected 'auto' or one of "
            f"{sorted(_RESPONSES)}. Pass one of these."
        )
    automatic = ["predict_proba", "decision_function"]
    accepted = automatic if response_method == "auto" else [response_method]
    for name in accepted:
        if hasattr(estimator, name):
            return name
    raise TypeError(
        f"{type(estimator).__name__} has no {' or '.join(accepted)}; OcclusionDisplay with "
        f"response_method={response_method!r} expected such a method. Pass another "
        "response_method or another classifier."
    )


def _in_form_of(X: Any, images: NDArray) -> Any:
    """The images (n, h, w, channels) in the shape of X, with the columns of a DataFrame."""
    rows = images.reshape(len(images), *np.shape(X)[1:])
    if hasattr(X, "iloc"):
        return type(X)(rows, columns=X.columns)
    return type(X)(rows, schema=X.columns) if hasattr(X, "schema") else rows  # polars


def _predicted_indices(predicted: Any, values: NDArray, classes: NDArray) -> NDArray[np.intp]:
    """Index in `classes` of each prediction, which may not be the class of the largest value."""
    shape = np.shape(predicted)
    if len(shape) == 2 and shape[1] > 1:  # an indicator matrix, in which a row may have no label
        return values.argmax(axis=1)
    return encode(check_labels(np.ravel(predicted)), classes, "predict(X)")


def _class_indices(y: ArrayLike, classes: NDArray, n_images: int) -> NDArray[np.intp]:
    """Index in `classes` of each label of `y`."""
    y = check_labels(y)
    if len(y) != n_images:
        raise ValueError(
            f"y has shape {y.shape}; expected ({n_images},). Pass one class per image, or None for "
            "the predicted classes."
        )
    return encode(y, classes, "y")


def _windows(height: int, width: int, size: int, stride: int) -> list[_Window]:
    """All positions of the patch, clipped to the image.

    Positions that only partly overlap the image are included: without them, pixels at the border
    would be hidden less often than others.
    """

    def spans(length: int) -> list[slice]:
        return [
            slice(max(start, 0), min(start + size, length))
            for start in range(1 - size, length, stride)
        ]

    return [(rows, columns) for rows in spans(height) for columns in spans(width)]


def _mean_drops(
    respond: Callable[[NDArray], NDArray],
    image: NDArray,
    target: int,
    before: float,
    windows: list[_Window],
    fill: float,
) -> NDArray:
    """Mean drop of the response for class `target`, over the patches that hide each pixel (h, w).

    `before` is the response to the image without a patch.
    """
    hidden = np.repeat(image[None], len(windows), axis=0)
    for copy, window in zip(hidden, windows, strict=True):
        copy[window] = fill
    total, times = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for window, after in zip(windows, respond(hidden)[:, target], strict=True):
        total[window] += before - after
        times[window] += 1
    return total / times
