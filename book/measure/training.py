"""Measure training by contrast, pooling, word order, and the cost of pairs.

Run `python -m book.measure training` with EVALUATION_SETS naming the folder of the
public evaluation sets (`stsb/` and SHA256SUMS): a quarter of an hour on one core.
Losses and seconds differ from machine to machine, so the chapter shows these.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from book.measure.models import checked_sums, read_stsb
from book.measure.record import evaluation_sets, median_seconds, store
from widgets import weights
from widgets.corpus import DATA, load_corpus
from widgets.training import (
    BATCH_SIZE,
    EPOCHS,
    LR,
    Pair,
    fresh_encoder,
    load_pairs,
    spearman,
    static_vectors,
    train_contrastive,
)
from widgets.word_order import order_examples, probe, without_positions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SEEDS = range(5)
POOLINGS = ("mean", "max", "cls")
SIZES = (44, 88, 176)
PATIENT = {"epochs": 20, "batch_size": BATCH_SIZE, "lr": 3e-4}
"""A slower training: four times as long, by smaller steps."""
SENTENCES = (10, 20, 40, 60)
MANY = 10_000


def train_all(model: SentenceTransformer, stsb: Sequence[Pair]) -> dict:
    """Train every pooling by every seed, as the chapter trains its own encoder."""
    pairs = [pair[:2] for pair in load_pairs("train")]
    heldout = load_pairs("heldout")
    runs: dict[str, dict[str, list]] = {}
    grades: dict[str, list] = {"before": [], "after": []}
    public: dict[str, float] = {}
    for pooling in POOLINGS:
        runs[pooling] = {"alike": [], "before": [], "after": [], "losses": []}
        for seed in SEEDS:
            encoder = fresh_encoder(model, seed, pooling=pooling)
            runs[pooling]["alike"].append(_alike(encoder, heldout))
            for moment in ("before", "after"):
                if moment == "after":
                    losses = train_contrastive(
                        encoder, pairs, EPOCHS, BATCH_SIZE, LR, seed
                    )
                    runs[pooling]["losses"].append([round(x, 3) for x in losses])
                runs[pooling][moment].append(_score(encoder, heldout))
                if pooling == "mean":
                    grades[moment].append(_by_grade(encoder, heldout))
                    if seed == 0:
                        public[moment] = _score(encoder, stsb)
            print(f"{pooling}, seed {seed}: {runs[pooling]['after'][-1]}", flush=True)
    return {
        "training": runs,
        "cosine_by_grade": {
            moment: np.mean(rows, axis=0).round(3).tolist()
            for moment, rows in grades.items()
        },
        "pairs": {"train": len(pairs), "heldout": len(heldout)},
        "stsb_fresh": public,
        "heldout": {
            "averaged word vectors": _score(StaticEncoder(model), heldout),
            "all-MiniLM-L6-v2": _score(model, heldout),
        },
    }


def train_some(model: SentenceTransformer) -> dict[int, list[float]]:
    """Train on fewer pairs, in as many steps as with all of them."""
    pairs = [pair[:2] for pair in load_pairs("train")]
    steps = EPOCHS * (len(pairs) // BATCH_SIZE)
    sizes: dict[int, list[float]] = {}
    for size in SIZES:
        epochs = math.ceil(steps / (size // BATCH_SIZE))
        sizes[size] = []
        for seed in SEEDS[:3]:
            encoder = fresh_encoder(model, seed)
            chosen = np.random.default_rng(seed).permutation(len(pairs))[:size]
            some = [pairs[i] for i in chosen]
            train_contrastive(encoder, some, epochs, BATCH_SIZE, LR, seed)
            sizes[size].append(_score(encoder, load_pairs("heldout")))
        print(f"{size} pairs: {sizes[size]}", flush=True)
    return sizes


def train_patiently(model: SentenceTransformer) -> dict[str, list[float]]:
    """Train every pooling for longer and by smaller steps."""
    pairs = [pair[:2] for pair in load_pairs("train")]
    after: dict[str, list[float]] = {}
    for pooling in POOLINGS:
        after[pooling] = []
        for seed in SEEDS[:3]:
            encoder = fresh_encoder(model, seed, pooling=pooling)
            train_contrastive(encoder, pairs, seed=seed, **PATIENT)
            after[pooling].append(_score(encoder, load_pairs("heldout")))
        print(f"{pooling}, patiently: {after[pooling]}", flush=True)
    return after


class StaticEncoder:
    """Encode a text as the mean of its word vectors, by no layer at all."""

    def __init__(self, model: SentenceTransformer) -> None:
        self.model = model

    def encode(self, texts: list[str], **_: object) -> np.ndarray:
        """Return the texts' vectors, (n, d) and of length 1."""
        vectors = static_vectors(self.model, texts)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def _score(encoder: SentenceTransformer | StaticEncoder, pairs: Sequence) -> float:
    return round(spearman(encoder, pairs), 2)


