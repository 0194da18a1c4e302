"""Measure what a million texts cost, and what a cache of vectors saves, and store it.

Run `python -m book.measure cost`. All seconds are those of one core at work, as the
operating system counts them, so that waiting for a busy machine doesn't count. It
takes about five minutes on a quiet one.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from book.measure.record import store
from widgets import weights
from widgets.corpus import DATA, load_corpus
from widgets.limits import load_long_texts
from widgets.search import keyword_scores
from widgets.training import static_vectors
from widgets.vector_cache import VectorCache, fingerprint

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

SIZES = (32, 64, 128, 256)
ROUNDS = 5
CHECKED = 1024
MILLION = 1_000_000
ROWS = 100_000
CACHED = 256
PASSAGES = 24

Step = Callable[[list[str]], object]


def core_seconds(step: Callable[[], object]) -> float:
    """Return the seconds for which this process kept a core busy in a step."""
    start = time.process_time()
    step()
    return time.process_time() - start


def texts_of(count: int, seed: int) -> list[str]:
    """Return so many corpus sentences in an order by chance, over and over."""
    texts = [sentence.text for sentence in load_corpus()]
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[order[place % len(texts)]] for place in range(count)]


def line(seconds: dict[int, float]) -> tuple[float, float]:
    """Return start and slope of the straight line through seconds by number of texts.

    Each point counts by its share: a small size is known as well, relatively, as a
    large one.
    """
    sizes = np.array(list(seconds), float)
    slope, start = np.polyfit(sizes, list(seconds.values()), 1, w=1 / sizes)
    return float(start), float(slope)


def extrapolated(steps: dict[str, Step]) -> dict:
    """Return each step's seconds by size, and what they say of a million texts.

    Every round has its own line. The interval is Student's, over the rounds. `checked`
    compares the mean line with a larger number of texts that no line has seen.
    """
    from scipy.stats import t

    measured: dict[str, list[dict[int, float]]] = {name: [] for name in steps}
    for step in steps.values():
        step(texts_of(32, 0))
    for turn in range(ROUNDS):
        for name, step in steps.items():
            print(f"Encoding: round {turn + 1} of {ROUNDS}, {name}", flush=True)
            row = {}
            for size in SIZES:
                texts = texts_of(size, turn)
                row[size] = core_seconds(lambda step=step, texts=texts: step(texts))
            measured[name].append(row)
    made = {}
    for name, step in steps.items():
        print(f"Encoding {CHECKED:,} texts: {name}", flush=True)
        lines = [line(row) for row in measured[name]]
        totals = [start + slope * MILLION for start, slope in lines]
        mean = statistics.mean(totals)
        half = t.ppf(0.975, ROUNDS - 1) * statistics.stdev(totals) / ROUNDS**0.5
        start, slope = (statistics.mean(values) for values in zip(*lines, strict=True))
        texts = texts_of(CHECKED, ROUNDS)
        found = core_seconds(lambda step=step, texts=texts: step(texts))
        made[name] = {
            "seconds": {
                str(size): round(statistics.mean(row[size] for row in rows), 3)
                for rows in [measured[name]]
                for size in SIZES
            },
            "million_hours": [
                float(f"{value / 3600:.3g}")
                for value in (mean, mean - half, mean + half)
            ],
            "checked": {
                "predicted": round(start + slope * CHECKED, 2),
                "measured": round(found, 2),
            },
        }
    return made


def of_passages(models: dict[str, SentenceTransformer]) -> dict:
    """Return how many times as long a passage takes as a sentence, by model."""
    passages = [part for text in load_long_texts() for part in text.paragraphs]
    passages = passages[:: len(passages) // PASSAGES]
    sentences = texts_of(len(passages), 0)
    times = {}
    for name, model in models.items():
        print(f"Passages against sentences: {name}", flush=True)
        ratios = [
            core_seconds(lambda m=model: m.encode(passages))
            / core_seconds(lambda m=model: m.encode(sentences))
            for _ in range(3)
        ]
        times[name] = round(statistics.median(ratios), 1)
    return times


def of_cache(models: dict[str, SentenceTransformer]) -> dict:
    """Return what it costs to fill a cache, and to ask it for the same texts again."""
    texts = texts_of(CACHED, 0)
    made = {}
    for name, model in models.items():
        print(f"Cache: {name}", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "vectors.sqlite"
            with VectorCache(path) as cache:
                filled = core_seconds(lambda c=cache, m=model: c.encode(m, texts))
            with VectorCache(path) as cache:
                asked = statistics.median(
                    core_seconds(lambda c=cache, m=model: c.encode(m, texts))
                    for _ in range(ROUNDS)
                )
            size = path.stat().st_size
        made[name] = {
            "fill": round(filled, 2),
            "ask again": round(asked, 3),
            "fingerprint": round(
                statistics.median(
                    core_seconds(lambda m=model: fingerprint(m)) for _ in range(ROUNDS)
                ),
                3,
            ),
            "bytes_a_vector": round(size / len(texts)),
        }
    return made


def of_search(width: int) -> float:
    """Return the seconds in which one query is compared with ROWS vectors."""
    rows = np.random.default_rng(0).standard_normal((ROWS, width), np.float32)
    query = rows[0].copy()
    rows @ query
    return float(
        f"{statistics.median(core_seconds(lambda: rows @ query) for _ in range(7)):.2g}"
    )


def main(_: Sequence[str] = ()) -> None:
    """Time encoding, the cache and a comparison on one core, and store them."""
    for name in (weights.MODEL, weights.LARGER):
        weights.install(model=name)
    weights.quiet()
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    models = {
        name: SentenceTransformer(name) for name in (weights.MODEL, weights.LARGER)
    }
    minilm = models[weights.MODEL]
    steps: dict[str, Step] = {name: m.encode for name, m in models.items()}
    steps["word vectors, averaged"] = lambda texts: static_vectors(minilm, texts)
    steps["BM25"] = lambda texts: keyword_scores(texts, texts[:1])
    store(
        "cost",
        {
            "rounds": ROUNDS,
            "checked": CHECKED,
            "cached": CACHED,
            "texts": extrapolated(steps),
            "passage_times": of_passages(models),
            "cache": of_cache(models),
            "compare": {
                "rows": ROWS,
                "seconds": {str(width): of_search(width) for width in (384, 768)},
            },
        },
        versions=["scipy", "bm25s"],
        data=[DATA / "corpus.jsonl", DATA / "long_texts.jsonl"],
        seeds=range(ROUNDS),
    )


if __name__ == "__main__":
    main()
