"""Settings of the manual. From the folder above: python -m sphinx -W docs FOLDER

Everything comes from this checkout: no page, picture, font or script is loaded from elsewhere, and
no example is run.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from PIL import Image

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
sys.path.insert(0, str(ROOT))

import skcnn  # noqa: E402

# -- Project ---------------------------------------------------------------------------------------

project = "skcnn"
author = "skcnn developers"
project_copyright = "skcnn developers, BSD-3-Clause license"
version = release = skcnn.__version__
REPOSITORY = "https://github.com/skcnn/skcnn"

# -- Sphinx ----------------------------------------------------------------------------------------

needs_sphinx = "8.2"
extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.extlinks",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
default_role = "literal"  # `name` is code, as in scikit-learn's docstrings
extlinks = {"doi": ("https://doi.org/%s", "doi:%s")}
highlight_language = "none"  # for blocks that do not name theirs
nitpicky = True
add_module_names = False
smartquotes = False  # quotes in the text are often those of Python strings
toc_object_entries_show_parents = "hide"

myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings have the types
autodoc_member_order = "bysource"

numpydoc_show_class_members = False  # the template of a class documents them
numpydoc_xref_param_type = False
# All checks but these: the text begins after the quotes (GL01); not every method has an example, a
# longer text and related functions (EX01, ES01, SA01); "self" and X need no words (PR07, RT03);
# parameters as in another method are listed without their types (PR04); return values have names
# (RT02).
numpydoc_validation_checks = {"all", "GL01", "EX01", "ES01", "SA01", "PR04", "PR07", "RT02", "RT03"}
# Methods whose parameters are prescribed: by `augment`, and by scikit-learn's callbacks.
numpydoc_validation_exclude = {r"\.__call__$", r"\.Checkpoint\."}

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "plot_gallery": False,
    "filename_pattern": r"(?!)",  # matches nothing
    "backreferences_dir": "generated/backreferences",
    "doc_module": ("skcnn",),
    "download_all_examples": False,
    "notebook_extensions": set(),  # the scripts read command lines
    "show_signature": False,
    "show_memory": False,
    "write_computation_times": False,
    "min_reported_time": float("inf"),
    "remove_config_comments": True,
    "default_thumb_file": str(DOCS / "_static" / "no_picture.png"),
    "within_subsection_order": "FileNameSortKey",
}

copybutton_exclude = ".linenos, .gp, .go"

# -- HTML ------------------------------------------------------------------------------------------

html_theme = "pydata_sphinx_theme"
html_title = "skcnn"
html_static_path = ["_static"]
html_css_files = ["skcnn.css"]
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "skcnn"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "header_links_before_dropdown": 6,
    "navigation_depth": 2,
    "show_prev_next": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    # Pages with wide tables have no second sidebar.
    "secondary_sidebar_items": {
        "**": ["page-toc"],
        "benchmarks": [],
        "how_to/from_other_libraries": [],
        "peers": [],
    },
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "api": [], "changelog": [], "contributing": [], "engine": []}

# -- Links -----------------------------------------------------------------------------------------

# Files of the project that are pages of the manual, too.
INCLUDED = {ROOT / "CHANGELOG.md": "changelog.md", ROOT / "CONTRIBUTING.md": "contributing.md"}
LINK = re.compile(r"(?<!!)(\[[^][]*(?:\[[^][]*\][^][]*)*\]\(\s*)([^()\s:#][^()\s:]*)(\s*\))")


def to_manual(text: str, folder: Path, docname: str) -> str:
    """Markdown whose links to files of the project lead to pages of the manual, or to GitHub.

    `folder` is where the file with this text is, and `docname` the page that shows it.
    """

    def replaced(match: re.Match[str]) -> str:
        path, _, anchor = match[2].partition("#")
        target = (folder / path).resolve()
        if target in INCLUDED or target.is_relative_to(DOCS):
            page = DOCS / INCLUDED.get(target, target)
            path = os.path.relpath(page, (DOCS / docname).parent).replace(os.sep, "/")
        elif target.exists():
            kind = "tree" if target.is_dir() else "blob"
            path = f"{REPOSITORY}/{kind}/main/{target.relative_to(ROOT).as_posix()}"
        return f"{match[1]}{path}{'#' if anchor else ''}{anchor}{match[3]}"

    return LINK.sub(replaced, text)


def read_page(app: Any, docname: str, content: list[str]) -> None:
    """Adapt the links of a page, or add the picture of an example."""
    path = Path(app.env.doc2path(docname))
    if path.suffix == ".md":
        content[0] = to_manual(content[0], path.parent, docname)
    elif docname.startswith("auto_examples/"):
        content[0] = with_picture(content[0], ROOT / "examples" / f"{path.stem}.py")


def with_picture(page: str, script: Path) -> str:
    """The page of an example, with the picture that its thumbnail is made of above the code."""
    picture = script.exists() and re.search(
        r'^# sphinx_gallery_thumbnail_path = "(.+)"', script.read_text("utf-8"), re.MULTILINE
    )
    if not picture:
        return page
    image = f".. image:: /{picture[1]}\n   :alt: The picture that the script draws\n\n"
    before, line, after = page.partition("\n.. code-block:: Python\n")
    return f"{before}\n{image}{line}{after}"


def read_included(app: Any, path: Path, docname: str, content: list[str]) -> None:
    """Adapt the links of a file that a page includes."""
    content[0] = to_manual(content[0], (DOCS / path).resolve().parent, docname)


def link_to_sklearn(app: Any, env: Any, node: Any, contnode: Any) -> nodes.reference | None:
    """A link to scikit-learn's page of one of its classes, functions or methods."""
    name = node["reftarget"]
    if not name.startswith("sklearn.") or attribute(name) is None:
        return None
    owner = name.rpartition(".")[0]
    page = owner if isinstance(attribute(owner), type) else name
    url = f"https://scikit-learn.org/stable/modules/generated/{page}.html#{name}"
    return nodes.reference("", "", contnode, internal=False, refuri=url)


