"""What every widget of the book shares: its two hosts, its fallback, its messages.

In a notebook the model in the kernel answers a widget's front end; in the rendered
book the page does, with the same messages. Each widget adds its data, its plain HTML
for where neither is there, and what it answers.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anywidget

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FRONT = Path(__file__).parent / "front"
EMPTY = "Type a sentence."

# JupyterLab lets a kernel answer several messages at once; a model and its tokenizer
# can do one thing at a time
_ANSWERING = threading.Lock()

# An answer's plain values, and the bytes that go with it
Answer = tuple[dict, list[bytes]]


class BookWidget(anywidget.AnyWidget):
    """Show one front end in a notebook and in a page, with plain HTML beside it.

    A subclass names its front end in `front` and the traits that it draws from in
    `drawn`; `_answers` maps a message's kind to the method that answers it.
    """

    front: ClassVar[str]
    drawn: ClassVar[tuple[str, ...]]
    _answers: ClassVar[dict[str, str]]
    _css = (FRONT / "style.css").read_text(encoding="utf-8")

    # ipywidgets 7 displays by this method, which knows nothing of a static fallback
    _ipython_display_ = None

    def __init__(self, **traits: object) -> None:
        super().__init__(**traits)
        self.on_msg(self._on_message)

    def page_state(self) -> dict:
        """Return everything the front end draws from, as plain JSON values."""
        return {"widget": self.front} | {
            name: getattr(self, name) for name in self.drawn
        }

    def _repr_mimebundle_(self, **kwargs: object) -> tuple[dict, dict]:
        data, metadata = super()._repr_mimebundle_(**kwargs)
        place = f'<div class="ovs-widget" data-widget="{self.front}">'
        return data | {"text/html": f"{place}\n{self._fallback()}\n</div>"}, metadata

    def _fallback(self) -> str:
        """Return plain HTML that says the essential without JavaScript or a kernel."""
        raise NotImplementedError

    def _on_message(self, _widget: object, content: object, _buffers: object) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if not isinstance(kind, str) or kind not in self._answers:
            return
        method = getattr(self, self._answers[kind])
        try:
            with _ANSWERING:
                answer, buffers = method(content)
        except Exception as error:
            # Whatever a model does to odd input, the reader gets a sentence about it
            answer, buffers = failed(error), []
        self.send({"kind": "answer", "id": content.get("id")} | answer, buffers)


def failed(error: Exception) -> dict:
    """Return the answer that tells a reader why there is none."""
    note = f"The model could not read this: {error or type(error).__name__}"
    return {"failed": True, "note": well_formed(str(note))}


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def reading_notes(model: SentenceTransformer, text: str) -> list[str]:
    """Return what a reader should know of how the model's tokenizer read a text."""
    tokenizer = getattr(model, "tokenizer", None)
    limit = getattr(model, "max_seq_length", None)
    if tokenizer is None or limit is None:
        return []
    ids = tokenizer.encode(text, add_special_tokens=False, verbose=False)
    room = limit - tokenizer.num_special_tokens_to_add()
    notes = []
    if len(ids) > room:
        notes.append(
            f"This is long: the model reads the first {room} of its {len(ids)} word "
            "pieces, and nothing after."
        )
    letters = [sign for sign in text if sign.isalpha()]
    foreign = sum(sign > "\u024f" for sign in letters)  # beyond the Latin blocks
    if ids and all(number == tokenizer.unk_token_id for number in ids):
        notes.append(
            "The model has no word piece for any of this: its answer is chance."
        )
    elif 2 * foreign > len(letters) and len(ids) > 0.6 * len("".join(text.split())):
        notes.append(
            "The model reads this writing letter by letter: its answer is near chance."
        )
    return notes


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a plain HTML table; every cell is text and is escaped here."""
    heads = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in head)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>"
        for row in rows
    )
    return (
        f"<table>\n<caption>{html.escape(caption)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
    )
