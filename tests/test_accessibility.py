"""Every page as axe, a keyboard and a screen reader meet it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

from tests.test_pages import page_names
from widgets.corpus import load_corpus

ROOT = Path(__file__).parent.parent
SUMMARY = "The figures of this plot as a table"
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
OPTIONS = {
    "runOnly": {"type": "tag", "values": [*TAGS, "best-practice"]},
    "resultTypes": ["violations"],
}
WIDTHS = {"wide": 1280, "narrow": 360}
"""Pixels of a window."""
QUICK = ("narrow, dark", "wide, light")
"""With these two each width and each colour scheme is seen once."""


def listed_pages() -> list[str]:
    """Return the pages that _quarto.yml lists: what is rendered is known later."""
    config = yaml.safe_load((ROOT / "_quarto.yml").read_text("utf-8"))
    return [
        str(Path(source).with_suffix(".html")) for source in config["book"]["chapters"]
    ]


def pages_and_looks() -> list:
    """Return each page in each look as a test's parameters."""
    found = []
    for name in listed_pages():
        for width in WIDTHS:
            for scheme in ("light", "dark"):
                look = f"{width}, {scheme}"
                marks = [pytest.mark.page(name, look)]
                if look not in QUICK:
                    marks.append(pytest.mark.slow)
                found.append(pytest.param(name, look, marks=marks, id=f"{name} {look}"))
    return found


