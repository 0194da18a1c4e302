"""The page for teachers: its minutes add up, and all that it names is there."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import nbformat
import pytest

from book.execute import notebooks
from book.exercises import read_sources, sections
from widgets import teaching

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "chapters" / "appendix_teaching.ipynb"
PLANS = teaching.lesson_plans()
CHAPTERS = PLANS["chapters"]
SOURCES = {source.chapter: source for source in read_sources()}
CELLS = nbformat.read(PAGE, as_version=4).cells
PROSE = "\n\n".join(cell.source for cell in CELLS if cell.cell_type == "markdown")
EXERCISES = {
    (chapter, it.name) for chapter, of in SOURCES.items() for it in of.exercises
}
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS)


def named(text):
    """Return the exercises that a text names, as (chapter, name)."""
    return [(m[1], m[2]) for m in teaching.NAMED.finditer(text) if m[1]]


def minutes_of(text):
    heads = (teaching.heads(chapter)[name] for chapter, name in named(text))
    return sum(head.minutes for head in heads)


def quizzes():
    """Return the ids of the quizzes in the chapters."""
    return {
        identity
        for path in (ROOT / "chapters").glob("*.ipynb")
        for identity in re.findall(r"\{\.quiz #([\w-]+)\}", path.read_text("utf-8"))
    }


def test_each_numbered_chapter_is_planned_in_the_books_order():
    numbered = [
        path.stem
        for path in notebooks()
        if "unnumbered" not in nbformat.read(path, as_version=4).cells[0].source
    ]
    assert list(CHAPTERS) == numbered
    assert SOURCES.keys() <= CHAPTERS.keys()


@each_chapter
def test_the_minutes_of_a_plan_add_up(chapter):
    lengths = {
        plan["minutes"]: sum(step["minutes"] for step in plan["steps"])
        for plan in CHAPTERS[chapter]["plans"]
    }
    assert lengths == {50: 50, 90: 90}


@each_chapter
def test_an_exercise_gets_its_minutes_in_the_lesson(chapter):
    for plan in CHAPTERS[chapter]["plans"]:
        for step in plan["steps"]:
            assert minutes_of(step["do"]) <= step["minutes"], step


@each_chapter
def test_no_exercise_is_given_twice_by_a_plan(chapter):
    for plan in CHAPTERS[chapter]["plans"]:
        given = named(json.dumps(plan))
        assert len(given) == len(set(given))
        assert given


@each_chapter
def test_every_goal_names_what_tests_it(chapter):
    assert all(goal["tested_by"] for goal in CHAPTERS[chapter]["goals"])


def test_every_exercise_tests_a_goal():
    tests = [goal["tested_by"] for each in CHAPTERS.values() for goal in each["goals"]]
    found = named("".join(f"{{{it}}}" for each in tests for it in each))
    assert set(found) == EXERCISES


def texts(plans):
    """Return every text in the plans, one a line."""
    if isinstance(plans, dict):
        return "\n".join(texts(it) for key, it in plans.items() if key != "about")
    if isinstance(plans, list):
        return "\n".join(map(texts, plans))
    return str(plans)


def test_whatever_is_named_exists():
    tests = [goal["tested_by"] for each in CHAPTERS.values() for goal in each["goals"]]
    written = texts(PLANS) + "".join(f"{{{it}}}" for each in tests for it in each)
    assert set(named(written)) == EXERCISES
    asked = {it[0].strip("{}") for it in teaching.NAMED.finditer(written) if it[3]}
    assert asked
    assert not asked - quizzes()
    # Nothing in braces is left as it was typed
    assert "{" not in teaching.NAMED.sub("", written)


def test_references_lead_to_the_book():
    own = set(re.findall(r"#((?:sec|fig)-[\w-]+)", PROSE))
    referred = re.findall(r"@((?:sec|fig|tbl|eq)-[\w-]*\w)", PROSE + texts(PLANS))
    assert not set(referred) - own - sections().keys()


@pytest.mark.parametrize("chapter", SOURCES)
def test_the_map_says_what_the_exercises_sources_say(chapter):
    heads = teaching.heads(chapter)
    assert heads == {
        it.name: teaching.Head(it.number, it.title, it.level, it.minutes)
        for it in SOURCES[chapter].exercises
    }
    assert heads.keys() == CHAPTERS[chapter]["exercises"].keys()
    shown = teaching.exercises(chapter).data
    for name, it in heads.items():
        when = CHAPTERS[chapter]["exercises"][name]
        row = f"| {it.number}. {it.title} | {it.level} | {it.minutes} | {when} |"
        assert row in shown


@pytest.mark.parametrize("course", PLANS["courses"], ids=lambda it: it["sessions"])
def test_a_course_has_its_sessions_and_their_work_fits(course):
    assert len(course["rows"]) == course["sessions"]
    homework = []
    for row in course["rows"]:
        assert minutes_of(row["class"]) <= course["minutes"], row
        homework += re.findall(
            r"[Hh]and in \{(\w+:\w+)\}", row["before"] + row["after"]
        )
    assert len(homework) == len(set(homework)), "handed in twice"
    taught = "".join(row["class"] for row in course["rows"])
    left_out = {
        chapter for chapter in CHAPTERS if f"@sec-teaching-{chapter}" not in taught
    }
    assert left_out == ({"clustering", "models"} if course["sessions"] == 2 else set())


def test_there_are_courses_of_two_five_and_ten_sessions():
    assert [course["sessions"] for course in PLANS["courses"]] == [2, 5, 10]


@each_chapter
def test_the_page_has_all_parts_of_a_chapter(chapter):
    calls = "\n".join(cell.source for cell in CELLS if cell.cell_type == "code")
    for call in (
        f'goals("{chapter}")',
        f'plan("{chapter}", 50)',
        f'plan("{chapter}", 90)',
    ):
        assert call in calls
    assert (f'exercises("{chapter}")' in calls) == (chapter in SOURCES)
    for part in (
        "",
        "-goals",
        "-wrong",
        "-fifty",
        "-ninety",
        "-questions",
        "-board",
        "-exercises",
    ):
        assert f"{{.unnumbered #sec-teaching-{chapter}{part}}}" in PROSE
    mistakes = _part(chapter, "wrong")
    assert len(re.findall(r"^- \*\*“", mistakes, re.M)) >= 4
    # What corrects a mistake is shown somewhere
    for mistake in mistakes.split("\n- ")[1:]:
        assert "@" in mistake, mistake
    questions = re.findall(r"^- \*", _part(chapter, "questions"), re.M)
    assert 4 <= len(questions) <= 6


def _part(chapter, part):
    """Return the text of a part of a chapter's section."""
    return PROSE.split(f"#sec-teaching-{chapter}-{part}}}")[1].split("\n#")[0]


