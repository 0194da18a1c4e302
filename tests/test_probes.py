"""The probes: enough of each kind, complete, their own, and measured as stored."""

import json
import re

import numpy as np
import pytest

from book.measure.record import sha256
from widgets.corpus import DATA, load_corpus
from widgets.probes import (
    KINDS,
    Probe,
    cosine_of,
    failure_rate,
    keyword_similarity,
    load_probes,
    margins,
    missing,
    names,
    negations,
    numbers,
    reordered,
    static_cosine_of,
    turned,
    with_penalty,
    words_around,
)

STORED = json.loads((DATA / "measurements" / "probes.json").read_text("utf-8"))
PROBES = {kind: load_probes(kind) for kind in KINDS}
EVERY = [probe for kind in KINDS for probe in PROBES[kind]]


def texts_of(probe):
    return [t for t in (probe.anchor, probe.same, probe.changed, probe.twin) if t]


def runs(text):
    words = re.findall(r"[\w']+", text.lower())
    return {tuple(words[i : i + 5]) for i in range(len(words) - 4)}


@pytest.fixture(scope="module")
def model():
    from widgets import weights

    weights.quiet()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def cosine(model):
    return cosine_of(model)


def test_there_are_enough_of_each_kind_and_all_fields():
    assert len({probe.id for probe in EVERY}) == len(EVERY)
    for kind in KINDS:
        assert len(PROBES[kind]) >= 60
        for probe in PROBES[kind]:
            assert probe.id.startswith(kind)
            assert all((probe.what, probe.anchor, probe.same, probe.changed)), probe.id
            assert bool(probe.hint) == (kind == "sense"), probe.id
            assert bool(probe.twin) == (kind != "sense"), probe.id


def test_an_unknown_kind_is_named():
    with pytest.raises(ValueError, match="'senses', only of sense, roles"):
        load_probes("senses")


def test_no_sentence_stands_twice_or_in_the_corpus():
    texts = [text.lower() for probe in EVERY for text in texts_of(probe)]
    assert len(set(texts)) == len(texts)
    known = set().union(*(runs(sentence.text) for sentence in load_corpus()))
    for probe in EVERY:
        for text in texts_of(probe):
            assert not known & runs(text), probe.id


def test_no_template_shows():
    openings = [tuple(probe.anchor.lower().split()[:2]) for probe in EVERY]
    most = max(openings.count(opening) for opening in openings)
    assert most <= 0.02 * len(EVERY)
    for kind in KINDS:
        lengths = [len(probe.anchor.split()) for probe in PROBES[kind]]
        assert min(lengths) <= 6
        assert max(lengths) >= 11
        assert any(probe.anchor.endswith("?") for probe in PROBES[kind])


def test_a_word_of_two_senses_stands_on_both_sides():
    for probe in PROBES["sense"]:
        for text in (probe.anchor, probe.changed):
            assert words_around(text, probe.what, 0).lower() == probe.what.lower()


def test_most_changed_names_differ_in_a_letter_or_two():
    from difflib import SequenceMatcher

    for probe in PROBES["names"]:
        same = SequenceMatcher(None, probe.anchor, probe.changed).ratio()
        assert same > 0.9, probe.id


def test_a_margin_and_a_rate_are_what_they_say():
    probes = [
        Probe("a", "names", "x", "same", "same", "other"),
        Probe("b", "names", "x", "left", "right", "right"),
    ]

    def similarity(first, second):
        return np.array([float(a == b) for a, b in zip(first, second, strict=True)])

    found = margins(probes, similarity)
    assert found.tolist() == [1, 0]
    rate = failure_rate(found)
    assert rate.share == 0.5
    # Wilson's interval by hand, for 1 of 2
    z = 1.959964
    half = z * np.sqrt(0.25 / 2 + z * z / 16) / (1 + z * z / 2)
    assert rate.low == pytest.approx(0.5 - half, abs=1e-5)
    assert rate.high == pytest.approx(0.5 + half, abs=1e-5)
    assert str(failure_rate(np.array([1, 1, 1, -1]))) == "25% (5% to 70%)"


def test_rules_see_what_they_say_they_see():
    assert negations("She won't, and nobody can.") == 2
    assert negations("an unfair note about knots") == 0
    assert turned("It isn't open.", "It is open.") == 1
    assert turned("It isn't not open.", "It is open.") == 0
    assert numbers("two million and 4.5 at 1,200") == {2e6, 4.5, 1200}
    assert numbers("eighty kilos, a million times") == {80}
    assert names("Ask Dr Keller about QV 318, I said.") == {"dr", "keller", "qv", "318"}
    assert names("7731-B has been shipped.") == {"7731-b"}
    assert missing(numbers, "from 5 to 9", "at 9") == 0.5
    assert missing(numbers, "at noon", "at 9") == 0
    assert reordered("The dog bit the man.", "The man bit the dog.") == 1
    assert reordered("A dog barked at a man.", "Dogs bark.") == 0
    assert reordered("red green blue", "red blue green") == pytest.approx(1 / 3)
    assert words_around("By the river bank we sat.", "bank", 1) == "river bank we"
    with pytest.raises(ValueError, match="'tree' does not stand in"):
        words_around("By the river bank", "tree", 1)


def test_a_penalty_is_taken_off():
    lowered = with_penalty(lambda a, b: np.ones(len(a)), turned, 0.5)
    assert lowered(["It is on.", "On."], ["It is not on.", "On."]).tolist() == [0.5, 1]


def test_the_stored_rates_are_of_these_probes(cosine, model):
    assert STORED["data_sha256"]["probes.jsonl"] == sha256(DATA / "probes.jsonl")
    systems = {
        "BM25": keyword_similarity,
        "static word vectors": static_cosine_of(model),
        "MiniLM": cosine,
    }
    for name, similarity in systems.items():
        for kind in KINDS:
            rates = STORED["rates"][name][kind]
            for other in rates:
                rate = failure_rate(margins(PROBES[kind], similarity, other))
                assert rates[other]["rate"] == pytest.approx(rate.share, abs=1e-4)
                assert rates[other]["low"] == pytest.approx(rate.low, abs=1e-4)


def test_no_probe_hangs_on_the_last_digit(cosine):
    for kind in KINDS:
        for other in ("same", "twin") if kind != "sense" else ("same",):
            assert abs(margins(PROBES[kind], cosine, other)).min() > 2e-4


def test_the_documents_three_pairs(cosine):
    pairs = [
        ("The dog bit the man", "The man bit the dog", 0.979),
        ("This is good", "This is not good", 0.676),
        ("the river bank", "the financial bank", 0.606),
    ]
    for first, second, expected in pairs:
        assert cosine([first], [second])[0] == pytest.approx(expected, abs=5e-4)
