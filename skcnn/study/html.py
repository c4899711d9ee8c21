"""Reports as one self-contained HTML page: text, tables and figures."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

STYLE = Path(__file__).with_name("style.css").read_text(encoding="utf-8")


class Page:
    """An HTML page to which sections, tables and figures are added; it numbers them.

    All texts are HTML; `escape` turns plain text into HTML.
    """

    def __init__(self, title: str):
        self.title = title
        self._body: list[str] = []
        self._sections: list[str] = []
        self._first_section = 0  # its place in the body
        self._tables = 0
        self._figures = 0

    def raw(self, markup: str) -> Page:
        """Add markup as it is."""
        self._body.append(markup)
        return self

    def opening(self, *byline: str) -> Page:
        """Add the title, and below it the parts of the byline; these are plain text."""
        parts = " · ".join(escape(part) for part in byline)
        return self.raw(f"<h1>{escape(self.title)}</h1>\n<p class='byline'>{parts}</p>")

    def box(self, kind: Literal["abstract", "note"], text: str) -> Page:
        """Add a paragraph in a box: the abstract, or a note that the reader must not miss."""
        return self.raw(f"<div class='{kind}'><p>{text}</p></div>")

    def section(self, heading: str) -> Page:
        """Start a numbered section; the heading is plain text. The first follows the contents."""
        if not self._sections:
            self._first_section = len(self._body)
        self._sections.append(heading)
        number = len(self._sections)
        return self.raw(f"<h2 id='s{number}'>{number} {escape(heading)}</h2>")

    def text(self, *paragraphs: str) -> Page:
        """Add paragraphs."""
        return self.raw("\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))

    def items(self, items: Iterable[str]) -> Page:
        """Add a list."""
        return self.raw("<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>")

    def table(
        self,
        caption: str,
        header: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        numbers: Iterable[int] = (),
        best: Iterable[tuple[int, int]] = (),
    ) -> None:
        """Add a numbered table; the header is plain text.

        The columns `numbers` are aligned to the right, the cells `best` (row, column) are bold.
        """
        self._tables += 1
        numbers, best = set(numbers), set(best)

        body = ""
        for r, row in enumerate([[escape(name) for name in header], *rows], start=-1):
            tag, cells = "th" if r < 0 else "td", ""
            for c, value in enumerate(row):
                classes = ["number"] * (c in numbers) + ["best"] * ((r, c) in best)
                attribute = f" class='{' '.join(classes)}'" if classes else ""
                cells += f"<{tag}{attribute}>{value}</{tag}>"
            body += f"<tr>{cells}</tr>\n"
        self.raw(
            f"<div class='scroll'><table><caption><b>Table {self._tables}.</b> {caption}</caption>"
            f"\n{body}</table></div>"
        )

    def figure(self, png: Path, caption: str, alt: str = "", *, width: int = 100) -> None:
        """Add a numbered figure, embedded in the page, `width` in percent.

        `alt` is plain text; by default, it is the first sentence of the caption.
        """
        self._figures += 1
        data = base64.b64encode(png.read_bytes()).decode("ascii")
        first, *_ = re.split(r"\. (?=[A-Z])", html.unescape(re.sub("<.*?>", "", caption)))
        self.raw(
            f"<figure><img style='width:{width}%' alt='{escape(alt or first)}' "
            f"src='data:image/png;base64,{data}'>"
            f"<figcaption><b>Figure {self._figures}.</b> {caption}</figcaption></figure>"
        )

    def render(self) -> str:
        """The whole page."""
        links = "".join(
            f"<li><a href='#s{number}'>{escape(heading)}</a></li>"
            for number, heading in enumerate(self._sections, start=1)
        )
        lines = list(self._body)
        lines.insert(self._first_section, f"<nav><ol>{links}</ol></nav>")
        body = "\n".join(lines)
        return (
            "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )


def escape(text: object) -> str:
    """Plain text as HTML."""
    return html.escape(str(text), quote=True)
