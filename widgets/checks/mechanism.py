"""What the exercises of the chapter on the mechanism check."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from widgets.checks.verdict import (
    NotYetError,
    answered,
    examine_claims,
    number,
    verdict,
)

TOKENS = np.array([[2.0, -4.0], [4.0, -2.0], [9.0, 9.0]])
CLAIMS = {
    "a": (False, "the rows know their places before they are averaged"),
    "b": (False, "shuffle one encoder's axes and it is as good, and not comparable"),
    "c": (True, "leave the mask out, and only the cosine shows it"),
    "d": (True, "without the difference it did far worse"),
    "e": (False, "sharing makes vectors comparable; a fresh encoder shares too"),
}


def _vector(value: object, call: str) -> np.ndarray:
    found = np.asarray(answered(value, call), dtype=float)
    if found.shape != (2,):
        raise NotYetError(
            f"{call} gave an array of shape {found.shape}; one vector of 2 is meant."
        )
    return found


def _check_pool(
    name: str,
    pool: Callable[[np.ndarray, np.ndarray], np.ndarray],
    cases: list[tuple[list[int], list[float], str]],
    praise: str,
) -> None:
    def examine() -> str:
        for mask, expected, what in cases:
            call = f"{name}(tokens, {mask})"
            found = _vector(pool(TOKENS.copy(), np.array(mask)), call)
            if not np.allclose(found, expected):
                raise NotYetError(
                    f"{call} gave {found.round(4).tolist()}, expected {expected}: "
                    f"{what}."
                )
        return praise

    verdict(name, examine)


def check_claims(claims: Mapping[str, bool]) -> None:
    """Check which of five statements about the mechanism a reader holds true."""

    def examine() -> str:
        examine_claims(claims, CLAIMS)
        return "pooling keeps more than is said, and training does the rest."

    verdict("claims", examine)


def check_mean_pool(mean_pool: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check masked mean pooling over tokens (t, d) with a mask (t,)."""
    cases = [
        ([1, 1, 1], [5.0, 1.0], "all three rows are tokens"),
        ([1, 1, 0], [3.0, -3.0], "the last row is padding, so it counts for nothing"),
        ([0, 1, 0], [4.0, -2.0], "one row is a token"),
    ]
    _check_pool(
        "mean_pool",
        mean_pool,
        cases,
        "padding neither adds to the sum nor to the count.",
    )


def check_max_pool(max_pool: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> None:
    """Check masked max pooling over tokens (t, d) with a mask (t,)."""
    cases = [
        ([1, 1, 1], [9.0, 9.0], "the largest number of each column"),
        ([1, 1, 0], [4.0, -2.0], "padding must never win, and a padding of 0 would"),
        ([1, 0, 0], [2.0, -4.0], "one token is its own maximum"),
    ]
    _check_pool(
        "max_pool",
        max_pool,
        cases,
        "padding can't win, not even over negative numbers.",
    )


def check_hours(hours: Callable[[int], float]) -> None:
    """Check hours for all pairs of n sentences, at 65 hours for 10,000."""

    def examine() -> str:
        for n in (10_000, 20_000, 100, 2, 1):
            call = f"hours({n})"
            found = number("a time", hours(n), call)
            expected = 65 * n * (n - 1) / (10_000 * 9_999)
            if not abs(found - expected) <= 1e-6 * max(expected, 1e-9):
                raise NotYetError(
                    f"{call} gave {found:.4g}, expected {expected:.4g}: "
                    "hours go with the number of pairs, n (n - 1) / 2."
                )
        return "twice the sentences, four times the hours."

    verdict("hours", examine)


def check_triplet(
    triplet: Callable[[np.ndarray, np.ndarray, np.ndarray, float], float],
) -> None:
    """Check the triplet loss: distances as lengths of differences, never below 0."""
    anchor, near, far = np.array([0.0, 0]), np.array([3.0, 4]), np.array([6.0, 8])
    cases = [
        ("anchor, near, far, 1.0", (anchor, near, far, 1.0), 0.0),
        ("anchor, far, near, 1.0", (anchor, far, near, 1.0), 6.0),
        ("anchor, near, near, 0.5", (anchor, near, near, 0.5), 0.5),
        ("anchor, near, far, 6.0", (anchor, near, far, 6.0), 1.0),
    ]

    def examine() -> str:
        for names, values, expected in cases:
            call = f"triplet({names})"
            found = number("a loss", triplet(*values), call)
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f}; near lies 5 "
                    "from the anchor and far 10. Without a debt there is no loss."
                )
        return "a triplet that keeps the margin teaches nothing more."

    verdict("triplet", examine)


def check_in_batch(in_batch: Callable[[np.ndarray], float]) -> None:
    """Check the loss of in-batch negatives over a matrix of scaled scores (n, n)."""
    cases = [
        ("[[0, 0], [0, 0]]", np.zeros((2, 2)), np.log(2)),
        ("[[9, 0], [0, 9]]", 9.0 * np.eye(2), np.log1p(np.exp(-9.0))),
        ("[[0, 9], [0, 9]]", np.array([[0.0, 9], [0, 9]]), 4.5 + np.log1p(np.exp(-9))),
        ("[[900, 0], [0, 900]]", 900.0 * np.eye(2), 0.0),
    ]

    def examine() -> str:
        for name, scores, expected in cases:
            call = f"in_batch({name})"
            with np.errstate(all="ignore"):
                found = number("a loss", in_batch(scores), call)
            if np.isnan(found):
                raise NotYetError(
                    f"{call} gave nan: such a number is too large for exp. Take each "
                    "row's maximum away first; the loss stays the same."
                )
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f}: each row's "
                    "partner stands on the diagonal; average over the rows."
                )
        return "the diagonal is right, each other column is a wrong answer."

    verdict("in_batch", examine)


def check_fewer_pairs(found: Mapping[str, float], before: float) -> None:
    """Check the project: an encoder trained on few pairs, and one on all of them.

    `found` holds a Spearman (times 100) for "few" and for "all".
    """

    def examine() -> str:
        scores = {}
        for name in ("few", "all"):
            given = found.get(name, ...) if isinstance(found, Mapping) else ...
            scores[name] = number("a Spearman", given, f'found["{name}"]')
            if not -100 <= scores[name] <= 100 or 0 < abs(scores[name]) <= 1:
                raise NotYetError(
                    f'found["{name}"] is {scores[name]:.2f}; `spearman` gives the '
                    "correlation times 100."
                )
        if scores["all"] < before + 15:
            raise NotYetError(
                f"all pairs gave {scores['all']:.1f}, hardly more than the "
                f"{before:.1f} before training. Train `fresh_encoder(model)`, with "
                "epochs and lr as in the chapter."
            )
        if scores["few"] >= scores["all"]:
            raise NotYetError(
                f"few pairs gave {scores['few']:.1f} and all {scores['all']:.1f}. "
                "Did each run begin with an encoder of its own?"
            )
        return "the same few pairs, however often, teach less than new ones."

    verdict("found", examine)
