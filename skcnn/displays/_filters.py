"""FilterDisplay: the filters of the first convolution layer."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn.displays._common import DIVERGING, find_fitted, single_axes

TILE_PIXELS, LINE_PIXELS = 24, 4  # of a filter (at least), and of the line between two


class FilterDisplay:
    """The filters of a network's first convolution layer, side by side in one picture.

    One channel: a tile per filter, its weights from blue (negative) through white (zero) to red
    (positive). Three channels: a tile per filter in colour, each scaled to its own range. Any
    other number: the channels of a filter stand side by side.

    Parameters
    ----------
    filters : ndarray of shape (n_filters, height, width, channels)
        The weights, in the units of the network's standardised pixels.

    Attributes
    ----------
    ax_ : matplotlib Axes
        With the picture.
    figure_ : matplotlib Figure
        That holds it.
    im_ : matplotlib AxesImage
        The picture itself.

    See Also
    --------
    OcclusionDisplay : Which pixels of an image the decision hangs on.

    References
    ----------
    The picture of Fig. 9 in F. Bastani and Z. Wang, "Convolutional Neural Networks for
    Classifying Handwritten Digits", 2014.

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
                f"filters has shape {filters.shape}; expected (n_filters, height, width, channels)."
            )
        self.filters = filters

    @classmethod
    def from_estimator(cls, estimator, *, ax=None, max_filters=64, columns=None, colorbar=True):
        """Draw the first layer's filters of a fitted network.

        Parameters
        ----------
        estimator : ConvNetClassifier, or a fitted Pipeline or search that holds one
            The network is found inside.
        ax : matplotlib Axes, default=None
            Where to draw. None: a new figure.
        max_filters : int or None, default=64
            Draw at most this many, the first ones. None: all.
        columns : int, default=None
            Tiles in a row. None: about square.
        colorbar : bool, default=True
            The scale of the weights beside the picture (not for colour filters).

        Returns
        -------
        display : FilterDisplay

        Raises
        ------
        AttributeError
            If no fitted network is inside `estimator`.
        ImportError
            Without matplotlib.

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

    def plot(self, ax=None, *, max_filters=64, columns=None, colorbar=True):
        """Draw the filters; the parameters are those of `from_estimator`.

        Returns
        -------
        display : FilterDisplay
            Itself, with `ax_`, `figure_` and `im_` set.
        """
        filters = self.filters[: len(self.filters) if max_filters is None else max_filters]
        count, _, _, channels = filters.shape
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
        _, side_y, side_x, _ = self.filters.shape
        shown = "" if count == len(self.filters) else f"{count} of "
        each = "" if channels == 1 else f", {channels} channels"
        ax.set_title(f"{shown}{len(self.filters)} filters, {side_y} x {side_x} pixels{each}")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _mosaic(filters: NDArray, columns: int) -> NDArray:
    """Tiles of one filter each, lines of NaN (white in colour) between: (rows, pixels[, 3]).

    A weight becomes a square of several pixels, so that the lines are thinner than a weight.
    """
    count, height, width, channels = filters.shape
    if channels == 3:
        low = filters.min(axis=(1, 2, 3), keepdims=True)
        span = filters.max(axis=(1, 2, 3), keepdims=True) - low
        tiles, line = (filters - low) / np.where(span > 0, span, 1.0), 1.0
    else:  # the channels of a filter side by side: (count, h, channels * w)
        tiles = np.concatenate(np.moveaxis(filters, 3, 0), axis=2)[..., None]
        line = np.nan
    zoom = math.ceil(TILE_PIXELS / max(height, width))
    tiles = tiles.repeat(zoom, axis=1).repeat(zoom, axis=2)
    height, width, depth = tiles.shape[1:]
    rows = math.ceil(count / columns)
    shape = (rows * (height + LINE_PIXELS), columns * (width + LINE_PIXELS), depth)
    picture = np.full(shape, line)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        top, left = row * (height + LINE_PIXELS), column * (width + LINE_PIXELS)
        picture[top : top + height, left : left + width] = tile
    picture = picture[:-LINE_PIXELS, :-LINE_PIXELS]
    return picture if depth == 3 else picture[..., 0]
