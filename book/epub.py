"""Make the book an EPUB, for e-readers: `python -m book.epub`.

It is made from the book on one page (book/one_page.py) by pandoc. An e-reader runs no
script, so a browser that is on this machine (Chromium, Chrome or Edge) draws each plot
once. Without one, a plot's words stand in its place.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import sys
import uuid
import zipfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from book import one_page
from book.building import (
    ARRIVING,
    alone,
    fingerprint,
    is_made_from,
    make_room,
    remove,
    sign,
)
from book.one_page import make_page
from book.render import ROOT, BuildError, Chapter, Pandoc, near, read_config

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserType

HERE = Path(__file__).parent
NAME = "one-vector-per-sentence.epub"
STAMP = Path("assets") / "epub.made-from.txt"
PICTURE = re.compile(r'<div[^>]* role="img" aria-label="([^"]*)"[^>]*>.*?</div>', re.S)
FOLDED = re.compile(r"<summary[^>]*>(.*?)</summary>", re.S)
FIRST = date(1980, 1, 1)
"""The first day that a zip can hold."""

TEXTUAL = b'<meta property="schema:accessMode">textual</meta>'
VISUAL = TEXTUAL.replace(b"textual", b"visual")
"""How a book is read, as its package says it."""

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "microsoft-edge")
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]


def open_browser(kind: BrowserType) -> Browser | None:
    """Return a browser of this machine, or None where there is none."""
    from playwright.sync_api import Error

    found = [{"executable_path": p} for name in BROWSERS if (p := shutil.which(name))]
    for where in [*found, {"channel": "chrome"}, {"channel": "msedge"}, {}]:
        try:
            return kind.launch(args=ARGUMENTS, **where)
        except Error:
            continue
    return None


def draw(page: Path) -> list[bytes]:
    """Return every plot and drawing of a page as a PNG; [] where no browser is."""
    from playwright.sync_api import sync_playwright

    text = page.read_text("utf-8")
    head = text.partition("<main>")[0]
    # Alone on a page, for Chromium can't take a picture far down a very long one
    only = "\n".join(match[0] for match in PICTURE.finditer(text))
    pictures = page.with_name(f"pictures{ARRIVING}.html")
    with sync_playwright() as playwright:
        browser = open_browser(playwright.chromium)
        if browser is None:
            return []
        pictures.write_text(f"{head}<main>{only}</main></body></html>", "utf-8")
        tab = browser.new_page(device_scale_factor=2)
        tab.goto(pictures.as_uri())
        tab.wait_for_function(
            "() => [...document.querySelectorAll('.plot')]"
            ".every((plot) => plot.querySelector('.main-svg'))"
        )
        drawn = [place.screenshot() for place in tab.locator("div[role=img]").all()]
        browser.close()
    pictures.unlink()
    return drawn


def for_readers(page: str, drawn: list[bytes]) -> str:
    """Return the page's text with pictures in place of plots, and nothing to unfold."""
    body = re.search(r"</nav>(.*)</main>", page, re.S)[1]
    pictures = iter(drawn)

    def picture(match: re.Match) -> str:
        if not drawn:
            return f'<p class="plot-alt">{match[1]}</p>'
        data = base64.b64encode(next(pictures)).decode()
        return f'<p><img src="data:image/png;base64,{data}" alt="{match[1]}"></p>'

    body = FOLDED.sub(r'<p class="summary">\1</p>', PICTURE.sub(picture, body))
    # Pandoc reads the class of a div, and not of a paragraph
    body = re.sub(r'<p( class="[^"]*")>(.*?)</p>', r"<div\1><p>\2</p></div>", body)
    # Pandoc splits the book at headings that stand free and bear their ids themselves
    body = re.sub(r'<section( id="[^"]*")[^>]*>\s*<(h\d)', r"<\2\1", body)
    body = re.sub(r"</?section[^>]*>", "", body)
    # It finds the place of a link to a div, and not to a figure
    body = re.sub(r'<figure( id="[^"]*")', r"<div\1></div><figure", body)
    # It numbers blocks of code anew
    body = re.sub(r' id="cb[\d-]+"', "", body)
    # Pandoc gives the list of works these roles by itself, and warns of two
    body = re.sub(r' role="list(?:item)?"', "", body)
    return f"<!doctype html><html><body>{body}</body></html>"


