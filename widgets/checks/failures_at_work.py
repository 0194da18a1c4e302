"""What the exercises of the chapter on where it breaks at work check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from widgets.checks.verdict import NotYetError, answered, number, verdict
from widgets.probes import cosine_of, margins
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


def check_hours(hours: Callable[..., float]) -> None:
    """Check hours of encoding: what the cache lacks, at a rate, shared by machines."""
    cases = [
        ((3600, 1.0), {}, "an hour has 3600 seconds"),
        ((90_000, 25.0), {}, "an hour has 3600 seconds"),
        ((90_000, 25.0), {"cached": 0.75}, "what the cache holds takes no time"),
        ((90_000, 25.0), {"cached": 1.0}, "what the cache holds takes no time"),
        ((90_000, 25.0), {"machines": 4}, "machines share the work"),
        ((90_000, 50.0), {"cached": 0.5, "machines": 2}, "all of it at once"),
    ]

    def examine() -> str:
        for (texts, rate), more, why in cases:
            told = "".join(f", {name}={value}" for name, value in more.items())
            call = f"hours({texts}, {rate:g}{told})"
            found = number("hours", hours(texts, rate, **more), call)
            part = (1 - more.get("cached", 0.0)) / more.get("machines", 1)
            expected = texts * part / rate / 3600
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:g}, expected {expected:g}: {why}."
                )
        return "what the cache lacks, at that rate, shared by the machines."

    verdict("hours", examine)


def check_cache_key(cache_key: Callable[[str, str], str]) -> None:
    """Check a cache's key: the same for the same, never shared, and short."""
    texts = [
        "",
        "a",
        "ab",
        "abc",
        "a b",
        "A",
        "a\n",
        "a,b",
        'a", "b',
        "ä",
        "🙂",
        "a" * 9999,
    ]
    names = ["", "c", "bc", "b", "mini", "mini-2", ",b", '"b', "🙂"]

    def examine() -> str:
        seen: dict[str, tuple[str, str]] = {}
        for pair in ((text, name) for text in texts for name in names):
            shown = tuple(part if len(part) < 12 else f"{part[:9]}…" for part in pair)
            call = f"cache_key({shown[0]!r}, {shown[1]!r})"
            key = answered(cache_key(*pair), call)
            if not isinstance(key, str):
                raise NotYetError(f"{call} gave a {type(key).__name__}, not a string.")
            if len(key) > 64:
                raise NotYetError(f"{call} is {len(key)} characters long.")
            if cache_key(*pair) != key:
                raise NotYetError(f"{call} is another key when it is asked again.")
            if key in seen:
                raise NotYetError(f"{call} and cache_key{seen[key]!r} share a key.")
            seen[key] = shown
        return f"{len(seen)} pairs of text and model have as many keys."

    verdict("cache_key", examine)


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
            if np.isnan(cut):
                raise NotYetError(f"{call} gave nan; no score is above or below that.")
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
        leads = margins(load_triples("medicine"), cosine_of(pupil))
        everyday = margins(load_triples("everyday"), cosine_of(pupil))
        # A comparison with nan is false, so it would look like no failure at all
        if not np.isfinite([*leads, *everyday]).all():
            raise NotYetError(
                "pupil's vectors are no numbers any more (nan): its training blew up. "
                "Try a lower learning rate, on a fresh copy of the model."
            )
        lead = leads.mean()
        if lead <= before["medicine"]["margin"] + 1e-4:
            raise NotYetError(
                f"medicine isn't better: the true sentence leads by {lead:.4f}, and "
                f"led by {before['medicine']['margin']:.4f} before."
            )
        fails = int(np.count_nonzero(everyday <= 0))
        if fails > before["everyday"]["fails"]:
            raise NotYetError(
                f"everyday language got worse: the near miss wins {fails} times, and "
                f"won {before['everyday']['fails']} times before."
            )
        return "the lead in medicine grew, and everyday language is no worse."

    verdict("pupil", examine)
