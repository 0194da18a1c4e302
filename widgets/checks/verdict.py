"""What every check shares: the one line it prints, and how it reads an answer."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Mapping
from typing import TypeVar

import numpy as np

from widgets.book_widget import well_formed

LONGEST_LINE = 1000  # characters; an answer may be a book

Answer = TypeVar("Answer")


class NotYetError(Exception):
    """Say what an answer does wrong, with the input that shows it."""


def verdict(name: str, examine: Callable[[], str]) -> None:
    """Print whether an answer is right; `examine` says why, or raises what it isn't."""
    try:
        line = f"Right: {examine()}"
    except NotYetError as problem:
        line = f"Not yet: {problem}"
    except (Exception, SystemExit) as error:
        line = f"Not yet: {name} stopped with {type(error).__name__}: {_said(error)}"
    print(_one_line(line))


def _said(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:
        return "it can't say why"


def _one_line(text: str) -> str:
    """Return a text on one line that any notebook can show, its middle left out."""
    line = " ".join(well_formed(text).split())
    if len(line) > LONGEST_LINE:
        line = f"{line[: LONGEST_LINE // 2]} … {line[-LONGEST_LINE // 2 :]}"
    return line


def told(check: Callable[..., None], *answer: object) -> str:
    """Return the line that a check prints of an answer, for whoever gives marks."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        check(*answer)
    # An answer may print, too
    return said.getvalue().strip().rpartition("\n")[2]


def examine_claims(
    claims: Mapping[str, bool], truths: Mapping[str, tuple[bool, str]]
) -> None:
    """Compare what a reader holds true with what holds, letter by letter.

    Raises NotYetError with the reason for the first letter that isn't right.
    """
    if not isinstance(claims, Mapping):
        raise NotYetError(
            f"claims is a {type(claims).__name__}. Put True or False for each letter, "
            'as in {"a": True}.'
        )
    for letter, (holds, why) in truths.items():
        answer = claims.get(letter, ...)
        if answer is None or answer is Ellipsis:
            raise NotYetError(f"{letter} has no answer yet. Put True or False there.")
        if truth(answer, letter) is not holds:
            raise NotYetError(f"look at {letter} again: {why}.")


def answered(answer: Answer, call: str) -> Answer:
    """Return an answer as it is; `call` names where it comes from.

    Raises NotYetError where there is nothing.
    """
    if answer is None or answer is Ellipsis:
        raise NotYetError(f"{call} gave nothing. Put your code where the dots are.")
    return answer


def truth(value: object, call: str) -> bool:
    """Return an answer that must be True or False; `call` names where it comes from.

    Raises NotYetError for anything else, such as nan, which Python holds true.
    """
    found = np.asarray(answered(value, call))
    if found.size != 1 or found.dtype.kind not in "biuf" or found.item() not in (0, 1):
        raise NotYetError(f"{call} gave {value!r}; True or False is meant.")
    return bool(found.item())


def number(name: str, value: object, call: str) -> float:
    """Return an answer that must be one number; `call` names where it comes from.

    Raises NotYetError where there is nothing, or more than one number.
    """
    found = np.asarray(answered(value, call), dtype=float)
    if found.size != 1:
        raise NotYetError(f"{call} gave {found.size} numbers; {name} is one number.")
    return float(found.reshape(()))
