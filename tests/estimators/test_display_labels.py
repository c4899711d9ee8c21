"""Class labels in figures: as text, never as a formula, whatever characters they have."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from skcnn.displays import EmbeddingDisplay, MisclassifiedDisplay, OcclusionDisplay
from skcnn.displays._common import label_text
from skcnn.displays._points import class_legend

X = np.random.default_rng(0).random((3, 8, 8, 1))
LABELS = {  # and what a figure shows
    "$x$": "$x$",
    "$x": "$x",
    "a_b$\\frac$": "a_b$\\frac$",
    "$\\alpha$ and $\\beta$": "$\\alpha$ and $\\beta$",
    "costs \\$5 or $6": "costs \\$5 or $6",
    "_hidden": "_hidden",
    "x^2_3": "x^2_3",
    "<script>alert(1)</script>": "<script>alert(1)</script>",
    "new\nline": "new\\nline",
    "\ttab": "\\ttab",
    "\x1b[31m": "\\x1b[31m",
    "a\x00b": "a\\x00b",
    "b\udcff": "b\\udcff",
    "Straße": "Straße",
    "n" * 5000: "n" * 39 + "…",
    np.str_("$y$"): "$y$",
    7: "7",
}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def drawn(place):
    """The text that Matplotlib draws, after what it does to dollar signs; False for a formula."""
    place.get_window_extent()  # an error for glyphs that are missing and for wrong formulas
    text, is_formula = place._preprocess_math(place.get_text())
    return not is_formula and text


@pytest.mark.parametrize(("label", "shown"), LABELS.items(), ids=range(len(LABELS)))
def test_labels_are_shown_as_they_are(label, shown):
    y = np.array([label, 8 if label == 7 else "ok"])
    other = label_text(y[1])
    wrong = MisclassifiedDisplay.from_predictions(X[:2], y, y[::-1], confidence=[0.5, 0.4])
    title = drawn(wrong.axes_[0, 0].title)
    assert title == f"true {shown}\npredicted {other} (0.50)"
    maps = OcclusionDisplay(X[:2], X[:2, ..., 0], y).plot()
    assert drawn(maps.axes_[0, 0].title) == shown
    points = EmbeddingDisplay([[0, 1], [2, 3]], y).plot()
    if legend := points.ax_.get_legend():  # not for labels of one character
        assert {drawn(text) for text in legend.get_texts()} == {shown, other}
    assert f"{label}" in points.points_


def test_labels_on_axes():
    """As the report of a comparison has them."""
    figure = Figure()
    display = ConfusionMatrixDisplay(np.eye(len(LABELS)), display_labels=[*map(label_text, LABELS)])
    axis = display.plot(ax=figure.subplots(), include_values=False).ax_.xaxis
    assert [drawn(label) for label in axis.get_ticklabels()] == list(LABELS.values())


def test_the_legend_of_a_figure():
    figure = Figure()
    points = {label: figure.subplots().scatter([0], [1]) for label in ("_a", "$\\frac$", "b")}
    class_legend(figure, points, loc="lower center")
    assert [drawn(text) for text in figure.legends[0].get_texts()] == [*points]