def violations(page, context: str | None = None, options: dict = OPTIONS) -> list[str]:
    """Return what axe says against a page, one line for each element."""
    found = Axe().run(page, context, options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['html'][:200]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def open_look(browser, address: str, look: str, **context):
    width, scheme = look.split(", ")
    page = browser.new_page(
        viewport={"width": WIDTHS[width], "height": 800},
        color_scheme=scheme,
        reduced_motion="reduce",
        **context,
    )
    page.goto(address)
    return page


def wake(page) -> None:
    """Bring plots and widgets to life, unfold what is folded, answer a quiz."""
    for one in page.locator(".plot, .ovs-widget[data-widget]").all():
        one.evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
        if "plot" in one.get_attribute("class").split():
            one.locator("svg.main-svg").first.wait_for(state="attached")
        else:
            page.wait_for_function(
                "(one) => one.dataset.live", arg=one.element_handle()
            )
    # One plot's table is as another, and some have thousands of rows
    unfold = "(all) => all.forEach((one) => { one.open = true; })"
    page.locator("main details:not(.plot-figures, .ovs-points)").evaluate_all(unfold)
    if page.locator(".plot-figures").count():
        page.locator(".plot-figures summary").first.click()
        page.locator(".plot-figures td").first.wait_for()
    quizzes = page.locator(".quiz form")
    if quizzes.count():
        quizzes.first.get_by_role("radio").first.check()
        quizzes.first.get_by_role("button", name="Check").click()


@pytest.mark.parametrize(("name", "look"), pages_and_looks())
def test_axe_finds_nothing(browser, book_site, name, look):
    page = open_look(browser, book_site + name, look)
    wake(page)
    assert violations(page) == []
    page.get_by_role("button", name="Search").click()
    page.locator("#search-text").fill("sentence")
    page.wait_for_selector("#search-hits a")
    assert violations(page, "#search") == []
    page.close()


def test_each_page_of_the_book_is_looked_at(book_folder):
    assert sorted(listed_pages()) == sorted(page_names(book_folder))


def open_tables(page) -> None:
    """Unfold each plot's table by keyboard, and wait for its rows."""
    for box in page.locator(".plot-figures").all():
        box.locator("summary").focus()
        page.keyboard.press("Enter")
        box.locator("td").first.wait_for()


READ_TABLES = """() => [...document.querySelectorAll(".plot")].map((plot) => {
  const figure = plot.closest("figure");
  const [box] = (figure ?? plot).nextElementSibling.getElementsByClassName("table-scroll");
  return {
    name: figure.querySelector("figcaption").textContent.trim(),
    captions: [...box.querySelectorAll("caption")].map((one) => one.textContent),
    rows: [...box.querySelectorAll("tbody tr")].map((row) => row.cells.length),
    heads: [...box.querySelectorAll("th")].map((one) => one.scope),
    label: box.ariaLabel,
    stop: box.tabIndex,
  };
})"""


def read_plots(path: Path) -> list[dict]:
    """Return the plots of a page, which stand in a script beside it."""
    script = path.with_suffix(".plots.js").read_text("utf-8")
    return json.loads(script.removeprefix("window.bookPlots = ").rstrip(";\n"))


def count_rows(plot: dict) -> set[int]:
    """Return how many rows tell all: a row for each point, or for each step of all."""
    points = [
        len(next(t[key] for key in ("z", "median", "y", "x") if key in t))
        for t in plot["data"]
    ]
    return {sum(points), points[0]} if len(set(points)) == 1 else {sum(points)}


def test_every_plot_has_its_figures_as_a_table(browser, book_site, book_folder):
    plots = 0
    for name in page_names(book_folder):
        if not (book_folder / name).with_suffix(".plots.js").is_file():
            continue
        page = browser.new_page()
        page.goto(book_site + name)
        assert page.locator(".plot-figures table").count() == 0
        open_tables(page)
        stored, found = read_plots(book_folder / name), page.evaluate(READ_TABLES)
        assert len(found) == len(stored)
        for plot, table in zip(stored, found, strict=True):
            assert len(table["rows"]) in count_rows(plot), table["name"]
            assert all(text.startswith(table["name"]) for text in table["captions"])
            assert set(table["heads"]) == {"col", "row"}
            assert table["label"].endswith(table["name"])
            assert table["stop"] == 0
        plots += len(found)
        page.close()
    assert plots


def pack(values: np.ndarray) -> dict:
    """Return an array as plotly.py stores it."""
    data = {
        "dtype": values.dtype.str[1:],
        "bdata": b64encode(values.tobytes()).decode(),
    }
    return data if values.ndim == 1 else data | {"shape": "2, 3"}


PLOTS = {
    "lines side by side, by a format": (
        go.Figure(
            [go.Scatter(y=[0.5, 0.254], name="one"), go.Scatter(y=[1, 0], name="two")],
            {"yaxis": {"tickformat": ".0%", "title": "share"}, "xaxis": {"title": "k"}},
        ),
        "A plot (share)",
        [["k", "one", "two"], ["0", "50%", "100%"], ["1", "25%", "0%"]],
    ),
    "bars": (
        go.Figure(go.Bar(x=["a", "<b>b</b>"], y=[1234567, -0.123456])),
        "A plot",
        [["group", "y"], ["a", "1,234,567"], ["b", "−0.1235"]],
    ),
    "error bars, lying": (
        go.Figure(
            go.Scatter(
                x=[0.5], y=["a"], error_x={"array": [0.1], "arrayminus": [0.2]}
            )
        ),
        "A plot",
        [["group", "x", "from", "to"], ["a", "0.5", "0.3", "0.6"]],
    ),
    "points of two panels, with labels": (
        go.Figure(
            [
                go.Scatter(x=[1], y=[2], text=["p"], name="one", marker_color="red"),
                go.Scatter(x=[3], y=[None], mode="markers", marker_color="red")
                .update(xaxis="x2", yaxis="y2"),
            ],
            {"xaxis": {"title": "left"}, "xaxis2": {"matches": "x"}},
        ),
        "A plot",
        [
            ["part", "series", "label", "left", "y"],
            ["1", "one", "p", "1", "2"],
            ["2", "one, points", "", "3", ""],
        ],
    ),
    "heatmap": (
        go.Figure(
            go.Heatmap(
                z=np.arange(6, dtype="f4").reshape(2, 3) / 3,
                x=["a", "b", "c"],
                y=["d", "e"],
                texttemplate="%{z:.2f}",
            )
        ),
        "A plot",
        [
            ["", "a", "b", "c"],
            ["d", "0.00", "0.33", "0.67"],
            ["e", "1.00", "1.33", "1.67"],
        ],
    ),
    "box of five figures": (
        go.Figure(
            go.Box(
                name="one", lowerfence=[1], q1=[2], median=[3], q3=[4], upperfence=[5]
            )
        ),
        "A plot",
        [
            ["series", "lower end", "first quarter up to", "median", "third quarter up to", "upper end"],
            ["one", "1", "2", "3", "4", "5"],
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", PLOTS)
def test_a_plot_s_table_says_what_plotly_would(browser, kind):
    figure, caption, rows = PLOTS[kind]
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "book" / "theme" / "plot_table.js")
    said = page.evaluate(
        """(figure) => bookPlotTables(figure, "A plot").map((table) => [
          table.caption.textContent,
          [...table.rows].map((row) => [...row.cells].map((cell) => cell.textContent)),
        ])""",
        json.loads(figure.to_json()),
    )
    assert said == [[caption, rows]]
    page.close()


@pytest.mark.parametrize("dtype", ["<f4", "<f8", "|i1", "|u1", "<i2", "<u2", "<i4"])
def test_packed_numbers_are_unpacked(browser, dtype):
    values = np.array([3, 1, 2], dtype)
    page = browser.new_page()
    page.add_script_tag(path=ROOT / "book" / "theme" / "plot_table.js")
    assert page.evaluate(
        """(y) => [...bookPlotTables({ data: [{ y }] }, "")[0].tBodies[0].rows]
          .map((row) => Number(row.cells[1].textContent))""",
        pack(values),
    ) == [3, 1, 2]
    page.close()


def test_figures_that_cannot_be_read_are_said_and_asked_for_again(browser, book_site):
    page = browser.new_page()
    page.route("**/plot_table.js", lambda route: route.abort())
    page.goto(f"{book_site}chapters/search.html")
    box = page.locator(".plot-figures").first
    box.locator("summary").click()
    box.get_by_text("can’t be read").wait_for()
    page.unroute("**/plot_table.js")
    box.locator("summary").click()
    box.locator("td").first.wait_for()
    assert box.locator("summary").inner_text() == SUMMARY
    page.close()


WEAK = """() => {
  const canvas = document.createElement("canvas").getContext("2d");
  const read = (draw) => { canvas.clearRect(0, 0, 1, 1); draw(); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const colour = (name) => read(() => { canvas.fillStyle = name; canvas.fillRect(0, 0, 1, 1); });
  const light = (colour) => colour.slice(0, 3).map((part) => part / 255)
    .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
    .reduce((sum, part, i) => sum + part * [0.2126, 0.7152, 0.0722][i], 0);
  const paper = (one) => {
    while (one && !colour(getComputedStyle(one).backgroundColor)[3]) one = one.parentElement;
    return one ? colour(getComputedStyle(one).backgroundColor) : [255, 255, 255, 255];
  };
  // A heatmap's cells are one picture: of what colour is it in the middle of the label?
  const cell = (text, image) => {
    const [at, from] = [text, image].map((one) => one.getBoundingClientRect());
    const x = (at.left + at.width / 2 - from.left) / from.width;
    const y = (at.top + at.height / 2 - from.top) / from.height;
    const whole = Object.assign(new Image(), { src: image.getAttribute("href") });
    return whole.decode().then(() => read(() => canvas.drawImage(whole, Math.floor(x * whole.width), Math.floor(y * whole.height), 1, 1, 0, 0, 1, 1)));
  };
  return Promise.all([...document.querySelectorAll("svg text")]
    .filter((text) => text.textContent.trim() && text.checkVisibility() && text.getClientRects().length)
    .map(async (text) => {
      const label = text.closest(".heatmap-label");
      const ground = label ? await cell(text, text.closest("svg").querySelector(".hm image")) : paper(text.closest("svg"));
      const [a, b] = [light(colour(getComputedStyle(text).fill)), light(ground)];
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), text.textContent];
    })).then((all) => all.filter(([contrast]) => contrast < 4.5));
}"""
"""The texts in drawings, at which axe doesn't look, that stand out too little."""

MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const style = getComputedStyle(one);
  return style.scrollBehavior === "smooth" || style.animationName !== "none"
    || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0);
}).map((one) => one.outerHTML.slice(0, 100))"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_drawings_can_be_read_and_stand_still(browser, book_site, book_folder, scheme):
    for name in page_names(book_folder):
        page = open_look(browser, book_site + name, f"wide, {scheme}")
        if page.locator(".plot, .ovs-widget, svg text").count():
            wake(page)
            assert page.evaluate(WEAK) == [], name
            assert page.evaluate(MOVING) == [], name
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_stand_out_from_the_paper(browser, book_site, scheme):
    page = open_look(browser, book_site, f"wide, {scheme}")
    ratios = page.evaluate(
        """() => [...Array(8).keys()].map((i) => {
          const light = (name) => {
            const probe = document.body.appendChild(document.createElement("i"));
            probe.style.color = `var(${name})`;
            const parts = getComputedStyle(probe).color.match(/[\\d.]+/g).slice(0, 3);
            probe.remove();
            return parts.map((part) => part / 255)
              .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
              .reduce((sum, part, j) => sum + part * [0.2126, 0.7152, 0.0722][j], 0);
          };
          const [a, b] = [light(`--category-${i + 1}`), light("--paper")];
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        })"""
    )
    assert len(ratios) == 8
    assert min(ratios) >= 3
    page.close()


