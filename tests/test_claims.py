"""The ledger of claims: nothing is stated without a cell or a source behind it."""

import copy
import json
import re
from dataclasses import replace

import pytest

from book import claims
from book.claims import (
    Chapter,
    check,
    check_row,
    find_figures,
    prints_figure,
    rows_of,
    sentences,
    tidied,
    uncovered,
)
from book.execute import notebooks

PATHS = notebooks()
CHAPTERS = claims.read_book()
ROWS = claims.read_rows(claims.LEDGER)
KEYS = claims.read_keys(claims.BIBLIOGRAPHY)
each_chapter = pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)


def of(name):
    return [row for row in ROWS if row["chapter"] == name]


# The book


def test_every_row_is_of_a_chapter_and_every_chapter_is_read():
    assert {row["chapter"] for row in ROWS} <= CHAPTERS.keys()
    assert [path.stem for path in PATHS] == list(CHAPTERS)


@each_chapter
def test_each_row_has_its_sentence_and_its_cell_or_source(path):
    wrong = {
        row["text"]: problems
        for row in of(path.stem)
        if (problems := list(check_row(row, CHAPTERS, KEYS)))
    }
    assert not wrong


@each_chapter
def test_every_figure_in_the_prose_belongs_to_a_row(path):
    assert not list(uncovered(CHAPTERS[path.stem], rows_of(path.stem, ROWS)))


def test_rows_stand_in_the_order_of_the_book_with_their_sections():
    assert tidied(CHAPTERS, ROWS) == ROWS, "run `python -m book.claims tidy`"


def test_no_row_is_there_twice():
    seen = [json.dumps(row, sort_keys=True) for row in ROWS]
    assert len(set(seen)) == len(seen)


# A changed figure is found out, whichever it is


def other(figure):
    """The same figure with another last digit."""
    return re.sub(r"[0-9](?=[^0-9]*$)", lambda m: str((int(m[0]) + 1) % 10), figure)


@each_chapter
def test_any_figure_changed_in_the_prose_is_found(path):
    chapter = copy.copy(CHAPTERS[path.stem])
    for prose in CHAPTERS[path.stem].prose:
        for figure in prose.figures:
            changed = [
                text[: figure.start] + other(figure.text) + text[figure.end :]
                for text in (prose.text, prose.masked)
            ]
            chapter.prose = [replace(prose, text=changed[0], masked=changed[1])]
            assert list(uncovered(chapter, of(path.stem))), changed[0]


@each_chapter
def test_any_figure_changed_in_a_row_is_found(path):
    name = path.stem
    for row in of(name):
        for place, figure in enumerate(row["figures"]):
            changed = copy.deepcopy(row)
            changed["figures"][place] = other(figure)
            rows = [changed if each is row else each for each in of(name)]
            chapter = copy.copy(CHAPTERS[name])
            chapter.prose = chapter.holds(row["text"])
            found = [
                *check_row(changed, CHAPTERS, KEYS),
                *uncovered(chapter, rows),
            ]
            assert found, (row["text"], other(figure))


@each_chapter
def test_any_figure_changed_in_an_output_is_found(path):
    for row in of(path.stem):
        place = row.get("of", row["chapter"])
        for figure in row["figures"] if "cell" in row else ():
            chapter = copy.copy(CHAPTERS[place])
            (code,) = chapter.find(row["cell"])
            numbers = re.compile(rf"(?:(?<![\w.)])[-−+])?{claims.NUMBER}")
            output = numbers.sub(
                lambda m, figure=figure: (
                    f"{m[0]}e9" if prints_figure(m[0], figure) else m[0]
                ),
                code.output,
            )
            chapter.code = [
                replace(code, output=output) if each is code else each
                for each in chapter.code
            ]
            # 0 times anything is 0
            if claims.value(figure):
                changed = {**CHAPTERS, place: chapter}
                assert list(check_row(row, changed, KEYS)), (row["text"], figure)


