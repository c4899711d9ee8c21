"""FilterDisplay: the filters of the first convolution layer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator

from skcnn.displays._common import DIVERGING, find_fitted, single_axes
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TILE_PIXELS = 24  # smallest side of a filter in the picture
_LINE_PIXELS = 4  # width of the line between two filters


class FilterDisplay:
    """The filters of the first convolution layer, side by side in one picture.

    Filters of one channel have a tile each, with colours from blue (negative weights) through
    white (zero) to red (positive). Filters of three channels have a tile in colour each, scaled to
    the range of its own weights. With any other number, the channels of a filter are side by side.

    Parameters
    ----------
    filters : array-like of shape (n_filters, height, width, channels)
        The weights. They apply to the standardised pixels that the network sees.

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
                "filters_ of a fitted ConvNetClassifier."
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
        """Draw the filters of the first layer of a fitted network.

        Parameters
        ----------
        estimator : ConvNetClassifier, or a fitted Pipeline or search that contains one
            The fitted network.
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
            If `estimator` contains no fitted network.
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
        network = find_fitted(estimator, "filters_", cls.__name__)
        display = cls(network.filters_)
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
        ImportError
            If matplotlib is not installed.
        """
        filters = self.filters[: len(self.filters) if max_filters is None else max_filters]
        count, side_y, side_x, channels = filters.shape
        if columns is None:
            columns = math.ceil(math.sqrt(count)) if channels in (1, 3) else 1
        columns = min(max(int(columns), 1), count)
        picture = _mosaic(filters, columns)
        height, width = picture.shape[:2]

        inches = 5.0
        figsize = (inches + (1.0 if colorbar else 0.0), max(1.5, inches * height / width) + 0.5)
        ax = single_axes(type(self).__name__, ax, figsize)
        if channels == 3:
            self.im_ = ax.imshow(picture, interpolation="nearest")
        else:
            limit = float(np.abs(filters).max()) or 1.0
            self.im_ = ax.imshow(
                np.ma.masked_invalid(picture),
                cmap=DIVERGING,
                vmin=-limit,
                vmax=limit,
                interpolation="nearest",
            )
            if colorbar:
                ax.figure.colorbar(self.im_, ax=ax, label="weight", shrink=0.8)
        ax.set_axis_off()
        drawn = "" if count == len(self.filters) else f"{count} of "
        suffix = "" if channels == 1 else f", {channels} channels"
        ax.set_title(f"{drawn}{len(self.filters)} filters, {side_y} x {side_x} pixels{suffix}")
        self.ax_, self.figure_ = ax, ax.figure
        return self


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
