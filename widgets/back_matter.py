"""What the appendices show: glossary, ledger of claims, versions and measurements.

All of it is read from files, and nothing from the machine at hand: the appendices are
the same wherever they are run. Each function returns Markdown for a cell to show.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from widgets.data_files import DATA, read_json, read_rows
from widgets.weights import MODELS

if TYPE_CHECKING:
    from IPython.display import Markdown

# What the printed versions are read from; it lies beside the data in a checkout
LOCK = "requirements.lock"
SPEED = {
    "MB": ("fetched_mb", 1),
    "requests": ("requests", 1),
    "first text, s": ("first_text_ms", 1000),
    "first answer, s": ("first_answer_ms", 1000),
    "blocked, ms": ("blocked_ms", 1),
}
"""What is measured of a page: the key of each figure, and by what it is divided."""

JUDGED = ("performance", "accessibility", "best-practices")
"""What Lighthouse gives scores for."""

# How a test may end, by book/trust.py
ENDS = ("passed", "failed", "skipped")
_ENDED = {f"{end}?": int for end in ENDS}
CHECKED = {
    "tests": {
        "date": str,
        "tests": _ENDED,
        "pages": [{"page": str, "look": str} | _ENDED],
        "faults": [{"fault": str, "outcome": str} | _ENDED],
    },
    "versions": {
        "lanes": [
            {
                **{"lane": str, "title": str, "date": str, "python?": str},
                "versions?": {str: str},
                "notebooks?": {str: _ENDED},
            }
        ]
    },
}
"""The forms of the files in data/checks."""
_PAGE_SPEED = {
    **{"date": str, "runs": int, "with": {str: str}},
    "pages": {str: {str: float}},
}
# The packages that a figure may depend on
NAMED = (
    *("torch", "transformers", "sentence-transformers", "tokenizers", "numpy", "scipy"),
    *("scikit-learn", "umap-learn", "bm25s", "snowballstemmer", "pandas", "plotly"),
    *("anywidget", "ipywidgets", "jupyterlab", "nbval"),
)


def anchor(term: str) -> str:
    """Return the id of a term's entry: `term-bm25` of "BM25"."""
    return "term-" + re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")


def forms(term: Mapping[str, Any]) -> list[str]:
    """Return the forms in which a glossary row's term is met, the longest first."""
    given = term.get("forms") or [term["term"], f"{term['term']}s"]
    return sorted(given, key=len, reverse=True)


def glossary() -> Markdown:
    """Return the glossary: a list of definitions, in its file's order."""
    parts = []
    for row in _rows("glossary.jsonl"):
        met = f" First met in @{row['section']}." if row.get("section") else ""
        term = f"[{row['term']}]{{#{anchor(row['term'])}}}"
        parts.append(f"{term}\n:   {row['text']}{met}")
    return markdown("\n\n".join(parts))


def ledger(chapter: str) -> Markdown:
    """Return a chapter's claims by the section in which their ground is laid.

    Behind a sentence stands what else it rests on: a figure or table, a work, or that
    it defines. Raises KeyError if the ledger has no row of that chapter.
    """
    sections: dict[str, dict[str, list[str]]] = {}
    for row in _rows("claims.jsonl"):
        if row["chapter"] == chapter:
            marks = sections.setdefault(row["section"], {}).setdefault(row["text"], [])
            marks += [mark for mark in _mark(row) if mark not in marks]
    if not sections:
        raise KeyError(f"the ledger has no row of the chapter {chapter!r}")
    parts = []
    for section, sentences in sections.items():
        items = [
            f"- {plain(text)}" + (f" ({'; '.join(marks)})" if marks else "")
            for text, marks in sentences.items()
        ]
        parts += [f"@{section}", "\n".join(items)]
    return markdown("\n\n".join(parts))


def counts() -> dict[str, int]:
    """Return how many rows of the ledger are measured, cited, and defined."""
    rows = _rows("claims.jsonl")
    kinds = {"measured": "cell", "cited": "source", "defined": "defined"}
    return {kind: sum(key in row for row in rows) for kind, key in kinds.items()}


