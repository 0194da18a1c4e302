"""What the chapters of One Vector per Sentence import, beside the known libraries."""

from widgets.cluster_map import ClusterMap
from widgets.corpus import Query, Sentence, load_corpus, load_queries, load_vectors
from widgets.model_chooser import ModelChooser
from widgets.pair_probe import PairProbe
from widgets.search_map import SearchMap
from widgets.token_xray import TokenXRay

__all__ = [
    "ClusterMap",
    "ModelChooser",
    "PairProbe",
    "Query",
    "SearchMap",
    "Sentence",
    "TokenXRay",
    "load_corpus",
    "load_queries",
    "load_vectors",
    "prepare",
]


def prepare(*models: str) -> None:
    """Make a notebook ready: weights in place and verified, a quiet start, one look.

    all-MiniLM-L6-v2 is always there; `models` names what a chapter needs beside it.
    In Colab it says what runs; elsewhere it says nothing.
    Raises WeightsError, with the command that mends it, if a weights file is damaged.
    """
    from widgets import colab, figures, weights

    for model in dict.fromkeys([weights.MODEL, *models]):
        weights.install(model=model)
    weights.quiet()
    figures.use_book_look()
    if colab.in_colab():
        print(colab.what_runs())
