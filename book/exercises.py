"""Make what readers get from each chapter's one source of exercises.

`exercises/<chapter>.md` holds a chapter's exercises with their answers. From it,
`python -m book.exercises` (`make exercises`) makes three things:

- the exercises at the end of the chapter, with `...` where the answer goes;
- `exercises/<chapter>.ipynb`, a student's notebook that needs no other page;
- the chapter's section in the answers, `chapters/appendix_answers.ipynb`.

Outputs stay where a cell's code stays; `make execute` makes the others. A source is
Markdown that Jupytext opens as a notebook, too:

    # Title                          goals, as a list
    ## Context                       code: what the exercises need from the chapter
    ## Title of an exercise          `name`, level, 10 minutes, and the statement
    ### Hint                         none or more
    ### Answer                       code with otter-grader's marks and then the check;
                                     what is worth saying about it
    ### Wrong: what the check says   code: an answer that students really give
    ### Rubric                       a table; a project has one

The marks: what stands between `# BEGIN SOLUTION` and `# END SOLUTION` becomes `...`, or
nothing after `# BEGIN SOLUTION NO PROMPT`; what stands between `\"\"\" # BEGIN PROMPT`
and `\"\"\" # END PROMPT` is for the student alone.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from book.building import write
from book.colab import badge, set_up_cell
from book.execute import ROOT, notebooks
from book.outputs import split_options

SOURCES = ROOT / "exercises"
ANSWERS = ROOT / "chapters" / "appendix_answers.ipynb"
POINTS = {"recall": 1, "apply": 2, "explore": 3, "project": 4}
"""The levels, in order, with what an exercise of each counts where marks are given."""
# In words: a numeral in the text would be a claim, and this is advice
MINUTES = {
    **{5: "five", 10: "ten", 15: "fifteen", 20: "twenty", 30: "thirty"},
    **{45: "forty-five", 60: "sixty", 90: "ninety", 120: "one hundred and twenty"},
}
ABOUT = re.compile(r"`([a-z_]+)`, (\w+), (\d+) minutes\n")
CODE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
MARK = r"# (?:BEGIN|END) (?:SOLUTION|PROMPT)"
SOLUTION = re.compile(
    r"^([ \t]*)# BEGIN SOLUTION( NO PROMPT)?\n(.*?)^[ \t]*# END SOLUTION\n", re.M | re.S
)
PROMPT = re.compile(
    r'^[ \t]*""" +# BEGIN PROMPT\n(.*?)^[ \t]*""" +# END PROMPT\n', re.M | re.S
)
METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


class SourceError(ValueError):
    """Say which exercise of which source can't be read, and why."""


@dataclass(frozen=True)
class Exercise:
    """One exercise: what is asked, what answers it, and what doesn't."""

    number: int
    title: str
    name: str
    level: str
    minutes: int
    statement: str
    hints: tuple[str, ...]
    code: str
    """The answer with its marks, and the call of the check."""
    why: str
    wrong: tuple[tuple[str, str], ...]
    """Words that the check's line holds, and the code without the check."""
    rubric: str

    @property
    def solution(self) -> str:
        """The answer and the check, without marks."""
        return SOLUTION.sub(r"\3", PROMPT.sub("", self.code)).strip()

    @property
    def stub(self) -> str:
        """What the student gets: dots where the answer goes, and the check."""

        def dots(match: re.Match) -> str:
            return "" if match[2] else f"{match[1]}...  # Your code here\n"

        return PROMPT.sub(r"\1", SOLUTION.sub(dots, self.code)).strip()

    @property
    def check(self) -> str:
        """The call of the check, which is the last statement."""
        return ast.unparse(ast.parse(self.code).body[-1])

    @property
    def heading(self) -> str:
        """Number, title, level and time, as Markdown."""
        stop = "" if self.title.endswith(("?", "!")) else "."
        about = f"{self.level.capitalize()}, {MINUTES[self.minutes]} minutes."
        return f"**{self.number}. {self.title}{stop}** *{about}*"


@dataclass(frozen=True)
class Source:
    """A chapter's exercises, and what they need."""

    chapter: str
    title: str
    goals: str
    context: str
    exercises: tuple[Exercise, ...]

    @property
    def path(self) -> Path:
        """The chapter's notebook."""
        return ROOT / "chapters" / f"{self.chapter}.ipynb"

    @property
    def checks(self) -> str:
        """The line that imports the chapter's checks."""
        return f"from widgets.checks import {self.chapter} as checks"


# ------------------------------------------------------------------ reading


