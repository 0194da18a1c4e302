"""Render the book into `_book/`: `python -m book.render`.

Quarto does it where `quarto` is installed. Elsewhere pandoc does, from the same
_quarto.yml and the same executed notebooks: a notebook becomes markdown as in Quarto,
a first pass numbers and labels (filters/book.lua), a second resolves references over
the whole book (filters/xref.lua) and writes the page (template.html). The old book
stays until the new one is whole and checked.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

import yaml

from book import building
from book.assets import copy_assets, write_quizzes
from book.building import (
    alone,
    files_below,
    fingerprint,
    installed,
    is_made_from,
    make_room,
    move_in,
    sign,
)
from book.check import check_notebooks, check_pages, read_page
from book.outputs import NOTEBOOK, joined, page_notebook, split_options
from book.page import make_page_parts
from widgets.data_files import fault_in

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
STAMP = Path("assets") / building.STAMP
CONFIG = {"book": {"title": str, "chapters": [str]}, "format": {"html": dict}}
"""What a book's settings hold at least."""

ANSI = re.compile(r"\x1b\[[0-9;]*m")
MARKS = {"st": "i"} | dict.fromkeys(("kw", "cf", "im"), "b")
MARKS |= dict.fromkeys(("bu", "fu", "at", "dt"), "u")
MARKS |= dict.fromkeys(("co", "do", "an", "cv"), "i class=co")
"""The elements that colour code in a page, by pandoc's class of what they hold."""


class BuildError(Exception):
    """Say what stopped the build: one line for each problem."""


@dataclass(frozen=True)
class Chapter:
    """A notebook and the page it becomes, both as paths below the book's folder."""

    source: str
    number: str
    """"" where the chapter's title is `.unnumbered`."""

    @property
    def page(self) -> str:
        """Return the page's path: chapters/search.html."""
        return str(PurePosixPath(self.source).with_suffix(".html"))

    @property
    def root(self) -> str:
        """Return the way from the page up to the book's folder: "../"."""
        return "../" * (len(PurePosixPath(self.source).parts) - 1)


