"""What the exercises of the clustering chapter check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from widgets.checks.verdict import NotYetError, examine_claims, number, verdict

# What holds, and why it does or doesn't
CLAIMS = {
    "a": (True, "points side by side are more alike than chance would have it"),
    "b": (False, "a map stretches gaps and shrinks them"),
    "c": (False, "twice the size on the map is not twice the difference"),
    "d": (False, "clumps appear in pure noise too, with few neighbours"),
    "e": (True, "another seed gives another picture"),
}


def check_claims(claims: Mapping[str, bool]) -> None:
    """Check which of five statements about a UMAP map a reader holds true."""

    def examine() -> str:
        examine_claims(claims, CLAIMS)
        return "trust the company, and neither gaps nor sizes nor clumps."

    verdict("claims", examine)


def check_starts(starts_needed: Callable[[float, float], int]) -> None:
    """Check the fewest starts that miss with at most a given chance."""
    cases = [(0.5, 0.5, 1), (0.5, 0.01, 7), (0.28, 0.05, 10), (0.28, 0.01, 15)]

    def examine() -> str:
        for luck, risk, expected in cases:
            call = f"starts_needed({luck}, {risk})"
            found = number("a number of starts", starts_needed(luck, risk), call)
            if found != expected:
                missed = (1 - luck) ** found
                raise NotYetError(
                    f"{call} gave {found:g}, expected {expected}: {found:g} starts all "
                    f"miss with a chance of {missed:.4f}."
                )
        return "fifteen starts turn a luck of 28 in 100 into 99 in 100."

    verdict("starts_needed", examine)


def check_pairs(pair_agreement: Callable[[Sequence, Sequence], float]) -> None:
    """Check the Rand index: the share of pairs that two clusterings treat alike."""
    cases = [
        ([0, 0, 1, 1], [5, 5, 2, 2], 1.0, "the same groups under other names"),
        ([0, 0, 1, 1], [0, 0, 0, 0], 1 / 3, "everything in one group"),
        ([0, 0, 1, 1], [0, 1, 2, 3], 2 / 3, "everyone alone"),
        ([0, 0, 0, 1, 1], [0, 0, 1, 1, 1], 0.6, "one item moved"),
    ]

    def examine() -> str:
        for one, other, expected, what in cases:
            call = f"pair_agreement({one}, {other})"
            found = number("an agreement", pair_agreement(one, other), call)
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f} ({what}). For "
                    "each pair ask both: together or apart? Count where they agree."
                )
        return "names don't matter, only who is with whom."

    verdict("pair_agreement", examine)


def check_silhouette(
    silhouette: Callable[[np.ndarray, np.ndarray, int], float],
) -> None:
    """Check the silhouette of one text, from distances (n, n), labels and its place."""
    line = np.array([0.0, 1.0, 2.0, 6.0, 7.0, 20.0])
    apart = np.abs(line[:, None] - line[None, :])
    cases = [
        ([0, 0, 0, 1, 1, 2], 0, (6.5 - 1.5) / 6.5, "well inside its cluster"),
        ([0, 0, 1, 1, 1, 2], 2, (1.5 - 4.5) / 4.5, "in the wrong cluster"),
        ([0, 0, 0, 1, 1, 2], 5, 0.0, "alone in its cluster: there we agree on 0.0"),
    ]

    def examine() -> str:
        for labels, place, expected, what in cases:
            call = f"silhouette(distances, {labels}, {place})"
            found = number(
                "a silhouette", silhouette(apart, np.array(labels), place), call
            )
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f} ({what}). Mean "
                    "distance a to the others of its own cluster, b to the nearest "
                    "other cluster: (b - a) / max(a, b)."
                )
        return "near 1 is well inside, 0 on the border, below 0 in the wrong cluster."

    verdict("silhouette", examine)


def check_weight(weight: Callable[[int, int, float], float]) -> None:
    """Check the weight of a word in class-based TF-IDF."""
    cases = [(4, 4, 100.0), (4, 40, 100.0), (0, 40, 100.0), (10, 1000, 250.0)]

    def examine() -> str:
        for here, everywhere, average in cases:
            call = f"weight({here}, {everywhere}, {average})"
            expected = here * np.log(1 + average / everywhere)
            found = number("a weight", weight(here, everywhere, average), call)
            if not abs(found - expected) < 1e-6:
                raise NotYetError(
                    f"{call} gave {found:.4f}, expected {expected:.4f}: the count "
                    "here, times the natural log of 1 + average / count everywhere."
                )
        return "a word that is everywhere names nothing."

    verdict("weight", examine)


def check_labels(labels: Sequence[int], topics: Sequence, to_beat: float) -> None:
    """Check a clustering of the whole corpus: nothing left out, and a higher ARI."""

    def examine() -> str:
        from sklearn.metrics import adjusted_rand_score

        if labels is None or labels is Ellipsis:
            raise NotYetError(
                "labels is nothing yet. Put one whole number per sentence there."
            )
        found = np.asarray(labels)
        if found.shape != (len(topics),):
            raise NotYetError(
                f"labels has the shape {found.shape}, but {len(topics)} sentences need "
                f"({len(topics)},): one label each."
            )
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            raise NotYetError("labels holds nan or infinity; give each sentence one.")
        left_out = int((found == -1).sum())
        if left_out:
            raise NotYetError(
                f"{left_out} sentences are left out (-1). Give each to a cluster, for "
                "example to the one whose mean is nearest."
            )
        reached = float(adjusted_rand_score(topics, found))
        if reached <= to_beat:
            raise NotYetError(
                f"{len(set(found.tolist()))} clusters reach an ARI of {reached:.3f}; "
                f"Ward reaches {to_beat:.3f}."
            )
        return (
            f"{len(set(found.tolist()))} clusters, ARI {reached:.3f} against Ward's "
            f"{to_beat:.3f}. Would you have known without the topics?"
        )

    verdict("labels", examine)
