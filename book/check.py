"""Find what must not be in the book, with its place, all at once.

`python -m book.check` looks at the notebooks, all or those named; the pages are looked
at when they are rendered. Cells are counted from 0, as nbval counts them.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from os.path import normpath
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from book.outputs import PLOTLY, joined, split_options

OPTIONS = {
    *("label", "fig-cap", "fig-alt", "tbl-cap", "code-fold", "code-summary"),
    *("echo", "include", "output"),
}
# Not a picture that is a link's text: its brackets name it
MARKDOWN_IMAGE = re.compile(r"(?:(?<!\[)!\[[^\]]*\]|!\[\])\([^)]*\)(\{[^}]*\})?")
# Pandoc numbers such lines as examples, and each reference to the label becomes "1"
EXAMPLE_ITEM = re.compile(
    r"^[ \t]*(?:[-*+] |[0-9]+[.)] )?(\(@[\w-]+\)|@[\w-]+[.)])(?:[ \t]|$)", re.M
)
PICTURES = {PLOTLY, "image/png", "image/jpeg", "image/svg+xml"}
# What `make execute` leaves in a notebook, and all that a notebook may hold
METADATA = {"kernelspec", "language_info"}
TAGS = {"progress"}
CELL_ID = re.compile(r"[0-9a-f]{8}")
# A folder of the machine on which a cell was written or run
MACHINE_PATH = re.compile(
    r"(?<![\w/.-])(?:/(?:home|Users|root|tmp|work|private|opt)/|[A-Z]:\\Users\\)"
    r"[^\s'\"<>)]+"
)
FOREIGN_URL = re.compile(r"(?:url\(|@import)\s*['\"]?(https?:)?//[^\s'\")]+")


def read_page(path: Path) -> BeautifulSoup:
    """Return an HTML file as a tree."""
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def check_notebooks(notebooks: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong with the notebooks, given by their paths."""
    problems = []
    for path, notebook in notebooks.items():
        runs = 0
        for number, cell in enumerate(notebook["cells"]):
            source, place = joined(cell["source"]), f"{path}, cell {number}"
            if cell["cell_type"] == "markdown":
                problems += [
                    f"{place}: picture without fig-alt: {image[0][:60]}"
                    for image in MARKDOWN_IMAGE.finditer(source)
                    if "fig-alt=" not in (image[1] or "")
                ]
                problems += [
                    f"{place}: a line begins with {item[1]!r}, a list's item to pandoc"
                    for item in EXAMPLE_ITEM.finditer(source)
                ]
            elif cell["cell_type"] == "code":
                runs += 1
                problems += [f"{place}: {said}" for said in check_cell(cell, runs)]
    return problems


def check_cell(cell: dict[str, Any], runs: int) -> list[str]:
    """Return what is wrong with a code cell, the `runs`-th of its notebook."""
    problems = []
    if cell["execution_count"] is None:
        problems.append("never executed; run `make execute`")
    elif cell["execution_count"] != runs:
        count = cell["execution_count"]
        problems.append(f"run as number {count}, not {runs}; run `make execute`")
    try:
        options, _ = split_options(joined(cell["source"]))
    except ValueError as error:
        return [*problems, str(error)]
    problems += [
        f"option {key!r} is not supported by both renderers"
        for key in sorted(options.keys() - OPTIONS)
    ]
    label = str(options.get("label", ""))
    kind = label[:3]
    if kind in ("fig", "tbl") and not options.get(f"{kind}-cap"):
        problems.append(f"{label} has no {kind}-cap")
    shown = options.get("include") is not False and options.get("output") is not False
    for output in cell["outputs"]:
        if output["output_type"] == "error":
            problems.append(f"ended in {output['ename']}: {output['evalue']}")
        if output.get("name") == "stderr":
            problems.append(f"wrote to stderr: {joined(output['text'])[:80].strip()}")
        is_picture = kind == "fig" or PICTURES & output.get("data", {}).keys()
        if "data" in output and is_picture and shown and not options.get("fig-alt"):
            problems.append("figure without fig-alt")
    return list(dict.fromkeys(problems))


