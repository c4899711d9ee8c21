"""Class labels in figures: as text, never as a formula, whatever characters they have."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

from skcnn.displays import EmbeddingDisplay, MisclassifiedDisplay, OcclusionDisplay
from skcnn.displays._common import label_texts
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
    (other,) = label_texts(y[1:])
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
    display = ConfusionMatrixDisplay(np.eye(len(LABELS)), display_labels=label_texts(LABELS))
    axis = display.plot(ax=figure.subplots(), include_values=False).ax_.xaxis
    assert [drawn(label) for label in axis.get_ticklabels()] == list(LABELS.values())


def test_the_legend_of_a_figure():
    figure = Figure()
    points = {label: figure.subplots().scatter([0], [1]) for label in ("_a", "$\\frac$", "b")}
    class_legend(figure, points, loc="lower center")
    assert [drawn(text) for text in figure.legends[0].get_texts()] == [*points]


LONG = "a long name of a class that goes on and on"
ALIKE = {  # labels, and what a figure shows
    "end": ((f"{LONG} A", f"{LONG} B"), ("a long name of a cla…t goes on and on A", "…B")),
    "middle": ((f"{LONG} A {LONG}", f"{LONG} B {LONG}"), ("…that goes on and on (1)", "… (2)")),
    "escaped": (("a\nb", "a\\nb", "c"), ("a\\nb (1)", "a\\nb (2)", "c")),
    "numbered": (("a\tb", "a\\tb", "a\\tb (1)"), ("a\\tb (1) (1)", "a\\tb (2)", "a\\tb (1) (2)")),
    "formulas": ((f"${LONG}$", f"${LONG}$$"), ("$a long name of a cl…t goes on and on$", "…$$")),
}


@pytest.mark.parametrize(("labels", "shown"), ALIKE.values(), ids=ALIKE)
def test_different_labels_are_shown_as_different_texts(labels, shown):
    n = len(labels)
    y, images = np.array(labels), np.repeat(X[:1], n, axis=0)
    others = np.roll(y, 1)
    legend = EmbeddingDisplay(np.eye(n, 2), y).plot().ax_.get_legend()
    texts = dict(zip(np.unique(y), map(drawn, legend.get_texts()), strict=True))
    assert len(set(texts.values())) == n
    for label, ends in zip(labels, shown, strict=True):
        start, _, end = ends.rpartition("…")
        assert texts[label].startswith(start)
        assert texts[label].endswith(end)
        assert len(texts[label]) <= 50
    titles = [drawn(ax.title) for ax in OcclusionDisplay(images, images[..., 0], y).plot().axes_[0]]
    assert len({*titles}) == n
    wrong = MisclassifiedDisplay.from_predictions(images, y, others)
    for ax in wrong.axes_.flat[:n]:
        true, predicted = drawn(ax.title).splitlines()
        assert true.removeprefix("true ") != predicted.removeprefix("predicted ")


def test_texts_are_in_the_order_of_the_labels():
    labels = [f"{LONG} B", 3, f"{LONG} A", 3, f"{LONG} B"]
    texts = label_texts(labels)
    assert [text[-1] for text in texts] == ["B", "3", "A", "3", "B"]
    assert label_texts([]) == []


CLASSES = {
    "float": [1000001.0, 1000002.0, 1000003.0],
    "large float": [1e16, np.nextafter(1e16, np.inf), 1e300],
    "float16": np.float16([0, 1, 2048]),
    "float32": np.float32([2**24 - 1, 2**24, 2**60]),
    "negative zero": [-0.0, 1.0],
    "int": [10**15, 10**15 + 1, -(10**15)],
    "bool": [False, True],
    "date": np.array(["2020-01-01", "2020-01-01T00:00:00.000000001"], "M8[ns]"),
    "duration": np.array([0, 1, 10**15], "m8[ns]"),
    "object": np.array([LONG, f"{LONG}!", LONG[:-1]], dtype=object),
}


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_has_points_of_its_own(name):
    classes = np.asarray(CLASSES[name])
    y, places = np.tile(classes, 4), np.arange(8.0 * len(classes)).reshape(-1, 2)
    display = EmbeddingDisplay.from_embedding(places, y)
    found = sorted(points.get_offsets().data.tolist() for points in display.points_.values())
    assert found == sorted(places[y == label].tolist() for label in classes)
    if legend := display.ax_.get_legend():
        assert len({drawn(text) for text in legend.get_texts()}) == len(classes)


def test_names_of_whole_numbers():
    display = EmbeddingDisplay.from_embedding(np.eye(4, 2), [1000001.0, -0.0, 5e15, 1e300])
    assert list(display.points_) == ["0", "1000001", "5000000000000000", "1e+300"]


def test_a_class_with_the_name_of_all_others():
    y = [f"class {i:02d}" for i in range(58)]
    y[:2] = "3 other classes", "class 02"  # 57 classes: 56 are coloured
    y = [*y, *y[:20]]
    display = EmbeddingDisplay.from_embedding(np.zeros((len(y), 2)), y)
    assert "1 other classes" in display.points_
    y = [label.replace("3 other", "1 other") for label in y]
    display = EmbeddingDisplay.from_embedding(np.zeros((len(y), 2)), y)
    assert list(display.points_)[-1] == "(1 other classes)"
    counts = {label: len(points.get_offsets()) for label, points in display.points_.items()}
    assert counts["1 other classes"] == 2
    assert sum(counts.values()) == len(y)