def parts(text: str, mark: str) -> list[tuple[str, str]]:
    """Split Markdown at headings of one level; return (heading, text) of each part.

    What stands before the first heading has "" for its heading.
    """
    found: list[tuple[str, list[str]]] = [("", [])]
    fenced = False
    for line in text.splitlines(keepends=True):
        fenced ^= line.startswith("```")
        if not fenced and line.startswith(f"{mark} "):
            found.append((line.removeprefix(mark).strip(), []))
        else:
            found[-1][1].append(line)
    return [(heading, "".join(lines).strip("\n")) for heading, lines in found]


def code_and_text(markdown: str) -> tuple[str, str]:
    """Return a part's code cells, joined, and the rest of it."""
    code = "\n\n".join(cell.strip() for cell in CODE.findall(markdown))
    return code, CODE.sub("", markdown).strip()


def read_exercise(title: str, text: str, number: int) -> Exercise:
    """Return an exercise from its part of a source; raises SourceError."""
    about = ABOUT.match(f"{text}\n")
    if not about or about[2] not in POINTS or int(about[3]) not in MINUTES:
        levels, minutes = ", ".join(POINTS), ", ".join(map(str, MINUTES))
        raise SourceError(
            f"{title!r} must begin with a line such as `name`, apply, 10 minutes "
            f"(levels: {levels}; minutes: {minutes})"
        )
    (_, statement), *others = parts(text[about.end() :], "###")
    hints, wrong, code, why, rubric = [], [], "", "", ""
    for heading, body in others:
        found, said = code_and_text(body)
        if heading == "Hint":
            hints.append(said)
        elif heading == "Answer":
            code, why = f"{found}\n", said
        elif heading.startswith("Wrong: ") and found:
            wrong.append((heading.removeprefix("Wrong: "), found))
        elif heading == "Rubric":
            rubric = said
        else:
            raise SourceError(f"{title!r} has a part {heading!r} that none should have")
    exercise = Exercise(
        number=number,
        title=title,
        name=about[1],
        level=about[2],
        minutes=int(about[3]),
        statement=statement.strip(),
        hints=tuple(hints),
        code=code,
        why=why,
        wrong=tuple(wrong),
        rubric=rubric,
    )
    check_code(exercise)
    return exercise


def check_code(exercise: Exercise) -> None:
    """Raise SourceError where an answer has no check, or marks without their pair."""
    try:
        last = ast.parse(exercise.code).body[-1:]
    except SyntaxError as error:
        raise SourceError(f"{exercise.title!r}: the answer's {error}") from None
    if not last or not ast.unparse(last[0]).startswith("checks.check_"):
        raise SourceError(f"{exercise.title!r} needs an answer that ends with a check")
    if re.search(MARK, exercise.solution + exercise.stub):
        raise SourceError(f"{exercise.title!r} has a mark without its pair")
    if exercise.solution == exercise.stub:
        raise SourceError(f"{exercise.title!r} has no # BEGIN SOLUTION")


def read_source(path: Path) -> Source:
    """Return a chapter's exercises. Raises SourceError naming the file."""
    try:
        (_, before), *titled = parts(path.read_text("utf-8"), "#")
        title, whole = titled[0] if len(titled) == 1 else ("", "")
        (_, goals), *others = parts(whole, "##")
        if before or not others or others[0][0] != "Context":
            raise SourceError("must begin with `# Title`, goals, and `## Context`")
        return Source(
            chapter=path.stem,
            title=title,
            goals=goals,
            context=code_and_text(others[0][1])[0],
            exercises=tuple(
                read_exercise(heading, text, number)
                for number, (heading, text) in enumerate(others[1:], start=1)
            ),
        )
    except SourceError as error:
        raise SourceError(f"{path.name}: {error}") from None


def read_sources() -> list[Source]:
    """Return the sources of all chapters, in the order of the book."""
    places = [SOURCES / f"{path.stem}.md" for path in notebooks()]
    return [read_source(path) for path in places if path.exists()]


# ------------------------------------------------------------------ cells


def identity(*names: str) -> dict[str, str]:
    """Return the id of a cell, which is always the same for the same names."""
    return {"id": hashlib.sha256(" ".join(names).encode()).hexdigest()[:8]}


def boxed(exercise: Exercise, *hints: str) -> str:
    """Return an exercise in its box, as a page of the book shows it."""
    inside = [f"{exercise.heading}\n{exercise.statement}", *hints]
    if exercise.rubric:
        inside.append(exercise.rubric)
    text = "\n\n".join(inside)
    return f"::: {{.exercise}}\n{text}\n:::"


