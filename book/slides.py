"""Make the slides into `_book/slides/`: `python -m book.slides`.

A deck, `slides/<chapter>.md`, holds few words and no figures. What it shows it takes
from its chapter's executed notebook, by a cell's label, or by how the code of a cell
without one begins:

    ::: {.show cell="fig-heat"}
    :::

puts the cell's stored output there, as in the book; `code="yes"` puts its code there,
`code="both"` the one and the other. So a slide can't say anything else than its
chapter. Quarto renders the decks where it is installed, else pandoc, both with
reveal.js, and both with the book's own plots, widgets and colours.
"""

from __future__ import annotations

import copy
import html
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from book import building, render
from book.assets import localise
from book.building import (
    alone,
    fingerprint,
    is_made_from,
    make_room,
    move_in,
    sign,
)
from book.check import check_pages
from book.claims import Chapter as CodeOf
from book.claims import Code
from book.outputs import PLOTLY, joined, page_notebook, split_options
from book.render import (
    ROOT,
    BuildError,
    Chapter,
    Pandoc,
    fence,
    near,
    output_markdown,
    reachable,
    read_chapters,
    read_config,
    read_notebook,
    with_plots_apart,
)
from book.reveal import NOTES_SCRIPT, fetch

HERE = Path(__file__).parent
FOLDER = "slides"
STAMP = Path(FOLDER) / building.STAMP
SHOW = re.compile(
    r'^::: \{\.show cell="([^"\n]+)"(?: code="(yes|both)")?\}\n:::$', re.M
)
SLIDE = re.compile(r"^(?=## )", re.M)
WIDTH = 740
"""Of the book's text in pixels: with a figure's height, it gives the figure's shape."""

DECK = ("colours.css", "slides.css", "slides.js", "figures.js", "live.js")
"""What a deck gets beside what Quarto gives it."""

FIXED = {"width": "100%", "height": "100%", "min-scale": 1, "max-scale": 1}
"""No scaling: under it, a widget wouldn't find the pointer."""


@dataclass(frozen=True)
class Deck:
    """A chapter's slides, as markdown with all outputs in it."""

    chapter: Chapter
    title: str
    markdown: str

    @property
    def name(self) -> str:
        """Return the chapter's short name: "search"."""
        return Path(self.chapter.source).stem


class Filler:
    """Puts what a chapter's cells show into its deck."""

    def __init__(self, notebook: Path, labels: dict[str, dict[str, str]]) -> None:
        self.code = CodeOf(notebook)
        self.labels = labels
        self.page = f"../chapters/{notebook.with_suffix('.html').name}"
        cells = copy.deepcopy(read_notebook(notebook))
        for cell in cells["cells"]:
            for output in cell.get("outputs", []):
                # A plot takes the height that its slide has
                layout = output.get("data", {}).get(PLOTLY, {}).get("layout", {})
                cell["height"] = layout.pop("height", None)
        self.cells = page_notebook(cells)["cells"]

    def find(self, cell: str) -> Code:
        """Return the one cell that is meant; one with a label is meant by its label.

        Raises BuildError where there is none, or more than one.
        """
        found = [one for one in self.code.find(cell) if one.label in ("", cell)]
        if len(found) != 1:
            count = f"{len(found)} cells are" if found else "no cell is"
            raise BuildError(
                f"{FOLDER}/{self.code.name}.md: {count} labelled {cell!r} or begin so"
            )
        return found[0]

    def show(self, cell: str, code: str | None) -> str:
        """Return a cell's outputs, its code, or both, as markdown."""
        stored = self.cells[self.find(cell).cell]
        options, source = split_options(joined(stored["source"]))
        parts = [fence(source, "{.python .cell-code}")] if code else []
        if code != "yes":
            shown = [output_markdown(output, options) for output in stored["outputs"]]
            if height := stored.get("height"):
                shape = f'style="--shape: {WIDTH} / {int(height)}"'
                shown = [f"::: {{.shaped {shape}}}", *shown, ":::"]
            if not shown:
                where = f"{FOLDER}/{self.code.name}.md"
                raise BuildError(f"{where}: the cell {cell!r} shows nothing")
            kind = str(options.get("label", ""))[:3]
            if caption := options.get(f"{kind}-cap"):
                shown.append(f"::: {{.caption}}\n{caption}\n:::")
            parts += shown
        return "\n\n".join(parts)

    def slide(self, source: str) -> str:
        """Return a slide with its outputs, and where in the book they stand."""
        sections = [self.find(show[1]).section for show in SHOW.finditer(source)]
        filled = SHOW.sub(lambda show: self.show(show[1], show[2]), source)
        if left := re.search(r"^.*\.show.*$", filled, re.M):
            said = f"can't be read: {left[0]}"
            raise BuildError(f"{FOLDER}/{self.code.name}.md: {said}")
        if not sections:
            return filled
        place = self.labels[sections[0]]["text"]
        return (
            f"{filled.rstrip()}\n\n::: {{.place}}\n"
            f"[{place}]({self.page}#{sections[0]})\n:::\n\n"
        )