def each_page(quick: str, look: str) -> list:
    """Return each page as a test's parameter; all but one are slow."""
    return [
        pytest.param(
            name,
            marks=[pytest.mark.page(name, look)]
            + ([] if name == quick else [pytest.mark.slow]),
        )
        for name in listed_pages()
    ]


def each_chapter(rows: list[tuple], look: str) -> list:
    """Return rows, each of the chapter that it names first; all but search are slow."""
    return [
        pytest.param(
            *row,
            id=row[0],
            marks=[
                pytest.mark.page(f"chapters/{row[0]}.html", look),
                *([] if row[0] == "search" else [pytest.mark.slow]),
            ],
        )
        for row in rows
    ]


@pytest.mark.parametrize("name", each_page("index.html", "without JavaScript"))
def test_axe_finds_nothing_where_the_page_s_scripts_do_not_come(
    browser, book_site, name
):
    page = browser.new_page(viewport={"width": WIDTHS["narrow"], "height": 800})
    page.route("**/*.js", lambda route: route.abort())
    page.goto(book_site + name)
    assert violations(page) == []
    page.close()


@pytest.mark.parametrize("name", each_page("chapters/search.html", "320 px and 200 %"))
def test_nothing_stands_out_sideways_when_all_is_large(browser, book_site, name):
    page = browser.new_page(viewport={"width": 320, "height": 700})
    page.goto(book_site + name)
    wake(page)
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) <= 320
    for width in (1280, 640):
        page.set_viewport_size({"width": width, "height": 700})
        page.evaluate("document.documentElement.style.fontSize = '2.375rem'")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        assert page.evaluate(wide) <= width
    page.close()


