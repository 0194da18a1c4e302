"""The benchmark of the page's encoder: its stored result, and its harness on a stub."""

from __future__ import annotations

import datetime
import json
import re
import shutil

import numpy as np
import pytest

from bench import contenders, page, texts
from bench.browser import Server, fresh_page
from bench.contenders import CONTENDERS, OURS, BenchError, Contender

STUB = """
import { measure } from "./measure.js";
measure(async () => ({
  encode: async (text) => Float32Array.of(text.length, 1),
  encodeAll: async (texts) => texts.map((text) => text.length),
  ids: async (text) => [101, text.length, 102],
}));
"""


@pytest.fixture(scope="module")
def stored():
    return json.loads(page.STORED.read_text("utf-8"))


@pytest.fixture
def site(tmp_path):
    pages = tmp_path / "pages"
    pages.mkdir()
    shutil.copy(contenders.ROOT / "bench" / "pages" / "measure.js", pages)
    (pages / "stub.js").write_text(STUB, "utf-8")
    return tmp_path


# ------------------------------------------------------------------ what is stored


def test_four_contenders_are_stored_with_every_figure(stored):
    assert list(stored["contenders"]) == [each.name for each in CONTENDERS]
    for name, figures in stored["contenders"].items():
        for key in (*page.COLUMNS, "cosine_mean", "cosine_min"):
            assert figures[key] > 0, (name, key)
        assert figures["cosine_min"] <= figures["cosine_mean"] <= 1
        assert 0 <= figures["wrong_ids"] <= figures["texts"]
        assert figures["texts"] >= 50


def test_how_it_was_measured_is_stored(stored):
    assert stored["runs"] >= 5
    assert datetime.date.fromisoformat(stored["date"])
    assert re.match(r"\d+ cores", stored["machine"])
    assert stored["settings"] == {each.name: each.settings for each in CONTENDERS}
    assert {"Chromium", "torch"} | set(contenders.versions()) <= set(stored["versions"])


def test_ours_has_the_size_and_quality_that_the_book_states(stored):
    ours = stored["contenders"][OURS]
    assert ours["fetched_mb"] <= page.MOST_MB
    assert ours["wrong_ids"] == 0
    for name, other in stored["contenders"].items():
        assert ours["cosine_mean"] >= other["cosine_mean"], name


def test_smaller_weights_cost_more_the_smaller_they_are(stored):
    sizes = [each["mb"] for each in stored["smaller_weights"]]
    assert sizes[0] == max(sizes)
    ours = stored["contenders"][OURS]
    assert stored["smaller_weights"][0]["cosine_mean"] == ours["cosine_mean"]
    for each in stored["smaller_weights"][1:]:
        assert each["cosine_mean"] < ours["cosine_mean"]


def test_table_gives_each_figure_and_its_ratio(stored):
    stored["contenders"][OURS]["query_ms"] = 4.0
    stored["contenders"][CONTENDERS[1].name]["query_ms"] = 10.0
    shown = page.table(stored)
    assert "10 (2.5x)" in shown
    assert "MISSED  query, warm, transformers.js, defaults: 2.5x (goal 3)" in shown
    stored["contenders"][CONTENDERS[1].name]["query_ms"] = 12.0
    assert "met     query, warm, transformers.js, defaults: 3.0x (goal 3)" in (
        page.table(stored)
    )


# ------------------------------------------------------------------ how it measures


def test_texts_are_what_the_issue_asks_for():
    queries = texts.queries()
    assert len(queries) > page.WARM_FROM
    assert {len(query.split()) for query in queries} == {8}
    assert len(set(queries)) == len(queries)
    assert len(set(texts.hundred())) == 100
    assert len(set(texts.judged())) >= 50


def test_judge_tells_wrong_ids_and_wrong_vectors():
    wanted = texts.Reference(np.eye(3), [[1, 2], [3], [4]])
    found = [
        {"vector": [2, 0, 0], "ids": [1, 2]},
        {"vector": [0, 5, 0], "ids": [3]},
        {"vector": [0, 4, 3], "ids": [4, 0]},
    ]
    assert page.judge(found, wanted) == {
        "texts": 3,
        "cosine_mean": round((1 + 1 + 0.6) / 3, 5),
        "cosine_min": 0.6,
        "cosine_where_ids_agree": 1.0,
        "wrong_ids": 1,
    }


def test_a_run_measures_a_stub(site, chromium, monkeypatch):
    judged = ["one", "three", "thirteen"]
    vectors = np.array([[len(text), 1] for text in judged], float)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    reference = texts.Reference(vectors, [[101, 102], [101, 5, 102], [101, 8, 102]])
    monkeypatch.setattr(texts, "judged", lambda: judged)
    monkeypatch.setattr(texts, "reference", lambda: reference)
    with Server(site) as server:
        found = page.run(Contender("stub", "stub", ""), server, chromium)
    files = sum(file.stat().st_size for file in site.rglob("*.js"))
    assert files < found["fetched"] < files + 3_000
    assert found["gzipped"] < found["fetched"]
    assert found["first"] > 0
    assert len(found["queries"]) == len(texts.queries())
    assert found["rss"] > found["pss"] > 5e6
    assert found["quality"]["cosine_min"] == 1
    assert found["quality"]["wrong_ids"] == 1


def test_a_page_that_asks_another_host_is_refused(site, chromium):
    outside = STUB + 'fetch("http://example.invalid/model").catch(() => {});'
    (site / "pages" / "stub.js").write_text(outside, "utf-8")
    with (
        Server(site) as server,
        pytest.raises(BenchError, match=r"example\.invalid"),
        fresh_page(chromium) as (opened, _),
    ):
        opened.goto(server.page("stub"), wait_until="networkidle")
