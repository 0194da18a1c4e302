"""Try weights of fewer bits: how small the file gets, and what it costs.

The values stay in int8 bytes, there are only fewer of them, and gzip finds that out. So
the encoder reads such a file as it reads the book's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import numpy as np

from bench import texts
from bench.contenders import SITE
from widgets import weights
from widgets.corpus import load_queries, load_vectors
from widgets.encoder import build, pack

if TYPE_CHECKING:
    from bench.browser import Server

BITS = ((8, 8), (7, 7), (5, 7), (6, 6), (4, 6))
"""Of the word embeddings, and of the other weights."""
TOP = 10


def measure(server: Server, chromium: str) -> list[dict[str, Any]]:
    """Return the file's size and the answers' quality for each choice of bits."""
    from bench.browser import fresh_page
    from bench.page import judge

    judged = texts.judged()
    queries = [query.text for query in load_queries()]
    found = []
    for words, others in BITS:
        folder = SITE / "smaller" / f"{words}-{others}"
        size = write_smaller(words, others, folder / build.WEIGHTS)
        build.compile_encoder(folder / build.CODE)
        (folder / build.FILES).write_text("{}", "utf-8")
        with fresh_page(chromium) as (page, _):
            base = f"/smaller/{folder.name}/"
            page.goto(f"{server.page('ours')}?base={base}", wait_until="load")
            page.evaluate("first")
            answers = page.evaluate("texts => quality(texts)", [*judged, *queries])
        vectors = np.array([each["vector"] for each in answers[len(judged) :]])
        quality = judge(answers[: len(judged)], texts.reference())
        found.append(
            {
                "word_bits": words,
                "other_bits": others,
                "mb": round(size / 1e6, 1),
                "cosine_mean": quality["cosine_mean"],
                "cosine_min": quality["cosine_min"],
                "top_10_overlap": round(overlap(vectors, tuple(queries)), 4),
            }
        )
    return found


def write_smaller(words: int, others: int, out: Path) -> int:
    """Pack the model with fewer values than int8 has; return the file's bytes."""
    table = 30_000  # rows: only the table of word embeddings has that many

    def rounded(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        most = 2 ** ((words if len(matrix) > table else others) - 1) - 1
        scale = np.abs(matrix).max(axis=1) / np.float32(most)
        scale[scale == 0] = 1
        return scale, np.rint(matrix / scale[:, None]).astype(np.int8)

    # An experiment's own rounding: the book's packer needs no such choice
    with mock.patch.object(pack, "_rounded", rounded):
        return pack.pack(weights.verify(), out).bytes


def overlap(vectors: np.ndarray, queries: tuple[str, ...]) -> float:
    """Return the share of Python's best 10 hits that these query vectors find too."""
    found = _best(vectors)
    wanted = _python_best(queries)
    shared = [len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True)]
    return float(np.mean(shared)) / TOP


@cache
def _python_best(queries: tuple[str, ...]) -> np.ndarray:
    return _best(texts.encode(queries))


def _best(vectors: np.ndarray) -> np.ndarray:
    return np.argsort(-(vectors @ load_vectors().T), axis=1)[:, :TOP]


def table(found: list[dict[str, Any]], grid: Callable[[list], str]) -> str:
    """Return what was found as text."""
    rows = [["bits: words/others", "MB", "cosine", "least", "top 10 shared"]]
    for each in found:
        bits = f"{each['word_bits']}/{each['other_bits']}"
        keys = ("mb", "cosine_mean", "cosine_min", "top_10_overlap")
        rows.append([bits, *(f"{each[key]:g}" for key in keys)])
    return grid(rows)
