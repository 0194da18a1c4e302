"""The ledger of claims: what the book says, and the cell or the source behind it.

`data/claims.jsonl` has a row for every factual sentence. `python -m book.claims check`
says what doesn't hold. `python -m book.claims sentences chapters/search.ipynb` shows
each sentence of a chapter beside what stands behind it, so that one without a row is
seen. `python -m book.claims tidy` puts the rows into the book's order. A row:

    chapter  the notebook's name without `.ipynb`
    text     one or more whole sentences, as they stand in the notebook (line breaks
             and links don't matter)
    figures  the figures in it (see `find_figures`)
    cell     the code cell whose stored output prints them: its label, or how its code
             begins; `prints` may list what else that output must hold, and `of` names
             another chapter if the cell is there
    source   in place of `cell`: the key in references.bib that the chapter cites
    defined  in place of `cell`: the label of the section or equation that defines it,
             for a figure that claims nothing: a definition, a question, the numbers
             that an exercise starts from
    section  the label of the section to read on in; `tidy` fills it in
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup

from book.execute import ROOT, notebooks
from book.outputs import joined, split_options

LEDGER = ROOT / "data" / "claims.jsonl"
BIBLIOGRAPHY = ROOT / "references.bib"
Json = dict | list | str | float | bool | None
KINDS = ("cell", "source", "defined")
FIELDS = {"chapter", "text", "figures", *KINDS, "prints", "of", "section"}
STYLE = {
    *("template", "colorscale", "colorway", "colorbar", "config", "font", "margin"),
    *("width", "height", "size", "color", "line", "bgcolor", "legend"),
}
CAPTIONS = ("fig-cap", "tbl-cap", "fig-alt")

NUMBER = r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?:e[-−+]?[0-9]+)?"
FIGURE = re.compile(
    # Not inside a name: BM25, V100, nDCG@10, all-MiniLM-L6-v2, top-10
    rf"(?<![\w@#])(?<![A-Za-z]-)(?<![0-9][.,])(?:(?<![\w)\].,])[-−+])?{NUMBER}(?!-D\b)"
)
# What isn't prose, and what is said only to be judged, as the answers of a quiz are
NOT_PROSE = [
    re.compile(pattern, re.M)
    for pattern in (
        r"^(?:[0-9]+\. .*\n(?:(?: .*)?\n)*)+(?=<details>)",  # a quiz's answers
        r"^(`{3,})[^\n]*\n(?:.*\n)*?\1`*[ \t]*$",  # a block of code
        r"(`+)(?!`).+?(?<!`)\1(?!`)",  # code in a line
        r"<!--(?:.|\n)*?-->|</?[A-Za-z][^>]*>",  # HTML
        r"\$\$(?:.|\n)+?\$\$|\$(?=\S)[^$\n]*?(?<=\S)\$(?![0-9])",  # mathematics
    )
]
# Numbers that only say where something stands
PLACES = [
    re.compile(pattern, re.M)
    for pattern in (
        r"\[[^\]]*(?<!\w)@[A-Za-z][^\]]*\]|(?<!\w)@[A-Za-z][\w:-]*",  # @references
        r"(?<=\])\([^)\s]*\)|https?://[^\s>)]+",  # where a link leads
        r"^[ \t]*[0-9]+[.)](?= )|^\*\*[0-9]+\.(?= )",  # of a list, of an exercise
        r"(?:\b(?:Table|Figure|Section|Chapter|Exercise|Equation|issue)s? |§ ?)"
        r"[0-9]+(?:\.[0-9]+)*(?:(?:,| and| to) [0-9]+)*",
    )
]
ATTRIBUTES = re.compile(r"\{[#.][^}\n]*\}|^:::+.*$|\{(?=[\w-]+=)[^}\n]*\}", re.M)
SAID_IN_ATTRIBUTES = re.compile(r'(?<=fig-alt=")[^"]*|(?<=title=")[^"]*')
LINK = re.compile(r"(?<!!)\[([^\]]*)\]\([^)\s]*\)")
LABEL = re.compile(r"\{[^}\n]*#((?:sec|eq|fig|tbl)-[\w-]+)[^}\n]*\}")
END = re.compile(r"(?<=[.!?])(?<!\*[0-9]\.)[*_”\")\]]*\s+(?=[\"“(*_\[]*[A-ZÀ-Þ0-9`$])")


class LedgerError(ValueError):
    """Say which line of a ledger or glossary can't be read, and why."""


