"""The table of what was checked says what the report of the tests says."""

import subprocess
import sys

import pytest

from book import trust
from tests.conftest import ROOT

TESTS = """
import pytest

@pytest.mark.fault("a file is cut", "it is named")
@pytest.mark.parametrize("at", [1, 2, 3])
def test_cut(at):
    assert at != 2

@pytest.mark.fault("no room", "nothing is lost")
def test_room():
    pytest.skip("no disk")

@pytest.mark.parametrize("page", [
    pytest.param("a.html", marks=pytest.mark.page("a.html", "wide")),
    pytest.param("b.html", marks=pytest.mark.page("b.html", "wide")),
])
def test_page(page, broken):
    pass

@pytest.fixture
def broken(page):
    assert page == "a.html"
"""


@pytest.fixture
def report(tmp_path):
    for name in ("conftest.py", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "test_one.py").write_text(TESTS)
    made = tmp_path / "report.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "test_one.py", f"--junitxml={made}"],
        cwd=tmp_path,
        capture_output=True,
    )
    return made


def test_the_figures_are_those_of_the_report(report):
    assert trust.checks([report]) == {
        "tests": {"failed": 2, "passed": 3, "skipped": 1},
        "pages": [
            {"page": "a.html", "look": "wide", "passed": 1},
            {"page": "b.html", "look": "wide", "failed": 1},
        ],
        "faults": [
            {
                "fault": "a file is cut",
                "outcome": "it is named",
                "failed": 1,
                "passed": 2,
            },
            {"fault": "no room", "outcome": "nothing is lost", "skipped": 1},
        ],
    }


def test_several_reports_are_counted_together(report):
    once, twice = trust.checks([report]), trust.checks([report, report])
    assert twice["tests"] == {end: 2 * count for end, count in once["tests"].items()}
    assert [row["passed"] for row in twice["faults"] if "passed" in row] == [4]


@pytest.mark.parametrize("harm", ["missing", "cut", "empty"])
def test_without_a_whole_report_it_says_what_to_run(report, harm):
    if harm == "missing":
        report.unlink()
    elif harm == "empty":
        report.write_text('<testsuites><testsuite tests="0" /></testsuites>')
    else:
        report.write_bytes(report.read_bytes()[:-40])
    with pytest.raises(SystemExit, match=r"report\.xml can't be read .*make test-all"):
        trust.checks([report])
