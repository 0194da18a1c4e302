"""ClusterMap: k-means over a corpus, live on its map, and the luck of its start.

The widget's front end is `front/cluster_map.js`. It runs k-means itself, in a notebook
as in the rendered book, on vectors that it asks for once. No model is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import traitlets as t

from widgets.book_widget import FRONT, Answer, rows_of, table
from widgets.corpus_map import CorpusMap
from widgets.front.join import join

if TYPE_CHECKING:
    from widgets.corpus import Sentence
    from widgets.umap_layout import Layout

MOST_CLUSTERS = 60
INLINE = 64  # sentences; a page's state holds the vectors of a corpus no larger
MAIN_TOPICS = 3


class ClusterMap(CorpusMap):
    """Cluster a corpus by k-means on its map, from any start, and compare the starts.

    `corpus` is a list of texts, or of rows with `text`, `topic` and `field`, at least
    two; `corpus_embeddings` holds one vector per sentence, shape (n, d); they are cut
    to length 1. `layout` is the corpus's map; without one, a plain PCA of the vectors
    is drawn. It opens with `k` clusters (else one a field, else 2) from the start
    `seed`. Raises ValueError where sentences, vectors, map and k do not fit.
    """

    front = "cluster_map"
    drawn = ("texts", "topics", "topic_of", "k", "seed")
    _answers: ClassVar = {"vectors": "_answer_vectors"}
    _esm = join(FRONT / "cluster_map.js")

    k = t.Int(2, help="the number of clusters at first").tag(sync=True)
    seed = t.Int(0, help="the seed of the start at first").tag(sync=True)

    def __init__(
        self,
        corpus: Sequence[str | Sentence],
        corpus_embeddings: np.ndarray,
        layout: Layout | None = None,
        k: int | None = None,
        seed: int = 0,
    ) -> None:
        corpus = rows_of(corpus, "corpus")
        if len(corpus) < 2:
            raise ValueError(
                f"The corpus has {len(corpus)} sentences; clusters need two or more."
            )
        most = min(MOST_CLUSTERS, len(corpus))
        if k is None:
            fields = {row.field for row in corpus if hasattr(row, "field")}
            k = min(max(2, len(fields)), most)
        if not 2 <= k <= most:
            raise ValueError(
                f"k is {k}, but {len(corpus)} sentences can be shown in 2 to {most} "
                "clusters."
            )
        if not 0 <= seed <= 999_999:
            raise ValueError(f"seed is {seed}: take a whole number from 0 to 999999.")
        super().__init__(corpus, corpus_embeddings, layout, k=k, seed=seed)

    def page_state(self) -> dict:
        """Return everything the front end draws from, as plain JSON values.

        The vectors of a large corpus are not in it: a page has them for itself.
        """
        few = len(self.texts) <= INLINE
        vectors = np.round(self._vectors.astype(float), 6).tolist() if few else None
        return super().page_state() | {"vectors": vectors}

    def __repr__(self) -> str:
        topics = f", {len(self.topics)} topics" if self.topics else ""
        return f"ClusterMap({len(self.texts)} sentences{topics}, k={self.k})"

    def _answer_vectors(self, _content: dict) -> Answer:
        vectors = np.ascontiguousarray(self._vectors, dtype="<f4")
        return {"width": vectors.shape[1]}, [vectors.tobytes()]

    def _fallback(self) -> str:
        """Return one start's clusters as a plain HTML table, the largest first."""
        labels, centres = self._cluster()
        rows = []
        for cluster, size in Counter(labels.tolist()).most_common():
            own = np.flatnonzero(labels == cluster)
            nearest = own[(self._vectors[own] @ centres[cluster]).argmax()]
            topics = [self._main_topics(own)] if self.topics else []
            rows.append([self.texts[nearest], *topics, str(size)])
        topics = ["Main topics"] if self.topics else []
        caption = (
            f"{len(self.texts)} sentences in {self.k} clusters, by k-means from one "
            "fixed start"
        )
        return table(caption, ["Most central sentence", *topics, "Sentences"], rows)

    def _cluster(self) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and centres of k-means from evenly spread rows: no chance."""
        import warnings

        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        vectors = self._vectors.astype(float)
        start = np.linspace(0, len(vectors) - 1, self.k).round().astype(int)
        with warnings.catch_warnings():
            # Equal sentences can't fill k clusters: the table shows how many there are
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = KMeans(self.k, init=vectors[start], n_init=1).fit(vectors)
        return found.labels_, found.cluster_centers_

    def _main_topics(self, rows: np.ndarray) -> str:
        counts = Counter(self.topics[self.topic_of[row]]["name"] for row in rows)
        return ", ".join(
            f"{name.replace('_', ' ')} {count}"
            for name, count in counts.most_common(MAIN_TOPICS)
        )
