"""What every widget over a mapped corpus holds: sentences, topics, vectors, points."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import traitlets as t

from widgets.book_widget import BookWidget, rows_of, texts_of, well_formed

if TYPE_CHECKING:
    from widgets.corpus import Sentence
    from widgets.umap_layout import Layout


class CorpusMap(BookWidget):
    """Hold a corpus, its unit vectors and its map, and check that they belong together.

    `corpus` is a list of texts, or of rows with `text`, `topic` and `field`;
    `corpus_embeddings` holds one vector per sentence, shape (n, d), an array or a
    tensor. `layout` is the corpus's map, or its points, shape (n, 2); without one,
    a plain PCA of the vectors is drawn. Raises ValueError where the sentences, vectors
    and map do not fit.
    """

    points = t.Bytes(help="x and y of each sentence: float32, little-endian").tag(
        sync=True
    )
    texts = t.List(t.Unicode(), help="the sentences").tag(sync=True)
    topics = t.List(t.Dict(), help="the topics: name and field").tag(sync=True)
    topic_of = t.List(t.Int(), help="each sentence's place in topics").tag(sync=True)

    def __init__(
        self,
        corpus: Sequence[str | Sentence],
        corpus_embeddings: np.ndarray,
        layout: Layout | None = None,
        **traits: object,
    ) -> None:
        corpus = rows_of(corpus, "corpus")
        texts = texts_of(corpus, "corpus")
        self._vectors = unit_vectors(corpus_embeddings, len(texts))
        xy = (
            principal_plane(self._vectors)
            if layout is None
            else getattr(layout, "xy", layout)
        )
        self._xy = np.ascontiguousarray(_floats(xy), dtype="<f4")
        if self._xy.shape != (len(texts), 2):
            raise ValueError(
                f"The map's shape is {self._xy.shape}, but {len(texts)} sentences need "
                f"({len(texts)}, 2): use the layout that was made from this corpus."
            )
        if not np.isfinite(self._xy).all():
            raise ValueError("The map holds values that are no numbers: make it anew.")
        own = _topics_of(corpus)
        topics = list(dict.fromkeys(own))
        place = {topic: number for number, topic in enumerate(topics)}
        super().__init__(
            points=self._xy.tobytes(),
            texts=texts,
            topics=[{"name": name, "field": field} for name, field in topics],
            topic_of=[place[topic] for topic in own],
            **traits,
        )

    def page_state(self) -> dict:
        """Return everything the front end draws from, as plain JSON values."""
        points = [[round(float(x), 4), round(float(y), 4)] for x, y in self._xy]
        return super().page_state() | {"points": points}


def _topics_of(corpus: Sequence[str | Sentence]) -> list[tuple[str, str]]:
    """Return each row's topic and field; none where the rows have no topics.

    Raises ValueError where some have one and others don't, or where it is no text.
    """
    if not any(hasattr(row, "topic") for row in corpus):
        return []
    topics = []
    for place, row in enumerate(corpus):
        topic = getattr(row, "topic", None), getattr(row, "field", None)
        if not all(isinstance(part, str) for part in topic):
            raise ValueError(
                f"corpus[{place}] has no topic and field, or they are no texts: give "
                "every row both, or none."
            )
        topics.append(tuple(map(well_formed, topic)))
    return topics


def unit_vectors(embeddings: np.ndarray, sentences: int) -> np.ndarray:
    """Return the embeddings as float32 rows of length 1, shape (n, d).

    Raises ValueError if they are not one finite vector for each of the sentences.
    """
    if sentences == 0:
        raise ValueError("corpus is empty: it has 0 sentences, and one is needed.")
    vectors = _floats(embeddings)
    if vectors.ndim == 0:
        raise ValueError(
            "corpus_embeddings is no array of numbers, or its numbers are complex: "
            "encode the corpus, as in corpus_embeddings = model.encode(texts)."
        )
    if vectors.ndim != 2 or len(vectors) != sentences:
        raise ValueError(
            f"corpus_embeddings has shape {vectors.shape}, but the corpus has "
            f"{sentences} sentences: encode exactly these, one vector each."
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all():
        raise ValueError("corpus_embeddings holds values that are no numbers.")
    return vectors / np.where(lengths > 0, lengths, 1)


def _floats(values: object) -> np.ndarray:
    """Return an array's or a tensor's numbers as float32; one nan if it has none."""
    try:
        if hasattr(values, "detach"):
            values = values.detach().cpu()
            # NumPy has no bfloat16
            values = values if values.is_complex() else values.float()
        found = np.asarray(values)
        if found.dtype.kind != "c":
            return found.astype(np.float32)
    except (TypeError, ValueError, RuntimeError):
        pass  # texts, rows of several widths, or a tensor without data
    return np.array(np.nan, dtype=np.float32)


def principal_plane(vectors: np.ndarray) -> np.ndarray:
    """Return the vectors' first two principal components, shape (n, 2)."""
    centred = vectors - vectors.mean(axis=0)
    scores, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    plane = np.zeros((len(vectors), 2), dtype=np.float32)
    found = (scores * sizes)[:, :2]
    # A component's sign is arbitrary: let its largest entry be positive
    largest = np.abs(found).argmax(axis=0)
    signs = np.sign(found[largest, range(found.shape[1])])
    plane[:, : found.shape[1]] = found * np.where(signs == 0, 1, signs)
    return plane
