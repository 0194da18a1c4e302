"""Colab: badges and set-up cells from one setting, and a package that holds all."""

import copy
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import widgets
from book import colab
from book.outputs import joined

ROOT = Path(__file__).parent.parent
PATHS = colab.opened_in_colab()


def read(path):
    return json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_badge_and_set_up_cell_are_those_of_the_one_setting(path):
    notebook = read(path)
    made = colab.with_colab(copy.deepcopy(notebook), path)
    for cell, expected in zip(notebook["cells"], made["cells"], strict=True):
        assert joined(cell["source"]) == joined(expected["source"]), "run `make colab`"


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_a_badge_s_picture_is_there_and_its_link_leads_to_the_notebook(path):
    picture, link = re.fullmatch(
        r"\[!\[Open in Colab\]\((.*)\)\]\((.*)\)", colab.badge(path)
    ).groups()
    assert (path.parent / picture).resolve() == ROOT / colab.BADGE
    repo = colab.repo_url().removeprefix("https://github.com/")
    assert link.startswith(
        f"https://colab.research.google.com/github/{repo}/blob/main/"
    )
    assert ROOT / link.partition("/blob/main/")[2] == path


def test_the_address_stands_in_the_setting_and_in_what_is_made_from_it():
    tracked = subprocess.run(
        ["git", "grep", "-l", re.sub("https://", "", colab.repo_url())],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if tracked.returncode > 1:
        pytest.skip("this folder is no git clone")
    made = {str(path.relative_to(ROOT)) for path in PATHS}
    assert set(tracked.stdout.split()) == made | {"_quarto.yml"}


@pytest.fixture
def elsewhere(tmp_path):
    """A book of another address, with one chapter."""
    settings = "book:\n  repo-url: https://github.com/ann/one-book/\n"
    (tmp_path / "_quarto.yml").write_text(settings)
    return tmp_path


def small_notebook(*sources):
    kinds = ["markdown", *["code"] * (len(sources) - 1)]
    cells = [
        {"cell_type": kind, "source": [source], "outputs": ["kept"]}
        for kind, source in zip(kinds, sources, strict=True)
    ]
    return {"cells": cells}


def test_a_new_address_is_written_once_and_only_there(elsewhere):
    path = elsewhere / "exercises" / "one.ipynb"
    old = "[![Open in Colab](x.svg)](https://colab.research.google.com/github/x)"
    notebook = small_notebook(
        f"# One\n\n{old}", "import sys\n\nprepare('b', 'c')", "prepare = 3"
    )
    for _ in range(2):
        notebook = colab.with_colab(notebook, path, elsewhere)
        first, set_up, other = (joined(c["source"]) for c in notebook["cells"])
        assert first == (
            "# One\n\n[![Open in Colab](../book/theme/colab.svg)]"
            "(https://colab.research.google.com/github/ann/one-book/blob/main/"
            "exercises/one.ipynb)"
        )
        assert 'book = "git+https://github.com/ann/one-book"' in set_up
        assert set_up.endswith("\n\nprepare('b', 'c')")
        assert other == "prepare = 3"
    assert all(cell["outputs"] == ["kept"] for cell in notebook["cells"])


def test_a_notebook_without_a_set_up_cell_is_named(elsewhere):
    with pytest.raises(ValueError, match=r"two\.ipynb has no set-up cell"):
        colab.with_colab(small_notebook("# Two"), elsewhere / "two.ipynb", elsewhere)


@pytest.mark.parametrize(
    "url",
    ["", "github.com/a/b", "https://github.com/a", 'https://github.com/a/b"'],
)
def test_what_is_no_address_is_refused(tmp_path, url):
    (tmp_path / "_quarto.yml").write_text(json.dumps({"book": {"repo-url": url}}))
    with pytest.raises(ValueError, match="write https://github"):
        colab.repo_url(tmp_path)


def test_the_ready_line_is_for_colab_alone(capsys, monkeypatch):
    widgets.prepare()
    assert capsys.readouterr().out == ""
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    monkeypatch.setattr("widgets.colab.version", {"torch": "2.11"}.get)
    widgets.prepare()
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("Ready: Python 3.")
    assert ", torch 2.11," in line


def test_the_package_built_from_the_repo_holds_all_that_a_notebook_reads(tmp_path):
    """As pip builds it from the repo's address: of what git knows, and no more."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("this folder is no git clone")
    clone = tmp_path / "clone"
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    for name in names:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(ROOT / name, clone / name)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", tmp_path, clone),
        ],
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    packed = set(zipfile.ZipFile(wheel).namelist())
    needed = {name for name in names if name.startswith("widgets/")}
    beside = ("data/", "exercises/")
    needed |= {f"widgets/{name}" for name in names if name.startswith(beside)}
    assert needed | {"widgets/requirements.lock"} <= packed
