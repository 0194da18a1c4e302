"""Pack all for a classroom: `python -m book.usb`.

One zip for sticks, with the book, the slides, the notebooks and the model's weights.
Unzipped, the book and the slides work by a double click, with no server and no line;
the notebooks need the packages on the machine and no line either. What is the same
gives the same bytes.
"""

from __future__ import annotations

import html
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup

from book import epub, one_page, render, slides
from book.building import alone, is_made_from
from widgets import weights

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent
NAME = "one-vector-per-sentence"
DATE = (1980, 1, 1, 0, 0, 0)  # the first that a zip can hold; the bytes tell no clock
STORED = {".epub", ".png", ".safetensors", ".whl"}
"""What is packed already, or hardly gets smaller."""

ALL = "`make usb` makes all that it packs"
MADE = {
    "index.html": render,
    "slides/index.html": slides,
    one_page.PAGE: one_page,
    epub.NAME: epub,
}
"""What makes each part of the book, and knows whether it is up to date."""

STAMPS = {made.STAMP.name for made in MADE.values()}
Files = Iterator[tuple[str, bytes]]


def pack(root: Path, out: Path, model: Path) -> Path:
    """Write the zip into the folder `out`, and return its path.

    `model` is the folder of the verified weights. Raises FileNotFoundError where the
    helper package isn't built yet, OSError where it is damaged.
    """
    wheel = find_wheel(root / "dist")
    out.mkdir(parents=True, exist_ok=True)
    target = out / f"{NAME}.zip"
    arriving = target.with_name(f".{target.name}.arriving")
    try:
        files = [
            *book_files(root / "_book"),
            *notebook_files(root, wheel),
            *weight_files(model),
        ]
    except (zipfile.BadZipFile, zlib.error) as error:
        raise OSError(f"{wheel} is damaged ({error}): {ALL}.") from error
    with zipfile.ZipFile(arriving, "w") as packed:
        _add(packed, "START-HERE.html", start_page(root / "_book", wheel.name).encode())
        start = (HERE / "start_notebooks.py").read_bytes()
        _add(packed, "START-NOTEBOOKS.py", start)
        for name, content in files:
            _add(packed, name, content)
    return arriving.replace(target)


def check_made(root: Path) -> None:
    """Raise FileNotFoundError naming what isn't made yet, or is of other sources."""
    find_wheel(root / "dist")
    for part, made in MADE.items():
        if not (root / "_book" / part).is_file():
            raise FileNotFoundError(f"There is no _book/{part} yet: {ALL}.")
        if not is_made_from(root / "_book" / made.STAMP, made.made_of(root)):
            raise FileNotFoundError(f"_book/{part} is out of date: {ALL}.")


def find_wheel(dist: Path) -> Path:
    """Return the helper package. Raises FileNotFoundError where it isn't built."""
    wheels = sorted(dist.glob("one_vector_per_sentence-*.whl"))
    if not wheels:
        raise FileNotFoundError(f"There is no helper package in dist/ yet: {ALL}.")
    return max(wheels, key=lambda path: path.stat().st_mtime)


def start_page(book: Path, wheel: str) -> str:
    """Return the page that says how to start each part."""
    contents = (book / "slides" / "index.html").read_text("utf-8")
    links = BeautifulSoup(contents, "html.parser").select("main li a")
    decks = ", ".join(
        f'<a href="book/slides/{link["href"]}">{html.escape(link.text)}</a>'
        for link in links
    )
    page = (HERE / "start_here.html").read_text("utf-8")
    return page.replace("{{decks}}", decks).replace("{{wheel}}", wheel)


def book_files(book: Path) -> Files:
    """Yield the rendered book, with its slides, its one page and its EPUB.

    What only a server's pages load stays out: a file whose twin, a script that holds
    the same bytes, lies beside it. So do the stamps, which only a build reads.
    """
    for path in sorted(book.rglob("*")):
        has_twin = path.with_name(f"{path.name}.js").exists()
        if path.is_file() and not has_twin and path.name not in STAMPS:
            yield f"book/{path.relative_to(book).as_posix()}", path.read_bytes()


def notebook_files(root: Path, wheel: Path) -> Files:
    """Yield the notebooks, and the helper package: unpacked, and whole for Colab."""
    paths = [root / "index.ipynb"]
    for folder in ("chapters", "exercises"):
        paths += sorted((root / folder).glob("*.ipynb"))
        paths += sorted((root / folder).glob("*.svg"))
    for path in paths:
        yield f"notebooks/{path.relative_to(root).as_posix()}", path.read_bytes()
    yield f"notebooks/{wheel.name}", wheel.read_bytes()
    with zipfile.ZipFile(wheel) as unpacked:
        for name in sorted(unpacked.namelist()):
            if name.startswith("widgets/"):
                yield f"notebooks/{name}", unpacked.read(name)


def weight_files(model: Path) -> Files:
    """Yield the weights, laid out as the hub's own library keeps them."""
    pinned = weights.pinned()
    home = f"weights/models--{pinned.repository.replace('/', '--')}"
    yield f"{home}/refs/main", pinned.revision.encode()
    for name in sorted(pinned.sha256):
        where = f"{home}/snapshots/{pinned.revision}/{name}"
        yield where, (model / name).read_bytes()


def _add(packed: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(f"{NAME}/{name}", DATE)
    entry.external_attr = 0o644 << 16
    stored = Path(name).suffix in STORED
    how = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    packed.writestr(entry, content, how)


def main(root: Path = ROOT, out: Path = ROOT / "_usb") -> int:
    """Pack all and say where it is, or what is missing."""
    try:
        with alone(root, "packing the book"):
            check_made(root)
            packed = pack(root, out, weights.verify())
    except (OSError, render.BuildError, weights.WeightsError) as error:
        print(f"The book was not packed: {error}", file=sys.stderr)
        return 1
    size = packed.stat().st_size / 1e6
    print(f"{packed.parent.name}/{packed.name}: {size:.0f} MB, unzip and double-click")
    return 0


if __name__ == "__main__":
    sys.exit(main())
