"""The corpus and the queries: complete, balanced, and free of templates."""

import hashlib
import json
import re
from collections import Counter

import numpy as np
import pytest

from widgets.corpus import DATA, load_corpus, load_queries, load_vectors
from widgets.umap_layout import load_layout

KINDS = {"paraphrase", "question", "keyword", "name_number", "vague", "nothing"}


@pytest.fixture(scope="module")
def corpus():
    return load_corpus()


@pytest.fixture(scope="module")
def queries():
    return load_queries()


@pytest.fixture(scope="module")
def model():
    from widgets import weights

    weights.quiet()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2")


@pytest.fixture(scope="module")
def fresh(model, corpus):
    return model.encode([sentence.text for sentence in corpus])


def test_the_corpus_is_large_and_balanced(corpus):
    assert len(corpus) >= 1200
    topics = Counter(sentence.topic for sentence in corpus)
    assert len(topics) >= 24
    assert max(topics.values()) <= 1.25 * min(topics.values())
    fields = {}
    for sentence in corpus:
        assert fields.setdefault(sentence.topic, sentence.field) == sentence.field
    assert len(set(fields.values())) >= 6


def test_every_sentence_is_short_and_its_own(corpus):
    lengths = [len(sentence.text.split()) for sentence in corpus]
    assert (min(lengths), max(lengths)) >= (4, 4)
    assert max(lengths) <= 30
    assert len({sentence.id for sentence in corpus}) == len(corpus)
    folded = {re.sub(r"\W+", " ", s.text.lower()).strip() for s in corpus}
    assert len(folded) == len(corpus)


def test_styles_differ_in_every_topic(corpus):
    by_topic = {}
    for sentence in corpus:
        by_topic.setdefault(sentence.topic, []).append(sentence.text[-1])
    for topic, endings in by_topic.items():
        assert endings.count("?") >= 2, topic
        assert endings.count(".") >= 12, topic
        assert sum(ending.isalnum() for ending in endings) >= 1, f"{topic}: headlines"


def test_no_template_shows(corpus):
    runs = Counter()
    for sentence in corpus:
        words = re.findall(r"[\w']+", sentence.text.lower())
        runs.update({tuple(words[i : i + 5]) for i in range(len(words) - 4)})
    most = runs.most_common(1)[0][1]
    assert most <= 0.01 * len(corpus)


def test_no_two_sentences_nearly_the_same(fresh):
    cosines = fresh @ fresh.T
    np.fill_diagonal(cosines, 0)
    assert cosines.max() < 0.95


def test_queries_name_real_sentences_and_known_kinds(corpus, queries):
    ids = {sentence.id for sentence in corpus}
    assert len(queries) >= 150
    assert len({query.id for query in queries}) == len(queries)
    assert len({query.text for query in queries}) == len(queries)
    for query in queries:
        assert set(query.relevant) <= ids, query.id
        assert set(query.relevant.values()) <= {1, 2}, query.id
        assert (not query.relevant) == (query.kind == "nothing"), query.id
        if query.kind != "nothing":
            assert 2 in query.relevant.values(), query.id


def test_queries_are_of_every_kind(queries):
    kinds = Counter(query.kind for query in queries)
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 15


def test_a_query_is_no_copy_of_a_sentence(corpus, queries):
    runs = set()
    for sentence in corpus:
        words = re.findall(r"[\w']+", sentence.text.lower())
        runs |= {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
    for query in queries:
        words = re.findall(r"[\w']+", query.text.lower())
        copied = runs & {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        assert not copied, query.id


def test_the_readme_gives_the_true_counts(corpus, queries):
    readme = (DATA / "README.md").read_text("utf-8")
    kinds = Counter(query.kind for query in queries)
    assert f"{len(corpus):,} sentences" in readme
    assert f"{len(queries)} queries" in readme
    for kind, count in kinds.items():
        assert f"| `{kind}` | {count} |" in readme


def test_stored_vectors_are_the_models(fresh):
    stored = load_vectors()
    assert stored.shape == fresh.shape
    unit = fresh / np.linalg.norm(fresh, axis=1, keepdims=True)
    assert (stored * unit).sum(axis=1).min() >= 0.99999


def test_the_map_keeps_neighbours_together(fresh):
    from sklearn.manifold import trustworthiness

    layout = load_layout()
    kept = trustworthiness(fresh, layout.xy, n_neighbors=15, metric="cosine")
    assert kept == pytest.approx(layout.trustworthiness, abs=0.005)
    assert kept > 0.8
    shuffled = np.random.default_rng(0).permutation(layout.xy)
    assert trustworthiness(fresh, shuffled, n_neighbors=15, metric="cosine") < 0.6


def test_the_map_says_how_it_was_made():
    stored = json.loads((DATA / "corpus_layout.json").read_text("utf-8"))
    vectors = (DATA / "corpus_vectors.npy").read_bytes()
    assert stored["vectors_sha256"] == hashlib.sha256(vectors).hexdigest()
    assert stored["settings"]["metric"] == "cosine"
    assert {"umap-learn", "numba", "numpy"} <= set(stored["versions"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", stored["date"])