def read_config(root: Path) -> dict[str, Any]:
    """Return _quarto.yml; raise BuildError where it is no book's."""
    path = root / "_quarto.yml"
    try:
        config = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BuildError(f"{path} can't be read: {error}") from error
    if fault := fault_in(config, CONFIG):
        raise BuildError(f"{path}: {fault}")
    return config


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook as plain JSON.

    Raises BuildError naming the file when it is missing or is no notebook.
    """
    try:
        notebook = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BuildError(
            f"{path.name} is in _quarto.yml, but {path} is missing"
        ) from None
    except ValueError as error:
        raise BuildError(f"{path.name} is not a notebook: {error}") from error
    if fault := fault_in(notebook, NOTEBOOK):
        raise BuildError(f"{path.name} is not a notebook: {fault}")
    return notebook


def list_chapters(root: Path, config: dict[str, Any]) -> list[Chapter]:
    """Return the chapters in the order of _quarto.yml, numbered as Quarto does."""
    chapters, number = [], 0
    for source in config["book"]["chapters"]:
        cells = read_notebook(root / source)["cells"]
        text = "\n".join(joined(cell["source"]) for cell in cells)
        title = re.search("^# .*$", text, re.M)
        unnumbered = title and re.search(r"\{.*(\.unnumbered|(?<= |\{)-)", title[0])
        number += not unnumbered
        chapters.append(Chapter(source, "" if unnumbered else str(number)))
    return chapters


def fence(content: str, attributes: str) -> str:
    """Return a fenced block whose fence is longer than any in the content."""
    longest = max((len(run) for run in re.findall("`+", content)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks} {attributes}\n{content}\n{ticks}"


def output_markdown(output: dict[str, Any], options: dict[str, Any]) -> str:
    """Return one output of page_notebook as markdown."""
    data = output.get("data") or {"text/plain": joined(output.get("text", ""))}
    kind, content = next(iter(data.items()))
    if options.get("output") == "asis" or kind == "text/markdown":
        return joined(content)
    if kind == "text/html":
        return fence(content, "{=html}")
    if kind.startswith("image/"):
        alt = html.escape(str(options.get("fig-alt", "")))
        return f'![](data:{kind};base64,{content.strip()}){{fig-alt="{alt}"}}'
    return fence(ANSI.sub("", joined(content)).rstrip("\n"), "{.output}")


def cell_markdown(cell: dict[str, Any], defaults: dict[str, Any]) -> str:
    """Return a cell as the markdown that Quarto would make of it."""
    if cell["cell_type"] != "code":
        return joined(cell["source"]) if cell["cell_type"] == "markdown" else ""
    options, code = split_options(joined(cell["source"]))
    options = defaults | options
    if options.get("include") is False:
        return ""
    parts = []
    if options.get("echo") is not False and code:
        attributes = ".python .cell-code"
        if fold := options.get("code-fold"):
            summary = html.escape(str(options.get("code-summary", "Code")))
            fold = "show" if fold == "show" else "true"
            attributes += f' code-fold="{fold}" code-summary="{summary}"'
        parts.append(fence(code, f"{{{attributes}}}"))
    label, floated = str(options.get("label", "")), []
    for output in cell["outputs"] if options.get("output") is not False else []:
        is_float = label.startswith(("fig-", "tbl-")) and "data" in output
        (floated if is_float else parts).append(output_markdown(output, options))
    if floated:
        caption = str(options.get(f"{label[:3]}-cap", ""))
        parts += [f"::: {{#{label}}}", *floated, caption, ":::"]
    return "\n\n".join(parts)


def pandoc_path() -> str:
    """Return where pandoc is: the one that the pypandoc_binary wheel brings.

    By itself pypandoc takes the newest on the machine, whose pages may differ.
    Raises BuildError where there is none.
    """
    try:
        import pypandoc

        own = Path(pypandoc.__file__).parent / "files" / "pandoc"
        return str(own) if own.is_file() else pypandoc.get_pandoc_path()
    except (ImportError, OSError):
        missing = "neither Quarto nor pandoc is installed; run `make ready`"
        raise BuildError(missing) from None


def near(path: Path, folder: Path) -> str:
    """Return the way to a path from a folder, in which the checkout's path isn't.

    In one, pandoc takes "%20" for a blank, ":" for an end, and it escapes "&" in pages.
    """
    return os.path.relpath(path.resolve(), folder.resolve())


class Pandoc:
    """Pandoc, what it warned of, and the date (in seconds) that it takes for today."""

    def __init__(self) -> None:
        self.path, self.date = pandoc_path(), 0
        self.warnings: list[str] = []

    def __call__(
        self,
        arguments: list[str],
        text: str,
        chapter: Chapter,
        folder: Path | None = None,
    ) -> str:
        """Convert a text; note warnings such as an unclosed div, a missing picture.

        Paths among the arguments begin in the folder.

        Raises BuildError with pandoc's words if it gives up.
        """
        # Nothing that the reader keeps for pandoc, no clock, no locale
        command = [self.path, f"--data-dir={HERE / 'filters'}", *arguments]
        environment = os.environ | {"SOURCE_DATE_EPOCH": str(self.date)}
        ran = subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            env=environment,
            cwd=folder,
        )
        if ran.returncode:
            raise BuildError(f"{chapter.source}: pandoc says: {ran.stderr.strip()}")
        for line in ran.stderr.splitlines():
            # These two are found again by check.py, which knows their cell
            if not re.search("Citeproc: citation|Duplicate identifier", line):
                self.warnings.append(f"{chapter.source}: pandoc says: {line}")
        return ran.stdout


def read_chapters(
    pandoc: Pandoc, root: Path, config: dict[str, Any]
) -> list[tuple[Chapter, str, dict[str, Any]]]:
    """Make the first pass: return each chapter, its document and what it says.

    The document is pandoc's JSON; what it says is its title and its labels.
    """
    options = config["format"]["html"]
    defaults = {
        key: options[key] for key in ("code-fold", "code-summary") if key in options
    }
    read = []
    for chapter in list_chapters(root, config):
        cells = page_notebook(read_notebook(root / chapter.source))["cells"]
        text = "\n\n".join(cell_markdown(cell, defaults) for cell in cells)
        arguments = ["--from=markdown", "--to=json"]
        arguments.append(f"--metadata=chapter:{chapter.number}")
        arguments.append(f"--lua-filter={HERE / 'filters' / 'book.lua'}")
        document = pandoc(arguments, text, chapter)
        meta = {k: v.get("c") for k, v in json.loads(document)["meta"].items()}
        if not meta.get("plaintitle"):
            begin = "begin with `# Title {#sec-x}`"
            raise BuildError(f"{chapter.source}: no title; {begin}")
        about = {"title": meta["plaintitle"], "title-id": meta["title-id"]}
        read.append((chapter, document, about | {"labels": json.loads(meta["labels"])}))
    return read


def render_with_pandoc(root: Path, folder: Path, config: dict[str, Any]) -> list[str]:
    """Write the book's pages into an empty folder; return what pandoc warned of."""
    pandoc = Pandoc()
    book = config["book"]
    can_live = (folder / "assets" / "widgets.js").exists()
    read = read_chapters(pandoc, root, config)
    entries = [
        {
            "title": html.escape(about["title"]),
            "page": chapter.page,
            "number": chapter.number,
        }
        for chapter, _, about in read
    ]
    for here, (chapter, document, _) in enumerate(read):
        labels = {}
        for other, _, about in read:
            page = "" if other is chapter else chapter.root + other.page
            for label, entry in about["labels"].items():
                anchor = "" if label == about["title-id"] else f"#{label}"
                href = page + anchor or "#top"
                labels[label] = {"text": entry["text"], "href": href}
        variables = {
            "book-title": html.escape(book["title"]),
            "subtitle": html.escape(book.get("subtitle", "")),
            "author": html.escape(str(book.get("author", ""))),
            "lang": config.get("lang", "en"),
            "footer": book.get("page-footer", ""),
            "root": chapter.root,
            "is-home": chapter.page == "index.html",
            "has-plot": 'class=\\"plot\\"' in document,
            "has-widget": can_live and 'class=\\"ovs-widget\\"' in document,
            "chapters": [e | {"current": i == here} for i, e in enumerate(entries)],
            "previous": entries[here - 1] if here else None,
            "next": entries[here + 1] if here + 1 < len(entries) else None,
        }
        target = folder / chapter.page
        place = target.parent
        place.mkdir(parents=True, exist_ok=True)
        arguments = [
            *("--from=json", "--to=html5", "--wrap=none", "--mathml"),
            *("--section-divs", "--toc"),
            f"--toc-depth={config['format']['html'].get('toc-depth', 3)}",
            f"--template={near(HERE / 'template.html', place)}",
            f"--metadata=labels:{json.dumps(labels)}",
            f"--lua-filter={HERE / 'filters' / 'xref.lua'}",
            *("--citeproc", "--metadata=link-citations:true"),
            f"--resource-path={near((root / chapter.source).parent, place)}",
            f"--extract-media={target.stem}_files",
        ]
        if "bibliography" in config:
            sources = near(root / config["bibliography"], place)
            arguments.append(f"--bibliography={sources}")
        for key, value in variables.items():
            if value:
                arguments.append(f"--variable-json={key}:{json.dumps(value)}")
        page = pandoc(arguments, document, chapter, place)
        # The sidebar shows no numbers of sections, and nobody links to its entries
        number = '(?:<span class="header-section-number">[^<]*</span> )?'
        page = re.sub(rf' id="toc-[^"]*">{number}', ">", page)
        page = re.sub(r'(?s)<div class="sourceCode" id="cb.*?</code>', lighter, page)
        page = sized(reachable(page), place)
        target.write_text(with_plots_apart(page, target), "utf-8")
        print(f"  {chapter.page}")
    write_search_index(folder, [chapter for chapter, *_ in read])
    write_quizzes(folder)
    return pandoc.warnings


