"""The remedies: what re-ranks, what a rule may touch, and prices stored as measured."""

import json

import numpy as np
import pytest

from book.measure import remedies
from book.measure.record import sha256
from widgets import load_corpus, load_queries
from widgets.corpus import DATA
from widgets.probes import KINDS, RULES, penalties_of_best
from widgets.search import grades, keyword_scores, measure

STORED = json.loads((DATA / "measurements" / "remedies.json").read_text("utf-8"))


def test_a_penalty_reorders_the_best_and_lets_nothing_overtake_them():
    scores = np.array([[0.9, 0.8, 0.7, 0.6]])
    texts = ["a", "b", "c", "d"]
    taken = penalties_of_best(lambda _, t: float(t == "a"), scores, ["q"], texts, 2)
    assert taken.tolist() == [[1, 0, 1, 1]]
    for weight in (0.05, 0.5, 5):
        order = np.argsort(-(scores - weight * taken), axis=1, kind="stable")[0]
        assert set(order[:2].tolist()) == {0, 1}
        assert order[2:].tolist() == [2, 3]


def test_another_similarity_reorders_the_best_alone(monkeypatch):
    monkeypatch.setattr(remedies, "DEPTH", 2)
    there = remedies.Elsewhere.__new__(remedies.Elsewhere)
    there.scores = np.array([[0.9, 0.8, 0.7], [0.1, 0.3, 0.2]])
    there.queries, there.texts = ["p", "q"], ["a", "b", "c"]

    def later_is_better(first, second):
        assert first == ["p", "p", "q", "q"]
        return np.array([ord(text) for text in second], dtype=float)

    order = np.argsort(-there.reordered(later_is_better), axis=1)
    assert order.tolist() == [[1, 0, 2], [2, 1, 0]]


def test_each_kind_but_senses_has_a_rule():
    assert set(RULES) == set(KINDS) - {"sense"}
    for rule in RULES.values():
        assert rule("one plain word", "one plain word") == 0


def test_the_stored_prices_are_of_this_data():
    for name, checksum in STORED["data_sha256"].items():
        assert checksum == sha256(DATA / name)
    assert STORED["MiniLM"]["STS-B"] == pytest.approx(82.03, abs=0.01)


def test_the_stored_search_is_the_books():
    corpus = load_corpus()
    queries = [query for query in load_queries() if query.relevant]
    keyword = keyword_scores([s.text for s in corpus], [q.text for q in queries])
    found = measure(keyword, grades(queries, corpus))["nDCG@10"].mean()
    assert STORED["BM25"]["nDCG@10"]["all"] == pytest.approx(found, abs=1e-4)


def test_every_remedy_has_its_rates_and_its_prices():
    assert set(STORED["rules"]) == set(RULES)
    for name in ("classifier", "classifier, easy pairs too"):
        found = STORED[name]
        assert set(found["rates"]) == set(KINDS)
        assert len(found["elsewhere"]) == 2
