"""Train a sentence encoder by contrast, in a loop short enough to read."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np
import torch
from torch.nn import functional

from widgets.data_files import read_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Row = TypeVar("Row")

SCALE = 20.0
"""What cosines are multiplied by before the softmax. Source: sentence-transformers."""

EPOCHS, BATCH_SIZE, LR = 5, 32, 1e-3
"""How the chapter on the mechanism trains a fresh encoder: in half a minute."""


class Pair(NamedTuple):
    """Two sentences, and how alike they are: 0 to 5, or None for a training pair."""

    first: str
    second: str
    grade: float | None = None


def load_pairs(part: str) -> tuple[Pair, ...]:
    """Return the pairs written for this book: part "train", or "heldout" with grades.

    Raises ValueError for any other part.
    """
    if part not in ("train", "heldout"):
        raise ValueError(f'there is no part {part!r}: take "train" or "heldout"')
    form = {"part": str, "first": str, "second": str, "grade?": float}
    rows = read_rows("training_pairs.jsonl", form)
    rows = [row for row in rows if row["part"] == part]
    return tuple(Pair(row["first"], row["second"], row.get("grade")) for row in rows)


def fresh_encoder(
    model: SentenceTransformer, seed: int = 0, layers: int = 2, pooling: str = "mean"
) -> SentenceTransformer:
    """Return a copy of a BERT-like model that keeps nothing but its word vectors.

    The first `layers` layers, the position embeddings and every norm start afresh by
    seed, as BERT starts them; the other layers are dropped. The word vectors stay
    as they are in training too. `pooling` is "mean", "max" or "cls".
    """
    from sentence_transformers.models import Pooling

    fresh = copy.deepcopy(model)
    bert = fresh[0].auto_model
    bert.encoder.layer = bert.encoder.layer[:layers]
    bert.config.num_hidden_layers = layers
    words = bert.embeddings.word_embeddings
    spread = bert.config.initializer_range
    generator = torch.Generator().manual_seed(seed)
    for module in bert.modules():
        if isinstance(module, torch.nn.LayerNorm):
            module.reset_parameters()
        elif isinstance(module, torch.nn.Linear | torch.nn.Embedding):
            if module is not words:
                torch.nn.init.normal_(module.weight, std=spread, generator=generator)
            if getattr(module, "bias", None) is not None:
                torch.nn.init.zeros_(module.bias)
    words.weight.requires_grad_(False)
    fresh[1] = Pooling(bert.config.hidden_size, pooling)
    return fresh.eval()


def static_vectors(model: SentenceTransformer, texts: Sequence[str]) -> np.ndarray:
    """Return the mean of each text's word vectors, (n, d), before any layer."""
    words = model[0].auto_model.get_input_embeddings().weight.detach().cpu()
    ids = model.tokenizer(list(texts), add_special_tokens=False)["input_ids"]
    return np.stack([words[row].mean(dim=0).numpy() for row in ids])


def embed(model: SentenceTransformer, texts: Sequence[str]) -> torch.Tensor:
    """Return the texts' vectors, (n, d) and of length 1, with their gradients."""
    features = model.tokenizer(
        list(texts),
        padding=True,
        truncation=True,
        max_length=model.max_seq_length,
        return_tensors="pt",
    ).to(model.device)
    return functional.normalize(model(dict(features))["sentence_embedding"])


def in_batch_loss(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
    """Return how badly each row of `first` finds its own partner among all of `second`.

    Both are (n, d) with rows of length 1. Source: Henderson et al. 2017.
    """
    scores = SCALE * first @ second.T
    return functional.cross_entropy(scores, torch.arange(len(scores)).to(scores.device))


def train_contrastive(
    model: SentenceTransformer,
    pairs: Sequence[tuple[str, str]],
    epochs: int = 1,
    batch_size: int = 32,
    lr: float = 2e-5,
    seed: int = 0,
    on_step: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Train a model in place on pairs of like meaning, and return each step's loss.

    In every batch the other pairs' second sentences are the negatives. The learning
    rate rises for a tenth of the steps and then falls to 0. One seed on one machine
    gives one result. `on_step` is told the step, the number of steps and the loss.
    """
    batches = len(pairs) // batch_size
    if not batches:
        raise ValueError(f"{len(pairs)} pairs don't fill one batch of {batch_size}")

    def loss_of(batch: Sequence[tuple[str, str]]) -> torch.Tensor:
        first = embed(model, [pair[0] for pair in batch])
        return in_batch_loss(first, embed(model, [pair[1] for pair in batch]))

    return descend(
        model, pairs, loss_of, batches, epochs, batch_size, lr, seed, on_step
    )


def descend(
    model: SentenceTransformer,
    rows: Sequence[Row],
    loss_of: Callable[[Sequence[Row]], torch.Tensor],
    batches: int,
    epochs: int,
    batch_size: int,
    lr: float,
    seed: int,
    on_step: Callable[[int, int, float], None] | None = None,
) -> list[float]:
    """Train a model in place, and return each step's loss.

    An epoch shuffles the rows and takes so many batches of them; the last one may be
    short. The learning rate rises for a tenth of the steps and then falls to 0.
    """
    total = epochs * batches
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer,
        lambda step: min((step + 1) / (0.1 * total), (total - step) / (0.9 * total), 1),
    )
    losses: list[float] = []
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model.train()
        for _ in range(epochs):
            order = torch.randperm(len(rows)).tolist()
            for start in range(0, batches * batch_size, batch_size):
                loss = loss_of([rows[i] for i in order[start : start + batch_size]])
                optimizer.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(weights, 1.0)
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
                if on_step:
                    on_step(len(losses), total, losses[-1])
        model.eval()
    return losses


def spearman(
    model: SentenceTransformer, pairs_with_scores: Sequence[tuple[str, str, float]]
) -> float:
    """Return the rank correlation of cosines and grades, times 100 as papers print it.

    It is 100 where the model orders the pairs as the grades do, and 0 by chance.
    """
    from scipy.stats import spearmanr

    first, second, grades = zip(*pairs_with_scores, strict=True)
    a, b = (
        model.encode(list(side), normalize_embeddings=True, show_progress_bar=False)
        for side in (first, second)
    )
    return 100 * float(spearmanr((a * b).sum(axis=1), grades).statistic)
