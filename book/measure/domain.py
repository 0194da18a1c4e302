"""Measure what a trade's language costs a model, and what tuning gives back.

Run `python -m book.measure domain` with EVALUATION_SETS naming the folder of the
public sets: STS-B's test, which is everyone's language, says what tuning costs
elsewhere. It takes some ten minutes on one core.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from book.measure import models as table
from book.measure.record import evaluation_sets, store
from widgets import weights
from widgets.corpus import DATA
from widgets.probes import (
    Similarity,
    cosine_of,
    failure_rate,
    keyword_similarity,
    margins,
    static_cosine_of,
)
from widgets.search import keyword_scores
from widgets.training import spearman
from widgets.tuning import Triple, found_first, load_triples, tune

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

DOMAINS = ("everyday", "medicine", "law")
TRADES = ("medicine", "law")
SIZES = (50, 100, None)
SEEDS = range(3)
CAREFUL = {"epochs": 3, "batch_size": 16, "lr": 5e-5}
CARELESS = {"epochs": 8, "batch_size": 16, "lr": 5e-4}
CARELESS_SIZE = 100
CARELESS_SEEDS = range(2)
STSB = ("stsb/stsb-en-test.csv",)
TOLERANCE = 0.1

Scores = Callable[[list[str], list[str]], np.ndarray]
"""Anchors and candidates in, a similarity for each with each out."""


def scores_of(model: SentenceTransformer) -> Scores:
    """Return the cosines of all with all as a function of two lists of texts."""

    def scores(anchors: list[str], candidates: list[str]) -> np.ndarray:
        a, b = (
            model.encode(texts, normalize_embeddings=True)
            for texts in (anchors, candidates)
        )
        return a @ b.T

    return scores


def static_scores_of(model: SentenceTransformer) -> Scores:
    """Return the same for averaged word vectors."""
    similarity = static_cosine_of(model)

    def scores(anchors: list[str], candidates: list[str]) -> np.ndarray:
        rows = [similarity([a] * len(candidates), candidates) for a in anchors]
        return np.stack(rows)

    return scores


def found(scores: Scores, triples: Sequence[Triple]) -> np.ndarray:
    """Return for each anchor whether its meaning is the best of all sentences."""
    candidates = [triple.same for triple in triples]
    candidates += [triple.changed for triple in triples]
    return found_first(scores([triple.anchor for triple in triples], candidates))


def as_rate(which: np.ndarray) -> list[float]:
    """Return a share of cases and the ends of its 95 % interval."""
    rate = failure_rate(np.where(which, -1, 1))
    return [round(value, 4) for value in (rate.share, rate.low, rate.high)]


def the_drop(systems: dict[str, tuple[Similarity, Scores]]) -> dict:
    """Return each system's failures and finds, in everyday language and the trades."""
    made: dict = {}
    for name, (similarity, scores) in systems.items():
        print(f"The drop: {name}", flush=True)
        for domain in DOMAINS:
            triples = load_triples(domain)
            made.setdefault(name, {})[domain] = {
                "failed": as_rate(margins(triples, similarity) <= 0),
                "found": as_rate(found(scores, triples)),
            }
    return made


def examine(model: SentenceTransformer, trade: str) -> dict:
    """Return what a model gives on every test, and on the trade's terms it has met."""
    met = {triple.term for triple in load_triples(trade, "train")}
    row = {}
    for domain in DOMAINS:
        triples = load_triples(domain)
        away = margins(triples, cosine_of(model))
        hits = found(scores_of(model), triples)
        row[domain] = {
            "failed": int((away <= 0).sum()),
            "found": int(hits.sum()),
            "margin": round(float(away.mean()), 4),
        }
        if domain == trade:
            known = np.array([triple.term in met for triple in triples])
            row[domain] |= {
                f"{what}_{name}": round(float(values[known == whether].mean()), 4)
                for what, values in (("margin", away), ("found", hits))
                for name, whether in (("met", True), ("new", False))
            }
    return row


def tuned(
    model: SentenceTransformer, trade: str, size: int | None, seed: int, how: dict
) -> SentenceTransformer:
    """Return a copy of a model, tuned on so many of a trade's triples."""
    triples = load_triples(trade, "train")
    order = np.random.default_rng(seed).permutation(len(triples))[:size]
    pupil = copy.deepcopy(model)
    tune(pupil, [triples[place] for place in order], seed=seed, **how)
    return pupil


def main(_: Sequence[str] = ()) -> None:
    """Measure the drop, the learning curves, and the price elsewhere; store them."""
    folder = evaluation_sets()
    sums = table.checked_sums(folder, STSB)
    for model in (weights.MODEL, weights.LARGER):
        weights.install(model=model)
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    minilm = SentenceTransformer(weights.MODEL)
    sts = list(zip(*table.read_stsb(folder, "en"), strict=True))
    before = spearman(minilm, sts)
    if abs(before - table.PUBLISHED_STSB) > TOLERANCE:
        raise ValueError(f"STS-B gives {before:.2f}, not {table.PUBLISHED_STSB}")
    drop = the_drop(
        {
            weights.MODEL: (cosine_of(minilm), scores_of(minilm)),
            weights.LARGER: _larger(),
            "word vectors, averaged": (
                static_cosine_of(minilm),
                static_scores_of(minilm),
            ),
            "BM25": (keyword_similarity, lambda a, b: keyword_scores(b, a)),
        }
    )
    curve = [
        {"trade": trade, "triples": 0, "seed": None, **examine(minilm, trade)}
        for trade in TRADES
    ]
    elsewhere = {"before": round(before, 2), "careful": [], "careless": []}
    for trade in TRADES:
        total = len(load_triples(trade, "train"))
        for size in SIZES:
            for seed in SEEDS:
                print(f"Tuning: {trade}, {size or total}, seed {seed}", flush=True)
                pupil = tuned(minilm, trade, size, seed, CAREFUL)
                counts = {"trade": trade, "triples": size or total, "seed": seed}
                curve.append(counts | examine(pupil, trade))
                if size is None:
                    score = round(spearman(pupil, sts), 2)
                    elsewhere["careful"].append(counts | {"stsb": score})
    for seed in CARELESS_SEEDS:
        print(f"Careless: seed {seed}", flush=True)
        pupil = tuned(minilm, "law", CARELESS_SIZE, seed, CARELESS)
        elsewhere["careless"].append(
            {"trade": "law", "triples": CARELESS_SIZE, "seed": seed}
            | examine(pupil, "law")
            | {"stsb": round(spearman(pupil, sts), 2)}
        )
    store(
        "domain",
        {
            "careful": CAREFUL,
            "careless": CARELESS,
            "tests": {domain: len(load_triples(domain)) for domain in DOMAINS},
            "drop": drop,
            "curve": curve,
            "elsewhere": elsewhere,
            "stsb_sha256": sums,
        },
        versions=["scipy", "bm25s"],
        data=[DATA / "domain_pairs.jsonl"],
        seeds=SEEDS,
    )


def _larger() -> tuple[Similarity, Scores]:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(weights.LARGER)
    return cosine_of(model), scores_of(model)


if __name__ == "__main__":
    main()
