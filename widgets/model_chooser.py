"""ModelChooser: wishes in, the models that meet them and what they trade out.

The widget's front end is `front/model_chooser.js`. It decides by itself, in a notebook
as in the rendered book, from a table of measured and of published figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import traitlets as t

from widgets.book_widget import FRONT, BookWidget, table, well_formed
from widgets.data_files import fault_in, fits_float, read_json, shown
from widgets.front.join import join

if TYPE_CHECKING:
    import pandas as pd

# What every row must say, in which form, and what it may say beside that
NEEDED = {
    "name": str,
    "tasks": [str],
    "languages": [str],
    "licence": str,
    "size_mb": float,
    "dimensions": int,
}
ALLOWED = {
    "max_tokens?": float,
    "speed?": float,
    "sources?": {str: str},
    "clearly_above?": {str: [str]},
}
SCORES = ("stsb_", "xquad_", "sbert_")
ABOUT = ("date", "machine", "timed_sentences", "batch", "citations")


def load_models() -> dict[str, Any]:
    """Return the stored measurements: `rows`, one a model, and how they were made.

    A row's figures are scores times 100 (`stsb_en`, `xquad_de`, …), `speed` as a
    multiple of all-MiniLM-L6-v2's, `size_mb` in million bytes, `dimensions` and
    `max_tokens` (None: no limit); `sources` says for each whether it was measured or
    which work it is cited from. Made by `python -m book.measure.models`.
    """
    return read_json("measurements/models.json", {"rows": [NEEDED]})


class ModelChooser(BookWidget):
    """Choose a model by wishes: the ones that fit, the trade-off, and a recommendation.

    `models` is what `load_models()` gives, or rows of the same kind: a list of mappings
    or a pandas table. Raises ValueError for a row that lacks what every row must say.
    """

    front = "model_chooser"
    drawn = ("rows", "about")
    _answers: ClassVar = {}
    _esm = join(FRONT / "model_chooser.js")

    rows = t.List(t.Dict(), help="the models, a dictionary each").tag(sync=True)
    about = t.Dict(help="when and where they were measured").tag(sync=True)

    def __init__(
        self, models: Mapping[str, Any] | Iterable[Mapping[str, Any]] | pd.DataFrame
    ) -> None:
        about = {}
        rows: Any = models
        if isinstance(models, Mapping):
            rows = models.get("rows", ())
            about = {name: models[name] for name in ABOUT if name in models}
        elif hasattr(models, "to_dict"):
            rows = models.to_dict("records")
        rows = [_checked(row, number) for number, row in enumerate(rows, start=1)]
        if not rows:
            raise ValueError("The table of models is empty.")
        super().__init__(rows=rows, about=about)

    def __repr__(self) -> str:
        return f"ModelChooser({len(self.rows)} models)"

    def _fallback(self) -> str:
        """Return the models and their main figures as a plain HTML table."""
        head = ("Model", "Languages", "STS-B", "XQuAD", "Speed", "Size, MB", "Source")
        rows = [
            (
                row["name"],
                str(len(row["languages"])),
                _figure(row.get("stsb_en"), ".1f"),
                _figure(row.get("xquad_en"), ".1f"),
                _figure(row.get("speed"), ".2g"),
                _figure(row["size_mb"], ".0f"),
                "measured" if "measured" in row["sources"].values() else "published",
            )
            for row in self.rows
        ]
        return table(
            "Models, their scores in English, and their speed (all-MiniLM-L6-v2 is 1)",
            head,
            rows,
        )


def _checked(row: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Return a row as plain JSON values; numbers that are none become None."""
    if not isinstance(row, Mapping):
        raise ValueError(f"Row {number} of the models is {shown(row)}, no mapping.")
    plain = {well_formed(str(name)): _plain(value) for name, value in row.items()}
    for name, value in plain.items():
        if name.endswith("_interval") and isinstance(value, list) and None in value:
            plain[name] = None
    said = {name: value for name, value in plain.items() if value is not None}
    scores = {
        name: [float] if name.endswith("_interval") else float
        for name in said
        if name.startswith(SCORES)
    }
    if fault := fault_in(dict.fromkeys(NEEDED) | said, NEEDED | ALLOWED | scores):
        raise ValueError(
            f"Row {number} of the models ({said.get('name', 'without a name')}): "
            f"{fault}."
        )
    return (
        {"max_tokens": None, "speed": None}
        | plain
        | {"sources": said.get("sources", {})}
    )


def _plain(value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(str(name)): _plain(part) for name, part in value.items()}
    if hasattr(value, "item"):
        value = value.item()  # a numpy number
    if isinstance(value, int | float) and not fits_float(value):
        return None
    return value


def _figure(value: float | None, form: str) -> str:
    return "–" if value is None else format(value, form)
