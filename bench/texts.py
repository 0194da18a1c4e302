"""What the benchmark gives the contenders to encode, and what Python makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from widgets import weights
from widgets.corpus import load_corpus, load_queries

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

LONGEST = 256
UNICODE = (
    "",
    " \t\n ",
    "naïve café, déjà vu!",
    "Straße, ÆØÅ and Ångström",
    "Ένα παιδί παίζει στην αυλή.",
    "Сколько стоит билет до Москвы?",
    "今日は天気がいいですね。",
    "我想喝一杯热茶",
    "오늘 날씨가 참 좋네요.",
    "كم الساعة الآن؟",
    "क्या आप चाय पिएँगे?",
    "ฉันหิวข้าวมาก",
    "👩‍👩‍👧‍👦 had 🍕 for dinner 🇫🇷",
    "ﬁne ½ cup of ①②③ Ｆｕｌｌｗｉｄｔｈ",
    "soft\u00adhyphen, zero\u200bwidth, nul\u0000byte, \ufffd",
    "x\u0301\u0302\u0303 combining, İstanbul, ẞ",
    "<script>alert('no')</script> & more [SEP] [MASK]",
    "a" * 150 + " is one long word",
)


def queries() -> list[str]:
    """Return 200 different queries of 8 words, from all over the corpus."""
    starts = (sentence.text.split()[:8] for sentence in load_corpus())
    eights = dict.fromkeys(" ".join(words) for words in starts if len(words) == 8)
    return list(eights)[:: len(eights) // 200][:200]


def hundred() -> list[str]:
    """Return 100 sentences from all over the corpus."""
    return [sentence.text for sentence in load_corpus()][::12][:100]


def judged() -> list[str]:
    """Return 74 texts: corpus sentences, ones of over 256 tokens, and odd Unicode."""
    corpus = [sentence.text for sentence in load_corpus()]
    long = [" ".join(corpus[at : at + 40]) for at in range(0, 640, 80)]
    return [*corpus[5::26][:48], *long, *UNICODE]


def typed() -> list[str]:
    """Return queries of the corpus, to be typed letter by letter."""
    return [query.text for query in load_queries()][::60]


@dataclass(frozen=True)
class Reference:
    """What fp32 torch makes of texts: vectors (n, 384) of length 1, and token ids."""

    vectors: np.ndarray
    ids: list[list[int]]


@cache
def reference() -> Reference:
    """Return Python's answer to the judged texts."""
    ids = _model().tokenizer(judged(), truncation=True, max_length=LONGEST)["input_ids"]
    return Reference(encode(judged()), ids)


def encode(found: Sequence[str]) -> np.ndarray:
    """Return fp32 torch's vectors, (n, 384), of length 1."""
    # One by one, so that no padding takes part
    return _model().encode(list(found), batch_size=1, normalize_embeddings=True)


@cache
def _model() -> SentenceTransformer:
    weights.verify()
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(weights.MODEL, device="cpu")
    if model.max_seq_length != LONGEST:
        raise ValueError(
            f"The model reads {model.max_seq_length} tokens, not {LONGEST}."
        )
    return model
