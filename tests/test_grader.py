"""The export for otter-grader: what a perfect, an empty and a wrong answer get."""

import json
import os
import subprocess

import nbformat
import pytest

from book import grader
from book.exercises import POINTS, read_sources

CHAPTER = "clustering"  # its exercises need no model, so that this stays quick


@pytest.fixture(scope="module", autouse=True)
def environment():
    """otter-grader's environment. Where no registry answers the tests are skipped."""
    try:
        grader.make_environment()
    except grader.GraderError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def source():
    return next(it for it in read_sources() if it.chapter == CHAPTER)


@pytest.fixture(scope="module")
def folder(source, tmp_path_factory):
    out = tmp_path_factory.mktemp("grader")
    wheel = out / "one_vector_per_sentence-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"")  # a container installs it; here the package is at hand
    assert grader.export(source, wheel, out) == out / CHAPTER / "autograder.zip"
    assert sorted(path.name for path in out.iterdir()) == [CHAPTER, wheel.name]
    return out / CHAPTER


def graded(folder, tmp_path, answers):
    """Grade the student's notebook with other code in its cells; return the marks."""
    notebook = nbformat.read(folder / f"{CHAPTER}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = answers.get(cell.source, cell.source)
    submission = tmp_path / "submission.ipynb"
    nbformat.write(notebook, submission)
    grader.otter(
        *("run", submission, "--autograder", folder / "autograder.zip"),
        *("--output-dir", tmp_path, "--no-logo"),
        folder=tmp_path,
    )
    results = json.loads((tmp_path / "results.json").read_text())
    return {
        test["name"]: (test["score"], test["max_score"], test["output"])
        for test in results["tests"]
        if "max_score" in test
    }


def test_a_perfect_submission_gets_all_points(source, folder, tmp_path):
    answers = {exercise.stub: exercise.solution for exercise in source.exercises}
    marks = graded(folder, tmp_path, answers)
    for exercise in source.exercises:
        points = POINTS[exercise.level]
        assert marks[exercise.name][:2] == (points, points)


def test_an_empty_submission_gets_none(source, folder, tmp_path):
    marks = graded(folder, tmp_path, {})
    for exercise in source.exercises:
        score, most, output = marks[exercise.name]
        assert (score, most) == (0, POINTS[exercise.level])
        assert "Not yet: " in output


def test_a_wrong_submission_hears_what_is_wrong(source, folder, tmp_path):
    answers = {
        exercise.stub: f"{exercise.wrong[0][1]}\n\n{exercise.check}"
        for exercise in source.exercises
    }
    # One is right, and gets its points beside the wrong ones
    right = source.exercises[1]
    answers[right.stub] = right.solution
    marks = graded(folder, tmp_path, answers)
    for exercise in source.exercises:
        score, _, output = marks[exercise.name]
        if exercise is right:
            assert score == POINTS[exercise.level]
        else:
            assert score == 0
            assert exercise.wrong[0][0] in output


def test_the_marks_in_the_sources_are_otters():
    code = {
        f"{source.chapter} {exercise.name}": exercise.code
        for source in read_sources()
        for exercise in source.exercises
    }
    program = (
        "import json, sys; from otter.assign.solutions import replace_solutions as it; "
        "print(json.dumps({name: '\\n'.join(it(code.splitlines(), 'python')).strip() "
        "for name, code in json.load(sys.stdin).items()}))"
    )
    done = subprocess.run(
        [grader.PYTHON, "-c", program],
        input=json.dumps(code),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == {
        f"{source.chapter} {exercise.name}": exercise.stub.replace(
            "...  # Your code here", "..."
        )
        for source in read_sources()
        for exercise in source.exercises
    }


def test_every_exercise_has_a_test_that_is_python():
    for source in read_sources():
        for exercise in source.exercises:
            text = grader.otter_test(source, exercise)
            compile(text, exercise.name, "exec")
            assert f"points = {POINTS[exercise.level]}\n" in text
