"""The paper's figures, drawn again with the paper's values in the same axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from skcnn.displays import FilterDisplay
from skcnn.displays._common import BLUE, GREEN, GREY, ORANGE, VERMILION
from skcnn.study.figures import LOG_RATIO, Look, error_axis, legend_below, new_figure, plot_series
from skcnn.study.paper2014.experiments import EXPERIMENTS
from skcnn.study.paper2014.runs import HOG_2014, HOG_TUNED
from skcnn.study.paper2014.settings import TEN_HOURS
from skcnn.study.paper2014.tables import Row, Tables, curve

LOOKS = {  # the labels are the names of the series everywhere in the report
    "paper": Look("paper", GREY, "D", "--", hollow=True),
    "published": Look("as published", BLUE, "o"),
    "today": Look("trained today", VERMILION, "s"),
    HOG_2014: Look(HOG_2014, GREEN, "^"),
    HOG_TUNED: Look(HOG_TUNED, ORANGE, "v"),
    "last commit": Look("last commit", GREEN, "^"),
    "longer": Look("longer", ORANGE, "v"),
}
_AXES = {  # labels of axes, where the names of the columns are too short
    "hidden layers": "sizes of the hidden layers",
    "filter size": "filter size (pixels per side)",
    "filters": "number of filters",
}
_PANELS = [  # column, title, label of the axis
    ("test_error", "Test error", "test error (%)"),
    ("train_error", "Training error (not in the paper)", "training error (%)"),
    ("seconds_per_iteration", "Time per iteration (256 images)", "seconds"),
]
_ERRORS = {"train_error": "training error", "test_error": "test error"}


def figure_makers(tables: Tables) -> dict[str, Callable[[], Any]]:
    """Functions that draw the figures of these tables, by file name."""
    makers: dict[str, Callable[[], Any]] = {}
    for name, rows in tables.items():
        if name in ("fig10", "fig11"):
            makers["fig10_11"] = partial(_by_share, tables)
        elif name == "fig8":
            makers[name] = partial(_during_training, rows)
        elif name == "fig9":
            makers[name] = partial(_all_filters, rows)
        elif name.startswith("heatmap"):
            makers[name] = partial(_heatmaps, name, rows)
        else:
            makers[name] = partial(_by_setting, name, rows)
    return makers


def _by_setting(name: str, rows: Sequence[Row]) -> Any:
    """Errors and time per iteration against a setting; if its values have names, the test error."""
    labels = EXPERIMENTS[name].labels
    panels = _PANELS[:1] if labels else _PANELS
    xs = list(dict.fromkeys(row.x for row in rows))
    figure, axes = new_figure(*((8, 3.6) if labels else (12, 3.9)), 1, len(panels))
    if labels:
        rows = [replace(row, x=xs.index(row.x)) for row in rows]
    for panel, (column, title, label) in zip(axes[0], panels, strict=True):
        for series in LOOKS:
            if (series, column) != ("today", "seconds_per_iteration"):  # timed as published
                _plot(panel, rows, series, column, **({"linestyle": "none"} if labels else {}))
        if labels:
            panel.set_xticks(range(len(xs)), [labels.get(x, x) for x in xs])
            panel.set_xlim(-0.4, len(xs) - 0.6)
        else:
            panel.set_title(title)
            if max(xs) > LOG_RATIO * min(xs):
                panel.set_xscale("log")
            panel.set_xticks(xs, [str(x) for x in xs])
            panel.set_xticks([], minor=True)
        panel.set_xlabel(_axis_label(name))
        error_axis(panel, label, log="auto")
        panel.legend(fontsize=8.5)
    return figure


def _during_training(rows: Sequence[Row]) -> Any:
    """Fig. 8: errors against iterations, with the paper's hours at the top."""
    figure, axes = new_figure(12, 4.3, 1, 2, sharey=True)
    per_hour = TEN_HOURS / 10
    for panel, (column, error) in zip(axes[0], _ERRORS.items(), strict=True):
        for series in LOOKS:
            _plot(panel, rows, series, column, markersize=3.5)
        panel.set_xlabel("iterations of 256 images")
        panel.set_title(error.capitalize())
        if max(row.x for row in rows if row.series != "paper") > per_hour:
            hours = panel.secondary_xaxis(
                "top", functions=(lambda x: x / per_hour, lambda x: x * per_hour)
            )
            hours.set_xlabel("hours of the paper's code")
    error_axis(axes[0, 0], "error (%)", log=True)
    axes[0, 0].legend(fontsize=8.5)
    return figure


