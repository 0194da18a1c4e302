"""What every widget of the book shares: its two hosts, its fallback, its messages.

In a notebook the model in the kernel answers a widget's front end; in the rendered
book the page does, with the same messages. Each widget adds its data, its plain HTML
for where neither is there, and what it answers.
"""

from __future__ import annotations

import html
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import anywidget

from widgets.data_files import shown

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FRONT = Path(__file__).parent / "front"
EMPTY = "Type a sentence."
LONGEST = 100_000
"""Characters of a text that are read: far more than any model here has room for."""

# JupyterLab lets a kernel answer several messages at once; a model and its tokenizer
# can do one thing at a time
_ANSWERING = threading.Lock()

# What goes back to a front end of whatever came: a number that JavaScript keeps
# exactly, a short name, a reason of some lines
_LARGEST, _NAME, _SAID = 2**53, 100, 300

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

    def _handle_msg(self, msg: dict) -> None:
        """Hear what a front end asks; the state is the kernel's, and it sets none."""
        data = msg["content"].get("data")
        if isinstance(data, dict) and data.get("method") in ("custom", "request_state"):
            super()._handle_msg(msg)

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
        self.send({"kind": "answer", "id": _number_of(content)} | answer, buffers)


def _number_of(content: dict) -> int | float | str | None:
    """Return a question's number as it came, None if it can't go back as it came."""
    number = content.get("id")
    if isinstance(number, str):
        right = len(number) <= _NAME and number == well_formed(number)
    else:
        right = isinstance(number, int | float) and abs(number) <= _LARGEST
    return number if right else None


def failed(error: Exception) -> dict:
    """Return the answer that tells a reader why there is none."""
    said = str(error) or type(error).__name__
    if len(said) > _SAID:
        said = f"{said[:_SAID]}…"
    return {
        "failed": True,
        "note": well_formed(f"The model could not read this: {said}"),
    }


def well_formed(text: str) -> str:
    """Replace lone surrogates, which no UTF-8 can hold, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def readable(text: str, longest: int = LONGEST) -> tuple[str, list[str]]:
    """Return what a model is given of a text, and what a reader should know of that.

    Half a character is replaced, and only so many characters are read: a tokenizer
    reads all that it is given, and takes seconds and much memory for a megabyte.
    """
    begin = text[:longest]
    whole = well_formed(begin)
    notes = []
    if whole != begin:
        notes.append("A broken character was replaced by \ufffd.")
    if len(text) > longest:
        notes.append(f"Only the first {longest:,} characters of this were read.")
    return whole, notes


def rows_of(values: Iterable, name: str) -> list:
    """Return what a list, or whatever else has rows in an order, holds.

    Raises ValueError where `values`, an argument called `name`, is one text, or gives
    no rows in the order that is meant: a set, a mapping, or a table with columns.
    """
    if isinstance(values, str):
        raise ValueError(f"{name} is one text: give a list of them, as in [text].")
    no_list = isinstance(values, Mapping | set | frozenset)
    try:
        if not no_list and not hasattr(values, "columns"):
            return list(values)
    except TypeError:
        pass  # it holds nothing
    raise ValueError(
        f"{name} is of the type {type(values).__name__}: give a list of texts, in "
        "their order, as in [text]."
    )


def given_texts(values: Iterable, name: str) -> list[str]:
    """Return the texts of a list of texts, or of rows that have a `text`, as they are.

    Raises ValueError where `values`, an argument called `name`, are anything else.
    """
    texts = [getattr(value, "text", value) for value in rows_of(values, name)]
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"{name}[{place}] is {shown(text)}, and a text is meant.")
    return texts


def texts_of(values: Iterable, name: str) -> list[str]:
    """Return a list's texts with half characters replaced, to be shown and stored.

    Raises ValueError as `given_texts` does.
    """
    return [well_formed(text) for text in given_texts(values, name)]


def labelled(values: Mapping, name: str) -> dict:
    """Return what an argument called `name` holds by its labels.

    Raises ValueError unless it is a mapping whose keys are texts.
    """
    if isinstance(values, Mapping) and all(isinstance(key, str) for key in values):
        return dict(values)
    raise ValueError(
        f"{name} is {shown(values)}, and a mapping is meant whose keys are labels, "
        'as in {"a label": …}.'
    )


def pairs_of(values: Mapping[str, Sequence[str]], name: str) -> dict[str, list[str]]:
    """Return pairs of texts by their labels; ValueError where one is no pair."""
    pairs = {}
    for label, pair in labelled(values, name).items():
        texts = texts_of(pair, f"{name}[{label!r}]")
        if len(texts) != 2:
            raise ValueError(
                f"{name}[{label!r}] holds {len(texts)} texts, and two are meant."
            )
        pairs[label] = texts
    return pairs


def encoding(model: SentenceTransformer) -> SentenceTransformer:
    """Return the model; ValueError if it is a name, or anything that can't encode."""
    if isinstance(model, str) or not callable(getattr(model, "encode", None)):
        raise ValueError(
            f"model is {shown(model)}, and a SentenceTransformer is meant, as in "
            'SentenceTransformer("all-MiniLM-L6-v2").'
        )
    return model


def reading_notes(model: SentenceTransformer, text: str) -> list[str]:
    """Return what a reader should know of how the model's tokenizer read a text."""
    tokenizer = getattr(model, "tokenizer", None)
    limit = getattr(model, "max_seq_length", None)
    if tokenizer is None or limit is None:
        return []
    try:
        ids = tokenizer.encode(text, add_special_tokens=False, verbose=False)
        room = limit - tokenizer.num_special_tokens_to_add()
        unknown = tokenizer.unk_token_id
    except Exception:
        # A tokenizer of another kind, as StaticEmbedding's: a note costs no answer
        return []
    notes = []
    if len(ids) > room:
        notes.append(
            f"This is long: the model reads the first {room} of its {len(ids)} word "
            "pieces, and nothing after."
        )
    letters = [sign for sign in text if sign.isalpha()]
    foreign = sum(sign > "\u024f" for sign in letters)  # beyond the Latin blocks
    if not ids:
        notes.append("The model reads nothing in this: its answer is chance.")
    elif all(number == unknown for number in ids):
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
