"""Measure how often models and remedies fail the book's probes, and store it.

Run `python -m book.measure probes`. The folder in EVALUATION_SETS holds STS-B, which
says what tuning on the probes costs elsewhere. It takes about twenty minutes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from book.measure.models import checked_sums, read_stsb
from book.measure.record import evaluation_sets, store
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries
from widgets.probes import (
    KINDS,
    Probe,
    Similarity,
    cosine_of,
    failure_rate,
    keyword_similarity,
    load_probes,
    margins,
    static_cosine_of,
    token_matches_of,
)
from widgets.search import grades, measure
from widgets.training import spearman
from widgets.tuning import Triple, tune

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SEEDS = range(3)
EPOCHS = 3
LEARNING_RATE = 5e-5
RESAMPLES = 2000


def rate_of(failed: np.ndarray) -> dict:
    """Return a share and its 95 % interval, of failures with shape (seeds, probes).

    One row gets Wilson's interval. Several are averaged a probe, and the probes are
    resampled.
    """
    if len(failed) == 1:
        # A margin of 0 is a failure, and one of 1 is none
        rate = failure_rate(1 - failed[0])
        return {"rate": rate.share, "low": rate.low, "high": rate.high}
    each = failed.mean(axis=0)
    draw = np.random.default_rng(0)
    again = each[draw.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1)
    low, high = np.percentile(again, [2.5, 97.5])
    return {"rate": float(each.mean()), "low": float(low), "high": float(high)}


def measured(found: dict[str, np.ndarray]) -> dict:
    """Return the rates, rounded, of margins against each right sentence."""
    return {
        other: {name: round(value, 4) for name, value in rate_of(of <= 0).items()}
        for other, of in found.items()
    }


def all_margins(similarity: Similarity, probes: Sequence[Probe]) -> dict:
    """Return the margins against each right sentence that the probes have.

    The anchor itself is one of them: what puts it below a changed one has learned
    that texts which look alike differ.
    """
    others = ("same", "twin", "anchor") if probes[0].twin else ("same", "anchor")
    return {other: margins(probes, similarity, other)[None] for other in others}


def triples_of(probes: Sequence[Probe]) -> list[Triple]:
    """Return what a model is tuned on: a paraphrase or a twin, and the changed one."""
    return [
        Triple(probe.anchor, right, probe.changed, probe.what)
        for probe in probes
        for right in (probe.same, probe.twin)
        if right
    ]


def halves() -> tuple[list[Probe], list[Probe]]:
    """Return every second probe of each kind, and the others."""
    every = [load_probes(kind) for kind in KINDS]
    return tuple(
        [probe for probes in every for probe in probes[start::2]] for start in (0, 1)
    )


def out_of_half(
    learn: Callable[[Sequence[Probe], int], Similarity], seeds: Sequence[int]
) -> dict:
    """Return margins by kind, each of a probe from the half that wasn't learned from.

    Margins have shape (seeds, probes), in the order of the two halves.
    """
    found: dict[str, dict[str, list]] = {
        kind: {other: [] for other in ("same", "twin", "anchor")} for kind in KINDS
    }
    first, second = halves()
    for seed in seeds:
        learned = [(learn(second, seed), first), (learn(first, seed), second)]
        for kind in KINDS:
            parts = [
                all_margins(similarity, [p for p in asked if p.kind == kind])
                for similarity, asked in learned
            ]
            for other in parts[0]:
                whole = np.concatenate([part[other][0] for part in parts])
                found[kind][other].append(whole)
    return {
        kind: {other: np.array(of) for other, of in others.items() if of}
        for kind, others in found.items()
    }


def classifier_of(
    model: SentenceTransformer, probes: Sequence[Probe], easy: int = 0
) -> Similarity:
    """Return how sure a classifier on (u, v, |u − v|, u∗v) is that two texts agree.

    The vectors stay as they are; the classifier learns from the probes given. With
    `easy` it is also taught that a text agrees with itself, and that it doesn't with
    so many other probes' paraphrases or twins.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    def features(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        unique = list(dict.fromkeys([*first, *second]))
        vectors = model.encode(unique, normalize_embeddings=True)
        row = dict(zip(unique, vectors, strict=True))
        u, v = (np.stack([row[text] for text in side]) for side in (first, second))
        return np.hstack([u, v, np.abs(u - v), u * v])

    triples = triples_of(probes)
    anchors = [triple.anchor for triple in triples]
    answers = [triple.same for triple in triples]
    right = [*zip(anchors, answers, strict=True)]
    wrong = [(triple.anchor, triple.changed) for triple in triples]
    if easy:
        right += zip(anchors, anchors, strict=True)
    for step in range(1, easy + 1):
        # Neighbours in the file may share an anchor, so it is seven further each time
        others = np.roll(answers, -7 * step).tolist()
        wrong += zip(anchors, others, strict=True)
    learner = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
    learner.fit(
        features(*zip(*right, *wrong, strict=True)),
        [1] * len(right) + [0] * len(wrong),
    )
    return lambda first, second: learner.decision_function(features(first, second))


