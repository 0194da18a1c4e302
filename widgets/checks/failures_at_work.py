"""What the exercises of the chapters on where it breaks check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from widgets.checks.verdict import NotYetError, answered, number, verdict
from widgets.probes import Similarity, cosine_of, margins
from widgets.tuning import load_triples

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FAULTS = {
    "a": ("setting", "the limit is a number: raise it, or cut the text"),
    "b": ("idea", "six matters share one direction, whatever the weights"),
    "c": ("training", "pairs that tell them apart would part them"),
    "d": ("setting", "a threshold, at its price, lets a search say nothing"),
}


def check_faults(faults: Mapping[str, str]) -> None:
    """Check what a remedy has to touch, for each of four failures."""

    def examine() -> str:
        known = {fault for fault, _ in FAULTS.values()}
        for name, (fault, _) in FAULTS.items():
            answer = faults.get(name)
            if answer is None or answer is Ellipsis:
                raise NotYetError(f"{name} has no answer yet. Put a word there.")
            if answer not in known:
                raise NotYetError(
                    f"{name} is {answer!r}; it must be one of "
                    f"{', '.join(sorted(known))}."
                )
            if answer != fault:
                raise NotYetError(
                    f"{name} isn't {answer!r}. What would you change to mend it?"
                )
        return "; ".join(f"{name}: {why}" for name, (_, why) in FAULTS.items()) + "."

    verdict("faults", examine)


def check_failed(failed: Callable[[float, float], bool]) -> None:
    """Check when a probe fails: the changed one is at least as near as the same one."""
    cases = [
        (0.71, 0.98, True, "the changed one is nearer"),
        (0.80, 0.35, False, "the paraphrase is nearer"),
        (0.64, 0.64, True, "a tie doesn't tell them apart, so it is a failure"),
        (-0.10, -0.05, True, "below 0 the same rule holds"),
    ]

    def examine() -> str:
        for same, changed, expected, why in cases:
            call = f"failed({same:.2f}, {changed:.2f})"
            answer = answered(failed(same, changed), call)
            if bool(answer) != expected:
                raise NotYetError(
                    f"{call} gave {bool(answer)}, expected {expected}: {why}."
                )
        return "a model passes only where the paraphrase is strictly nearer."

    verdict("failed", examine)


def check_missing_codes(missing_codes: Callable[[str, str], float]) -> None:
    """Check the share of the first text's words with a digit that the second lacks."""
    cases = [
        ("Order 7731-B has been shipped.", "Where is 7731-B?", 0.0),
        ("Order 7731-B has been shipped.", "Order 7731-D has been shipped.", 1.0),
        ("Form C-9, room B112", "Room B112 is locked.", 0.5),
        ("Has it been shipped?", "Order 7731-B", 0.0),
        ("Scan badge 0098.", "Badge 98 is lost.", 1.0),
    ]

    def examine() -> str:
        for first, second, expected in cases:
            call = f"missing_codes({first!r}, {second!r})"
            found = number("a share", missing_codes(first, second), call)
            if not abs(found - expected) < 1e-6:
                raise NotYetError(f"{call} gave {found:.2f}, expected {expected:.2f}.")
        return "codes are compared letter by letter, and no code means no penalty."

    verdict("missing_codes", examine)


def check_own_probe(probe: Sequence[str], similarity: Similarity) -> None:
    """Check a probe of one's own for word order that the model gets right.

    It is (anchor, same, changed), and the changed one has the anchor's words in another
    order. The paraphrase must be strictly nearer.
    """

    def words(text: str) -> list[str]:
        return re.findall(r"[\w'’]+", text.lower())

    def examine() -> str:
        if probe is None or probe is Ellipsis or any(p is Ellipsis for p in probe):
            raise NotYetError("there is no probe yet. Put three sentences in it.")
        if len(probe) != 3 or not all(isinstance(text, str) for text in probe):
            raise NotYetError("a probe is three sentences: anchor, same, changed.")
        anchor, same, changed = (words(text) for text in probe)
        if Counter(anchor) != Counter(changed) or anchor == changed:
            raise NotYetError(
                f"{probe[2]!r} must hold the words of {probe[0]!r} in another order."
            )
        if Counter(same) == Counter(anchor):
            raise NotYetError(f"{probe[1]!r} must say it in other words.")
        near, far = np.asarray(similarity([probe[0]] * 2, list(probe[1:])), float)
        if near <= far:
            raise NotYetError(
                f"the model still puts the changed one nearer: {far:.3f} against "
                f"{near:.3f} for the paraphrase."
            )
        return f"the paraphrase is nearer, {near:.3f} against {far:.3f}."

    verdict("own_probe", examine)


