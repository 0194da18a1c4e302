"""Measure what each remedy against a failing probe costs elsewhere, and store it.

Run `python -m book.measure remedies`. The folder in EVALUATION_SETS holds STS-B. It
takes about two minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from book.measure.models import checked_sums, read_stsb
from book.measure.probes import classifier_of, halves, measured, out_of_half
from book.measure.record import evaluation_sets, store
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries
from widgets.probes import (
    RULES,
    Similarity,
    cosine_of,
    penalties_of_best,
    token_matches_of,
    with_penalty,
)
from widgets.search import fused_scores, grades, keyword_scores, measure

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

WEIGHTS = (0.1, 0.3, 0.5)
EASY = 2
DEPTH = 50


class Elsewhere:
    """The places where a remedy must not do harm: a search, and graded pairs.

    A search is done by the model's cosine, and its 50 best hits are put in order anew.
    """

    def __init__(self, model: SentenceTransformer, folder: Path) -> None:
        corpus = load_corpus()
        queries = [query for query in load_queries() if query.relevant]
        self.kinds = np.array([query.kind for query in queries])
        self.judged = grades(queries, corpus)
        self.texts = [sentence.text for sentence in corpus]
        self.queries = [query.text for query in queries]
        self.scores = (
            model.encode(self.queries, normalize_embeddings=True)
            @ model.encode(self.texts, normalize_embeddings=True).T
        )
        self.stsb = read_stsb(folder, "en")

    def searched(self, scores: np.ndarray) -> dict[str, float]:
        """Return nDCG@10 over all queries, and over each kind of them."""
        found = measure(scores, self.judged)["nDCG@10"].to_numpy()
        by_kind = {
            str(kind): found[self.kinds == kind].mean()
            for kind in dict.fromkeys(self.kinds)
        }
        return {
            kind: round(float(value), 6)
            for kind, value in {"all": found.mean(), **by_kind}.items()
        }

    def reordered(self, similarity: Similarity) -> np.ndarray:
        """Return scores whose 50 best are put in order by another similarity."""
        scores = self.scores - 10  # below all that the similarity may give the best
        best = np.argsort(-self.scores, axis=1, kind="stable")[:, :DEPTH]
        first = np.repeat(self.queries, DEPTH).tolist()
        second = [self.texts[column] for column in best.ravel()]
        given = similarity(first, second).reshape(best.shape)
        rank = np.argsort(np.argsort(given, axis=1, kind="stable"), axis=1)
        np.put_along_axis(scores, best, rank.astype(scores.dtype), axis=1)
        return scores

    def costs(self, similarity: Similarity) -> dict:
        """Return what a similarity does in both places."""
        return {
            "nDCG@10": self.searched(self.reordered(similarity)),
            "STS-B": self.graded(similarity),
        }

    def graded(self, similarity: Similarity) -> float:
        """Return the rank correlation with people's grades, times 100."""
        from scipy.stats import spearmanr

        first, second, given = self.stsb
        found = spearmanr(similarity(first, second), given).statistic
        return round(100 * float(found), 4)


def main(_: Sequence[str] = ()) -> None:
    """Measure rules, late interaction and a classifier, and store what they cost."""
    weights.verify()
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    folder = evaluation_sets()
    sums = checked_sums(folder)
    model = SentenceTransformer(weights.MODEL)
    cosine = cosine_of(model)
    tokens = token_matches_of(model)
    there = Elsewhere(model, folder)
    rules = {}
    for kind, rule in RULES.items():
        taken = penalties_of_best(rule, there.scores, there.queries, there.texts, DEPTH)
        rules[kind] = {
            str(weight): {
                "nDCG@10": there.searched(there.scores - weight * taken),
                "STS-B": there.graded(with_penalty(cosine, rule, weight)),
            }
            for weight in WEIGHTS
        }
    learned: dict[int, dict] = {}
    for easy in (0, EASY):
        found = out_of_half(lambda half, _, n=easy: classifier_of(model, half, n), [0])
        learned[easy] = {
            "rates": {kind: measured(of) for kind, of in found.items()},
            "elsewhere": [
                there.costs(classifier_of(model, half, easy)) for half in halves()
            ],
        }
    keyword = keyword_scores(there.texts, there.queries)
    store(
        "remedies",
        {
            "depth": DEPTH,
            "MiniLM": {
                "nDCG@10": there.searched(there.scores),
                "STS-B": there.graded(cosine),
            },
            "rules": rules,
            "tokens matched": there.costs(tokens),
            "classifier": learned[0],
            "classifier, easy pairs too": {"easy": EASY, **learned[EASY]},
            "BM25": {"nDCG@10": there.searched(keyword)},
            "fused": {"nDCG@10": there.searched(fused_scores(there.scores, keyword))},
            "stsb_sha256": sums["stsb/stsb-en-test.csv"],
        },
        versions=["transformers", "scikit-learn", "scipy", "bm25s"],
        data=[
            DATA / name for name in ("probes.jsonl", "corpus.jsonl", "queries.jsonl")
        ],
    )


if __name__ == "__main__":
    main()