def check_form(notebook: dict[str, Any]) -> list[str]:
    """Return what is wrong with a notebook as a file, whatever its cells say.

    A cell keeps its id for good, so that a change shows as that cell's change. Editors
    write ids of other forms, and metadata of their own: neither belongs to the book.
    """
    from nbformat import ValidationError, from_dict
    from nbformat.validator import validate

    try:
        validate(from_dict(notebook))
    except ValidationError as error:
        return [f"no valid notebook: {error.message[:120]}"]
    problems = [
        f"metadata {key!r}, which no notebook of the book has"
        for key in sorted(notebook.get("metadata", {}).keys() - METADATA)
    ]
    ids = Counter(cell.get("id") for cell in notebook.get("cells", ()))
    for number, cell in enumerate(notebook.get("cells", ())):
        said = []
        key = cell.get("id")
        if not CELL_ID.fullmatch(str(key)):
            said.append(f"its id is {key!r}, not eight hexadecimal digits")
        elif ids[key] > 1:
            said.append(f"its id {key!r} is there twice")
        metadata = dict(cell.get("metadata", {}))
        tags = set(metadata.pop("tags", ()))
        if stray := sorted(metadata) + sorted(tags - TAGS):
            said.append(f"metadata or a tag that nothing reads: {', '.join(stray)}")
        for path in MACHINE_PATH.findall("\n".join(strings(cell))):
            said.append(f"holds a path of one machine: {path}")
        for output in cell.get("outputs", ()):
            if any("widget-view" in kind for kind in output.get("data", ())):
                said.append("holds a view of a kernel's widget; run `make execute`")
        problems += [f"cell {number}: {it}" for it in dict.fromkeys(said)]
    return problems


