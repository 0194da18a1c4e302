"""What the page for teachers shows: goals, plans of lessons, exercises, courses.

`data/lesson_plans.json` holds what is planned. What is known of an exercise, its title,
level and minutes, is read from its source, `exercises/<chapter>.md`. Each function
returns Markdown for a cell to show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from widgets.back_matter import table
from widgets.data_files import DATA, read_json

if TYPE_CHECKING:
    from IPython.display import Markdown

# They lie beside the data in a checkout, and in the package that Colab installs
EXERCISES = DATA.parent / "exercises"
HEAD = re.compile(r"^## (.+)\n+`([a-z_]+)`, (\w+), (\d+) minutes$", re.M)
# {search:cosine} is an exercise, {quiz-search-length} a quiz
NAMED = re.compile(r"\{(?:(\w+):(\w+)|quiz-(\w+)-([\w-]+))\}")


@dataclass(frozen=True)
class Head:
    """What an exercise's source says of it, beside what is asked."""

    number: int
    title: str
    level: str
    minutes: int


_CHAPTER = {
    "goals": [{"goal": str, "tested_by": [str]}],
    "plans": [{"minutes": int, "steps": [{"minutes": int, "do": str}], "after": str}],
    "exercises?": {str: str},
}
_SESSION = {"session": str, "before": str, "class": str, "after": str}
_FORM = {
    "chapters": {str: _CHAPTER},
    "courses": [{"sessions": int, "minutes": int, "rows": [_SESSION]}],
}


def lesson_plans() -> dict[str, Any]:
    """Return all that is planned, as `data/lesson_plans.json` holds it.

    Raises ValueError, naming the place, if something is missing there or damaged.
    """
    return read_json("lesson_plans.json", _FORM)


def heads(chapter: str) -> dict[str, Head]:
    """Return a chapter's exercises by name, in their order.

    Raises FileNotFoundError where the chapter has none.
    """
    source = (EXERCISES / f"{chapter}.md").read_text("utf-8")
    found = enumerate(HEAD.findall(source), start=1)
    return {
        name: Head(number, title, level, int(minutes))
        for number, (title, name, level, minutes) in found
    }


def goals(chapter: str) -> Markdown:
    """Return a chapter's goals, each with what tests it."""
    rows = [
        (goal["goal"], ", ".join(f"{{{named}}}" for named in goal["tested_by"]))
        for goal in _of(chapter)["goals"]
    ]
    return table(("a student can", "and shows it in"), (55, 45), _linked(rows))


def plan(chapter: str, minutes: int) -> Markdown:
    """Return the plan of a lesson of 50 or 90 minutes.

    Raises KeyError where there is none of that length.
    """
    for one in _of(chapter)["plans"]:
        if one["minutes"] == minutes:
            rows = [(str(step["minutes"]), step["do"]) for step in one["steps"]]
            rows.append(("after", one["after"]))
            return table(("minutes", "what"), (12, 88), _linked(rows))
    raise KeyError(f"{chapter!r} has no plan for {minutes} minutes")


def exercises(chapter: str) -> Markdown:
    """Return the map of a chapter's exercises: level, minutes, and when to give each.

    Raises KeyError where an exercise isn't planned.
    """
    when = _of(chapter)["exercises"]
    rows = [
        (f"{it.number}. {it.title}", it.level, str(it.minutes), when[name])
        for name, it in heads(chapter).items()
    ]
    return table(("exercise", "level", "minutes", "when"), (32, 12, 12, 44), rows)


def course(sessions: int) -> Markdown:
    """Return the plan of a course of 2, 5 or 10 sessions.

    Raises KeyError where there is none of that length.
    """
    for one in lesson_plans()["courses"]:
        if one["sessions"] == sessions:
            rows = [
                (
                    f"**{number}. {row['session']}**",
                    *(row[when] for when in ("before", "class", "after")),
                )
                for number, row in enumerate(one["rows"], start=1)
            ]
            head = ("session", "before", f"{one['minutes']} minutes in class", "after")
            return table(head, (16, 24, 32, 28), _linked(rows))
    raise KeyError(f"there is no course of {sessions} sessions")


def _of(chapter: str) -> dict[str, Any]:
    return lesson_plans()["chapters"][chapter]


def _linked(rows: Iterable[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Return rows in which the exercises and quizzes named have become links.

    Raises KeyError where an exercise doesn't exist.
    """
    # A sentence begins with a capital letter
    begin = re.compile(r"((?:^|[.!?”] )\[)([eq])")
    return [
        tuple(
            begin.sub(lambda it: it[1] + it[2].upper(), NAMED.sub(_link, cell))
            for cell in row
        )
        for row in rows
    ]


def _link(match: re.Match) -> str:
    chapter, name, of, quiz = match.groups()
    if quiz:
        return f"[quiz *{quiz}*]({of}.ipynb#quiz-{of}-{quiz})"
    it = heads(chapter)[name]
    said = f"exercise {it.number}, *{it.title}*"
    return f"[{said}]({chapter}.ipynb#sec-{chapter}-exercises)"