def attribute(dotted: str) -> Any:
    """The module, class or function of this name; None if there is none."""
    module, _, rest = dotted.rpartition(".")
    try:
        return importlib.import_module(dotted)
    except ImportError:
        return getattr(attribute(module), rest, None) if module else None


def escape_types(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Escape what would be a link or an emphasis in the type of a parameter: n_ and *shape."""
    for number, line in enumerate(lines):
        if re.match(r"\s*\*{0,2}\w[\w, ]* : [^`]+$", line):
            lines[number] = re.sub(r"_(?=[,)])|(?<=[ (])\*(?=\w)", r"\\\g<0>", line)


def escape_initials(
    app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Escape the initial at the start of a reference, which would number a list: [1] K. He."""
    for number, line in enumerate(lines):
        lines[number] = re.sub(r"^(\s*\.\. \[\w+\] [A-Z])(?=\. )", r"\1\\", line)


def skip_inherited(app: Any, what: str, name: str, obj: Any, *_: Any) -> bool | None:
    """Leave out members that come from scikit-learn, which documents them."""
    return True if (getattr(obj, "__module__", None) or "").startswith("sklearn.") else None


# Before a unit, and around the signs of "28 x 28" and "4.96 ± 0.40".
NO_BREAK = re.compile(
    r"(?<=\d) (?=(?:%|[mµ]?s|min|[MG]i?B|GFLOP/s)(?!\w)|[x±] \d)|(?<=\d [x±]) (?=\d)"
)


def keep_together(app: Any, doctree: nodes.document) -> None:
    """Do not break lines within a quantity ("0.45 %") or an option ("--quick")."""
    for text in list(doctree.findall(nodes.Text)):
        if not isinstance(text.parent, (nodes.literal, nodes.FixedTextElement)):
            together = NO_BREAK.sub("\N{NO-BREAK SPACE}", text)
            if together != text:
                text.parent.replace(text, nodes.Text(together))
    for literal in doctree.findall(nodes.literal):
        if re.fullmatch(r"-\S{,20}", literal.astext()):
            literal["classes"].append("unbroken")


def mark_wide_pictures(app: Any, doctree: nodes.document) -> None:
    """Mark figures of more than 8 inches: on a phone they scroll, to be legible."""
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.srcdir, image["uri"]).resolve()
        if not path.is_relative_to(ROOT / "examples"):
            continue
        with Image.open(path) as picture:
            if picture.width <= 8 * picture.info.get("dpi", (100, 100))[0]:
                continue
        if isinstance(image.parent, nodes.paragraph):
            image.parent["classes"].append("wide-picture")
        else:
            image.replace_self(nodes.container("", image.deepcopy(), classes=["wide-picture"]))


def only_scripts(app: Any, config: Any) -> None:
    """Keep examples/benchmarks/ out of the gallery, which would take its README.md for a header."""
    config.sphinx_gallery_conf["source_suffix"] = {".rst": "restructuredtext"}


def setup(app: Any) -> None:
    """Register the functions above."""
    app.connect("config-inited", only_scripts, priority=11)  # sphinx-gallery's own has 10
    app.connect("source-read", read_page)
    app.connect("include-read", read_included)
    app.connect("doctree-read", keep_together)
    app.connect("doctree-read", mark_wide_pictures)
    app.connect("missing-reference", link_to_sklearn)
    app.connect("autodoc-process-docstring", escape_types, priority=400)  # before numpydoc
    app.connect("autodoc-process-docstring", escape_initials, priority=400)
    app.connect("autodoc-skip-member", skip_inherited)