def chapter_cells(source: Source) -> Iterator[NotebookNode]:
    """Yield the cells of the exercises at the end of a chapter."""
    own = f"`exercises/{source.chapter}.ipynb`"
    yield new_markdown_cell(
        f"## Exercises {{#sec-{source.chapter}-exercises}}\n\n"
        "Replace the dots, run the cell, and read what the check says. The same\n"
        f"exercises stand in a notebook of their own, {own}, and\n"
        "[the answers](appendix_answers.ipynb#sec-answers-"
        f"{source.chapter}) at the end of the book.",
        **identity(source.chapter, "exercises"),
    )
    yield new_code_cell(source.checks, **identity(source.chapter, "checks"))
    for exercise in source.exercises:
        names = source.chapter, exercise.name
        hints = [
            f'::: {{.callout-tip collapse="true" title="Hint"}}\n{hint}\n:::'
            for hint in exercise.hints
        ]
        yield new_markdown_cell(boxed(exercise, *hints), **identity(*names, "asked"))
        yield new_code_cell(exercise.stub, **identity(*names, "stub"))


def answer_cells(source: Source) -> Iterator[NotebookNode]:
    """Yield the cells of a chapter's section in the answers."""
    label = f"sec-answers-{source.chapter}"
    yield new_markdown_cell(
        f"## {source.title} {{.unnumbered #{label}}}",
        **identity("answers", source.chapter),
    )
    start = folded("What these answers start from")
    yield new_code_cell(
        f"{start}{source.context}\n\n{source.checks}",
        **identity("answers", source.chapter, "context"),
    )
    for exercise in source.exercises:
        names = "answers", source.chapter, exercise.name
        yield new_markdown_cell(boxed(exercise), **identity(*names, "asked"))
        yield new_code_cell(
            folded("An answer") + exercise.solution, **identity(*names, "answer")
        )
        if exercise.why:
            yield new_markdown_cell(exercise.why, **identity(*names, "why"))


def folded(summary: str) -> str:
    """Return the options of a code cell that a page shows folded."""
    return f'#| code-fold: true\n#| code-summary: "{summary}"\n'


def student_cells(source: Source) -> Iterator[NotebookNode]:
    """Yield the cells of a student's notebook, which stands alone."""
    chapter = source.chapter
    total = sum(exercise.minutes for exercise in source.exercises)
    to_colab = badge(SOURCES / f"{chapter}.ipynb")
    yield new_markdown_cell(
        f"# {source.title}: exercises\n\n"
        f"They belong to [the chapter](../chapters/{chapter}.ipynb), and work without "
        "it. When you are\nthrough you can:\n\n"
        f"{source.goals}\n\n"
        "Run the cells from the first one on (Shift+Enter). Where an exercise has "
        "dots, put your\ncode there and run the cell: its last line checks it, and "
        "says *Right*, or what isn't\nright yet. All exercises together take about "
        f"{round(total / 60 * 2) / 2:g} hours.\n\n{to_colab}",
        **identity("student", chapter),
    )
    yield new_code_cell(set_up([source]), **identity("student", chapter, "set up"))
    yield new_markdown_cell(
        "## What you start from", **identity("student", chapter, "start")
    )
    yield new_code_cell(
        f"{source.context}\n\n{source.checks}",
        **identity("student", chapter, "context"),
    )
    for exercise in source.exercises:
        names = "student", chapter, exercise.name
        asked = [
            f"## {exercise.number}. {exercise.title}",
            f"*{exercise.level.capitalize()}, {exercise.minutes} minutes.* "
            f"{standing_alone(exercise.statement)}",
        ]
        for hint in exercise.hints:
            text = standing_alone(hint)
            asked.append(f"<details><summary>Hint</summary>\n\n{text}\n\n</details>")
        if exercise.rubric:
            asked.append(exercise.rubric)
        yield new_markdown_cell("\n\n".join(asked), **identity(*names, "asked"))
        yield new_code_cell(exercise.stub, **identity(*names, "stub"))
    yield new_markdown_cell(
        f"The answers stand at [the end of the book](../chapters/{ANSWERS.name}).",
        **identity("student", chapter, "end"),
    )


