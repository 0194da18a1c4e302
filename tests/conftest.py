"""A browser and the rendered book, shared by the tests that need them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 120_000
"""Milliseconds that a page may take: the machine may be busy with much else."""
sys.path.insert(0, str(ROOT))

from tests.firefox import Firefox  # noqa: E402
from tests.live_site import Site  # noqa: E402


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium. On a reader's machine without one the test is skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    missing = "Chromium is not installed: pages are tested in a real browser"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def patient(open_one: Callable) -> Callable:
    """Give every page or context that a browser opens the time of a busy machine."""

    def opened(**options):
        one = open_one(**options)
        one.set_default_timeout(PATIENCE)
        return one

    return opened


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator:
    """A headless Chromium that asks nobody for updates.

    It ends with its file: the benchmark starts one of its own, and Playwright runs
    once at a time.
    """
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for kind in ("new_page", "new_context"):
            setattr(started, kind, patient(getattr(started, kind)))
        yield started
        started.close()


@pytest.fixture(scope="session")
def book_folder() -> Path:
    """The book's own `_book/`, rendered if it is out of date."""
    from book.render import render

    render()
    return ROOT / "_book"


@pytest.fixture(scope="session")
def book_site(book_folder: Path) -> Iterator[str]:
    """The address of the rendered book, served on a free port."""
    from book.serve import open_server

    server = open_server(book_folder, 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def slides_folder(book_folder: Path) -> Path:
    """The book's own `_book/slides/`, made if it isn't there or is out of date."""
    from book.slides import make_slides

    make_slides()
    return book_folder / "slides"


@pytest.fixture(scope="session")
def epub_file(book_folder: Path, chromium: str) -> Path:
    """The book's own EPUB, made if it isn't there or is out of date."""
    from book.epub import NAME

    # A process of its own, because Playwright runs once at a time
    subprocess.run([sys.executable, "-m", "book.epub"], cwd=ROOT, check=True)
    return book_folder / NAME


@pytest.fixture
def serve():
    """Serve a folder on a free port of this machine."""
    sites = []

    def start(folder):
        site = Site(folder)
        sites.append(site)
        threading.Thread(target=site.serve_forever, daemon=True).start()
        return site

    yield start
    for site in sites:
        site.shutdown()
        site.server_close()


@pytest.fixture
def site(serve, book_folder):
    return serve(book_folder)


@pytest.fixture(params=["http", "file"])
def address(request, book_folder):
    """The book's address, served and opened by a double click."""
    if request.param == "http":
        return request.getfixturevalue("site").url
    return f"{book_folder.as_uri()}/"


@pytest.fixture(scope="session")
def firefox(tmp_path_factory):
    path = shutil.which("firefox") or shutil.which("firefox-esr")
    if not path:
        missing = "Firefox is not installed: the live pages are tested in it too"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    started = Firefox(path, tmp_path_factory.mktemp("firefox"))
    yield started
    started.close()


@pytest.fixture(params=["chromium", "firefox"])
def new_page(request):
    """Make pages that share nothing; `script` runs in one before its own scripts."""
    opened = []

    def in_chromium(script=""):
        browser = request.getfixturevalue("browser")
        page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
        opened.append(page.context)
        page.asked, page.errors = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("pageerror", lambda error: page.errors.append(str(error)))
        page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
        page.add_init_script(script)
        return page

    def in_firefox(script=""):
        opened.append(request.getfixturevalue("firefox").new_page(script))
        return opened[-1]

    yield in_chromium if request.param == "chromium" else in_firefox
    for one in opened:
        one.close()
