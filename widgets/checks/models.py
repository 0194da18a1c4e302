"""What the exercises of the chapter on choosing a model check."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

from widgets.checks.verdict import NotYetError, answered, number, verdict

NEEDS = {
    "fast": "all-MiniLM-L6-v2",
    "best English similarity": "all-mpnet-base-v2",
    "dot product": "multi-qa-mpnet-base-dot-v1",
    "German": "paraphrase-multilingual-mpnet-base-v2",
}
"""Each need, and the only one of the document's four models that meets it."""


def check_needs(answer: Mapping[str, object]) -> None:
    """Check which of the document's four models meets which need."""

    def examine() -> str:
        for need, model in NEEDS.items():
            given = answer.get(need)
            if given is None or given is Ellipsis:
                raise NotYetError(
                    f"there is no model for {need!r}. Put its name where the dots are."
                )
            if given not in NEEDS.values():
                raise NotYetError(f"{given!r} is none of the document's four models.")
            if given != model:
                raise NotYetError(
                    f"{given} is not the one for {need!r}: look at its row."
                )
        return "speed, quality, the score it was trained for, the languages it read."

    verdict("answer", examine)


def check_front(
    front: Callable[[Sequence[tuple[str, float, float]]], Collection[str]],
) -> None:
    """Check a function that names the models that no other one beats.

    It is given (name, speed, quality) and returns the names on the Pareto front.
    """
    cases = [
        ([("a", 1, 80)], {"a"}, "one alone can't be beaten"),
        ([("a", 1, 80), ("b", 2, 90)], {"b"}, "b is faster and better"),
        ([("a", 1, 90), ("b", 2, 80)], {"a", "b"}, "each wins once"),
        (
            [("a", 1, 90), ("b", 2, 90), ("c", 9, 10)],
            {"b", "c"},
            "b is as good as a, and faster",
        ),
        ([("a", 1, 90), ("b", 1, 90)], {"a", "b"}, "equal ones don't beat each other"),
        (
            [("d", 3, 70), ("a", 1, 90), ("c", 2, 60), ("b", 2, 80)],
            {"a", "b", "d"},
            "only c is beaten, by b and by d",
        ),
    ]

    def examine() -> str:
        for models, expected, why in cases:
            call = f"front({models})"
            found = answered(front(models), call)
            if set(found) != expected:
                raise NotYetError(
                    f"{call} gave {sorted(found)}, expected {sorted(expected)}: {why}."
                )
        return "what is beaten goes, what wins at anything stays."

    verdict("front", examine)


def check_cut(cut: Callable[[np.ndarray, int], np.ndarray]) -> None:
    """Check a function that keeps each vector's first k numbers, at length 1 again."""
    vectors = np.array([[3.0, 4.0, 12.0], [0.0, 2.0, 1.0]])

    def examine() -> str:
        for kept in (1, 2, 3):
            call = f"clean_cut(vectors, {kept})"
            found = answered(cut(vectors.copy(), kept), call)
            found = np.asarray(found, dtype=float)
            if found.shape != (2, kept):
                raise NotYetError(
                    f"{call} has the shape {found.shape}, expected {(2, kept)}."
                )
            part = vectors[:, :kept]
            lengths = np.linalg.norm(part, axis=1, keepdims=True)
            expected = part / np.where(lengths > 0, lengths, 1)
            if np.allclose(found, part) and not np.allclose(part, expected):
                raise NotYetError(
                    f"{call} is cut, and its rows are no longer of length 1. "
                    "Divide each by its own length."
                )
            if not np.allclose(found, expected):
                raise NotYetError(
                    f"{call} gave {found.round(4).tolist()}, "
                    f"expected {expected.round(4).tolist()}. Divide each row by its "
                    "own length, and leave a row of zeros alone."
                )
        return "cut first, then to length 1 again: else a dot product is no cosine."

    verdict("clean_cut", examine)