def _all_filters(rows: Sequence[Row]) -> Any:
    """Fig. 9: all filters of both protocols."""
    figure, axes = new_figure(11, 5.4, 1, len(rows))
    for panel, row in zip(axes[0], rows, strict=True):
        FilterDisplay(np.asarray(row.filters)).plot(ax=panel)
        panel.set_title(LOOKS[row.series].label)
    return figure


def _heatmaps(name: str, rows: Sequence[Row]) -> Any:
    """Section 5.6: errors over two settings; training above test, the paper on the left."""
    from matplotlib.colors import LogNorm

    ys, xs = (list(dict.fromkeys(row.x[place] for row in rows)) for place in (0, 1))
    values = np.array([[row.train_error, row.test_error] for row in rows], float)
    low, high = max(0.5, values.min()), max(1.0, values.max())
    norm = LogNorm(low, high, clip=True)
    figure, axes = new_figure(13, 8.2, 2, 3, sharex=True, sharey=True)
    for line, (column, error) in zip(axes, _ERRORS.items(), strict=True):
        for panel, series in zip(line, ("paper", "published", "today"), strict=True):
            cells = curve(rows, series, column)
            grid = np.array([[cells[y, x] for x in xs] for y in ys])
            image = panel.imshow(grid, norm=norm, cmap="cividis_r", aspect="auto")
            for (i, j), value in np.ndenumerate(grid):
                text = f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
                colour = "white" if norm(value) > 0.5 else "black"
                panel.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
            panel.set_title(f"{LOOKS[series].label}: {error}", fontsize=10)
            panel.set_xticks(range(len(xs)), [str(x) for x in xs])
            panel.set_yticks(range(len(ys)), [str(y) for y in ys])
        line[0].set_ylabel(_axis_label(name, 0))
    for panel in axes[1]:
        panel.set_xlabel(_axis_label(name, 1))
    bar = figure.colorbar(image, ax=axes, label="error (%), logarithmic colour scale", shrink=0.7)
    ticks = [v for v in (0.5, 1, 2, 5, 10, 20, 50) if low <= v <= high]
    bar.ax.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    bar.ax.set_yticks([], minor=True)
    return figure


def _by_share(tables: Tables) -> Any:
    """Figs. 10 and 11: errors against the share of the training images."""
    figure, axes = new_figure(12, 5.2, 1, 2)
    for panel, column in zip(axes[0], ("test_error", "train_error"), strict=True):
        for name, who, marker in (("fig10", "HOG", "x"), ("fig11", "CNN", "D")):
            rows = tables.get(name, [])
            _plot(panel, rows, "paper", column, label=f"{who}, paper", marker=marker)
            for series, look in LOOKS.items():
                if series != "paper":
                    label = f"CNN, {look.label}" if name == "fig11" else look.label
                    _plot(panel, rows, series, column, label=label)
        panel.set_xlabel("share of the training images (%)")
        panel.set_title(_ERRORS[column].capitalize())
        error_axis(panel, f"{_ERRORS[column]} (%)", log="auto")
    legend_below(figure, axes[0, 0], 3)  # within the axes, six lines would hide the curves
    return figure


def _plot(
    panel: Any, rows: Sequence[Row], series: str, column: str = "test_error", **changes: Any
) -> None:
    """One series, if the rows have it, with error bars if there are several seeds."""
    values = curve(rows, series, column)
    if values:
        spread = curve(rows, series, f"{column}_sd") if column in _ERRORS else {}
        bars = [spread.get(x) for x in values]
        plot_series(panel, LOOKS[series], [*values], [*values.values()], bars, **changes)


def _axis_label(name: str, place: int = 0) -> str:
    x_name = EXPERIMENTS[name].x_names[place]
    return _AXES.get(x_name, x_name)
