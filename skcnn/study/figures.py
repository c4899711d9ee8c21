"""Figures of the reports: how a series looks, axes, PNG files."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skcnn._files.paths import write_bytes
from skcnn.displays._common import plain_log_axis
from skcnn.study.progress import Reporter

PANELS_PER_ROW = 3
LOG_RATIO = 8  # "auto" makes an axis logarithmic if the values differ by more than this factor


@dataclass(frozen=True)
class Look:
    """How a series is drawn. Colour and marker both tell series apart, also in grey print."""

    label: str
    colour: str
    marker: str
    line: str = "-"
    hollow: bool = False


def new_figure(
    width: float,
    height: float,
    rows: int = 1,
    columns: int = 1,
    *,
    layout: Literal["constrained", "compressed"] = "constrained",
    **subplots: Any,
) -> tuple[Any, NDArray]:
    """A figure of `width` x `height` inches and its axes of shape (rows, columns).

    It uses the non-interactive backend, whichever one a notebook or a terminal has chosen.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout=layout)
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False, **subplots)


def panels_for(
    items: Collection[Any], width: float, height: float, **options: Any
) -> tuple[Any, list[Any]]:
    """A figure with a panel of `width` x `height` inches for each item, in rows."""
    columns = min(len(items), PANELS_PER_ROW)
    rows = -(-len(items) // columns)
    figure, axes = new_figure(width * columns + 0.4, height * rows, rows, columns, **options)
    panels = list(axes.flat)
    for panel in panels[len(items) :]:
        panel.remove()
    return figure, panels[: len(items)]


def plot_series(
    panel: Any,
    look: Look,
    x: Sequence[Any],
    y: Sequence[float],
    spread: Sequence[float | None] | None = None,
    **changes: Any,
) -> None:
    """Plot a series with error bars of `spread`; None and NaN have no bar."""
    bars = None if spread is None else np.nan_to_num(np.array(spread, dtype=float))
    settings = {
        "color": look.colour,
        "marker": look.marker,
        "markerfacecolor": "white" if look.hollow else look.colour,
        "markersize": 5,
        "linestyle": look.line,
        "linewidth": 1.4,
        "capsize": 3,
        "label": look.label,
    }
    panel.errorbar(x, y, bars if bars is not None and bars.any() else None, **(settings | changes))


def error_axis(panel: Any, label: str, *, log: bool | Literal["auto"]) -> None:
    """Label the y axis, draw a grid, and make the axis logarithmic or let it start at zero.

    It stays linear if a value is not positive. Panels that share the axis count together.
    """
    panels = panel.get_shared_y_axes().get_siblings(panel)
    lines = [line.get_ydata() for one in panels for line in one.get_lines()]
    values = np.concatenate([np.asarray(line, dtype=float) for line in lines] or [np.zeros(1)])
    wide = log is True or (log == "auto" and values.max() > LOG_RATIO * values.min())
    if wide and values.min() > 0:
        plain_log_axis(panel)
    else:
        panel.set_ylim(bottom=0)
    panel.set_ylabel(label)
    for one in panels:
        one.grid(alpha=0.3)


def legend_below(figure: Any, panel: Any, columns: int) -> None:
    """One legend below all panels, with the series of `panel`."""
    handles, labels = panel.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=columns, fontsize=9)


def save_figures(
    makers: Mapping[str, Callable[[], Any]], folder: Path, reporter: Reporter, *, dpi: int
) -> dict[str, Path]:
    """Draw all figures; return the paths of their PNG files by name."""
    paths = {}
    with reporter.stage("Figures", len(makers)) as stage:
        for name, make in makers.items():
            paths[name] = folder / f"{name}.png"
            image = io.BytesIO()
            make().savefig(image, dpi=dpi, format="png")
            write_bytes(paths[name], image.getvalue())
            stage.advance(name)
    return paths