def check_shared(
    shared: Callable[[Sequence[int], Sequence[int]], float],
) -> None:
    """Check a function that gives the share of one list's hits that another has too."""
    cases = [
        ([1, 2, 3, 4], [4, 3, 2, 1], 1.0, "order inside the list doesn't count"),
        ([1, 2, 3, 4], [1, 2, 8, 9], 0.5, "two of four"),
        ([1, 2], [3, 4], 0.0, "none"),
        ([5, 6, 7, 8, 9], [9, 1, 2, 3, 4], 0.2, "one of five"),
    ]

    def examine() -> str:
        for exact, found, expected, why in cases:
            call = f"share({exact}, {found})"
            given = number("a share", shared(exact, found), call)
            if not abs(given - expected) < 1e-9:
                raise NotYetError(
                    f"{call} gave {given:.3f}, expected {expected:.3f}: {why}."
                )
        return "that is the overlap of every table in this chapter."

    verdict("share", examine)


def check_rounding(
    round_rows: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
) -> None:
    """Check a function that rounds each row to int8 with a scale of its own.

    It returns whole numbers from -127 to 127, and one scale a row, so that the numbers
    times the scale are near the row.
    """
    cases = [
        np.array([[1.27, -0.64, 0.0]]),
        np.array([[127.0, 1.0, -50.0], [0.00127, 0.0005, -0.0012]]),
        np.array([[0.0, 0.0], [2.0, -4.0]]),
    ]

    def examine() -> str:
        for matrix in cases:
            call = f"round_rows({matrix.tolist()})"
            answer = answered(round_rows(matrix.copy()), call)
            whole, scale = (np.asarray(part, dtype=float) for part in answer)
            scale = scale.reshape(-1)
            if whole.shape != matrix.shape or len(scale) != len(matrix):
                raise NotYetError(
                    f"{call} gave shapes {whole.shape} and {scale.shape}: whole "
                    "numbers in the matrix's shape, and one scale a row."
                )
            if not (np.isfinite(whole).all() and np.isfinite(scale).all()):
                raise NotYetError(f"{call} divides by zero: mind the row of zeros.")
            if np.abs(whole).max() > 127 or (whole != np.rint(whole)).any():
                raise NotYetError(
                    f"{call} must give whole numbers from -127 to 127; yours reach "
                    f"{np.abs(whole).max():.4g}."
                )
            off = np.abs(whole * scale[:, None] - matrix).max(axis=1)
            allowed = np.abs(matrix).max(axis=1) / 127 / 2 + 1e-12
            for row in np.flatnonzero(off > allowed * 1.001):
                raise NotYetError(
                    f"{call}: row {row} comes back {off[row]:.2g} off, more than half "
                    f"a step ({allowed[row]:.2g}). Each row needs a scale of its own, "
                    "its greatest size / 127."
                )
        return "a large row no longer drowns a small one."

    verdict("round_rows", examine)


def check_bill(
    bill: Callable[[int, int, int, float], tuple[float, float]],
) -> None:
    """Check a function that gives an index's size and the hours to encode it.

    It is given the sentences, the dimensions, the bytes a number takes and the
    sentences a second, and returns (gigabytes of a billion bytes, hours).
    """
    cases = [
        (1_000_000, 384, 4, 300.0),
        (1_000_000, 768, 4, 45.0),
        (10_000, 384, 1, 10.0),
    ]

    def examine() -> str:
        for sentences, dimensions, size, speed in cases:
            call = f"bill({sentences}, {dimensions}, {size}, {speed})"
            answer = answered(bill(sentences, dimensions, size, speed), call)
            space, hours = answer
            for what, found, expected in (
                ("the gigabytes", space, sentences * dimensions * size / 1e9),
                ("the hours", hours, sentences / speed / 3600),
            ):
                given = number(what, found, call)
                if not abs(given - expected) <= 1e-6 * expected:
                    raise NotYetError(
                        f"{call}: {what} are {given:.4g}, expected {expected:.4g}."
                    )
        return "now put your own corpus and your own speed in."

    verdict("bill", examine)
