"""The bricks of the report: text, tables and pictures as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1c1c1c;
  font: 17px/1.6 Georgia, 'Times New Roman', serif; }
main { max-width: 54rem; margin: 0 auto; padding: 2rem 1.25rem 5rem; }
h1, h2, h3, table, figcaption, nav, .byline { font-family: system-ui, -apple-system, 'Segoe UI',
  Roboto, Helvetica, Arial, sans-serif; }
h1 { font-size: 2rem; line-height: 1.2; margin: 1rem 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3rem 0 .75rem; border-bottom: 1px solid #d0d0d0; }
h3 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
.byline { color: #555; font-size: .85rem; }
.abstract { background: #f3f6f9; border-left: 4px solid #0072B2; padding: .75rem 1.25rem;
  margin: 1.5rem 0; }
.note { background: #fff6e5; border-left: 4px solid #E69F00; padding: .5rem 1.25rem; }
.scroll { overflow-x: auto; margin: 1.25rem 0; }
table { border-collapse: collapse; font-size: .85rem; line-height: 1.4; min-width: 55%; }
caption { text-align: left; color: #444; padding-bottom: .4rem; }
th, td { padding: .35rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e2e2e2; }
th { border-bottom: 2px solid #888; }
td.number, th.number { text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
td.best { font-weight: 700; }
figure { margin: 1.75rem 0; }
figure img { max-width: 100%; height: auto; display: block; margin: 0 auto; }
figcaption { font-size: .82rem; line-height: 1.45; color: #444; margin-top: .5rem; }
code, pre { font-family: ui-monospace, 'SF Mono', Menlo, Consolas, monospace; font-size: .86em; }
pre { background: #f5f5f5; padding: .75rem 1rem; overflow-x: auto; }
nav ol { columns: 2; font-size: .9rem; }
@media print { main { max-width: none; } h2 { break-after: avoid; }
  figure { break-inside: avoid; } }
"""


class Page:
    """An HTML page in the making: sections, tables and figures are numbered as they come.

    Text is HTML; use `escape` for what is not.

    Examples
    --------
    >>> from skcnn.study.html import Page
    >>> page = Page("A title")
    >>> page.section("Results").text("All is <em>well</em>.").table(
    ...     "Errors", ["who", "error (%)"], [["A", "1.0"]], numbers={1}
    ... )
    >>> "Table 1" in page.render() and "<h2 id='s1'>1 Results</h2>" in page.render()
    True
    """

    def __init__(self, title: str):
        self.title = title
        self._body: list[str] = []
        self._sections: list[str] = []
        self._tables = 0
        self._figures = 0

    def raw(self, markup: str) -> Page:
        """Markup as it is."""
        self._body.append(markup)
        return self

    def section(self, heading: str) -> Page:
        """A numbered section."""
        self._sections.append(heading)
        number = len(self._sections)
        return self.raw(f"<h2 id='s{number}'>{number} {escape(heading)}</h2>")

    def heading(self, heading: str) -> Page:
        """A heading within a section."""
        return self.raw(f"<h3>{escape(heading)}</h3>")

    def text(self, *paragraphs: str) -> Page:
        """Paragraphs."""
        return self.raw("\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs))

    def items(self, items: Iterable[str]) -> Page:
        """A list."""
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
        """A numbered table; columns `numbers` are set right, cells `best` (row, column) bold."""
        self._tables += 1
        numbers, best = set(numbers), set(best)

        def cell(tag: str, value: str, row: int, column: int) -> str:
            classes = ["number"] if column in numbers else []
            if (row, column) in best:
                classes.append("best")
            attribute = f" class='{' '.join(classes)}'" if classes else ""
            return f"<{tag}{attribute}>{value}</{tag}>"

        lines = ["".join(cell("th", escape(name), -1, c) for c, name in enumerate(header))]
        lines += [
            "".join(cell("td", value, r, c) for c, value in enumerate(row))
            for r, row in enumerate(rows)
        ]
        body = "".join(f"<tr>{line}</tr>\n" for line in lines)
        self.raw(
            f"<div class='scroll'><table><caption><b>Table {self._tables}.</b> {caption}</caption>"
            f"\n{body}</table></div>"
        )

    def figure(self, png: Path, caption: str, alt: str, *, width: str = "100%") -> None:
        """A numbered picture, embedded."""
        self._figures += 1
        data = base64.b64encode(png.read_bytes()).decode("ascii")
        self.raw(
            f"<figure><img style='width:{width}' alt='{escape(alt)}' "
            f"src='data:image/png;base64,{data}'>"
            f"<figcaption><b>Figure {self._figures}.</b> {caption}</figcaption></figure>"
        )

    def contents(self) -> str:
        """The list of sections, linked."""
        links = "".join(
            f"<li><a href='#s{number}'>{escape(heading)}</a></li>"
            for number, heading in enumerate(self._sections, start=1)
        )
        return f"<nav><ol>{links}</ol></nav>"

    def render(self) -> str:
        """The whole page; the contents stand where the body says ``{contents}``."""
        body = "\n".join(self._body).replace("{contents}", self.contents(), 1)
        body = body.replace(" %", "&nbsp;%").replace("p = ", "p&nbsp;=&nbsp;")  # no break here
        return (
            "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
            "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
            f"<title>{escape(self.title)}</title>\n<style>{STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )


def escape(text: object) -> str:
    """Plain text for HTML."""
    return html.escape(str(text), quote=True)
