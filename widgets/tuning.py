"""Tune a sentence encoder on a trade's labelled triples, and measure what it knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from widgets.data_files import read_rows
from widgets.training import descend, embed, in_batch_loss

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer


class Triple(NamedTuple):
    """A plain sentence, the same in a trade's words, and a near miss in such words.

    `term` is the trade's word that a reader has to know. `widgets.probes` measures
    triples as it measures its own probes.
    """

    anchor: str
    same: str
    changed: str
    term: str


def load_triples(domain: str, part: str = "test") -> tuple[Triple, ...]:
    """Return the triples of "medicine", "law" or "everyday", part "train" or "test".

    Raises ValueError where there are none: everyday language has a test alone.
    """
    texts = ("domain", "part", "anchor", "same", "changed", "term")
    rows = read_rows("domain_pairs.jsonl", dict.fromkeys(texts, str))
    found = tuple(
        Triple(row["anchor"], row["same"], row["changed"], row["term"])
        for row in rows
        if (row["domain"], row["part"]) == (domain, part)
    )
    if not found:
        raise ValueError(f"there are no triples of {domain!r}, part {part!r}")
    return found


def found_first(similarities: np.ndarray) -> np.ndarray:
    """Return for each row whether its own column is the best, as booleans.

    `similarities` is (n anchors, m candidates), and the first n candidates are the
    anchors' own, in order. A tie counts as not found.
    """
    own = similarities.diagonal().copy()
    others = similarities.copy()
    np.fill_diagonal(others, -np.inf)
    return own > others.max(axis=1)


def tune(
    model: SentenceTransformer,
    triples: Sequence[Triple],
    epochs: int = 3,
    batch_size: int = 16,
    lr: float = 2e-5,
    seed: int = 0,
    on_step: Callable[[int, int, float], None] | None = None,
    *,
    opposites: bool = True,
) -> list[float]:
    """Tune a model in place on triples, and return each step's loss.

    An anchor must find its own meaning among all meanings *and near misses* of its
    batch. Without `opposites` it is only drawn towards its own meaning, and nothing is
    pushed away: that ruins a model, as the chapter on failures shows. The learning rate
    rises for a tenth of the steps, then falls to 0. `on_step` is told the step, the
    number of steps and the loss.
    """

    def loss_of(batch: Sequence[Triple]) -> torch.Tensor:
        anchors = embed(model, [triple.anchor for triple in batch])
        answers = [triple.same for triple in batch]
        if opposites:
            answers += [triple.changed for triple in batch]
            return in_batch_loss(anchors, embed(model, answers))
        cosines = (anchors * embed(model, answers)).sum(dim=1)
        return ((1 - cosines) ** 2).mean()

    batches = -(-len(triples) // batch_size)
    return descend(
        model, triples, loss_of, batches, epochs, batch_size, lr, seed, on_step
    )
