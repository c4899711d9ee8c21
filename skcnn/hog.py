"""Histograms of oriented gradients as a scikit-learn transformer, and the HOG + SVC classifier.

`HOGTransformer` runs `skimage.feature.hog` over a batch of images; `make_hog_svc` puts a support
vector classifier behind it. From top to bottom: the transformer, the pipeline, the grid of cells
and blocks, the work on one batch.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from numbers import Integral
from typing import NamedTuple

import numpy as np
from joblib import effective_n_jobs
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted

from skcnn._images import ImageShape, validate_images

_BATCH_IMAGES = 256  # at most; enough to make the cost of handing over a batch negligible
_BATCH_VALUES = 2**20  # at most, pixels or features of a batch: bounds the memory in flight
_PARALLEL_SECONDS = 1.0  # starting worker processes costs about this much


class HOGTransformer(TransformerMixin, BaseEstimator):
    """Histograms of oriented gradients of every image: `skimage.feature.hog` over a batch.

    The image is cut into cells; each cell holds a histogram of the directions of its pixels'
    gradients, weighted by their magnitudes. Overlapping blocks of cells, one cell apart, are
    normalised each for itself, and the features are the blocks one after another [1]_. In a
    colour image each pixel takes the gradient of its steepest channel.

    The transformer is stateless: `fit` only checks its input and remembers the image's shape.

    Parameters
    ----------
    image_shape : (h, w) or (h, w, channels), default=None
        Of one row of a 2-D X. None: taken from an n-D X; for a 2-D X, square if the number of
        features is a perfect square, else one row of pixels ``(1, n_features)``.
    orientations : int, default=8
        Bins of a histogram, over the 180 degrees of unsigned directions.
    pixels_per_cell : int, (int, int) or "auto", default="auto"
        Height and width of a cell in pixels; one int for a square. "auto": square cells, about
        seven along the image's shorter side and at least two pixels wide, but no larger than
        the image: 4 for 28 x 28 images, 2 for 8 x 8.
    cells_per_block : int, (int, int) or "auto", default="auto"
        Height and width of a block in cells; one int for a square. "auto": 3 x 3, or as many as
        there are where the image has fewer cells than that.
    block_norm : {"L1", "L1-sqrt", "L2", "L2-Hys"}, default="L2-Hys"
        Normalisation of a block; "L2-Hys" is L2, clipped at 0.2, and L2 again.
    transform_sqrt : bool, default=False
        Take the square root of the pixels first (against shadows); they must not be negative.
    n_jobs : int, default=None
        Worker processes, as in scikit-learn: None is 1 unless in a `joblib.parallel_config`
        context, -1 all cores. Work of less than about a second stays in this process, where it
        is done sooner. (Threads would not help: the work holds Python's global lock.)
    verbose : int, default=0
        1 prints some ten lines of progress, more than 1 a line for every batch.

    Attributes
    ----------
    image_shape_ : (h, w, channels)
        Of the images that `fit` saw.
    n_features_in_ : int
        Pixels of an image, times channels.
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        If `fit` saw a DataFrame with string column names.

    Notes
    -----
    The features equal those of `skimage.feature.hog` for each image in its own dtype, rounded to
    float32. Pixels to the right of and below the last whole cell belong to no cell.

    Explicit cells and blocks are taken at their word: where a block does not fit into the image,
    that is an error. "auto" fits any image: an image of one row of pixels has cells of one pixel
    in blocks of 1 x 3 that see horizontal gradients alone. An image narrower than three pixels
    has no gradient in that direction (it is zero on the border), so that of 2 x 2 pixels all
    features are zero.

    The defaults are those of the lowest validation error of an RBF SVC, over cells of 1 to 7
    pixels, blocks of 1 to 4 cells and 6 to 12 orientations, with 5,000 MNIST training images at
    28 x 28 and 14 x 14 pixels, and in cross-validation on scikit-learn's 8 x 8 digits (where
    cells of one pixel are as good within the noise, with nine times the features).

    References
    ----------
    .. [1] N. Dalal and B. Triggs, "Histograms of Oriented Gradients for Human Detection",
       CVPR 2005, :doi:`10.1109/CVPR.2005.177`

    Examples
    --------
    >>> from skcnn.datasets import load_digits_images
    >>> from skcnn.hog import HOGTransformer
    >>> X, y = load_digits_images()
    >>> hog = HOGTransformer().fit(X)
    >>> features = hog.transform(X)
    >>> features.shape, features.dtype
    ((1797, 288), dtype('float32'))
    >>> hog.get_feature_names_out()[:2].tolist()
    ['block0_0_cell0_0_0deg', 'block0_0_cell0_0_22.5deg']
    """

    _parameter_constraints: dict = {  # noqa: RUF012 (scikit-learn's own form)
        "image_shape": ["array-like", None],
        "orientations": [Interval(Integral, 1, None, closed="left")],
        "pixels_per_cell": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "cells_per_block": [
            Interval(Integral, 1, None, closed="left"),
            "array-like",
            StrOptions({"auto"}),
        ],
        "block_norm": [StrOptions({"L1", "L1-sqrt", "L2", "L2-Hys"})],
        "transform_sqrt": ["boolean"],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        *,
        image_shape=None,
        orientations=8,
        pixels_per_cell="auto",
        cells_per_block="auto",
        block_norm="L2-Hys",
        transform_sqrt=False,
        n_jobs=None,
        verbose=0,
    ):
        self.image_shape = image_shape
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.block_norm = block_norm
        self.transform_sqrt = transform_sqrt
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None) -> HOGTransformer:
        """Check the parameters and X, and remember the shape of an image.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Real numbers of any dtype.
        y : ignored

        Returns
        -------
        self : HOGTransformer

        Raises
        ------
        ValueError
            If a parameter is invalid, X is not made of finite real images of `image_shape`, or
            an image is smaller than one block.
        """
        self._validate_params()
        _, self.image_shape_ = self._check_images(self, X, image_shape=self.image_shape, reset=True)
        return self

    def transform(self, X) -> NDArray[np.float32]:
        """HOG features of every image.

        Parameters
        ----------
        X : array-like of shape (n, pixels), (n, h, w) or (n, h, w, channels)
            Real numbers of any dtype; memory maps are read a batch at a time.

        Returns
        -------
        features : ndarray of float32 of shape (n, n_features_out)
            See `get_feature_names_out` for their order.

        Raises
        ------
        ValueError
            As in `fit`, and if X does not have the images that `fit` saw.
        """
        self._validate_params()
        if hasattr(self, "image_shape_"):
            images, shape = self._check_images(self, X, image_shape=self.image_shape_, reset=False)
        else:  # stateless: the same checks as in fit, on a copy, as transform changes nothing
            images, shape = self._check_images(
                clone(self), X, image_shape=self.image_shape, reset=True
            )
        grid = self._grid(shape)
        features = np.empty((len(images), grid.n_features), dtype=np.float32)
        started = time.perf_counter()
        n_done = n_told = 0
        for batch in self._batches(images, grid):
            features[n_done : n_done + len(batch)] = batch
            n_done += len(batch)
            if self.verbose > 1 or (
                self.verbose and (n_done - n_told >= len(images) / 10 or n_done == len(images))
            ):
                _print_progress(type(self).__name__, n_done, len(images), started)
                n_told = n_done
        return features

    def get_feature_names_out(self, input_features=None) -> NDArray[np.object_]:
        """Name of each feature: its block, the cell within the block, and the direction.

        ``block1_2_cell0_1_22.5deg``: the block that starts at cell row 1 and cell column 2, in
        it the cell of row 0 and column 1, gradients from 22.5 degrees up to the next bin (0 is
        brightness changing along a row, 90 along a column).

        Parameters
        ----------
        input_features : array-like of str, default=None
            Only checked: the names that `fit` saw, or as many as an image has pixels.

        Returns
        -------
        names : ndarray of str objects of shape (n_features_out,)

        Raises
        ------
        NotFittedError
            Before `fit`: the shape of an image is not known.
        ValueError
            If `input_features` are not those of `fit`.
        """
        check_is_fitted(self, "image_shape_")
        _check_feature_names_in(self, input_features, generate_names=False)
        grid = self._grid(self.image_shape_)
        angles = [f"{180 * k / self.orientations:.4g}deg" for k in range(self.orientations)]
        return np.array(
            [
                f"block{row}_{column}_cell{cell_row}_{cell_column}_{angle}"
                for row, column in np.ndindex(grid.n_blocks)
                for cell_row, cell_column in np.ndindex(grid.block)
                for angle in angles
            ],
            dtype=object,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.input_tags.positive_only = bool(self.transform_sqrt)
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def _check_images(self, estimator, X, **settings) -> tuple[NDArray, ImageShape]:
        """Images of X as `validate_images` has them, and all that `hog` asks of them."""
        images, shape = validate_images(estimator, X, **settings)
        self._grid(shape)
        if self.transform_sqrt and images.min() < 0:
            raise ValueError(
                f"Negative values in data passed to {type(self).__name__} with "
                f"transform_sqrt=True: the smallest pixel is {images.min()}. Shift the pixels to "
                "0 or more, or set transform_sqrt=False."
            )
        return images, shape

    def _grid(self, shape: ImageShape) -> _Grid:
        return _resolve_grid(shape, self.orientations, self.pixels_per_cell, self.cells_per_block)

    def _batches(self, images: NDArray, grid: _Grid) -> Iterator[NDArray[np.float32]]:
        """Features batch by batch, in order, from this process or from workers."""
        settings = {
            "orientations": self.orientations,
            "pixels_per_cell": grid.cell,
            "cells_per_block": grid.block,
            "block_norm": self.block_norm,
            "transform_sqrt": self.transform_sqrt,
        }
        values = max(images[0].size, grid.n_features)
        size = min(_BATCH_IMAGES, max(1, _BATCH_VALUES // values))
        starts = range(0, len(images), size)
        n_jobs = effective_n_jobs(self.n_jobs)

        # The first batches tell how long the rest would take: too short for workers, or not.
        _hog_batch(images[:1], settings)  # imports skimage, which is not to be timed
        started = time.perf_counter()
        for n_done, start in enumerate(starts, start=1):
            yield _hog_batch(images[start : start + size], settings)
            starts_left = starts[n_done:]
            seconds_left = (time.perf_counter() - started) / n_done * len(starts_left)
            if n_jobs > 1 and len(starts_left) > 1 and seconds_left > _PARALLEL_SECONDS:
                break
        else:
            return
        # Every batch is read by one worker once, so there is nothing to share by dumping it to a
        # file (max_nbytes=None); a slice of a memory map is opened by the worker itself.
        parallel = Parallel(self.n_jobs, prefer="processes", return_as="generator", max_nbytes=None)
        yield from parallel(
            delayed(_hog_batch)(images[start : start + size], settings) for start in starts_left
        )


def make_hog_svc(*, memory=None, **params) -> Pipeline:
    """HOG, then a support vector classifier, with defaults that are tuned on digits.

    Parameters
    ----------
    memory : str or joblib.Memory, default=None
        Of the `Pipeline`: where the HOG features are kept, so that a search over the SVC's
        parameters computes them once.
    **params
        Parameters of `HOGTransformer` (`verbose` among them: it shows the progress of HOG) and
        of `sklearn.svm.SVC`. The SVC's default is `C=10` instead of 1.

    Returns
    -------
    pipeline : Pipeline
        Of the steps "hog" and "svc".

    Raises
    ------
    TypeError
        If a name is a parameter of neither step.

    Notes
    -----
    HOG's defaults adapt to the image's size, see `HOGTransformer`. With them, validation errors
    are flat from `C=3` to 30, and the same within the noise from one to two times
    `gamma="scale"`. With the first 6,000 / 20,000 training images of MNIST the test error is
    1.90 % / 1.28 %.

    Examples
    --------
    >>> from sklearn.model_selection import train_test_split
    >>> from skcnn.datasets import load_digits_images
    >>> from skcnn.hog import make_hog_svc
    >>> X, y = load_digits_images()
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    >>> hog_svc = make_hog_svc().fit(X_train, y_train)
    >>> bool(hog_svc.score(X_test, y_test) > 0.97)
    True
    """
    hog_names = HOGTransformer().get_params()
    svc_names = SVC().get_params()
    unknown = params.keys() - hog_names.keys() - svc_names.keys()
    if unknown:
        raise TypeError(
            f"make_hog_svc got unknown parameters: {', '.join(sorted(unknown))}. It takes those "
            f"of HOGTransformer ({', '.join(sorted(hog_names))}), those of SVC "
            f"({', '.join(sorted(svc_names.keys() - hog_names.keys()))}), and memory."
        )
    hog = {name: value for name, value in params.items() if name in hog_names}
    svc = {name: value for name, value in params.items() if name not in hog_names}
    return Pipeline(
        [("hog", HOGTransformer(**hog)), ("svc", SVC(**{"C": 10, **svc}))], memory=memory
    )


class _Grid(NamedTuple):
    """Cells and blocks of an image; all pairs are (rows, columns)."""

    cell: tuple[int, int]  # pixels
    block: tuple[int, int]  # cells
    n_blocks: tuple[int, int]
    n_features: int


def _resolve_grid(shape: ImageShape, orientations: int, pixels_per_cell, cells_per_block) -> _Grid:
    """The grid of an image, or a ValueError that says what does not fit."""
    sides = shape[:2]
    if isinstance(pixels_per_cell, str):
        width = max(2, min(sides) // 7)
        cell = (min(width, *sides),) * 2
    else:
        cell = _resolve_pair("pixels_per_cell", pixels_per_cell)
    n_cells = tuple(side // width for side, width in zip(sides, cell, strict=True))
    if isinstance(cells_per_block, str):
        # max: where not even one cell fits, the check below says so
        block = tuple(max(1, min(3, n)) for n in n_cells)
    else:
        block = _resolve_pair("cells_per_block", cells_per_block)
    n_blocks = tuple(n - b + 1 for n, b in zip(n_cells, block, strict=True))
    if min(n_blocks) < 1:
        raise ValueError(
            f"Images of {sides[0]} x {sides[1]} pixels (rows x columns) are smaller than one "
            f"block: {block[0]} x {block[1]} cells of {cell[0]} x {cell[1]} pixels need at least "
            f"{block[0] * cell[0]} x {block[1] * cell[1]} pixels. Make pixels_per_cell "
            '(or cells_per_block) smaller, or set both to "auto".'
        )
    n_features = n_blocks[0] * n_blocks[1] * block[0] * block[1] * int(orientations)
    return _Grid(cell, block, n_blocks, n_features)


def _resolve_pair(name: str, value) -> tuple[int, int]:
    """(rows, columns) of an int or of a pair of ints."""
    pair = (value, value) if isinstance(value, Integral) else tuple(value)
    if len(pair) != 2 or not all(
        isinstance(side, Integral) and not isinstance(side, bool) and side > 0 for side in pair
    ):
        raise ValueError(
            f'{name} is {value!r}; expected a positive int, two of them (rows, columns), or "auto".'
        )
    return int(pair[0]), int(pair[1])


def _hog_batch(images: NDArray, settings: dict) -> NDArray[np.float32]:
    """Features of a batch (n, h, w, channels); a function of the module, for the workers."""
    from skimage.feature import hog  # here, so that importing skcnn stays cheap

    if images.shape[-1] == 1:
        images, channel_axis = images[..., 0], None
    else:
        channel_axis = -1
    return np.stack(
        [hog(image, channel_axis=channel_axis, **settings).astype(np.float32) for image in images]
    )


def _print_progress(name: str, n_done: int, n_images: int, started: float) -> None:
    seconds = time.perf_counter() - started
    print(
        f"[{name}] {n_done:,} of {n_images:,} images, {seconds:.1f} s, "
        f"about {seconds / n_done * (n_images - n_done):.1f} s left",
        flush=True,
    )
