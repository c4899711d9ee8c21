"""The pictures of the report, each a matplotlib figure; colours for the colour-blind."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skcnn.displays._common import GREY, plain_log_axis, show_image
from skcnn.study import published
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.data import Images
from skcnn.study.figures import new_figure
from skcnn.study.formatting import percent, seconds, size

EXAMPLES_PER_CLASS = 6
MOST_CLASSES = 12  # of which examples are shown


def examples(images: Images):
    """Some training images of every class, a column each."""
    labels = images.classes[:MOST_CLASSES]
    figure, axes = new_figure(
        0.8 * len(labels) + 0.2, 0.8 * EXAMPLES_PER_CLASS + 0.4, EXAMPLES_PER_CLASS, len(labels)
    )
    low, high = images.X_train.min(), images.X_train.max()
    for column, label in zip(axes.T, labels, strict=True):
        members = np.flatnonzero(images.y_train == label)[:EXAMPLES_PER_CLASS]
        column[0].set_title(str(label), fontsize=10)
        for row, panel in enumerate(column):
            if row < len(members):
                image = images.X_train[members[row]].reshape(images.image_shape)
                show_image(panel, image, low, high)
            else:
                panel.set_axis_off()
    return figure


def search_errors(search: dict[str, Any]):
    """Cross-validated error of every candidate, best first, a panel per contender."""
    figure, axes = new_figure(10, 3.6, 1, len(search), sharey=True)
    for panel, (key, found) in zip(axes[0], search.items(), strict=True):
        who, rows = CONTENDERS[key], found["rows"]
        panel.errorbar(
            np.arange(1, len(rows) + 1),
            [100 * row["error"] for row in rows],
            [100 * row["spread"] for row in rows],
            color=who.colour,
            marker=who.marker,
            markersize=4,
            linestyle="none",
            elinewidth=0.8,
            alpha=0.85,
        )
        panel.set_title(who.name)
        panel.set_xlabel("candidate, best first")
        panel.grid(alpha=0.3)
        panel.xaxis.get_major_locator().set_params(integer=True)
    _error_axis(axes[0, 0])
    axes[0, 0].set_ylabel("cross-validated error (%)")
    return figure


def test_errors(final: dict[str, Any]):
    """Test error of every contender with its 95 % interval."""
    figure, axes = new_figure(7, 0.55 * len(final) + 1.0)
    panel = axes[0, 0]
    for place, (key, result) in enumerate(final.items()):
        who = CONTENDERS[key]
        error = 100 * result["test_error"]
        low, high = (100 * bound for bound in result["interval"])
        panel.errorbar(
            error,
            place,
            xerr=[[max(0.0, error - low)], [max(0.0, high - error)]],
            color=who.colour,
            marker=who.marker,
            markersize=8,
            capsize=5,
        )
        panel.annotate(
            percent(result["test_error"]),
            (error, place),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
        )
    panel.set_yticks(range(len(final)), [CONTENDERS[key].name for key in final])
    panel.set_ylim(len(final) - 0.5, -0.7)
    panel.set_xlim(left=0)
    panel.set_xlabel("test error (%), with its 95 % interval")
    panel.grid(axis="x", alpha=0.3)
    return figure


def learning_curves(by_share: list[dict[str, Any]], is_mnist: bool):
    """Test and training error against the number of training images, as in Figs. 10 and 11."""
    figure, axes = new_figure(11, 5.0, 1, 2)
    sizes = [row["images"] for row in by_share]
    for panel, which in zip(axes[0], ("test", "train"), strict=True):
        for key, who in CONTENDERS.items():
            rows = [row for row in by_share if key in row["errors"]]
            spread = [row["errors"][key][f"{which}_error_se"] for row in rows]
            panel.errorbar(
                [row["images"] for row in rows],
                [100 * row["errors"][key][f"{which}_error"] for row in rows],
                [0.0 if value is None or math.isnan(value) else 100 * value for value in spread],
                color=who.colour,
                marker=who.marker,
                markersize=5,
                capsize=3,
                label=who.name,
            )
        panel.set_xscale("log")
        panel.set_xticks(
            sizes, [f"{n:,}\n{row['share']} %" for n, row in zip(sizes, by_share, strict=True)]
        )
        panel.set_xticks([], minor=True)
        panel.set_xlabel("training images, and their share of all")
        panel.grid(alpha=0.3)
    if is_mnist:
        _draw_published(axes[0, 0], min(sizes), max(sizes))
    _error_axis(axes[0, 0])
    axes[0, 0].set_ylabel("test error (%)")
    axes[0, 1].set_ylabel("training error (%)")
    axes[0, 1].set_ylim(bottom=0)
    axes[0, 0].set_title("Test error")
    axes[0, 1].set_title("Training error")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=9)
    return figure


def _draw_published(panel, fewest: int, most: int) -> None:
    """The paper's two test curves, thin and grey."""
    for curve, style, label in (
        (published.FIG10_TEST, "--", "HOG + SVM, paper of 2014"),
        (published.FIG11_TEST, ":", "CNN, paper of 2014"),
    ):
        points = [(600 * share, error) for share, error in curve.items()]
        shown = [point for point in points if fewest <= point[0] <= most]
        if shown:
            panel.plot(*zip(*shown, strict=True), style, color=GREY, linewidth=1, label=label)


