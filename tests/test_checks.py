"""What all checks share: the one line, how an answer is read, how marks are given.

What each check says of right and wrong answers stands in the sources of the exercises
(tests/test_exercises.py).
"""

import hashlib
import pkgutil
import re
from collections.abc import Mapping
from itertools import combinations, count

import numpy as np
import pytest

from widgets import checks
from widgets.checks import (
    clustering,
    failures,
    failures_at_work,
    mechanism,
    models,
    search,
)
from widgets.checks.verdict import (
    NotYetError,
    examine_claims,
    number,
    told,
    truth,
    verdict,
)
from widgets.probes import load_probes


def fault(what, outcome):
    return pytest.mark.fault(what, outcome)


def test_a_check_prints_one_line_and_raises_nothing(capsys):
    verdict("sum", lambda: "it adds.")
    verdict("sum", lambda: number("a sum", ..., "sum(1, 2)"))
    verdict("sum", lambda: 1 / 0)
    assert capsys.readouterr().out.splitlines() == [
        "Right: it adds.",
        "Not yet: sum(1, 2) gave nothing. Put your code where the dots are.",
        "Not yet: sum stopped with ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize("value", [3, 3.0, np.float32(3), np.array([[3]])])
def test_one_number_is_read_in_any_form(value):
    assert number("a sum", value, "sum(1, 2)") == 3.0


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "gave nothing"), (..., "gave nothing"), ([1, 2], "gave 2 numbers")],
)
def test_what_is_no_number_is_named(value, words):
    with pytest.raises(NotYetError, match=words):
        number("a sum", value, "sum(1, 2)")


@pytest.mark.parametrize(
    ("claims", "words"),
    [({"a": True}, "b has no answer"), ({"a": False, "b": False}, "a again: it is so")],
)
def test_claims_are_read_in_order(claims, words):
    truths = {"a": (True, "it is so"), "b": (False, "it isn't")}
    with pytest.raises(NotYetError, match=words):
        examine_claims(claims, truths)
    examine_claims({"a": True, "b": 0}, truths)


@pytest.mark.parametrize("value", [np.nan, 2, "False", [True, False], object(), 1j])
def test_what_is_neither_true_nor_false_is_named(value):
    with pytest.raises(NotYetError, match="True or False is meant"):
        truth(value, "denies(a, b)")
    with pytest.raises(NotYetError, match="True or False is meant"):
        examine_claims({"a": value}, {"a": (True, "it is so")})


@pytest.mark.parametrize("value", [True, 1, 1.0, np.bool_(True), np.array([[True]])])
def test_true_is_read_in_any_form(value):
    assert truth(value, "denies(a, b)") is True
    assert truth(1 - np.asarray(value), "denies(a, b)") is False


def test_claims_in_no_dict_are_told_the_form():
    with pytest.raises(NotYetError, match=r"claims is a list\. Put True or False"):
        examine_claims([True], {"a": (True, "it is so")})


def test_marks_are_given_by_the_last_line():
    def add(a, b):
        print("adding", a, b)
        return np.nan

    def check(answer):
        verdict("sum", lambda: f"{answer(1, 2)}.")

    assert told(check, add) == "Right: nan."


@fault("an answer that is nan", "a line that names it, and Not yet")
def test_a_nan_is_not_right():
    assert "gave nan" in told(search.check_cosine, lambda a, b: np.nan)


@fault("a threshold that is nan", "a line that names it, and Not yet")
def test_a_threshold_that_is_nan_is_not_right():
    said = told(
        failures_at_work.check_cheapest, lambda answers, hopeless, wrong: np.nan
    )
    assert "gave nan" in said


@fault("a tuning that blew up to nan", "a line that says so, and what to try")
def test_a_pupil_whose_training_blew_up_is_not_right():
    class BlownUp:
        def encode(self, texts, **_):
            return np.full((len(texts), 384), np.nan, np.float32)

    before = {trade: {"fails": 9, "margin": 0.1} for trade in ("medicine", "everyday")}
    assert "learning rate" in told(failures_at_work.check_pupil, BlownUp(), before)


def test_a_probe_without_a_cosine_is_not_right():
    probe = ("The dog bit the man.", "A dog bit the man.", "The man bit the dog.")
    said = told(failures.check_own_probe, probe, lambda *texts: [np.nan, np.nan])
    assert said.startswith("Not yet: ")


def test_a_single_sentence_left_out_is_counted():
    labels, topics = [0, 0, 0, 1, 1, -1], ["tea"] * 3 + ["sea"] * 3
    assert "1 sentences are left out" in told(
        clustering.check_labels, labels, topics, 0.1
    )


