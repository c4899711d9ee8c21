"""The paper's figures, drawn anew, with the paper's values in the same axes.

Colours and markers both tell the series apart, for the colour-blind and for paper.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.displays import FilterDisplay
from skcnn.displays._common import BLUE, GREEN, GREY, ORANGE, VERMILION, plain_log_axis
from skcnn.study.figures import new_figure
from skcnn.study.paper2014.settings import TEN_HOURS
from skcnn.study.paper2014.tables import Row, Tables


@dataclass(frozen=True)
class Look:
    """How a series is drawn."""

    label: str
    colour: str
    marker: str
    line: str = "-"


LOOKS = {
    "paper": Look("the paper (2014)", GREY, "D", "--"),
    "published": Look("as published, rerun", BLUE, "o"),
    "today": Look("trained today", VERMILION, "s"),
    "HOG of 2014": Look("HOG + SVM, as in 2014", GREEN, "^"),
    "HOG tuned": Look("HOG + SVC, tuned", ORANGE, "v"),
    "last commit": Look("rate 5 / (50 + i), momentum 0.95", GREEN, "^"),
    "longer": Look("twice the iterations", ORANGE, "v"),
}
X_LABELS = {
    "table2": {"32-16": "32, then 16"},
    "sec5.5": {
        "softmax": "default\n(softmax, mini-batches)",
        "sigmoid": "sigmoid output,\nsquared error",
        "gradient descent": "gradient descent on all\nimages, 5 iterations",
    },
    "reasons": {
        "none": "no hidden layer",
        "10": "10 hidden neurons",
        "sigmoid": "sigmoid output",
        "gradient descent": "gradient descent",
    },
}


def draw(tables: Tables, filters: dict[str, NDArray]) -> dict[str, Callable[[], Any]]:
    """Functions that draw the figures for which there are tables, by file name.

    Parameters
    ----------
    tables : dict
        Of `make_tables`.
    filters : dict of str to ndarray of shape (k, h, w, channels)
        By protocol, for Fig. 9.
    """
    makers = {
        "table2": lambda: by_name(
            tables["table2"], X_LABELS["table2"], "neurons of the hidden layers"
        ),
        "fig2": lambda: error_and_time(tables["fig2"], "filter size (pixels per side)"),
        "fig4": lambda: error_and_time(tables["fig4"], "number of filters", log=True),
        "fig6": lambda: error_and_time(tables["fig6"], "pooling regions per side"),
        "sec5.5": lambda: by_name(tables["sec5.5"], X_LABELS["sec5.5"], log=True),
        "fig8": lambda: over_time(tables["fig8"]),
        "fig9": lambda: all_filters(filters),
        "heatmap1": lambda: heatmaps(
            tables["heatmap1"], "pooling regions per side", "filter size (pixels)"
        ),
        "heatmap2": lambda: heatmaps(
            tables["heatmap2"], "filter size (pixels)", "number of filters"
        ),
        "reasons": lambda: by_name(tables["reasons"], X_LABELS["reasons"], log=True),
    }
    chosen = {name: maker for name, maker in makers.items() if name in tables}
    if "fig10" in tables or "fig11" in tables:
        chosen["fig10_11"] = lambda: shares(tables.get("fig10", []), tables.get("fig11", []))
    return chosen


def by_name(rows: Sequence[Row], labels: dict[str, str], name: str = "", *, log: bool = False):
    """Table 2, section 5.5: test error by a setting that has names, not numbers."""
    figure, axes = new_figure(8, 3.6)
    panel = axes[0, 0]
    names = list(dict.fromkeys(row["x"] for row in rows))
    for series in LOOKS:
        _plot(panel, rows, series, "test_error", place=names.index, line="none")
    panel.set_xticks(range(len(names)), [labels.get(x, x) for x in names])
    panel.set_xlim(-0.4, len(names) - 0.6)
    panel.set_xlabel(name)
    _finish(panel, "test error (%)", log=log)
    return figure


def error_and_time(rows: Sequence[Row], name: str, *, log: bool = False):
    """Test and training error, and time per iteration, against one setting."""
    figure, axes = new_figure(12, 3.9, 1, 3)
    for series in ("paper", "published", "today"):
        _plot(axes[0, 0], rows, series, "test_error")
        if series != "paper":
            _plot(axes[0, 1], rows, series, "train_error")
        if series != "today":
            _plot(axes[0, 2], rows, series, "seconds_per_iteration")
    axes[0, 0].set_title("Test error")
    axes[0, 1].set_title("Training error (not in the paper)")
    axes[0, 2].set_title("Time of an iteration (256 images)")
    xs = sorted({row["x"] for row in rows})
    for panel in axes[0]:
        if log:
            panel.set_xscale("log")
        panel.set_xticks(xs, [str(x) for x in xs])
        panel.set_xticks([], minor=True)
        panel.set_xlabel(name)
    _finish(axes[0, 0], "test error (%)", log="auto")
    _finish(axes[0, 1], "training error (%)", log="auto")
    _finish(axes[0, 2], "seconds", log=True)
    return figure


def over_time(rows: Sequence[Row]):
    """Fig. 8: errors against iterations, with the paper's hours on top."""
    figure, axes = new_figure(12, 4.3, 1, 2, sharey=True)
    last = max(row["x"] for row in rows if row["series"] != "paper")
    hours = TEN_HOURS / 10
    for panel, which in zip(axes[0], ("train", "test"), strict=True):
        for series in ("paper", "published", "today"):
            _plot(panel, rows, series, f"{which}_error", size=3.5)
        panel.set_xlabel("iterations of 256 images")
        panel.set_title("Training error" if which == "train" else "Test error")
        if last > hours:
            top = panel.secondary_xaxis("top", functions=(lambda x: x / hours, lambda x: x * hours))
            top.set_xlabel("hours of the paper's code")
    _finish(axes[0, 0], "error (%)", log=True)
    axes[0, 1].grid(alpha=0.3)
    return figure


