"""What the exercises of the search chapter check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from widgets.checks.verdict import (
    NotYetError,
    answered,
    examine_claims,
    number,
    verdict,
)
from widgets.search import keyword_scores, measure

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

# What holds, and why it does or doesn't
CLAIMS = {
    "a": (False, "a score ranks the hits of one query, and says little across queries"),
    "b": (True, "its vectors have length 1, so that dividing by it changes nothing"),
    "c": (False, "some sentence is always nearest, and it is returned"),
    "d": (
        True,
        "the pieces of an unknown name mean nothing, and rare words count most",
    ),
    "e": (False, "where keywords know next to nothing, half of the vote is noise"),
}


def check_claims(claims: Mapping[str, bool]) -> None:
    """Check which of five statements about a search a reader holds true."""

    def examine() -> str:
        examine_claims(claims, CLAIMS)
        return "a score ranks the hits of one query, and it says no more."

    verdict("claims", examine)


def check_cosine(cosine: Callable[[np.ndarray, np.ndarray], float]) -> None:
    """Check a function that gives the cosine of two vectors, 0.0 for a zero vector."""
    cases = [
        ([1.0, 0.0], [0.0, 2.0], 0.0, "at right angles"),
        ([3.0, 4.0], [6.0, 8.0], 1.0, "in the same direction, of different length"),
        ([1.0, 1.0], [-2.0, -2.0], -1.0, "in opposite directions"),
        ([1.0, 2.0, 2.0], [2.0, 1.0, 2.0], 8 / 9, "of length 3 each"),
        ([0.0, 0.0], [1.0, 2.0], 0.0, "one of them zero: there we agree on 0.0"),
    ]

    def examine() -> str:
        for a, b, expected, what in cases:
            call = f"cosine({a}, {b})"
            with np.errstate(all="ignore"):
                found = number("a cosine", cosine(np.array(a), np.array(b)), call)
            # A NaN is close to nothing, so it fails here too
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f} "
                    f"(two vectors {what})."
                )
        return "direction counts, length doesn't, and a zero vector is no accident."

    verdict("cosine", examine)


def check_top_k(
    top_k: Callable[[np.ndarray, np.ndarray, int], Sequence[tuple[int, float]]],
) -> None:
    """Check a function that gives the k best (index, score) pairs, best first."""
    vectors = np.eye(4)[[0, 1, 1, 2, 3]]
    query = np.array([0.1, 0.7, 0.3, 0.2])

    def examine() -> str:
        for k, expected in ((1, [1]), (3, [1, 2, 3]), (9, [1, 2, 3, 4, 0])):
            call = f"top_k(query, vectors, {k})"
            hits = answered(top_k(query, vectors, k), call)
            pairs = [(int(index), float(score)) for index, score in hits]
            found = [index for index, _ in pairs]
            if len(found) != len(expected):
                raise NotYetError(
                    f"{call} gave {len(found)} hits, expected {len(expected)}: "
                    "k of them, or all where there are fewer."
                )
            if found[:1] == [2]:
                raise NotYetError(
                    f"{call} puts 2 before 1; their scores are equal, so the earlier "
                    "one goes first (a stable sort does that)."
                )
            if found == expected[::-1] and k > 1:
                raise NotYetError(f"{call} is in the wrong order: the best goes first.")
            if found != expected:
                raise NotYetError(f"{call} gave {found}, expected {expected}.")
            scores = vectors @ query
            if not np.allclose([score for _, score in pairs], scores[found]):
                raise NotYetError(f"{call} has the right hits with the wrong scores.")
        return "the best k, best first, ties in the corpus's order."

    verdict("top_k", examine)


def check_reciprocal_rank(
    reciprocal_rank: Callable[[Sequence[str], set[str]], float],
) -> None:
    """Check a function that gives 1 / rank of the first fitting hit, else 0."""
    cases = [
        (["a", "b", "c"], {"a"}, 1.0),
        (["a", "b", "c"], {"c"}, 1 / 3),
        (["a", "b", "c", "d"], {"d", "b"}, 1 / 2),
        (["a", "b"], {"z"}, 0.0),
        ([], {"a"}, 0.0),
    ]

    def examine() -> str:
        for ranked, fitting, expected in cases:
            call = f"reciprocal_rank({ranked}, {sorted(fitting)})"
            found = number("a reciprocal rank", reciprocal_rank(ranked, fitting), call)
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f}. "
                    "Ranks start at 1, and the first fitting hit decides."
                )
        return "only the first fitting hit counts, and no fitting hit counts 0."

    verdict("reciprocal_rank", examine)


def check_threshold(
    threshold: object, best: Sequence[float], share: float = 0.25
) -> None:
    """Check the smallest threshold that at most a share of hopeless queries pass.

    `best` holds each hopeless query's best score; the threshold has two decimals.
    """

    def examine() -> str:
        tops = np.asarray(best)
        cut = number("a threshold", threshold, "Your threshold")
        passing = float((tops >= cut).mean())
        if passing > share:
            raise NotYetError(
                f"at {cut:.2f} still {passing:.0%} of the hopeless queries get a hit; "
                f"at most {share:.0%} may. Go higher."
            )
        if float((tops >= round(cut - 0.01, 2)).mean()) <= share:
            raise NotYetError(
                f"{cut:.2f} does it, but {cut - 0.01:.2f} does too. Go lower."
            )
        return f"at {cut:.2f} only {passing:.0%} of the hopeless queries get a hit."

    verdict("threshold", examine)


def check_weighted_fusion(
    fuse: Callable[[int, int, float], float],
) -> None:
    """Check reciprocal rank fusion of two ranks, with a weight for the second."""
    cases = [(1, 1, 1.0), (1, 1280, 1.0), (3, 2, 0.5), (10, 1, 0.0)]

    def examine() -> str:
        for dense, keyword, weight in cases:
            call = f"fuse({dense}, {keyword}, {weight})"
            expected = 1 / (60 + dense) + weight / (60 + keyword)
            found = number("a fused score", fuse(dense, keyword, weight), call)
            if not abs(found - expected) < 1e-9:
                raise NotYetError(
                    f"{call} gave {found:.5f}, expected {expected:.5f}: "
                    "1 / (60 + the first rank), plus the weight / (60 + the second)."
                )
        return "ranks are fused, not scores, and a weight says whom to trust more."

    verdict("fuse", examine)


def check_own_search(
    texts: Sequence[str],
    fitting: Mapping[str, Sequence[int]],
    found: Mapping[str, float],
    model: SentenceTransformer,
) -> None:
    """Check a small search of a reader's own: its size, and its two mean MRRs.

    `fitting` holds each query's fitting places in `texts`, and `found` the mean
    reciprocal rank by "meaning" and by "keywords", which is computed anew.
    """

    def examine() -> str:
        _examine_own_texts(texts, fitting)
        right = np.zeros((len(fitting), len(texts)), dtype=int)
        for row, places in enumerate(fitting.values()):
            right[row, list(places)] = 2
        by_meaning = model.encode(list(fitting)) @ model.encode(list(texts)).T
        scores = {
            "meaning": by_meaning,
            "keywords": keyword_scores(texts, list(fitting)),
        }
        reached = {}
        for name, matrix in scores.items():
            reached[name] = float(measure(matrix, right)["MRR"].mean())
            given = number("an MRR", found[name], f"The MRR by {name}")
            if not abs(given - reached[name]) < 0.005:
                raise NotYetError(
                    f"the MRR by {name.removesuffix('s')} is {reached[name]:.3f}, and "
                    f"yours is {given:.3f}. Average 1 / rank of the first fitting text "
                    "over all queries; one that isn't found counts 0."
                )
        return (
            f"{len(texts)} texts, {len(fitting)} queries; MRR {reached['meaning']:.2f} "
            f"by meaning and {reached['keywords']:.2f} by keyword."
        )

    verdict("your search", examine)


def _examine_own_texts(
    texts: Sequence[str], fitting: Mapping[str, Sequence[int]]
) -> None:
    if texts is None or texts is Ellipsis:
        raise NotYetError("there are no texts yet. Put a list where the dots are.")
    if len(set(texts)) < 20:
        raise NotYetError(
            f"these are {len(set(texts))} different texts; take at least twenty."
        )
    if fitting is None or fitting is Ellipsis or len(fitting) < 8:
        count = 0 if fitting is None or fitting is Ellipsis else len(fitting)
        raise NotYetError(f"these are {count} queries; write at least eight.")
    for query, places in fitting.items():
        if query in texts:
            raise NotYetError(
                f"{query!r} is one of the texts, so that finding it shows nothing. "
                "Ask as somebody would who hasn't read it."
            )
        if not len(places):
            raise NotYetError(f"nothing fits {query!r}; give each query its answer.")
        if outside := [p for p in places if p not in range(len(texts))]:
            raise NotYetError(
                f"{query!r} has the place {outside[0]}; places are counted from 0, and "
                f"the last text is at {len(texts) - 1}."
            )
