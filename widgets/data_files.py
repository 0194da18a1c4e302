"""The files of the data sets, read so that whatever is damaged in one is named.

A file is checked against a form: a type, `[form]` for a list of any length,
`{str: form}` for an object with any names, or `{"name": form, "other?": form}` for
one with these fields, of which those with a question mark may be missing. A text must
not be empty there, and a `float` may be any number that a float can hold.
"""

from __future__ import annotations

import codecs
import json
import sys
from pathlib import Path
from typing import Any

_PACKAGE = Path(__file__).parent
# In an installed package the data lies inside it, in a checkout beside it
DATA = next(
    (
        folder
        for folder in (_PACKAGE / "data", _PACKAGE.parent / "data")
        if (folder / "corpus.jsonl").is_file()
    ),
    _PACKAGE.parent / "data",
)

_WANTED = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "an object with fields",
}
_MISSING = object()
_SHOWN = 40  # characters of a wrong value


def read_rows(name: str | Path, form: object = dict) -> list[dict[str, Any]]:
    """Return the rows of a data set's file, a JSON object a line, each of a form.

    Blank lines, a byte order mark and Windows' line ends are no fault. Raises
    FileNotFoundError without the file, and ValueError that names the line, what is
    wrong with it, and what to do: also where two rows have the same id.
    """
    path = DATA / name
    rows, line_of = [], {}
    for number, line in numbered_lines(path):
        row, fault = _parsed(line)
        fault = fault or fault_in(row, form)
        if not fault and isinstance(row.get("id"), str):
            first = line_of.setdefault(row["id"], number)
            if first != number:
                fault = f"the id {shown(row['id'])} is taken by line {first}"
        if fault:
            raise ValueError(f"{path}, line {number}: {fault}; {mend(path)}.")
        rows.append(row)
    return rows


def read_json(name: str | Path, form: object = dict) -> dict[str, Any]:
    """Return a data file that is one JSON object of a form.

    Raises FileNotFoundError without the file, and ValueError that says what is wrong
    with it, where, and what to do.
    """
    path = DATA / name
    found, fault = _parsed(content_of(path))
    fault = fault or fault_in(found, form)
    if fault:
        raise ValueError(f"{path}: {fault}; {mend(path)}.")
    return found


def content_of(path: Path) -> bytes:
    """Return a file's bytes; FileNotFoundError says what to do if it is missing."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(f"{path} is missing; {mend(path)}.") from None


def numbered_lines(path: Path) -> list[tuple[int, bytes]]:
    """Return a file's lines with their numbers, but for the blank ones."""
    # Not by splitlines(): a text may hold U+2028 and its like, which end no row
    lines = content_of(path).removeprefix(codecs.BOM_UTF8).split(b"\n")
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def mend(path: Path) -> str:
    """Return what to do about a damaged file, as the end of a sentence."""
    return f"mend it, or put the book's own {path.name} back"


def fault_in(value: object, form: object, at: str = "") -> str:
    """Return what keeps a value from having a form, in a few words; else ""."""
    if value is _MISSING:
        return f"{at} is missing"
    if isinstance(form, tuple):
        right = any(value is one or value == one for one in form)
        right = right and not isinstance(value, bool | float)
        wanted = " or ".join(map(str, form))
        return "" if right else f"{at} is {shown(value)}, and {wanted} is meant"
    kind = form if isinstance(form, type) else type(form)
    if not _is(value, kind):
        begin = f"{at} is " if at else ""
        return f"{begin}{shown(value)}, and {_WANTED[kind]} is meant"
    if form is str and not value.strip():
        return f"{at} is empty"
    if isinstance(form, list):
        parts = ((part, form[0], f"{at}[{n}]") for n, part in enumerate(value))
    elif isinstance(form, dict):
        parts = _fields(value, form, at)
    else:
        return ""
    return next((fault for part in parts if (fault := fault_in(*part))), "")


def shown(value: object) -> str:
    """Return how a wrong value is shown in a message: on one line, and short."""
    text = repr(value).replace("\n", " ")
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _named(name: str) -> str:
    plain = name.isidentifier() and len(name) <= _SHOWN
    return name if plain else shown(name)


def _fields(value: dict, form: dict, at: str) -> list[tuple[object, object, str]]:
    within = f"{at}." if at else ""
    if str in form:
        return [
            (part, form[str], within + _named(name)) for name, part in value.items()
        ]
    parts = []
    for named, inner in form.items():
        name = named.removesuffix("?")
        if name in value:
            parts.append((value[name], inner, f"{within}{name}"))
        elif name == named:
            parts.append((_MISSING, inner, f"{within}{name}"))
    return parts


def _is(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    if kind in (int, float):
        right = isinstance(value, int if kind is int else int | float)
        return right and fits_float(value)
    return isinstance(value, kind)


def fits_float(number: float) -> bool:
    """Tell whether a float can hold a number: not nan, infinity, or a longer integer.

    Nothing can compute with those.
    """
    return abs(number) <= sys.float_info.max


def _parsed(content: bytes) -> tuple[Any, str]:
    """Return what JSON holds, or what is wrong with it in a few words."""
    try:
        text = content.removeprefix(codecs.BOM_UTF8).decode("utf-8")
        found = json.loads(text, parse_constant=_refuse)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except UnicodeDecodeError as error:
        return None, f"byte {error.start + 1} is no UTF-8"
    except UnicodeEncodeError:
        return None, "a text holds half a character (a lone surrogate)"
    except json.JSONDecodeError as error:
        line = f"line {error.lineno}, " if error.lineno > 1 else ""
        return None, f"this is no JSON ({error.msg}, {line}column {error.colno})"
    except (ValueError, RecursionError) as error:
        return None, f"this is no JSON ({shown(str(error))})"
    return found, ""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")