@dataclass(frozen=True)
class Figure:
    """A figure in a text: where it begins and ends there, and how it is written."""

    start: int
    end: int
    text: str


def unlinked(markdown: str) -> str:
    """Return a text without its links, and with single spaces."""
    return " ".join(LINK.sub(r"\1", markdown).split())


def _blanked(text: str) -> str:
    return re.sub(r"\S", "\0", text)


def mask(markdown: str) -> str:
    """Return the text, as long as it was, with all that isn't prose blanked out."""

    def attributes(match: re.Match) -> str:
        whole, kept = match[0], []
        for said in SAID_IN_ATTRIBUTES.finditer(whole):
            kept.append((said.start(), said[0]))
        blank = _blanked(whole)
        for start, said in kept:
            blank = blank[:start] + said + blank[start + len(said) :]
        return blank

    for pattern in NOT_PROSE:
        markdown = pattern.sub(lambda match: _blanked(match[0]), markdown)
    markdown = ATTRIBUTES.sub(attributes, markdown)
    for pattern in PLACES:
        markdown = pattern.sub(lambda match: _blanked(match[0]), markdown)
    return markdown


def blocks(markdown: str) -> list[int]:
    """Return where paragraphs, headings, list items, fences and table rows begin."""
    starts, fresh, place = [0], False, 0
    for line in markdown.splitlines(keepends=True):
        alone = re.match(r"[ \t]*(?:[-*+] |[0-9]+[.)] |#+ |:::|\||>)", line)
        if (alone or fresh) and place:
            starts.append(place)
        fresh = not line.strip() or line.lstrip().startswith((":::", "#"))
        place += len(line)
    return starts


def find_figures(markdown: str) -> list[Figure]:
    """Return the figures that a piece of Markdown states, in order.

    A figure is a numeral: an integer (`1,280`), a decimal (`−0.03`), the number of a
    percentage (`95 %`), of a multiple (`6.5x`), of an ordinal (`5th`), of a date.
    These are none: digits inside a name (BM25, V100, nDCG@10, top-10, 2-D,
    all-MiniLM-L6-v2), numbers that only say where something stands (of lists and
    exercises, and those after Table, Figure, Section, Chapter, Exercise, Equation,
    issue or §), and whatever stands in code, in mathematics, in a citation
    or cross-reference, in the target of a link, in HTML or in an attribute other than
    `fig-alt` and `title`. Numbers written as words are no figures.
    """
    return [
        Figure(match.start(), match.end(), match[0])
        for match in FIGURE.finditer(mask(markdown))
    ]


def value(figure: str) -> float:
    """Return a figure's value: 1280 of `1,280`, −0.03 of `−0.03`, 57 of `57 %`.

    Raises ValueError when there is no number in it.
    """
    found = re.search(rf"[-−+]?{NUMBER}", figure)
    if not found:
        raise ValueError(f"{figure!r} is no figure")
    return float(found[0].replace(",", "").replace("−", "-"))


def prints_figure(output: str, figure: str) -> bool:
    """Tell whether an output prints a figure.

    The prose may round a decimal: 0.70 is printed by an output that holds 0.7035. It
    may leave a sign to its words, as in "lower by 0.1". A whole number stays whole.
    """
    wanted = value(figure)
    digits = re.search(r"\.([0-9]+)", figure)
    close = 0.5 * 10.0 ** -len(digits[1]) + 1e-12 if digits else 1e-9
    signed = figure.strip().startswith(("-", "−", "+"))
    for match in re.finditer(rf"(?:(?<![\w.)])[-−+])?{NUMBER}", output):
        found = value(match[0])
        if not signed:
            found = abs(found)
        if abs(found - abs(wanted) if not signed else found - wanted) <= close:
            return True
    return False


@dataclass(frozen=True)
class Prose:
    """A block of a chapter's text: its cell's number, its lines joined, its section."""

    cell: int
    text: str
    masked: str
    section: str

    @cached_property
    def figures(self) -> list[Figure]:
        """The figures that it states."""
        return [Figure(m.start(), m.end(), m[0]) for m in FIGURE.finditer(self.masked)]

    def places(self, sentence: str) -> Iterator[tuple[int, int]]:
        """Yield where a sentence stands in it."""
        sentence = unlinked(sentence)
        start = self.text.find(sentence) if sentence else -1
        while start >= 0:
            yield start, start + len(sentence)
            start = self.text.find(sentence, start + 1)


