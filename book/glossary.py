"""The glossary's links: each term leads from its first use to its entry.

`python -m book.glossary` says what is amiss: a term that the book never uses, a first
use that isn't a link, a link to a term that isn't there. `--insert` puts the links of
first uses into the notebooks' text, which changes no output.

A row of `data/glossary.jsonl` holds a `term`, its `text`, the `section` of its first
use (`--insert` fills it in), and `forms` where the term is met in other forms than
itself and its plural. Where a term may be met: in the prose of a chapter, but not in
headings, captions, code, mathematics, or the book's motto.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from book.building import write
from book.claims import LABEL, LINK, blocks, mask, read_rows, written
from book.execute import ROOT, notebooks
from book.outputs import joined
from widgets.back_matter import anchor, forms

GLOSSARY = ROOT / "data" / "glossary.jsonl"
PAGE = "chapters/appendix_glossary.ipynb"
TO_TERM = re.compile(r"\]\(([\w./-]*)#(term-[\w-]+)\)")


@dataclass(frozen=True)
class Use:
    """A term in a text: notebook, section, cell, beginning and end, and its link."""

    path: Path
    section: str
    cell: int
    start: int
    end: int
    link: str
    """What the link leads to, "" where the term isn't a link."""


def where(path: Path) -> str:
    """Return the way from a notebook to the glossary."""
    page = ROOT / PAGE
    return page.name if path.parent == page.parent else PAGE


def _readable(markdown: str) -> str:
    """Return the text with what can't hold a first use blanked out."""
    masked = mask(markdown)
    starts = [*blocks(markdown), len(markdown)]
    motto = False
    for start, end in pairwise(starts):
        raw = markdown[start:end]
        if raw.startswith(":::"):
            motto = "{.hero}" in raw
        if motto or raw.startswith("#") or raw.lstrip().startswith("!["):
            masked = masked[:start] + "\0" * (end - start) + masked[end:]
    return masked


def uses(path: Path, term: Mapping[str, Any]) -> Iterator[Use]:
    """Yield a term's uses in a notebook, in order."""
    words = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in forms(term))
    pattern = re.compile(rf"(?<![\w@-])(?:{words})(?![\w@-])", re.I)
    section = ""
    for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
        if cell["cell_type"] != "markdown":
            continue
        markdown = joined(cell["source"])
        links = [(m.start(), m.end(), m[0]) for m in LINK.finditer(markdown)]
        begun = [
            (m.start(), m[1])
            for m in LABEL.finditer(markdown)
            if m[1].startswith("sec-")
        ]
        for match in pattern.finditer(_readable(markdown)):
            start, end = match.span()
            around = [it for a, b, it in links if a <= start and end <= b]
            target = re.search(r"\]\(([^)]*)\)", around[0])[1] if around else ""
            before = [label for place, label in begun if place < start]
            here = before[-1] if before else section
            yield Use(path, here, number, start, end, target)
        section = begun[-1][1] if begun else section


def first_use(paths: Iterable[Path], term: Mapping[str, Any]) -> Use | None:
    """Return a term's first use in the book; one within another link is none.

    So "pooling" in a link to "mean pooling" is left to that term.
    """
    own = f"#{anchor(term['term'])}"
    found = (use for path in paths for use in uses(path, term))
    return next((use for use in found if not use.link or use.link.endswith(own)), None)


def read_paths() -> list[Path]:
    """Return the chapters in which terms are met: all but the glossary itself."""
    return [path for path in notebooks() if path != ROOT / PAGE]


def check(paths: list[Path], terms: list[dict[str, Any]]) -> list[str]:
    """Return what is wrong with the terms, their first uses, and the links to them."""
    problems = []
    known = {anchor(term["term"]) for term in terms}
    for term in terms:
        use = first_use(paths, term)
        if use is None:
            problems.append(f"{term['term']}: the book never uses it")
        elif use.link != (link := f"{where(use.path)}#{anchor(term['term'])}"):
            place = f"{use.path.name}, cell {use.cell}"
            problems.append(
                f"{term['term']}: its first use, in {place}, needs ]({link})"
            )
        elif use.section != term.get("section", ""):
            problems.append(f"{term['term']}: its first use is in {use.section}")
    for path in paths:
        for link in TO_TERM.finditer(_markdown(path)):
            if link[1] != where(path) or link[2] not in known:
                problems.append(f"{path.name}: no term at {link[1]}#{link[2]}")
    return problems


def _markdown(path: Path) -> str:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    texts = (
        joined(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"
    )
    return "\n\n".join(texts)


def insert(paths: list[Path], terms: list[dict[str, Any]]) -> list[str]:
    """Link each term's first use that isn't a link yet; return the terms linked."""
    import nbformat

    linked = []
    # The longest first: "mean pooling" is linked as a whole, and "pooling" later on
    for term in sorted(terms, key=lambda term: -len(term["term"])):
        use = first_use(paths, term)
        if use is None or use.link:
            continue
        notebook = nbformat.read(use.path, as_version=4)
        cell = notebook.cells[use.cell]
        word = cell.source[use.start : use.end]
        link = f"[{word}]({where(use.path)}#{anchor(term['term'])})"
        cell.source = cell.source[: use.start] + link + cell.source[use.end :]
        arriving = use.path.with_name(f".{use.path.name}.arriving")
        nbformat.write(notebook, arriving)
        arriving.replace(use.path)
        linked.append(term["term"])
    return linked


def with_sections(
    paths: list[Path], terms: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the terms by the alphabet, each with the section of its first use."""
    made = []
    for term in sorted(terms, key=lambda term: term["term"].lower()):
        kept = {key: term[key] for key in ("term", "text", "forms") if key in term}
        use = first_use(paths, term)
        made.append(kept | ({"section": use.section} if use and use.section else {}))
    return made


def main(arguments: list[str] | None = None) -> int:
    """Check the glossary's links, or insert those that are missing."""
    parser = argparse.ArgumentParser(prog="python -m book.glossary")
    parser.add_argument("--insert", action="store_true", help="link first uses")
    asked = parser.parse_args(arguments)
    paths, terms = read_paths(), read_rows(GLOSSARY)
    if asked.insert:
        for term in insert(paths, terms):
            print(f"linked {term}")
        terms = with_sections(paths, terms)
        write(GLOSSARY, written(terms))
    problems = check(paths, terms)
    for problem in problems:
        print(problem, file=sys.stderr)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
