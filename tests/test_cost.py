"""What a million texts cost: the line, what is extrapolated from it, what is stored."""

import json

import numpy as np
import pytest

from book.measure import cost
from book.measure.record import sha256
from widgets.corpus import DATA

STORED = json.loads((DATA / "measurements" / "cost.json").read_text("utf-8"))


def test_a_line_is_found_again():
    start, slope = cost.line({size: 0.5 + 0.02 * size for size in cost.SIZES})
    assert start == pytest.approx(0.5)
    assert slope == pytest.approx(0.02)


def test_the_estimate_and_its_interval_come_from_the_rounds(monkeypatch):
    # A clock that only the step moves: a hundredth of a second a text, more or less
    now = [0.0]
    noise = np.random.default_rng(0)
    monkeypatch.setattr(cost.time, "process_time", lambda: now[0])

    def step(texts):
        now[0] += 0.01 * len(texts) * noise.uniform(0.9, 1.1)

    made = cost.extrapolated({"slow": step})["slow"]
    middle, low, high = made["million_hours"]
    assert low < middle < high
    assert low < 0.01 * 10**6 / 3600 < high
    checked = made["checked"]
    assert checked["predicted"] == pytest.approx(checked["measured"], rel=0.25)


def test_texts_repeat_by_seed_and_hold_the_corpus():
    assert cost.texts_of(40, 1) == cost.texts_of(40, 1) != cost.texts_of(40, 2)
    assert len(set(cost.texts_of(1280, 0))) == 1280


def test_the_stored_bill_is_of_this_corpus_and_holds_its_own_check():
    assert STORED["data_sha256"]["corpus.jsonl"] == sha256(DATA / "corpus.jsonl")
    for row in STORED["texts"].values():
        middle, low, high = row["million_hours"]
        assert low < middle < high
        checked = row["checked"]
        assert 0.5 < checked["predicted"] / checked["measured"] < 2
    hours = {name: row["million_hours"][0] for name, row in STORED["texts"].items()}
    assert hours["all-mpnet-base-v2"] > 3 * hours["all-MiniLM-L6-v2"]
