"""Measure long texts and hopeless queries with the larger model, and store it.

Run `python -m book.measure mpnet_failures`. The chapter on failures does the same live
with the smaller model; the larger one would take it minutes. It takes some ten minutes
on one core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from book.measure.record import store
from widgets import weights
from widgets.corpus import DATA, load_corpus
from widgets.limits import (
    best_of_pieces,
    load_hopeless,
    load_long_texts,
    missed,
    pieces,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LIMITS = (256, 512)
DECIMALS = 4


def misses(model: SentenceTransformer) -> dict[str, str]:
    """Return for each way of cutting a 1 for each question that misses its text."""
    texts = load_long_texts()
    questions = [question for text in texts for question in text.questions]
    home = [i for i, text in enumerate(texts) for _ in text.questions]
    asked = model.encode(questions, normalize_embeddings=True)
    made = {}
    for way in pieces():
        print(f"Long texts: {way}", flush=True)
        cut = [pieces()[way](text) for text in texts]
        flat = [piece for own in cut for piece in own]
        owners = [i for i, own in enumerate(cut) for _ in own]
        rows = model.encode(flat, normalize_embeddings=True)
        failed = missed(best_of_pieces(asked @ rows.T, owners), home)
        made[way] = "".join(str(int(value)) for value in failed)
        if way == "paragraphs":
            mean = rows.reshape(len(texts), -1, rows.shape[1]).mean(axis=1)
            mean /= np.linalg.norm(mean, axis=1, keepdims=True)
            failed = missed(asked @ mean.T, home)
            made["mean of paragraphs"] = "".join(str(int(value)) for value in failed)
    return made


def drowning(model: SentenceTransformer) -> dict[str, list[float]]:
    """Return a question's mean cosine with its paragraph, by how many stand behind it.

    The model reads 256 word pieces, as it is set, and then all 512 that it could.
    """
    texts = load_long_texts()
    questions = [question for text in texts for question in text.questions]
    asked = model.encode(questions, normalize_embeddings=True)
    limit, made = model.max_seq_length, {}
    for longest in LIMITS:
        model.max_seq_length, made[str(longest)] = longest, []
        for behind in range(6):
            print(f"Drowning: limit {longest}, {behind} behind", flush=True)
            turned = [
                "\n\n".join((text.paragraphs * 2)[first : first + behind + 1])
                for text in texts
                for first in range(len(text.paragraphs))
            ]
            rows = model.encode(turned, normalize_embeddings=True)
            cosine = float((asked * rows).sum(axis=1).mean())
            made[str(longest)].append(round(cosine, DECIMALS))
    model.max_seq_length = limit
    return made


def best_scores(model: SentenceTransformer) -> list[float]:
    """Return each query's best cosine in the corpus, with an answer or without one."""
    print("Hopeless queries", flush=True)
    asked = model.encode(list(load_hopeless()), normalize_embeddings=True)
    texts = [sentence.text for sentence in load_corpus()]
    rows = model.encode(texts, normalize_embeddings=True)
    best = (asked @ rows.T).max(axis=1)
    return [round(float(value), DECIMALS) for value in best]


def main(_: Sequence[str] = ()) -> None:
    """Measure both with the larger model, the drowning with the smaller, and store."""
    for name in (weights.MODEL, weights.LARGER):
        weights.install(model=name)
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    larger = SentenceTransformer(weights.LARGER)
    store(
        "mpnet_failures",
        {
            "missed": misses(larger),
            "best_scores": best_scores(larger),
            "drowning": drowning(SentenceTransformer(weights.MODEL)),
        },
        data=[
            DATA / name
            for name in (
                "long_texts.jsonl",
                "corpus.jsonl",
                "queries.jsonl",
                "hopeless.jsonl",
            )
        ],
    )


if __name__ == "__main__":
    main()
