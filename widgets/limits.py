"""What one vector has no room for: long texts, and queries that nothing answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from widgets.corpus import load_queries
from widgets.data_files import read_rows


@dataclass(frozen=True)
class LongText:
    """A text of several paragraphs, each with a question that it alone answers."""

    id: str
    title: str
    paragraphs: tuple[str, ...]
    questions: tuple[str, ...]

    @property
    def whole(self) -> str:
        """Return the paragraphs as one text."""
        return "\n\n".join(self.paragraphs)


def load_long_texts() -> tuple[LongText, ...]:
    """Return the long texts, in the order of their file."""
    form = {"id": str, "title": str, "paragraphs": [str], "questions": [str]}
    return tuple(
        LongText(
            row["id"], row["title"], tuple(row["paragraphs"]), tuple(row["questions"])
        )
        for row in read_rows("long_texts.jsonl", form)
    )


def sentences_of(text: str) -> list[str]:
    """Return a text's sentences, cut after a full stop, question or exclamation mark.

    It knows no abbreviations but Mr, Mrs, Ms and Dr, with or without their stop.
    """
    cut = re.split(r"(?<!\bMr\.)(?<!\bMs\.)(?<!\bDr\.)(?<!Mrs\.)(?<=[.!?])\s+", text)
    return [part for part in cut if part]


def windows(text: str, size: int = 60, step: int = 30) -> list[str]:
    """Return runs of `size` words of a text, each `step` words after the one before."""
    words = text.split()
    starts = range(0, max(len(words) - size, 0) + step, step)
    return [" ".join(words[start : start + size]) for start in starts]


def pieces() -> Mapping[str, Callable[[LongText], Sequence[str]]]:
    """Return the ways of cutting a text that the book compares, by their names."""
    return {
        "whole text": lambda text: [text.whole],
        "paragraphs": lambda text: text.paragraphs,
        "windows of 60 words": lambda text: windows(text.whole),
        "sentences": lambda text: [
            sentence for part in text.paragraphs for sentence in sentences_of(part)
        ],
    }


def best_of_pieces(scores: np.ndarray, owners: Sequence[int]) -> np.ndarray:
    """Return each text's best piece's score, (queries, texts), from (queries, pieces).

    `owners` names each piece's text, from 0 on.
    """
    owners = np.asarray(owners)
    return np.stack(
        [scores[:, owners == text].max(axis=1) for text in range(owners.max() + 1)],
        axis=1,
    )


def missed(scores: np.ndarray, answers: Sequence[int]) -> np.ndarray:
    """Return for each query whether another text is at least as near as its own.

    `scores` is (queries, texts), `answers` names each query's text.
    """
    rows = np.arange(len(scores))
    own = scores[rows, answers]
    others = scores.copy()
    others[rows, answers] = -np.inf
    return others.max(axis=1) >= own


def load_hopeless() -> dict[str, str]:
    """Return all queries to the corpus with their kinds.

    The kind is "answer" where something fits, "search" for the hopeless ones of
    `queries.jsonl`, and "near" or "far" for those of `hopeless.jsonl`, in this order.
    """
    every = load_queries()
    form = {"text": str, "kind": str}
    return (
        {query.text: "answer" for query in every if query.relevant}
        | {query.text: "search" for query in every if not query.relevant}
        | {row["text"]: row["kind"] for row in read_rows("hopeless.jsonl", form)}
    )
