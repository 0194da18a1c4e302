"""PairProbe: two sentences, their cosine, and which words move it.

The widget's front end is `front/pair_probe.js`. In a notebook the model in the kernel
answers it; in the rendered book the page does, with the same messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import traitlets as t

from widgets.book_widget import (
    EMPTY,
    FRONT,
    LONGEST,
    Answer,
    BookWidget,
    encoding,
    labelled,
    pairs_of,
    readable,
    reading_notes,
    table,
    texts_of,
    well_formed,
)
from widgets.data_files import shown
from widgets.front.join import join

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PAIRS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "who bites whom": ("The dog bit the man", "The man bit the dog"),
        "good, not good": ("This is good", "This is not good"),
        "two banks": ("the river bank", "the financial bank"),
        "pasta, food": ("A man is eating pasta.", "A man is eating food."),
        "a number": ("The flat costs 500 euros.", "The flat costs 5000 euros."),
        "a name": ("Marie lives in Paris.", "Peter lives in Paris."),
        "opposites": (
            "The drug raises blood pressure.",
            "The drug lowers blood pressure.",
        ),
        "all, none": ("All trains were late.", "No trains were late."),
        "when": ("She will pay tomorrow.", "She paid yesterday."),
        "other words": ("How do I get a refund?", "I want my money back."),
    }
)
MOST_TEXTS = 256
MOST_CHARACTERS = 1_000_000  # of all texts of one question together
MOST_WORDS = 40  # of a text that are left out in turn, as the front end does
# A word, with what holds its parts together: don't, 3.5, well-known
_WORD = re.compile(r"\w+(?:['’.,-]\w+)*")


class PairProbe(BookWidget):
    """Measure two sentences' cosine while typing, and again without each word.

    `model` is a SentenceTransformer. `pairs` maps a short label to two sentences; they
    are offered as buttons and answered beforehand. `marks` maps a label to a cosine
    that is marked on the ruler, such as the median of unrelated sentences.
    """

    front = "pair_probe"
    drawn = ("pairs", "marks")
    _answers: ClassVar = {"encode": "_encode"}
    _esm = join(FRONT / "pair_probe.js")

    pairs = t.List(
        t.Dict(), help="labelled pairs, their cosine, and it without each word"
    ).tag(sync=True)
    marks = t.List(t.Dict(), help="marks on the ruler: label, value").tag(sync=True)

    def __init__(
        self,
        model: SentenceTransformer,
        pairs: Mapping[str, tuple[str, str]] = PAIRS,
        marks: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._model = encoding(model)
        super().__init__(
            pairs=[
                {
                    "label": well_formed(label),
                    "texts": [readable(text)[0] for text in pair],
                }
                | self.probe(*pair)
                for label, pair in pairs_of(pairs, "pairs").items()
            ],
            marks=[
                {"label": well_formed(label), "value": _finite(label, value)}
                for label, value in labelled(marks, "marks").items()
            ],
        )

    def probe(self, first: str, second: str) -> dict:
        """Return two sentences' cosine, and what it is without each of their words.

        The result is `{"cosine": float, "without": [[float, ...], [float, ...]]}`:
        for each sentence one cosine a word, in order, None where nothing would be
        left, and from the 41st word on. Raises ValueError for what is no text.
        """
        pair = [readable(text)[0] for text in texts_of((first, second), "pair")]
        shorter = [_shortened(text) for text in pair]
        texts = [
            *pair,
            *(text for side in shorter for text in side if text is not None),
        ]
        vectors = iter(self._vectors(texts))
        whole = [next(vectors), next(vectors)]
        without = [
            [
                None if text is None else _rounded(next(vectors) @ whole[1 - side])
                for text in shorter[side]
            ]
            for side in (0, 1)
        ]
        return {"cosine": _rounded(whole[0] @ whole[1]), "without": without}

    def __repr__(self) -> str:
        return f"PairProbe({len(self.pairs)} pairs)"

    def _vectors(self, texts: Sequence[str]) -> np.ndarray:
        """Return one vector of length 1 for each text, float32, shape (n, width)."""
        found = self._model.encode(list(texts), show_progress_bar=False)
        vectors = np.asarray(found, dtype="<f4")
        if not np.isfinite(vectors).all():
            raise ValueError("its vector holds values that are no numbers")
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths > 0, lengths, 1)

    def _encode(self, content: dict) -> Answer:
        texts = content.get("texts")
        if not isinstance(texts, list) or not texts:
            return {"failed": True, "note": EMPTY}, []
        if len(texts) > MOST_TEXTS:
            note = f"At most {MOST_TEXTS} texts can be read at once."
            return {"failed": True, "note": note}, []
        longest = min(LONGEST, MOST_CHARACTERS // len(texts))
        read = [
            readable(text if isinstance(text, str) else "", longest) for text in texts
        ]
        vectors = self._vectors([text for text, _ in read])
        notes = [
            note
            for text, cut in read[:2]
            for note in (*cut, *reading_notes(self._model, text))
        ]
        note = " ".join(dict.fromkeys(notes))
        return {"width": vectors.shape[1], "note": note}, [vectors.tobytes()]

    def _fallback(self) -> str:
        """Return the pairs, their cosines and their strongest words as a table."""
        rows = [
            (*pair["texts"], _strongest(pair), f"{pair['cosine']:.3f}")
            for pair in self.pairs
        ]
        marks = "; ".join(f"{mark['label']} {mark['value']:.3f}" for mark in self.marks)
        for_comparison = (
            f"\n<p>{escape(f'For comparison: {marks}.')}</p>" if marks else ""
        )
        return (
            table(
                "Two sentences, one number",
                ("First", "Second", "The word that moves it most", "Cosine"),
                rows,
            )
            + for_comparison
        )


def corpus_marks(vectors: np.ndarray) -> dict[str, float]:
    """Return marks for the ruler: cosines of any two of a corpus's unit vectors.

    The median of all pairs, and what only one pair in a hundred exceeds.
    """
    if len(vectors) < 2:
        raise ValueError(
            f"vectors has {len(vectors)} rows, and marks need those of two sentences."
        )
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)]
    middle, high = np.percentile(cosines, [50, 99])
    return {
        "any two, median": round(float(middle), 3),
        "top 1 %": round(float(high), 3),
    }


def words_of(text: str) -> list[tuple[int, int]]:
    """Return where each word of a text begins and ends; signs between are no words."""
    return [found.span() for found in _WORD.finditer(text)]


def _shortened(text: str) -> list[str | None]:
    """Return the text without each of its words in turn, None if none would be left."""
    spans = words_of(text)
    tried = spans[:MOST_WORDS] if len(spans) > 1 else []
    shorter = [text[:start] + text[end:] for start, end in tried]
    return shorter + [None] * (len(spans) - len(tried))


def _strongest(pair: dict) -> str:
    """Say which word changes a pair's cosine most when it is left out."""
    changes = [
        (abs(cosine - pair["cosine"]), text[start:end], cosine)
        for text, cosines in zip(pair["texts"], pair["without"], strict=True)
        for (start, end), cosine in zip(words_of(text), cosines, strict=True)
        if cosine is not None
    ]
    if not changes:
        return ""
    _, word, cosine = max(changes, key=lambda change: change[0])
    return f"{word} (without it {cosine:.3f})"


def _finite(label: str, value: float) -> float:
    try:
        number = _rounded(value)
    except (TypeError, ValueError, OverflowError):
        number = np.nan
    if not np.isfinite(number):
        raise ValueError(f"marks[{label!r}] is {shown(value)}, and a cosine is meant.")
    return number


def _rounded(cosine: float) -> float:
    return round(float(cosine), 6)