WATCH_FOCUS = """() => {
  window.stops = new Map();
  const seen = (one) => {
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(one);
    return (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  };
  addEventListener("focusin", ({ target }) => {
    const shown = [target, target.closest("label"), target.nextElementSibling];
    stops.set(target, shown.some((one) => one && seen(one)));
  });
}"""
MISSED = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']");
  const groups = new Set([...stops.keys()].filter(({ type }) => type === "radio").map(({ name }) => name));
  return [...all].filter((one) => one.checkVisibility({ visibilityProperty: true })
      && one.tabIndex >= 0 && !one.matches(":disabled") && !stops.has(one)
      && !(one.type === "radio" && groups.has(one.name)))
    .map((one) => one.outerHTML.slice(0, 120));
}"""
UNSEEN = "() => [...stops].filter(([, seen]) => !seen).map(([one]) => one.outerHTML.slice(0, 120))"


@pytest.mark.parametrize("name", each_page("chapters/search.html", "Tab alone"))
def test_tab_comes_to_all_that_can_be_used_and_shows_where_it_is(
    browser, book_site, name
):
    page = open_look(browser, book_site + name, "wide, light")
    wake(page)
    page.evaluate("document.activeElement.blur()")
    page.evaluate(WATCH_FOCUS)
    page.evaluate("scrollTo(0, 0); document.querySelector('.skip').focus()")
    met = 0
    while met < (met := page.evaluate("stops.size")):
        for _ in range(20):
            page.keyboard.press("Tab")
    assert page.evaluate(MISSED) == []
    assert page.evaluate(UNSEEN) == []
    page.close()


STATES = {
    "under the pointer": ["hover"],
    "pressed": ["hover", "active"],
    "in focus": ["focus", "focus-visible"],
}
CONTRAST = {
    "runOnly": {"type": "rule", "values": ["color-contrast"]},
    "resultTypes": ["violations"],
}


def force(page, states: list[str]) -> None:
    """Put all that can be used into a state, as the pointer or a key would."""
    line = page.context.new_cdp_session(page)
    line.send("DOM.enable")
    line.send("CSS.enable")
    root = line.send("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
    used = (
        "a, button, input, select, summary, label, [tabindex], h2, h3, h4, .sourceCode"
    )
    found = line.send("DOM.querySelectorAll", {"nodeId": root, "selector": used})
    for node in found["nodeIds"]:
        force = {"nodeId": node, "forcedPseudoClasses": states}
        line.send("CSS.forcePseudoState", force)


@pytest.mark.parametrize("name", each_page("chapters/search.html", "every state"))
def test_words_stand_out_whatever_is_done_to_them(browser, book_site, name):
    for scheme in ("light", "dark"):
        page = open_look(browser, book_site + name, f"wide, {scheme}")
        wake(page)
        for state, forced in STATES.items():
            force(page, forced)
            assert violations(page, options=CONTRAST) == [], (scheme, state)
        page.close()


def test_forced_states_are_seen_by_axe(browser, book_site):
    page = open_look(browser, book_site, "wide, light")
    page.add_style_tag(content="a:active { color: #ddd }")
    assert violations(page, options=CONTRAST) == []
    force(page, STATES["pressed"])
    assert violations(page, options=CONTRAST)
    page.close()


@pytest.mark.parametrize("name", each_page("chapters/search.html", "quizzes answered"))
def test_every_quiz_is_answered_by_keys_and_axe_finds_nothing(browser, book_site, name):
    page = open_look(browser, book_site + name, "narrow, light")
    for quiz in page.locator(".quiz").all():
        radios = quiz.get_by_role("radio")
        said = quiz.get_by_role("status")
        radios.first.focus()
        page.keyboard.press("Enter")
        said.get_by_text("Choose an answer first.").wait_for()
        page.keyboard.press("Space")
        for _ in range(radios.count()):
            page.keyboard.press("Enter")
            said.get_by_text(re.compile("^(Right|Not yet):")).first.wait_for()
            page.keyboard.press("ArrowDown")
        assert quiz.locator("[data-found]").count() == radios.count()
        assert quiz.locator("[data-found=right]").count() == 1
        page.keyboard.press("Enter")
    if page.locator(".quiz").count():
        assert violations(page, ".quiz") == []
    page.close()


# The page, the file that doesn't come, whom to ask for an answer then
BROKEN = [
    ("search", "minilm.bin", "searchbox", None),
    ("mechanism", "minilm.bin", "textbox", "First sentence"),
    ("failures", "minilm.bin", "textbox", "Second sentence"),
]


@pytest.mark.parametrize(
    ("name", "file", "role", "label"),
    each_chapter(BROKEN, "with what went wrong"),
)
def test_axe_finds_nothing_where_something_went_wrong(
    browser, book_site, name, file, role, label
):
    page = open_look(browser, f"{book_site}chapters/{name}.html", "narrow, dark")
    page.route(f"**/{file}*", lambda route: route.abort())
    page.route("**/*.plots.js", lambda route: route.abort())
    page.route("**/*.state.js*", lambda route: route.abort())
    widget = page.locator(".ovs-widget")
    widget.evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
    widget.get_by_role("button", name="Load it again").wait_for()
    assert violations(page, ".ovs-widget") == []
    page.unroute("**/*.state.js*")
    widget.get_by_role("button", name="Load it again").press("Enter")
    widget.get_by_role(role, name=label).fill("zebra finch")
    widget.get_by_role("button", name="Try again").wait_for()
    page.locator("#search-open").click()
    page.locator("#search-text").fill("zebrafinch")
    page.locator("#search-said").filter(has_text="Nothing found").wait_for()
    assert violations(page, "#search") == []
    page.keyboard.press("Escape")
    for plot in page.locator(".plot").all():
        plot.evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
        page.wait_for_function(
            "(one) => one.classList.contains('plot-failed')", arg=plot.element_handle()
        )
    assert violations(page) == []
    page.close()


def test_axe_finds_nothing_in_the_menu_of_a_phone(browser, book_site):
    for scheme in ("light", "dark"):
        page = open_look(
            browser, f"{book_site}chapters/search.html", f"narrow, {scheme}"
        )
        page.get_by_role("button", name="Chapters").press("Enter")
        page.get_by_role("navigation", name="Chapters").wait_for()
        assert violations(page) == []
        page.close()


MAPS = ["chapters/search.html", "chapters/clustering.html"]


@pytest.mark.parametrize("name", MAPS)
def test_every_map_has_its_points_as_a_table(browser, book_site, name):
    page = open_look(browser, book_site + name, "narrow, light")
    page.locator(".ovs-widget").evaluate("(one) => one.scrollIntoView()")
    box = page.locator(".ovs-points")
    assert box.locator("td").count() == 0
    box.locator("summary").press("Enter")
    rows = box.locator("tbody tr")
    rows.first.wait_for()
    assert rows.count() == len(load_corpus())
    shown = rows.locator("td:first-child").all_inner_texts()
    for said, sentence in zip(shown, load_corpus(), strict=True):
        assert said.startswith(sentence.text)
    assert violations(page, ".ovs-points") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS["narrow"]
    page.close()


CANVAS_COLOURS = """() => {
  const [canvas] = document.querySelectorAll(".ovs-stage canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const seen = new Map();
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 200) continue;
    const colour = data.slice(i, i + 3).join();
    seen.set(colour, (seen.get(colour) ?? 0) + 1);
  }
  return [...seen.values()].filter((pixels) => pixels > 20).length;
}"""
"""How many colours a map has that are seen in more than a few pixels."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_where_the_system_sets_the_colours_drawings_can_be_read(
    browser, book_site, scheme
):
    address = f"{book_site}chapters/search.html"
    page = open_look(browser, address, f"wide, {scheme}", forced_colors="active")
    wake(page)
    assert page.evaluate(WEAK) == []
    page.wait_for_function(f"() => ({CANVAS_COLOURS})() > 4")
    page.locator(".plot").last.scroll_into_view_if_needed()
    page.evaluate(
        "Plotly.Fx.hover([...document.querySelectorAll('.plot')].at(-1), [{ curveNumber: 0, pointNumber: 0 }])"
    )
    label = page.locator(".hovertext").first
    label.wait_for(state="attached")
    assert label.locator("path").first.evaluate(
        "(one) => getComputedStyle(one).fill"
    ) != (label.locator("text.nums").evaluate("(one) => getComputedStyle(one).fill"))
    here = page.locator(".chapters [aria-current=page]")
    assert "underline" in here.evaluate(
        "(one) => getComputedStyle(one).textDecorationLine"
    )
    page.close()


