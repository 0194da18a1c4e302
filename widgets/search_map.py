"""SearchMap: a query box over a corpus, its ranked hits, and its place on the map.

The widget's front end is `front/search_map.js`. In a notebook the model in the kernel
answers it, or the page does if the reader chooses so; in the rendered book the page
does. The messages are the same.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import traitlets as t

from widgets.book_widget import (
    FRONT,
    Answer,
    encoding,
    failed,
    readable,
    reading_notes,
    table,
    texts_of,
)
from widgets.corpus_map import CorpusMap
from widgets.data_files import shown
from widgets.front.join import join

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from widgets.corpus import Sentence
    from widgets.umap_layout import Layout

TOP_K = 20
FALLBACK_HITS = 3
PIECE = 2_000_000  # bytes; JupyterLab drops what is more than 3 MB at a time
EXAMPLES = (
    "A man is eating pasta.",
    "why does my coffee taste so bitter",
    "late again because of the railway",
    "someone got into my account",
    "what keeps me awake at night",
)


class SearchMap(CorpusMap):
    """Search a corpus by meaning while typing, and see the query on its map.

    `corpus`, `corpus_embeddings` and `layout` are CorpusMap's; `model` is the
    SentenceTransformer that made the embeddings. `examples` are queries offered as
    buttons and answered beforehand. With `computes="page"` the kernel hands the page
    the encoder once, and the page answers; the embeddings have to be
    all-MiniLM-L6-v2's then. Raises FileNotFoundError if that encoder isn't built.
    """

    front = "search_map"
    drawn = ("texts", "topics", "topic_of", "examples", "a", "b")
    _answers: ClassVar = {"query": "_answer_query", "piece": "_answer_piece"}
    _esm = join(FRONT / "search_map.js")

    examples = t.List(t.Dict(), help="answered queries: text, hits, note").tag(
        sync=True
    )
    a = t.Float(None, allow_none=True, help="the map's UMAP curve").tag(sync=True)
    b = t.Float(None, allow_none=True, help="the map's UMAP curve").tag(sync=True)
    files = t.Dict(help="bytes of each file that the page computes with").tag(sync=True)

    def __init__(
        self,
        corpus: Sequence[str | Sentence],
        corpus_embeddings: np.ndarray,
        model: SentenceTransformer,
        layout: Layout | None = None,
        examples: Sequence[str] = EXAMPLES,
        computes: Literal["kernel", "page"] = "kernel",
    ) -> None:
        self._model = encoding(model)
        if computes not in ("kernel", "page"):
            raise ValueError(
                f'computes is {shown(computes)}, and "kernel" or "page" is meant.'
            )
        if computes == "page":
            self._esm = join(FRONT / "search_map_page.js")
        curve = {"a": getattr(layout, "a", None), "b": getattr(layout, "b", None)}
        super().__init__(corpus, corpus_embeddings, layout, **curve)
        self._files = page_files(self._vectors) if computes == "page" else {}
        self.files = {name: len(content) for name, content in self._files.items()}
        self.examples = [
            {"text": text} | self.answer(text)
            for text in texts_of(examples, "examples")
        ]

    def answer(self, text: str) -> dict:
        """Return the 20 best hits for a text, and a note on how it was read.

        The result is `{"hits": [[row, cosine], ...], "note": str}`, best first, ties
        in the corpus's order. It never raises: what can't be searched gets no hits and
        a note that says why.
        """
        if not isinstance(text, str) or not text.strip():
            return {"hits": [], "note": "Type a sentence to search."}
        given, notes = readable(text)
        try:
            notes += reading_notes(self._model, given)
            vector = self._model.encode([given], show_progress_bar=False)[0]
            vector = np.asarray(vector, dtype=np.float32)
            if vector.shape != self._vectors.shape[1:]:
                raise ValueError(
                    f"its vector has {vector.size} numbers, and corpus_embeddings "
                    f"{self._vectors.shape[1]} a sentence: encode the corpus with it"
                )
            scores = self._vectors @ (vector / (np.linalg.norm(vector) or 1))
            if not np.isfinite(scores).all():
                raise ValueError("its vector holds values that are no numbers")
        except Exception as error:
            # Whatever a model does to odd input, the reader gets a sentence about it
            return {"hits": [], "note": failed(error)["note"]}
        best = np.argsort(-scores, kind="stable")[:TOP_K]
        hits = [[int(row), round(float(scores[row]), 6)] for row in best]
        return {"hits": hits, "note": " ".join(notes)}

    def __repr__(self) -> str:
        topics = f", {len(self.topics)} topics" if self.topics else ""
        return f"SearchMap({len(self.texts)} sentences{topics})"

    def _answer_query(self, content: dict) -> Answer:
        return self.answer(content.get("text")), []

    def _answer_piece(self, content: dict) -> Answer:
        name, start = content.get("name"), content.get("from")
        content = self._files.get(name, b"") if isinstance(name, str) else b""
        if type(start) is not int or not 0 <= start < len(content):
            return {"failed": True, "note": "The kernel has no such piece."}, []
        return {}, [content[start : start + PIECE]]

    def _fallback(self) -> str:
        """Return the example queries' best hits as plain HTML tables."""
        tables = "\n".join(
            table(
                f"Hits for “{example['text']}”",
                ["Rank", "Sentence", "Score"],
                [
                    [str(rank), self.texts[row], f"{score:.3f}"]
                    for rank, (row, score) in enumerate(
                        example["hits"][:FALLBACK_HITS], 1
                    )
                ],
            )
            for example in self.examples
        )
        return (
            f"<p>Search map of {len(self.texts)} sentences: the best hits for "
            f"{len(self.examples)} queries.</p>\n{tables}"
        )


def page_files(vectors: np.ndarray) -> dict[str, bytes]:
    """Return what a page computes with: encoder, weights, the corpus's vectors.

    Raises FileNotFoundError, with what to do, if the encoder isn't built.
    """
    from widgets.encoder.build import BUILT, CODE, WEIGHTS

    corpus = io.BytesIO()
    np.save(corpus, vectors.astype("<f2"))
    try:
        files = {name: (BUILT / name).read_bytes() for name in (CODE, WEIGHTS)}
    except FileNotFoundError as error:
        raise FileNotFoundError(
            "The page's encoder isn't built: run `python -m widgets.encoder.build`, "
            'or let the kernel compute, computes="kernel".'
        ) from error
    return files | {"corpus.npy": corpus.getvalue()}
