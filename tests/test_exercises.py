"""The exercises: answers pass, stubs hint, wrong answers hear why, nothing drifts."""

import ast
import builtins
import functools
import re

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

from book import exercises
from book.exercises import (
    ANSWERS,
    SOURCES,
    SourceError,
    made,
    read_source,
    read_sources,
)
from widgets.checks.verdict import told

BOOK = read_sources()
ALL = [(source, exercise) for source in BOOK for exercise in source.exercises]
WRONG = [
    (source, exercise, words, code)
    for source, exercise in ALL
    for words, code in exercise.wrong
]


def named(*given):
    """Name a case by the chapter, the exercise and the words."""
    return "-".join(getattr(it, "chapter", getattr(it, "name", it)) for it in given)


def cases(rows):
    return [pytest.param(*row, id=named(*row[:3])) for row in rows]


@functools.cache
def context(source):
    """Run what a student runs before the first exercise."""
    names = {"__name__": "__main__"}
    set_up = TransformerManager().transform_cell(exercises.set_up([source]))
    for code in (set_up, source.context, source.checks):
        exec(code, names)
    return names


def line_of(source, code):
    """Run an exercise's cell in the student's notebook; return its check's line."""
    names = context(source).copy()
    return told(exec, code, names)


@pytest.mark.parametrize(("source", "exercise"), cases(ALL))
def test_the_answer_passes(source, exercise):
    """The page of answers holds what its check said, and nbval runs that again."""
    name = exercises.identity("answers", source.chapter, exercise.name, "answer")
    cells = nbformat.read(ANSWERS, as_version=4).cells
    (cell,) = [cell for cell in cells if cell.id == name["id"]]
    assert cell.source.endswith(exercise.solution)
    said = "".join(output.get("text", "") for output in cell.outputs)
    assert said.splitlines()[-1].startswith("Right: "), "run `make execute`"


@pytest.mark.parametrize(("source", "exercise"), cases(ALL))
def test_an_untouched_stub_gets_a_hint(source, exercise):
    line = line_of(source, exercise.stub)
    assert line.startswith("Not yet: ")
    assert "stopped with" not in line
    assert re.search(r"\b([Pp]ut|[Tt]ake|[Gg]ive)\b", line)


@pytest.mark.parametrize(("source", "exercise", "words", "code"), cases(WRONG))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_answer_is_told_what_is_wrong(source, exercise, words, code):
    line = line_of(source, f"{code}\n\n{exercise.check}")
    assert line.startswith("Not yet: ")
    assert words in line


@pytest.mark.parametrize("source", BOOK, ids=named)
def test_a_chapter_has_exercises_from_recall_to_a_project(source):
    levels = [exercise.level for exercise in source.exercises]
    assert len(levels) >= 6
    assert levels[0] == "recall"
    assert levels[-1] == "project"
    assert {exercise.name for exercise in source.exercises if exercise.rubric} >= {
        exercise.name for exercise in source.exercises if exercise.level == "project"
    }
    names = [exercise.name for exercise in source.exercises]
    assert len(set(names)) == len(names)
    for exercise in source.exercises:
        assert exercise.hints, exercise.name
        assert len(exercise.wrong) >= 2, exercise.name


@pytest.fixture(scope="module")
def notebooks_made():
    return made(BOOK)


def test_what_is_made_from_the_sources_is_what_is_there(notebooks_made):
    assert notebooks_made.keys() >= set(SOURCES.glob("*.ipynb"))
    for path, notebook in notebooks_made.items():
        there = nbformat.read(path, as_version=4)
        assert there == notebook, f"{path.name}: run `make exercises`"


def test_a_students_notebook_holds_no_answer_and_no_output(notebooks_made):
    for source in BOOK:
        cells = notebooks_made[SOURCES / f"{source.chapter}.ipynb"].cells
        text = "\n".join(cell.source for cell in cells)
        for exercise in source.exercises:
            assert exercise.stub in text
            assert exercise.solution not in text
            assert all(hint[:20] in text for hint in exercise.hints)
        assert not re.search("@(sec|eq|fig|tbl)-|BEGIN|END", text)
        assert not any(cell.get("outputs") for cell in cells)
        assert not any(cell.metadata for cell in cells)


