"""The server and the browsers of the benchmark."""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from bench.contenders import BenchError

if TYPE_CHECKING:
    from playwright.sync_api import Page

PATIENCE = 120_000  # ms that any one step may take


class Server(ThreadingHTTPServer):
    """Serve one folder on a free port of 127.0.0.1, and count what is sent."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: dict[str, int] = {}  # bytes by path
        super().__init__(
            ("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder))
        )

    def page(self, module: str) -> str:
        """Return the address of a page that runs one module of bench/pages."""
        return f"http://127.0.0.1:{self.server_port}/page/{module}"

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def setup(self) -> None:
        super().setup()
        self._plain_write = self.wfile.write
        self.wfile.write = self._counted

    def _counted(self, data: bytes) -> int:
        self._note(len(data))
        return self._plain_write(data)

    def _note(self, count: int) -> None:
        sent = self.server.sent
        sent[self.path] = sent.get(self.path, 0) + count

    def do_GET(self) -> None:
        """Answer with a file, or with a page that runs one module."""
        if not self.path.startswith("/page/"):
            super().do_GET()
            return
        name = self.path.removeprefix("/page/").partition("?")[0]
        page = (
            '<!doctype html><html lang="en"><meta charset="utf-8">'
            f'<title>{name}</title><link rel="icon" href="data:,">'
            f'<script type="module" src="/pages/{name}.js"></script></html>'
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def copyfile(self, source: BinaryIO, outputfile: object) -> None:
        """Send a file by the kernel, so that the server is no one's bottleneck."""
        self._note(self.connection.sendfile(source))

    def log_message(self, *_: object) -> None:
        """Stay quiet: the table is what counts."""


def find_chromium() -> str:
    """Return the path of Chromium, or say that it is needed."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise BenchError("Chromium is needed for the benchmark: install it.")


def chromium_version(chromium: str) -> str:
    """Return the version of a Chromium, such as 142.0.7444.59."""
    done = subprocess.run(
        [chromium, "--version"], capture_output=True, text=True, check=True
    )
    return next(iter(re.findall(r"\d+(?:\.\d+)+", done.stdout)), "unknown")


@contextmanager
def fresh_page(chromium: str) -> Iterator[tuple[Page, str]]:
    """Open a browser with a new profile; yield its page and the profile's folder.

    No name but 127.0.0.1 resolves in it. Raises BenchError at the end if the page
    asked for any other host, or reported an error.
    """
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            ],
        )
        try:
            page = browser.pages[0]
            page.set_default_timeout(PATIENCE)
            page.on("pageerror", lambda error: wrong.append(error.message))
            page.on("request", lambda asked: wrong.extend(_foreign(asked.url)))
            yield page, profile
        finally:
            browser.close()
    if wrong:
        raise BenchError(f"The page did what it must not: {'; '.join(wrong)}")


def _foreign(url: str) -> list[str]:
    local = ("http://127.0.0.1:", "blob:", "data:", "about:")
    return [] if url.startswith(local) else [f"asked for {url}"]
