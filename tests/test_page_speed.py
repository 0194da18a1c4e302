"""The table of pages over a slow line: medians, goals, and what wasn't run."""

import pytest

from bench import page_speed
from bench.contenders import BenchError


def test_a_page_has_the_median_of_its_visits():
    visits = [{"first_text_ms": ms, "requests": 9} for ms in (900, 1234.5, 5000)]
    assert page_speed.middle(visits) == {"first_text_ms": 1230, "requests": 9}


def test_the_table_leaves_out_what_was_not_measured():
    found = {
        "a.html": {"requests": 9, "first_answer_ms": 70},
        "b.html": {"requests": 7},
    }
    head, first, second = page_speed.table(found).splitlines()
    assert "first answer ms" in head and "performance" not in head
    assert first.split() == ["a.html", "9", "70"]
    assert second.split() == ["b.html", "7"]


def test_goals_are_met_or_missed_by_name():
    good = {"performance": 95, "accessibility": 100, "best-practices": 100}
    found = {"a.html": good, "b.html": good | {"performance": 94}}
    assert page_speed.verdicts(found) == [
        "performance, 95 or more: missed by b.html 94",
        "accessibility, 100 or more: met by every page",
        "best-practices, 100 or more: met by every page",
    ]
    assert page_speed.verdicts({"a.html": {"requests": 9}}) == []


def test_without_node_there_is_no_lighthouse_and_the_reason_is_said(monkeypatch):
    monkeypatch.setattr(page_speed.shutil, "which", lambda _: None)
    with pytest.raises(BenchError, match="node and npm"):
        page_speed.find_lighthouse()


def test_where_npm_gives_nothing_its_words_are_said(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho no such registry >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setattr(page_speed.shutil, "which", lambda _: str(npm))
    monkeypatch.setattr(page_speed, "HOME", tmp_path)
    with pytest.raises(BenchError, match="no such registry"):
        page_speed.find_lighthouse()


def turns(*given):
    """Return what judges a page, each time as given; what is no score is a fault."""
    left = iter(given)

    def judge_once():
        performance = next(left)
        if performance is None:
            raise BenchError("no score")
        good = {"accessibility": 100, "best-practices": 100}
        return good | {"performance": performance}

    return judge_once


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        ((97,), 97),  # nobody asks again
        ((84, 97, 96), 96),
        ((84, 99, 80), 84),
        ((None, 96), 96),
        ((94, None, 99), 94),
    ],
)
def test_a_page_that_misses_a_goal_is_judged_again(given, counts):
    assert page_speed.fairly(turns(*given))["performance"] == counts


def test_a_page_that_gets_no_score_at_all_is_told():
    with pytest.raises(BenchError, match="no score"):
        page_speed.fairly(turns(None, None, None))