@dataclass(frozen=True)
class Code:
    """A code cell: its number, label, code, its stored output as text, its section."""

    cell: int
    label: str
    source: str
    output: str
    section: str


def _drawn(figure: Json) -> Json:
    """Return a plot without what only styles it: sizes and colours state nothing."""
    if isinstance(figure, dict):
        return {key: _drawn(it) for key, it in figure.items() if key not in STYLE}
    return [_drawn(it) for it in figure] if isinstance(figure, list) else figure


def _shown(outputs: Iterable[dict[str, Any]]) -> str:
    """Return what outputs show, as text."""
    parts = []
    for output in outputs:
        if output.get("name") == "stderr":
            continue
        parts.append(joined(output.get("text", "")))
        for kind, content in output.get("data", {}).items():
            if kind == "text/html":
                soup = BeautifulSoup(joined(content), "html.parser")
                for silent in soup.select("style, script"):
                    silent.decompose()
                parts.append(soup.get_text(" "))
            elif kind.endswith("json"):
                parts.append(json.dumps(_drawn(content)))
            elif kind.startswith("text/"):
                parts.append(joined(content))
    return "\n".join(parts)


class Chapter:
    """A notebook, as the ledger sees it: its prose, its code cells, and its labels."""

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.stem
        self.prose: list[Prose] = []
        self.code: list[Code] = []
        self.labels: dict[str, str] = {}
        """Each label and the section it stands in; a section's own is itself."""
        self.cited: set[str] = set()
        section = ""
        for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
            source = joined(cell["source"])
            if cell["cell_type"] == "markdown":
                section = self._read_markdown(number, source, section)
            elif cell["cell_type"] == "code":
                self._read_code(number, cell, source, section)

    def _read_markdown(self, number: int, markdown: str, section: str) -> str:
        """Note a cell's blocks (what stands between blank lines) and labels."""
        markdown = LINK.sub(r"\1", markdown)
        masked = mask(markdown)
        self.cited.update(re.findall(r"(?<!\w)@([A-Za-z][\w:-]*)", markdown))
        for start, end in pairwise([*blocks(markdown), len(markdown)]):
            for label in LABEL.findall(markdown[start:end]):
                section = label if label.startswith("sec-") else section
                self.labels[label] = section
            self._add(number, markdown[start:end], masked[start:end], section)
        return section

    def _add(self, number: int, raw: str, masked: str, section: str) -> None:
        # Both have their white space at the same places
        text, masked = (re.sub(r"\s+", " ", each.strip()) for each in (raw, masked))
        if text.strip():
            self.prose.append(Prose(number, text, masked, section))

    def _read_code(self, number: int, cell: dict, source: str, section: str) -> None:
        options, code = split_options(source)
        label = str(options.get("label", ""))
        if label:
            self.labels[label] = section
        shown = _shown(cell["outputs"])
        self.code.append(Code(number, label, code, shown, section))
        for key in CAPTIONS:
            caption = str(options.get(key, ""))
            self.cited.update(re.findall(r"(?<!\w)@([A-Za-z][\w:-]*)", caption))
            self._add(number, caption, mask(caption), section)

    def find(self, cell: str) -> list[Code]:
        """Return the code cells that a row may mean: by label, or by how they begin."""
        labelled = [code for code in self.code if code.label == cell]
        if labelled:
            return labelled
        begin = " ".join(cell.split())
        return [
            code
            for code in self.code
            if " ".join(code.source.split()).startswith(begin)
        ]

    def holds(self, sentence: str) -> list[Prose]:
        """Return the texts in which a sentence stands."""
        return [prose for prose in self.prose if any(prose.places(sentence))]


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a file of JSON lines. Raises LedgerError naming a bad line."""
    rows = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            said = f"{path.name}, line {number}: not JSON ({error})"
            raise LedgerError(said) from None
        if not isinstance(row, dict):
            raise LedgerError(f"{path.name}, line {number}: not an object")
        rows.append(row)
    return rows


def read_book() -> dict[str, Chapter]:
    """Return every chapter that _quarto.yml lists, by name, in its order."""
    return {path.stem: Chapter(path) for path in notebooks()}


def read_keys(*paths: Path) -> set[str]:
    """Return the keys of BibTeX files."""
    found = (
        re.findall(r"^@\w+\{\s*([^,\s]+)", p.read_text("utf-8"), re.M) for p in paths
    )
    return {key for keys in found for key in keys}


def _twice(row: Mapping[str, Any]) -> list[str]:
    counts = Counter(str(it) for it in row.get("figures", ()))
    return [it for it, count in counts.items() if count > 1]


def _wordy(row: Mapping[str, Any]) -> list[str]:
    return [str(it) for it in row.get("figures", ()) if not re.search("[0-9]", str(it))]


def _foreign(row: Mapping[str, Any]) -> list[str]:
    own = {value(it.text) for it in find_figures(unlinked(str(row.get("text", ""))))}
    given = [str(it) for it in row.get("figures", ())]
    return [it for it in given if re.search("[0-9]", it) and value(it) not in own]


def check_row(
    row: Mapping[str, Any], chapters: Mapping[str, Chapter], keys: set[str]
) -> Iterator[str]:
    """Yield what is wrong with a row whose chapter is in the book."""
    chapter = chapters[row["chapter"]]
    if unknown := sorted(row.keys() - FIELDS):
        yield f"fields that no row has: {', '.join(unknown)}"
    if not chapter.holds(str(row.get("text", ""))):
        yield f"no such sentence in {chapter.path.name}"
    yield from (f"{it!r} is no figure" for it in _wordy(row))
    yield from (f"{it} is listed twice" for it in _twice(row))
    if "cell" not in row:
        yield from (f"{it} isn't in its text" for it in _foreign(row))
    if sum(kind in row for kind in KINDS) != 1:
        yield f"needs one of {', '.join(KINDS)}, and only one"
    elif "cell" in row:
        yield from _check_cell(row, chapters)
    elif "defined" in row:
        if row["defined"] not in chapter.labels:
            yield f"no section or equation {row['defined']} in {chapter.path.name}"
    elif row["source"] not in keys:
        yield f"no entry {row['source']} in {BIBLIOGRAPHY.name}"
    elif row["source"] not in chapter.cited:
        yield f"{chapter.path.name} doesn't cite @{row['source']}"


def _check_cell(
    row: Mapping[str, Any], chapters: Mapping[str, Chapter]
) -> Iterator[str]:
    place = row.get("of", row["chapter"])
    if place not in chapters:
        yield f"no chapter {place} in the book"
        return
    found = chapters[place].find(str(row["cell"]))
    if len(found) != 1:
        many = f"{len(found)} code cells begin" if found else "no code cell begins"
        yield f"{many} with {row['cell']!r} or bear that label"
        return
    output = found[0].output
    for figure in row.get("figures", ()):
        if re.search("[0-9]", str(figure)) and not prints_figure(output, str(figure)):
            yield f"{figure} isn't printed by {row['cell']!r}"
    seen = " ".join(output.split())
    for text in row.get("prints", ()):
        if " ".join(str(text).split()) not in seen:
            yield f"{text!r} isn't printed by {row['cell']!r}"


def uncovered(chapter: Chapter, rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield each figure of a chapter's prose that belongs to no row."""
    rows = list(rows)
    for prose in chapter.prose:
        covered = [
            (start, end, value(str(figure)))
            for row in rows
            for start, end in prose.places(str(row.get("text", "")))
            for figure in row.get("figures", ())
            if re.search(r"[0-9]", str(figure))
        ]
        for figure in prose.figures:
            if not any(
                start <= figure.start and figure.end <= end and it == value(figure.text)
                for start, end, it in covered
            ):
                sentence = sentence_at(prose.text, figure.start)
                yield f"cell {prose.cell}: {figure.text} is in no row: {sentence}"


