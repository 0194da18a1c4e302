"""The appendices: they show what the files say, wherever they are run."""

import json

import pytest

from widgets import back_matter
from widgets.weights import MODELS


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    (folder / "measurements").mkdir(parents=True)
    (folder / "checks").mkdir()
    monkeypatch.setattr(back_matter, "DATA", folder)

    def rows(name, *made):
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in made))

    rows(
        "claims.jsonl",
        {
            "chapter": "a",
            "text": "*It* is 5 | 6 [@x].",
            "cell": "tbl-a",
            "section": "sec-a",
        },
        {
            "chapter": "a",
            "text": "*It* is 5 | 6 [@x].",
            "source": "x",
            "section": "sec-a",
        },
        {"chapter": "a", "text": "So?", "defined": "sec-b", "section": "sec-b"},
        {"chapter": "b", "text": "Yes.", "cell": "print(", "section": "sec-b"},
    )
    rows(
        "glossary.jsonl",
        {"term": "BM25", "text": "A score.", "section": "sec-a"},
        {"term": "hit", "text": "A text."},
    )
    return folder


def lines(markdown):
    return markdown.data.splitlines()


def test_a_chapters_claims_stand_once_each_with_all_behind_them(data):
    assert lines(back_matter.ledger("a")) == [
        "@sec-a",
        "",
        r"- It is 5 \| 6. (@tbl-a; @x)",
        "",
        "@sec-b",
        "",
        "- So? (as defined)",
    ]
    assert lines(back_matter.ledger("b")) == ["@sec-b", "", "- Yes."]
    assert back_matter.counts() == {"measured": 2, "cited": 1, "defined": 1}
    with pytest.raises(KeyError, match="no row of the chapter 'c'"):
        back_matter.ledger("c")


def test_the_glossary_has_an_anchor_a_term(data):
    assert lines(back_matter.glossary()) == [
        "[BM25]{#term-bm25}",
        ":   A score. First met in @sec-a.",
        "",
        "[hit]{#term-hit}",
        ":   A text.",
    ]


def test_measurements_say_when_and_on_what(data):
    made = {
        "date": "2026-01-02",
        "machine": "1 core",
        "versions": {"torch": "9", "x": "1"},
    }
    (data / "measurements" / "a_b.json").write_text(json.dumps(made))
    assert lines(back_matter.measurements())[2:] == [
        r"| a\_b | 2026-01-02 | 1 core | torch 9 |"
    ]


def test_versions_are_the_locks_and_not_this_machines(data):
    with pytest.raises(FileNotFoundError, match="the book's own folder"):
        back_matter.locked()
    (data.parent / "requirements.lock").write_text("# All\nSome_Thing==0.1\n")
    assert lines(back_matter.locked(["some-thing"]))[2:] == ["| some-thing | 0.1 |"]


def test_the_weights_are_the_pinned_ones():
    shown = back_matter.weights().data
    for name, pinned in MODELS.items():
        assert f"| {name} | `{pinned.sha256['model.safetensors']}` |" in shown


def test_plain_words_keep_their_signs():
    assert back_matter.plain("## A **b** `c_d` [e](f.ipynb) {#sec-a}") == r"A b c\_d e"
    assert back_matter.plain("$|u|$, 5 < 6 @ [@x, p. 1].") == r"\|u\|, 5 \< 6 \@."


@pytest.fixture
def checked(data):
    (data / "checks" / "tests.json").write_text(
        json.dumps(
            {
                "date": "2026-01-04",
                "tests": {"failed": 1, "passed": 1200, "skipped": 1},
                "pages": [
                    {"page": "a.html", "look": "wide, dark", "passed": 1},
                    {"page": "a.html", "look": "narrow, dark", "passed": 1},
                    {"page": "b.html", "look": "narrow, dark", "failed": 1},
                ],
                "faults": [
                    {"fault": "no room", "outcome": "a | sentence", "passed": 3},
                    {"fault": "a cut", "outcome": "both", "passed": 2, "skipped": 1},
                ],
            }
        )
    )


def test_what_was_looked_at_stands_by_page_and_look(checked):
    assert lines(back_matter.checked_pages())[0::2] == [
        "| page | wide, dark | narrow, dark |",
        "| a.html | 1 passed | 1 passed |",
    ]
    assert lines(back_matter.checked_pages())[3] == "| b.html |  | 1 failed |"


