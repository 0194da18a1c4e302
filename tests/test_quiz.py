"""Quizzes: their form in the notebooks, and how they are answered in a page."""

import json
import re
import threading
from pathlib import Path

import pypandoc
import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect

from book import assets, check, render, serve
from book.claims import find_figures
from book.execute import notebooks
from book.glossary import first_use
from book.outputs import joined
from tests.test_book import text, write_book

QUIZ = """::: {.quiz #quiz-one-sum}
**What is `1 + 1`?**

1. It is 3.
2. It is *two*, as
   I said.
3. It is <b>many</b> ducks.

<details><summary>All answers, explained</summary>

1. **Not yet:** that is one too many of 5: @sec-one.
2. **Right:** so it is.
3. **Not yet:** a duck is no number.

</details>
:::"""
OTHER = QUIZ.replace("quiz-one-sum", "quiz-one-more").replace("1 + 1", "2")
FAR = QUIZ.replace("quiz-one-sum", "quiz-two-sum")
INDEX = "# Welcome {#sec-welcome .unnumbered}\n\n## Chapters {#sec-chapters}\n\n"
INDEX += "1. @sec-one counts.\n2. @sec-two counts more.\n"
EXPLAINED = "Not yet: that is one too many of 5: Chapter 1."


def markdown(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    return "\n\n".join(
        joined(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small book with two quizzes in its first chapter and one in the second."""
    folder = write_book(
        tmp_path_factory.mktemp("quizzes"),
        index=[text(INDEX)],
        one=[text("# First {#sec-one}\n\nBefore."), text(QUIZ), text(OTHER)],
        two=[text("# Second {#sec-two}"), text(FAR)],
    )
    render.render(folder, quarto=False)
    return folder / "_book"


@pytest.fixture(scope="module", params=["http", "file"])
def address(request, small: Path):
    """The small book's address, served and opened by a double click."""
    if request.param == "file":
        yield f"{small.as_uri()}/"
        return
    server = serve.open_server(small, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser):
    """A page of a browser that has answered nothing yet; no error may be left on it."""
    context = browser.new_context()
    page = context.new_page()
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


def press(page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def focused(page) -> str:
    there = "(document.activeElement.closest('label') ?? document.activeElement)"
    return " ".join(page.evaluate(f"{there}.innerText").split())


def answer(page, number: int, quiz: str = "quiz-one-sum") -> None:
    box = page.locator(f"#{quiz}")
    box.get_by_role("radio").nth(number).check()
    box.get_by_role("button", name="Check").click()


# The notebooks


def test_each_chapter_with_exercises_asks_at_least_four_questions():
    asked = {
        path.stem: len(re.findall(r"^:::+ \{\.quiz #", markdown(path), re.M))
        for path in notebooks()
        if re.search(r"^## Exercises", markdown(path), re.M)
    }
    assert asked
    assert {name: count for name, count in asked.items() if count < 4} == {}


def test_every_quiz_of_the_book_is_known_once_and_points_to_a_section(book_folder):
    script = (book_folder / "assets" / "quizzes.js").read_text()
    known = json.loads(script.removeprefix("window.bookQuizzes = ")[:-2])
    ids = [key for keys in known.values() for key in keys]
    assert len(ids) == len(set(ids))
    asked = "".join(markdown(path) for path in notebooks()).count("{.quiz #")
    assert asked == len(ids)
    for name in known:
        for quiz in check.read_page(book_folder / name).select(".quiz"):
            explained = quiz.select("details li")
            assert 3 <= len(explained) <= 4
            assert quiz["id"].startswith(f"quiz-{Path(name).stem}-")
            for item in explained:
                assert item.select("a.xref"), item.get_text()


FAULTS = {
    "no id": (" #quiz-one-sum", "", "without an id"),
    "no question": (QUIZ.splitlines()[1], "", "needs a question"),
    "an answer that nobody explains": (
        "2. It is",
        "2. It was.\n3. It is",
        "3 of its 4",
    ),
    "none is right": ("**Right:**", "**Not yet:**", "0 explanations with **Right:**"),
    "two are right": (
        "**Not yet:** a duck",
        "**Right:** a duck",
        "2 explanations with **Right:**",
    ),
    "neither right nor not": ("**Not yet:** a duck", "A duck", "without **Right:**"),
}


def parsed(quiz: str):
    return BeautifulSoup(pypandoc.convert_text(quiz, "html", "markdown"), "html.parser")


def test_a_quiz_in_its_form_passes():
    assert list(check.check_page(parsed(QUIZ))) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_quiz_that_the_script_could_not_read_is_told(fault: str):
    old, new, said = FAULTS[fault]
    assert QUIZ.count(old) == 1
    found = [it for _, it in check.check_page(parsed(QUIZ.replace(old, new)))]
    assert any(said in it for it in found), found


def test_a_faulty_quiz_stops_the_build_with_its_cell(tmp_path: Path):
    faulty = text(QUIZ.replace("Right", "Yes"))
    folder = write_book(tmp_path, two=[text("# Second {#sec-two}\n\n@sec-one"), faulty])
    with pytest.raises(render.BuildError, match=r"two\.ipynb, cell 1: a quiz has 0"):
        render.render(folder, quarto=False)


def test_answers_state_nothing_and_explanations_do(tmp_path: Path):
    assert [figure.text for figure in find_figures(QUIZ)] == ["5"]
    path = tmp_path / "one.ipynb"
    path.write_text(json.dumps({"cells": [text(QUIZ)]}))
    assert first_use([path], {"term": "duck", "text": ""}).start > QUIZ.index("Right")


def test_wrong_answers_are_not_found_by_the_search(small: Path):
    index = (small / "assets" / "search_index.js").read_text()
    assert "ducks" not in index
    assert "one too many" in index


# The page


def test_a_quiz_is_answered_by_keyboard_alone(page, address):
    page.goto(f"{address}chapters/one.html")
    quiz = page.locator("#quiz-one-sum")
    said = quiz.get_by_role("status")
    page.evaluate("document.querySelector('#quiz-one-sum').tabIndex = -1")
    quiz.focus()
    press(page, "Tab", "Enter")
    expect(said).to_have_text("Choose an answer first.")
    press(page, "Space")
    expect(said).to_have_text("")
    assert focused(page) == "It is 3."
    press(page, "Enter")  # hands the form in, as everywhere
    expect(said).to_have_text(EXPLAINED)
    press(page, "ArrowDown")
    assert focused(page) == "It is two, as I said."
    expect(said).to_have_text("")  # nothing is judged on the way
    press(page, "Tab")
    assert focused(page) == "Check"
    press(page, "Space")
    expect(said).to_have_text("Right: so it is.")
    assert quiz.locator("[data-found]").count() == 2
    press(page, "Tab", "Enter")
    assert quiz.get_by_text("a duck is no number").is_visible()


def test_a_screen_reader_hears_names_and_what_is_said(page, address):
    page.goto(f"{address}chapters/one.html")
    quiz = page.locator("#quiz-one-sum")
    group = quiz.get_by_role("group", name="What is 1 + 1?")
    names = ["It is 3.", "It is two, as I said.", "It is many ducks."]
    for name in names:
        assert group.get_by_role("radio", name=name, exact=True).count() == 1
    assert quiz.get_by_role("status").count() == 1
    answer(page, 0)
    assert group.get_by_role("radio", name="It is 3. not yet", exact=True).is_checked()
    expect(quiz.get_by_role("status")).to_have_text(EXPLAINED)
    assert quiz.get_by_role("status").get_by_role("link", name="Chapter 1").count()
    answer(page, 1)
    assert group.get_by_role("radio", name=f"{names[1]} right", exact=True).is_checked()
    marks = quiz.locator(".quiz-mark").evaluate_all(
        "(all) => all.map((one) => getComputedStyle(one, '::before').content)"
    )
    assert [mark[1:2] for mark in marks] == ["✗", "✓", "o"]  # the last is "none"


def test_right_answers_are_kept_counted_and_forgotten(page, address):
    index, one = f"{address}index.html", f"{address}chapters/one.html"
    page.goto(index)
    items = page.locator("#sec-chapters li")
    expect(items).to_have_text(
        [
            "Chapter 1 counts. 0 of 2 questions",
            "Chapter 2 counts more. 0 of 1 questions",
        ]
    )
    page.goto(one)
    sidebar = page.get_by_role("navigation", name="Chapters")
    answer(page, 0)
    assert not sidebar.get_by_text("questions").first.is_visible()
    answer(page, 1)
    assert sidebar.get_by_role("link", name="First 1 of 2 questions").is_visible()
    page.reload()
    quiz = page.locator("#quiz-one-sum")
    assert quiz.get_by_role("radio").nth(1).is_checked()
    expect(quiz.get_by_role("status")).to_have_text("Right: so it is.")
    assert page.locator("#quiz-one-more input:checked").count() == 0
    answer(page, 0)  # a look at another answer takes nothing back
    page.goto(index)
    expect(items.first).to_contain_text("1 of 2 questions")
    total = page.locator(".quiz-total")
    said = total.get_by_role("status")
    expect(said).to_have_text(
        "1 of 3 questions answered right. Only this browser knows."
    )
    total.get_by_role("button", name="Forget my answers").press("Enter")
    expect(said).to_contain_text("0 of 3 questions")
    page.go_back()
    assert not sidebar.get_by_text("questions").first.is_visible()
    page.reload()
    assert page.locator("input:checked").count() == 0


def test_two_tabs_count_together(page, address):
    page.goto(f"{address}index.html")
    other = page.context.new_page()
    other.goto(f"{address}chapters/one.html")
    third = page.context.new_page()
    third.goto(f"{address}chapters/two.html")
    answer(other, 1)
    answer(third, 1, "quiz-two-sum")
    page.get_by_text("2 of 3 questions answered right").wait_for()


def test_where_storage_is_refused_quizzes_work_and_say_so(page, address):
    page.add_init_script(
        "Object.defineProperty(window, 'localStorage',"
        " { get() { throw new DOMException('no', 'SecurityError'); } })"
    )
    page.goto(f"{address}chapters/one.html")
    answer(page, 1)
    quiz = page.locator("#quiz-one-sum")
    expect(quiz.get_by_role("status")).to_have_text("Right: so it is.")
    sidebar = page.get_by_role("navigation", name="Chapters")
    assert sidebar.get_by_text("1 of 2 questions").is_visible()
    page.goto(f"{address}index.html")
    total = page.locator(".quiz-total")
    said = "0 of 3 questions answered right. This browser doesn't keep answers."
    expect(total.get_by_role("status")).to_have_text(said)
    assert not total.get_by_role("button").is_visible()


def test_strange_contents_of_the_storage_do_no_harm(page, address):
    page.goto(f"{address}index.html")
    page.evaluate("localStorage.setItem('ovs-quizzes', '[1, {\"<b>\":  ')")
    page.goto(f"{address}chapters/one.html")
    answer(page, 1)
    page.goto(f"{address}index.html")
    assert page.get_by_text("1 of 3 questions answered right").is_visible()


def test_without_javascript_answers_and_explanations_stand_there(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}chapters/one.html")
    quiz = page.locator("#quiz-one-sum")
    assert quiz.get_by_role("radio").count() == 0
    assert quiz.get_by_text("many ducks").is_visible()
    assert not quiz.get_by_text("Right: so it is.").is_visible()
    quiz.get_by_text("All answers, explained").click()
    assert quiz.get_by_text("Right: so it is.").is_visible()
    context.close()


def test_paper_shows_all_explanations_and_no_buttons(page, address):
    page.goto(f"{address}chapters/one.html")
    quiz = page.locator("#quiz-one-sum")
    page.emulate_media(media="print")
    assert quiz.get_by_text("a duck is no number").bounding_box()["height"] > 10
    assert not quiz.get_by_role("button").is_visible()
    assert quiz.get_by_text("many ducks").is_visible()


def test_quartos_pages_get_the_same_quizzes(page, tmp_path: Path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "assets").mkdir()
    for path in assets.THEME.glob("quiz.*"):
        (tmp_path / "assets" / path.name).write_text(path.read_text())
    whole = "<html><head></head><body><main>{}</main></body></html>"
    link = '<a class="sidebar-link" href="./chapters/one.html"><span>First</span></a>'
    made = tmp_path / "chapters" / "one.html"
    made.write_text(whole.format(pypandoc.convert_text(QUIZ, "html", "markdown")))
    index = tmp_path / "index.html"
    index.write_text(whole.format(link))
    assets.write_quizzes(tmp_path)
    for one in (made, index):
        assets.localise(one, tmp_path)
    page.goto(made.as_uri())
    answer(page, 1)
    page.goto(index.as_uri())
    assert page.get_by_role("link", name="First 1 of 1 questions").is_visible()