@pytest.mark.parametrize(("source", "exercise"), cases(ALL))
def test_an_answer_needs_no_name_that_its_chapter_lacks(source, exercise):
    known = set(dir(builtins)) | bound(exercise.solution)
    for cell in nbformat.read(source.path, as_version=4).cells:
        if cell.cell_type == "code":
            known |= bound(TransformerManager().transform_cell(cell.source))
    used = {
        node.id
        for node in ast.walk(ast.parse(exercise.solution))
        if isinstance(node, ast.Name)
    }
    assert used <= known


def bound(code):
    """Return the names that code binds, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return found


@pytest.mark.parametrize("source", BOOK, ids=named)
def test_a_student_gets_from_the_first_cell_to_a_passed_exercise(source, tmp_path):
    """By the kernel protocol, in a folder of their own, as VS Code runs it."""
    notebook = nbformat.read(SOURCES / f"{source.chapter}.ipynb", as_version=4)
    exercise = source.exercises[1]
    for cell in notebook.cells:
        if cell.source == exercise.stub:
            cell.source = exercise.solution
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    lines = [
        output.text
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.get("name") == "stdout"
    ]
    assert len(lines) == len(source.exercises)
    assert [line.startswith("Right: ") for line in lines] == [
        it is exercise for it in source.exercises
    ]


SMALL = """\
# Title

- count

## Context

```python
# no heading
one = 1
```

## Add

`add`, apply, 5 minutes

Add @eq-cosine.

### Answer

```python
def add(a, b):
    # BEGIN SOLUTION
    return a + b
    # END SOLUTION


checks.check_add(add)
```
"""


def written(tmp_path, text):
    path = tmp_path / "small.md"
    path.write_text(text)
    return path


def test_a_source_is_read(tmp_path):
    source = read_source(written(tmp_path, SMALL))
    (add,) = source.exercises
    assert source.goals == "- count"
    assert source.context == "# no heading\none = 1"
    assert add.solution.startswith("def add(a, b):\n    return a + b\n\n\nchecks")
    assert add.stub.startswith("def add(a, b):\n    ...  # Your code here\n\n\nchecks")
    assert add.check == "checks.check_add(add)"
    assert add.heading == "**1. Add.** *Apply, five minutes.*"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("apply, 5", "hard, 5", "'Add' must begin with a line such as"),
        ("5 minutes", "7 minutes", "'Add' must begin with a line such as"),
        ("## Context", "## Else", "must begin with `# Title`"),
        ("checks.check_add(add)", "add(1, 2)", "ends with a check"),
        ("return a + b", "return a +", "'Add': the answer's"),
        ("    # END SOLUTION\n", "", "a mark without its pair"),
        (
            "    # BEGIN SOLUTION\n    return a + b\n    # END SOLUTION\n",
            "    pass\n",
            "no # BEGIN",
        ),
        ("### Answer", "### Reply", "a part 'Reply'"),
    ],
)
def test_a_bad_source_is_named(tmp_path, old, new, problem):
    path = written(tmp_path, SMALL.replace(old, new))
    with pytest.raises(SourceError, match=f"^small.md: .*{re.escape(problem)}"):
        read_source(path)


def test_references_lead_back_to_the_chapters():
    text = exercises.standing_alone(
        "Write @eq-cosine, see [a](x.ipynb#y), @sec-search."
    )
    assert text == (
        "Write the equation in [A score by hand](../chapters/search.ipynb), "
        "see [a](../chapters/x.ipynb#y), [Semantic search](../chapters/search.ipynb)."
    )


def test_outputs_stay_where_the_code_stays(notebooks_made):
    old = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("1", id="same", execution_count=1),
            nbformat.v4.new_code_cell("2", id="changed", execution_count=2),
        ]
    )
    new = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("1", id="same"),
            nbformat.v4.new_code_cell("3", id="changed"),
        ]
    )
    exercises.keep_outputs(new, old)
    assert [cell.execution_count for cell in new.cells] == [1, None]


def test_a_second_run_writes_nothing(monkeypatch, capsys):
    wrote = []
    monkeypatch.setattr(exercises, "write", lambda *given: wrote.append(given))
    assert exercises.main() == 0
    assert not wrote
    assert not capsys.readouterr().out