def all_filters(filters: dict[str, NDArray]):
    """Fig. 9: all filters of both protocols."""
    figure, axes = new_figure(11, 5.4, 1, len(filters))
    for panel, (series, weights) in zip(axes[0], filters.items(), strict=True):
        FilterDisplay(weights).plot(ax=panel)
        panel.set_title(LOOKS[series].label)
    return figure


def heatmaps(rows: Sequence[Row], y_name: str, x_name: str):
    """Section 5.6: error over two settings, training above test, the paper left."""
    from matplotlib.colors import LogNorm

    series = ["paper", "published", "today"]
    ys = list(dict.fromkeys(row["x"][0] for row in rows))
    xs = list(dict.fromkeys(row["x"][1] for row in rows))
    values = np.array([row[c] for row in rows for c in ("train_error", "test_error")], float)
    norm = LogNorm(max(0.5, values.min()), max(1.0, values.max()), clip=True)
    figure, axes = new_figure(13, 8.2, 2, 3, sharex=True, sharey=True)
    for line, which in zip(axes, ("train", "test"), strict=True):
        for panel, name in zip(line, series, strict=True):
            cells = {r["x"]: r[f"{which}_error"] for r in rows if r["series"] == name}
            grid = np.array([[cells[y, x] for x in xs] for y in ys])
            image = panel.imshow(grid, norm=norm, cmap="cividis_r", aspect="auto")
            for (i, j), value in np.ndenumerate(grid):
                dark = norm(value) > 0.5
                text = f"{value:.0f}" if value >= 9.95 else f"{value:.1f}"
                colour = "white" if dark else "black"
                panel.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
            kind = "training" if which == "train" else "test"
            panel.set_title(f"{LOOKS[name].label}: {kind} error", fontsize=10)
            panel.set_xticks(range(len(xs)), [str(x) for x in xs])
            panel.set_yticks(range(len(ys)), [str(y) for y in ys])
        line[0].set_ylabel(y_name)
    for panel in axes[1]:
        panel.set_xlabel(x_name)
    figure.colorbar(image, ax=axes, label="error (%), logarithmic colours", shrink=0.7)
    ticks = [v for v in (0.5, 1, 2, 5, 10, 20, 50) if norm.vmin <= v <= norm.vmax]
    figure.axes[-1].set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    figure.axes[-1].set_yticks([], minor=True)
    return figure


def shares(hog: Sequence[Row], cnn: Sequence[Row]):
    """Figs. 10 and 11: errors against the share of the training images."""
    figure, axes = new_figure(12, 5.2, 1, 2)
    for panel, which in zip(axes[0], ("test", "train"), strict=True):
        column = f"{which}_error"
        for rows, label, mark in ((hog, "HOG + SVM", "x"), (cnn, "CNN", "D")):
            _plot(panel, rows, "paper", column, label=f"{label}, the paper (2014)", marker=mark)
            for series in ("published", "today", "HOG of 2014", "HOG tuned"):
                prefix = "" if "HOG" in series else "CNN, "
                _plot(panel, rows, series, column, label=prefix + LOOKS[series].label)
        panel.set_xlabel("share of the training images (%)")
        panel.set_title("Test error" if which == "test" else "Training error")
    _finish(axes[0, 0], "test error (%)", log="auto")
    _finish(axes[0, 1], "training error (%)")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    for panel in axes[0]:
        panel.get_legend().remove()  # six lines would hide the curves
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return figure


def _plot(panel, rows, series, column, *, place=None, line=None, size=5.5, label=None, marker=None):
    """One series with error bars where there are several seeds."""
    chosen = [r for r in rows if r["series"] == series and r[column] is not None]
    if not chosen:
        return
    look = LOOKS[series]
    spread = [r.get(f"{column}_sd") or 0.0 for r in chosen]
    panel.errorbar(
        [place(r["x"]) if place else r["x"] for r in chosen],
        [r[column] for r in chosen],
        spread if any(spread) else None,
        color=look.colour,
        marker=marker or look.marker,
        markerfacecolor="white" if series == "paper" and marker != "x" else look.colour,
        markersize=size,
        linestyle=line or look.line,
        linewidth=1.4,
        capsize=3,
        label=label or look.label,
    )


def _finish(panel, name: str, *, log: bool | str = False) -> None:
    """Axis label, grid, legend; a logarithmic axis if asked for, or if the values call for it."""
    values = np.concatenate([bar[0].get_ydata() for bar in panel.containers]).astype(float)
    positive = values.size > 0 and values.min() > 0
    if log == "auto":
        log = positive and values.max() > 8 * values.min()
    if log and positive:
        plain_log_axis(panel)
    else:
        panel.set_ylim(bottom=0)
    panel.set_ylabel(name)
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8.5)