def elsewhere(model: SentenceTransformer, folder: Path) -> dict[str, float]:
    """Return what a model still does elsewhere: search our corpus, and grade STS-B."""
    corpus = load_corpus()
    queries = [query for query in load_queries() if query.relevant]
    scores = (
        model.encode([query.text for query in queries], normalize_embeddings=True)
        @ model.encode([row.text for row in corpus], normalize_embeddings=True).T
    )
    found = measure(scores, grades(queries, corpus))["nDCG@10"].mean()
    pairs = list(zip(*read_stsb(folder, "en"), strict=True))
    return {
        "nDCG@10": round(float(found), 4),
        "STS-B": round(spearman(model, pairs), 2),
    }


def main(_: Sequence[str] = ()) -> None:
    """Measure every model and remedy on every kind, and store rates and margins."""
    weights.verify()
    weights.verify(model=weights.LARGER)
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    folder = evaluation_sets()
    sums = checked_sums(folder)
    small, large = (
        SentenceTransformer(name) for name in (weights.MODEL, weights.LARGER)
    )
    systems = {
        "BM25": keyword_similarity,
        "static word vectors": static_cosine_of(small),
        "MiniLM": cosine_of(small),
        "mpnet": cosine_of(large),
        "MiniLM, tokens matched": token_matches_of(small),
        "mpnet, tokens matched": token_matches_of(large),
    }
    every = {
        name: {kind: all_margins(similarity, load_probes(kind)) for kind in KINDS}
        for name, similarity in systems.items()
    }
    print("Learning a classifier on half of the probes, twice", flush=True)
    every["MiniLM, classifier"] = out_of_half(
        lambda probes, _: classifier_of(small, probes), [0]
    )
    costs: list[dict] = []

    def tuned(probes: Sequence[Probe], seed: int) -> Similarity:
        print(f"Tuning on half of the probes, seed {seed}", flush=True)
        model = copy.deepcopy(small)
        tune(model, triples_of(probes), epochs=EPOCHS, lr=LEARNING_RATE, seed=seed)
        costs.append(elsewhere(model, folder))
        return cosine_of(model)

    every["MiniLM, tuned"] = out_of_half(tuned, SEEDS)
    store(
        "probes",
        {
            "probes": {kind: len(load_probes(kind)) for kind in KINDS},
            "rates": {
                name: {kind: measured(found) for kind, found in kinds.items()}
                for name, kinds in every.items()
            },
            "margins": {
                name: {
                    kind: [round(float(m), 3) for m in found["same"][0]]
                    for kind, found in every[name].items()
                }
                for name in ("MiniLM", "mpnet")
            },
            "elsewhere": {
                "MiniLM": elsewhere(small, folder),
                "MiniLM, tuned": {
                    of: [
                        min(cost[of] for cost in costs),
                        max(cost[of] for cost in costs),
                    ]
                    for of in costs[0]
                },
            },
            "tuning": {"epochs": EPOCHS, "learning_rate": LEARNING_RATE, "halves": 2},
            "stsb_sha256": sums["stsb/stsb-en-test.csv"],
        },
        versions=["transformers", "scikit-learn", "scipy", "bm25s"],
        data=[
            DATA / name for name in ("probes.jsonl", "corpus.jsonl", "queries.jsonl")
        ],
        seeds=SEEDS,
    )


if __name__ == "__main__":
    main()