def check_windows(windows_of: Callable[[list[str], int, int], list]) -> None:
    """Check windows over a list of words: all words, in order, none in vain."""
    cases = [
        (list("abcdef"), 4, 2, ["abcd", "cdef"]),
        (list("abcdefg"), 4, 2, ["abcd", "cdef", "efg"]),
        (list("abc"), 5, 2, ["abc"]),
        (list("abcd"), 2, 2, ["ab", "cd"]),
        (list("abcde"), 3, 1, ["abc", "bcd", "cde"]),
    ]

    def examine() -> str:
        for words, size, step, expected in cases:
            call = f"windows_of(list({''.join(words)!r}), {size}, {step})"
            found = answered(windows_of(list(words), size, step), call)
            got = ["".join(window) for window in found]
            if got != expected:
                raise NotYetError(f"{call} gave {got}, expected {expected}.")
        return "every word is in a window, and no window is in vain."

    verdict("windows_of", examine)


def check_cheapest(
    cheapest: Callable[[Sequence[float], Sequence[float], float], float],
) -> None:
    """Check a threshold by its cost: any one with the lowest cost is right."""
    cases = [
        ([0.6, 0.7, 0.5], [0.3, 0.4], 1.0),
        ([0.4, 0.6, 0.7], [0.3, 0.5], 1.0),
        ([0.4, 0.45, 0.7], [0.3, 0.5], 5.0),
        ([0.4, 0.45, 0.7], [0.3, 0.5], 0.5),
        ([0.2, 0.3], [0.6, 0.8], 0.1),
        ([0.2, 0.3], [0.6, 0.8], 9.0),
    ]

    def cost(cut: float, answers: list, hopeless: list, wrong: float) -> float:
        lost = sum(score <= cut for score in answers)
        return lost + wrong * sum(score > cut for score in hopeless)

    def examine() -> str:
        for answers, hopeless, wrong in cases:
            call = f"cheapest({answers}, {hopeless}, {wrong:g})"
            given = cheapest(list(answers), list(hopeless), wrong)
            cut = number("a threshold", given, call)
            tried = [-1.0, *answers, *hopeless]
            least = min(cost(c, answers, hopeless, wrong) for c in tried)
            paid = cost(cut, answers, hopeless, wrong)
            if paid > least + 1e-9:
                raise NotYetError(
                    f"{call} gave {cut:g}, which costs {paid:g}; "
                    f"another threshold costs {least:g}."
                )
        return "what a wrong hit costs decides where the threshold lies."

    verdict("cheapest", examine)


def check_pupil(pupil: SentenceTransformer, before: Mapping[str, Mapping]) -> None:
    """Check a tuned model: a larger lead in medicine, everyday language no worse.

    `before` holds, for each test of the model as it was, how often the near miss won
    ("fails") and by how much the true sentence led on average ("margin").
    """

    def examine() -> str:
        if pupil is None or pupil is Ellipsis:
            raise NotYetError("there is no pupil yet. Put a tuned copy there.")
        if not hasattr(pupil, "encode"):
            raise NotYetError(
                f"pupil is a {type(pupil).__name__}. tune() changes a model in place "
                "and returns its losses: hand over the model."
            )
        lead = margins(load_triples("medicine"), cosine_of(pupil)).mean()
        if lead <= before["medicine"]["margin"] + 1e-4:
            raise NotYetError(
                f"medicine isn't better: the true sentence leads by {lead:.4f}, and "
                f"led by {before['medicine']['margin']:.4f} before."
            )
        everyday = margins(load_triples("everyday"), cosine_of(pupil))
        fails = int(np.count_nonzero(everyday <= 0))
        if fails > before["everyday"]["fails"]:
            raise NotYetError(
                f"everyday language got worse: the near miss wins {fails} times, and "
                f"won {before['everyday']['fails']} times before."
            )
        return "the lead in medicine grew, and everyday language is no worse."

    verdict("pupil", examine)
