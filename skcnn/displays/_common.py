"""What the displays share: matplotlib on demand, axes to draw into, images to look at."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn._images import resolve_image_shape

# Okabe & Ito's palette (Color Universal Design, 2008): told apart by the colour-blind.
BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#6B6B6B"
# Diverging, blue to red through white: the sign stays visible without telling red from green.
DIVERGING = "RdBu_r"


def pyplot(display: str) -> ModuleType:
    """matplotlib.pyplot, or an error that names the extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} draws with matplotlib, which is not installed. "
            'Install it with: pip install "skcnn[plot]"'
        ) from error
    return plt


def single_axes(display: str, ax, figsize: tuple[float, float]):
    """The given axes, or those of a new figure of `figsize` inches."""
    plt = pyplot(display)
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return ax


def plain_log_axis(ax) -> None:
    """A logarithmic y axis, marked at 1, 2, 5, 10, ... in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def grid_axes(display: str, ax, rows: int, columns: int, figsize: tuple[float, float]) -> NDArray:
    """A (rows, columns) array of axes: of a new figure, the given ones, or the given one divided.

    A single `ax` is divided in its place, as scikit-learn's `PartialDependenceDisplay` does.
    """
    plt = pyplot(display)
    if ax is None:
        _, axes = plt.subplots(rows, columns, figsize=figsize, layout="constrained", squeeze=False)
        return axes
    if isinstance(ax, (list, tuple, np.ndarray)):
        given = np.asarray(ax, dtype=object)
        if given.size != rows * columns:
            raise ValueError(
                f"{display} needs {rows * columns} axes ({rows} x {columns}), but ax has "
                f"{given.size}. Pass that many, one to be divided, or None for a new figure."
            )
        return given.reshape(rows, columns)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"{display} has to divide ax into {rows} x {columns} panels, but ax is not part of a "
            f"grid. Pass an ax made by subplots(), or a sequence of {rows * columns} axes."
        )
    ax.set_axis_off()
    grid = place.subgridspec(rows, columns)
    return np.array(
        [[ax.figure.add_subplot(grid[row, col]) for col in range(columns)] for row in range(rows)],
        dtype=object,
    )


def find_fitted(estimator: Any, attribute: str, display: str) -> Any:
    """The part of `estimator` (a pipeline's step, a search's best one) that has `attribute`.

    Raises
    ------
    AttributeError
        If no part has it: not fitted, or without a convolutional network.
    """
    waiting = [estimator]
    while waiting:
        part = waiting.pop(0)
        if getattr(part, attribute, None) is not None:
            return part
        if hasattr(part, "best_estimator_"):
            waiting.append(part.best_estimator_)
        if hasattr(part, "steps"):
            waiting.extend(step for _, step in part.steps)
        if hasattr(part, "estimator"):  # FrozenEstimator and other wrappers
            waiting.append(part.estimator)
    raise AttributeError(
        f"{display} needs the attribute {attribute!r} of a fitted ConvNetClassifier, but "
        f"{type(estimator).__name__} does not have it. Fit it first, or pass a pipeline or a "
        "search whose best estimator holds a ConvNetClassifier."
    )


def view_images(X: ArrayLike, image_shape, estimator: Any = None) -> NDArray:
    """X as images (n, h, w, channels).

    A 2-D X takes its shape from `image_shape`, else from the `estimator`: a network's own
    `image_shape_` says how rows of pixels fold into images. Without one (another classifier), a
    square is assumed, as everywhere in skcnn.
    """
    array = np.asarray(X)
    if image_shape is None and array.ndim == 2 and estimator is not None:
        try:
            image_shape = find_fitted(estimator, "image_shape_", "").image_shape_
        except AttributeError:
            image_shape = None
    return array.reshape(len(array), *resolve_image_shape(array.shape, image_shape))


def show_image(ax, image: NDArray, vmin: float | None = None, vmax: float | None = None) -> None:
    """Draw one image (h, w, channels): grey for one channel, RGB for three, else the mean."""
    pixels = np.asarray(image, dtype=np.float64)
    low = pixels.min() if vmin is None else vmin
    high = pixels.max() if vmax is None else vmax
    if pixels.shape[-1] == 3:
        span = high - low if high > low else 1.0
        ax.imshow(np.clip((pixels - low) / span, 0.0, 1.0))
    else:
        ax.imshow(pixels.mean(axis=-1), cmap="gray", vmin=low, vmax=high)
    ax.set_xticks([])
    ax.set_yticks([])


def confidence_of(estimator: Any, X: ArrayLike) -> NDArray | None:
    """How sure a classifier is of each prediction (n,); None if it does not tell.

    The probability of the predicted class, or, without `predict_proba`, by how much its decision
    value leads the second class's. (Of an SVC with several classes the value itself is all but
    constant: a count of the duels won.)
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X)).max(axis=1)
    if not hasattr(estimator, "decision_function"):
        return None
    values = np.asarray(estimator.decision_function(X))
    if values.ndim == 1:
        return np.abs(values)
    second, first = np.partition(values, -2, axis=1)[:, -2:].T
    return first - second