def test_faults_stand_with_outcome_and_how_many_ways(checked):
    assert lines(back_matter.checked_faults())[2:] == [
        "| a cut | both | 2 passed, 1 skipped |",
        r"| no room | a \| sentence | 3 passed |",
    ]


@pytest.fixture
def lanes(data):
    lanes = [
        {
            "lane": "old",
            "title": "old",
            "date": "2026-01-02",
            "python": "3.11.7",
            "versions": {"torch": "2.6", "numpy": "2.0"},
            "notebooks": {"b": {"passed": 2}, "a": {"failed": 1, "passed": 3}},
        },
        {"lane": "new", "title": "new", "date": "2026-01-03", "not_run": "no Python"},
    ]
    stored = data / "checks" / "versions.json"
    stored.write_text(json.dumps({"lanes": lanes}))


def test_versions_stand_with_the_cells_that_passed(lanes):
    assert lines(back_matter.checked_versions())[2:] == [
        "| old | 3.11.7 |  | 2.6 | 2.0 |  |  | 2026-01-02 |",
        "| new |  |  |  |  |  |  | 2026-01-03 |",
    ]
    assert lines(back_matter.checked_notebooks())[2:] == [
        "| a | 3 passed, 1 failed | not run |",
        "| b | 2 passed | not run |",
        "| all | 5 passed, 1 failed |  |",
    ]


def test_all_that_was_checked_is_counted_and_a_lane_unrun_is_no_success(checked, lanes):
    assert lines(back_matter.checked_all())[2:] == [
        "| cells of notebooks, with 2 sets of versions | 5 | 2 | 0 "
        "| 2026-01-02 to 2026-01-03 |",
        "| looks at a page | 2 | 1 | 0 | 2026-01-04 |",
        "| faults, each in one or more ways | 5 | 0 | 1 | 2026-01-04 |",
        "| all tests, those two among them | 1,200 | 1 | 1 | 2026-01-04 |",
    ]


def test_speed_stands_by_page_with_its_versions(data):
    assert "yet" in back_matter.checked_speed().data
    assert "make bench-pages" in back_matter.speed_versions().data
    good = {"performance": 97, "accessibility": 100, "best-practices": 100}
    text = {"fetched_mb": 0.15, "requests": 9, "first_text_ms": 1230, "blocked_ms": 0}
    made = {
        "pages": {"a.html": text | {"first_answer_ms": 2500} | good, "b.html": text},
        "runs": 3,
        "with": {"chromium": "156.0", "lighthouse": "12.8.2"},
        "date": "2026-01-05",
    }
    (data / "measurements" / "page_speed.json").write_text(json.dumps(made))
    assert lines(back_matter.checked_speed())[2:] == [
        "| a.html | 0.15 | 9 | 1.23 | 2.5 | 0 | 97 | 100 | 100 |",
        "| b.html | 0.15 | 9 | 1.23 |  | 0 |  |  |  |",
    ]
    assert back_matter.speed_versions().data == (
        "Measured on 2026-01-05 with Chromium 156.0 and Lighthouse 12.8.2: "
        "medians of 3 visits of each page."
    )
    once = json.dumps(made | {"runs": 1})
    (data / "measurements" / "page_speed.json").write_text(once)
    assert back_matter.speed_versions().data.endswith(": one visit of each page.")


@pytest.mark.fault("a stored table of checks is damaged", "the place is named")
@pytest.mark.parametrize(
    ("name", "held", "fault"),
    [
        ("tests", {}, "date is missing"),
        ("tests", {"date": "x", "tests": []}, r"tests is \[\], and an object"),
        ("versions", {"lanes": None}, "lanes is None, and a list is meant"),
        (
            "versions",
            {"lanes": [{"lane": "a", "title": "a", "date": "x", "notebooks": []}]},
            r"lanes\[0\]\.notebooks is \[\]",
        ),
    ],
)
def test_a_damaged_table_of_checks_is_named(data, checked, name, held, fault):
    path = data / "checks" / f"{name}.json"
    path.write_text(json.dumps(held))
    with pytest.raises(ValueError, match=rf"{name}\.json: {fault}.*put the book's own"):
        back_matter.checked_all()
