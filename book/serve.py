"""Serve the rendered book on this machine: `python -m book.serve [--port N]`."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

BOOK = Path(__file__).parent.parent / "_book"
HOST, PORT, TRIES = "127.0.0.1", 8765, 50


class BookHandler(SimpleHTTPRequestHandler):
    """Serve files with the types that the pages' scripts rely on, and quietly."""

    # Python's own table is the system's, which differs from machine to machine
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".html": "text/html; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".json": "application/json",
        ".svg": "image/svg+xml",
        ".wasm": "application/wasm",
        ".bin": "application/octet-stream",
    }

    def end_headers(self) -> None:
        """Let browsers ask each time whether a page is newer."""
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Keep the terminal for the address."""


def open_server(folder: Path, port: int | None = None) -> ThreadingHTTPServer:
    """Return a server for the folder on the port, or on the first free one from PORT.

    Raises OSError (EADDRINUSE) when the port asked for, or every port tried, is busy.
    """

    def handler(*args: object) -> BookHandler:
        return BookHandler(*args, directory=str(folder))

    tries = [port] if port is not None else range(PORT, PORT + TRIES)
    for number in tries:
        try:
            return ThreadingHTTPServer((HOST, number), handler)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
    raise OSError(errno.EADDRINUSE, "busy")


def main(arguments: list[str] | None = None, folder: Path = BOOK) -> int:
    """Serve the book until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m book.serve", description=__doc__)
    parser.add_argument("--port", type=int, help=f"the port (else {PORT} or the next)")
    port = parser.parse_args(arguments).port
    if not (folder / "index.html").exists():
        print("There is no book to serve yet: run `make book` first.", file=sys.stderr)
        return 1
    try:
        server = open_server(folder, port)
    except (OSError, OverflowError) as error:
        reason = "is busy" if getattr(error, "errno", 0) == errno.EADDRINUSE else error
        which = f"Port {port}" if port is not None else f"Every port from {PORT} on"
        print(f"{which} {reason}: choose another with --port N.", file=sys.stderr)
        return 1
    got = server.server_address[1]
    # A background job is started with interrupts ignored, and Python would keep that
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if port is None and got != PORT:
            print(f"Port {PORT} is busy, so the book is on {got}.")
        print(f"The book is at http://{HOST}:{got}/  (Ctrl-C ends it)", flush=True)
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