def _error_axis(panel) -> None:
    """A logarithmic axis of percent with plain numbers, if all errors are above zero.

    For several panels with a shared axis, their lines count together.
    """
    panels = panel.get_shared_y_axes().get_siblings(panel)
    lines = [line.get_ydata() for one in panels for line in one.get_lines()]
    values = np.concatenate(lines).astype(float)
    if values.min() <= 0:
        panel.set_ylim(bottom=0)
    else:
        plain_log_axis(panel)


def costs(final: dict[str, Any], test_images: int):
    """Bars of what training, predicting and keeping each contender costs."""
    kinds = [
        ("training time", lambda r: r["fit_seconds"], seconds),
        ("prediction time per image", lambda r: r["predict_seconds"] / test_images, seconds),
        ("extra memory at the peak", lambda r: r["peak_bytes"], size),
        ("size of the fitted model", lambda r: r["model_bytes"], size),
    ]
    kinds = [kind for kind in kinds if all(kind[1](r) is not None for r in final.values())]
    figure, axes = new_figure(11, 0.4 * len(final) + 1.1, 1, len(kinds), sharey=True)
    names = [CONTENDERS[key].name for key in final]
    for panel, (title, value, unit) in zip(axes[0], kinds, strict=True):
        values = [value(result) for result in final.values()]
        bars = panel.barh(names, values, color=[CONTENDERS[key].colour for key in final])
        panel.bar_label(bars, [unit(v) for v in values], padding=3, fontsize=9)
        panel.set_xlim(0, 1.55 * max(values))
        panel.set_xticks([])
        panel.set_title(title, fontsize=10)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    return figure


def confusions(final: dict[str, Any], y_test: NDArray, classes: NDArray):
    """Confusion matrices; the colours are spread over the mistakes."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    side = max(3.2, 0.33 * len(classes) + 0.3)
    figure, axes = new_figure(
        side * len(final) + 0.4, side + 0.7, 1, len(final), layout="compressed"
    )
    for panel, (key, result) in zip(axes[0], final.items(), strict=True):
        matrix = confusion_matrix(y_test, np.asarray(result["predicted"]), labels=classes)
        mistakes = int((matrix - np.diag(np.diag(matrix))).max())
        # The scale ends early: mistakes, a few among thousands, would all look like zero on it.
        ConfusionMatrixDisplay(matrix, display_labels=classes).plot(
            ax=panel,
            colorbar=False,
            cmap="Blues",
            im_kw={"vmin": 0, "vmax": max(1.0, 2.5 * mistakes)},
            text_kw={"fontsize": 7},
            xticks_rotation="horizontal" if len(classes) <= 12 else "vertical",
        )
        panel.set_title(CONTENDERS[key].name)
    for panel in axes[0, 1:]:
        panel.set_ylabel("")
    return figure
