"""Every page as axe, a keyboard and a screen reader meet it."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe

from tests.test_pages import page_names

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


def violations(page, context: str | None = None) -> list[str]:
    """Return what axe says against a page, one line for each element."""
    found = Axe().run(page, context, OPTIONS).response["violations"]
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
    page.locator("main details:not(.plot-figures)").evaluate_all(unfold)
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
