"""The hooks before a commit: the tree passes each, and each sees what it is there for."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

from book import check, spelling
from tests.working_copy import ROOT, copy_tree, git

CONFIG = ROOT / ".pre-commit-config.yaml"
HOOKS = [
    hook["id"]
    for repository in yaml.safe_load(CONFIG.read_text("utf-8"))["repos"]
    for hook in repository["hooks"]
]
SLIP = "We rec" + "ieve it.\n"
pytestmark = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="hooks look at what git keeps; no git here"
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the working tree, with the environments that the commands name."""
    made = subprocess.run(
        ["make", ".hooks/set-up"], cwd=ROOT, capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    folder = copy_tree(tmp_path_factory.mktemp("hooks") / "tree")
    for name in (".venv", ".hooks"):
        (folder / name).symlink_to(ROOT / name)
    # A link isn't the folder that .gitignore names
    with (folder / ".git/info/exclude").open("a") as excluded:
        excluded.write("/.venv\n/.hooks\n")
    return folder


def run_hooks(tree, *hooks):
    environment = os.environ | {"PRE_COMMIT_HOME": str(tree.parent / "pre-commit")}
    command = [str(tree / ".hooks/bin/pre-commit"), "run", "--all-files", *hooks]
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


def append(tree, name, content):
    path = tree / name
    path.parent.mkdir(exist_ok=True)
    with path.open("ab") as file:
        file.write(content)


def change_cell(tree, change):
    path = tree / "chapters/search.ipynb"
    notebook = json.loads(path.read_text("utf-8"))
    change(notebook["cells"])
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", "utf-8")


def misspell_a_cell(tree):
    change_cell(tree, lambda cells: cells[2]["source"].append(f"\n{SLIP}"))


def run_out_of_order(tree):
    def change(cells):
        next(it for it in cells if it["cell_type"] == "code")["execution_count"] = 7

    change_cell(tree, change)


FAULTS = [
    ("ruff-check", lambda t: append(t, "book/new.py", b"import os\n"), "F401"),
    (
        "ruff-format",
        lambda t: append(t, "book/store.py", b"\n\nx = {  }\n"),
        "store.py",
    ),
    ("notebooks", run_out_of_order, "search.ipynb, cell 1: run as number 7, not 1"),
    ("spelling", misspell_a_cell, "search.ipynb, cell 2, line:"),
    ("spelling", lambda t: append(t, "README.md", SLIP.encode()), "README.md:"),
    ("large-files", lambda t: append(t, "data/new.bin", b"\0" * 600_000), "new.bin"),
    ("trailing-whitespace", lambda t: append(t, "README.md", b"End. \n"), "README.md"),
    ("end-of-file", lambda t: append(t, "README.md", b"\n\n"), "README.md"),
    ("line-ends", lambda t: append(t, "README.md", b"One\r\nTwo\r\n"), "README.md"),
    ("merge-marks", lambda t: append(t, "README.md", b"<<<<<<< HEAD\n"), "README.md"),
    ("yaml", lambda t: append(t, "_quarto.yml", b"lang: [\n"), "_quarto.yml"),
    ("toml", lambda t: append(t, "pyproject.toml", b"[tool\n"), "pyproject.toml"),
]


def test_the_tree_passes_each_hook(tree):
    code, said = run_hooks(tree)
    assert code == 0, said
    assert said.count("Passed") == len(HOOKS)
    assert git(tree, "status", "--porcelain") == ""


def test_each_hook_has_a_fault_that_it_must_see():
    assert {hook for hook, *_ in FAULTS} == set(HOOKS)


@pytest.mark.parametrize(
    ("hook", "spoil", "told"), FAULTS, ids=[f"{it[0]}-{it[2][:12]}" for it in FAULTS]
)
def test_each_hook_sees_its_fault(tree, hook, spoil, told):
    spoil(tree)
    git(tree, "add", "--all")
    try:
        code, said = run_hooks(tree, hook)
        assert code == 1, said
        assert told in said
    finally:
        git(tree, "reset", "--quiet", "--hard")


def test_a_commit_with_a_fault_is_refused(tree):
    hook = tree / ".git/hooks/pre-commit"
    installed = subprocess.run(
        [".hooks/bin/pre-commit", "install"], cwd=tree, capture_output=True, text=True
    )
    assert installed.returncode == 0, installed.stderr
    append(tree, "README.md", SLIP.encode())
    git(tree, "add", "--all")
    try:
        with pytest.raises(AssertionError, match="==> receive"):
            git(tree, "commit", "--message", "A slip")
    finally:
        git(tree, "reset", "--quiet", "--hard")
        hook.unlink()


def test_nothing_comes_from_another_host():
    config = yaml.safe_load(CONFIG.read_text("utf-8"))
    assert [it["repo"] for it in config["repos"]] == ["local"]
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        assert hook["entry"].startswith((".venv/bin/", ".hooks/bin/"))


def notebook_with(**changes):
    cell = nbformat.v4.new_code_cell("print(1)", id="0123abcd", execution_count=1)
    output = nbformat.v4.new_output("stream", text="1\n")
    cell.outputs = [output]
    made = nbformat.v4.new_notebook(cells=[cell], metadata={})
    made.cells[0].update(nbformat.from_dict(changes))
    return json.loads(nbformat.writes(made))


VIEW = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"metadata": {"tags": ["progress"]}}, []),
        ({"metadata": {"collapsed": True}}, ["nothing reads: collapsed"]),
        ({"metadata": {"tags": ["later"]}}, ["nothing reads: later"]),
        ({"id": "2b0c7f4e-1111"}, ["not eight hexadecimal digits"]),
        ({"source": "open('/home/ann/book/x')"}, ["one machine: /home/ann/book/x"]),
        (
            {"outputs": [nbformat.v4.new_output("stream", text="in /tmp/x.py:\n")]},
            ["one machine: /tmp/x.py:"],
        ),
        ({"outputs": [nbformat.v4.new_output("display_data", VIEW)]}, ["make execute"]),
        ({"outputs": "none"}, ["no valid notebook"]),
        ({"source": "get('https://example.org/home/x', '/tmp')"}, []),
    ],
)
def test_what_a_notebook_may_not_hold(changes, told):
    notebook = notebook_with()
    notebook["cells"][0] |= json.loads(json.dumps(changes))
    problems = check.check_form(notebook)
    assert len(problems) == len(told), problems
    for problem, words in zip(problems, told, strict=True):
        assert words in problem