def weights() -> Markdown:
    """Return the models whose files the book pins, each with its weights' sha256."""
    rows = [
        (name, f"`{pinned.sha256['model.safetensors']}`")
        for name, pinned in MODELS.items()
    ]
    return table(("model", "sha256 of its weights"), (30, 70), rows)


def locked(names: Iterable[str] = NAMED) -> Markdown:
    """Return the versions with which the book was made, of the packages that matter.

    Raises FileNotFoundError where the book's own folder isn't at hand.
    """
    path = DATA.parent / LOCK
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run this in the book's own folder")
    pins = dict(re.findall(r"(?m)^([\w.-]+)==([^\s\\]+)", path.read_text("utf-8")))
    by_name = {re.sub("[-_.]+", "-", name).lower(): of for name, of in pins.items()}
    return table(("package", "version"), (50, 50), [(n, by_name[n]) for n in names])


def measurements() -> Markdown:
    """Return the stored measurements: when, on what machine, with which versions."""
    rows = []
    for path in sorted((DATA / "measurements").glob("*.json")):
        made = read_json(path)
        versions = made.get("versions", {})
        shown = [f"{name} {versions[name]}" for name in NAMED if name in versions]
        machine = made.get("machine", "")
        if isinstance(machine, Mapping):
            machine = ", ".join(str(part) for part in machine.values())
        cells = (path.stem, made.get("date", ""), machine, ", ".join(shown))
        rows.append(tuple(plain(str(cell)) for cell in cells))
    head = ("measurement", "date", "machine", "versions")
    return table(head, (20, 14, 26, 40), rows)


def checked_all() -> Markdown:
    """Return how many checks of each kind there are, how they ended, and their dates.

    A lane that could not be run counts as one that failed.
    """
    tests, lanes = _checked("tests"), _checked("versions")["lanes"]
    cells = Counter()
    for made in lanes:
        for ends in made.get("notebooks", {}).values() or [{"failed": 1}]:
            cells.update(ends)
    dates = sorted({made["date"] for made in lanes})
    span = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    counted = [
        (f"cells of notebooks, with {len(lanes)} sets of versions", cells, span),
        ("looks at a page", _sum(tests["pages"]), tests["date"]),
        ("faults, each in one or more ways", _sum(tests["faults"]), tests["date"]),
        ("all tests, those two among them", tests["tests"], tests["date"]),
    ]
    rows = [
        (what, *(f"{ends.get(end, 0):,}" for end in ENDS), date)
        for what, ends, date in counted
    ]
    return table(("checked", *ENDS, "date"), (40, 13, 13, 13, 21), rows)


def checked_versions() -> Markdown:
    """Return the lanes in which every notebook was run: versions, and when."""
    shown = ("sentence-transformers", "torch", "numpy", "plotly", "ipywidgets")
    rows = []
    for made in _checked("versions")["lanes"]:
        held = {"Python": made.get("python", "")} | made.get("versions", {})
        named = (held.get(name, "") for name in ("Python", *shown))
        rows.append((made["title"], *named, made["date"]))
    widths = (22, *(13 for _ in (*shown, "Python")), 13)
    return table(("versions", "Python", *shown, "date"), widths, rows)


