"""The stored trade-offs: they fit the book's data, and what is cheap comes out again."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from book.measure import trade_offs
from book.measure.record import sha256
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries, load_vectors
from widgets.search import grades, keyword_scores

STORED = json.loads((DATA / "measurements" / "trade_offs.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def sets():
    """The book's own texts, as trade_offs.Sets holds them."""
    corpus, queries = load_corpus(), load_queries()
    judged = grades(queries, corpus)
    answered = np.flatnonzero(judged.any(axis=1))
    return SimpleNamespace(
        corpus=[sentence.text for sentence in corpus],
        judged=judged[answered],
        queries=[queries[row].text for row in answered],
    )


@pytest.fixture(scope="module")
def model():
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(weights.MODEL)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl"])
def test_it_was_measured_on_the_data_that_the_book_has(name):
    assert STORED["data_sha256"][name] == sha256(DATA / name)


def test_the_published_figures_come_out_again():
    assert set(STORED["published"]) == {weights.MODEL, weights.LARGER}
    for name, published in STORED["published"].items():
        assert abs(STORED["reproduced"][name] - published) <= 0.1


def test_keyword_search_scores_as_stored(sets):
    scores = keyword_scores(sets.corpus, sets.queries)
    stored = STORED["rows"][trade_offs.WORDS]["queries"]
    assert trade_offs.ndcg(scores, sets) == stored


def test_a_cut_vector_ranks_as_stored(sets, model):
    vectors = model.encode(sets.queries), load_vectors()
    found = trade_offs.cut(vectors, sets)
    for row, stored in zip(found, STORED["cut"][weights.MODEL], strict=True):
        assert row["dimensions"] == stored["dimensions"]
        for how in ("first", "main axes"):
            # The book's stored vectors are float16
            for figure in ("shared", "nDCG@10"):
                assert row[how][figure] == pytest.approx(stored[how][figure], abs=0.01)


def test_word_vectors_average_without_order_and_the_random_net_is_no_model(model):
    one, two = trade_offs.static(model)(["the dog bit", "bit the dog"], "same")
    assert np.allclose(one, two, atol=1e-6)
    encode = trade_offs.untrained(weights.verify())
    assert np.allclose(
        encode(["one"], ""), trade_offs.untrained(weights.verify())(["one"], "")
    )
    assert not np.allclose(encode(["one"], "")[0], model.encode("one"), atol=0.1)


def test_rounding_keeps_zero_and_stays_within_half_a_step():
    import torch

    values = torch.tensor([[-1.0, 0.0, 3.0], [0.01, 0.0, -0.02]])
    for axis in (None, 1):
        low = values.min() if axis is None else values.amin(1, keepdim=True)
        high = values.max() if axis is None else values.amax(1, keepdim=True)
        off = (trade_offs.rounded(values, axis=axis) - values).abs()
        assert (off <= (high - low) / 255 / 2 + 1e-7).all()
    # One range for both rows drowns the small one, a range a row doesn't
    crowded = (trade_offs.rounded(values) - values)[1].abs().max()
    apart = (trade_offs.rounded(values, axis=1) - values)[1].abs().max()
    assert crowded > 10 * apart


def test_rounding_one_thing_leaves_the_model_as_it_was(sets, model):
    few = SimpleNamespace(corpus=sets.corpus[:20], queries=sets.queries[:5])
    before = model.encode(few.corpus)
    found = trade_offs.where_it_breaks(model, few)
    assert np.array_equal(model.encode(few.corpus), before)
    assert found.keys() == STORED["where_it_breaks"].keys()
    assert found["inputs, one range a batch"]["cosine"] < 0.999


def test_eight_bits_are_told_apart_by_what_they_do_to_the_ranking():
    rows = STORED["eight_bits"]
    assert rows["torch, float32"]["shared"] == rows["torch, float32"]["speed"] == 1
    assert rows["ONNX, float32"]["shared"] > 0.995
    dynamic = rows["dynamic int8, per tensor"]["shared"]
    assert dynamic < rows["weight-only int8"]["shared"]


def test_a_model_that_was_not_reached_has_no_figures():
    published = {row["name"] for row in trade_offs.table.PUBLISHED}
    assert set(STORED["hub_only"]) == published
    for row in STORED["hub_only"].values():
        assert row is None or row["stsb"] > 0


def test_shared_counts_the_best_ten_in_any_order():
    reference = np.arange(30.0)[None]
    assert trade_offs.shared(reference, reference) == 1
    assert trade_offs.shared(-reference, reference) == 0
    swapped = reference.copy()
    swapped[0, [29, 20]] = swapped[0, [20, 29]]
    assert trade_offs.shared(swapped, reference) == 1