def _alike(encoder: SentenceTransformer, pairs: Sequence[Pair]) -> float:
    """Return the mean cosine between sentences of different pairs."""
    vectors = encoder.encode([pair.first for pair in pairs], normalize_embeddings=True)
    cosines = vectors @ vectors.T
    return round(float(cosines[np.triu_indices(len(pairs), 1)].mean()), 4)


def _by_grade(encoder: SentenceTransformer, pairs: Sequence[Pair]) -> list[float]:
    first = encoder.encode([pair.first for pair in pairs], normalize_embeddings=True)
    second = encoder.encode([pair.second for pair in pairs], normalize_embeddings=True)
    cosines = (first * second).sum(axis=1)
    given = np.array([pair.grade for pair in pairs])
    return [float(cosines[given == grade].mean()) for grade in range(6)]


def pool_minilm(model: SentenceTransformer, stsb: Sequence[Pair]) -> dict[str, float]:
    """Score MiniLM on STS-B with the pooling it was trained for, and with others."""
    from sentence_transformers.models import Pooling

    own, scores = model[1], {}
    try:
        for pooling in POOLINGS:
            model[1] = Pooling(model[0].auto_model.config.hidden_size, pooling)
            scores[pooling] = _score(model, stsb)
    finally:
        model[1] = own
    return scores


def probe_order(model: SentenceTransformer) -> dict[str, dict[str, list[float]]]:
    """Probe for the order of two words, with positions and without, by every seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in SEEDS:
        texts, labels = order_examples(600, seed)
        encoders = {
            "all-MiniLM-L6-v2": model,
            "two fresh layers": fresh_encoder(model, seed),
        }
        for name, encoder in encoders.items():
            kinds = {
                "with positions": encoder,
                "without positions": without_positions(encoder),
            }
            for kind, used in kinds.items():
                share = probe(used.encode(texts), labels)
                row = found.setdefault(name, {}).setdefault(kind, [])
                row.append(round(share, 3))
    return found


def read_pairs(model: SentenceTransformer, pairs: Sequence[tuple[str, str]]) -> None:
    """Let the network read sentences two by two, as a cross-encoder does."""
    for start in range(0, len(pairs), 32):
        batch = list(map(list, pairs[start : start + 32]))
        features = model.tokenizer(batch, padding=True, return_tensors="pt")
        with torch.inference_mode():
            model[0].auto_model(**features)


def pair_cost(model: SentenceTransformer) -> dict:
    """Time n(n-1)/2 readings against n encodings, and all cosines of 10,000."""
    texts = [sentence.text for sentence in load_corpus()][::8]
    model.encode(texts[:32])
    rows = []
    for n in SENTENCES:
        some = texts[:n]
        pairs = [(a, b) for i, a in enumerate(some) for b in some[i + 1 :]]
        rows.append(
            {
                "sentences": n,
                "pairs": len(pairs),
                "seconds, pairs": median_seconds(
                    lambda p=pairs: read_pairs(model, p), 3
                ),
                "seconds, encoded": median_seconds(lambda s=some: model.encode(s), 9),
            }
        )
        print(rows[-1], flush=True)
    one_pair = rows[-1]["seconds, pairs"] / rows[-1]["pairs"]
    one_sentence = median_seconds(lambda: model.encode(texts), 5) / len(texts)
    vectors = np.random.default_rng(0).standard_normal((MANY, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)

    def compare() -> None:
        for start in range(0, MANY, 500):
            (vectors[start : start + 500] @ vectors.T).max(axis=1)

    all_pairs = MANY * (MANY - 1) // 2
    return {
        "measured": rows,
        "threads": torch.get_num_threads(),
        "extrapolated": {
            "sentences": MANY,
            "pairs": all_pairs,
            "hours, pairs": float(f"{one_pair * all_pairs / 3600:.2g}"),
            "seconds, encoded": float(f"{one_sentence * MANY:.2g}"),
            "seconds, all cosines": float(f"{median_seconds(compare, 3):.2g}"),
        },
    }


def main(_: Sequence[str] = ()) -> None:
    """Measure everything the mechanism chapter shows, and store it.

    Raises SystemExit where EVALUATION_SETS doesn't name the public sets' folder.
    """
    folder = evaluation_sets()
    name = "stsb/stsb-en-test.csv"
    sums = checked_sums(folder, [name])
    weights.verify()
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(weights.MODEL)
    stsb = [Pair(*row) for row in zip(*read_stsb(folder, "en"), strict=True)]
    figures = {
        "pair_cost": pair_cost(model),
        "minilm_pooling_stsb": pool_minilm(model, stsb),
        "order_probe": probe_order(model),
        **train_all(model, stsb),
        "sizes": train_some(model),
        "patient": PATIENT | {"after": train_patiently(model)},
        "settings": {"layers": 2, "epochs": EPOCHS, "batch_size": BATCH_SIZE, "lr": LR},
        "evaluation_sets_sha256": sums,
    }
    store(
        "training",
        figures,
        versions=["transformers", "scikit-learn"],
        data=[DATA / "training_pairs.jsonl", DATA / "corpus.jsonl"],
        seeds=SEEDS,
    )


if __name__ == "__main__":
    main()
