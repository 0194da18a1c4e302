"""The slides: nothing on them that no cell printed, and a room that has no line."""

import html
import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from book import reveal, slides
from book.claims import find_figures
from book.outputs import joined
from book.render import BuildError, Pandoc, render
from tests.test_book import ONE, TWO, code, plain, stream, write_book

ROOT = Path(__file__).parent.parent
DECKS = sorted((ROOT / "slides").glob("*.md"))
NAMES = [path.stem for path in DECKS]
DECK = """## A plot

::: {.show cell="fig-plot"}
:::

::: {.notes}
Wait for an answer.
:::

## Both

::: {.show cell="1 +" code="both"}
:::

[Exercises](../chapters/one.ipynb#sec-inner)
"""


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small rendered book, with a deck for its first chapter."""
    more = [code("print(6 * 7)", stream("42\n")), code("unsaid = 1")]
    folder = tmp_path_factory.mktemp("rendered")
    write_book(folder, one=[*ONE, *more], two=TWO)
    render(folder, quarto=False)
    (folder / "slides").mkdir()
    (folder / "slides" / "one.md").write_text(DECK)
    return folder


@pytest.fixture
def small(rendered: Path, tmp_path: Path) -> Path:
    """A copy of it, for a test to change."""
    return Path(shutil.copytree(rendered, tmp_path / "small"))


@pytest.mark.parametrize("path", DECKS, ids=NAMES)
def test_no_figure_is_typed_into_a_deck(path: Path):
    source = path.read_text("utf-8")
    assert [figure.text for figure in find_figures(slides.SHOW.sub("", source))] == []


@pytest.mark.parametrize("path", DECKS, ids=NAMES)
def test_each_slide_has_notes_and_a_deck_fills_a_lesson(path: Path):
    each = slides.SLIDE.split(path.read_text("utf-8"))[1:]
    assert 12 <= len(each) <= 24
    assert [one.splitlines()[0] for one in each if "{.notes}" not in one] == []


def is_meant(cell: str, source: str) -> bool:
    lines = source.splitlines()
    code = " ".join(" ".join(x for x in lines if not x.startswith("#|")).split())
    labels = [line for line in lines if line.startswith("#| label: ")]
    return labels == [f"#| label: {cell}"] if labels else code.startswith(cell)


def test_a_slide_shows_what_the_notebook_stores(slides_folder: Path):
    for path in DECKS:
        page = plain((slides_folder / f"{path.stem}.html").read_text("utf-8"))
        cells = json.loads((ROOT / "chapters" / f"{path.stem}.ipynb").read_text())[
            "cells"
        ]
        shown = 0
        for cell, wanted in slides.SHOW.findall(path.read_text("utf-8")):
            if wanted == "yes":
                continue
            (stored,) = (
                one["outputs"]
                for one in cells
                if one["cell_type"] == "code" and is_meant(cell, joined(one["source"]))
            )
            for output in stored:
                for line in joined(output.get("text", "")).splitlines():
                    assert " ".join(line.split()) in page
                    shown += 1
        assert shown > 10


def test_a_deck_is_filled_by_label_and_by_how_code_begins(small: Path):
    assert slides.make_slides(small, quarto=False) == ["one"]
    made = small / "_book" / "slides"
    page = (made / "one.html").read_text()
    assert '<div class="plot" data-plot="0" data-from="one.plots.js"' in page
    assert '"height"' not in (made / "one.plots.js").read_text()
    assert "1 + 1" in plain(page)
    assert '<aside class="notes">' in page
    assert 'href="../chapters/one.html#sec-inner">Exercises' in page
    assert ">Section 1.1</a>" in html.unescape(page).replace("\u00a0", " ")
    assert 'href="one.html">First &amp; foremost' in (made / "index.html").read_text()
    assert {path.name for path in (made / "reveal").iterdir()} >= {
        "reveal.js",
        "LICENSE",
    }
    # The chapter prints something else: so does the slide
    chapter = small / "chapters" / "one.ipynb"
    chapter.write_text(
        chapter.read_text().replace('"text/plain": "2"', '"text/plain": "3"')
    )
    slides.make_slides(small, quarto=False)
    assert re.search(r"1 \+ 1 3", plain((made / "one.html").read_text()))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ('::: {.show cell="fig-nowhere"}\n:::', "no cell is labelled 'fig-nowhere'"),
        ('::: {.show cell="print"}\n:::', "2 cells are labelled 'print' or begin so"),
        ('::: {.show cell="unsaid"}\n:::', "'unsaid' shows nothing"),
        ("::: {.show}\n:::", "can't be read: ::: {.show}"),
    ],
)
def test_a_deck_that_asks_for_what_is_not_there_is_named(small: Path, wrong, said):
    with (small / "slides" / "one.md").open("a") as deck:
        deck.write(f"\n## Wrong\n\n{wrong}\n")
    with pytest.raises(BuildError, match=re.escape(said)) as raised:
        slides.read_decks(small, Pandoc())
    assert "slides/one.md" in str(raised.value)


def test_a_dead_link_is_named_and_the_old_slides_stay(small: Path):
    old = small / "_book" / "slides" / "one.html"
    old.parent.mkdir()
    old.write_text("old")
    (small / "slides" / "one.md").write_text(DECK.replace("sec-inner", "sec-gone"))
    with pytest.raises(BuildError, match=r"slides/one\.html: .* called 'sec-gone'"):
        slides.make_slides(small, quarto=False)
    assert old.read_text() == "old"
    assert [path.name for path in (small / "_book").glob("*slides*")] == ["slides"]


def test_a_deck_without_a_chapter_is_named(small: Path):
    (small / "slides" / "three.md").write_text(DECK)
    with pytest.raises(BuildError, match=r"slides/three\.md: no chapter"):
        slides.read_decks(small, Pandoc())


FAKE_QUARTO = """#!{python}
import pathlib, sys
assert sys.argv[1] == "render" and sys.argv[3:] == ["--to", "revealjs"]
text = pathlib.Path(sys.argv[2]).read_text()
page = '<html><head><script src="https://cdn.example.org/require.min.js"></script></head><body>'
pathlib.Path(sys.argv[2]).with_suffix(".html").write_text(page + text + "</body></html>")
"""


def test_quarto_gets_the_same_deck_and_its_page_asks_no_other_host(small, monkeypatch):
    tool = small / "bin" / "quarto"
    tool.parent.mkdir()
    tool.write_text(FAKE_QUARTO.format(python=sys.executable))
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:{os.environ['PATH']}")
    slides.make_slides(small)
    made = small / "_book" / "slides"
    page = (made / "one.html").read_text()
    assert "https://" not in page
    assert "title: First & foremost" in page
    assert "html-math-method: mathml" in page
    assert page.index("slides.js") < page.index("figures.js") < page.index("live.js")
    assert 'class="plot"' in page
    names = sorted(path.name for path in made.iterdir())
    assert names == ["index.html", "made-from.txt", "one.html"]


def test_a_reveal_js_that_is_not_the_pinned_one_is_refused(tmp_path, monkeypatch):
    def other(folder: Path, package: str) -> None:
        assert package == reveal.PACKAGE
        for name in reveal.SHA256:
            file = folder / reveal.WITHIN / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("alert(1)")

    monkeypatch.setattr(reveal, "download", other)
    with pytest.raises(
        OSError, match=r"does not hold the reveal\.js that the book pins"
    ):
        reveal.fetch(tmp_path / ".reveal")
    assert [path.name for path in tmp_path.iterdir()] == [".building"]


# In a browser


def open_deck(browser, address: str, **context):
    """Open a deck; note its console errors and what it asks for."""
    page = browser.new_context(
        viewport={"width": 1280, "height": 720}, **context
    ).new_page()
    page.set_default_timeout(30_000)
    page.errors, page.asked = [], []
    page.context.on(
        "console", lambda m: m.type == "error" and page.errors.append(m.text)
    )
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.context.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    return page


def current(page) -> str:
    return page.evaluate("() => Reveal.getCurrentSlide().id")


@pytest.mark.parametrize(
    ("scheme", "name"), [("http", NAMES[0]), *(("file", name) for name in NAMES)]
)
def test_a_deck_is_walked_through_by_keyboard(
    browser, book_site, book_folder, slides_folder, scheme, name
):
    address = book_site if scheme == "http" else f"{book_folder.as_uri()}/"
    page = open_deck(browser, f"{address}slides/{name}.html")
    page.wait_for_function("() => window.Reveal?.isReady()")
    seen, slides = [current(page)], page.evaluate("() => Reveal.getTotalSlides()")
    for _ in range(10 * slides):  # some show one part after the other
        if page.evaluate("() => Reveal.isLastSlide()"):
            break
        page.keyboard.press("ArrowRight")
        seen.append(current(page))
        # Whatever stands on a slide fits its width, and is drawn
        page.wait_for_function(
            "() => [...Reveal.getCurrentSlide().querySelectorAll('.plot')].every("
            "(plot) => !plot.offsetParent || plot.querySelector('.main-svg'))"
        )
        assert (
            page.evaluate(
                "() => Reveal.getCurrentSlide().scrollWidth"
                " - Reveal.getCurrentSlide().clientWidth"
            )
            <= 1
        )
    assert len(dict.fromkeys(seen)) == slides
    assert page.errors == []
    own = (address, "data:", "blob:")
    assert [url for url in page.asked if not url.startswith(own)] == []
    page.context.close()


def test_a_slide_higher_than_the_window_scrolls_before_it_is_turned(
    browser, book_folder, slides_folder
):
    page = open_deck(browser, f"{book_folder.as_uri()}/slides/models.html")
    page.wait_for_function("() => window.Reveal?.isReady()")
    page.keyboard.press("ArrowRight")
    page.evaluate(
        "() => { const more = document.createElement('div');"
        " more.style.height = '1500px'; Reveal.getCurrentSlide().append(more); }"
    )
    over = "() => { const { scrollHeight, clientHeight, scrollTop } ="
    over += (
        " Reveal.getCurrentSlide(); return scrollHeight - clientHeight - scrollTop; }"
    )
    assert page.evaluate(over) > 400
    high = current(page)
    for key in ("ArrowDown", "PageDown", " "):
        before = page.evaluate(over)
        page.keyboard.press(key)
        assert page.evaluate(over) < before
        assert current(page) == high
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ ")
    for _ in range(30):
        page.keyboard.press(" ")
        if current(page) != high:
            break
    assert current(page) != high
    page.context.close()


def test_letters_do_nothing_in_a_deck_that_is_told_so(
    browser, book_folder, slides_folder
):
    address = f"{book_folder.as_uri()}/slides/search.html?keys=arrows"
    page = open_deck(browser, address, color_scheme="light")
    page.wait_for_function("() => window.Reveal?.isReady()")
    theme = "() => document.documentElement.dataset.theme"
    before = current(page), page.evaluate(theme)
    for key in "tonb?":
        page.keyboard.press(key)
    assert (current(page), page.evaluate(theme)) == before
    assert not page.evaluate("() => Reveal.isOverview()")
    page.keyboard.press("ArrowRight")
    assert current(page) != before[0]
    page.context.close()


def test_a_widget_on_a_slide_answers_and_lets_go_of_the_keys(
    browser, book_folder, slides_folder
):
    address = f"{book_folder.as_uri()}/slides/search.html#/try-it"
    page = open_deck(browser, address, color_scheme="light")
    box = page.locator("#try-it .ovs-input")
    box.fill("how do I stop my cat scratching the sofa")
    hit = page.locator("#try-it .ovs-hits li").first
    hit.filter(has_text=re.compile("cat", re.I)).wait_for()
    box.press("ArrowRight")
    assert current(page) == "try-it"
    box.press("Escape")
    page.keyboard.press("ArrowRight")
    assert current(page) != "try-it"
    ground = "() => getComputedStyle(document.querySelector('.reveal')).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    assert page.evaluate(ground) != light
    assert page.errors == []
    page.context.close()


def test_the_speaker_sees_the_notes(browser, book_folder, slides_folder):
    page = open_deck(browser, f"{book_folder.as_uri()}/slides/search.html#/try-it")
    page.wait_for_function("() => window.Reveal?.isReady()")
    with page.context.expect_page() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    notes.filter(has_text="Take queries from the room").wait_for()
    assert page.errors == []
    page.context.close()


def test_a_deck_prints_a_slide_a_page_with_its_plots(
    browser, book_folder, slides_folder
):
    address = f"{book_folder.as_uri()}/slides/search.html?print-pdf"
    page = open_deck(browser, address, color_scheme="dark")
    page.wait_for_function(
        "() => document.querySelector('.pdf-page')"
        " && [...document.querySelectorAll('.plot')].every("
        "(plot) => plot.querySelector('.main-svg'))"
    )
    count = page.evaluate("() => Reveal.getTotalSlides()")
    assert page.locator(".pdf-page").count() == count
    printed = page.pdf(prefer_css_page_size=True)
    assert count <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= count + 2
    page.context.close()


@pytest.mark.parametrize("missing", ["javascript", "reveal.js", "slides.js"])
def test_a_deck_without_its_scripts_reads_from_top_to_bottom(
    browser, book_site, slides_folder, missing
):
    address = f"{book_site}slides/search.html"
    context = browser.new_context(java_script_enabled=missing != "javascript")
    context.route(f"**/{missing}", lambda route: route.abort())
    page = context.new_page()
    page.goto(address)
    headings = page.locator("section h2")
    assert headings.count() == page.locator("section h2:visible").count() >= 12
    tops = [one.bounding_box()["y"] for one in headings.all()]
    assert tops == sorted(tops) and tops[-1] > 2000
    context.close()


def test_a_deck_reads_on_a_phone(browser, book_folder, slides_folder):
    address = f"{book_folder.as_uri()}/slides/search.html"
    page = open_deck(browser, address)
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_function("() => window.Reveal?.isReady()")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= 360
    page.context.close()
