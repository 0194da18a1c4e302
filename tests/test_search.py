"""Rankings, fusion and measures, against values worked out by hand."""

import numpy as np
import pytest

from widgets.corpus import Query, Sentence
from widgets.search import fused_scores, grades, keyword_scores, measure, ranks

TEXTS = ["the red door", "a blue door", "the green hill", "nothing to see"]


def test_keywords_find_shared_words_only():
    scores = keyword_scores(TEXTS, ["red door", "zebra", ""])
    assert np.argsort(-scores[0])[:2].tolist() == [0, 1]
    assert scores[0, 2] == 0
    assert not scores[1:].any()


def test_ties_go_to_the_earlier_sentence_and_zero_is_not_found():
    assert ranks(np.array([[0.5, 0.9, 0.5, 0.0]])).tolist() == [[2, 1, 3, 4]]
    assert ranks(np.zeros((1, 3))).tolist() == [[3, 3, 3]]


def test_fusion_is_the_sum_of_reciprocal_ranks():
    dense = np.array([[0.9, 0.8, 0.1]])
    keyword = np.array([[0.0, 3.0, 1.0]])
    expected = [1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62]
    assert fused_scores(dense, keyword)[0] == pytest.approx(expected)


def test_measures_by_hand():
    judged = np.array([[0, 2, 1, 0]])
    scores = np.array([[0.9, 0.8, 0.0, 0.1]])
    row = measure(scores, judged, k=2).iloc[0]
    ideal = 2 + 1 / np.log2(3)
    assert row["nDCG@2"] == pytest.approx((2 / np.log2(3)) / ideal)
    assert row["recall@2"] == 0.5
    assert row["MRR"] == 0.5


def test_nothing_found_scores_nothing():
    row = measure(np.zeros((1, 4)), np.array([[0, 0, 0, 1]])).iloc[0]
    assert row["recall@10"] == 0
    assert row["MRR"] == 0


def test_a_query_without_a_fitting_sentence_cannot_be_scored():
    with pytest.raises(ValueError, match="at least one fitting"):
        measure(np.ones((1, 2)), np.zeros((1, 2)))


def test_grades_follow_the_ids():
    corpus = [Sentence(name, name, "t", "f") for name in "abc"]
    query = Query("q", "q", "question", {"c": 2, "a": 1})
    assert grades([query], corpus).tolist() == [[1, 0, 2]]
