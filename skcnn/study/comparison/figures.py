"""The figures of the report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np

from skcnn.displays import FilterDisplay, LossCurveDisplay, MisclassifiedDisplay
from skcnn.displays._common import GREY, label_texts, show_image
from skcnn.study import published
from skcnn.study.comparison.contenders import CONTENDERS
from skcnn.study.comparison.figures_learned import (
    learned,
    maps,
    occlusion,
    reconstructions,
    to_explain,
)
from skcnn.study.comparison.measured import FinalFit, Search
from skcnn.study.comparison.results import Results, ShareErrors
from skcnn.study.data import MNIST_TRAIN_IMAGES, Images, share_of
from skcnn.study.figures import (
    PANELS_PER_ROW,
    Look,
    error_axis,
    legend_below,
    new_figure,
    panels_for,
    plot_series,
    save_figures,
)
from skcnn.study.formatting import percent, seconds, size
from skcnn.study.progress import Reporter

DPI = 130
FEATURE_FIGURES = ("reconstructions", "maps")  # only in a comparison of features
MAX_CLASSES, IMAGES_PER_CLASS = 12, 6  # in the figure of examples
MAX_MISTAKES, MISTAKES_PER_ROW = 24, 8
MOST_SHARES = 7  # on the axis of the learning curves; more do not fit side by side
PAPER_CURVES = (
    (Look("HOG + SVM, Bastani and Wang (2014)", GREY, "", "--"), published.FIG10_TEST),
    (Look("CNN, Bastani and Wang (2014)", GREY, "", ":"), published.FIG11_TEST),
)


def draw(
    results: Results, models: dict[str, Path], folder: Path, reporter: Reporter
) -> dict[str, Path]:
    """Draw all figures; return the paths of their PNG files by name."""
    final, images = results.final, results.images
    fitted = {key: joblib.load(path) for key, path in models.items()}
    cnn, hog_svc = fitted["cnn"], fitted["hog_svc"]
    chosen = to_explain(final, images)
    makers: dict[str, Callable[[], Any]] = {
        "examples": partial(examples, images),
        "search": partial(search_errors, results.search),
        "test_errors": partial(test_errors, final),
        "learning_curves": partial(
            learning_curves, results.by_share, images, results.settings.unit_of_curves
        ),
        "costs": partial(costs, final),
        "confusions": partial(confusions, final, images),
        **{f"mistakes_{key}": partial(mistakes, fit, images) for key, fit in final.items()},
        "filters": partial(learned, FilterDisplay, cnn, 4.6),
        "filters_patches": partial(learned, FilterDisplay, fitted["patches"], 4.6),
        "training": partial(learned, LossCurveDisplay, cnn, 3.4),
        "occlusion_cnn": partial(occlusion, "cnn", cnn, chosen, images),
        "occlusion_hog_svc": partial(occlusion, "hog_svc", hog_svc, chosen, images),
    }
    if results.settings.features:
        makers["filters_autoencoder"] = partial(learned, FilterDisplay, fitted["autoencoder"], 4.6)
        makers["reconstructions"] = partial(reconstructions, fitted["autoencoder"], images)
        makers["maps"] = partial(maps, fitted, images)
    return save_figures(makers, folder, reporter, dpi=DPI)


def examples(images: Images) -> Any:
    """Training images, a column for each class."""
    labels = images.classes[:MAX_CLASSES]
    figure, axes = new_figure(
        0.8 * len(labels) + 0.2, 0.8 * IMAGES_PER_CLASS + 0.4, IMAGES_PER_CLASS, len(labels)
    )
    low, high = images.X_train.min(), images.X_train.max()
    for column, label, text in zip(axes.T, labels, label_texts(labels), strict=True):
        members = np.flatnonzero(images.y_train == label)[:IMAGES_PER_CLASS]
        column[0].set_title(text, fontsize=10)
        for panel in column[len(members) :]:
            panel.set_axis_off()
        for panel, index in zip(column, members, strict=False):
            show_image(panel, images.X_train[index].reshape(images.image_shape), low, high)
    return figure


def search_errors(searches: dict[str, Search]) -> Any:
    """Cross-validated error of every candidate, a panel for each contender.

    Markers of candidates that were tried only with fewer images than the best are hollow.
    """
    figure, panels = panels_for(searches, 3.4, 3.2, sharey=True)
    for panel, (key, found) in zip(panels, searches.items(), strict=True):
        ranked = list(enumerate(found.rows, start=1))
        for images in found.sizes:
            rows = {rank: row for rank, row in ranked if row.images == images}
            plot_series(
                panel,
                replace(CONTENDERS[key].look, hollow=images < found.sizes[0]),
                [*rows],
                [100 * row.error for row in rows.values()],
                [100 * row.spread for row in rows.values()],
                markersize=4,
                linestyle="none",
                elinewidth=0.8,
                capsize=0,
                alpha=0.85,
            )
        panel.set_title(CONTENDERS[key].look.label)
        panel.set_xlabel("rank of the candidate")
        panel.xaxis.get_major_locator().set_params(integer=True)
    for panel in panels[::PANELS_PER_ROW]:
        error_axis(panel, "cross-validated error (%)", log=True)
    return figure


def test_errors(final: dict[str, FinalFit]) -> Any:
    """Test error of every contender with its 95 % interval."""
    figure, axes = new_figure(7, 0.55 * len(final) + 1.0)
    panel = axes[0, 0]
    for row, (key, fit) in enumerate(final.items()):
        error = 100 * fit.test_error
        low, high = (100 * bound for bound in fit.interval)
        bars = [[max(0.0, error - low)], [max(0.0, high - error)]]
        look = CONTENDERS[key].look
        plot_series(panel, look, [error], [row], xerr=bars, markersize=8, capsize=5)
        panel.annotate(
            percent(fit.test_error),
            (error, row),
            xytext=(0, 8),
            textcoords="offset points",
            ha="center",
        )
    panel.set_yticks(range(len(final)), [CONTENDERS[key].look.label for key in final])
    panel.set_ylim(len(final) - 0.5, -0.7)
    panel.set_xlim(left=0)
    panel.set_xlabel("test error (%) with 95 % interval")
    panel.grid(axis="x", alpha=0.3)
    return figure


def learning_curves(
    by_share: list[ShareErrors], images: Images, what: str = "training images"
) -> Any:
    """Test and training error against the number of `what`, as in Figs. 10 and 11."""
    figure, axes = new_figure(11, 5.0, 1, 2)
    sizes = [row.images for row in by_share]
    few = len(by_share) <= MOST_SHARES
    labels, axis = [f"{row.images:,}" for row in by_share], f"number of {what}"
    if few:
        labels = [f"{row.images:,}\n{row.share:.3g} %" for row in by_share]
        axis = f"number and share of {what}"
    keys = dict.fromkeys(key for row in by_share for key in row.errors)
    errors = {"test_error": "Test error", "train_error": "Training error"}
    for panel, (column, title) in zip(axes[0], errors.items(), strict=True):
        for key in keys:
            rows = [row for row in by_share if key in row.errors]
            plot_series(
                panel,
                CONTENDERS[key].look,
                [row.images for row in rows],
                [100 * getattr(row.errors[key], column) for row in rows],
                [100 * getattr(row.errors[key], f"{column}_se") for row in rows],
            )
        if images.is_mnist and column == "test_error":
            for look, curve in PAPER_CURVES:
                paper = {share_of(MNIST_TRAIN_IMAGES, share): y for share, y in curve.items()}
                shown = [n for n in paper if min(sizes) <= n <= max(sizes)]
                if shown:
                    plot_series(panel, look, shown, [paper[n] for n in shown], linewidth=1)
        panel.set_xscale("log")
        panel.set_xticks(sizes, labels, fontsize="medium" if few else "small")
        panel.set_xticks([], minor=True)
        panel.set_xlabel(axis)
        panel.set_title(title)
        error_axis(panel, f"{title.lower()} (%)", log=column == "test_error")
        if panel.dataLim.ymax == 0:  # Matplotlib would choose a tiny range
            panel.set_ylim(0, 1)
    legend_below(figure, axes[0, 0], 4)
    return figure


def costs(final: dict[str, FinalFit]) -> Any:
    """Bars of the time, memory and model size of every contender."""
    fits = final.values()
    per_image = [fit.predict_seconds / fit.tested for fit in fits]
    kinds: list[tuple[str, list[Any], Callable[[Any], str]]] = [
        ("training time", [fit.fit_seconds for fit in fits], seconds),
        ("prediction time per image", per_image, seconds),
        ("additional memory (peak)", [fit.peak_bytes for fit in fits], size),
        ("size of the fitted model", [fit.model_bytes for fit in fits], size),
    ]
    kinds = [kind for kind in kinds if None not in kind[1]]
    figure, axes = new_figure(11, 0.4 * len(final) + 1.1, 1, len(kinds), sharey=True)
    names = [CONTENDERS[key].look.label for key in final]
    colours = [CONTENDERS[key].look.colour for key in final]
    for panel, (title, values, unit) in zip(axes[0], kinds, strict=True):
        bars = panel.barh(names, values, color=colours)
        panel.bar_label(bars, [unit(v) for v in values], padding=3, fontsize=9)
        panel.set_xlim(0, 1.55 * max(values))
        panel.set_xticks([])
        panel.set_title(title, fontsize=10)
        panel.spines[["top", "right", "bottom"]].set_visible(False)
    axes[0, 0].invert_yaxis()
    return figure


def confusions(final: dict[str, FinalFit], images: Images) -> Any:
    """Confusion matrices."""
    from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

    classes = images.classes
    side = max(3.2, 0.33 * len(classes) + 0.3)
    figure, panels = panels_for(final, side, side + 0.7, layout="compressed")
    for number, (panel, (key, fit)) in enumerate(zip(panels, final.items(), strict=True)):
        matrix = confusion_matrix(images.y_test, fit.labels(images), labels=classes)
        mistakes = int((matrix - np.diag(np.diag(matrix))).max())
        # On a scale up to the correct answers the few mistakes would all look like zero.
        ConfusionMatrixDisplay(matrix, display_labels=label_texts(classes)).plot(
            ax=panel,
            colorbar=False,
            cmap="Blues",
            im_kw={"vmin": 0, "vmax": max(1.0, 2.5 * mistakes)},
            text_kw={"fontsize": 7},
            xticks_rotation="horizontal" if len(classes) <= MAX_CLASSES else "vertical",
        )
        panel.set_title(CONTENDERS[key].look.label)
        if number % PANELS_PER_ROW:
            panel.set_ylabel("")
    return figure


def mistakes_per_row(wrong: int) -> int:
    """Images in a row of the figure of mistakes."""
    return min(max(wrong, 3), MISTAKES_PER_ROW)


def mistakes(fit: FinalFit, images: Images) -> Any:
    """The test images that a contender gets wrong, the most confident mistakes first."""
    columns = mistakes_per_row(fit.wrong)
    rows = max(1, -(-min(fit.wrong, MAX_MISTAKES) // columns))
    figure, axes = new_figure(1.25 * columns, 1.75 * rows + 0.1)
    MisclassifiedDisplay.from_predictions(
        images.X_test,
        images.y_test,
        fit.labels(images),
        confidence=fit.confidence,
        image_shape=images.image_shape,
        ax=axes[0, 0],
        max_images=MAX_MISTAKES,
        columns=columns,
    )
    return figure
