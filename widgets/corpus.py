"""The book's data sets, as plain immutable rows, and the corpus's stored vectors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_PACKAGE = Path(__file__).parent
# In an installed package the data lies inside it, in a checkout beside it
DATA = next(
    (
        folder
        for folder in (_PACKAGE / "data", _PACKAGE.parent / "data")
        if (folder / "corpus.jsonl").is_file()
    ),
    _PACKAGE.parent / "data",
)


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
    """Return the corpus, in the order of its file and of its stored vectors."""
    return tuple(Sentence(**row) for row in read_rows("corpus.jsonl"))


def load_queries() -> tuple[Query, ...]:
    """Return the queries with their graded relevance."""
    return tuple(
        Query(**row | {"relevant": MappingProxyType(row["relevant"])})
        for row in read_rows("queries.jsonl")
    )


def load_vectors() -> np.ndarray:
    """Return the corpus's stored vectors: float32, (n sentences, 384), length 1.

    They are stored as float16, which costs less than 0.00001 of cosine.
    """
    import numpy as np

    vectors = np.load(DATA / "corpus_vectors.npy").astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def read_rows(name: str) -> list[dict]:
    """Return the rows of a data set's file, a JSON object a line.

    Raises ValueError naming the line that can't be read.
    """
    path = DATA / name
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error})") from error
    return rows
