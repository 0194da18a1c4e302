"""What all checks share: the one line, how an answer is read, how marks are given.

What each check says of right and wrong answers stands in the sources of the exercises
(tests/test_exercises.py).
"""

import numpy as np
import pytest

from widgets.checks import clustering, failures, failures_at_work, search
from widgets.checks.verdict import NotYetError, examine_claims, number, told, verdict


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


def test_marks_are_given_by_the_last_line():
    def add(a, b):
        print("adding", a, b)
        return np.nan

    def check(answer):
        verdict("sum", lambda: f"{answer(1, 2)}.")

    assert told(check, add) == "Right: nan."


def test_a_nan_is_not_right():
    assert "gave nan" in told(search.check_cosine, lambda a, b: np.nan)


def test_a_threshold_that_is_nan_is_not_right():
    said = told(
        failures_at_work.check_cheapest, lambda answers, hopeless, wrong: np.nan
    )
    assert "gave nan" in said


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