# A right answer, spoiled


def in_batch(scores):
    scores = scores - scores.max(axis=1, keepdims=True)
    return np.log(np.exp(scores).sum(axis=1)).mean() - np.diag(scores).mean()


def pair_agreement(one, other):
    pairs = list(combinations(range(len(one)), 2))
    return np.mean([(one[a] == one[b]) == (other[a] == other[b]) for a, b in pairs])


def silhouette(distances, labels, place):
    own = labels[place]
    others = np.flatnonzero((labels == own) & (np.arange(len(labels)) != place))
    if not len(others):
        return 0.0
    a = distances[place, others].mean()
    b = min(distances[place, labels == k].mean() for k in set(labels) - {own})
    return (b - a) / max(a, b)


def top_k(query, vectors, k):
    scores = vectors @ query
    return [(i, scores[i]) for i in np.argsort(-scores, kind="stable")[:k]]


def cosine(a, b):
    return a @ b / ((np.linalg.norm(a) * np.linalg.norm(b)) or 1)


def reciprocal_rank(ranked, fitting):
    return next((1 / n for n, hit in enumerate(ranked, 1) if hit in fitting), 0.0)


def front(models):
    def beaten(a):
        return any(b[1] >= a[1] and b[2] >= a[2] and b[1:] != a[1:] for b in models)

    return {model[0] for model in models if not beaten(model)}


def cut(vectors, k):
    lengths = np.linalg.norm(vectors[:, :k], axis=1, keepdims=True)
    return vectors[:, :k] / np.where(lengths > 0, lengths, 1)


def round_rows(matrix):
    scale = np.abs(matrix).max(axis=1) / 127
    return np.rint(matrix / np.where(scale > 0, scale, 1)[:, None]), scale


def windows_of(words, size, step):
    starts = range(0, max(len(words) - size, 0) + step, step)
    return [words[start : start + size] for start in starts]


def cheapest(answers, hopeless, wrong):
    def cost(at):
        lost = sum(score <= at for score in answers)
        return lost + wrong * sum(score > at for score in hopeless)

    return min([-1.0, *answers, *hopeless], key=cost)


def missing_codes(first, second):
    words = [
        {word.strip(".,?!") for word in text.split() if re.search(r"\d", word)}
        for text in (first, second)
    ]
    return len(words[0] - words[1]) / max(len(words[0]), 1)


def denies(first, second):
    words = {"no", "not", "never", "nobody", "nothing", "without"}

    def count(text):
        found = re.findall(r"[\w']+", text.lower())
        return sum(word in words or word.endswith("n't") for word in found)

    return (count(first) % 2) != (count(second) % 2)


NUMBERS = {(probe.anchor, probe.changed) for probe in load_probes("numbers")}
TOPICS = ["tea", "sea", "sky"] * 4
TEXTS = [f"{chr(97 + n) * 3} says this" for n in range(20)]


class Places:
    """A model to which each text's first letter is all that there is."""

    def encode(self, texts, **_):
        return np.eye(26)[[ord(text[0]) - 97 for text in texts]]


def always_alike(first, second):
    return np.ones(len(first))


def nearer_if_longer(first, second):
    return np.array([len(text) / 100 for text in second])


