"""Shared by the displays: colours, importing matplotlib, preparing axes, checks, images."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from numbers import Integral
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from skcnn._input.image_lists import as_array
from skcnn._input.images import resolve_image_shape
from skcnn._input.settings import is_positive_int
from skcnn._input.shape_guess import warn_if_unlikely
from skcnn.displays._estimators import find_fitted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    AxesLike: TypeAlias = Axes | Sequence[Axes] | NDArray  # one, or one per panel

# The palette of Okabe and Ito (Color Universal Design, 2008), which colour-blind readers can tell
# apart.
BLUE, VERMILION, GREEN, ORANGE, GREY = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#6B6B6B"
PURPLE, SKY, BLACK = "#CC79A7", "#56B4E9", "#000000"
# Diverging, from blue through white to red: shows the sign without telling red from green.
DIVERGING = "RdBu_r"

_MOST_CHARACTERS = 40  # of a label in a figure


def pyplot(display: str) -> ModuleType:
    """Return matplotlib.pyplot, or raise an error that names the extra to install."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{display} needs matplotlib, which is not installed. "
            'Install it with: pip install "skcnn[plot]"'
        ) from error
    return plt


def single_axes(display: str, ax: Axes | None, figsize: tuple[float, float]) -> Axes:
    """Return `ax`, or the axes of a new figure of `figsize` inches if it is None."""
    plt = pyplot(display)
    if ax is None:
        _, ax = plt.subplots(figsize=figsize, layout="constrained")
    return cast("Axes", ax)


