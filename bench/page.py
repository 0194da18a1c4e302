"""Run the page's encoder and others in the same browser, in turn, and compare.

Run `python -m bench.page` (`make bench-page`). It prints a table and stores it in
data/measurements/page_encoder.json. Each run has a browser of its own with a fresh
profile, and everything is served from 127.0.0.1. What is measured:

- fetched: bytes of all answers with their headers, as the server sent them. Nothing is
  compressed on the way but our weights, which are gzipped on disk; `gzipped` says what
  a host would send that compresses every file, which is in the others' favour.
- first vector: from navigation to the first vector, by the page's own clock.
- query: one text of 8 words at a time, each another. `early` is the median of the
  first 20, while the browser still compiles; the rest comes after 100 more. `p5`, the
  fastest of 20, is what a busy machine disturbs least.
- memory: what the page's process holds, its workers included: its proportional set size
  (PSS), looked up every 50 ms until the 100 sentences are done. `RSS` is the kernel's
  own high-water mark, which counts the browser's shared code in full.
- cosine and wrong ids: against fp32 torch, on texts of which some are longer than the
  model reads and some are in other writings.
- keystroke: the book's own search map over the corpus, typed into by the browser.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from bench import contenders, smaller_weights, texts
from bench.browser import Server, chromium_version, find_chromium, fresh_page
from bench.contenders import CONTENDERS, OURS, SITE, BenchError, Contender
from bench.memory import Memory
from book.building import write
from widgets import weights
from widgets.corpus import DATA

RUNS = 5
EARLY, WARM_FROM = 20, 120  # queries
STORED = DATA / "measurements" / "page_encoder.json"
GOALS = {
    "first_vector_ms": ("first vector", 3),
    "query_ms": ("query, warm", 3),
    "query_fast_ms": ("query, warm, fastest of 20", 3),
    "memory_mb": ("memory", 2),
}
"""Of each, how many times more the others should need than ours."""
SPEED = "billion multiply-adds a second"
MOST_MB, MOST_KEYSTROKE_MS = 22, 16
COLUMNS = {
    "fetched_mb": "fetched MB",
    "gzipped_mb": "gzipped MB",
    "first_vector_ms": "first vector ms",
    "query_early_ms": "query early ms",
    "query_ms": "query ms",
    "query_p95_ms": "query p95 ms",
    "query_fast_ms": "query p5 ms",
    "hundred_ms": "100 texts ms",
    "memory_mb": "memory MB",
    "rss_mb": "RSS MB",
}
QUALITY = {
    "cosine_mean": "cosine",
    "cosine_min": "least",
    "cosine_where_ids_agree": "where ids agree",
    "wrong_ids": "wrong ids",
}


# ------------------------------------------------------------------ one run


def run(contender: Contender, server: Server, chromium: str) -> dict[str, Any]:
    """Measure a contender once, in a fresh browser. Times are ms, sizes bytes."""
    with fresh_page(chromium) as (page, profile):
        server.sent.clear()
        with Memory(profile) as memory:
            page.goto(server.page(contender.page), wait_until="load")
            first = page.evaluate("first")
            queries = page.evaluate("texts => latencies(texts)", texts.queries())
            hundred = page.evaluate("texts => together(texts)", texts.hundred())
        sent = dict(server.sent)
        found = page.evaluate("texts => quality(texts)", texts.judged())
    return {
        "first": first,
        "queries": queries,
        "hundred": hundred,
        "pss": memory.peak_pss,
        "rss": memory.peak_rss,
        "fetched": sum(sent.values()),
        "gzipped": sum(
            min(size, gzipped(server.folder / path.partition("?")[0].lstrip("/")))
            for path, size in sent.items()
        ),
        "quality": judge(found, texts.reference()),
    }


@functools.cache
def gzipped(file: Path) -> int:
    """Return how many bytes a compressing host sends for a file, 1000 for a page."""
    return len(gzip.compress(file.read_bytes(), 6)) if file.is_file() else 1_000


def judge(found: Sequence[dict], wanted: texts.Reference) -> dict[str, Any]:
    """Compare a page's vectors and token ids with fp32 torch's."""
    vectors = np.array([each["vector"] for each in found], dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors * wanted.vectors).sum(axis=1)
    right = np.array(
        [each["ids"] == ids for each, ids in zip(found, wanted.ids, strict=True)]
    )
    return {
        "texts": len(found),
        "cosine_mean": round(float(cosines.mean()), 5),
        "cosine_min": round(float(cosines.min()), 5),
        "cosine_where_ids_agree": round(float(cosines[right].mean()), 5),
        "wrong_ids": int((~right).sum()),
    }


def type_queries(server: Server, chromium: str) -> list[dict[str, float]]:
    """Type queries into the page's search map; return ms of each keystroke, warm.

    `answered`: from asking the worker to its hits. `shown`: from the key to hits
    listed and star placed. `drawn`: from the key to the end of the frame with them.
    """
    with fresh_page(chromium) as (page, _):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(server.page("typing"), wait_until="load")
        page.evaluate("ready")
        box = page.get_by_role("searchbox")
        for number, text in enumerate(texts.typed()):
            box.fill("")
            box.press_sequentially(text, delay=80)
            page.wait_for_timeout(200)
            if number == 0:
                page.evaluate("keystrokes.length = 0")  # that one was to warm up
        return page.evaluate("keystrokes")


def profile(server: Server, chromium: str) -> dict[str, float]:
    """Return the ms of each step of ours, and how many multiply-adds a second it does.

    Steps are taken one after the other; when the book loads, some overlap.
    """
    with fresh_page(chromium) as (page, _):
        page.goto(server.page("profile"), wait_until="load")
        steps = page.evaluate(
            "([queries, texts]) => steps(queries, texts)",
            [texts.queries(), texts.hundred()],
        )
    config = json.loads((weights.model_dir() / "config.json").read_text("utf-8"))
    dim, inner = config["hidden_size"], config["intermediate_size"]
    a_token = config["num_hidden_layers"] * (4 * dim * dim + 2 * dim * inner)
    products = a_token * steps["tokens in a query"]
    steps[SPEED] = products / steps["query: without worker"] / 1e6
    return {name: three(value) for name, value in steps.items()}


# ------------------------------------------------------------------ all of it


def measure(rounds: int, compared: Sequence[Contender] = CONTENDERS) -> dict[str, Any]:
    """Run all contenders in turn, `rounds` times, and return what was found."""
    chromium = find_chromium()
    texts.reference()
    runs: dict[str, list] = {each.name: [] for each in compared}
    keys: list[dict[str, float]] = []
    loads = [os.getloadavg()[0]]
    with Server(SITE) as server:
        for turn in range(1, rounds + 1):
            for each in compared:
                print(f"[{turn}/{rounds}] {each.name}", file=sys.stderr, flush=True)
                runs[each.name].append(run(each, server, chromium))
            print(f"[{turn}/{rounds}] typing", file=sys.stderr, flush=True)
            keys += type_queries(server, chromium)
            loads.append(os.getloadavg()[0])
        print("Where the time goes, and smaller weights", file=sys.stderr, flush=True)
        found = {
            "contenders": {name: summarize(each) for name, each in runs.items()},
            "keystroke_ms": keystrokes(keys),
            "profile": profile(server, chromium),
            "smaller_weights": smaller_weights.measure(server, chromium),
        }
    settings = {each.name: each.settings for each in compared}
    return found | {
        "settings": settings,
        "runs": rounds,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "load": [min(loads), max(loads)],
        "versions": versions(chromium),
    }


def summarize(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one contender's figures: medians over its runs, in ms and MB."""
    early = [ms for each in runs for ms in each["queries"][:EARLY]]
    warm = [ms for each in runs for ms in each["queries"][WARM_FROM:]]

    def middle(name: str, unit: float = 1) -> float:
        return three(statistics.median(each[name] for each in runs) / unit)

    def spread(name: str) -> list[float]:
        return [three(end(each[name] for each in runs)) for end in (min, max)]

    return {
        "fetched_mb": middle("fetched", 1e6),
        "gzipped_mb": middle("gzipped", 1e6),
        "first_vector_ms": middle("first"),
        "query_early_ms": three(statistics.median(early)),
        "query_ms": three(statistics.median(warm)),
        "query_p95_ms": three(np.percentile(warm, 95)),
        "query_fast_ms": three(np.percentile(warm, 5)),
        "hundred_ms": middle("hundred"),
        "memory_mb": middle("pss", 1e6),
        "rss_mb": middle("rss", 1e6),
        "first_vector_ms_of_runs": spread("first"),
        "hundred_ms_of_runs": spread("hundred"),
        **runs[-1]["quality"],
    }


