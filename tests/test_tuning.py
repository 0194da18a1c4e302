"""Tuning on a trade's triples: what it learns from, learns, and leaves alone."""

import copy
import json
from collections import Counter

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from book.measure.record import sha256
from widgets import prepare
from widgets.corpus import DATA
from widgets.probes import cosine_of, margins
from widgets.tuning import found_first, load_triples, tune

ROWS = [
    json.loads(line)
    for line in (DATA / "domain_pairs.jsonl").read_text("utf-8").splitlines()
]
STORED = json.loads((DATA / "measurements" / "domain.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def model():
    prepare()
    return SentenceTransformer("all-MiniLM-L6-v2")


def test_each_set_is_there_and_large_enough():
    for domain in ("medicine", "law", "everyday"):
        assert len(load_triples(domain)) >= 60
    assert len(load_triples("medicine", "train")) >= 200
    assert len(load_triples("law", "train")) >= 200
    with pytest.raises(ValueError, match="no triples of 'everyday', part 'train'"):
        load_triples("everyday", "train")


def test_no_sentence_is_written_twice_and_no_test_is_trained_on():
    for field in ("anchor", "same"):
        twice = [t for t, n in Counter(row[field] for row in ROWS).items() if n > 1]
        assert not twice
    trained = {row[f] for row in ROWS if row["part"] == "train" for f in row}
    tested = {
        row[field]
        for row in ROWS
        if row["part"] == "test"
        for field in ("anchor", "same")
    }
    assert not trained & tested


def test_found_first_counts_a_tie_as_not_found():
    scores = np.array([[0.9, 0.1, 0.2, 0.3], [0.5, 0.5, 0.1, 0.0]])
    assert found_first(scores).tolist() == [True, False]
    scores = np.array([[0.9, 0.1, 0.2, 0.95], [0.4, 0.5, 0.1, 0.0]])
    assert found_first(scores).tolist() == [False, True]


def test_tuning_learns_what_it_is_shown_and_repeats(model):
    triples = load_triples("law", "train")[:16]
    one, other = copy.deepcopy(model), copy.deepcopy(model)
    told = []
    first = tune(
        one,
        triples,
        epochs=3,
        batch_size=8,
        lr=5e-5,
        on_step=lambda *step: told.append(step[:2]),
    )
    assert len(first) == 6
    assert told == [(step, 6) for step in range(1, 7)]
    assert first[-1] < first[0]
    grown = margins(triples, cosine_of(one)) - margins(triples, cosine_of(model))
    assert grown.mean() > 0
    second = tune(other, triples, epochs=3, batch_size=8, lr=5e-5)
    assert first == pytest.approx(second, rel=1e-3)


def test_tuning_leaves_the_random_state_and_ends_in_eval(model):
    pupil = copy.deepcopy(model)
    before = torch.random.get_rng_state()
    tune(pupil, load_triples("law", "train")[:4], epochs=1, batch_size=4)
    assert torch.equal(before, torch.random.get_rng_state())
    assert not pupil.training


def test_the_measurement_is_of_this_file_and_reproduces_the_published_score():
    assert STORED["data_sha256"]["domain_pairs.jsonl"] == sha256(
        DATA / "domain_pairs.jsonl"
    )
    assert abs(STORED["elsewhere"]["before"] - 82.03) <= 0.1


def test_the_stored_drop_is_minilms(model):
    for domain, size in STORED["tests"].items():
        failed = (margins(load_triples(domain), cosine_of(model)) <= 0).sum()
        share = STORED["drop"]["all-MiniLM-L6-v2"][domain]["failed"][0]
        assert failed == pytest.approx(share * size, abs=1.01)