def lighter(code: re.Match) -> str:
    """Return a block of code without the marks that no style and no reader needs.

    Pandoc makes each line a target and each operator and number a span: a third of a
    page. And it tells kinds of string apart, which have one colour: side by side they
    become one. What is left is marked by the shortest elements that mean nothing.
    """
    head = '<div class="sourceCode"><pre><code>'
    line = r'<span id="cb[^>]*><a [^>]*></a>(.*?)</span>(?=\n|</code>)'
    text = re.sub("(?s)^.*?<code[^>]*>", head, code[0])
    text = re.sub(line, r"\1", text)
    text = re.sub('(?<=<span class=)"(?:ch|sc|ss|vs)"', '"st"', text)
    string = '<span class="st">[^<]*</span>'
    text = re.sub(rf"{string}(?:\s*{string})+", joined_strings, text)
    text = re.sub(r'<span class="(\w+)">([^<]*)</span>', mark, text)
    return text.replace("&quot;", '"').replace("&#39;", "'")


def mark(marked: re.Match) -> str:
    """Return a mark of pandoc's in the form that book.css knows."""
    kind, text = marked.groups()
    tag = MARKS.get(kind)
    return f"<{tag}>{text}</{tag[0]}>" if tag else text


def joined_strings(run: re.Match) -> str:
    """Return marked strings with only blanks between them as one."""
    return f'<span class="st">{re.sub("<[^>]+>", "", run[0])}</span>'


