"""Measure what each step of a search costs, and store it with how it was measured.

Run `python -m book.measure search_cost`. Seconds differ from machine to machine,
so the chapter shows these stored ones and tests only what holds everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from book.measure.record import median_seconds, store
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries, load_vectors
from widgets.search import keyword_scores

RUNS = 7


def main(_: Sequence[str] = ()) -> None:
    """Time loading, encoding, storing and searching, and store the medians."""
    weights.verify()
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    texts = [sentence.text for sentence in load_corpus()]
    query = load_queries()[0].text
    vectors = load_vectors()
    model = SentenceTransformer(weights.MODEL)
    query_vector = model.encode(query)
    steps = {
        "encode the corpus": lambda: model.encode(texts),
        "read its stored vectors": load_vectors,
        "encode one query": lambda: model.encode(query),
        "compare it with every sentence": lambda: np.argsort(-(vectors @ query_vector)),
        "index the keywords and search": lambda: keyword_scores(texts, [query]),
    }
    seconds = {}
    for number, (name, step) in enumerate(steps.items(), start=1):
        print(f"[{number}/{len(steps)}] {name}", flush=True)
        step()  # to warm up
        seconds[name] = median_seconds(step, RUNS)
    store(
        "search_cost",
        {"seconds": seconds, "runs": RUNS, "sentences": len(texts)},
        data=[DATA / "corpus.jsonl", DATA / "queries.jsonl"],
    )


if __name__ == "__main__":
    main()