def label_texts(labels: Iterable[object]) -> list[str]:
    """Class labels as texts of a figure: on one line, of limited length, and not as formulas.

    Characters that are not printable are replaced by escape sequences. What is long is cut at its
    end or, if others begin in the same way, in its middle. Different labels that still look alike
    are numbered.
    """
    names = [str(label) for label in labels]
    whole = {name: _printable(name) for name in names}
    texts = {name: _cut(text, _MOST_CHARACTERS - 1) for name, text in whole.items()}
    for name in _alike(texts):
        texts[name] = _cut(whole[name], _MOST_CHARACTERS // 2)
    while alike := _alike(texts):
        for number, name in enumerate(alike, 1):
            texts[name] += f" ({number})"
    return [texts[name].replace("$", r"\$") for name in names]


def _printable(text: str) -> str:
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _cut(text: str, start: int) -> str:
    """`start` characters and the last ones, if the text is too long."""
    if len(text) <= _MOST_CHARACTERS:
        return text
    return f"{text[:start]}…{text[len(text) - (_MOST_CHARACTERS - 1 - start) :]}"


def _alike(texts: dict[str, str]) -> list[str]:
    """Names whose text is also that of another name."""
    times = Counter(texts.values())
    return [name for name, text in texts.items() if times[text] > 1]


def plain_log_axis(ax: Axes) -> None:
    """Make the y axis logarithmic, with ticks at 1, 2, 5, 10, ... in plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def grid_axes(
    display: str, ax: AxesLike | None, rows: int, columns: int, figsize: tuple[float, float]
) -> NDArray:
    """Return an array (rows, columns) of axes: new ones, the given ones, or one axes divided.

    A single `ax` is divided in its place, as scikit-learn's `PartialDependenceDisplay` does.
    """
    plt = pyplot(display)
    if ax is None:
        _, axes = plt.subplots(rows, columns, figsize=figsize, layout="constrained", squeeze=False)
        return axes
    if isinstance(ax, (Sequence, np.ndarray)):
        given = np.asarray(ax, dtype=object)
        if given.size != rows * columns:
            raise ValueError(
                f"ax has {given.size} axes; {display} expected {rows * columns} "
                f"({rows} x {columns}). Pass that many, one to be divided, or None for a new "
                "figure."
            )
        return given.reshape(rows, columns)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"ax is not part of a grid, but {display} has to divide it into {rows} x {columns} "
            "panels; expected an ax made by subplots(). Pass such an ax, or a sequence of "
            f"{rows * columns} axes."
        )
    ax.set_axis_off()
    grid = place.subgridspec(rows, columns)
    return np.array(
        [[ax.figure.add_subplot(grid[row, col]) for col in range(columns)] for row in range(rows)],
        dtype=object,
    )


def first(X: Any, count: int) -> Any:
    """The first `count` images of X, an array or a table; all of them if there are no more."""
    return _safe_indexing(X, np.arange(min(count, _num_samples(X))))


def check_most(value: object, name: str) -> None:
    """Check the largest number of images or filters to draw."""
    if not is_positive_int(value):
        raise ValueError(
            f"{name} is {value!r}; expected an integer of 1 or more. Pass such an integer."
        )


def check_total(n_images: int | None, drawn: int) -> None:
    """Check the number of images from which those of a display were chosen, if it is known."""
    if n_images is None:
        return
    is_integer = isinstance(n_images, Integral) and not isinstance(n_images, bool)
    if not is_integer or n_images < drawn:
        raise ValueError(
            f"n_images is {n_images!r}; expected an integer of {drawn} or more, the number of "
            "images given. Pass the number of images that they were chosen from, or None."
        )


def columns_of(columns: int | None, default: int, count: int) -> int:
    """Number of columns of a grid of `count` panels: `columns`, or `default` if it is None."""
    if columns is not None:
        check_most(columns, "columns")
    return min(columns or default, count)


def view_images(
    X: ArrayLike, image_shape: Sequence[int] | None, estimator: BaseEstimator | None = None
) -> NDArray:
    """View X as images (n, h, w, channels); a collection of images is stacked.

    The shape of the images is `image_shape`. If that is None, it is the `image_shape_` of the
    network or HOG in `estimator`, if X has such images. Otherwise it is inferred as everywhere in
    skcnn, with an ImageShapeWarning if that is likely to be wrong.
    """
    array = np.asarray(as_array(X))
    if array.dtype == object:
        array = _as_numbers(array)
    if image_shape is None and estimator is not None:
        image_shape = _fitted_shape(array.shape, estimator)
    shape = resolve_image_shape(array.shape, image_shape)
    if image_shape is None:
        warn_if_unlikely(array, shape)
    return array.reshape(len(array), *shape)


def _as_numbers(array: NDArray) -> NDArray[np.float64]:
    """Pixels that are objects, as in a DataFrame with columns of different types."""
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"X has values that are not numbers ({error}); expected pixels only. Leave out other "
            "columns."
        ) from error


def _fitted_shape(x_shape: tuple[int, ...], estimator: BaseEstimator) -> Sequence[int] | None:
    """The `image_shape_` in a fitted estimator, or None if the images of X have another shape."""
    try:
        shape = find_fitted(estimator, "image_shape_", "").image_shape_
    except AttributeError:
        return None
    try:
        return resolve_image_shape(x_shape, shape)
    except ValueError:  # for example because a step before the network resizes the images
        return None


def show_image(
    ax: Axes,
    image: NDArray,
    vmin: float | None = None,
    vmax: float | None = None,
    **settings: Any,
) -> None:
    """Draw one image (h, w, channels): RGB if it has three channels, else their mean in grey.

    `settings` are passed on to `imshow`.
    """
    pixels = np.asarray(image, dtype=np.float64)
    low = pixels.min() if vmin is None else vmin
    high = pixels.max() if vmax is None else vmax
    if pixels.shape[-1] == 3:
        span = high - low if high > low else 1.0
        ax.imshow(np.clip((pixels - low) / span, 0.0, 1.0), **settings)
    else:
        ax.imshow(pixels.mean(axis=-1), cmap="gray", vmin=low, vmax=high, **settings)
    ax.set_xticks([])
    ax.set_yticks([])
