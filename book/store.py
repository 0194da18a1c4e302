"""Make the stored results of the corpus: its vectors and its map.

Run `python -m book.store` (`make data`) after a change of data/corpus.jsonl.
"""

from __future__ import annotations

import hashlib
import io
from datetime import UTC, datetime

import numpy as np

from book.building import write
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_vectors
from widgets.umap_layout import as_json, make_layout


def main() -> None:
    """Encode the corpus, lay it out, and store both with how they were made."""
    weights.verify()
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    corpus = load_corpus()
    model = SentenceTransformer(weights.MODEL)
    print(f"Encoding {len(corpus)} sentences")
    vectors = model.encode([sentence.text for sentence in corpus])
    stored = io.BytesIO()
    np.save(stored, vectors.astype(np.float16))
    write(DATA / "corpus_vectors.npy", stored.getvalue())
    print("Laying them out")
    layout = make_layout(load_vectors())
    made = as_json(
        layout,
        date=datetime.now(UTC).date().isoformat(),
        vectors_sha256=hashlib.sha256(stored.getvalue()).hexdigest(),
    )
    write(DATA / "corpus_layout.json", f"{made}\n".encode())
    print(f"Stored; trustworthiness {layout.trustworthiness:.3f}")


if __name__ == "__main__":
    main()