@each_chapter
def test_a_drawing_for_the_board_is_described_and_stands_alone(chapter):
    told = re.search(
        rf'\(board_{chapter}\.svg\)\{{#fig-board.* fig-alt="([^"]+)"', PROSE
    )
    assert len(told[1]) > 200
    svg = (ROOT / "chapters" / f"board_{chapter}.svg").read_text("utf-8")
    drawing = ET.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    assert drawing.find(f"{space}title").text
    # Readable in light and dark: it brings its own board
    assert drawing.find(f"{space}rect").get("class") == "board"
    assert "http" not in svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    # To be drawn by hand in two minutes
    assert len(list(drawing.iter())) < 60


def test_a_link_begins_a_sentence_with_a_capital():
    rows = [("{search:cosine}. {quiz-search-length}, {quiz-search-once}", "“So?” {x}")]
    exercise = (
        "[Exercise 2, *A cosine that never breaks*](search.ipynb#sec-search-exercises)"
    )
    assert teaching._linked(rows) == [
        (
            f"{exercise}. [Quiz *length*](search.ipynb#quiz-search-length), "
            "[quiz *once*](search.ipynb#quiz-search-once)",
            "“So?” {x}",
        )
    ]


def test_what_is_not_planned_is_an_error():
    with pytest.raises(KeyError, match="no plan for 45 minutes"):
        teaching.plan("search", 45)
    with pytest.raises(KeyError, match="no course of 3 sessions"):
        teaching.course(3)
    with pytest.raises(KeyError, match="no_such"):
        teaching._linked([("{search:no_such}",)])
