"""Clusters: how well they fit known groups, what they are called, what a map keeps.

A clustering is one label per text, a whole number; -1 says that a text was left out,
as scikit-learn's HDBSCAN says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import CountVectorizer

LEFT_OUT = -1


def agreement(truth: Sequence, labels: Sequence[int]) -> dict[str, float]:
    """Return how well labels fit known groups: v_measure, nmi, ari, ami, left_out.

    Texts that were left out count as one group, so that leaving out doesn't pay.
    Sources: Rosenberg & Hirschberg 2007 (v_measure), Hubert & Arabie 1985 (ari), Vinh,
    Epps & Bailey 2010 (nmi, ami); library scikit-learn.
    """
    from sklearn import metrics

    truth, labels = np.asarray(truth), np.asarray(labels)
    return {
        "v_measure": float(metrics.v_measure_score(truth, labels)),
        "nmi": float(metrics.normalized_mutual_info_score(truth, labels)),
        "ari": float(metrics.adjusted_rand_score(truth, labels)),
        "ami": float(metrics.adjusted_mutual_info_score(truth, labels)),
        "left_out": float((labels == LEFT_OUT).mean()),
    }


def as_labels(communities: Iterable[Sequence[int]], count: int) -> np.ndarray:
    """Return one label per text from lists of places, -1 where a text is in none.

    `util.community_detection` gives such lists. Each is a cluster, in its order.
    """
    labels = np.full(count, LEFT_OUT)
    for number, places in enumerate(communities):
        labels[list(places)] = number
    return labels


def central(vectors: np.ndarray, labels: Sequence[int]) -> dict[int, int]:
    """Return each cluster's most central text: its place, the earlier one in a tie.

    It is the one whose unit vector, shape (d,), points most nearly to the mean's.
    """
    labels = np.asarray(labels)
    found = {}
    for cluster in _clusters(labels):
        own = np.flatnonzero(labels == cluster)
        middle = vectors[own].mean(axis=0, dtype=float)
        # Rounding lets equal texts tie on every machine
        found[cluster] = int(own[np.argmax((vectors[own] @ middle).round(6))])
    return found


def class_words(
    texts: Sequence[str],
    labels: Sequence[int],
    count: int = 5,
    vectorizer: CountVectorizer | None = None,
) -> dict[int, list[str]]:
    """Return each cluster's own words, the best first, by class-based TF-IDF.

    All texts of a cluster are read as one; a word weighs its count there times
    log(1 + A / its count everywhere), A being the mean number of words a cluster.
    Equal weights go by the alphabet. Source: Grootendorst 2022, BERTopic; words are
    found by scikit-learn's CountVectorizer (by default without common English words).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    labels = np.asarray(labels)
    if vectorizer is None:
        vectorizer = CountVectorizer(stop_words="english", token_pattern=r"[a-z]{3,}")
    try:
        counts = vectorizer.fit_transform(texts)
    except ValueError as error:
        if "empty vocabulary" not in str(error):
            raise
        return {cluster: [] for cluster in _clusters(labels)}
    words = vectorizer.get_feature_names_out()
    clusters = _clusters(labels)
    if not clusters:
        return {}
    summed = np.stack(
        [np.asarray(counts[labels == c].sum(axis=0)).ravel() for c in clusters]
    )
    everywhere = np.maximum(summed.sum(axis=0), 1)
    weights = summed * np.log(1 + summed.sum() / len(clusters) / everywhere)
    named = {}
    for cluster, row in zip(clusters, weights.round(9), strict=True):
        best = np.argsort(-row, kind="stable")[:count]
        named[cluster] = [str(words[place]) for place in best if row[place] > 0]
    return named


def continuity(vectors: np.ndarray, xy: np.ndarray, n_neighbors: int = 15) -> float:
    """Return how well true neighbours stay together on a map: 1 is best.

    It is trustworthiness with the two spaces exchanged. `vectors` have length 1, so
    that Euclidean neighbours are cosine neighbours. Source: Venna & Kaski 2001;
    library scikit-learn.
    """
    from sklearn.manifold import trustworthiness

    return float(trustworthiness(xy, vectors, n_neighbors=n_neighbors))


def _clusters(labels: np.ndarray) -> list[int]:
    return [int(label) for label in np.unique(labels) if label != LEFT_OUT]
