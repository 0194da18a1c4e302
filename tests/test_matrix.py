"""The matrix: what a report says stands in its row, and nothing is green unrun."""

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


def test_a_lane_that_can_not_be_made_says_why_and_is_not_green():
    def make():
        raise subprocess.CalledProcessError(1, ["pip"])

    made = matrix.row(matrix.Lane("none", "no such", make), [])
    assert made["not_run"] == "its environment wasn't made (1)"
    assert not matrix.is_green(made)


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


def test_a_report_that_is_there_can_be_read_without_a_run(report, monkeypatch):
    monkeypatch.setattr(matrix, "MATRIX", report.parent)
    (report.parent / "reports").mkdir()
    report.rename(report.parent / "reports" / "x.xml")
    made = matrix.row(matrix.Lane("x", "x", matrix.this_python), [])
    assert made["notebooks"]["chapters/good"] == {"passed": 2}