RIGHT = {
    mechanism: {
        "check_claims": ({**dict.fromkeys("abe", False), "c": True, "d": True},),
        "check_mean_pool": (lambda t, m: (t * m[:, None]).sum(0) / m.sum(),),
        "check_max_pool": (lambda t, m: t[m == 1].max(0),),
        "check_hours": (lambda n: 65 * n * (n - 1) / (10_000 * 9_999),),
        "check_triplet": (
            lambda a, p, n, margin: max(
                0.0, np.linalg.norm(a - p) - np.linalg.norm(a - n) + margin
            ),
        ),
        "check_in_batch": (in_batch,),
        "check_fewer_pairs": ({"few": 40.0, "all": 70.0}, 20.0),
    },
    clustering: {
        "check_claims": ({**dict.fromkeys("bcd", False), "a": True, "e": True},),
        "check_starts": (lambda p, r: int(np.ceil(np.log(r) / np.log(1 - p))),),
        "check_pairs": (pair_agreement,),
        "check_silhouette": (silhouette,),
        "check_weight": (lambda here, n, mean: here * np.log(1 + mean / n),),
        "check_labels": ([0, 1, 2] * 4, TOPICS, 0.5),
    },
    models: {
        "check_needs": (models.NEEDS,),
        "check_front": (front,),
        "check_cut": (cut,),
        "check_shared": (lambda a, b: len({*a} & {*b}) / len(a),),
        "check_rounding": (round_rows,),
        "check_bill": (lambda n, d, s, v: (n * d * s / 1e9, n / v / 3600),),
    },
    search: {
        "check_claims": ({**dict.fromkeys("ace", False), "b": True, "d": True},),
        "check_cosine": (cosine,),
        "check_top_k": (top_k,),
        "check_reciprocal_rank": (reciprocal_rank,),
        "check_threshold": (0.31, [0.1, 0.2, 0.3, 0.4]),
        "check_weighted_fusion": (lambda a, b, w: 1 / (60 + a) + w / (60 + b),),
        "check_own_search": (
            TEXTS,
            {f"{chr(97 + n) * 3}?": [n] for n in range(8)},
            {"meaning": 1.0, "keywords": 1.0},
            Places(),
        ),
    },
    failures: {
        "check_claims": ({"a": True, **dict.fromkeys("bcd", False)}, always_alike),
        "check_failed": (lambda same, changed: changed >= same,),
        "check_denies": (denies,),
        "check_missing_codes": (missing_codes,),
        "check_own_probe": (
            ("cat bit dog", "a dog was bitten", "dog bit cat"),
            nearer_if_longer,
        ),
        "check_penalty": (lambda *pair: float(pair in NUMBERS), always_alike),
    },
    failures_at_work: {
        "check_faults": (
            {name: one for name, (one, _) in failures_at_work.FAULTS.items()},
        ),
        "check_windows": (windows_of,),
        "check_hours": (
            lambda n, v, cached=0, machines=1: n * (1 - cached) / machines / v / 3600,
        ),
        "check_cache_key": (
            lambda *pair: hashlib.sha256(repr(pair).encode()).hexdigest(),
        ),
        "check_cheapest": (cheapest,),
    },
}
CASES = [
    pytest.param(getattr(module, name), answers, id=f"{module.__name__}-{name}")
    for module, checks in RIGHT.items()
    for name, answers in checks.items()
]
SPOILS = {"nan": np.nan, "inf": np.inf, "None": None, "dots": ..., "an empty list": []}
# Above every score lies a threshold that lets nothing pass: it may well be the cheapest
SOUND = {("check_cheapest", "inf")}
CALLS = 6  # of a function that is checked, as many at most are spoiled in turn


def spoiled(value, put):
    """Yield a value with `put` in its own place, and in that of each of its parts."""
    yield put
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from (value | {key: one} for one in spoiled(part, put))
    elif isinstance(value, list | tuple):
        for n, part in enumerate(value):
            for one in spoiled(part, put):
                yield type(value)([*value[:n], one, *value[n + 1 :]])
    elif isinstance(value, np.ndarray) and isinstance(put, float):
        for n in range(value.size):
            other = value.astype(float)
            other.flat[n] = put
            yield other


def spoiled_calls(answer, put, calls):
    """Yield functions that answer rightly but for one call, and its number."""

    def answering(at, other):
        numbers = count()
        return lambda *a, **b: other if next(numbers) == at else answer(*a, **b)

    for at, (given, named) in enumerate(calls[:CALLS]):
        for other in spoiled(answer(*given, **named), put):
            yield answering(at, other)


@pytest.mark.parametrize(("check", "answers"), CASES)
@pytest.mark.filterwarnings("ignore")
@fault(
    "a right answer with one number or part that is nan, infinite or missing",
    "a line that begins with Not yet",
)
def test_a_right_answer_is_right_and_a_spoiled_one_is_not(check, answers):
    answer, *given = answers
    calls = []

    def noting(*some, **named):
        calls.append((some, named))
        return answer(*some, **named)

    line = told(check, noting if callable(answer) else answer, *given)
    assert line.startswith("Right: ")
    for name, put in SPOILS.items():
        if (check.__name__, name) in SOUND:
            continue
        others = spoiled_calls(answer, put, calls) if calls else spoiled(answer, put)
        for place, other in enumerate(others):
            line = told(check, other, *given)
            assert line.startswith("Not yet: "), (name, place, line)


def test_every_check_has_a_right_answer_here():
    modules = {found.name for found in pkgutil.iter_modules(checks.__path__)}
    assert {module.__name__.rpartition(".")[2] for module in RIGHT} == modules - {
        "verdict"
    }
    for module, known in RIGHT.items():
        there = {name for name in dir(module) if name.startswith("check_")}
        # A tuned model has tests of its own, above
        assert there - {"check_pupil"} == known.keys()
