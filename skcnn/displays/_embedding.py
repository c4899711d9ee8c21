"""EmbeddingDisplay: a two-dimensional map of the features of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing, check_random_state
from sklearn.utils.validation import _num_samples

from skcnn._input.image_lists import as_array
from skcnn._input.labels import check_same_length
from skcnn.displays._common import (
    GREY,
    check_most,
    check_total,
    show_image,
    single_axes,
    view_images,
)
from skcnn.displays._estimators import find_transformer
from skcnn.displays._points import check_targets, draw_classes, is_scale, scatter
from skcnn.displays._reduction import check_reducer, reduce_features
from skcnn.engine.runtime.floating_point import ignore_underflow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIDE = 5.4  # inches of a new map
_THUMBNAIL = 0.05  # side of an image, as a share of the side of the map
_SPACING = 1.6  # least distance of two images, in sides


class EmbeddingDisplay:
    """A two-dimensional map of images: those with similar features are close to each other.

    Each class has a colour and a marker. If all labels are single characters, such as digits, they
    are the markers themselves; otherwise there is a legend. If `y` has numbers with fractions, or
    more than 56 different numbers, the colours are values on a scale.

    Parameters
    ----------
    embedding : array-like of shape (n, 2)
        Place of each image in the map.
    y : array-like of shape (n,), default=None
        Class, or a number, of each image. None draws grey points.
    images : ndarray of shape (n, height, width, channels), default=None
        Images to draw in the map, at the places of some that do not cover each other.
    n_images : int, default=None
        Number of images from which these were drawn, for the title.

    Attributes
    ----------
    points_ : dict of str to matplotlib PathCollection
        The points of each class by its label; without classes all of them, as "images".
    ax_ : matplotlib Axes
        Axes with the map.
    figure_ : matplotlib Figure
        Figure of the axes.

    Raises
    ------
    ValueError
        If `embedding` does not have two columns of finite numbers, if `y` or `images` does not
        have one entry for each image, or if `n_images` is not an integer or less than n.

    See Also
    --------
    ReconstructionDisplay : What an autoencoder makes of its codes.

    Examples
    --------
    >>> from skcnn.displays import EmbeddingDisplay
    >>> display = EmbeddingDisplay([[0, 0], [0, 1], [3, 3]], ["cat", "cat", "dog"]).plot()
    >>> list(display.points_)
    ['cat', 'dog']
    """

    def __init__(
        self,
        embedding: ArrayLike,
        y: ArrayLike | None = None,
        *,
        images: NDArray | None = None,
        n_images: int | None = None,
    ):
        self.embedding = np.asarray(embedding, dtype=np.float64)
        shape = self.embedding.shape
        if len(shape) != 2 or shape[1] != 2 or not len(self.embedding):
            raise ValueError(
                f"embedding has shape {shape}; expected (n, 2), with at least one image. Pass two "
                "numbers for each image."
            )
        if not np.isfinite(self.embedding).all():
            raise ValueError(
                "embedding has values that are NaN or infinite; expected finite numbers. Check "
                "the features and how they were reduced."
            )
        self.y = None if y is None else check_targets(y)
        if self.y is not None:
            check_same_length(self.embedding, self.y, "embedding", "y")
        self.images = images
        if images is not None and len(images) != shape[0]:
            raise ValueError(
                f"embedding has {shape[0]} rows, but there are {len(images)} images; expected a "
                "row for each image. Check how both were selected."
            )
        check_total(n_images, len(self.embedding))
        self.n_images = n_images

    @classmethod
    @ignore_underflow
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        reducer: BaseEstimator | None = None,
        max_images: int = 1000,
        random_state: int | np.random.RandomState | None = None,
        show_images: bool = False,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Transform images, reduce their features to two dimensions, and draw them.

        Parameters
        ----------
        estimator : fitted transformer
            For example `ConvAutoencoder`, `PatchFeatures`, `ConvNetClassifier` or
            `ConvNetRegressor` (their `transform`), or a Pipeline or a search of transformers. Of a
            Pipeline whose last step has no `transform`, such as an SVC, the steps before it are
            used.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Images.
        y : array-like of shape (n,), default=None
            Class, or a number, of each image. None draws grey points.
        reducer : estimator with `fit_transform`, default=None
            Reduces the features to two columns, for example ``PCA(2)``. A copy of it is fitted.
            None means t-SNE [1]_, `sklearn.manifold.TSNE`, of the first principal components, at
            most 50. It keeps images close that have similar features; distances between clusters
            mean little.
        max_images : int, default=1000
            Largest number of images. If X has more, this many are drawn at random.
        random_state : int, RandomState instance or None, default=None
            Seed of the random choice and of t-SNE.
        show_images : bool, default=False
            Whether to draw images, too: one wherever there is room.
        image_shape : (h, w) or (h, w, channels), default=None
            Shape of the image in one row of a 2-D X, for `show_images`. None takes it from the
            transformer if it is one of skcnn, and assumes square images otherwise.
        ax : matplotlib Axes, default=None
            Axes to draw into. None creates a new figure.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        TypeError
            If `estimator` has no `transform`, or `reducer` no `fit_transform`.
        ValueError
            If `y` does not have one label for each image, if `reducer` does not give two columns,
            if `max_images` is not positive, or if there are too few images or features for t-SNE.
        ImportError
            If matplotlib is not installed.

        References
        ----------
        .. [1] L. van der Maaten and G. Hinton, "Visualizing Data using t-SNE", JMLR 9, 2008.

        Examples
        --------
        >>> from sklearn.decomposition import PCA
        >>> from skcnn import PatchFeatures
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import EmbeddingDisplay
        >>> X, y = load_digits_images()
        >>> features = PatchFeatures(n_filters=16, random_state=0).fit(X)
        >>> display = EmbeddingDisplay.from_estimator(
        ...     features, X, y, reducer=PCA(2), max_images=500, random_state=0
        ... )
        >>> display.embedding.shape
        (500, 2)
        """
        check_most(max_images, "max_images")
        transformer = find_transformer(estimator, cls.__name__)
        check_reducer(reducer, cls.__name__)
        given = as_array(X)
        count = _num_samples(given)
        targets = None if y is None else check_targets(y)
        if targets is not None:
            check_same_length(given, targets, "X", "y")
        if count > max_images:
            rng = check_random_state(random_state)
            chosen = np.sort(rng.choice(count, max_images, replace=False))
            given = _safe_indexing(given, chosen)
            targets = None if targets is None else targets[chosen]
        images = view_images(given, image_shape, estimator) if show_images else None
        embedding = reduce_features(transformer.transform(given), reducer, random_state)
        return cls(embedding, targets, images=images, n_images=count).plot(ax=ax)

    @classmethod
    @ignore_underflow
    def from_embedding(
        cls,
        embedding: ArrayLike,
        y: ArrayLike | None = None,
        *,
        X: ArrayLike | None = None,
        image_shape: Sequence[int] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Draw a map that was computed before.

        Parameters
        ----------
        embedding : array-like of shape (n, 2)
            Place of each image in the map.
        y : array-like of shape (n,), default=None
            Class, or a number, of each image. None draws grey points.
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels), default=None
            The images, if some are to be drawn in the map.
        image_shape : (h, w) or (h, w, channels), default=None
            Shape of the image in one row of a 2-D X. None assumes square images.
        ax : matplotlib Axes, default=None
            Axes to draw into. None creates a new figure.

        Returns
        -------
        display : EmbeddingDisplay

        Raises
        ------
        ValueError
            If `embedding` does not have two columns, if the lengths differ, or if `image_shape`
            does not fit X.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> from sklearn.decomposition import PCA
        >>> from skcnn.datasets import load_digits_images
        >>> from skcnn.displays import EmbeddingDisplay
        >>> X, y = load_digits_images()
        >>> embedding = PCA(2).fit_transform(X.reshape(len(X), -1))
        >>> display = EmbeddingDisplay.from_embedding(embedding, y, X=X)
        >>> len(display.points_)
        10
        """
        images = None if X is None else view_images(X, image_shape)
        return cls(embedding, y, images=images).plot(ax=ax)

    @ignore_underflow
    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw into. None creates a new figure.

        Returns
        -------
        display : EmbeddingDisplay
            The display itself, with `ax_`, `figure_` and `points_` set.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        is_new = ax is None
        ax = single_axes(type(self).__name__, ax, (_SIDE, _SIDE))
        count = len(self.embedding)
        settings = {"s": np.clip(18_000 / count, 6.0, 36.0), "linewidths": 0, "alpha": 0.8}
        if self.y is None:
            self.points_ = {"images": scatter(ax, self.embedding, color=GREY, **settings)}
        elif is_scale(self.y):
            points = scatter(ax, self.embedding, c=self.y, cmap="viridis", **settings)
            ax.figure.colorbar(points, ax=ax, label="y", shrink=0.8)
            self.points_ = {"images": points}
        else:
            self.points_ = draw_classes(ax, self.embedding, self.y, settings)
        ax.set_aspect("equal", adjustable="datalim")
        ax.set_xticks([])
        ax.set_yticks([])
        if self.images is not None:
            self._draw_images(ax, self.images)
        drawn = "" if self.n_images in (None, count) else f"{count:,} of "
        ax.set_title(f"{drawn}{self.n_images or count:,} images")
        self.ax_, self.figure_ = ax, ax.figure
        legend = ax.get_legend()
        if is_new and legend is not None:  # beside the map
            width = legend.get_window_extent().width / ax.figure.dpi
            cast("Figure", ax.figure).set_figwidth(_SIDE + width)
        return self

    def _draw_images(self, ax: Axes, images: NDArray) -> None:
        """Draw images at their places, each if it does not cover one that has been drawn."""
        side = _THUMBNAIL * np.ptp(self.embedding, axis=0).max() or 1.0
        height, width = images.shape[1:3]
        half = side / 2 * np.array([width, height]) / max(height, width)
        kept = np.empty((0, 2))
        for place, image in zip(self.embedding, images, strict=True):
            if (np.abs(kept - place).max(axis=1, initial=0.0) < _SPACING * side).any():
                continue
            kept = np.vstack([kept, place])
            (left, bottom), (right, top) = place - half, place + half
            show_image(ax, image, extent=(left, right, bottom, top), zorder=3)
        ax.use_sticky_edges = False
        ax.autoscale_view()  # imshow has set the limits to those of the last image
