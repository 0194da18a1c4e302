"""A map of the corpus: made by UMAP once, stored, and read by every chapter.

UMAP doesn't give the same picture on another machine, with a seed either. So the
coordinates are stored, with the settings and versions they came from, and what is
tested is how well they keep neighbours together, not where a point lies.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from widgets.corpus import VECTORS
from widgets.data_files import DATA, content_of, mend, numbered_lines, read_json

SETTINGS = {
    "n_neighbors": 15,
    "min_dist": 0.1,
    "metric": "cosine",
    "random_state": 42,
}


@dataclass(frozen=True)
class Layout:
    """A map: one (x, y) per sentence, and the curve (a, b) UMAP drew it with."""

    xy: np.ndarray
    a: float
    b: float
    trustworthiness: float


def make_layout(vectors: np.ndarray) -> Layout:
    """Lay vectors, shape (n, d), out on a plane with UMAP.

    Raises ValueError for fewer than 31, which have too few neighbours to tell apart.
    Source: McInnes, Healy & Melville 2018; library umap-learn.
    """
    import warnings

    fewest = 2 * SETTINGS["n_neighbors"] + 1
    if len(vectors) < fewest:
        raise ValueError(
            f"These are {len(vectors)} vectors, and a map by UMAP needs {fewest} or "
            "more: leave the map out, and the widgets draw a plain PCA."
        )
    from sklearn.manifold import trustworthiness
    from umap import UMAP

    with warnings.catch_warnings():
        # A seed makes UMAP use one thread, and it warns of that
        warnings.filterwarnings("ignore", message="n_jobs value")
        mapper = UMAP(**SETTINGS).fit(vectors)
    xy = np.round(mapper.embedding_, 4).astype(np.float32)
    kept = trustworthiness(vectors, xy, n_neighbors=15, metric="cosine")
    return Layout(xy, float(mapper._a), float(mapper._b), float(kept))


def as_json(layout: Layout, **made: str) -> str:
    """Return a layout as JSON, with how it was made (`made`: a date, a checksum)."""
    packages = ("umap-learn", "numba", "numpy", "scikit-learn")
    return json.dumps(
        {
            "settings": SETTINGS,
            "versions": {name: version(name) for name in packages},
            **made,
            "trustworthiness": round(layout.trustworthiness, 4),
            "a": layout.a,
            "b": layout.b,
            "xy": [[round(float(x), 4), round(float(y), 4)] for x, y in layout.xy],
        }
    ).replace("], [", "],\n[")


def load_layout() -> Layout:
    """Return the stored map of the corpus, in the order of the corpus.

    Raises ValueError, with what to do, if the file is damaged, or if the map was made
    with other settings or from other vectors than those that are stored.
    """
    name = "corpus_layout.json"
    form = {
        "settings": dict,
        "vectors_sha256": str,
        "trustworthiness": float,
        "a": float,
        "b": float,
        "xy": [[float]],
    }
    stored = read_json(name, form)
    path = DATA / name
    for row, point in enumerate(stored["xy"], start=1):
        if len(point) != 2:
            raise ValueError(
                f"{path}, point {row}: {point} is no pair of x and y; {mend(path)}."
            )
    anew = "run `make data`, or put the book's own files back."
    if stored["settings"] != SETTINGS:
        raise ValueError(
            f"{path} was made with {stored['settings']}, and the book's settings are "
            f"{SETTINGS}: {anew}"
        )
    vectors = content_of(DATA / VECTORS)
    if stored["vectors_sha256"] != hashlib.sha256(vectors).hexdigest():
        raise ValueError(
            f"{path} was made from other vectors than those in {DATA / VECTORS}: {anew}"
        )
    xy = np.array(stored["xy"], dtype=np.float32).reshape(-1, 2)
    rows = len(numbered_lines(DATA / "corpus.jsonl"))
    if len(xy) != rows:
        raise ValueError(
            f"{path} has {len(xy)} points, but the corpus has {rows} sentences: {anew}"
        )
    return Layout(xy, stored["a"], stored["b"], stored["trustworthiness"])
