"""Scores, names and maps of clusters, against values worked out by hand."""

import json

import numpy as np
import pytest
from sklearn.manifold import trustworthiness

from book.measure.clustering import DRAWN
from book.measure.record import sha256
from widgets.clusters import agreement, as_labels, central, class_words, continuity
from widgets.corpus import DATA, load_corpus, load_vectors

TRUTH = ["tea", "tea", "tea", "sea", "sea", "sea"]


@pytest.fixture(scope="module")
def stored():
    return json.loads((DATA / "measurements" / "clustering.json").read_text("utf-8"))


def test_the_same_groups_under_other_names_agree_fully():
    scores = agreement(TRUTH, [7, 7, 7, 3, 3, 3])
    assert scores == pytest.approx(
        {"v_measure": 1, "nmi": 1, "ari": 1, "ami": 1, "left_out": 0}
    )


def test_v_measure_is_nmi_and_rises_by_chance_alone_where_ari_does_not():
    random = np.random.default_rng(1)
    truth = np.repeat(np.arange(10), 30)
    few, many = (agreement(truth, random.integers(k, size=300)) for k in (10, 150))
    assert few["v_measure"] == pytest.approx(few["nmi"])
    assert many["v_measure"] > few["v_measure"] + 0.2
    assert abs(many["ari"]) < 0.02


def test_leaving_texts_out_does_not_pay():
    placed = agreement(TRUTH, [0, 0, 0, 1, 1, 1])
    timid = agreement(TRUTH, [0, 0, -1, 1, -1, -1])
    assert timid["left_out"] == 0.5
    assert timid["ari"] < placed["ari"]
    assert agreement(TRUTH, [-1] * 6)["v_measure"] == 0


def test_communities_become_labels():
    assert as_labels([[3, 1], [4]], 6).tolist() == [-1, 0, -1, 0, 1, -1]
    assert as_labels([], 2).tolist() == [-1, -1]


def test_the_central_text_points_most_nearly_to_the_mean():
    angles = np.radians([0, 20, 50, 180, 180, 90])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    assert central(vectors, [0, 0, 0, 1, 1, -1]) == {0: 1, 1: 3}


def test_words_that_are_everywhere_name_nothing():
    texts = ["boat boat water", "boat water harbour", "tea water", "tea leaf water"]
    named = class_words(texts, [0, 0, 1, 1], count=2)
    assert named == {0: ["boat", "harbour"], 1: ["tea", "leaf"]}


def test_class_words_by_hand():
    from sklearn.feature_extraction.text import CountVectorizer

    # a: twice here, twice everywhere; b: three times here, six everywhere; A = 4
    texts = ["a a b b b", "b b b"]
    plain = CountVectorizer(token_pattern=r"\w")
    assert 2 * np.log(1 + 4 / 2) > 3 * np.log(1 + 4 / 6)
    assert class_words(texts, [0, 1], vectorizer=plain) == {0: ["a", "b"], 1: ["b"]}


def test_left_out_texts_name_nothing():
    texts = ["boat water", "boat sail", "tea leaf"]
    assert class_words(texts, [0, 0, -1], count=9) == {0: ["boat", "sail", "water"]}


def test_continuity_falls_where_neighbours_are_torn_apart():
    line = np.linspace(0, 1.5, 60)
    circle = np.column_stack([np.cos(line), np.sin(line)])
    faithful = np.column_stack([line, np.zeros(60)])
    torn = faithful + np.where(np.arange(60) % 2, 9.0, 0.0)[:, None]
    assert continuity(circle, faithful, 5) > 0.99
    assert continuity(circle, torn, 5) < 0.98
    # A fold keeps neighbours together and brings strangers near
    folded = np.column_stack([np.abs(line - 0.75), np.zeros(60)])
    assert trustworthiness(circle, folded, n_neighbors=5) < continuity(
        circle, folded, 5
    )


def test_the_stored_figures_are_of_this_corpus(stored):
    for name in ("corpus.jsonl", "corpus_vectors.npy"):
        assert stored["data_sha256"][name] == sha256(DATA / name)
    assert stored["sentences"] == len(load_corpus())


def test_a_cheap_piece_measured_again_gives_the_stored_figures(stored):
    from sklearn.decomposition import PCA

    vectors = load_vectors().astype(float)
    flat = PCA(2, random_state=0).fit_transform(vectors)
    found = continuity(vectors, flat, 15)
    assert found == pytest.approx(stored["maps"]["PCA"]["continuity"], abs=0.002)
    drawn = np.array(stored["maps"]["drawn"]["PCA"].split(), float).reshape(-1, 2)
    assert len(drawn) == len(stored["maps"]["topics"])
    # PCA may turn an axis round
    assert np.abs(drawn) == pytest.approx(np.abs(flat[DRAWN]), abs=0.006)


def test_stored_maps_keep_neighbours_as_well_as_is_said(stored):
    vectors = load_vectors().astype(float)[DRAWN]
    for row in stored["maps"]["settings"]:
        name = f"{row['n_neighbors']}, {row['min_dist']}, seed 0"
        xy = np.array(stored["maps"]["drawn"][name].split(), float).reshape(-1, 2)
        # Half of the sentences have half of the neighbours
        kept = trustworthiness(vectors, xy, n_neighbors=7)
        assert kept == pytest.approx(row["trustworthiness"]["mean"], abs=0.06)


def test_the_judged_strays_are_sentences_of_the_corpus():
    text = (DATA / "cluster_strays.jsonl").read_text("utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    topic_of = {sentence.id: sentence.topic for sentence in load_corpus()}
    assert len({row["id"] for row in rows}) == len(rows) == 40
    for row in rows:
        assert row["cluster_topic"] in topic_of.values()
        assert row["cluster_topic"] != topic_of[row["id"]]
        assert row["fits"] in {"both", "label"}