def read_decks(root: Path, pandoc: Pandoc) -> list[Deck]:
    """Return the decks in the book's order, filled from the chapters.

    Raises BuildError where a deck has no chapter, or names a cell that isn't there.
    """
    sources = {path.stem: path for path in sorted((root / FOLDER).glob("*.md"))}
    decks = []
    for chapter, _, about in read_chapters(pandoc, root, read_config(root)):
        if source := sources.pop(Path(chapter.source).stem, None):
            filler = Filler(root / chapter.source, about["labels"])
            slides = SLIDE.split(source.read_text("utf-8"))
            markdown = "".join(filler.slide(slide) for slide in slides)
            markdown = re.sub(
                r"(?<=\]\()([^)\s]+)\.ipynb(?=[#)])", r"\1.html", markdown
            )
            decks.append(Deck(chapter, about["title"], markdown))
    if sources:
        names = ", ".join(f"{FOLDER}/{name}.md" for name in sources)
        raise BuildError(f"{names}: no chapter of that name is in _quarto.yml")
    return decks


def with_pandoc(pandoc: Pandoc, deck: Deck, folder: Path, book: dict[str, Any]) -> None:
    """Write a deck's page by pandoc's own writer of reveal.js."""
    variables = {
        "book-title": html.escape(book["title"]),
        "deck-title": html.escape(deck.title),
        "notes-script": NOTES_SCRIPT,
        "number": deck.chapter.number,
        "chapter-page": f"../{deck.chapter.page}",
        "has-plot": 'class="plot"' in deck.markdown,
        "has-widget": 'class="ovs-widget"' in deck.markdown,
    }
    arguments = [
        *("--from=markdown", "--to=revealjs", "--slide-level=2", "--wrap=none"),
        *("--mathml", f"--template={near(HERE / 'slides.html', folder)}"),
        *(f"--variable-json={k}:{json.dumps(v)}" for k, v in variables.items() if v),
    ]
    target = folder / f"{deck.name}.html"
    page = pandoc(arguments, deck.markdown, deck.chapter, folder)
    target.write_text(with_plots_apart(reachable(page), target), "utf-8")


def with_quarto(deck: Deck, folder: Path, book: dict[str, Any]) -> None:
    """Write a deck's page by Quarto, which brings its own reveal.js.

    Raises BuildError when Quarto fails; what it says is on the terminal then.
    """
    options = FIXED | {
        "html-math-method": "mathml",
        "slide-level": 2,
        "center": False,
        "controls": True,
        "hash": True,
    }
    front = {
        "title": deck.title,
        "subtitle": book["title"],
        "format": {"revealjs": options},
        "execute": {"enabled": False},
    }
    source = folder / f"{deck.name}.md"
    source.write_text(f"---\n{yaml.safe_dump(front)}---\n\n{deck.markdown}", "utf-8")
    command = ["quarto", "render", source.name, "--to", "revealjs"]
    if subprocess.run(command, cwd=folder, env=os.environ).returncode:
        raise BuildError("quarto render failed; its own message stands above")
    source.unlink()
    page = source.with_suffix(".html")
    localise(page, folder.parent, DECK)


def contents(decks: list[Deck], book: dict[str, Any]) -> str:
    """Return the page that lists the decks, and the keys that work in them."""
    items = "\n".join(
        f'<li><a href="{deck.name}.html">{html.escape(deck.title)}</a></li>'
        for deck in decks
    )
    page = (HERE / "slides_contents.html").read_text("utf-8")
    return page.replace("{{title}}", html.escape(book["title"])).replace(
        "{{decks}}", items
    )


def made_of(root: Path, *, quarto: bool | None = None) -> str:
    """Return a digest of all that the slides are made from."""
    decks = (root / FOLDER).glob("*.md")
    return fingerprint(root, decks, render.made_of(root, quarto=quarto))


def make_slides(root: Path = ROOT, *, quarto: bool | None = None) -> list[str]:
    """Make all decks into the rendered book's `slides/`, and return their names.

    There are none to return where the slides are up to date.
    Raises BuildError with every problem found, and FileNotFoundError where the book
    isn't rendered; the old slides stay then.
    """
    quarto = shutil.which("quarto") is not None if quarto is None else quarto
    rendered, book = root / "_book", read_config(root)["book"]
    if not (rendered / "index.html").is_file():
        raise FileNotFoundError("there is no book yet: run `make book` first")
    with alone(root, "making the slides"):
        made_from = made_of(root, quarto=quarto)
        if is_made_from(rendered / STAMP, made_from):
            return []
        pandoc = Pandoc()
        decks = read_decks(root, pandoc)
        arriving = make_room(rendered / FOLDER)
        for deck in decks:
            print(f"  slides/{deck.name}.html")
            if quarto:
                with_quarto(deck, arriving, book)
            else:
                with_pandoc(pandoc, deck, arriving, book)
        if not quarto:
            shutil.copytree(fetch(), arriving / "reveal")
        (arriving / "index.html").write_text(contents(decks, book), "utf-8")
        # By the name that it will have, so that links to the book are followed
        mine = f"{arriving.name}/"
        found = [said for said in check_pages(rendered, {}) if said.startswith(mine)]
        if problems := pandoc.warnings + found:
            raise BuildError("\n".join(problems).replace(mine, f"{FOLDER}/"))
        sign(arriving / STAMP.name, made_from, arriving)
        move_in(arriving, rendered / FOLDER)
    return [deck.name for deck in decks]


def main() -> int:
    """Make the slides and say where they are, or what is wrong with them."""
    try:
        made = make_slides()
    except (BuildError, OSError) as error:
        print(f"The slides were not made:\n{error}", file=sys.stderr)
        return 1
    print(f"The slides {'are in _book/slides/' if made else 'are up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
