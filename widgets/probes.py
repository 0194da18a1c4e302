"""Probes: small sets of sentences that ask a model one question each.

A probe has an anchor, a sentence that means the same, and a changed one that doesn't. A
similarity fails the probe if it puts the changed one at least as near as the other.
Every similarity here takes two lists of texts and gives one number a pair, so that a
model, a count of words and a mixture of both answer the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from widgets.data_files import read_rows
from widgets.search import keyword_scores

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Similarity = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Two lists of n texts in, n numbers out: the higher, the more alike."""

KINDS = ("sense", "roles", "negation", "numbers", "names")


@dataclass(frozen=True)
class Probe:
    """A probe: an anchor, the same in other words, and a changed meaning.

    `what` says what was changed; for a sense it is the word with two senses, and `hint`
    names the anchor's one. `twin` is the anchor with a small harmless edit, about as
    small as the changed one's; a sense has none.
    """

    id: str
    kind: str
    what: str
    anchor: str
    same: str
    changed: str
    twin: str = ""
    hint: str = ""


def load_probes(kind: str) -> tuple[Probe, ...]:
    """Return the probes of a kind, in the order of their file.

    Raises ValueError, naming the kinds that there are, for any other.
    """
    if kind not in KINDS:
        raise ValueError(f"there are no probes of {kind!r}, only of {', '.join(KINDS)}")
    texts = ("id", "kind", "what", "anchor", "same", "changed", "twin?", "hint?")
    rows = read_rows("probes.jsonl", dict.fromkeys(texts, str))
    names = [text.removesuffix("?") for text in texts]
    return tuple(
        Probe(*(row.get(name, "") for name in names))
        for row in rows
        if row["kind"] == kind
    )


def margins(
    probes: Sequence[Probe], similarity: Similarity, other: str = "same"
) -> np.ndarray:
    """Return how much nearer anchors are to the right sentence than to the changed one.

    The right one is the paraphrase, or with `other="twin"` the harmless edit. A margin
    of 0 or less is a failure.
    """
    anchors = [probe.anchor for probe in probes]
    right = [getattr(probe, other) for probe in probes]
    changed = [probe.changed for probe in probes]
    scores = similarity(anchors + anchors, right + changed)
    return scores[: len(probes)] - scores[len(probes) :]


@dataclass(frozen=True)
class Rate:
    """A share of cases, with the ends of its 95 % interval."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.share:.0%} ({self.low:.0%} to {self.high:.0%})"


def failure_rate(margins: np.ndarray) -> Rate:
    """Return the share of margins that are 0 or less, with Wilson's 95 % interval."""
    from scipy.stats import binomtest

    failed = int((np.asarray(margins) <= 0).sum())
    test = binomtest(failed, len(margins))
    interval = test.proportion_ci(method="wilson")
    return Rate(test.statistic, float(interval.low), float(interval.high))


def cosine_of(model: SentenceTransformer) -> Similarity:
    """Return the cosine of two texts' vectors; no text is encoded twice."""
    row: dict[str, np.ndarray] = {}

    def similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys([*first, *second]) if text not in row]
        if new:
            vectors = model.encode(new, normalize_embeddings=True)
            row.update(zip(new, vectors, strict=True))
        return np.array([row[a] @ row[b] for a, b in zip(first, second, strict=True)])

    return similarity


def static_cosine_of(model: SentenceTransformer) -> Similarity:
    """Return the cosine of averaged input word vectors: no layers, no positions.

    It is rounded to 6 decimals, for two orders of the same words are one bag.
    """
    words = model[0].auto_model.get_input_embeddings().weight.detach().numpy()

    def vector(text: str) -> np.ndarray:
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        mean = words[ids].mean(axis=0)
        return mean / np.linalg.norm(mean)

    def similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        pairs = zip(first, second, strict=True)
        return np.array([vector(a) @ vector(b) for a, b in pairs]).round(6)

    return similarity


def keyword_similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
    """Return each first text's BM25 score for its second, among all the second ones.

    It is rounded to 4 decimals, for the order of a sum's parts is no difference.
    """
    return keyword_scores(second, first).diagonal().round(4)