# The page, what is reached for, the keys, and what the widget then says
ANSWERS = [
    ("mechanism", "textbox", "First sentence", "a", r"cosine"),
    ("search", "searchbox", None, "overdue fines", r"topic"),
    ("clustering", "slider", "Clusters (k)", ["ArrowRight"], r"k = 11"),
    ("models", "slider", "Dimensions at most", ["Home"], r"."),
    ("failures", "textbox", "Second sentence", "a", r"cosine is"),
]
SAID = "[...document.querySelectorAll('.ovs-widget [role=status]')].map((one) => one.textContent).join(' ')"


@pytest.mark.parametrize(
    ("name", "role", "label", "keys", "said"),
    each_chapter(ANSWERS, "a widget, by keyboard"),
)
def test_each_widget_answers_to_keys_and_says_so(
    browser, book_site, name, role, label, keys, said
):
    page = open_look(browser, f"{book_site}chapters/{name}.html", "narrow, dark")
    wake(page)
    before = page.evaluate(SAID)
    page.locator(".ovs-widget").get_by_role(role, name=label).focus()
    if isinstance(keys, str):
        page.keyboard.press("Control+a")
        page.keyboard.type(keys)
    else:
        for key in keys:
            page.keyboard.press(key)
    page.wait_for_function(
        f"([before, said]) => {SAID} !== before && new RegExp(said).test({SAID})",
        arg=[before, said],
    )
    assert violations(page, ".ovs-widget") == []
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "look",
    [
        pytest.param(look, marks=pytest.mark.page("print.html", look))
        for look in ("wide, light", "narrow, dark")
    ],
)
def test_axe_finds_nothing_on_the_page_for_paper(browser, book_site, epub_file, look):
    page = open_look(browser, f"{book_site}print.html", look)
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot')]"
        ".every((plot) => plot.querySelector('.main-svg'))"
    )
    assert violations(page) == []
    page.close()


