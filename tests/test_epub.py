"""The book on one page, and as an EPUB: whole, and readable where no script runs."""

import json
import posixpath
import re
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from book import check, epub, one_page
from book.render import BuildError, list_chapters, read_config, render
from tests.test_book import plain, text, write_book

ROOT = Path(__file__).parent.parent
XHTML = "{http://www.w3.org/1999/xhtml}"
OPF = "{http://www.idpf.org/2007/opf}"


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small book, rendered, with its one page."""
    folder = write_book(tmp_path_factory.mktemp("small"))
    render(folder, quarto=False)
    one_page.make_page(folder)
    return folder


def test_the_page_holds_every_chapter_and_links_stay_within(small: Path):
    page = (small / "_book" / "print.html").read_text()
    said = plain(page)
    order = ["Welcome", "1 First & foremost", "2 Second", "References"]
    assert (
        re.findall(r"<h1[^>]*>(.*?)</h1>", page)
        and [plain(title) for title in re.findall(r"(?s)<h1[^>]*>(.*?)</h1>", page)]
        == order
    )
    assert "Read Chapter 1 and Figure 1.2." in said
    assert 'href="#sec-one" class="xref">Chapter' in page
    assert '<a href="#sec-far">Two</a>' in page
    assert not re.search(r'href="[^"#:]*\.html', page)
    assert (small / "_book" / "print_files").is_dir()
    assert check.check_pages(small / "_book", {}) == []


def test_the_page_unfolds_all_and_keeps_plots_apart(small: Path):
    page = (small / "_book" / "print.html").read_text()
    assert page.count("<details") == page.count("<details open") > 1
    assert 'data-plot="0" data-from="print.plots.js"' in page
    assert 'id="refs"' in page and page.count("(Knuth 1984, 3)") == 0
    assert "Knuth 1984" in plain(page)


def test_a_page_with_a_fault_is_not_written(tmp_path: Path):
    folder = write_book(tmp_path)
    render(folder, quarto=False)
    write_book(folder, two=[text("# Second {#sec-two}\n\n@fig-nowhere")])
    with pytest.raises(BuildError, match="nothing in the book is called @fig-nowhere"):
        one_page.make_page(folder)
    assert list((folder / "_book").glob("*print*")) == []


def test_the_page_opens_by_double_click_and_prints(browser, epub_file: Path):
    page = browser.new_page(color_scheme="dark")
    errors, asked = [], []
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(epub_file.with_name("print.html").as_uri())
    page.wait_for_function(
        "() => [...document.querySelectorAll('.plot')]"
        ".every((plot) => plot.querySelector('.main-svg'))"
    )
    chapters = list_chapters(ROOT, read_config(ROOT))
    assert page.locator("h1").count() == len(chapters) + 1  # and the references
    assert page.locator(".contents > ul > li").count() == len(chapters) + 1
    assert page.locator(".ovs-widget table").count() > 2
    printed = page.pdf()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) > 20
    assert errors == []
    own = (epub_file.parent.as_uri(), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []
    page.close()


def parsed(book: zipfile.ZipFile) -> dict[str, ElementTree.Element]:
    return {
        name: ElementTree.fromstring(book.read(name))
        for name in book.namelist()
        if name.endswith((".xhtml", ".opf", ".ncx", ".xml"))
    }


def test_the_epub_is_built_as_one_must_be(epub_file: Path):
    with zipfile.ZipFile(epub_file) as book:
        first = book.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert book.read("mimetype") == b"application/epub+zip"
        files, names = parsed(book), set(book.namelist())
    package = files["EPUB/content.opf"]
    listed = {f"EPUB/{item.get('href')}" for item in package.iter(f"{OPF}item")}
    assert listed <= names
    assert {n for n in names if n.startswith("EPUB/")} - listed == {"EPUB/content.opf"}
    config = read_config(ROOT)
    about = " ".join(each.text or "" for each in package.iter())
    assert config["book"]["title"] in about and config["book"]["author"] in about
    texts = [name for name in files if re.search(r"ch\d+\.xhtml$", name)]
    assert len(texts) == len(list_chapters(ROOT, config)) + 1
    for name in texts:
        title, heading = (
            next(files[name].iter(XHTML + tag)) for tag in ("title", "h1")
        )
        assert title.text == "".join(heading.itertext())
    modes = [e.text for e in package.iter() if e.get("property") == "schema:accessMode"]
    assert sorted(modes) == ["textual", "visual"]


def test_every_link_and_picture_of_the_epub_is_there(epub_file: Path):
    with zipfile.ZipFile(epub_file) as book:
        files, names = parsed(book), set(book.namelist())
    pages = {name: root for name, root in files.items() if name.endswith(".xhtml")}
    ids = {name: {e.get("id") for e in root.iter()} for name, root in pages.items()}
    pictures = 0
    for name, root in pages.items():
        for image in root.iter(f"{XHTML}img"):
            pictures += 1
            assert image.get("alt")
            source = posixpath.join(posixpath.dirname(name), image.get("src"))
            assert posixpath.normpath(source) in names
        for link in root.iter(f"{XHTML}a"):
            target, _, place = (link.get("href") or "").partition("#")
            if re.match(r"\w+:", target):
                continue
            there = posixpath.join(posixpath.dirname(name), target) if target else name
            there = posixpath.normpath(there)
            assert there in pages, link.get("href")
            assert not place or place in ids[there], link.get("href")
        assert list(root.iter(f"{XHTML}script")) == []
    plots = sum(
        "application/vnd.plotly.v1+json" in output.get("data", {})
        for chapter in list_chapters(ROOT, read_config(ROOT))
        for cell in json.loads((ROOT / chapter.source).read_text())["cells"]
        for output in cell.get("outputs", [])
    )
    assert pictures >= plots > 5


@pytest.mark.fault(
    "CITATION.cff is damaged, or its date is none",
    "a sentence says what it must hold",
)
@pytest.mark.parametrize(
    "said", [b"", b"- a", b"date-released: soon", b"date-released:", b"a: [", b"\xff"]
)
def test_a_release_without_a_date_is_told(tmp_path: Path, said: bytes):
    (tmp_path / "CITATION.cff").write_bytes(said)
    with pytest.raises(BuildError, match=r"CITATION\.cff .* `date-released: 2026"):
        epub.released(tmp_path)


def test_without_a_browser_a_plots_words_stand_there(small: Path, monkeypatch, capsys):
    monkeypatch.setattr(epub, "draw", lambda page: [])
    made = epub.make_epub(small)
    assert "plots are in words" in capsys.readouterr().out
    with zipfile.ZipFile(made) as book:
        pages = [book.read(n).decode() for n in book.namelist() if "/ch" in n]
    whole = plain(" ".join(pages))
    assert "One bar" in whole
    assert "How it is drawn" in whole and "Before the code" in whole
    assert [p.name for p in (small / "_book").iterdir() if p.name.startswith(".")] == []
