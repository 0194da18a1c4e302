"""The table of pages over a slow line: medians, goals, and what wasn't run."""

from bench import page_speed


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
    (said,) = page_speed.verdicts({"a.html": {"requests": 9}})
    assert "not run" in said


def test_without_node_there_is_no_lighthouse(monkeypatch):
    monkeypatch.setattr(page_speed.shutil, "which", lambda _: None)
    assert page_speed.find_lighthouse() is None
