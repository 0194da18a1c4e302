"""What README and CONTRIBUTING tell a newcomer: each command is there, and works."""

import json
import os
import re
import shlex
import subprocess
import time

import pytest

from book.execute import notebooks
from book.outputs import joined
from tests.working_copy import ROOT, copy_tree

NEW = "This sentence was changed in five minutes."
OPENS_AN_EDITOR = ".venv/bin/jupyter lab "
TARGET = re.compile(r"(?:`|^ {4})make ([a-z][a-z-]*)", re.M)


def first_steps():
    """Return the commands of the first section that has some, as they stand there."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    section = text.split("\n## Five minutes to a first change\n")[1].split("\n## ")[0]
    return re.findall(r"^ {4}(\S.*)$", section, re.M)


def texts():
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "data/README.md"):
        yield path.name, path.read_text("utf-8")
    for path in notebooks():
        cells = json.loads(path.read_text("utf-8"))["cells"]
        yield path.name, "\n".join(joined(cell["source"]) for cell in cells)


def test_every_target_that_is_named_is_there():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*)(?: [a-z-]+)*:(?!=)", makefile, re.M))
    named = {
        (name, target) for name, text in texts() for target in TARGET.findall(text)
    }
    assert len(named) > 20
    assert {it for it in named if it[1] not in targets} == set()


def test_every_module_that_is_run_by_name_is_there():
    for name, text in texts():
        for module in re.findall(r"python -m ((?:book|widgets|bench)[\w.]*)", text):
            path = ROOT / module.rstrip(".").replace(".", "/")
            runs = (path.with_suffix(".py"), path / "__main__.py")
            assert any(it.is_file() for it in runs), f"{name} names {module}"


def change_a_sentence(path):
    notebook = json.loads(path.read_text("utf-8"))
    cell = [it for it in notebook["cells"] if it["cell_type"] == "markdown"][1]
    cell["source"] = [*cell["source"], f"\n\n{NEW}\n"]
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False), "utf-8")


@pytest.mark.slow
def test_the_first_steps_work_as_they_stand(tmp_path, capsys):
    """The clone is one of the working tree; `make read` builds, and isn't served."""
    source = copy_tree(tmp_path / "tree")
    clone, enter, *steps = map(shlex.split, first_steps())
    assert clone[:2] == ["git", "clone"]
    assert enter == ["cd", clone[3]]
    folder = tmp_path / clone[3]
    environment = os.environ | {"CI": "true"}

    def run(command, where):
        done = subprocess.run(
            command, cwd=where, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"[-4000:]

    begin = time.monotonic()
    run(["git", "clone", "--quiet", str(source), clone[3]], tmp_path)
    ready = None
    for step in steps:
        if shlex.join(step).startswith(OPENS_AN_EDITOR):
            assert (folder / step[0]).exists()
            change_a_sentence(folder / step[-1])
        elif step == ["make", "read"]:
            run(["make", "book"], folder)
        else:
            run(step, folder)
        if step == ["make", "ready"]:
            ready = time.monotonic()
    end = time.monotonic()
    assert NEW in (folder / "_book/index.html").read_text("utf-8")
    with capsys.disabled():
        print(
            f"\nfirst steps: {ready - begin:.0f} s to set up, "
            f"{end - ready:.0f} s to change a sentence, test it and see it"
        )
