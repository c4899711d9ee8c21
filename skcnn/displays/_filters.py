"""FilterDisplay: the filters of a network's first layer, or of PatchFeatures."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skcnn.displays._common import DIVERGING, check_most, columns_of, single_axes
from skcnn.displays._estimators import find_fitted
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACCEPTED = "ConvNetClassifier, ConvNetRegressor, ConvAutoencoder or PatchFeatures"
_SHARE = 0.99  # of the weights, within the range of the colours
_TILE_PIXELS = 24  # smallest side of a filter in the picture
_LINE_PIXELS = 4  # width of the line between two filters


class FilterDisplay:
    """The filters of the first layer of a network, or of `PatchFeatures`, in one picture.

    Filters of one channel have a tile each, with colours from blue (negative weights) through
    white (zero) to red (positive); the largest hundredth of the weights have the same red or blue.
    Filters of three channels have a tile in colour each, scaled to the range of its own weights.
    With any other number, the channels of a filter are side by side.

    Parameters
    ----------
    filters : array-like of shape (n_filters, height, width, channels)
        The weights. Those of a network apply to standardized pixels, those of `PatchFeatures` to
        normalized patches.

    Attributes
    ----------
    ax_ : matplotlib Axes
        Axes with the picture.
    figure_ : matplotlib Figure
        Figure of the axes.
    im_ : matplotlib AxesImage
        The picture.

    Raises
    ------
    ValueError
        If `filters` does not have four dimensions, or is empty.

    See Also
    --------
    OcclusionDisplay : Which pixels of an image a decision depends on.

    References
    ----------
    F. Bastani and Z. Wang, "Convolutional Neural Networks for Classifying Handwritten Digits",
    2014, Fig. 9.

    Examples
    --------
    >>> import numpy as np
    >>> from skcnn.displays import FilterDisplay
    >>> weights = np.random.default_rng(0).normal(size=(8, 3, 3, 1))
    >>> display = FilterDisplay(weights).plot(columns=4)
    >>> display.ax_.get_title()
    '8 filters, 3 x 3 pixels'
    """

    def __init__(self, filters: ArrayLike):
        filters = np.asarray(filters, dtype=np.float64)
        if filters.ndim != 4 or 0 in filters.shape:
            raise ValueError(
                f"filters has shape {filters.shape}; expected (n_filters, height, width, "
                "channels), none of them 0. Pass such an array, for example the attribute "
                "filters_ of a fitted ConvNetClassifier or PatchFeatures."
            )
        self.filters = filters

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        ax: Axes | None = None,
        max_filters: int | None = 64,
        columns: int | None = None,
        colorbar: bool = True,
    ) -> Self:
        """Draw the filters that an estimator has learned.

        Parameters
        ----------
        estimator : ConvNetClassifier, ConvNetRegressor, ConvAutoencoder or PatchFeatures, or a \
                Pipeline, search or ensemble that contains one
            The fitted estimator. Its `filters_` are drawn; if it contains several estimators that
            have them, those of the first.
        ax : matplotlib Axes, default=None
            Axes to draw into. None creates a new figure.
        max_filters : int or None, default=64
            Number of filters to draw, the first ones; None draws all.
        columns : int, default=None
            Number of tiles in a row. None makes the picture about square.
        colorbar : bool, default=True
            Whether to draw the scale of the weights (not for filters of three channels).

        Returns
        -------
        display : FilterDisplay

        Raises
        ------
        AttributeError
            If no fitted estimator with `filters_` is found.
        ValueError
            If `max_filters` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from skcnn import ConvNetClassifier
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import FilterDisplay
        >>> X, y = load_digits_images()
        >>> net = ConvNetClassifier(n_filters=6, filter_size=3, max_iter=1, random_state=0)
        >>> display = FilterDisplay.from_estimator(net.fit(X[:200], y[:200]))
        >>> display.filters.shape
        (6, 3, 3, 1)
        """
        fitted = find_fitted(estimator, "filters_", cls.__name__, _ACCEPTED)
        display = cls(fitted.filters_)
        return display.plot(ax=ax, max_filters=max_filters, columns=columns, colorbar=colorbar)

    @ignore_underflow
    def plot(
        self,
        ax: Axes | None = None,
        *,
        max_filters: int | None = 64,
        columns: int | None = None,
        colorbar: bool = True,
    ) -> Self:
        """Draw the filters.

        Parameters
        ----------
        ax, max_filters, columns, colorbar
            As in `from_estimator`.

        Returns
        -------
        display : FilterDisplay
            The display itself, with `ax_`, `figure_` and `im_` set.

        Raises
        ------
        ValueError
            If `max_filters` or `columns` is not positive.
        ImportError
            If matplotlib is not installed.
        """
        if max_filters is not None:
            check_most(max_filters, "max_filters")
        filters = self.filters[: len(self.filters) if max_filters is None else max_filters]
        count, side_y, side_x, channels = filters.shape
        square = math.ceil(math.sqrt(count)) if channels in (1, 3) else 1
        columns = columns_of(columns, square, count)
        picture = _mosaic(filters, columns)
        height, width = picture.shape[:2]

        inches = max(5.0, 0.4 * columns)
        figsize = (inches + (1.0 if colorbar else 0.0), max(1.5, inches * height / width) + 0.5)
        ax = single_axes(type(self).__name__, ax, figsize)
        if channels == 3:
            self.im_ = ax.imshow(picture, interpolation="nearest")
        else:
            limit, largest = _limit(filters), np.abs(filters).max()
            self.im_ = ax.imshow(
                np.ma.masked_invalid(picture),
                cmap=DIVERGING,
                vmin=-limit,
                vmax=limit,
                interpolation="nearest",
            )
            if colorbar:
                extend = "both" if largest > limit else "neither"
                ax.figure.colorbar(self.im_, ax=ax, label="weight", shrink=0.8, extend=extend)
        ax.set_axis_off()
        drawn = "" if count == len(self.filters) else f"{count} of "
        suffix = "" if channels == 1 else f", {channels} channels"
        ax.set_title(f"{drawn}{len(self.filters)} filters, {side_y} x {side_x} pixels{suffix}")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _limit(filters: NDArray) -> float:
    """The weight with the strongest colour, which a few very large ones do not determine."""
    sizes = np.abs(filters)
    return float(np.quantile(sizes, _SHARE, method="higher") or sizes.max() or 1.0)


def _mosaic(filters: NDArray, columns: int) -> NDArray:
    """Tiles of one filter each with lines between them, as a picture (rows, pixels[, 3]).

    The lines are white in colour and NaN otherwise. Each weight becomes a square of several
    pixels, so that the lines are thinner than a weight.
    """
    count, height, width, channels = filters.shape
    if channels == 3:
        low = filters.min(axis=(1, 2, 3), keepdims=True)
        span = filters.max(axis=(1, 2, 3), keepdims=True) - low
        tiles, line = (filters - low) / np.where(span > 0, span, 1.0), 1.0
    else:  # the channels of a filter side by side: (count, h, channels * w, 1)
        tiles = np.concatenate(np.moveaxis(filters, 3, 0), axis=2)[..., None]
        line = np.nan
    zoom = math.ceil(_TILE_PIXELS / max(height, width))
    tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width, depth = tiles.shape[1:]
    rows = math.ceil(count / columns)
    shape = (rows * (height + _LINE_PIXELS), columns * (width + _LINE_PIXELS), depth)
    picture = np.full(shape, line)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = row * (height + _LINE_PIXELS), column * (width + _LINE_PIXELS)
        picture[top : top + height, left : left + width] = tile
    picture = picture[:-_LINE_PIXELS, :-_LINE_PIXELS]
    return picture if depth == 3 else picture[..., 0]
