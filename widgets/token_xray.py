"""TokenXRay: a sentence's tokens, their matrix, attention, and the pooled vector.

The widget's front end is `front/token_xray.js`. In a notebook the model in the kernel
answers it; in the rendered book the page does, with the same messages.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import traitlets as t

from widgets.book_widget import (
    EMPTY,
    FRONT,
    Answer,
    BookWidget,
    encoding,
    pairs_of,
    readable,
    reading_notes,
    table,
    well_formed,
)
from widgets.front.join import join

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EXAMPLES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "who bites whom": ("The dog bit the man", "The man bit the dog"),
        "good, not good": ("This is good", "This is not good"),
        "two banks": ("the river bank", "the financial bank"),
        "same thing, other words": (
            "I can't find my keys.",
            "Where did I leave my keys?",
        ),
        "rare words": ("The axolotl regrows limbs.", "Salamanders heal unbelievably."),
    }
)
_SWITCHING = threading.Lock()


class TokenXRay(BookWidget):
    """Look inside the model: from tokens to a matrix to one vector, for two sentences.

    `model` is a SentenceTransformer over a BERT-shaped network. `examples` maps a
    short label to two sentences; they are offered as buttons. What the page shows of
    them before the model is there, the last layer's matrix in 8 bits, is stored, some
    10 kB a pair.
    """

    front = "token_xray"
    drawn = ("examples", "own")
    _answers: ClassVar = {"trace": "_trace"}
    _esm = join(FRONT / "token_xray.js")

    examples = t.List(
        t.Dict(), help="labelled pairs: their sides, and cosines by pooling"
    ).tag(sync=True)
    own = t.Unicode("", help="the pooling that the model itself uses").tag(sync=True)

    def __init__(
        self,
        model: SentenceTransformer,
        examples: Mapping[str, tuple[str, str]] = EXAMPLES,
    ) -> None:
        self._model = encoding(model)
        super().__init__(
            examples=[
                self._stored(label, *pair)
                for label, pair in pairs_of(examples, "examples").items()
            ],
            own=_own_pooling(model),
        )

    def __repr__(self) -> str:
        return f"TokenXRay({len(self.examples)} examples)"

    def _stored(self, label: str, first: str, second: str) -> dict:
        """Return a labelled pair with what can be shown of it without the model."""
        pair = [readable(text)[0] for text in (first, second)]
        last = [trace(self._model, text) for text in pair]
        pools = [pooled(one.hidden[-1]) for one in last]
        return {
            "label": well_formed(label),
            "sides": [
                {"text": text, "tokens": one.tokens, **_quantised(one.hidden[-1])}
                for text, one in zip(pair, last, strict=True)
            ],
            "cosines": {
                name: round(_cosine(pools[0][name], pools[1][name]), 6)
                for name in pools[0]
            },
        }

    def _trace(self, content: dict) -> Answer:
        text = content.get("text")
        if not isinstance(text, str) or not text.strip():
            return {"failed": True, "note": EMPTY}, []
        given, notes = readable(text)
        found = trace(self._model, given)
        layers, heads = found.attention.shape[:2]
        note = " ".join([*notes, *reading_notes(self._model, given)])
        answer = {"tokens": found.tokens, "layers": layers, "heads": heads}
        pieces = (found.hidden, found.attention, found.pooled)
        return (
            answer | {"width": found.hidden.shape[-1], "note": note},
            [np.ascontiguousarray(piece, dtype="<f4").tobytes() for piece in pieces],
        )

    def _fallback(self) -> str:
        """Return the examples' tokens and the cosines by pooling as plain tables."""
        sides = [side for example in self.examples for side in example["sides"]]
        unique = {side["text"]: side["tokens"] for side in sides}
        tokens = table(
            "From a sentence to its matrix",
            ("Sentence", "Its tokens", "Matrix"),
            [
                (text, " ".join(pieces), f"{len(pieces)} × {self._width()}")
                for text, pieces in unique.items()
            ],
        )
        cosines = table(
            "From two matrices to one cosine, by pooling",
            ("First", "Second", "CLS", "Max", "Mean"),
            [
                (
                    *(side["text"] for side in example["sides"]),
                    *(
                        f"{example['cosines'][how]:.3f}"
                        for how in ("cls", "max", "mean")
                    ),
                )
                for example in self.examples
            ],
        )
        return (
            "<p>A look inside the model: each token becomes a vector, and pooling "
            f"collapses a sentence's vectors into one.</p>\n{tokens}\n{cosines}"
        )

    def _width(self) -> int:
        side = self.examples[0]["sides"][0]
        return len(base64.b64decode(side["matrix"])) // len(side["tokens"])


@dataclass(frozen=True)
class Trace:
    """All that a model makes of one text of n tokens, on its way through the layers.

    `hidden` has shape (layers + 1, n, width), the embeddings first; `attention`
    (layers, heads, n, n), rows look at columns; `pooled` is the model's own vector,
    shape (width,).
    """

    tokens: list[str]
    hidden: np.ndarray
    attention: np.ndarray
    pooled: np.ndarray


def trace(model: SentenceTransformer, text: str) -> Trace:
    """Return what a SentenceTransformer makes of a text at every layer.

    May be called from several threads. Raises ValueError where the model has no
    network of layers, or one that gives out no attention.
    """
    import torch

    tokenizer, network = model.tokenizer, getattr(model[0], "auto_model", None)
    if network is None:
        raise ValueError(
            "the model has no layers to look into, as a static one has none: take a "
            'transformer, as SentenceTransformer("all-MiniLM-L6-v2").'
        )
    inputs = tokenizer(
        text, truncation=True, max_length=model.max_seq_length, return_tensors="pt"
    ).to(model.device)
    with torch.inference_mode(), _plain_attention(network):
        found = network(**inputs, output_hidden_states=True, output_attentions=True)
    if not found.attentions or any(layer is None for layer in found.attentions):
        raise ValueError("its network gives out no attention")
    return Trace(
        tokens=tokenizer.convert_ids_to_tokens(inputs["input_ids"][0].tolist()),
        hidden=torch.cat(found.hidden_states).float().cpu().numpy(),
        attention=torch.cat(found.attentions).float().cpu().numpy(),
        pooled=model.encode([text], show_progress_bar=False)[0],
    )


@contextmanager
def _plain_attention(network: object) -> Iterator[None]:
    """Let a network compute attention in the one way that also gives it out."""
    # Older networks have no such switch and find that way by themselves
    switch = getattr(network, "set_attn_implementation", lambda _: None)
    # A kernel answers several messages at once, and the network is one
    with _SWITCHING:
        usual = network.config._attn_implementation
        switch("eager")
        try:
            yield
        finally:
            switch(usual)


def pooled(matrix: np.ndarray) -> dict[str, np.ndarray]:
    """Return a token matrix's three poolings, shape (n, width) to (width,) each."""
    return {"mean": matrix.mean(axis=0), "max": matrix.max(axis=0), "cls": matrix[0]}


def _own_pooling(model: SentenceTransformer) -> str:
    """Return which pooling gives the model's own vector, or "" if none does."""
    found = trace(model, "Which pooling is it?")
    for name, vector in pooled(found.hidden[-1]).items():
        if _cosine(vector, found.pooled) > 0.9999:
            return name
    return ""


def _cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))


def _quantised(matrix: np.ndarray) -> dict:
    """Return a matrix as 8-bit numbers in base64, and what a step of them is worth."""
    step = float(np.abs(matrix).max()) / 127
    numbers = np.round(matrix / step).astype(np.int8)
    return {"step": step, "matrix": base64.b64encode(numbers.tobytes()).decode()}
