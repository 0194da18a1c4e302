"""Put the whole book on one page, to print or to keep: `python -m book.one_page`.

It writes `_book/print.html`, by pandoc from the same notebooks as the book. Widgets
show their stored answers, plots are all drawn, and folded code lies open.
"""

from __future__ import annotations

import html
import json
import os
import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from book import render
from book.building import alone, is_made_from, make_room, move_in, remove, sign
from book.check import check_pages
from book.render import (
    ROOT,
    BuildError,
    Chapter,
    Pandoc,
    lighter,
    near,
    reachable,
    read_chapters,
    read_config,
    sized,
    with_plots_apart,
)

HERE = Path(__file__).parent
PAGE, PLOTS, MEDIA = "print.html", "print.plots.js", "print_files"
STAMP = Path("assets") / "print.made-from.txt"
Read = list[tuple[Chapter, str, dict[str, Any]]]


def joined_document(read: Read, *, has_sources: bool) -> dict[str, Any]:
    """Return what read_chapters gave as one document in pandoc's JSON.

    A chapter's title, which is its page's elsewhere, is a heading here, and the works
    that are cited stand at the end once.
    """
    blocks, labels = [], {}
    for chapter, text, about in read:
        document = json.loads(text)
        title = list(document["meta"]["title"]["c"])
        if chapter.number:
            mark = [["", ["header-section-number"], []], [_word(chapter.number)]]
            title = [{"t": "Span", "c": mark}, {"t": "Space"}, *title]
        identity = [about["title-id"], ["chapter"], []]
        blocks += [{"t": "Header", "c": [1, identity, title]}, *document["blocks"]]
        for label, entry in about["labels"].items():
            labels[label] = {"text": entry["text"], "href": f"#{label}"}
    if has_sources:
        identity = ["references", ["chapter"], []]
        blocks.append({"t": "Header", "c": [1, identity, [_word("References")]]})
        blocks.append({"t": "Div", "c": [["refs", [], []], []]})
    meta = {"labels": {"t": "MetaString", "c": json.dumps(labels)}}
    return {
        "pandoc-api-version": document["pandoc-api-version"],
        "meta": meta,
        "blocks": blocks,
    }


def _word(text: str) -> dict[str, str]:
    return {"t": "Str", "c": text}


def within(page: str, read: Read) -> str:
    """Return a page whose links to the book's other pages lead to places within it."""
    titles = {PurePosixPath(c.page).name: about["title-id"] for c, _, about in read}

    def link(match: re.Match) -> str:
        name = PurePosixPath(unquote(match[1])).name
        return (
            f'href="{match[2] or "#" + titles[name]}"' if name in titles else match[0]
        )

    return re.sub(r'href="([^":?#]+\.html)(#[^"]*)?"', link, page)


def one_page(root: Path, folder: Path, pandoc: Pandoc) -> str:
    """Return the page that is to lie in a folder, and put its pictures there."""
    config = read_config(root)
    book, read = config["book"], read_chapters(pandoc, root, config)
    if not read:
        raise BuildError("_quarto.yml lists no chapters")
    styled = (root / "_book" / "assets" / "widgets.css").is_file()
    variables = {
        "has-widgets": styled,
        "book-title": html.escape(book["title"]),
        "subtitle": html.escape(book.get("subtitle", "")),
        "author": html.escape(str(book.get("author", ""))),
        "lang": config.get("lang", "en"),
        "footer": book.get("page-footer", ""),
    }
    places = {near((root / chapter.source).parent, folder) for chapter, *_ in read}
    arguments = [
        *("--from=json", "--to=html5", "--wrap=none", "--mathml"),
        *("--section-divs", "--toc", "--toc-depth=2"),
        f"--template={near(HERE / PAGE, folder)}",
        f"--lua-filter={HERE / 'filters' / 'xref.lua'}",
        *("--citeproc", "--metadata=link-citations:true"),
        f"--resource-path={os.pathsep.join(sorted(places))}",
        f"--extract-media={MEDIA}",
        *(f"--variable-json={k}:{json.dumps(v)}" for k, v in variables.items() if v),
    ]
    has_sources = "bibliography" in config
    if has_sources:
        sources = near(root / config["bibliography"], folder)
        arguments.append(f"--bibliography={sources}")
    whole = joined_document(read, has_sources=has_sources)
    page = within(pandoc(arguments, json.dumps(whole), read[0][0], folder), read)
    page = re.sub(r'(?s)(?<=<code class="sourceCode).*?</code>', lighter, page)
    page = sized(reachable(page), folder)
    # Paper can't unfold
    return re.sub(r"<details(?![^>]* open)", "<details open", page)


def made_of(root: Path) -> str:
    """Return a digest of all that the page is made from."""
    return render.made_of(root, quarto=False)


def make_page(root: Path = ROOT) -> Path:
    """Write the page into the rendered book where it isn't up to date; return its path.

    Raises BuildError with every problem found, and FileNotFoundError where the book
    isn't rendered; the old page stays then.
    """
    rendered = root.absolute() / "_book"
    if not (rendered / "assets").is_dir():
        raise FileNotFoundError("there is no book yet: run `make book` first")
    with alone(root, "putting the book on one page"):
        made_from = made_of(root)
        if is_made_from(rendered / STAMP, made_from):
            return rendered / PAGE
        pandoc = Pandoc()
        arriving = make_room(rendered / PAGE)
        page = one_page(root, arriving, pandoc)
        target = arriving / PAGE
        target.write_text(with_plots_apart(page, target), "utf-8")
        (arriving / "assets").symlink_to(rendered / "assets")
        if problems := pandoc.warnings + check_pages(arriving, {}):
            raise BuildError("\n".join(problems))
        (arriving / "assets").unlink()
        remove(rendered / STAMP)
        for name in (MEDIA, PLOTS, PAGE):
            if (arriving / name).exists():
                move_in(arriving / name, rendered / name)
            else:
                remove(rendered / name)
        made = (rendered / name for name in (PAGE, PLOTS, MEDIA))
        sign(rendered / STAMP, made_from, *made)
    return rendered / PAGE


def main() -> int:
    """Make the page and say where it is, or what is wrong with it."""
    try:
        make_page()
    except (BuildError, OSError) as error:
        print(f"The page was not made:\n{error}", file=sys.stderr)
        return 1
    print(f"The whole book is in _book/{PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
