"""OcclusionDisplay: which pixels a decision hangs on."""

from __future__ import annotations

from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn.displays._common import DIVERGING, grid_axes, show_image, view_images

_RESPONSES = {
    "predict_proba": "probability of the class",
    "predict_log_proba": "log-probability of the class",
    "decision_function": "decision value of the class",
}


class OcclusionDisplay:
    """Which pixels a decision hangs on: a patch slides over the image and hides what is under it.

    The map of an image gives, for each pixel, how far the response for the image's class falls on
    average when a patch hides that pixel. Red: the classifier needs what is there. Blue: hiding it
    helps.

    Parameters
    ----------
    images : ndarray of shape (n, height, width, channels)
        The images.
    maps : ndarray of shape (n, height, width)
        Mean drop of the response over the patches that hide the pixel.
    labels : array-like of shape (n,)
        The class whose response is followed, for each image.
    response : str, default="response"
        What fell, for the colour bar.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes, of shape (2, n)
        Images above, maps below.
    figure_ : matplotlib Figure

    References
    ----------
    M. D. Zeiler and R. Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014,
    section 4.2.

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

    def __init__(self, images, maps, labels, *, response: str = "response"):
        self.images = images
        self.maps = maps
        self.labels = np.asarray(labels)
        self.response = response

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        image_shape=None,
        patch_size: int | None = None,
        stride: int | None = None,
        fill: float | str = "mean",
        response_method: str = "auto",
        relative: bool = False,
        ax=None,
    ):
        """Slide a patch over each image of X and draw what the decision hangs on.

        Parameters
        ----------
        estimator : fitted classifier
            Any with the `response_method`.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            The images to explain: a handful, each becomes a column.
        y : array-like of shape (n,), default=None
            The class whose response is followed. None: the predicted one.
        image_shape : (h, w) or (h, w, channels), default=None
            Of one row of a 2-D X. None: the network's own, else a square.
        patch_size : int, default=None
            Side of the patch in pixels. None: a fifth of the image's shorter side.
        stride : int, default=None
            Pixels from one position to the next. None: half the patch.
        fill : float or "mean", default="mean"
            Value under the patch. "mean": the mean pixel of X.
        response_method : {"auto", "predict_proba", "predict_log_proba", "decision_function"}, \
                default="auto"
            The answer whose fall is measured. "auto": probability if there is one, else decision
            value. The logarithm of the probability still shows what matters where the classifier
            is so sure that no patch changes its mind.
        ax : matplotlib Axes or sequence of Axes, default=None
            Where to draw; one is divided. None: a new figure.

        Returns
        -------
        display : OcclusionDisplay

        Raises
        ------
        ValueError
            If the patch, the stride, the method or a label of `y` makes no sense for these images.
        TypeError
            If `estimator` does not have the method.
        ImportError
            Without matplotlib.

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
        given = np.asarray(X)
        images = view_images(given, image_shape, estimator)
        height, width = images.shape[1:3]
        if patch_size is None:
            patch_size = max(1, round(min(height, width) / 5))
        if stride is None:
            stride = max(1, patch_size // 2)
        _check_patch(patch_size, stride, height, width)

        method = _response_method(estimator, response_method)
        values = _responses(estimator, method, given)
        classes = np.asarray(estimator.classes_)
        targets = values.argmax(axis=1) if y is None else _class_indices(y, classes, len(images))
        value = images.mean() if fill == "mean" else float(fill)
        if images.dtype.kind in "iub":
            value = round(value)
        windows = _patches(height, width, patch_size, stride)
        maps = np.stack(
            [
                _drops(estimator, method, image, windows, value, target, base, given.shape[1:])
                for image, target, base in zip(images, targets, values, strict=True)
            ]
        )
        return cls(images, maps, classes[targets], response=_RESPONSES[method]).plot(
            ax=ax, relative=relative
        )

    def plot(self, ax=None, *, relative: bool = False):
        """Draw the images and, below them, their maps.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of Axes, default=None
            Where to draw; one is divided. None: a new figure.
        relative : bool, default=False
            As in `from_estimator`.

        Returns
        -------
        display : OcclusionDisplay
            Itself, with `axes_` and `figure_` set.
        """
        count = len(self.images)
        axes = grid_axes(type(self).__name__, ax, 2, count, (1.5 * count + 1.2, 3.6))
        largest = np.abs(self.maps).max(axis=(1, 2))
        limits = np.where(largest > 0, largest, 1.0) if relative else np.ones(count)
        limit = 1.0 if relative else float(largest.max()) or 1.0
        for image, drops, label, (above, below) in zip(
            self.images, self.maps / limits[:, None, None], self.labels, axes.T, strict=True
        ):
            show_image(above, image)
            above.set_title(f"{label}")
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
    """Refuse a patch that is no patch of these images."""
    shorter = min(height, width)
    for name, value, most in (
        ("patch_size", patch_size, shorter),
        ("stride", stride, max(1, patch_size if isinstance(patch_size, Integral) else 1)),
    ):
        if isinstance(value, bool) or not isinstance(value, Integral) or not 1 <= value <= most:
            raise ValueError(
                f"{name} is {value!r}; expected an integer from 1 to {most} "
                + ("(the image's shorter side)." if name == "patch_size" else "(patch_size).")
            )


def _response_method(estimator, method: str) -> str:
    """The name of the method to ask, checked."""
    if method != "auto" and method not in _RESPONSES:
        raise ValueError(
            f"response_method is {method!r}; expected 'auto' or one of {sorted(_RESPONSES)}."
        )
    wanted = ["predict_proba", "decision_function"] if method == "auto" else [method]
    for name in wanted:
        if hasattr(estimator, name):
            return name
    raise TypeError(
        f"OcclusionDisplay needs {' or '.join(wanted)}, which {type(estimator).__name__} does not "
        "have."
    )


def _responses(estimator, method: str, X: NDArray) -> NDArray:
    """What the classifier answers: (n, n_classes)."""
    values = np.asarray(getattr(estimator, method)(X))
    if values.ndim == 1:  # two classes: the value speaks for the second
        values = np.column_stack([-values, values])
    return values


def _class_indices(y: ArrayLike, classes: NDArray, count: int) -> NDArray:
    """Where the labels of `y` stand in `classes`."""
    y = np.asarray(y)
    if y.shape != (count,):
        raise ValueError(f"y has shape {y.shape}; expected ({count},), one class per image.")
    unknown = np.setdiff1d(y, classes)
    if unknown.size:
        raise ValueError(f"y has labels {unknown.tolist()} that are not in classes_ {classes}.")
    order = np.argsort(classes)
    return order[np.searchsorted(classes, y, sorter=order)]


def _patches(height: int, width: int, size: int, stride: int) -> list[tuple[slice, slice]]:
    """The windows of every position, cut at the borders, so that all pixels are hidden alike."""

    def spans(length: int) -> list[slice]:
        return [
            slice(max(start, 0), min(start + size, length))
            for start in range(1 - size, length, stride)
        ]

    return [(rows, columns) for rows in spans(height) for columns in spans(width)]


def _drops(estimator, method, image, windows, fill, target, base, shape) -> NDArray:
    """Mean drop of class `target`'s response under the patches that hide each pixel (h, w)."""
    hidden = np.repeat(image[None], len(windows), axis=0)
    for copy, window in zip(hidden, windows, strict=True):
        copy[window] = fill
    values = _responses(estimator, method, hidden.reshape(len(windows), *shape))
    total, times = np.zeros(image.shape[:2]), np.zeros(image.shape[:2])
    for window, value in zip(windows, values[:, target], strict=True):
        total[window] += base[target] - value
        times[window] += 1
    return total / times
