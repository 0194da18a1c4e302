"""What the exercises of the chapter on where it breaks check."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from widgets.checks.verdict import (
    NotYetError,
    examine_claims,
    number,
    truth,
    verdict,
)
from widgets.probes import (
    RULES,
    Penalty,
    Similarity,
    load_probes,
    margins,
    with_penalty,
)

WEIGHT = 0.1
"""With which a penalty is taken off a cosine."""
MOST = 0.05
"""Of harmless twins of other kinds, the share that a penalty may touch."""


def check_claims(claims: Mapping[str, bool], similarity: Similarity) -> None:
    """Check what a reader believes of a model, against what the model does."""

    def cosine(first: str, second: str) -> float:
        return float(similarity([first], [second])[0])

    def examine() -> str:
        same_words = cosine("The dog bit the man", "The man bit the dog")
        probes = load_probes("negation")
        anchors = [probe.anchor for probe in probes]
        denied = np.median(similarity(anchors, [probe.changed for probe in probes]))
        edited = np.median(similarity(anchors, [probe.twin for probe in probes]))
        rent = "The rent is {} euros a month."
        tenfold, next_one = (
            cosine(rent.format(850), rent.format(other)) for other in (8500, 851)
        )
        examine_claims(
            claims,
            {
                "a": (same_words > 1 - 1e-4, "the two vectors are close, not the same"),
                "b": (
                    bool(denied < edited),
                    "compare the medians of its box plots",
                ),
                "c": (False, "it is one only where something else should be nearer"),
                "d": (tenfold > next_one, "the pieces of 8500 are 850 and one more"),
            },
        )
        return "order is kept in part, a denial has weight, and a number is its pieces."

    verdict("claims", examine)


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
            found = truth(failed(same, changed), call)
            if found != expected:
                raise NotYetError(f"{call} gave {found}, expected {expected}: {why}.")
        return "a model passes only where the paraphrase is strictly nearer."

    verdict("failed", examine)


def check_denies(denies: Callable[[str, str], bool]) -> None:
    """Check whether exactly one of two texts is a denial, by counting its words."""
    cases = [
        ("It is cold.", "It is not cold.", True, "one denies"),
        ("It is cold.", "It is icy.", False, "neither denies"),
        ("He isn't here.", "He is here.", True, "*isn't* ends in *n't*"),
        ("Not now!", "Now!", True, "a capital doesn't count"),
        ("A knot in a rope.", "A rope.", False, "*knot* is no negation"),
        ("I never said nothing.", "I said it.", False, "two denials make none"),
        ("Nobody came.", "Everybody came.", True, "*nobody* denies"),
        ("No tea, no milk.", "Tea and milk.", False, "two denials make none"),
        ("Tea without milk.", "Never tea.", False, "both deny"),
    ]

    def examine() -> str:
        for first, second, expected, why in cases:
            call = f"denies({first!r}, {second!r})"
            found = truth(denies(first, second), call)
            if found != expected:
                raise NotYetError(f"{call} gave {found}, expected {expected}: {why}.")
        return "words are counted, and two denials make none."

    verdict("denies", examine)


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
        if not near > far:  # so that nan isn't right either
            raise NotYetError(
                f"the model still puts the changed one nearer: {far:.3f} against "
                f"{near:.3f} for the paraphrase."
            )
        return f"the paraphrase is nearer, {near:.3f} against {far:.3f}."

    verdict("own_probe", examine)


def check_penalty(penalty: Penalty, similarity: Similarity) -> None:
    """Check a rule for numbers and units: better than the book's, harmless elsewhere.

    It must be 0 for a text and itself, and for nearly all twins of other kinds.
    """

    def taken(first: str, second: str) -> float:
        call = f"penalty({first!r}, {second!r})"
        found = number("a penalty", penalty(first, second), call)
        if not 0 <= found <= 1:
            raise NotYetError(f"{call} gave {found:g}; a penalty goes from 0 to 1.")
        return found

    def fails(rule: Penalty) -> int:
        lowered = with_penalty(similarity, rule, WEIGHT)
        return int((margins(load_probes("numbers"), lowered, "twin") <= 0).sum())

    def examine() -> str:
        others = [
            probe for kind in RULES if kind != "numbers" for probe in load_probes(kind)
        ]
        for probe in [*others, *load_probes("numbers")]:
            if taken(probe.anchor, probe.anchor):
                raise NotYetError(f"it punishes {probe.anchor!r} for itself.")
        touched = [probe for probe in others if taken(probe.anchor, probe.twin)]
        if len(touched) > MOST * len(others):
            raise NotYetError(
                f"it punishes {len(touched)} of {len(others)} harmless twins of other "
                f"kinds, such as {touched[0].twin!r} for {touched[0].anchor!r}."
            )
        left, by_book = fails(taken), fails(RULES["numbers"])
        if left >= by_book:
            raise NotYetError(
                f"with it {left} probes fail by the twin, no better than the book's "
                f"rule, with {by_book}. Which pairs does it not see?"
            )
        return "fewer fail than under the book's rule, and other twins are left alone."

    verdict("penalty", examine)
