"""The manual: its code runs, its links lead somewhere, and it lists all pages and public names.

A page is run from top to bottom, in a folder of its own. A block of text directly after a block of
Python is its output. A comment directly before a block of Python keeps it from being run:
`<!-- not run: REASON -->` always, `<!-- needs PACKAGE [VERSION] -->` if it is not installed. The
syntax is checked in any case.
"""

import ast
import importlib
import re
import textwrap
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from sklearn.utils.fixes import parse_version

pytest.importorskip("matplotlib").use("Agg")
pyplot = pytest.importorskip("matplotlib.pyplot")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GENERATED = ("auto_examples", "generated", "_build")  # folders that building the manual creates
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in GENERATED
)
SLOW = [ROOT / "README.md", DOCS / "index.md", DOCS / "features.md"]
# tests/engine/test_guide.py runs docs/engine.md.
RUN = [page for page in PAGES if page not in (DOCS / "engine.md", *SLOW)]
OTHERS = [ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("examples/**/*.md")]

FENCE = re.compile(
    r"(?:^ *<!-- (?:not run: (?P<reason>[^\n]+)|needs (?P<package>\S+)(?: (?P<version>\S+))?) -->"
    r"\n)?"
    r"^(?P<indent> *)```(?P<language>\S*)\n(?P<code>.*?)^(?P=indent)```$"
    r"(?:\n+(?P=indent)```text\n(?P<output>.*?)^(?P=indent)```$)?",
    flags=re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\]\(\s*([^()\s]+)\s*\)")
TOCTREE = re.compile(r"```\{toctree\}\n(.*?)```", flags=re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of Python; `output` is what it should print, if the page says so."""

    code: str
    output: str | None = None
    reason: str | None = None  # for not running it
    package: str | None = None  # that it needs
    version: str | None = None

    def can_run(self):
        """Whether it is meant to be run, and the package that it needs is installed."""
        if self.reason or not self.package:
            return not self.reason
        try:
            installed = metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return False
        return parse_version(installed) >= parse_version(self.version or "0")


def blocks(text):
    """The blocks of Python in a page."""
    return [
        Block(
            textwrap.dedent(match["code"]),
            None if match["output"] is None else textwrap.dedent(match["output"]),
            match["reason"],
            match["package"],
            match["version"],
        )
        for match in FENCE.finditer(text)
        if match["language"] == "python"
    ]


def name(path):
    return path.relative_to(ROOT).as_posix()


def test_blocks():
    page = textwrap.dedent(
        """
        ```python
        print(1)
        ```

        ```text
        1
        ```

        - In a list:

          <!-- not run: needs a GPU -->
          ```python
          a = 2
          ```

        ```sh
        ls
        ```

        <!-- needs scikit-learn 1.0 -->
        ```python
        import sklearn
        ```

        <!-- needs scikit-learn 1000.0 -->
        ```python
        import sklearn.future
        ```

        <!-- needs no-such-package -->
        ```python
        import no_such_package
        ```
        """
    )
    found = blocks(page)
    assert found[:2] == [Block("print(1)\n", output="1\n"), Block("a = 2\n", reason="needs a GPU")]
    assert found[2] == Block("import sklearn\n", package="scikit-learn", version="1.0")
    assert [block.can_run() for block in found] == [True, False, True, False, False]


# A busy machine does few steps within `max_time`.
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "path", [*RUN, *(pytest.param(page, marks=pytest.mark.slow) for page in SLOW)], ids=name
)
def test_code_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "manual"}
    for block in blocks(path.read_text("utf-8")):
        code = compile(block.code, str(path), "exec")
        if block.can_run():
            exec(code, namespace)
            printed = capsys.readouterr().out
            assert block.output in (None, printed)
    pyplot.close("all")


def test_few_blocks_are_not_run():
    found = [block for path in RUN + SLOW for block in blocks(path.read_text("utf-8"))]
    assert len(found) > 20
    assert sum(block.reason is not None for block in found) <= len(found) / 5


def anchors(path):
    """The anchors of the headings of a page, as GitHub makes them."""
    text = re.sub(r"^ *```.*?^ *```", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES, *OTHERS], ids=name)
def test_links(path):
    for link in LINK.findall(path.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        if target.split("/")[0] in GENERATED:
            continue
        file = (path.parent / target).resolve() if target else path
        assert file.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(file), f"{link}: no such heading"


def toctree_entries(page):
    """The pages that the toctrees of a page list, as paths without suffix."""
    for tree in TOCTREE.findall(page.read_text("utf-8")):
        for line in tree.splitlines():
            if line and not line.startswith(":"):
                entry = line.split("<")[-1].rstrip(">")
                yield (page.parent / entry).resolve()


def test_every_page_is_in_a_toctree():
    listed = [entry for page in PAGES for entry in toctree_entries(page)]
    assert len(listed) == len(set(listed))
    pages = {page.with_suffix("") for page in [*PAGES, DOCS / "api.rst"]} - {DOCS / "index"}
    generated = {entry for entry in listed if entry.relative_to(DOCS).parts[0] in GENERATED}
    assert set(listed) - generated == pages


@pytest.mark.parametrize("script", sorted(ROOT.glob("examples/*.py")), ids=lambda path: path.stem)
def test_an_example_begins_with_a_title(script):
    """The gallery of examples in the manual makes a heading of it."""
    title, line, empty, *_ = ast.get_docstring(ast.parse(script.read_text("utf-8"))).splitlines()
    assert set(line) == {"="}
    assert len(line) >= len(title)
    assert empty == ""


def documented():
    """The public names in docs/api.rst, with their modules."""
    module = None
    for line in (DOCS / "api.rst").read_text("utf-8").splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.match(r"   ([A-Za-z][\w.]*)$", line):
            yield f"{module}.{match[1]}"


@pytest.mark.parametrize(
    "module",
    [
        "skcnn",
        "skcnn.augment",
        "skcnn.callbacks",
        "skcnn.datasets",
        "skcnn.displays",
        "skcnn.exceptions",
        "skcnn.onnx",
    ],
)
def test_every_public_name_is_documented(module):
    known = {resolve(entry) for entry in documented()}
    found = importlib.import_module(module)
    missing = [
        public
        for public in found.__all__
        if callable(getattr(found, public)) and getattr(found, public) not in known
    ]
    assert missing == []


def resolve(dotted):
    """The object of this name, as imports find it."""
    module, _, attribute = dotted.rpartition(".")
    return getattr(importlib.import_module(module), attribute)