@pytest.mark.filterwarnings("ignore:Non-unique cell id")
def test_an_id_is_there_once_and_an_editor_leaves_nothing():
    notebook = notebook_with()
    notebook["cells"].append(notebook["cells"][0])
    notebook["metadata"]["colab"] = {"provenance": []}
    said = "\n".join(check.check_form(notebook))
    assert said.count("'0123abcd' is there twice") == 2
    assert "metadata 'colab'" in said


def test_a_damaged_notebook_is_named_in_a_sentence(tmp_path, capsys):
    path = tmp_path / "cut.ipynb"
    path.write_bytes((ROOT / "index.ipynb").read_bytes()[:999])
    assert check.main([str(path)]) == 1
    assert "cut.ipynb: not JSON" in capsys.readouterr().err
    assert spelling.main([str(path)]) == 1
    assert "cut.ipynb is no notebook" in capsys.readouterr().err


def test_spelling_reads_sources_and_leaves_outputs_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    notebook = notebook_with(source=f"one = 1\n# {SLIP}")
    notebook["cells"][0]["outputs"][0]["text"] = SLIP
    Path("one.ipynb").write_text(json.dumps(notebook))
    assert spelling.main(["one.ipynb"]) == 1
    said = capsys.readouterr().err
    assert "one.ipynb, cell 0, line:2: " in said
    assert said.count("==> receive") == 1


def test_every_word_of_the_list_is_needed():
    """A word that nothing uses any more would hide a slip."""
    found = subprocess.run(
        [*spelling.COMMAND, "--check-hidden", *map(str, spelling.tracked())],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout
    used = {line.split(": ")[1].split(" ==>")[0].lower() for line in found.splitlines()}
    words = set(spelling.WORDS.read_text("utf-8").split())
    assert words <= used, words - used
    assert shutil.which("git")