def keystrokes(keys: Sequence[dict[str, float]]) -> dict[str, Any]:
    """Return median and 95th percentile of each step of a keystroke."""
    steps = {
        step: {
            "median": three(np.median([key[step] for key in keys])),
            "p95": three(np.percentile([key[step] for key in keys], 95)),
        }
        for step in ("answered", "shown", "drawn")
    }
    return steps | {"keystrokes": len(keys)}


def three(value: float) -> float:
    """Return a value with three digits that count."""
    return float(f"{value:.3g}")


def machine() -> str:
    """Describe the machine in words."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return f"{os.cpu_count()} cores, {platform.machine()}, {names[0]}, no GPU"


def versions(chromium: str) -> dict[str, str]:
    """Return the versions of all that took part."""
    browser = chromium_version(chromium)
    python = {name: version(name) for name in ("torch", "sentence-transformers")}
    return contenders.versions() | python | {"Chromium": browser}


# ------------------------------------------------------------------ the table


def table(found: dict[str, Any]) -> str:
    """Return what was found as text, each figure with its ratio to ours."""
    compared = found["contenders"]
    ours = compared[OURS]
    rows = [["", *COLUMNS.values()]]
    for name, each in compared.items():
        cells = [f"{each[key]:g} ({each[key] / ours[key]:.1f}x)" for key in COLUMNS]
        rows.append([name, *cells])
    quality = [["", *QUALITY.values()]]
    for name, each in compared.items():
        quality.append([name, *(f"{each[key]:g}" for key in QUALITY)])
    parts = [grid(rows), grid(quality), grid(_keystroke_rows(found["keystroke_ms"]))]
    parts.append(
        "Where ours spends its time, ms\n"
        + grid([[name, f"{value:g}"] for name, value in found["profile"].items()])
    )
    parts.append(smaller_weights.table(found["smaller_weights"], grid))
    parts.append("\n".join(verdicts(found)))
    if found["load"][1] > 2 * os.cpu_count():
        parts.append(
            f"The machine was busy: load up to {found['load'][1]:.0f}. That harms "
            "most who computes longest. Trust the fastest of 20, or run it once more."
        )
    return "\n\n".join(parts)


def _keystroke_rows(steps: dict[str, Any]) -> list[list[str]]:
    words = {
        "answered": "worker asked, hits back",
        "shown": "key, hits listed and star placed",
        "drawn": "key, frame drawn",
    }
    rows = [[f"{steps['keystrokes']} keystrokes", "median ms", "p95 ms"]]
    for step, meaning in words.items():
        rows.append([meaning, *(f"{steps[step][at]:g}" for at in ("median", "p95"))])
    return rows


def grid(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of cells as aligned text."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def verdicts(found: dict[str, Any]) -> list[str]:
    """Return a line for each goal: met, or by how much it is missed."""
    ours = found["contenders"][OURS]
    lines = []
    for name, other in found["contenders"].items():
        if name == OURS:
            continue
        for key, (words, goal) in GOALS.items():
            ratio = other[key] / ours[key]
            lines.append(
                _verdict(f"{words}, {name}: {ratio:.1f}x", goal, ratio >= goal)
            )
        least = other["cosine_mean"]
        met = ours["cosine_mean"] >= least
        lines.append(_verdict(f"cosine, {name}: {ours['cosine_mean']:g}", least, met))
    size, key = ours["fetched_mb"], found["keystroke_ms"]["shown"]["p95"]
    lines.append(_verdict(f"fetched: {size:g} MB", MOST_MB, size <= MOST_MB))
    lines.append(
        _verdict(
            f"keystroke p95: {key:g} ms", MOST_KEYSTROKE_MS, key <= MOST_KEYSTROKE_MS
        )
    )
    return lines


def _verdict(words: str, goal: float, met: bool) -> str:
    return f"{'met   ' if met else 'MISSED'}  {words} (goal {goal:g})"


def main() -> None:
    """Fetch, run, print and store."""
    parser = argparse.ArgumentParser(description="Compare the page's encoder.")
    parser.add_argument("--runs", type=int, default=RUNS, help="of each contender")
    parser.add_argument(
        "--dry", action="store_true", help="print what was found, but don't store it"
    )
    wanted = parser.parse_args()
    try:
        contenders.prepare()
        found = measure(wanted.runs)
    except BenchError as error:
        sys.exit(str(error))
    print(table(found))
    if not wanted.dry:
        write(STORED, f"{json.dumps(found, indent=1)}\n".encode())


if __name__ == "__main__":
    main()
