"""Load every page of the book over a slow line, and let Lighthouse judge it.

Run `python -m bench.page_speed` (`make bench-pages`). It prints a table and stores it
in data/measurements/page_speed.json. The book is served from 127.0.0.1 uncompressed, to
a Chromium with a fresh profile whose line gives 1.6 megabits a second and takes 150 ms
to answer: Lighthouse's own slow phone. What is measured, times from navigation:

- first text: first contentful paint, by the browser's own clock.
- first answer: the widget that comes first in the page shows its stored answer, to a
  reader who goes straight to it.
- blocked: milliseconds by which tasks exceed 50 ms until then.
- fetched and requests: of the page read from top to bottom, its plots drawn and its
  widget there; plotly (4.8 MB) is most of it where there is a plot. The line is fast by
  then, since nothing more is timed.
- Lighthouse's scores of 100, where node and npm are there. It comes from npm, for the
  benchmark alone. A page that misses a goal is judged twice more, and the median of
  the three counts: what else a machine does is no fault of the page.

It takes some ten minutes on a machine that does nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from playwright.sync_api import Error as PlaywrightError

from bench.browser import chromium_version, find_chromium, fresh_page
from bench.contenders import HOME, BenchError
from bench.page import grid, three
from book.execute import ROOT, execute
from book.measure.record import store
from book.render import render
from book.serve import open_server

BOOK = ROOT / "_book"
SHOWN = [ROOT / f"chapters/appendix_{name}.ipynb" for name in ("checks", "versions")]
"""The notebooks that show what is stored of the pages' speed."""
LIGHTHOUSE = "12.8.2"
SLOW = {
    "offline": False,
    "latency": 150,  # ms
    "downloadThroughput": 1.6e6 / 8,  # bytes a second
    "uploadThroughput": 0.75e6 / 8,
}
FAST = {
    "offline": False,
    "latency": 0,
    "downloadThroughput": -1,
    "uploadThroughput": -1,
}
GOALS = {"performance": 95, "accessibility": 100, "best-practices": 100}
TURNS = 3
PATIENCE = 180  # seconds that Lighthouse may take for a page
WATCH = """
globalThis.blocked = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) blocked += Math.max(0, duration - 50);
}).observe({ type: "longtask", buffered: true });
"""
PAINTED = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
ANSWERED = "() => document.querySelector('.ovs-widget .ovs')?.textContent.trim()"
COLUMNS = ("fetched_mb", "requests", "first_text_ms", "first_answer_ms", "blocked_ms")


def visit(chromium: str, address: str) -> dict[str, float]:
    """Load a page once over the slow line, and read it from top to bottom."""
    with fresh_page(chromium) as (page, _):
        page.set_viewport_size({"width": 412, "height": 823})
        line = page.context.new_cdp_session(page)
        line.send("Network.enable")
        line.send("Network.emulateNetworkConditions", SLOW)
        asked: set[str] = set()
        sizes: list[int] = []
        line.on(
            "Network.loadingFinished",
            lambda ended: sizes.append(int(ended["encodedDataLength"])),
        )
        page.on("request", lambda request: asked.add(request.url))
        page.add_init_script(WATCH)
        page.goto(address, wait_until="load")
        found = {"first_text_ms": page.wait_for_function(PAINTED).json_value()}
        if page.locator(".ovs-widget").count():
            page.locator(".ovs-widget").first.scroll_into_view_if_needed()
            page.wait_for_function(ANSWERED)
            found["first_answer_ms"] = page.evaluate("performance.now()")
        found["blocked_ms"] = page.evaluate("blocked")
        line.send("Network.emulateNetworkConditions", FAST)
        for plot in page.locator(".plot").all():
            plot.scroll_into_view_if_needed()
            plot.locator("svg").first.wait_for(state="attached")
        page.wait_for_load_state("networkidle")
        here = {url for url in asked if url.startswith("http")}
        return found | {"requests": len(here), "fetched_mb": sum(sizes) / 1e6}


def middle(visits: Sequence[dict[str, float]]) -> dict[str, float]:
    """Return the median of each figure over a page's visits."""
    return {
        key: three(statistics.median(one[key] for one in visits)) for key in visits[0]
    }


