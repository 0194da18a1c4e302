"""How the book is made: a small book with everything in it, and what must not pass."""

import copy
import html
import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from book import assets, check, execute, outputs, render, serve

ROOT = Path(__file__).parent.parent

CONFIG = {
    "project": {"type": "book", "output-dir": "_book"},
    "book": {
        "title": "Small & whole",
        "author": "Nobody",
        "chapters": ["index.ipynb", "chapters/one.ipynb", "chapters/two.ipynb"],
    },
    "lang": "en",
    "bibliography": "references.bib",
    "format": {"html": {"theme": "default"}},
}
SOURCES = "@book{knuth1984, author={Knuth, Donald}, title={Literate}, year={1984}}"
PLOT = {
    "data": [{"type": "bar", "x": ["</script>"], "y": [1]}],
    "layout": {"height": 300},
}
PANDAS = """<div>
<style scoped>.dataframe tbody tr th {vertical-align: top;}</style>
<table border="1" class="dataframe">
<thead><tr style="text-align: right;"><th></th><th>text</th><th>score</th></tr></thead>
<tbody><tr><th>0</th><td>A dog</td><td>0.70</td></tr></tbody></table></div>"""
WIDGET = '<div class="ovs-widget" data-widget="search_map"><p>Stored answers</p></div>'
# One blue pixel
PNG = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPj/"
    "HwADBwIAMCbHYQAAAABJRU5ErkJggg=="
)
SVG = '<?xml version="1.0"?><svg viewBox="0 0 9 9"><path d="M0 0h9"/></svg>'