def test_a_changed_copy_of_a_chapter_turns_the_command_red(tmp_path, capsys):
    source = (claims.ROOT / "chapters" / "search.ipynb").read_text()
    path = tmp_path / "search.ipynb"
    for before, after in (
        ("scored 0.70 among", "scored 0.71 among"),  # the prose
        ("(Score: 0.7035)", "(Score: 0.7135)"),  # the output
        ("[@lu2024]", "[@nobody]"),  # the source
        ("label: tbl-contest", "label: tbl-contested"),  # the cell
    ):
        assert before in source
        path.write_text(source)
        assert claims.main(["check", str(path)]) == 0, capsys.readouterr().out
        path.write_text(source.replace(before, after))
        assert claims.main(["check", str(path)]) == 1, before
        assert "search" in capsys.readouterr().out


# What counts as a figure


@pytest.mark.parametrize(
    ("markdown", "figures"),
    [
        ("A corpus of 1,280 sentences.", ["1,280"]),
        ("It is 1, 0 or −1, or -0.03 (+2).", ["1", "0", "−1", "-0.03", "+2"]),
        ("From 57 % to 4%, from the 5th to the 95th.", ["57", "4", "5", "95"]),
        ("6.5x as fast, 22.7 M, 1e-5, 5–10.", ["6.5", "22.7", "1e-5", "5", "10"]),
        ("Between 1 / (60 + its rank)", ["1", "60"]),
        ("In 2019, on 2026-11-25.", ["2019", "2026", "11", "25"]),
        (
            "**0.979**, *28 of 100* and [0.676](x.ipynb#y-3).",
            ["0.979", "28", "100", "0.676"],
        ),
        ("| a | 82.03 |", ["82.03"]),
        ("# In 65 hours {#sec-65}", ["65"]),
        ("nDCG@10, BM25, V100, L6-v2, top-10, 2-D, int8, word2vec, #12", []),
        ("`n = 10`, ``a `5` b``, $n = 10$, $$x^2$$, <b id=7>, <!-- 8 -->", []),
        ("```{python}\n10\n```\nand 11\n", ["11"]),
        ("[@a2019, p. 5] says @fig-9 of @b2020.", []),
        ("Table 6, Sections 1.2 and 3, Exercise 3; issue 1330; § 5; Table A", []),
        ("1. first 7\n2. second\n\n**3. An exercise.**", ["7"]),
        ("costs $5 and $6", ["5", "6"]),
        ('::: {.callout-note title="Of 100 seeds" #tip-4}\nx\n:::', ["100"]),
        ('![A 3](p4.svg){#fig-5 fig-alt="6 boxes" width=70%}', ["3", "6"]),
        ("see https://example.org/5 and <https://example.org/6>", []),
        ("twenty-eight of a hundred", []),
    ],
)
def test_what_is_a_figure(markdown, figures):
    found = find_figures(markdown)
    assert [figure.text for figure in found] == figures
    assert [markdown[f.start : f.end] for f in found] == figures


@pytest.mark.parametrize(
    ("output", "figure", "there"),
    [
        ("0.7035", "0.70", True),
        ("0.7035", "0.7035", True),
        ("0.7035", "0.71", False),
        ("0.7035", "1", False),
        ("shape (1280, 384)", "1,280", True),
        ("12801", "1280", False),
        ("-0.1009", "0.10", True),
        ("-0.1009", "−0.10", True),
        ("0.1009", "−0.10", False),
        ("57%", "57 %", True),
        ("0.57", "57 %", False),
        ("nothing", "0", False),
    ],
)
def test_when_an_output_prints_a_figure(output, figure, there):
    assert prints_figure(output, figure) is there


def test_sentences_end_where_they_end():
    text = "It is 0.5. So what? *Nothing* (e.g. this). **1. Two.** Three"
    assert [text[a:b].strip() for a, b in sentences(text)] == [
        "It is 0.5.",
        "So what?",
        "*Nothing* (e.g. this).",
        "**1. Two.**",
        "Three",
    ]


# A small book, and what is wrong with its ledger


def markdown(source):
    return {"cell_type": "markdown", "source": source}


def code(source, output):
    stream = {"output_type": "stream", "name": "stdout", "text": output}
    return {"cell_type": "code", "source": source, "outputs": [stream]}