def set_up(sources: list[Source]) -> str:
    """Return a set-up cell that prepares the models which these chapters prepare.

    Raises SourceError where a chapter has no such cell.
    """
    models: dict[str, None] = {}
    for source in sources:
        cells = nbformat.read(source.path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        call = re.search(r"^prepare\((.*)\)$", code, re.M)
        if not call:
            raise SourceError(f"{source.path.name} has no cell that calls prepare()")
        models |= dict.fromkeys(re.findall(r'"[^"]+"', call[1]))
    return set_up_cell().replace("prepare()", f"prepare({', '.join(models)})")


def standing_alone(markdown: str) -> str:
    """Return Markdown of a chapter as a notebook in another folder shows it.

    A cross-reference becomes a link that names the section it leads to.
    """
    kinds = {"eq": "the equation in ", "fig": "the figure in ", "tbl": "the table in "}

    def link(match: re.Match) -> str:
        title, page = sections()[match[1]]
        return f"{kinds.get(match[2], '')}[{title}](../chapters/{page})"

    text = re.sub(r"(?<=\]\()(?=[\w-]+\.ipynb)", "../chapters/", markdown)
    return re.sub(r"@((sec|eq|fig|tbl)-[\w-]*\w)", link, text)


@functools.cache
def sections() -> dict[str, tuple[str, str]]:
    """Return each label of the chapters, with its section's title and its page."""
    found, title = {}, ""
    for path in notebooks():
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                label = split_options(cell.source)[0].get("label")
                found[str(label)] = title, path.name
                continue
            for line in cell.source.splitlines():
                label = re.search(r"\{[^}]*#([\w-]+)[^}]*\}", line)
                if line.startswith("#") and label:
                    title = re.sub(r"\s*\{[^}]*\}$", "", line.lstrip("# "))
                if label:
                    found[label[1]] = title, path.name
    return found


# ------------------------------------------------------------------ notebooks


def with_exercises(chapter: NotebookNode, source: Source) -> NotebookNode:
    """Put the exercises into a chapter, between their heading and the next one.

    Raises SourceError where the chapter has no such heading.
    """
    heading = f"## Exercises {{#sec-{source.chapter}-exercises}}"
    before, after, inside = [], [], None
    for cell in chapter.cells:
        if cell.cell_type == "markdown" and heading in cell.source:
            text = cell.source.partition(heading)[0].rstrip()
            if text:
                before.append(new_markdown_cell(text, id=cell.id))
            inside = True
        elif inside is None:
            before.append(cell)
        elif not inside or (
            cell.cell_type == "markdown" and cell.source.startswith("## ")
        ):
            inside = False
            after.append(cell)
    if inside is None:
        raise SourceError(f"{source.path.name} has no heading {heading!r}")
    chapter.cells = [*before, *chapter_cells(source), *after]
    return chapter


def answers(sources: list[Source]) -> NotebookNode:
    """Return the page of answers."""
    lede = (
        "# Answers {.unnumbered #sec-answers}\n\n::: {.lede}\n"
        "One answer to each exercise, and what its check says of it. Another one may\n"
        f"be as good: ask the check.\n:::\n\n{badge(ANSWERS)}"
    )
    cells = [
        new_markdown_cell(lede, **identity("answers")),
        new_code_cell(set_up(sources), **identity("answers", "set up")),
    ]
    for source in sources:
        cells += answer_cells(source)
    return new_notebook(cells=cells, metadata=METADATA)


def made(sources: list[Source]) -> dict[Path, NotebookNode]:
    """Return every notebook that is made from the sources, with what it is to hold.

    Outputs are those of the notebook that is there, in the cells that stay as they are.
    """
    found = {}
    for source in sources:
        chapter = nbformat.read(source.path, as_version=4)
        found[source.path] = with_exercises(chapter, source)
        student = new_notebook(cells=list(student_cells(source)), metadata=METADATA)
        found[SOURCES / f"{source.chapter}.ipynb"] = student
    found[ANSWERS] = answers(sources)
    for path, notebook in found.items():
        if path.exists():
            keep_outputs(notebook, nbformat.read(path, as_version=4))
        nbformat.validate(notebook)
    return found


def keep_outputs(notebook: NotebookNode, old: NotebookNode) -> None:
    """Take over the outputs of the old notebook's cells that have the same code."""
    stored = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in notebook.cells:
        same = stored.get(cell.id)
        if cell.cell_type == "code" and same and same.source == cell.source:
            cell.outputs = same.outputs
            cell.execution_count = same.execution_count


def main() -> int:
    """Write what has changed, and name it."""
    try:
        notebooks_made = made(read_sources())
    except (SourceError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    wrote = False
    for path, notebook in notebooks_made.items():
        new = f"{nbformat.writes(notebook)}\n".encode()
        if not path.exists() or path.read_bytes() != new:
            write(path, new)
            wrote = True
            print(f"wrote {path.relative_to(ROOT)}")
    if wrote:
        print("Now run `make execute`: it makes the outputs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