def deck_names(look: str = "") -> list:
    """Return each deck of slides as a test's parameter."""
    names = [path.stem for path in sorted((ROOT / "slides").glob("*.md"))]
    return [
        pytest.param(
            name,
            marks=[pytest.mark.page(f"slides/{name}.html", look)] if look else [],
        )
        for name in names
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", deck_names("wide, all slides"))
def test_axe_finds_nothing_on_any_slide(browser, book_site, slides_folder, name):
    address = f"{book_site}slides/{name}.html"
    page = open_look(browser, address, "wide, dark")
    page.wait_for_selector(".reveal.ready")
    assert violations(page) == []
    # Where a deck is printed all its slides are there at once
    page.goto(f"{address}?print-pdf")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot')]"
        ".every((plot) => plot.querySelector('.main-svg'))"
    )
    assert violations(page) == []
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", deck_names("narrow, each slide"))
def test_axe_finds_nothing_on_a_narrow_slide(browser, book_site, slides_folder, name):
    page = open_look(browser, f"{book_site}slides/{name}.html", "narrow, light")
    page.wait_for_selector(".reveal.ready")
    for _ in range(page.evaluate("Reveal.getTotalSlides()")):
        assert violations(page, ".slides > .present") == []
        page.keyboard.press("ArrowRight")
    page.close()


@pytest.mark.parametrize(
    "name",
    [
        "index",
        *(
            pytest.param(one.values[0], marks=[] if at == 0 else pytest.mark.slow)
            for at, one in enumerate(deck_names())
        ),
    ],
)
def test_slides_stand_still_and_fit_a_phone(browser, book_site, slides_folder, name):
    page = browser.new_page(
        viewport={"width": 320, "height": 700}, reduced_motion="reduce"
    )
    page.goto(f"{book_site}slides/{name}.html")
    if name == "index":
        assert violations(page) == []
    else:
        page.wait_for_selector(".reveal.ready")
    assert page.evaluate(MOVING) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.close()
