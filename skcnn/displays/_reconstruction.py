"""ReconstructionDisplay: images and what a transformer makes of their codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skcnn._input.image_lists import as_array
from skcnn.displays._common import (
    check_most,
    columns_of,
    first,
    grid_axes,
    show_image,
    view_images,
)
from skcnn.displays._estimators import find_transformer
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from skcnn.displays._common import AxesLike

_MOST_COLUMNS = 12  # by default
_INCHES = 1.1  # width of an image in a new figure


class ReconstructionDisplay:
    """Images ("input") and, below each of them, its reconstruction from a code ("output").

    All are drawn with the same scale of grey values or colours: from the smallest to the largest
    pixel of the images that are drawn. Values of reconstructions beyond are clipped.

    Parameters
    ----------
    images : array-like of shape (n, height, width, channels)
        The images.
    reconstructions : array-like of shape (n, height, width, channels)
        Their reconstructions.

    Attributes
    ----------
    errors : ndarray of shape (n,)
        Mean squared difference of the pixels of each image and of its reconstruction.
    axes_ : ndarray of matplotlib Axes, of shape (2 * rows, columns)
        Images in the first, third, ... row, reconstructions below them. Those left over are
        switched off.
    figure_ : matplotlib Figure
        Figure of the axes.

    Raises
    ------
    ValueError
        If the arrays do not have four dimensions and the same shape, or are empty.

    See Also
    --------
    EmbeddingDisplay : A map of the codes of many images.

    Examples
    --------
    >>> from sklearn.decomposition import PCA
    >>> from skcnn.datasets import load_digits_images
    >>> from skcnn.displays import ReconstructionDisplay
    >>> X, _ = load_digits_images()
    >>> rows = X.reshape(len(X), -1)
    >>> pca = PCA(16).fit(rows[:1000])
    >>> display = ReconstructionDisplay.from_estimator(pca, rows[1000:], max_images=5)
    >>> display.axes_.shape
    (2, 5)
    """

    def __init__(self, images: ArrayLike, reconstructions: ArrayLike):
        self.images, self.reconstructions = np.asarray(images), np.asarray(reconstructions)
        shapes = self.images.shape, self.reconstructions.shape
        if shapes[0] != shapes[1] or len(shapes[0]) != 4 or 0 in shapes[0]:
            raise ValueError(
                f"images has shape {shapes[0]} and reconstructions {shapes[1]}; expected (n, "
                "height, width, channels), the same for both and none of them 0. Pass such "
                "arrays, or use from_predictions, which reshapes them."
            )
        difference = self.reconstructions - self.images.astype(np.float64)
        self.errors: NDArray[np.float64] = (difference**2).mean(axis=(1, 2, 3))

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        ax: AxesLike | None = None,
        max_images: int = 10,
        columns: int | None = None,
        show_errors: bool = True,
    ) -> Self:
        """Transform images, transform them back, and draw both.

        Parameters
        ----------
        estimator : fitted transformer with `inverse_transform`
            For example `ConvAutoencoder`, `sklearn.decomposition.PCA`, or a Pipeline or a search of
            such transformers. Of a Pipeline whose last step has no `transform`, such as a
            classifier, the steps before it are used.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images, usually ones that the transformer was not fitted on. They may be noisy, to see
            how much of the noise the transformer removes.
        image_shape : (h, w) or (h, w, channels), default=None
            Shape of the image in one row of a 2-D X. None takes it from the transformer if it is
            one of skcnn, and assumes square images otherwise.
        ax : matplotlib Axes or sequence of Axes, default=None
            Axes to draw into. A single one is divided. None creates a new figure.
        max_images : int, default=10
            Largest number of images to draw, the first ones. Others are not reconstructed.
        columns : int, default=None
            Number of images in a row. None means at most 12.
        show_errors : bool, default=True
            Whether to write the mean squared error of each image below its reconstruction.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        TypeError
            If `estimator` has no `transform` or no `inverse_transform`.
        ValueError
            If `image_shape` does not fit X, if the reconstructions do not have as many pixels as
            the images, or if `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skcnn import ConvAutoencoder
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import ReconstructionDisplay
        >>> X, _ = load_digits_images()
        >>> autoencoder = ConvAutoencoder(n_filters=8, code_size=16, max_iter=2, random_state=0)
        >>> display = ReconstructionDisplay.from_estimator(autoencoder.fit(X[:500]), X[500:])
        >>> display.reconstructions.shape
        (10, 8, 8, 1)
        """
        check_most(max_images, "max_images")
        transformer = find_transformer(estimator, cls.__name__)
        if not hasattr(transformer, "inverse_transform"):
            raise TypeError(
                f"{type(transformer).__name__} has no inverse_transform, or a step of it has none; "
                f"{cls.__name__} expected a transformer that has it, such as ConvAutoencoder or "
                "PCA. Pass such a transformer, or draw reconstructions of your own with "
                "from_predictions."
            )
        X = first(as_array(X), max_images)
        images = view_images(X, image_shape, estimator)
        reconstructed = transformer.inverse_transform(transformer.transform(X))
        return cls.from_predictions(
            images,
            reconstructed,
            image_shape=images.shape[1:],
            ax=ax,
            max_images=max_images,
            columns=columns,
            show_errors=show_errors,
        )

    @classmethod
    @ignore_underflow
    def from_predictions(
        cls,
        X: ArrayLike,
        reconstructed: ArrayLike,
        *,
        image_shape: Sequence[int] | None = None,
        ax: AxesLike | None = None,
        max_images: int = 10,
        columns: int | None = None,
        show_errors: bool = True,
    ) -> Self:
        """Draw images and given reconstructions of them.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images.
        reconstructed : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Their reconstructions, in this or another of these forms.
        image_shape, ax, max_images, columns, show_errors
            As in `from_estimator`.

        Returns
        -------
        display : ReconstructionDisplay

        Raises
        ------
        ValueError
            If the lengths or the numbers of pixels differ, if `image_shape` does not fit X, or if
            `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import ReconstructionDisplay
        >>> X, _ = load_digits_images()
        >>> display = ReconstructionDisplay.from_predictions(X[:8], X[:8] + 1.0)
        >>> display.errors[0]
        np.float64(1.0)
        """
        images = view_images(X, image_shape)
        values = np.asarray(as_array(reconstructed))
        if len(values) != len(images):
            raise ValueError(
                f"X has {len(images)} images, but reconstructed has {len(values)}; expected one "
                "reconstruction for each image. Check how both were selected."
            )
        if values.size != images.size:
            raise ValueError(
                f"reconstructed has shape {values.shape}, but X has images of shape "
                f"{images.shape[1:]}; expected {math.prod(images.shape[1:])} pixels for each "
                "image. Pass reconstructions of X itself; if a step resizes or crops the images, "
                "pass what it returns as X."
            )
        display = cls(images, values.reshape(images.shape))
        return display.plot(ax=ax, max_images=max_images, columns=columns, show_errors=show_errors)

    @ignore_underflow
    def plot(
        self,
        ax: AxesLike | None = None,
        *,
        max_images: int = 10,
        columns: int | None = None,
        show_errors: bool = True,
    ) -> Self:
        """Draw the images and, below them, their reconstructions.

        Parameters
        ----------
        ax, max_images, columns, show_errors
            As in `from_estimator`.

        Returns
        -------
        display : ReconstructionDisplay
            The display itself, with `axes_` and `figure_` set.

        Raises
        ------
        ValueError
            If `max_images` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.
        """
        check_most(max_images, "max_images")
        shown = min(len(self.images), max_images)
        equal = math.ceil(shown / math.ceil(shown / _MOST_COLUMNS))  # images in each row
        columns = columns_of(columns, equal, shown)
        rows = math.ceil(shown / columns)
        tall = min(max(self.images.shape[1] / self.images.shape[2], 0.4), 2.5)
        height = 2 * (_INCHES * tall + 0.06) + 0.22 * show_errors
        figsize = (_INCHES * columns + 0.4, height * rows + 0.1)
        axes = grid_axes(type(self).__name__, ax, 2 * rows, columns, figsize)
        low, high = self._scale(shown)
        for index in range(rows * columns):
            row, column = divmod(index, columns)
            above, below = axes[2 * row : 2 * row + 2, column]
            if index >= shown:
                above.set_axis_off()
                below.set_axis_off()
                continue
            show_image(above, self.images[index], low, high)
            show_image(below, self.reconstructions[index], low, high)
            if show_errors:
                below.set_xlabel(_short(self.errors[index]), fontsize=9)
            above.set_anchor("S")  # the two stay together if there is room for more
            below.set_anchor("N")
        for above, below in zip(axes[::2, 0], axes[1::2, 0], strict=True):
            above.set_ylabel("input", fontsize=9)
            below.set_ylabel("output\n(MSE)" if show_errors else "output", fontsize=9)
        self.axes_, self.figure_ = axes, axes[0, 0].figure
        return self

    def _scale(self, shown: int) -> tuple[float, float]:
        """The smallest and the largest pixel of the images; of all if they have a single value."""
        pixels = self.images[:shown]
        if pixels.min() == pixels.max():
            pixels = np.concatenate([pixels, self.reconstructions[:shown]])
        return float(pixels.min()), float(pixels.max())


def _short(value: float) -> str:
    """A number with three digits, and without an exponent if it is large."""
    return f"{value:,.0f}" if 99.95 <= value < 1e6 else f"{value:#.3g}"