@pytest.fixture
def small(tmp_path):
    cells = [
        markdown(
            "# Small {#sec-small}\n\nA cosine of\n0.98, says [one](b.ipynb) [@a1]."
        ),
        code("#| label: tbl-one\nprint(0.979)\nprint('far')", "0.979\nfar\n"),
        code("print(7)\n", "7\n"),
        markdown("## Far {#sec-far}\n\nIs it 3? $$x$$ {#eq-x}"),
        code("print(8)", "8"),
        code('#| label: fig-a\n#| fig-alt: "Six of 9."\ndraw()', "9"),
    ]
    path = tmp_path / "small.ipynb"
    path.write_text(json.dumps({"cells": cells}))
    return {"small": Chapter(path)}


def good():
    text = "A cosine of 0.98, says one [@a1]."
    return [
        {"chapter": "small", "text": text, "figures": ["0.98"], "cell": "tbl-one"},
        {"chapter": "small", "text": text, "figures": [], "source": "a1"},
        {"chapter": "small", "text": "Is it 3?", "figures": ["3"], "defined": "eq-x"},
        {"chapter": "small", "text": "Six of 9.", "figures": ["9"], "cell": "fig-a"},
    ]


def test_a_whole_ledger_is_right(small):
    assert check(small, good(), {"a1"}) == []


@pytest.mark.parametrize(
    ("row", "change", "told"),
    [
        (0, {"text": "A cosine of 0.97, says one [@a1]."}, "no such sentence"),
        (0, {"figures": ["0.97"]}, "0.97 isn't printed"),
        (0, {"figures": []}, "0.98 is in no row"),
        (0, {"figures": ["many"]}, "'many' is no figure"),
        (0, {"cell": "print(7)"}, "0.98 isn't printed"),
        (0, {"cell": "tbl-two"}, "no code cell begins"),
        (0, {"cell": "print("}, "3 code cells begin"),
        (0, {"prints": ["near"]}, "'near' isn't printed"),
        (0, {"of": "large"}, "no chapter large"),
        (0, {"defined": "eq-x"}, "only one"),
        (0, {"weight": 1}, "fields that no row has: weight"),
        (0, {"chapter": "large"}, "no chapter large in the book"),
        (1, {"source": "b2"}, "no entry b2"),
        (1, {"source": "c3"}, "doesn't cite @c3"),
        (1, {"figures": ["5"]}, "5 isn't in its text"),
        (2, {"defined": "eq-y"}, "no section or equation eq-y"),
        (3, {"figures": ["6"]}, "9 is in no row"),
    ],
)
def test_what_is_wrong_with_a_row_is_said(small, row, change, told):
    rows = good()
    rows[row].update(change)
    assert told in "\n".join(check(small, rows, {"a1", "c3"}))


def test_of_a_plot_only_what_it_says_counts():
    figure = {
        "data": [{"y": [5], "marker": {"size": 7}, "colorscale": [[3, "red"]]}],
        "layout": {"title": {"text": "Of 9"}, "template": {"layout": {"x": 8}}},
    }
    kinds = {
        "application/vnd.plotly.v1+json": figure,
        "text/html": "<script>6</script>",
    }
    shown = claims._shown([{"data": kinds}, {"name": "stderr", "text": "4"}])
    there = [figure for figure in "3456789" if prints_figure(shown, figure)]
    assert there == ["5", "9"]


def test_tidy_orders_and_fills_in(small):
    rows = tidied(small, good()[::-1])
    assert [row["text"][:6] for row in rows] == ["A cosi", "A cosi", "Is it ", "Six of"]
    assert [row["section"] for row in rows] == ["sec-small"] * 2 + ["sec-far"] * 2
    assert tidied(small, rows) == rows


def test_a_broken_line_is_named(tmp_path):
    path = tmp_path / "claims.jsonl"
    path.write_text('{"chapter": "small"}\n{"chapter"\n')
    with pytest.raises(claims.LedgerError, match=r"claims\.jsonl, line 2"):
        claims.read_rows(path)
