"""The rendered pages in a real browser: what they load, and how one moves in them."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import urljoin

import pytest

from book import check

LIMIT = 150_000
"""Bytes of a page with all the styles and scripts that it names."""


def page_names(folder: Path) -> list[str]:
    """The book's own pages: slides and the one page for paper have their own tests."""
    names = [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*.html"))]
    return [n for n in names if n != "print.html" and not n.startswith("slides/")]


def open_page(browser, address: str, width: int = 1280, **context):
    """Open a page; note its console errors and what it asks for."""
    page = browser.new_page(viewport={"width": width, "height": 800}, **context)
    page.errors, page.asked = [], []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on(
        "console",
        lambda said: page.errors.append(said.text) if said.type == "error" else None,
    )
    page.on("request", lambda request: page.asked.append(request.url))
    page.goto(address)
    return page


def read_through(page) -> None:
    """Bring each plot before the reader, and wait until it stands there drawn."""
    for plot in page.locator(".plot").all():
        plot.evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
        plot.locator("svg, .plot-failed").first.wait_for(state="attached")
    assert page.locator(".plot-failed").count() == 0
    page.evaluate("scrollTo({ top: document.body.scrollHeight, behavior: 'instant' })")


@pytest.fixture(params=["http", "file"])
def address(request, book_folder: Path, book_site: str) -> str:
    """The book's address, served and opened by a double click."""
    return book_site if request.param == "http" else f"{book_folder.as_uri()}/"


def test_pages_show_all_without_an_error_or_another_host(browser, address, book_folder):
    for name in page_names(book_folder):
        page = open_page(browser, address + name)
        read_through(page)
        page.keyboard.press("Control+k")
        page.locator("#search-text").fill("sentence")
        page.wait_for_selector("#search-hits a")
        assert page.errors == []
        assert [
            url for url in page.asked if not url.startswith((address, "data:", "blob:"))
        ] == []
        page.close()


def test_plotly_comes_once_after_the_text_and_only_for_plots(
    browser, book_site, book_folder
):
    with_plots = 0
    for name in page_names(book_folder):
        page = open_page(browser, book_site + name)
        read_through(page)
        plots = page.locator(".plot").count()
        with_plots += bool(plots)
        assert sum("plotly.min.js" in url for url in page.asked) == bool(plots)
        page.close()
        parsed = check.read_page(book_folder / name)
        assert not parsed.select("script[src*=plotly]")
    assert with_plots


def test_links_lead_to_something(book_site, book_folder):
    assert check.check_pages(book_folder, {}) == []


def test_text_is_there_in_under_150_kb(browser, book_site, book_folder):
    for name in page_names(book_folder):
        page = check.read_page(book_folder / name)
        first = [e["href"] for e in page.select("link[rel=stylesheet]")]
        first += [e["src"] for e in page.select("script[src]")]
        here = (book_folder / name).parent
        sizes = {one: (here / one).stat().st_size for one in first}
        sizes[name] = (book_folder / name).stat().st_size
        assert sum(sizes.values()) < LIMIT, sizes


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_nothing_stands_out_sideways(browser, book_site, book_folder, width):
    for name in page_names(book_folder):
        page = open_page(browser, book_site + name, width)
        read_through(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.close()


def test_code_of_78_characters_fits_on_a_desktop(browser, book_site, book_folder):
    page = open_page(browser, book_site + page_names(book_folder)[-1])
    spare = page.evaluate(
        """() => {
          const pre = document.querySelector(".sourceCode pre");
          pre.firstChild.textContent = "x".repeat(78);
          return pre.clientWidth - pre.scrollWidth;
        }"""
    )
    assert spare == 0
    page.close()


def test_the_first_tab_skips_to_the_text(browser, book_site):
    page = open_page(browser, book_site)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the text"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.close()


def test_landmarks_and_headings_are_in_order(browser, book_site, book_folder):
    for name in page_names(book_folder):
        page = open_page(browser, book_site + name)
        assert page.get_by_role("main").count() == 1
        assert page.get_by_role("navigation", name="Chapters").count() == 1
        assert page.get_by_role("heading", level=1).count() == 1
        levels = page.locator("main :is(h1, h2, h3, h4)").evaluate_all(
            "(all) => all.map((one) => Number(one.tagName[1]))"
        )
        assert all(b - a <= 1 for a, b in pairwise(levels))
        assert page.evaluate("document.documentElement.lang") == "en"
        page.close()


def test_theme_follows_the_system_until_the_reader_chooses(browser, book_site):
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.goto(book_site)
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    button = page.get_by_role("button", name="Theme: automatic")
    button.focus()
    page.keyboard.press("Enter")
    assert page.get_by_role("button", name="Theme: light").count() == 1
    light = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == light
    page.keyboard.press("Tab")
    page.get_by_role("button", name="Theme: light").press("Enter")
    page.get_by_role("button", name="Theme: dark").press("Enter")
    assert page.evaluate("document.documentElement.dataset.theme") is None
    assert page.evaluate(ground) == dark
    context.close()


def test_search_by_keyboard_leads_to_the_place(browser, book_site):
    page = open_page(browser, book_site)
    page.keyboard.press("Control+k")
    page.keyboard.type("cosin")
    page.wait_for_selector("#search-hits a")
    said = page.locator("#search-said").inner_text()
    assert re.fullmatch(r"(The first 12 of )?\d+ places?", said)
    page.keyboard.press("ArrowDown")
    target = page.evaluate("document.activeElement.href")
    page.keyboard.press("Enter")
    page.wait_for_url(target)
    assert page.locator("dialog[open]").count() == 0
    page.close()


def test_search_says_how_many_places_there_are(browser, book_site):
    page = open_page(browser, book_site)
    page.keyboard.press("/")
    assert page.locator("dialog[open]").count() == 0
    page.keyboard.press("Control+k")
    page.keyboard.press("Control+k")
    page.keyboard.type("the")
    said = page.locator("#search-said")
    said.filter(has_text=re.compile(r"^The first 12 of \d{2,} places$")).wait_for()
    assert page.locator("#search-hits a").count() == 12
    # Enter that ends a word of an input method chooses no hit
    page.locator("#search-text").evaluate(
        "(field) => field.dispatchEvent(new KeyboardEvent('keydown',"
        " { key: 'Enter', isComposing: true, bubbles: true }))"
    )
    assert page.locator("dialog[open]").count() == 1
    assert page.url == book_site
    page.close()


@pytest.mark.fault(
    "1 MB pasted into the book's own search", "its beginning is read, in a breath"
)
@pytest.mark.parametrize(
    "sign", ["a", "the ", "word", "汉", "\U0001d400", "\ud83d", "(["]
)
def test_a_megabyte_in_the_book_s_search(browser, book_site, sign):
    page = open_page(browser, book_site)
    page.keyboard.press("Control+k")
    field = page.locator("#search-text")
    field.fill("pooling")
    page.wait_for_selector("#search-hits a")
    took = field.evaluate(
        "(field, sign) => { field.value = sign.repeat(1_000_000 / sign.length);"
        " const begin = performance.now();"
        " field.dispatchEvent(new Event('input', { bubbles: true }));"
        " return new Promise((done) => setTimeout(() =>"
        " done(performance.now() - begin))); }",
        sign,
    )
    assert took < 5000
    page.locator("#search-said").filter(has_text="first 200 characters").wait_for()
    assert page.locator("#search-hits a").count() == (12 if sign == "the " else 0)
    field.fill("pooling")
    page.wait_for_selector("#search-hits a")
    assert page.errors == []
    page.close()


def test_search_says_when_nothing_is_found_and_takes_any_text(browser, book_site):
    page = open_page(browser, book_site)
    page.get_by_role("button", name="Search").click()
    field = page.locator("#search-text")
    for text in ("zzzzqq", "(((", "<script>alert(1)</script> zq", "\\", "😀"):
        field.fill(text)
        page.wait_for_function("() => !document.querySelector('#search-hits a')")
    field.fill("zzzzqq")
    page.wait_for_function("() => document.querySelector('#search-said').textContent")
    assert "Nothing found" in page.locator("#search-said").inner_text()
    assert page.errors == []
    page.keyboard.press("Escape")
    assert page.locator("dialog[open]").count() == 0
    page.close()


def test_phone_menu_opens_and_closes(browser, book_site):
    page = open_page(browser, book_site, 390)
    chapters = page.get_by_role("navigation", name="Chapters")
    assert not chapters.is_visible()
    page.get_by_role("button", name="Chapters").press("Enter")
    assert chapters.is_visible()
    chapters.get_by_role("link").last.click()
    page.wait_for_url(re.compile("chapters/"))
    assert not page.get_by_role("navigation", name="Chapters").is_visible()
    page.close()


def test_pages_read_well_without_javascript(browser, book_site, book_folder):
    context = browser.new_context(java_script_enabled=False)
    for name in page_names(book_folder):
        page = context.new_page()
        page.goto(urljoin(book_site, name))
        for text in page.locator(".plot-alt").all():
            assert len(text.inner_text()) > 20
        assert page.locator(".tab").count() == page.locator(".tab:visible").count()
        assert not page.get_by_role("button", name="Search").is_visible()
    context.close()


def test_tabs_by_keyboard(browser, tmp_path):
    from book import render
    from tests.test_book import ONE, write_book

    render.render(write_book(tmp_path, one=ONE), quarto=False)
    page = open_page(browser, (tmp_path / "_book" / "chapters" / "one.html").as_uri())
    first = page.get_by_role("tab", name="Tab one")
    first.focus()
    assert page.get_by_role("tabpanel", name="Tab one").is_visible()
    page.keyboard.press("ArrowRight")
    assert (
        page.get_by_role("tab", name="Tab two").get_attribute("aria-selected") == "true"
    )
    assert page.get_by_role("tabpanel").inner_text() == "Right"
    page.keyboard.press("Home")
    assert page.get_by_role("tabpanel").inner_text() == "Left"
    assert page.errors == []
    page.close()


def test_plots_take_the_theme_and_a_bad_library_leaves_the_text(browser, tmp_path):
    from book import render
    from tests.test_book import write_book

    render.render(write_book(tmp_path), quarto=False)
    where = tmp_path / "_book" / "chapters" / "one.html"
    page = open_page(browser, where.as_uri(), color_scheme="light")
    read_through(page)
    ink = "getComputedStyle(document.querySelector('.plot .xtick text')).fill"
    light = page.evaluate(ink)
    page.get_by_role("button", name="Theme").click()
    page.get_by_role("button", name="Theme").click()
    page.wait_for_function(f"() => {ink} !== {light!r}")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")  # paper is white
    page.wait_for_function(f"() => {ink} === {light!r}")
    assert page.locator("main details:not([open], .plot-figures)").count() == 0
    page.emulate_media(media="print")
    assert page.locator(".plot-figures").is_hidden()  # the plot itself is printed
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function(f"() => {ink} !== {light!r}")
    page.close()
    (tmp_path / "_book" / "assets" / "plotly.min.js").unlink()
    page = open_page(browser, where.as_uri())
    page.wait_for_selector(".plot-failed")
    assert page.locator(".plot-alt").inner_text() == "One bar"
    page.close()
