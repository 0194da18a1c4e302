"""Long texts and hopeless queries: complete, well cut, and measured as stored."""

import json
from collections import Counter

import numpy as np
import pytest

from book.measure.record import sha256
from widgets.corpus import DATA, load_corpus, load_queries
from widgets.limits import (
    best_of_pieces,
    load_hopeless,
    load_long_texts,
    missed,
    pieces,
    sentences_of,
    windows,
)

TEXTS = load_long_texts()
STORED = json.loads((DATA / "measurements" / "mpnet_failures.json").read_text("utf-8"))


def test_every_paragraph_has_its_question():
    assert len(TEXTS) == 12
    assert all(len(text.paragraphs) == len(text.questions) == 6 for text in TEXTS)
    questions = [question for text in TEXTS for question in text.questions]
    assert len(set(questions)) == 72


def test_no_question_stands_in_a_text():
    for text in TEXTS:
        assert not any(q.lower() in text.whole.lower() for q in text.questions)


def test_hopeless_queries_are_new_and_come_after_the_others():
    kinds = load_hopeless()
    assert Counter(kinds.values()) == {
        "answer": 162,
        "search": 24,
        "near": 39,
        "far": 37,
    }
    old = {query.text for query in load_queries()}
    new = [text for text, kind in kinds.items() if kind in ("near", "far")]
    assert len(new) >= 60
    assert not old & set(new)
    assert not {sentence.text for sentence in load_corpus()} & set(new)


def test_no_way_of_cutting_loses_a_word():
    for text in TEXTS:
        for way, cut in pieces().items():
            kept = " ".join(cut(text)).split()
            assert set(text.whole.split()) <= set(kept), way
            if "windows" not in way:
                assert kept == text.whole.split(), way


def test_sentences_are_not_cut_after_a_title():
    text = "Ask Mr. Oduya or Dr. Lind. Is he in? No! He left."
    assert sentences_of(text) == [
        "Ask Mr. Oduya or Dr. Lind.",
        "Is he in?",
        "No!",
        "He left.",
    ]


def test_windows_reach_the_end_and_none_is_in_vain():
    assert windows("a b c d e f g", 4, 2) == ["a b c d", "c d e f", "e f g"]
    assert windows("a b c d e f", 4, 2) == ["a b c d", "c d e f"]
    assert windows("a b", 4, 2) == ["a b"]


def test_a_text_scores_what_its_best_piece_scores():
    scores = np.array([[0.1, 0.9, 0.3], [0.8, 0.2, 0.5]])
    best = best_of_pieces(scores, [0, 0, 1])
    assert best.tolist() == [[0.9, 0.3], [0.8, 0.5]]


def test_a_tie_is_a_miss():
    scores = np.array([[0.5, 0.4], [0.5, 0.5], [0.1, 0.2]])
    assert missed(scores, [0, 0, 0]).tolist() == [False, True, True]


def test_the_measurement_is_of_these_files():
    for name, checksum in STORED["data_sha256"].items():
        assert sha256(DATA / name) == checksum
    assert {*pieces(), "mean of paragraphs"} == set(STORED["missed"])
    assert {len(row) for row in STORED["missed"].values()} == {72}
    assert len(STORED["best_scores"]) == len(load_hopeless())


@pytest.fixture(scope="module")
def mpnet():
    from sentence_transformers import SentenceTransformer

    from widgets import prepare

    prepare("all-mpnet-base-v2")
    return SentenceTransformer("all-mpnet-base-v2")


def test_stored_scores_are_mpnets(mpnet):
    queries = list(load_hopeless())
    some = range(0, len(queries), 60)
    corpus = [sentence.text for sentence in load_corpus()]
    for place in some:
        best = STORED["best_scores"][place]
        # No sentence of a sample may score above the stored best of them all
        rows = mpnet.encode([queries[place], *corpus[place::40]])
        assert (rows[1:] @ rows[0]).max() <= best + 1e-3
