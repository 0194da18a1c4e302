"""Hits: found by meaning, by keyword, or by both, and how good they are.

Every system here answers with a score matrix of shape (queries, sentences). A higher
score is a better hit, and a score of 0 from a keyword index means "not found".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from widgets.corpus import Query, Sentence

if TYPE_CHECKING:
    import bm25s
    import pandas as pd

RRF_K = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke & Büttcher 2009)."""


def keyword_scores(
    texts: Sequence[str], queries: Sequence[str], *, stem: bool = True
) -> np.ndarray:
    """Return BM25 scores, shape (queries, texts), as bm25s computes them.

    Words are lower-cased, common English words are left out, and endings are cut off
    by the Snowball stemmer, unless `stem` is false.
    """
    import bm25s
    import snowballstemmer

    settings = {
        "stopwords": "en_plus",
        "token_pattern": r"(?u)\b\w+\b",
        "stemmer": snowballstemmer.stemmer("english").stemWords if stem else None,
        "show_progress": False,
    }
    scores = np.zeros((len(queries), len(texts)), dtype=np.float32)
    if len(texts) == 0 or len(queries) == 0:
        return scores
    words = bm25s.tokenize(list(texts), **settings)
    if not any(words.ids):
        return scores  # nothing in them can be found
    index = bm25s.BM25()
    index.index(words, show_progress=False)
    asked = bm25s.tokenize(list(queries), return_ids=False, **settings)
    for row, query in enumerate(asked):
        scores[row] = _bm25_scores(index, query)
    return scores


def _bm25_scores(index: bm25s.BM25, words: list[str]) -> np.ndarray:
    known = [word for word in words if word in index.vocab_dict]
    if not known:
        return np.zeros(index.scores["num_docs"], dtype=np.float32)
    return index.get_scores(known)


def ranks(scores: np.ndarray) -> np.ndarray:
    """Return each sentence's rank (1 is best) per query; ties go to the earlier one.

    A sentence with a score of 0 or less shares the last rank: it wasn't found.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(1, scores.shape[1] + 1)[None], axis=1)
    return np.where(scores > 0, places, scores.shape[1])


def fused_scores(*systems: np.ndarray) -> np.ndarray:
    """Return reciprocal rank fusion's scores of several systems' score matrices.

    Each system gives a sentence 1 / (60 + its rank). Source: Cormack, Clarke &
    Büttcher, SIGIR 2009.
    """
    return sum(1 / (RRF_K + ranks(scores)) for scores in systems)


def grades(queries: Sequence[Query], corpus: Sequence[Sentence]) -> np.ndarray:
    """Return the judged grades (0, 1, 2), shape (queries, sentences).

    Raises ValueError for a query that names a sentence which isn't in the corpus.
    """
    place = {sentence.id: column for column, sentence in enumerate(corpus)}
    matrix = np.zeros((len(queries), len(corpus)), dtype=int)
    for row, query in enumerate(queries):
        for sentence_id, grade in query.relevant.items():
            if sentence_id not in place:
                raise ValueError(
                    f"the query {query.id!r} names {sentence_id!r}, and the corpus has "
                    "no such sentence: correct the id, or leave it out"
                )
            matrix[row, place[sentence_id]] = grade
    return matrix


def measure(scores: np.ndarray, judged: np.ndarray, k: int = 10) -> pd.DataFrame:
    """Return one row a query: its nDCG@k, recall@k and reciprocal rank.

    `judged` holds grades of the same shape as `scores`. A query for which nothing
    was judged to fit can't be scored: leave it out first (ValueError). nDCG is
    scikit-learn's, with the grade itself as the gain.
    """
    import pandas as pd
    from sklearn.metrics import ndcg_score

    if not judged.any(axis=1).all():
        raise ValueError("measure() needs at least one fitting sentence per query")
    fits = judged > 0
    place = ranks(scores)
    found = fits & (scores > 0)
    first = np.where(found, place, np.inf).min(axis=1)
    return pd.DataFrame(
        {
            f"nDCG@{k}": [
                ndcg_score(judged[[row]], scores[[row]], k=k)
                for row in range(len(scores))
            ],
            f"recall@{k}": (found & (place <= k)).sum(axis=1) / fits.sum(axis=1),
            "MRR": 1 / first,
        }
    )
