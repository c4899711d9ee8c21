"""Points of a map in the colours and with the markers of their classes, or on a scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skcnn._input.labels import check_labels
from skcnn.displays._common import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    label_texts,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK, GREY)
_MARKERS = ("o", "^", "s", "v", "D", "P", "X")
# Both change from class to class, so that this many have a look of their own.
_MOST_CLASSES = math.lcm(len(_COLOURS), len(_MARKERS))
_MOST_CHARACTERS = 2000  # points that can be read as characters
_MOST_DIGITS = 1e16  # from here on, an exponent is shorter


def draw_classes(
    ax: Axes, places: NDArray, y: NDArray, settings: dict[str, Any]
) -> dict[str, PathCollection]:
    """Draw the points of each class, and a legend unless they are characters."""
    classes, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
    labels = [_name(label) for label in classes]
    characters = len(codes) <= _MOST_CHARACTERS and all(
        len(label) == 1 and label.isascii() and label.isalnum() for label in labels
    )
    most = len(classes) if characters else _MOST_CLASSES
    if characters:
        settings = settings | {"s": 1.6 * settings["s"], "alpha": 1.0}
    own = np.sort(np.argsort(-counts, kind="stable")[:most])
    points = {}
    for place, code in enumerate(own):
        marker = _MARKERS[place % len(_MARKERS)]
        if characters:
            marker = rf"$\mathrm{{{labels[code]}}}$"
        points[labels[code]] = scatter(
            ax,
            places[codes == code],
            color=_COLOURS[place % len(_COLOURS)],
            marker=marker,
            **settings,
        )
    others = ~np.isin(codes, own)
    if others.any():
        label = f"{len(classes) - len(own)} other classes"
        while label in points:  # a class of this name
            label = f"({label})"
        light = settings | {"color": "lightgrey", "zorder": 0.5}  # behind the others
        points[label] = scatter(ax, places[others], **light)
    if not characters:
        _legend(ax, points)
    return points


def _name(label: Any) -> str:
    """A label as text that no other label has; floats are whole numbers, without a fraction."""
    if isinstance(label, np.floating) and abs(float(label)) < _MOST_DIGITS:
        return f"{int(label)}"
    return str(label)


def scatter(ax: Axes, places: NDArray, **settings: Any) -> PathCollection:
    """Draw points at places (n, 2)."""
    return ax.scatter(places[:, 0], places[:, 1], **settings)


def class_legend(place: Axes | Figure, points: dict[str, PathCollection], **settings: Any) -> None:
    """A legend with the label of each class."""
    numbers = list(map(str, range(len(points))))
    legend = place.legend(list(points.values()), numbers, **settings)
    # Set afterwards, since Matplotlib leaves out labels that begin with an underscore.
    for text, label in zip(legend.get_texts(), label_texts(points), strict=True):
        text.set_text(label)


def _legend(ax: Axes, points: dict[str, PathCollection]) -> None:
    """A legend on the right of the map, in columns of at most 16 classes."""
    class_legend(
        ax,
        points,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        ncols=math.ceil(len(points) / 16),
        fontsize=9,
        frameon=False,
        markerscale=1.5,
        handletextpad=0.1,
        columnspacing=0.8,
    )


def check_targets(y: ArrayLike) -> NDArray[Any]:
    """Labels or numbers (n,): what is not made of finite floats has to be labels."""
    try:
        values = np.asarray(y)
    except ValueError:  # of sequences of different lengths; check_labels will say so
        return check_labels(y)
    is_column = values.ndim > 0 and values.size == len(values)
    if is_column and values.dtype.kind == "f" and np.isfinite(values).all():
        return values.ravel()
    return check_labels(y)


def is_scale(y: NDArray[Any]) -> bool:
    """Whether the values of `y` are numbers rather than classes."""
    if y.dtype.kind not in "iuf":
        return False
    return bool((y != np.floor(y)).any()) or len(np.unique(y)) > _MOST_CLASSES