def reachable(page: str) -> str:
    """Return a page in which a block of code that is wide can be reached by Tab.

    Not every browser lets one into what scrolls. In the book's pages book.js takes this
    away again from what is not too wide.
    """
    return re.sub("<pre(?=[ >])", "<pre tabindex=0", page)


def sized(page: str, folder: Path) -> str:
    """Return a page whose drawings keep their place free before they have come.

    What is read then doesn't jump. `folder` is the page's.
    """

    def with_size(image: re.Match) -> str:
        drawing = folder / unquote(image[2])
        head = drawing.read_text("utf-8")[:400] if drawing.is_file() else ""
        sizes = re.findall(r'\s((?:width|height)="\d+")', head.partition(">")[0])
        return f"{image[1]} {' '.join(sizes)}" if len(sizes) == 2 else image[1]

    return re.sub(r'(<img src="([^":]+\.svg)")', with_size, page)


def with_plots_apart(page: str, target: Path) -> str:
    """Move the data of a page's plots into a script beside it; return the page.

    The text is there sooner, and figures.js asks for the data when a plot comes near.
    It is a script because `fetch` fails from file://.
    """
    script = target.with_suffix(".plots.js")
    plots: list[str] = []

    def moved(plot: re.Match) -> str:
        plots.append(plot[3])
        place = f' data-plot="{len(plots) - 1}" data-from="{script.name}"'
        return f"{plot[1]}{place}{plot[2]}</div>"

    data = r'<script type="application/json">(.*?)</script></div>'
    page = re.sub(rf'(<div class="plot")([^>]*>.*?){data}', moved, page, flags=re.S)
    if plots:
        script.write_text(f"window.bookPlots = [{','.join(plots)}];\n", "utf-8")
    return page