def token_matches_of(model: SentenceTransformer) -> Similarity:
    """Return late interaction: each token's best cosine on the other side, averaged.

    No pooling takes place. Both directions count alike. Source: after Khattab &
    Zaharia, SIGIR 2020, who go one way and train for it.
    """

    def tokens(texts: Sequence[str]) -> dict[str, np.ndarray]:
        unique = list(dict.fromkeys(texts))
        rows = model.encode(unique, output_value="token_embeddings")
        unit = [row / row.norm(dim=1, keepdim=True) for row in rows]
        return {text: row.cpu().numpy() for text, row in zip(unique, unit, strict=True)}

    def similarity(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        rows = tokens([*first, *second])
        matches = [rows[a] @ rows[b].T for a, b in zip(first, second, strict=True)]
        return np.array(
            [(m.max(axis=1).mean() + m.max(axis=0).mean()) / 2 for m in matches]
        )

    return similarity


def words_around(text: str, word: str, count: int) -> str:
    """Return a word of a text with up to `count` words on each side of it.

    Raises ValueError if the text doesn't hold the word.
    """
    words = re.findall(r"[\w'’]+", text)
    places = [i for i, found in enumerate(words) if found.lower() == word.lower()]
    if not places:
        raise ValueError(f"{word!r} does not stand in {text!r}")
    return " ".join(words[max(0, places[0] - count) : places[0] + count + 1])


_NEGATIONS = re.compile(
    r"\b(?:not|no|never|nobody|nothing|none|nowhere|neither|nor|without|cannot"
    r"|hardly|barely|rarely|seldom|few|little|\w+n['’]t)\b"
)


def negations(text: str) -> int:
    """Count a text's words of negation: not, n't, never, without, hardly, and so on.

    It sees no prefix (unfair) and no opposite (fell for rose).
    """
    return len(_NEGATIONS.findall(text.lower()))


_UNITS = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen", "twenty"),
]
_TENS = ["thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"]
_SPELLED = (
    {word: value for value, word in enumerate(_UNITS)}
    | {word: 10 * value for value, word in enumerate(_TENS, start=3)}
    | {word: value for value, word in enumerate(_ORDINALS, start=1)}
)
_LARGE = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}


def numbers(text: str) -> set[float]:
    """Return the numbers in a text, in digits or words: "1,200", "2.5", "eight".

    "two million" and "4.5 billion" are one number each. Units are not looked at.
    """
    found: list[float] = []
    open_number = False  # whether a word such as "million" would still belong to it
    plain = re.sub(r"(?<=\d),(?=\d{3})", "", text.lower())
    for word in re.findall(r"\d+(?:\.\d+)?|[a-z]+", plain):
        if word in _LARGE:
            if open_number:
                found[-1] *= _LARGE[word]
            continue
        open_number = word[0].isdigit() or word in _SPELLED
        if open_number:
            found.append(float(_SPELLED.get(word, word)))
    return set(found)


def names(text: str) -> set[str]:
    """Return what looks like a name or a code: capital letters or digits in the word.

    A text's first word has a capital letter anyway, so it counts only with a digit.
    """
    words = re.findall(r"\w+(?:[-.]\w+)*", text)
    return {
        word.lower()
        for place, word in enumerate(words)
        if re.search(r"\d" if place == 0 else r"[A-Z\d]", word) and word != "I"
    }


def missing(find: Callable[[str], set], first: str, second: str) -> float:
    """Return the share of what `find` sees in the first text that the second lacks.

    It is 0 where the first holds nothing of the kind: the rule then keeps silent.
    """
    asked = find(first)
    return len(asked - find(second)) / len(asked) if asked else 0.0


def turned(first: str, second: str) -> float:
    """Return 1 if one text is negated and the other isn't, by counting, else 0.

    Two negations in one text count as none.
    """
    return float(negations(first) % 2 != negations(second) % 2)


def reordered(first: str, second: str) -> float:
    """Return the share of shared words, taken two by two, that changed their order.

    A word counts where it first stands. With fewer than two shared words it is 0.
    """
    places = [
        {word: place for place, word in reversed([*enumerate(_words(text))])}
        for text in (first, second)
    ]
    shared = [word for word in places[0] if word in places[1]]
    pairs = list(combinations(shared, 2))
    flipped = sum(
        (places[0][a] < places[0][b]) != (places[1][a] < places[1][b]) for a, b in pairs
    )
    return flipped / len(pairs) if pairs else 0.0


def _words(text: str) -> list[str]:
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    words = re.findall(r"\w+", text.lower())
    return [word for word in words if word not in ENGLISH_STOP_WORDS]


Penalty = Callable[[str, str], float]
"""Two texts in, a number from 0 (nothing to object to) to 1 out."""

RULES: Mapping[str, Penalty] = {
    "roles": reordered,
    "negation": turned,
    "numbers": partial(missing, numbers),
    "names": partial(missing, names),
}
"""The rule that is tried against each kind of failure."""


def with_penalty(similarity: Similarity, penalty: Penalty, weight: float) -> Similarity:
    """Return a similarity less `weight` times a penalty for each pair of texts."""

    def lowered(first: Sequence[str], second: Sequence[str]) -> np.ndarray:
        pairs = zip(first, second, strict=True)
        taken = np.array([penalty(a, b) for a, b in pairs])
        return similarity(first, second) - weight * taken

    return lowered


def penalties_of_best(
    penalty: Penalty,
    scores: np.ndarray,
    queries: Sequence[str],
    texts: Sequence[str],
    depth: int = 50,
) -> np.ndarray:
    """Return the penalties of each query's `depth` best texts, shape (queries, texts).

    All other texts get 1, the most that a penalty can be: taken off the scores with any
    weight, it reorders the best ones and lets no other text overtake them.
    """
    taken = np.ones_like(scores)
    for row, query in enumerate(queries):
        for column in np.argsort(-scores[row], kind="stable")[:depth]:
            taken[row, column] = penalty(query, texts[column])
    return taken