def find_lighthouse() -> list[str | Path]:
    """Return Lighthouse's command, which npm fetches once.

    Raises BenchError where it can't be had, which says why.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        raise BenchError("it needs node and npm")
    folder = HOME / "lighthouse"
    script = folder / "node_modules" / "lighthouse" / "cli" / "index.js"
    if not script.exists():
        print(f"Fetching Lighthouse {LIGHTHOUSE}", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        options = ("--no-audit", "--no-fund", "--ignore-scripts", "--no-save")
        fetch = [npm, "install", *options, f"lighthouse@{LIGHTHOUSE}"]
        done = subprocess.run(fetch, cwd=folder, capture_output=True, text=True)
        if done.returncode:
            raise BenchError(f"npm did not give it: {done.stderr.strip()[-200:]}")
    return [node, script]


def judge(command: Sequence[str | Path], chromium: str, address: str) -> dict[str, int]:
    """Return Lighthouse's scores of a page, each of 100."""
    flags = "--headless=new --no-sandbox"
    asked = ["--quiet", "--output=json", f"--chrome-flags={flags}"]
    asked.append(f"--only-categories={','.join(GOALS)}")
    try:
        done = subprocess.run(
            [*command, address, *asked],
            env=os.environ | {"CHROME_PATH": chromium},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired as problem:
        raise BenchError(f"Lighthouse took more than {PATIENCE} s") from problem
    try:
        judged = json.loads(done.stdout)["categories"]
        return {name: round(100 * judged[name]["score"]) for name in GOALS}
    except (ValueError, KeyError, TypeError) as problem:
        raise BenchError(f"Lighthouse gave no score: {done.stderr[-200:]}") from problem


def misses(scores: dict[str, float]) -> bool:
    """Tell whether a page misses one of Lighthouse's goals."""
    return any(scores[name] < goal for name, goal in GOALS.items())


def fairly(judge_once: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return a page's scores; of three runs the medians, where the first misses a goal.

    A run that gives no score is one that didn't happen, if others do.
    """
    runs: list[dict[str, float]] = []
    for turn in range(TURNS):
        try:
            runs.append(judge_once())
        except BenchError as problem:
            print(f"  {problem}", file=sys.stderr, flush=True)
            if turn == TURNS - 1 and not runs:
                raise
        if runs and not misses(runs[0]):
            break
    return {
        name: int(statistics.median_low(run[name] for run in runs)) for name in GOALS
    }


def twice(step: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Return what a visit gives, or another if the browser gave up in the first."""
    try:
        return step()
    except PlaywrightError as problem:
        print(f"  once more: {str(problem)[:200]}", file=sys.stderr, flush=True)
        return step()


def table(found: dict[str, dict[str, float]]) -> str:
    """Return the pages' figures as text."""
    judged = {name for each in found.values() for name in each}
    columns = [*COLUMNS, *(name for name in GOALS if name in judged)]
    rows = [["page", *(name.replace("_", " ") for name in columns)]]
    for page, each in found.items():
        cells = (f"{each[key]:g}" if key in each else "" for key in columns)
        rows.append([page, *cells])
    return grid(rows)


def verdicts(found: dict[str, dict[str, float]]) -> list[str]:
    """Return a line for each of Lighthouse's goals: met, or missed by which pages."""
    lines = []
    for name, goal in GOALS.items():
        scores = {page: each[name] for page, each in found.items() if name in each}
        missed = [f"{page} {score}" for page, score in scores.items() if score < goal]
        if scores:
            said = f"missed by {', '.join(missed)}" if missed else "met by every page"
            lines.append(f"{name}, {goal} or more: {said}")
    return lines


def measure(
    pages: Sequence[str],
    runs: int,
    address: str,
    lighthouse: Sequence[str | Path] | None,
) -> dict[str, dict]:
    """Return the figures of each page, with scores where there is a Lighthouse."""
    chromium = find_chromium()
    found = {}
    for at, name in enumerate(pages, start=1):
        print(f"[{at}/{len(pages)}] {name}", file=sys.stderr, flush=True)
        here = address + name
        visits = [twice(partial(visit, chromium, here)) for _ in range(runs)]
        found[name] = middle(visits)
        if lighthouse:
            found[name] |= fairly(partial(judge, lighthouse, chromium, here))
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure all pages, print the table, and store it."""
    parser = argparse.ArgumentParser(prog="python -m bench.page_speed")
    parser.add_argument("--runs", type=int, default=3, help="visits of each page")
    parser.add_argument("page", nargs="*", help="a page, as chapters/search.html")
    options = parser.parse_args(arguments)
    render()
    pages = [BOOK / "index.html", *sorted(BOOK.glob("chapters/*.html"))]
    names = options.page or [path.relative_to(BOOK).as_posix() for path in pages]
    lighthouse, without = None, ""
    try:
        lighthouse = find_lighthouse()
    except BenchError as reason:
        without = f"Lighthouse was not run: {reason}. The table is without its scores."
        print(without, file=sys.stderr, flush=True)
    server = open_server(BOOK, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        address = f"http://127.0.0.1:{server.server_port}/"
        found = measure(names, options.runs, address, lighthouse)
        chromium = chromium_version(find_chromium())
    except (BenchError, PlaywrightError) as error:
        print(f"Nothing was stored: {error}", file=sys.stderr)
        return 1
    finally:
        server.shutdown()
    print(table(found), "", *(verdicts(found) or [without]), sep="\n")
    if not options.page:
        browsers = {"chromium": chromium}
        if lighthouse:
            browsers["lighthouse"] = LIGHTHOUSE
        figures = {"pages": found, "runs": options.runs, "with": browsers}
        print(store("page_speed", figures, versions=["playwright", "plotly"]))
        for page in SHOWN:
            execute(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