def write_search_index(folder: Path, chapters: list[Chapter]) -> None:
    """Write what the search box searches, as a script: `fetch` fails from file://.

    One entry a section: address, chapter, heading, text.
    """
    index = []
    for chapter in chapters:
        main = read_page(folder / chapter.page).find("main")
        # The answers to a quiz are mostly wrong: nobody should find them as text
        for silent in main.select(
            "script, style, pre, svg, annotation, nav, .quiz > ol"
        ):
            silent.decompose()
        title = main.find("h1").get_text()
        texts = {chapter.page: [title, ""]}
        for text in main.find_all(string=True):
            section = text.find_parent("section", id=True)
            href = f"{chapter.page}#{section['id']}" if section else chapter.page
            entry = texts.setdefault(href, ["", ""])
            heading = text.find_parent(re.compile("h[1-6]"))
            if not heading:
                entry[1] += text
            elif heading.name != "h1":
                entry[0] += text
        for href, (heading, text) in texts.items():
            index.append([href, title, heading, " ".join(text.split())])
    data = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
    script = folder / "assets" / "search_index.js"
    script.write_text(f"window.searchIndex = {data};\n", "utf-8")


def render_with_quarto(root: Path, folder: Path) -> None:
    """Let Quarto write the book into a folder; _quarto.yml says the rest.

    Raises BuildError when Quarto fails; what it says is on the terminal then.
    """
    environment = os.environ | {"QUARTO_PYTHON": sys.executable}
    command = ["quarto", "render", "--to", "html", "--output-dir", folder.name]
    if subprocess.run(command, cwd=root, env=environment).returncode:
        raise BuildError("quarto render failed; its own message stands above")


def made_of(root: Path, *, quarto: bool | None = None) -> str:
    """Return a digest of all that the book is made from, and of what makes it."""
    quarto = shutil.which("quarto") is not None if quarto is None else quarto
    config = read_config(root)
    sources = [root / "_quarto.yml", root / config.get("bibliography", "_quarto.yml")]
    sources += [root / chapter for chapter in config["book"]["chapters"]]
    for folder in (root / "chapters", root / "widgets" / "built", HERE):
        sources += [path for path in files_below(folder) if path.suffix != ".ipynb"]
    renderer = "quarto" if quarto else pandoc_path()
    asked = subprocess.run([renderer, "--version"], capture_output=True, text=True)
    # What the licences say beside what their packages bring
    sources += [ROOT / "LICENSE", ROOT / "widgets" / "weights.py"]
    # The lines after the first name the reader's own folders
    said = (Path(renderer).name, *asked.stdout.splitlines()[:1], installed())
    return fingerprint(root, sources, *said)


def render(root: Path = ROOT, *, quarto: bool | None = None) -> bool:
    """Render the book below `root` into its `_book/`; return False if it is up to date.

    Raises BuildError with every problem found, one a line; the old book stays then.
    """
    quarto = shutil.which("quarto") is not None if quarto is None else quarto
    book = root / "_book"
    with alone(root, "rendering the book"):
        if (root / "widgets").is_dir():
            make_page_parts(root / "widgets" / "built")
        config, made_from = read_config(root), made_of(root, quarto=quarto)
        if is_made_from(book / STAMP, made_from):
            return False
        sources = config["book"]["chapters"]
        notebooks = {source: read_notebook(root / source) for source in sources}
        if problems := check_notebooks(notebooks):
            raise BuildError("\n".join(problems))
        folder = make_room(book)
        print(f"Rendering with {'Quarto' if quarto else 'pandoc'}", flush=True)
        problems = []
        if quarto:
            render_with_quarto(root, folder)
        else:
            copy_assets(folder, root / "widgets" / "built")
            problems = render_with_pandoc(root, folder, config)
        if problems := problems + check_pages(folder, notebooks):
            raise BuildError("\n".join(problems))
        sign(folder / STAMP, made_from, folder)
        move_in(folder, book)
    return True


def main() -> int:
    """Render the book and say where it is, or what is wrong with it."""
    try:
        fresh = render()
    except BuildError as error:
        print(f"The book was not rendered:\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"The book was not rendered: {error}", file=sys.stderr)
        return 1
    print("The book is in _book/" if fresh else "The book is up to date")
    return 0


if __name__ == "__main__":
    sys.exit(main())
