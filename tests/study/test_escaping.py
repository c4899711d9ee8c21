"""Labels and names with any characters: reports and tables show them as they are."""

import csv
import io
from collections import defaultdict
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from helpers.made_up import CONTENDERS, final_fit, made_up
from hypothesis import given, settings
from hypothesis import strategies as st

from skcnn.displays._common import label_texts
from skcnn.study import paper2014
from skcnn.study.comparison.figures import examples
from skcnn.study.comparison.report import write_report
from skcnn.study.comparison.settings import Settings
from skcnn.study.comparison.tables import as_dict, write_results
from skcnn.study.data import Images
from skcnn.study.html import Page, escape
from skcnn.study.paper2014.report import write_report as write_paper
from skcnn.study.provenance import Environment
from skcnn.study.store import write_csv, write_text

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=1>',
    "' onload='alert(1)",
    "</title><script src=//x>",
    "</style></main>",
    "-->",
    "<!-- ",
    "&amp; &lt;b&gt; &#x3c;",
    "$\\alpha$",
    "javascript:alert(1)",
    "a\nb",
    "a,b;c\td",
    '"quoted"',
    "=1+1",
    "@SUM(A1)",
    " spaces ",
    "Straße 猫",
    "n" * 5000,
    np.str_("<i>"),
]
ATTRIBUTES = {  # of the tags of a report; the others have none
    "html": {"lang"},
    "meta": {"charset", "name", "content"},
    "p": {"class"},
    "div": {"class"},
    "th": {"class"},
    "td": {"class"},
    "h2": {"id"},
    "a": {"href"},
    "img": {"style", "alt", "src"},
}
BARE = {
    *("head", "title", "style", "body", "main", "nav", "h1", "b", "em", "code", "pre", "br"),
    *("ul", "ol", "li", "table", "caption", "tr", "figure", "figcaption"),
}


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and its text. All but the void ones are closed."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self.open, self.comments = [], "", [], []
        self.feed(html)
        self.close()
        assert not self.open
        assert not self.comments

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.comments.append(data)


def check_page(html, text):
    """The page has only known tags and attributes, loads nothing, and shows the text."""
    page = Parsed(html)
    for tag, attributes in page.tags:
        assert tag in ATTRIBUTES or tag in BARE
        assert attributes.keys() <= ATTRIBUTES.get(tag, set())
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    assert str(text) in page.text
    return page


@pytest.fixture
def figures(tmp_path):
    (tmp_path / "a.png").write_bytes(b"pixels")
    return defaultdict(lambda: tmp_path / "a.png")


def hostile_images(text):
    labels = np.array([f"{text}", "other"])
    X = np.zeros((100, 4))
    return Images(text, f"From {text}.", X, labels[np.arange(100) % 2], X, labels[[0] * 100])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_names_in_both_reports(text, figures, monkeypatch):
    """Of the data, of folders, in settings and in conclusions."""
    monkeypatch.setattr(Settings, "contenders", CONTENDERS)
    images = hostile_images(text)
    environment = Environment("2000-01-01", text, 1, {"skcnn": text})
    results = replace(made_up(images=hostile_images("plain")), environment=environment)
    plain = check_page(write_report(results, ["."], figures), "on plain")
    results = replace(
        results,
        images=images,
        settings=replace(results.settings, data=f"folder/{text}"),
        params={key: {"svc__C": text} for key in CONTENDERS},
    )
    page = check_page(write_report(results, [f"So {text}."], figures), text)
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in plain.tags]
    for shown in (f"on {text}", f"From {text}.", f"C={text}", f"So {text}.", f"; {text}, 1 core"):
        assert shown in page.text
    given = paper2014.settings.Settings(data=f"folder/{text}", out=Path("unused"))
    html = write_paper(given, images, {}, {}, [], figures, 1.0)
    assert f"are for {text}, the paper's" in check_page(html, text).text


@settings(max_examples=40)
@given(st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=40))
def test_plain_text_of_a_page(text):
    page = Page(text)
    page.opening(text, text)
    page.section(text).text(escape(text)).items([escape(text)])
    page.table(escape(text), [text], [[escape(text)]])
    parsed = check_page(page.render(), text)
    assert len(parsed.tags) == 26
    assert parsed.text.count(text) >= 9


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_figures_have_the_beginning_of_the_caption_as_text(text, figures):
    page = Page("A")
    page.figure(figures["a"], f"About {escape(text)}, and more.")
    page.figure(figures["a"], "Other.", text)
    parsed = check_page(page.render(), f"About {text}, and more.")
    shown = [attributes["alt"] for tag, attributes in parsed.tags if tag == "img"]
    assert shown == [f"About {text}, and more.", text]


def rows_of(path):
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8"), newline="")))


CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=40)
@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), min_size=1, max_size=3))
def test_tables_give_back_every_cell(tmp_path_factory, rows):
    """Also a carriage return alone, with which a line might end."""
    path = tmp_path_factory.getbasetemp() / "table.csv"
    for cells in (rows, [["a\rb", "\r"], ["\r\n", "=1+1"]]):
        write_csv(path, ["a\rb", "c"], cells)
        assert rows_of(path) == [["a\rb", "c"], *cells]
        assert path.read_bytes().startswith(b'"a\rb",c\n')


@pytest.mark.parametrize("text", [*HOSTILE, "a\rb"], ids=range(len(HOSTILE) + 1))
def test_labels_in_the_table_of_predictions(text, tmp_path, monkeypatch):
    monkeypatch.setattr(Settings, "contenders", CONTENDERS)
    images = hostile_images(text)
    fits = {key: replace(final_fit(), predicted=images.y_test.tolist()) for key in CONTENDERS}
    results = made_up(images=images, final=fits)
    write_results(as_dict(results, [text]), images, tmp_path)
    header, *rows = rows_of(tmp_path / "tables" / "predictions.csv")
    assert header[:3] == ["image", "true", "cnn_said"]
    assert [row[1:3] for row in rows] == [[text, text]] * 100


def test_names_of_files_in_another_encoding(tmp_path):
    """Their bytes that are not UTF-8 are surrogates, which a text file cannot have."""
    write_text(tmp_path / "text", "a\udcffb")
    assert (tmp_path / "text").read_text(encoding="utf-8") == "a\\udcffb"
    write_csv(tmp_path / "table", ["a\udcffb"], [])
    assert rows_of(tmp_path / "table") == [["a\\udcffb"]]


def test_labels_above_examples():
    text = "a_b$\\frac$\n"
    images = hostile_images(text)
    title = examples(images).axes[0].title
    title.get_window_extent()
    assert label_texts([text]) == [title.get_text()]
