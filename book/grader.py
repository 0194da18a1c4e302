"""Export the exercises for otter-grader: `python -m book.grader` (`make grader`).

For each chapter, `_grader/<chapter>/` gets the student's notebook, one test an
exercise, and `autograder.zip`, which `otter run`, `otter grade` and Gradescope take.
The tests call the checks that the notebook calls, on what the notebook leaves behind.

otter-grader brings twenty packages that no reader needs, so it lives in an environment
of its own, `.grader/`, made on demand. That one sees the book's packages and adds only
what they lack: no pin moves.
"""

from __future__ import annotations

import ast
import builtins
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from book.building import alone, is_made_from, make_room, move_in, sign
from book.environment import fingerprint
from book.execute import ROOT
from book.exercises import POINTS, SOURCES, Exercise, Source, read_sources

HOME = ROOT / ".grader"
PYTHON = HOME / "bin" / "python"
OUT = ROOT / "_grader"
OTTER = "otter-grader==7.0.0"
FILES = "/autograder/source/files"
"""Where a grader's container finds the files of the zip."""

TEST = """\
from otter.test_files import test_case

from widgets.checks import {chapter} as checks
from widgets.checks.verdict import told

OK_FORMAT = False
name = "{name}"
points = {points}


@test_case(name="{title}")
def test_{name}({names}):
    line = told({arguments})
    assert line.startswith("Right: "), line
"""


class GraderError(Exception):
    """Say in a sentence what stopped the export and what to do."""


def make_environment() -> None:
    """Make `.grader/`, unless it is there for these packages and this Python.

    Raises GraderError where pip can't install otter-grader.
    """
    stamp = HOME / "set-up"
    made_from = f"{OTTER} {fingerprint()}"
    with alone(ROOT, "setting up otter-grader"):
        if not is_made_from(stamp, made_from):
            stamp.unlink(missing_ok=True)
            _install()
            sign(stamp, made_from)


def _install() -> None:
    print(f"Installing {OTTER} into .grader/", flush=True)
    venv.create(HOME, clear=True, symlinks=True)
    (site,) = HOME.glob("lib/python*/site-packages")
    books = sysconfig.get_path("purelib")
    (site / "book.pth").write_text(f"{books}\n{ROOT}\n")
    command = [PYTHON, "-m", "pip", "install", "--quiet", "--retries", "2", OTTER]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["pip failed"])[-1]
        raise GraderError(
            f"{OTTER} could not be installed ({reason[:200]}); check the network, "
            "then run the same command again."
        )


def otter(*arguments: str | Path, folder: Path) -> str:
    """Run a command of otter in a folder; return what it says.

    Raises GraderError with otter's last words where it fails.
    """
    make_environment()
    command = [PYTHON, "-m", "otter", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise GraderError(f"otter {arguments[0]} failed: {said[-1] if said else ''}")
    return done.stdout


def otter_test(source: Source, exercise: Exercise) -> str:
    """Return otter's test of an exercise: its check, on what the notebook holds."""
    call = ast.parse(exercise.check).body[0].value
    names = {
        node.id: None
        for argument in call.args
        for node in ast.walk(argument)
        if isinstance(node, ast.Name) and not hasattr(builtins, node.id)
    }
    return TEST.format(
        chapter=source.chapter,
        name=exercise.name,
        title=exercise.title.replace('"', "'"),
        points=POINTS[exercise.level],
        names=", ".join(names),
        arguments=", ".join(ast.unparse(it) for it in (call.func, *call.args)),
    )


def build_wheel(folder: Path) -> Path:
    """Build the helper package, which a grader's container installs."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        raise GraderError(f"the helper package could not be built: {done.stderr}")
    return wheels[-1]


def export(source: Source, wheel: Path, out: Path = OUT) -> Path:
    """Write a chapter's folder anew; return its autograder.zip."""
    folder = out / source.chapter
    arriving = make_room(folder)
    (arriving / "tests").mkdir()
    student = f"{source.chapter}.ipynb"
    shutil.copy(SOURCES / student, arriving)
    shutil.copy(wheel, arriving)
    for exercise in source.exercises:
        test = arriving / "tests" / f"{exercise.name}.py"
        test.write_text(otter_test(source, exercise), "utf-8")
    package = f"one-vector-per-sentence @ file://{FILES}/{wheel.name}"
    (arriving / "requirements.txt").write_text(f"{package}\n")
    # Students see what each check says
    (arriving / "otter_config.json").write_text('{"show_all_public": true}\n')
    otter("generate", "--no-environment", wheel.name, folder=arriving)
    move_in(arriving, folder)
    return folder / "autograder.zip"


def main() -> int:
    """Export every chapter, and say where."""
    try:
        with alone(ROOT, "exporting the exercises"):
            make_environment()
            wheel = build_wheel(make_room(OUT / "wheel"))
            for source in read_sources():
                where = export(source, wheel)
                total = sum(POINTS[exercise.level] for exercise in source.exercises)
                print(f"{where.relative_to(ROOT)}: {total} points")
    except (GraderError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
