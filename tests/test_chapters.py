"""The chapters: really run, in order, and a changed digit is found out."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from book.execute import execute, notebooks

ROOT = Path(__file__).parent.parent
BOOK = notebooks()


def code_cells(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_every_code_cell_has_been_run_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_code_does_not_wrap_and_figures_have_a_text(path):
    for cell in code_cells(path):
        for line in cell.source.splitlines():
            if not line.startswith("#|"):
                assert len(line) <= 78, line
        draws = any(
            "application/vnd.plotly.v1+json" in output.get("data", {})
            for output in cell.outputs
        )
        if draws:
            assert re.search(r"^#\| fig-alt: .{30}", cell.source, re.M), cell.source


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_no_noise_is_stored(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.get("name") != "stderr"
            assert output.output_type != "error"
            assert "widget-view" not in " ".join(output.get("data", {}))


def test_the_search_chapter_holds_the_true_scores():
    stored = json.dumps(
        [cell.outputs for cell in code_cells(ROOT / "chapters/search.ipynb")]
    )
    for score in ("0.7035", "0.5272", "0.1889"):
        assert score in stored


def nbval(path):
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env"]
    sanitize = ["--nbval-sanitize-with", str(ROOT / "tests/sanitize.cfg")]
    return subprocess.run(
        [*command, *sanitize, "-p", "no:cacheprovider", "-q", str(path)],
        cwd=path.parent,
        capture_output=True,
        text=True,
    )


def small_notebook(path, source):
    cell = nbformat.v4.new_code_cell(source)
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    execute(path)
    return path


def test_nbval_goes_red_when_one_stored_digit_changes(tmp_path):
    path = small_notebook(tmp_path / "two.ipynb", "print(f'{2 / 3:.4f}')")
    shutil.copy(ROOT / "conftest.py", tmp_path)
    assert nbval(path).returncode == 0
    path.write_text(path.read_text().replace("0.6667", "0.6668"))
    red = nbval(path)
    assert red.returncode == 1
    assert "0.6668" in red.stdout


def test_nbval_goes_red_on_a_changed_digit_of_the_chapter_itself(tmp_path):
    """Cut the chapter after its first answer, so that this stays quick."""
    notebook = nbformat.read(ROOT / "chapters/search.ipynb", as_version=4)
    last = next(
        place
        for place, cell in enumerate(notebook.cells)
        if "0.7035" in json.dumps(cell.get("outputs", []))
    )
    notebook.cells = notebook.cells[: last + 1]
    for output in notebook.cells[last].outputs:
        output.text = output.text.replace("0.7035", "0.7036")
    path = tmp_path / "search.ipynb"
    nbformat.write(notebook, path)
    red = nbval(path)
    assert red.returncode == 1
    assert "0.7036" in red.stdout


def test_a_cell_that_fails_or_warns_stores_nothing(tmp_path):
    path = tmp_path / "bad.ipynb"
    for source, told in (
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; print(1, file=sys.stderr)", "stderr"),
    ):
        cell = nbformat.v4.new_code_cell(source)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        before = path.read_bytes()
        with pytest.raises(RuntimeError, match=told):
            execute(path)
        assert path.read_bytes() == before
        assert [p.name for p in tmp_path.iterdir()] == ["bad.ipynb"]


def test_a_bar_is_drawn_and_not_stored(tmp_path):
    source = "import sys; print('half', file=sys.stderr); print('done')"
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["progress"]})
    path = tmp_path / "bar.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    execute(path)
    stored = path.read_text()
    assert "done" in stored
    assert "half\\n" not in stored
    shutil.copy(ROOT / "conftest.py", tmp_path)
    assert nbval(path).returncode == 0


def test_nbclient_gets_the_stored_outputs(tmp_path):
    """As VS Code does: the kernel protocol, with no Jupyter server in between.

    The students' notebooks are run like this in tests/test_exercises.py.
    """
    copy = Path(shutil.copy(BOOK[0], tmp_path))
    execute(copy)
    for ran, stored in zip(code_cells(copy), code_cells(BOOK[0]), strict=True):
        assert ran.outputs == stored.outputs
