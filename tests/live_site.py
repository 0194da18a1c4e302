"""The book on this machine, to be failed at will, and a reader of its search page."""

from __future__ import annotations

from http.server import ThreadingHTTPServer

import pytest

from book.serve import BookHandler
from widgets.corpus import load_corpus

WEIGHTS = "minilm.bin"
PAGE = "chapters/search.html"
STORED = "A man is eating pasta."
# Not among the page's examples: only the model itself can answer these
QUERIES = (
    "volcano erruption",
    "fog stopped the planes from leaving",
    "how do I stop my cat scratching the sofa",
    "overdue fines",
    "Big stars live short lives and then blow up.",
)
NEWS = "document.querySelector('.ovs-news')"
LIST = "document.querySelector('.ovs-hits')"
CHROMIUM = pytest.mark.parametrize("new_page", ["chromium"], indirect=True)


class Site(ThreadingHTTPServer):
    """The book on this machine; notes what is asked for, and can be made to fail.

    `answer(handler, content)` is called in place of sending the file that is `failing`;
    `header` goes with every file.
    """

    def __init__(self, folder):
        self.asked, self.answer, self.header = [], None, ("X-Nothing", "here")
        self.failing = WEIGHTS
        site = self

        class Handler(BookHandler):
            def __init__(self, *args):
                super().__init__(*args, directory=str(folder))

            def do_GET(self):  # noqa: N802
                site.asked.append(self.path)
                name = self.path.partition("?")[0].rpartition("/")[2]
                if site.answer and name == site.failing:
                    site.answer(self, (folder / "assets" / name).read_bytes())
                else:
                    super().do_GET()

            def end_headers(self):
                self.send_header(*site.header)
                super().end_headers()

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}/"

    def times_fetched(self):
        return sum(path.endswith(WEIGHTS) for path in self.asked)

    def handle_error(self, request, client_address):
        pass  # a browser may hang up


def open_search(page, address, name=PAGE):
    """Open the search page and scroll to its widget, as a reader does."""
    page.goto(address + name)
    page.evaluate("() => document.querySelector('.ovs-widget').scrollIntoView()")
    box = f"Search {len(load_corpus()):,} sentences by meaning"
    page.get_by_role("searchbox", name=box, exact=True).wait_for()


def search(page, text):
    """Type a text where a text may stand already; return the listed rows."""
    write_over(page, text)
    return listed(page, text)


def write_over(page, text):
    page.evaluate("() => document.querySelector('.ovs-input').select()")
    page.keyboard.type(text)


def listed(page, text):
    page.wait_for_function(f"() => {LIST}.ariaLabel === 'Hits: 10 for “{text}”'")
    return page.evaluate(
        "() => [...document.querySelectorAll('.ovs-hits li')]"
        ".map((item) => Number(item.dataset.row))"
    )


def star(page):
    return page.evaluate("() => document.querySelector('.ovs-stage').dataset.star")


def wait_for_word(page, word):
    page.wait_for_function(
        "() => [...document.querySelectorAll('[role=status]')]"
        f".some((said) => said.textContent.includes({word!r}))"
    )


def settle(page):
    """Give the console and the network half a moment."""
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")


def outside(page, address):
    return [u for u in page.asked if not u.startswith((address, "data:", "blob:"))]


def kept(page):
    """How many files the page keeps for the next visit."""
    return page.evaluate(
        "async () => (await (await caches.open('sentence-encoder')).keys()).length"
    )


def in_worker(code):
    """Return a script that lets a worker, which has a world of its own, begin so."""
    return (
        "globalThis.Blob = class extends Blob { constructor(parts, options) {"
        f" super([{code!r}, ...parts], options); }} }};"
    )
