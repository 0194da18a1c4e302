"""The matrix: what a report says stands in its row, and nothing is green unrun."""

import re
import subprocess
import sys

import pytest

from book import matrix
from tests.conftest import ROOT

NOTEBOOK = """{"cells": [
 {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {},
  "outputs": [{"name": "stdout", "output_type": "stream", "text": ["2\\n"]}],
  "source": ["print(1 + 1)"]},
 {"cell_type": "code", "id": "b", "execution_count": 2, "metadata": {},
  "outputs": [{"name": "stdout", "output_type": "stream", "text": ["%s\\n"]}],
  "source": ["print(2 + 2)"]}
], "metadata": {"kernelspec": {"display_name": "P", "language": "python",
 "name": "python3"}}, "nbformat": 4, "nbformat_minor": 5}"""


@pytest.fixture
def report(tmp_path):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "chapters" / "good.ipynb").write_text(NOTEBOOK % 4)
    (tmp_path / "bad.ipynb").write_text(NOTEBOOK % 5)
    made = tmp_path / "report.xml"
    command = ["-m", "pytest", "--nbval", "--nbval-current-env", f"--junitxml={made}"]
    subprocess.run([sys.executable, *command, "."], cwd=tmp_path, capture_output=True)
    return made


def test_a_row_counts_the_cells_of_each_notebook(report):
    found = matrix.by_notebook(report)
    assert found == {"chapters/good": {"passed": 2}, "bad": {"failed": 1, "passed": 1}}
    assert not matrix.is_green({"notebooks": found})
    assert matrix.is_green({"notebooks": {"good": found["chapters/good"]}})


def test_a_lane_that_can_not_be_made_says_why_and_is_not_green(capsys):
    def make():
        raise subprocess.CalledProcessError(1, ["pip"])

    made = matrix.row(matrix.Lane("none", "no such", make), [])
    assert made["not_run"] == "its environment wasn't made"
    assert not matrix.is_green(made)
    assert "no such: Command '['pip']' returned" in capsys.readouterr().err


def test_the_oldest_lane_is_what_pyproject_promises():
    assert matrix.lower_bounds(["a>=1.2", "b-c>=3"]) == ["a==1.2", "b-c==3"]
    with pytest.raises(ValueError, match="no oldest version of 'd<2'"):
        matrix.lower_bounds(["a>=1.2", "d<2"])
    assert "sentence-transformers==5.1" in matrix.lower_bounds(matrix.declared())


def test_the_kernel_of_a_lane_has_its_processor_and_the_book(tmp_path, monkeypatch):
    monkeypatch.setattr(matrix, "MATRIX", tmp_path)
    monkeypatch.setattr(matrix.subprocess, "run", lambda *_, **__: None)
    lane = matrix.Lane("x", "x", matrix.this_python, matrix.AVX2)
    matrix.run(lane, matrix.this_python(), [], tmp_path / "report.xml")
    spec = (tmp_path / "jupyter" / "kernels" / "x" / "kernel.json").read_text()
    assert '"ATEN_CPU_CAPABILITY": "avx2"' in spec
    assert str(ROOT) in spec


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Run two lanes on a table of this test's own; `lane` says what each does."""
    ran = []

    def run(chosen, python, read, report):
        ran.append((chosen.name, read))
        cases = "".join(
            f'<testcase classname="{path.parent.name}" name="{path.name}::1" />'
            for path in read
        )
        report.write_text(f'<testsuite tests="{len(read)}">{cases}</testsuite>')

    lanes = (matrix.Lane("a", "A", matrix.this_python), matrix.Lane("b", "B", broken))
    monkeypatch.setattr(matrix, "LANES", lanes)
    monkeypatch.setattr(matrix, "MATRIX", tmp_path)
    monkeypatch.setattr(matrix, "STORED", tmp_path / "checks" / "versions.json")
    monkeypatch.setattr("book.measure.record.DATA", tmp_path)
    monkeypatch.setattr(matrix.weights, "install", lambda **_: None)
    monkeypatch.setattr(matrix, "execute", lambda path: ran.append(path))
    monkeypatch.setattr(matrix, "run", run)
    return ran


def broken():
    raise SystemExit("not today")


@pytest.mark.fault("a lane of the matrix ends all", "what ran before is stored")
def test_what_ran_is_stored_where_a_later_lane_ends_all(table):
    with pytest.raises(SystemExit, match="not today"):
        matrix.main([])
    assert list(matrix.stored_rows()) == ["a"]
    assert matrix.is_green(matrix.stored_rows()["a"])


def test_one_notebook_s_run_keeps_the_others_and_their_date(table):
    assert matrix.main(["a"]) == 0
    stored = matrix.STORED
    stored.write_text(re.sub(r'"2\d{3}-..-.."', '"2020-01-01"', stored.read_text()))
    before = matrix.stored_rows()["a"]
    search = ROOT / "chapters" / "search.ipynb"
    assert matrix.main(["a", "--notebook", str(search)]) == 0
    assert table[-2] == ("a", [search])
    assert matrix.stored_rows()["a"] == before


@pytest.mark.fault("a notebook's name is misspelt", "it is named, and nothing runs")
def test_a_misspelt_notebook_is_named(table, capsys):
    with pytest.raises(SystemExit):
        matrix.main(["a", "--notebook", "chapters/seerch.ipynb"])
    assert "seerch.ipynb is no notebook of the book" in capsys.readouterr().err
    assert table == []


@pytest.mark.fault("a run of the tests is stopped", "its report isn't trusted")
def test_a_report_of_a_stopped_run_is_not_trusted(tmp_path, monkeypatch, capsys):
    stop = "def test_a(): pass\ndef test_b(): raise KeyboardInterrupt\ndef test_c(): 0"
    (tmp_path / "test_x.py").write_text(stop)
    (tmp_path / "reports").mkdir()
    report = tmp_path / "reports" / "x.xml"
    command = [sys.executable, "-m", "pytest", f"--junitxml={report}"]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    monkeypatch.setattr(matrix, "MATRIX", tmp_path)
    monkeypatch.setattr(matrix, "run", lambda *_: None)
    made = matrix.row(matrix.Lane("x", "X", matrix.this_python), [])
    assert made["not_run"] == "pytest wrote no whole report"
    assert "X: x.xml: it names 2 tests, and counts 1" in capsys.readouterr().err