def checked_notebooks() -> Markdown:
    """Return how many cells of each notebook gave their stored output, by lane."""
    lanes = _checked("versions")["lanes"]
    names = dict.fromkeys(name for made in lanes for name in made.get("notebooks", {}))
    rows = []
    for name in sorted(names):
        ends = (made.get("notebooks", {}).get(name) for made in lanes)
        rows.append((name, *(_ends(one) if one else "not run" for one in ends)))
    total = [made.get("notebooks", {}).values() for made in lanes]
    sums = [_ends(sum(map(Counter, ends), Counter())) for ends in total]
    head = ("notebook", *(made["title"] for made in lanes))
    widths = (28, *(72 // len(lanes) for _ in lanes))
    return table(head, widths, [*rows, ("all", *sums)])


def checked_pages() -> Markdown:
    """Return the pages that were looked at, by look, with what axe found in each."""
    tried = _checked("tests")["pages"]
    looks = list(dict.fromkeys(row["look"] for row in tried))
    found = {(row["page"], row["look"]): _ends(row) for row in tried}
    pages = dict.fromkeys(row["page"] for row in tried)
    rows = [(page, *(found.get((page, look), "") for look in looks)) for page in pages]
    share = 64 // len(looks)
    return table(("page", *looks), (36, *(share for _ in looks)), rows)


def checked_faults() -> Markdown:
    """Return the faults that were tried, what a reader then gets, and in how many ways.

    A way is one test: the same fault at another byte, with another text or browser.
    """
    rows = [
        (plain(row["fault"]), plain(row["outcome"]), _ends(row))
        for row in sorted(_checked("tests")["faults"], key=lambda row: row["fault"])
    ]
    return table(("fault", "what the reader gets", "ways"), (40, 46, 14), rows)


def checked_speed() -> Markdown:
    """Return what each page takes over a slow line, with Lighthouse's scores.

    A cell stays empty where a page has no widget, or where no Lighthouse was run.
    """
    made = _speed()
    if made is None:
        return markdown("No page was measured yet.")
    rows = [
        (
            page,
            *(_figure(took.get(key), by) for key, by in SPEED.values()),
            *(_figure(took.get(name), 1) for name in JUDGED),
        )
        for page, took in made["pages"].items()
    ]
    head = ("page", *SPEED, *(name.replace("-", " ") for name in JUDGED))
    return table(head, (28, *(9 for _ in (*SPEED, *JUDGED))), rows)


def speed_versions() -> Markdown:
    """Return with what the pages were measured, and when."""
    made = _speed()
    if made is None:
        return markdown("`make bench-pages` measures all pages.")
    used = " and ".join(f"{name.title()} {of}" for name, of in made["with"].items())
    runs = made["runs"]
    visits = "one visit" if runs == 1 else f"medians of {runs} visits"
    return markdown(f"Measured on {made['date']} with {used}: {visits} of each page.")


def _speed() -> dict[str, Any] | None:
    path = DATA / "measurements" / "page_speed.json"
    return read_json(path, _PAGE_SPEED) if path.is_file() else None


def _figure(value: float | None, by: float) -> str:
    return "" if value is None else f"{value / by:.4g}"


def _checked(name: str) -> dict[str, Any]:
    return read_json(DATA / "checks" / f"{name}.json", CHECKED[name])


def _sum(rows: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Return how many tests of all rows ended how."""
    return Counter({end: sum(row.get(end, 0) for row in rows) for end in ENDS})


def _ends(row: Mapping[str, Any]) -> str:
    """Return how the tests of a row ended: "5 passed, 1 skipped"."""
    return ", ".join(f"{row[end]} {end}" for end in ENDS if end in row)


def plain(markdown: str) -> str:
    """Return a sentence as Markdown that shows it without its markup."""
    text = re.sub(r"\s*-?\[[^\]]*(?<!\w)@[A-Za-z][^\]]*\]", "", markdown)  # citations
    text = re.sub(r"\{[#.][^}]*\}|^#+ |:::+", "", text)
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"\*\*|\*|`|\$", "", text)
    # A reference to a place in the book stays one
    sign = r"([\\`*_{}\[\]<>#|$~^]|@(?!(?:sec|fig|tbl|eq)-))"
    return re.sub(sign, r"\\\1", text).strip()


def _mark(row: Mapping[str, Any]) -> list[str]:
    if "source" in row:
        return [f"@{row['source']}"]
    if "defined" in row:
        return ["as defined"]
    label = row["cell"]
    return [f"@{label}"] if re.match(r"(?:fig|tbl)-", label) else []


def table(
    head: tuple[str, ...], widths: tuple[int, ...], rows: Iterable[tuple[str, ...]]
) -> Markdown:
    """Return a table; the widths are shares of its columns in the page."""
    lines = [head, ["-" * width for width in widths], *rows]
    return markdown("\n".join(f"| {' | '.join(line)} |" for line in lines))


def markdown(text: str) -> Markdown:
    """Return a text for a cell to show as Markdown."""
    from IPython.display import Markdown

    return Markdown(text)


def _rows(name: str) -> list[dict[str, Any]]:
    return read_rows(DATA / name)
