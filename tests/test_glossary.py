"""The glossary: each term is met in the book, and its first use leads to it."""

import json

import pytest

from book import glossary
from book.claims import read_rows
from widgets import back_matter

TERMS = read_rows(glossary.GLOSSARY)


def test_each_term_leads_from_its_first_use_to_its_entry():
    assert glossary.check(glossary.read_paths(), TERMS) == []


def test_entries_stand_by_the_alphabet_and_none_is_there_twice():
    names = [term["term"].lower() for term in TERMS]
    assert names == sorted(set(names))
    assert len({back_matter.anchor(name) for name in names}) == len(names)
    assert glossary.with_sections(glossary.read_paths(), TERMS) == TERMS


def test_the_page_holds_every_entry():
    page = (glossary.ROOT / glossary.PAGE).read_text("utf-8")
    for term in TERMS:
        assert f"{{#{back_matter.anchor(term['term'])}}}" in page


# A small book


@pytest.fixture
def paths(tmp_path, monkeypatch):
    monkeypatch.setattr(glossary, "ROOT", tmp_path)
    (tmp_path / "chapters").mkdir()

    def write(name, *sources):
        cells = [
            {"cell_type": "markdown", "metadata": {}, "id": f"c{n}", "source": source}
            for n, source in enumerate(sources)
        ]
        book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / name).write_text(json.dumps(book))
        return tmp_path / name

    return [
        write("index.ipynb", "# Cosine {#sec-a}\n\n::: {.hero}\nA cosine.\n:::"),
        write(
            "chapters/one.ipynb",
            "# One {#sec-one}\n\n`cosine` and $cosine$ and @cosine and nDCG@10.",
            "## Two {#sec-two}\n\nThe *mean\npooling* of cosines. Pooling, cosine.",
        ),
    ]


def row(term, **more):
    return {"term": term, "text": "What it is.", **more}


def test_a_first_use_is_linked_where_it_stands_in_prose(paths):
    terms = [row("cosine"), row("pooling"), row("mean pooling"), row("nDCG@10")]
    assert len(glossary.check(paths, terms)) == 4
    assert sorted(glossary.insert(paths, terms)) == sorted(t["term"] for t in terms)
    home, one = (json.loads(path.read_text())["cells"] for path in paths)
    assert "](" not in "".join(home[0]["source"])
    page = "appendix_glossary.ipynb"
    assert "".join(one[0]["source"]).endswith(f"[nDCG@10]({page}#term-ndcg-10).")
    assert "".join(one[1]["source"]) == (
        f"## Two {{#sec-two}}\n\nThe *[mean\npooling]({page}#term-mean-pooling)* of "
        f"[cosines]({page}#term-cosine). [Pooling]({page}#term-pooling), cosine."
    )
    terms = glossary.with_sections(paths, terms)
    assert glossary.check(paths, terms) == []
    assert [term["section"] for term in terms] == ["sec-two"] * 2 + [
        "sec-one",
        "sec-two",
    ]
    assert glossary.insert(paths, terms) == []


def test_what_is_amiss_is_said(paths):
    terms = [row("cosine")]
    glossary.insert(paths, terms)
    assert "never uses it" in glossary.check(paths, [row("cat"), *terms])[0]
    assert "first use is in sec-two" in glossary.check(paths, terms)[0]
    assert "no term at" in "".join(glossary.check(paths, [row("pooling")]))


def test_from_the_opening_the_way_leads_into_the_folder(paths):
    assert glossary.where(paths[0]) == "chapters/appendix_glossary.ipynb"
    assert glossary.where(paths[1]) == "appendix_glossary.ipynb"
