"""Google Colab: whether we are there, and what runs there."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version

NAMED = (
    *("one-vector-per-sentence", "sentence-transformers", "torch", "scikit-learn"),
    *("plotly", "ipywidgets"),
)


def in_colab() -> bool:
    """Tell whether this is Colab, as the notebooks' set-up cell does."""
    return "google.colab" in sys.modules


def what_runs() -> str:
    """Return one line with the versions that a question about Colab should name."""
    versions = [f"{name} {version(name)}" for name in NAMED]
    return f"Ready: Python {platform.python_version()}, {', '.join(versions)}"
