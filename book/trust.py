"""What was checked: pages by look, faults by outcome, as `make test-all` found it.

The tests say what they try by their marks (`page`, `fault`), and pytest's JUnit reports
keep the marks beside how each test ended: one of the quick tests, one of the slow ones.
The table of versions has its own command, `make test-matrix`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

from book.execute import ROOT, execute
from book.measure.record import store

PAGE = ROOT / "chapters" / "appendix_checks.ipynb"
"""The notebook that shows what is stored of the checks."""
REPORTS = [ROOT / ".reports" / f"{name}.xml" for name in ("tests", "slow")]


def cases_of(report: Path) -> list[ElementTree.Element]:
    """Return the tests that a JUnit report tells of.

    Raises OSError where there is none, and ValueError where it isn't whole: a run that
    was stopped counts fewer tests than it names.
    """
    try:
        root = ElementTree.parse(report).getroot()
    except ElementTree.ParseError as problem:
        raise ValueError(f"it is damaged: {problem}") from problem
    cases = list(root.iter("testcase"))
    counted = sum(int(suite.get("tests", 0)) for suite in root.iter("testsuite"))
    if not cases or counted != len(cases):
        raise ValueError(f"it names {len(cases)} tests, and counts {counted}")
    return cases


def ended(case: ElementTree.Element) -> str:
    """Return how a test of a JUnit report ended: passed, failed or skipped."""
    found = {child.tag for child in case}
    if found & {"failure", "error"}:
        return "failed"
    return "skipped" if "skipped" in found else "passed"


def marked(
    cases: Iterable[ElementTree.Element], kind: str
) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what each test marked so names, and how it ended."""
    for case in cases:
        for entry in case.iter("property"):
            if entry.get("name") == kind:
                first, second = json.loads(entry.get("value", ""))
                yield (first, second), ended(case)


def counted(cases: Iterable[ElementTree.Element], kind: str) -> list[dict]:
    """Return what was tried, in the order of the tests, with how many ended how."""
    counts: dict[tuple[str, str], Counter] = {}
    for named, end in marked(cases, kind):
        counts.setdefault(named, Counter())[end] += 1
    first, second = {"page": ("page", "look"), "fault": ("fault", "outcome")}[kind]
    return [
        {first: a, second: b, **dict(sorted(ends.items()))}
        for (a, b), ends in counts.items()
    ]


def checks(reports: Iterable[Path]) -> dict:
    """Return the figures of JUnit reports: all tests, pages by look, faults.

    Raises SystemExit where one isn't there or isn't whole.
    """
    cases: list[ElementTree.Element] = []
    for report in reports:
        try:
            cases += cases_of(report)
        except (OSError, ValueError) as problem:
            raise SystemExit(
                f"{report.name} can't be read ({problem}): run `make test-all`, which "
                "writes it"
            ) from problem
    return {
        "tests": dict(sorted(Counter(ended(case) for case in cases).items())),
        "pages": counted(cases, "page"),
        "faults": counted(cases, "fault"),
    }


def main() -> None:
    """Store what the reports of `make test-all` say."""
    versions = ("playwright", "axe-playwright-python", "hypothesis", "pytest")
    print(store("tests", checks(REPORTS), versions=versions, folder="checks"))
    execute(PAGE)


if __name__ == "__main__":
    main()