def made_of(root: Path) -> str:
    """Return a digest of all that the EPUB is made from, and of who draws its plots."""
    found = [path for name in BROWSERS if (path := shutil.which(name))]
    asked = [
        subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        for path in found
    ]
    dated = [root / "CITATION.cff"]
    return fingerprint(root, dated, one_page.made_of(root), *found, *asked)


def released(root: Path) -> datetime:
    """Return the book's date: the day of its release, and never today's.

    Raises BuildError where CITATION.cff is there and can't be read, or holds no date.
    """
    about, day = root / "CITATION.cff", None
    try:
        said = yaml.safe_load(about.read_text("utf-8")) if about.is_file() else {}
        day = said.get("date-released", FIRST)
    except (AttributeError, ValueError, yaml.YAMLError):
        pass  # it is told below
    if not isinstance(day, date):
        raise BuildError(f"{about} needs a line such as `date-released: 2026-01-31`")
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def make_epub(root: Path = ROOT) -> Path:
    """Write the EPUB into the rendered book where it isn't up to date; return its path.

    Raises BuildError with what pandoc or the page's checks complain of, and
    FileNotFoundError where the book isn't rendered; the old file stays then.
    """
    with alone(root, "making the EPUB"):
        page = make_page(root)
        made_from = made_of(root)
        target, stamp = page.with_name(NAME), page.parent / STAMP
        if is_made_from(stamp, made_from):
            return target
        remove(stamp)
        _make(root, page, make_room(target) / NAME).replace(target)
        sign(stamp, made_from, target)
        return target


def _make(root: Path, page: Path, arriving: Path) -> Path:
    """Write the EPUB of a page, and return where it arrives."""
    config = read_config(root)
    book, lang = config["book"], config.get("lang", "en")
    drawn = draw(page)
    if not drawn:
        print("  No Chromium, Chrome or Edge here: plots are in words")
    about = {
        "title": book["title"],
        "subtitle": book.get("subtitle", ""),
        "author": str(book.get("author", "")),
        "rights": book.get("page-footer", ""),
        "lang": lang,
        "identifier": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_DNS, book['title'])}",
    }
    pandoc = Pandoc()
    pandoc.date = int(released(root).timestamp())
    arguments = [
        *("--from=html", "--to=epub3", "--mathml", "--split-level=1"),
        *("--toc", "--toc-depth=2", f"--css={near(HERE / 'epub.css', page.parent)}"),
        *(f"--metadata={key}:{value}" for key, value in about.items() if value),
        "--resource-path=.",
        f"--output={near(arriving, page.parent)}",
    ]
    text = for_readers(page.read_text("utf-8"), drawn)
    pandoc(arguments, text, Chapter(page.name, ""), page.parent)
    if pandoc.warnings:
        raise BuildError("\n".join(pandoc.warnings))
    complete(arriving)
    return arriving


def complete(made: Path) -> None:
    """Say in an EPUB the chapters' titles, and that it has pictures: pandoc doesn't.

    Pandoc 2 titles a chapter by its file's name, which a screen reader reads out.
    """
    with zipfile.ZipFile(made) as book:
        files = [(entry, book.read(entry)) for entry in book.infolist()]
    with zipfile.ZipFile(made, "w") as book:
        for entry, content in files:
            if heading := re.search(rb"<h1[^>]*>(.*?)</h1>", content, re.S):
                named = f"<title>{Path(entry.filename).name}</title>".encode()
                title = re.sub(rb"<[^>]*>", b"", heading[1])
                content = content.replace(named, b"<title>" + title + b"</title>")
            book.writestr(entry, content.replace(TEXTUAL, TEXTUAL + VISUAL))


def main() -> int:
    """Make the EPUB and say where it is, or what is wrong with it."""
    try:
        made = make_epub()
    except (BuildError, OSError) as error:
        print(f"The EPUB was not made:\n{error}", file=sys.stderr)
        return 1
    print(f"The EPUB is in _book/{NAME} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
