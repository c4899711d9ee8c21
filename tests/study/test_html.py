"""The pages of reports."""

from skcnn.study.html import Page, escape


def test_figures_are_embedded(tmp_path):
    (tmp_path / "a.png").write_bytes(b"pixels")
    page = Page("A")
    page.figure(tmp_path / "a.png", "Bob's <b>errors</b>, as in Fig. 9. Bars are &lt; 1.", width=50)
    page.figure(tmp_path / "a.png", "More.", "A & B")
    html = page.render()
    assert (
        "<figure><img style='width:50%' alt='Bob&#x27;s errors, as in Fig. 9' "
        "src='data:image/png;base64,cGl4ZWxz'><figcaption><b>Figure 1.</b> Bob's <b>errors</b>"
    ) in html
    assert "<img style='width:100%' alt='A &amp; B'" in html
    assert "<b>Figure 2.</b> More." in html


def test_page_numbers_its_parts():
    page = Page("A & B")
    page.opening("today", "1 < 2")
    page.section("First").text("All is <em>well</em>.").items(["one", "two"])
    page.table("Errors.", ["who", "%"], [["A", "1 %"], ["B", "2"]], numbers={1}, best={(0, 1)})
    page.section("Second").box("note", "Careful.")
    page.table("More.", [], [])
    html = page.render()
    parts = [
        "<h1>A &amp; B</h1>\n<p class='byline'>today · 1 &lt; 2</p>",
        "<li><a href='#s2'>Second</a></li>",
        "<h2 id='s1'>1 First</h2>",
        "<p>All is <em>well</em>.</p>",
        "<ul><li>one</li><li>two</li></ul>",
        "<b>Table 1.</b> Errors.",
        "<tr><td>A</td><td class='number best'>1 %</td></tr>",
        "<tr><td>B</td><td class='number'>2</td></tr>",
        "<h2 id='s2'>2 Second</h2>",
        "<div class='note'><p>Careful.</p></div>",
        "<b>Table 2.</b> More.",
    ]
    places = [html.index(part) for part in parts]
    assert places == sorted(places)
    assert escape("<'\">") == "&lt;&#x27;&quot;&gt;"
