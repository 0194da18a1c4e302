"""Find out whether a sentence's vector knows which of two words came first."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PAIR = ("river", "window")
FILLING = [
    "bread",
    "garden",
    "doctor",
    "winter",
    "letter",
    "mountain",
    "kitchen",
    "paper",
    "horse",
    "music",
    "teacher",
    "silver",
    "market",
    "forest",
    "button",
    "engine",
    "summer",
    "picture",
    "island",
    "coffee",
]


def order_examples(count: int, seed: int) -> tuple[list[str], np.ndarray]:
    """Return shuffled lists of words, and whether the first of PAIR comes first.

    Each list holds both words of PAIR and six of FILLING, so that only their order
    tells the label: two lists of the same words can differ in nothing else.
    """
    chance = random.Random(seed)
    texts, labels = [], []
    for _ in range(count):
        words = [*PAIR, *chance.sample(FILLING, 6)]
        chance.shuffle(words)
        texts.append(" ".join(words))
        labels.append(words.index(PAIR[0]) < words.index(PAIR[1]))
    return texts, np.array(labels)


def probe(vectors: np.ndarray, labels: np.ndarray) -> float:
    """Return the share of labels that a linear probe reads off unseen vectors.

    It learns on the first two thirds and is tested on the last: 0.5 is a guess.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    cut = 2 * len(vectors) // 3
    # Rounded, so that noise far behind the comma can't be stretched into a signal
    vectors = np.round(vectors, 4)
    line = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    line.fit(vectors[:cut], labels[:cut])
    return float(line.score(vectors[cut:], labels[cut:]))


def without_positions(model: SentenceTransformer) -> SentenceTransformer:
    """Return a copy of a BERT-like model whose position embeddings are all zero."""
    blind = copy.deepcopy(model)
    blind[0].auto_model.embeddings.position_embeddings.weight.data.zero_()
    return blind
