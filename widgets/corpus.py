"""The book's data sets, as plain immutable rows, and the corpus's stored vectors."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from widgets.data_files import DATA, content_of, mend, numbered_lines, read_rows

if TYPE_CHECKING:
    import numpy as np

VECTORS = "corpus_vectors.npy"


@dataclass(frozen=True)
class Sentence:
    """A corpus sentence: its id, text, topic, and the field the topic belongs to."""

    id: str
    text: str
    topic: str
    field: str


@dataclass(frozen=True)
class Query:
    """A query: its id, text and kind, and a grade (1 or 2) for each fitting id.

    A sentence that isn't named in `relevant` has grade 0. Where nothing in the
    corpus fits, `relevant` is empty.
    """

    id: str
    text: str
    kind: str
    relevant: Mapping[str, int]


def load_corpus() -> tuple[Sentence, ...]:
    """Return the corpus, in the order of its file and of its stored vectors.

    Raises ValueError, naming the line, for a row that is damaged or has another's id.
    """
    form = {"id": str, "text": str, "topic": str, "field": str}
    return tuple(
        Sentence(*(row[name] for name in form))
        for row in read_rows("corpus.jsonl", form)
    )


def load_queries() -> tuple[Query, ...]:
    """Return the queries with their graded relevance.

    Raises ValueError, naming the line, for a row that is damaged or has another's id.
    """
    form = {"id": str, "text": str, "kind": str, "relevant": {str: (1, 2)}}
    return tuple(
        Query(row["id"], row["text"], row["kind"], MappingProxyType(row["relevant"]))
        for row in read_rows("queries.jsonl", form)
    )


def load_vectors() -> np.ndarray:
    """Return the corpus's stored vectors: float32, (n sentences, 384), length 1.

    They are stored as float16, which costs less than 0.00001 of cosine. Raises
    ValueError, with what to do, if the file is damaged or isn't of this corpus.
    """
    import numpy as np

    path = DATA / VECTORS
    stored = _array(path)
    count = len(numbered_lines(DATA / "corpus.jsonl"))
    if stored.ndim != 2 or len(stored) != count:
        raise ValueError(
            f"{path} has the shape {stored.shape}, but the corpus has {count} "
            "sentences, and one row each is meant: run `make data`, or put the book's "
            "own files back."
        )
    vectors = stored.astype(np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    wrong = np.flatnonzero(~((lengths > 0) & np.isfinite(lengths)))
    if len(wrong):
        raise ValueError(
            f"{path}, row {wrong[0] + 1}: a vector of zeros or of what is no number "
            f"points nowhere; {mend(path)}."
        )
    return vectors / lengths


def _array(path: Path) -> np.ndarray:
    """Return the array of floats in a file of NumPy; ValueError if it is damaged."""
    import numpy as np

    content = content_of(path)
    try:
        # A pickle could run code when it is read, so none is
        stored = np.load(io.BytesIO(content), allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError):
        stored = None
    if not isinstance(stored, np.ndarray) or stored.dtype.kind != "f":
        found = f"an array of {stored.dtype}" if hasattr(stored, "dtype") else "not one"
        raise ValueError(
            f"{path} must be a whole NumPy file of floats, and it is {found}; "
            f"{mend(path)}."
        )
    return stored