def strings(value: object) -> Iterator[str]:
    """Yield every text in a value read from JSON; a list of lines is one text."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for it in value.values():
            yield from strings(it)
    elif isinstance(value, list):
        if all(isinstance(it, str) for it in value):
            yield "".join(value)
        else:
            for it in value:
                yield from strings(it)


def check_files(paths: list[Path], root: Path) -> list[str]:
    """Return what is wrong with notebooks in files.

    The students' notebooks, in `exercises/`, wait for a student to run them.
    """
    problems, executed = [], {}
    for path in paths:
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path
        try:
            notebook = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            problems.append(f"{name}: not JSON ({error})")
            continue
        wrong = check_form(notebook)
        problems += [f"{name}, {it}" for it in wrong]
        if path.parent.name != "exercises" and not wrong:
            executed[str(name)] = notebook
    return problems + check_notebooks(executed)


def place_of(page: str, text: str, notebooks: dict[str, dict[str, Any]]) -> str:
    """Return the notebook behind a page, and its cell that holds the text."""
    source = str(Path(page).with_suffix(".ipynb"))
    for number, cell in enumerate(notebooks.get(source, {"cells": []})["cells"]):
        if text and text in joined(cell["source"]):
            return f"{source}, cell {number}"
    return source if source in notebooks else page


def unresolved(page: BeautifulSoup) -> Iterator[str]:
    """Yield the keys of references and citations that lead nowhere.

    Quarto marks them as ours do: a class of its own, and citeproc's bold "key?".
    """
    for mark in page.select(".quarto-unresolved-ref"):
        yield mark.get_text().lstrip("?@")
    for mark in page.select(".citation strong"):
        if mark.get_text().endswith("?"):
            yield mark.get_text()[:-1]


def loaded(page: BeautifulSoup) -> Iterator[str]:
    """Yield every address that a page loads something from."""
    for element in page.select("[src], link[href]:not([rel=canonical])"):
        yield element.get("src") or element["href"]
    for element in page.select("[srcset]"):
        yield from (part.split()[0] for part in element["srcset"].split(","))
    for element in page.select("[style]"):
        if found := FOREIGN_URL.search(element["style"]):
            yield found[0].split("(")[-1].strip("'\"")


def unnamed(page: BeautifulSoup) -> Iterator[str]:
    """Yield the pictures for which a screen reader has no words."""
    for image in page.select("img:not([alt]), [role=img]:not([aria-label])"):
        yield f"<{image.name} src={image.get('src', '')[:60]}>"
    for image in page.select('[role=img][aria-label=""]'):
        yield f"<{image.name} role=img>"
    for drawing in page.select("svg:not([aria-hidden], [aria-label], [role=img] svg)"):
        yield f"<{drawing.name}>"


def check_quiz(quiz: Tag) -> Iterator[str]:
    """Yield what is wrong with the form of a quiz, on which quiz.js relies.

    A question, a list of answers, and folded below them a list that explains each: the
    right one begins with "Right:", every other with "Not yet:", both in bold.
    """
    if not quiz.get("id"):
        yield "a quiz without an id, by which a browser remembers it"
    answers = quiz.select(":scope > p + ol > li")
    explained = quiz.select(":scope > ol + details > ol > li")
    if len(answers) < 2 or len(quiz.select(":scope > ol")) != 1:
        yield "a quiz needs a question and below it one numbered list of answers"
    if len(explained) != len(answers):
        yield f"a quiz explains {len(explained)} of its {len(answers)} answers"
    begin = [item.strong.get_text() if item.strong else "" for item in explained]
    if explained and begin.count("Right:") != 1:
        yield f"a quiz has {begin.count('Right:')} explanations with **Right:**"
    if set(begin) - {"Right:", "Not yet:"}:
        yield "a quiz explains an answer without **Right:** or **Not yet:**"


def check_page(page: BeautifulSoup) -> Iterator[tuple[str, str]]:
    """Yield what is wrong within a page: a text to find its cell by, and a message."""
    for key in unresolved(page):
        yield f"@{key}", f"nothing in the book is called @{key}"
    for what in unnamed(page):
        yield "", f"{what} has no text for a screen reader"
    for quiz in page.select(".quiz"):
        yield from ((quiz.get("id", ".quiz"), said) for said in check_quiz(quiz))
    ids = Counter(element["id"] for element in page.select("[id]"))
    for key in (key for key, times in ids.items() if times > 1):
        yield key, f"id {key!r} is there twice"
    for url in loaded(page):
        if urlsplit(url).scheme in ("http", "https") or url.startswith("//"):
            yield "", f"loads {url[:80]} from another host"


def check_pages(folder: Path, notebooks: dict[str, dict[str, Any]]) -> list[str]:
    """Return what is wrong with a rendered book."""
    paths = sorted(folder.rglob("*.html"))
    pages = {path.relative_to(folder).as_posix(): read_page(path) for path in paths}
    ids = {
        name: {element["id"] for element in page.select("[id]")}
        for name, page in pages.items()
    }
    problems = []
    for name, page in pages.items():
        found = list(check_page(page))
        for url in loaded(page):
            if dead := dead_link(folder, name, url, ids):
                found.append(("", f"loads {dead}"))
        for link in page.select("a[href]"):
            if dead := dead_link(folder, name, link["href"], ids):
                text = link["href"].rsplit("/", 1)[-1].split("#")[-1]
                found.append((text.removesuffix(".html"), f"links to {dead}"))
        problems += [
            f"{place_of(name, text, notebooks)}: {said}" for text, said in found
        ]
    for style in folder.rglob("*.css"):
        if found := FOREIGN_URL.search(style.read_text("utf-8")):
            where = style.relative_to(folder)
            problems.append(f"{where}: loads {found[0]} from another host")
    return list(dict.fromkeys(problems))


def dead_link(folder: Path, name: str, link: str, ids: dict[str, set]) -> str | None:
    """Return what is missing at the end of a link, or None if all is there."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc or link in ("", "#"):
        return None
    folder = folder.absolute()
    page = folder / name
    if parts.path.startswith("/"):  # of this machine alone, or of a site's root
        return f"{link}, which is not in the book"
    # Not resolve(): a link to a folder elsewhere, such as the assets, is no way out
    target = Path(normpath(page.parent / unquote(parts.path))) if parts.path else page
    if target.is_dir():
        target /= "index.html"
    if not target.is_file() or not target.is_relative_to(folder):
        return f"{link}, which is not in the book"
    known = ids.get(target.relative_to(folder).as_posix())
    anchor = unquote(parts.fragment)
    if known and anchor and anchor not in known and anchor != "top":
        return f"{link}, but that page has no place called {anchor!r}"
    return None


def main(arguments: list[str] | None = None) -> int:
    """Look at the notebooks named, or at all; return 1 if one isn't as it must be."""
    from book.colab import opened_in_colab
    from book.execute import ROOT

    parser = argparse.ArgumentParser(prog="python -m book.check")
    parser.add_argument("notebook", nargs="*", type=Path)
    chosen = parser.parse_args(arguments).notebook or opened_in_colab()
    problems = check_files([path.absolute() for path in chosen], ROOT)
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