def sentences(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of a block begin and end, roughly."""
    cuts = [0, *(match.end() for match in END.finditer(text)), len(text)]
    return [(a, b) for a, b in pairwise(cuts) if text[a:b].strip()]


def sentence_at(text: str, place: int) -> str:
    """Return the sentence around a place in a block."""
    return next(text[a:b].strip() for a, b in sentences(text) if a <= place < b)


def rows_of(name: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a chapter's rows; the answers repeat exercises of all chapters."""
    return [row for row in rows if name in (row.get("chapter"), "appendix_answers")]


def check(
    chapters: Mapping[str, Chapter],
    rows: list[dict[str, Any]],
    keys: set[str],
    only: Iterable[str] = (),
) -> list[str]:
    """Return what doesn't hold: of the chapters named, or of the book and all rows."""
    names = list(only) or list(chapters)
    problems = []
    for number, row in enumerate(rows, start=1):
        name = row.get("chapter")
        if name not in chapters:
            if not only:
                problems.append(f"row {number}: no chapter {name} in the book")
        elif name in names:
            said = f"{name}, row {number} ({unlinked(str(row.get('text', '')))[:60]!r})"
            problems += [f"{said}: {it}" for it in check_row(row, chapters, keys)]
    for name in names:
        own = rows_of(name, rows)
        problems += [f"{name}, {it}" for it in uncovered(chapters[name], own)]
    return problems


def tidied(
    chapters: Mapping[str, Chapter], rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows in the order of the book, each with the section to read on in."""

    def place(row: dict[str, Any]) -> tuple[int, int, int]:
        chapter = chapters[row["chapter"]]
        prose = chapter.holds(row["text"])[0]
        start = next(prose.places(row["text"]))[0]
        return list(chapters).index(chapter.name), chapter.prose.index(prose), start

    def section(row: dict[str, Any]) -> str:
        chapter = chapters[row["chapter"]]
        if "cell" in row:
            return chapters[row.get("of", chapter.name)].find(row["cell"])[0].section
        if "defined" in row:
            return chapter.labels[row["defined"]]
        return chapter.holds(row["text"])[0].section

    order = [*("chapter", "text", "figures"), *KINDS, *("prints", "of", "section")]
    made = []
    for row in sorted(rows, key=place):
        row = row | {
            "text": unlinked(row["text"]),
            "figures": [str(figure) for figure in row.get("figures", ())],
            "section": section(row),
        }
        made.append({key: row[key] for key in order if key in row})
    return made


def written(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Return rows as JSON lines."""
    lines = (json.dumps(row, ensure_ascii=False) for row in rows)
    return "".join(f"{line}\n" for line in lines).encode()


def _sentences(chapter: Chapter, rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a chapter's sentences, each with what stands behind it."""
    own = rows_of(chapter.name, rows)
    for prose in chapter.prose:
        behind = [
            (start, end, next((f"{k} {row[k]!r}" for k in KINDS if k in row), "?"))
            for row in own
            for start, end in prose.places(str(row.get("text", "")))
        ]
        for start, end in sentences(prose.text):
            if not prose.masked[start:end].strip("\0 "):
                continue
            marks = dict.fromkeys(it for a, b, it in behind if a < end and start < b)
            mark = "; ".join(marks) or "-"
            yield f"[{prose.cell}] {prose.text[start:end].strip()}\n      {mark}"


def main(arguments: list[str] | None = None) -> int:
    """Check the ledger, or show or tidy it; return 1 if something doesn't hold."""
    parser = argparse.ArgumentParser(prog="python -m book.claims")
    parser.add_argument("do", choices=["check", "sentences", "tidy"])
    parser.add_argument(
        "notebook", nargs="*", type=Path, help="default: the whole book"
    )
    parser.add_argument("--rows", type=Path, default=LEDGER, help="another ledger")
    parser.add_argument(
        "--bib", type=Path, action="append", default=[], help="one more"
    )
    asked = parser.parse_args(arguments)
    try:
        rows = read_rows(asked.rows) if asked.rows.exists() else []
        chapters = read_book()
    except (LedgerError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in asked.notebook:  # a chapter may be on its way into the book
        chapters[path.stem] = Chapter(path)
    only = [path.stem for path in asked.notebook]
    if asked.do == "sentences":
        for name in only or chapters:
            print("\n".join(_sentences(chapters[name], rows)))
        return 0
    problems = check(chapters, rows, read_keys(BIBLIOGRAPHY, *asked.bib), only)
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} problems", file=sys.stderr)
        return 1
    if asked.do == "tidy":
        from book.building import write

        write(asked.rows, written(tidied(chapters, rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