def text(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code(source: str, *shown: dict) -> dict:
    return {
        "cell_type": "code",
        "execution_count": "next",
        "metadata": {},
        "outputs": list(shown),
        "source": source.splitlines(keepends=True),
    }


def stream(said: str, name: str = "stdout") -> dict:
    return {"output_type": "stream", "name": name, "text": said}


def data(**kinds: object) -> dict:
    names = {"plain": "text/plain", "html": "text/html", "png": "image/png"}
    names |= {"svg": "image/svg+xml", "plotly": outputs.PLOTLY, "view": outputs.WIDGET}
    shown = {names[kind]: content for kind, content in kinds.items()}
    return {"output_type": "display_data", "metadata": {}, "data": shown}


INDEX = [text("# Welcome {#sec-welcome .unnumbered}\n\nRead @sec-one and @fig-plot.")]
ONE = [
    text(
        "# First & foremost {#sec-one}\n\nSee @sec-inner, @tbl-pandas, @eq-cos, @sec-two,"
        " @fig-pixel, -@fig-plot and [@fig-plot; @fig-pixel]. [@knuth1984, p. 3]\n\n"
        '![A pixel](pixel.png){#fig-pixel fig-alt="Blue"}\n\n'
        "## Inner {#sec-inner}\n\n$$u \\cdot v$$ {#eq-cos}\n\n"
        "[Two](two.ipynb#sec-far), [source](https://example.org).\n\n"
        "::: {.panel-tabset}\n### Tab one\nLeft\n\n### Tab two\nRight\n:::\n\n"
        '::: {.callout-tip collapse="true" title="An *answer*"}\nBefore the code'
    ),
    code("1 + 1", data(plain="2")),
    text("After the code\n:::\n\n::: {.callout-note}\n## Its own title\nNoted.\n:::"),
    code(
        '#| label: tbl-pandas\n#| tbl-cap: "Scores of *one*"\nframe',
        data(html=PANDAS, plain="…"),
    ),
    code(
        "#| label: fig-plot\n#| fig-cap: A plot\n#| fig-alt: One bar\n"
        '#| code-fold: true\n#| code-summary: "How it is drawn"\ndraw()',
        stream("drawing\n"),
        data(plotly=PLOT, html="<p>plotly's own</p>", plain="Figure"),
    ),
    code("#| echo: false\nwidget", data(view={}, html=WIDGET, plain="…")),
    code("#| include: false\nsecret = 1", stream("hidden")),
    code("#| output: false\nquiet()", stream("not shown")),
    code("print('```')\n'<b>'", stream("```\n<b>\x1b[31mred\x1b[0m\n")),
]
TWO = [
    text(
        "# Second {#sec-two}\n\n## Far {#sec-far}\n\nBack to @fig-plot in @sec-inner."
    ),
    code(
        "#| label: fig-drawn\n#| fig-cap: Drawn\n#| fig-alt: A line\ndrawing",
        data(svg=SVG, plain="…"),
    ),
    code("#| fig-alt: A pixel\npixel", data(png=PNG, plain="…")),
]


def write_book(folder: Path, **changed: list[dict]) -> Path:
    """Write the small book; `index`, `one` and `two` replace a chapter's cells."""
    import base64

    (folder / "chapters").mkdir(parents=True, exist_ok=True)
    (folder / "_quarto.yml").write_text(yaml.safe_dump(CONFIG))
    (folder / "references.bib").write_text(SOURCES)
    (folder / "chapters" / "pixel.png").write_bytes(base64.b64decode(PNG))
    chapters = {"index": INDEX, "one": ONE, "two": TWO} | changed
    for name, cells in chapters.items():
        cells = copy.deepcopy(cells)
        runs = (each for each in cells if each["cell_type"] == "code")
        for ran, cell in enumerate(runs, start=1):
            if cell["execution_count"] == "next":
                cell["execution_count"] = ran
        path = folder / ("" if name == "index" else "chapters") / f"{name}.ipynb"
        notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        path.write_text(json.dumps(notebook))
    return folder


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, rendered by pandoc."""
    folder = write_book(tmp_path_factory.mktemp("small"))
    assert render.render(folder, quarto=False)
    return folder / "_book"


@pytest.fixture(scope="module")
def one(small: Path) -> str:
    return (small / "chapters" / "one.html").read_text()


def plain(page: str) -> str:
    """Return a page's text with single spaces."""
    page = re.sub(r"<script.*?</script>", "", page, flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]+>", "", page)))


def test_references_say_what_quarto_would_say_and_lead_there(small: Path, one: str):
    said = plain(one)
    assert (
        "See Section 1.1, Table 1.1, Equation 1.1, Chapter 2, Figure 1.1, 1.2" in said
    )
    assert "Figure 1.2, Figure 1.1" in said
    assert 'href="../chapters/two.html" class="xref">Chapter' in one
    assert '<h1 id="sec-one">First &amp; foremost</h1>' in one
    assert '<span class="header-section-number">1.1</span> Inner' in one
    two = (small / "chapters" / "two.html").read_text()
    assert 'href="../chapters/one.html#fig-plot"' in two
    assert "Back to Figure 1.2 in Section 1.1." in plain(two)
    assert "Figure 2.1: Drawn" in plain(two)
    index = (small / "index.html").read_text()
    assert "Read Chapter 1 and Figure 1.2." in plain(index)
    assert 'href="chapters/one.html#fig-plot"' in index


def test_links_to_notebooks_lead_to_their_pages(one: str):
    assert 'href="two.html#sec-far"' in one
    assert 'href="https://example.org"' in one


def test_captions_are_numbered_and_pictures_described(one: str):
    assert "Figure 1.1: A pixel" in plain(one)
    assert "Figure 1.2: A plot" in plain(one)
    assert "Table 1.1: Scores of one" in plain(one)
    assert re.search(r'<img src="one_files/[^"]+\.png"[^>]*alt="Blue"', one)
    assert 'role="img" aria-label="One bar"' in one


def test_pictures_are_there(small: Path):
    for page in small.rglob("*.html"):
        for source in re.findall('<img[^>]* src="([^"]+)"', page.read_text()):
            assert (page.parent / source).stat().st_size > 50


def test_options_are_honoured_and_not_shown(one: str):
    assert "#|" not in one
    assert re.search(r"<details class=\"code-fold\"><summary>How it is drawn", one)
    assert "draw()" in plain(one)
    for hidden in ("secret", "hidden", "not shown"):
        assert hidden not in plain(one)
    assert "quiet()" in plain(one)
    assert "widget" not in plain(one)


def test_outputs_take_the_form_that_a_page_shows(one: str):
    assert "```\n&lt;b&gt;red</code></pre>" in one
    assert WIDGET in one
    assert "plotly's own" not in one
    assert "<style scoped>" not in one
    assert '<th class="words">text</th><th>score</th>' in one
    assert '<td class="words">A dog</td><td>0.70</td>' in one
    assert 'role="group" tabindex="0"' in one


def test_a_plots_data_stand_beside_the_page(small: Path, one: str):
    assert one.count('data-plot="0" data-from="one.plots.js"') == 1
    assert '<script type="application/json">' not in one
    script = (small / "chapters" / "one.plots.js").read_text()
    found = re.fullmatch(r"window\.bookPlots = (\[.*\]);\n", script)
    assert json.loads(found[1]) == [PLOT]
    assert not (small / "chapters" / "two.plots.js").exists()


def test_a_plot_keeps_its_data_for_quarto_and_cannot_end_its_script():
    made = outputs.plot_html(PLOT, "One bar")
    found = re.findall(r'<script type="application/json">(.*?)</script>', made)
    assert [json.loads(each) for each in found] == [PLOT]


def test_drawings_stand_in_the_page_where_they_take_its_colours(small: Path):
    two = (small / "chapters" / "two.html").read_text()
    assert '<div role="img" aria-label="A line"><svg' in two
    assert "<?xml" not in two


def test_callouts_hold_cells_and_tabs_are_no_sections(one: str):
    answer = re.search(
        r'<details class="callout callout-tip">.*?</details>', one, re.S
    )[0]
    assert "An <em>answer</em>" in answer
    assert plain(answer).strip() == "An answer Before the code 1 + 1 2 After the code"
    assert "Its own title Noted." in plain(one)
    assert plain(one).count("Tab one") == 1
    assert one.count('class="tab"') == 2


def test_maths_needs_no_script_and_sources_are_listed(one: str):
    assert '<span id="eq-cos" class="equation"><math display="block"' in one
    assert "(Knuth 1984, 3)" in plain(one)
    assert '<h2 class="unnumbered">References</h2>' in one
    assert 'id="ref-knuth1984"' in one


def test_pages_without_sources_have_no_list_of_them(small: Path):
    assert "References" not in (small / "chapters" / "two.html").read_text()


def test_the_way_through_the_book(small: Path, one: str):
    assert '<a rel="prev" href="../index.html">' in one
    assert '<a rel="next" href="../chapters/two.html">' in one
    assert "<title>First & foremost · Small & whole</title>" in html.unescape(one)
    assert 'aria-current="page"' in one
    assert (small / "assets" / "plotly.min.js").stat().st_size > 1e6
    assert "figures.js" in one
    assert "figures.js" not in (small / "index.html").read_text()


def test_search_index_is_a_script_with_every_section(small: Path):
    script = (small / "assets" / "search_index.js").read_text()
    index = json.loads(script.removeprefix("window.searchIndex = ").removesuffix(";\n"))
    places = {href: (chapter, heading, said) for href, chapter, heading, said in index}
    assert places["chapters/one.html#sec-inner"][:2] == (
        "First & foremost",
        "1.1 Inner",
    )
    assert "Before the code" in places["chapters/one.html#sec-inner"][2]
    assert places["index.html"][2].strip() == "Read Chapter 1 and Figure 1.2."


def test_every_page_states_a_strict_policy(small: Path):
    for page in small.rglob("*.html"):
        policy = re.search(
            'Content-Security-Policy" content="([^"]+)"', page.read_text()
        )[1]
        scripts = re.search("script-src ([^;]+)", policy)[1].split()
        assert set(scripts) == {"'self'", "'wasm-unsafe-eval'"}
        assert "connect-src 'self';" in policy
        assert not re.search(r"<script>|\son\w+=", page.read_text())


def test_nothing_changed_nothing_done(tmp_path: Path):
    folder = write_book(tmp_path)
    assert render.render(folder, quarto=False)
    before = (folder / "_book").stat().st_ino
    assert not render.render(folder, quarto=False)
    assert (folder / "_book").stat().st_ino == before
    (folder / "references.bib").write_text(SOURCES.replace("1984,", "1984 ,"))
    assert render.render(folder, quarto=False)
    assert [p.name for p in folder.glob("_book*")] == ["_book"]


def test_the_old_book_stays_when_a_build_fails(tmp_path: Path):
    folder = write_book(tmp_path)
    render.render(folder, quarto=False)
    write_book(folder, two=[text("# Second {#sec-two}\n\n@fig-nowhere")])
    with pytest.raises(render.BuildError):
        render.render(folder, quarto=False)
    assert "Far" in (folder / "_book" / "chapters" / "two.html").read_text()
    assert [p.name for p in folder.glob("_book*")] == ["_book"]


def changed(cells: list[dict], at: int, **what: object) -> list[dict]:
    cells = copy.deepcopy(cells)
    cells[at] |= what
    return cells


FAULTS = {
    "never executed": (
        {"one": changed(ONE, 1, execution_count=None)},
        "chapters/one.ipynb, cell 1: never executed",
    ),
    "out of order": (
        {"one": changed(ONE, 3, execution_count=9)},
        "chapters/one.ipynb, cell 3: run as number 9, not 2",
    ),
    "an error": (
        {
            "two": [
                *TWO,
                code(
                    "1/0",
                    {
                        "output_type": "error",
                        "ename": "ZeroDivisionError",
                        "evalue": "by zero",
                        "traceback": [],
                    },
                ),
            ]
        },
        "chapters/two.ipynb, cell 3: ended in ZeroDivisionError: by zero",
    ),
    "a warning": (
        {"two": [*TWO, code("warn()", stream("beware\n", "stderr"))]},
        "chapters/two.ipynb, cell 3: wrote to stderr: beware",
    ),
    "figure without text": (
        {"two": changed(TWO, 1, source="#| label: fig-x\n#| fig-cap: X\nx")},
        "chapters/two.ipynb, cell 1: figure without fig-alt",
    ),
    "picture without text": (
        {"two": [text("# Two {#sec-two}\n\n![Cap](pixel.png)"), *TWO[1:]]},
        "chapters/two.ipynb, cell 0: picture without fig-alt: ![Cap](pixel.png)",
    ),
    "caption missing": (
        {"one": changed(ONE, 3, source="#| label: tbl-pandas\nframe")},
        "chapters/one.ipynb, cell 3: tbl-pandas has no tbl-cap",
    ),
    "a reference that pandoc takes for a list's item": (
        {"two": [*TWO[:1], text("- See also\n  @fig-plot. It is red."), *TWO[1:]]},
        "chapters/two.ipynb, cell 1: a line begins with '@fig-plot.', a list's item",
    ),
    "unknown option": (
        {"one": changed(ONE, 3, source="#| eval: false\nframe")},
        "chapters/one.ipynb, cell 3: option 'eval' is not supported",
    ),
    "broken options": (
        {"one": changed(ONE, 3, source="#| label: [\nframe")},
        "chapters/one.ipynb, cell 3: the #| options are not YAML",
    ),
    "reference": (
        {"two": [*TWO[:1], text("See @fig-nowhere and @sec-none."), *TWO[1:]]},
        "chapters/two.ipynb, cell 1: nothing in the book is called @fig-nowhere\n"
        "chapters/two.ipynb, cell 1: nothing in the book is called @sec-none",
    ),
    "citation": (
        {"two": [*TWO[:1], text("So says @nobody2020."), *TWO[1:]]},
        "chapters/two.ipynb, cell 1: nothing in the book is called @nobody2020",
    ),
    "link": (
        {"two": [*TWO[:1], text("[Gone](gone.ipynb)"), *TWO[1:]]},
        "chapters/two.ipynb, cell 1: links to gone.html, which is not in the book",
    ),
    "anchor": (
        {"two": [*TWO[:1], text("[Gone](one.ipynb#sec-gone)"), *TWO[1:]]},
        "chapters/two.ipynb, cell 1: links to one.html#sec-gone, but that page has no",
    ),
    "another host": (
        {
            "two": [
                *TWO,
                code("x", data(html='<img alt="" src="https://example.org/x.png">')),
            ]
        },
        "chapters/two.ipynb: loads https://example.org/x.png from another host",
    ),
    "id twice": (
        {"two": [*TWO, text("## Far {#sec-far}")]},
        "chapters/two.ipynb, cell 0: id 'sec-far' is there twice",
    ),
    "unnamed drawing": (
        {"two": [*TWO, text('<svg viewBox="0 0 1 1"></svg>')]},
        "chapters/two.ipynb: <svg> has no text for a screen reader",
    ),
    "picture missing": (
        {"two": [*TWO, text('![Gone](gone.png){fig-alt="Gone"}')]},
        "chapters/two.ipynb: pandoc says: [WARNING] Could not fetch resource gone.png",
    ),
    "open div": (
        {"two": [*TWO, text("::: {.callout-note}\nNever closed")]},
        "chapters/two.ipynb: pandoc says: [WARNING] Div",
    ),
    "no title": (
        {"two": [text("Just text"), *TWO[1:]]},
        "chapters/two.ipynb: no title; begin with `# Title {#sec-x}`",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_stops_the_build_with_its_place(fault: str, tmp_path: Path):
    cells, message = FAULTS[fault]
    with pytest.raises(render.BuildError) as error:
        render.render(write_book(tmp_path, **cells), quarto=False)
    assert message in str(error.value)


def test_all_faults_are_told_at_once(tmp_path: Path):
    folder = write_book(
        tmp_path,
        one=changed(ONE, 1, execution_count=None),
        two=changed(TWO, 1, execution_count=None),
    )
    with pytest.raises(render.BuildError) as error:
        render.render(folder, quarto=False)
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "chapters/one.ipynb, cell 1",
        "chapters/two.ipynb, cell 1",
    ]


def test_missing_and_broken_notebooks_are_named(tmp_path: Path):
    folder = write_book(tmp_path)
    (folder / "chapters" / "two.ipynb").write_text("{")
    with pytest.raises(render.BuildError, match=r"two\.ipynb is not a notebook"):
        render.render(folder, quarto=False)
    (folder / "chapters" / "two.ipynb").unlink()
    with pytest.raises(render.BuildError, match=r"chapters/two\.ipynb is missing"):
        render.render(folder, quarto=False)


@pytest.mark.fault(
    "a notebook or _quarto.yml holds JSON or YAML of another form",
    "a sentence names the file and what is wrong in it",
)
@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"cells": [1]}'])
def test_what_is_no_notebook_is_named(tmp_path: Path, content: str, capsys):
    folder = write_book(tmp_path)
    two = folder / "chapters" / "two.ipynb"
    two.write_text(content)
    with pytest.raises(render.BuildError, match=r"two\.ipynb is not a notebook"):
        render.render(folder, quarto=False)
    assert execute.main([str(two)]) == 1
    assert "two.ipynb: " in capsys.readouterr().err
    assert two.read_text() == content


@pytest.mark.parametrize(
    "said, fault",
    [
        ("", "None, and an object with fields is meant"),
        ("- a", "and an object with fields is meant"),
        ("project: {type: book}", "book is missing"),
        ("book: {title: A}\nformat: {html: {}}", "book.chapters is missing"),
        ("book: {title: A, chapters: [{part: B}]}", r"book\.chapters\[0\] is .*part"),
        ("book: [", "can't be read"),
    ],
)
def test_settings_of_no_book_are_named(tmp_path: Path, said: str, fault: str):
    folder = write_book(tmp_path)
    (folder / "_quarto.yml").write_text(said)
    with pytest.raises(render.BuildError, match=rf"_quarto\.yml.*{fault}"):
        render.render(folder, quarto=False)


@pytest.mark.fault(
    "a page names a file of the book by its place on this machine",
    "the build stops: elsewhere it is not there",
)
def test_a_link_into_the_book_from_the_machines_root_is_found(small: Path):
    page = small.absolute() / "index.html"
    for link in (str(page), "/index.html"):
        said = check.dead_link(small, "index.html", link, {})
        assert said == f"{link}, which is not in the book"
    assert check.dead_link(small, "index.html", "index.html", {}) is None


def test_other_hosts_in_styles_are_found(small: Path, tmp_path: Path):
    (tmp_path / "x.css").write_text("@import 'https://fonts.example.org/a.css';")
    assert "another host" in check.check_pages(tmp_path, {})[0]
    assert not [p for p in check.check_pages(small, {}) if "another host" in p]


# Quarto can't be installed everywhere; what it does with our files is tested here by
# a stand-in that calls them as Quarto does


def test_quarto_gets_notebooks_through_our_filter(tmp_path: Path):
    folder = write_book(tmp_path)
    (config,) = [yaml.safe_load((ROOT / "_quarto.yml").read_text())["ipynb-filters"]]
    ran = subprocess.run(
        [sys.executable, ROOT / config[0]],
        input=(folder / "chapters" / "one.ipynb").read_text(),
        capture_output=True,
        text=True,
        check=True,
        cwd=folder / "chapters",
    )
    shown = [
        o["data"]
        for c in json.loads(ran.stdout)["cells"]
        for o in c.get("outputs", [])
        if "data" in o
    ]
    assert all(len(each) == 1 for each in shown)
    assert {"text/html": WIDGET} in shown
    assert any('class="plot"' in each.get("text/html", "") for each in shown)


FAKE_QUARTO = """#!{python}
import os, pathlib, subprocess, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--output-dir") + 1]).resolve()
(folder / "chapters").mkdir()
head = ('<script src="https://cdn.example.org/require.min.js" crossorigin="a"></script>'
        '<script src="https://cdn.example.org/jquery.min.js" data-x="true"></script>'
        '<script type="a" data-relocate-top="true">define(\\'jquery\\', [],function()'
        ' {{return window.jQuery;}})</script><script src="ROOT/site_libs/a.js"></script>')
(folder / "site_libs").mkdir()
(folder / "site_libs" / "a.js").write_text("")
for name, root in (("index", ""), ("chapters/one", "../"), ("chapters/two", "../")):
    page = "<html><head>" + head.replace("ROOT/", root) + "</head><body><main></main></body></html>"
    (folder / (name + ".html")).write_text(page)
env = os.environ | {{"QUARTO_PROJECT_OUTPUT_DIR": str(folder)}}
sys.exit(subprocess.run([os.environ["QUARTO_PYTHON"], {script!r}], env=env).returncode)
"""


def test_quartos_pages_ask_no_other_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = write_book(tmp_path / "book")
    script = (
        ROOT
        / yaml.safe_load((ROOT / "_quarto.yml").read_text())["project"]["post-render"]
    )
    tool = tmp_path / "bin" / "quarto"
    tool.parent.mkdir()
    tool.write_text(FAKE_QUARTO.format(python=sys.executable, script=str(script)))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    assert render.render(folder)
    page = (folder / "_book" / "chapters" / "one.html").read_text()
    assert "https://" not in page
    assert "define(" not in page
    assert '<script src="../site_libs/a.js"></script>' in page
    assert '<script src="../assets/figures.js" defer></script>' in page
    assert (folder / "_book" / "assets" / "plotly.min.js").exists()


def test_both_renderings_share_the_colours():
    names = set(re.findall(r"(--[\w-]+):", (assets.THEME / "colours.css").read_text()))
    for sheet in ("book.css", "quarto.scss"):
        used = set(re.findall(r"var\((--[\w-]+)", (assets.THEME / sheet).read_text()))
        assert used - {"--tone"} <= names
        assert len(used) > 8


def luminance(colour: str) -> float:
    """The relative luminance of "#rrggbb", as WCAG 2 defines it."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
    ]
    return sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_has_contrast_4_5_and_marks_have_3(scheme: int):
    pair = r"--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)"
    found = re.findall(pair, (assets.THEME / "colours.css").read_text())
    colours = {name: luminance(pair[scheme]) for name, *pair in found}
    for ground in ("paper", "paper-raised", "paper-sunk"):
        for name in colours:
            is_text = re.match("ink|accent$|warm$|code", name)
            if not is_text and not re.match("category|rule-strong|focus", name):
                continue
            low, high = sorted((colours[name], colours[ground]))
            contrast = (high + 0.05) / (low + 0.05)
            assert contrast >= (4.5 if is_text else 2.9), (name, ground, contrast)


def test_quarto_yml_names_files_that_are_there():
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text())
    theme = config["format"]["html"]["theme"]
    named = [config["project"]["post-render"], config["bibliography"]]
    named += config["ipynb-filters"] + [theme["light"][1], theme["dark"][1]]
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert config["execute"] == {"enabled": False}
    assert "$web-font-path: false" in (ROOT / theme["light"][1]).read_text()


def test_serve_gives_browsers_the_right_types(small: Path):
    server = serve.open_server(small, 0)
    import threading

    threading.Thread(target=server.serve_forever, daemon=True).start()
    (small / "assets" / "x.wasm").write_bytes(b"\0asm")
    kinds = {
        "index.html": "text/html; charset=utf-8",
        "assets/x.wasm": "application/wasm",
        "assets/book.js": "text/javascript; charset=utf-8",
    }
    for name, kind in kinds.items():
        address = f"http://127.0.0.1:{server.server_address[1]}/{name}"
        with urllib.request.urlopen(address) as answer:
            assert answer.headers["Content-Type"] == kind
    server.shutdown()
    server.server_close()


def test_a_busy_port_is_one_sentence(small: Path, capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.main(["--port", str(port)], small) == 1
    assert (
        capsys.readouterr().err
        == f"Port {port} is busy: choose another with --port N.\n"
    )


def test_no_book_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert serve.main([], tmp_path) == 1
    assert "run `make book` first" in capsys.readouterr().err


def test_serve_takes_the_next_port_and_ends_quietly(small: Path):
    program = f"from book import serve; from pathlib import Path; serve.main([], Path({str(small)!r}))"
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", serve.PORT))
            taken.listen()
        except OSError:
            pass  # somebody else's server makes the port busy just as well
        server = subprocess.Popen(
            [sys.executable, "-c", program],
            cwd=ROOT,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        lines = [server.stdout.readline(), server.stdout.readline()]
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=20)
    assert lines[0].startswith(f"Port {serve.PORT} is busy, so the book is on ")
    assert lines[1].startswith("The book is at http://127.0.0.1:")
    assert said == ""
    assert server.returncode == 0
