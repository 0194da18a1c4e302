"""A map of the corpus: made by UMAP once, stored, and read by every chapter.

UMAP doesn't give the same picture on another machine, with a seed either. So the
coordinates are stored, with the settings and versions they came from, and what is
tested is how well they keep neighbours together, not where a point lies.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

from widgets.corpus import DATA

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

    Source: McInnes, Healy & Melville 2018; library umap-learn.
    """
    import warnings

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
    """Return the stored map of the corpus, in the order of the corpus."""
    stored = json.loads((DATA / "corpus_layout.json").read_text("utf-8"))
    return Layout(
        np.array(stored["xy"], dtype=np.float32),
        stored["a"],
        stored["b"],
        stored["trustworthiness"],
    )
