"""The addresses that the book names: their form, and what comes of asking."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from book import links
from book.links import Answer


class Host(BaseHTTPRequestHandler):
    """A host with a page, a page that moved, one that is gone, and one that hangs."""

    def do_GET(self):
        at = self.path
        if at == "/hangs":
            self.server.let_go.wait(120)
            return
        if at == "/moved":
            self.send_response(301)
            self.send_header("Location", "/good")
        elif at == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/good")
        elif at == "/private":
            self.send_response(403)
        else:
            self.send_response(200 if at in ("/", "/good") else 404)
            self.send_header("Content-Type", self.server.front_page)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Host)
    server.front_page, server.let_go = "text/html", threading.Event()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def nowhere(monkeypatch):
    """An address at which nothing answers: a port that was free a moment ago."""
    monkeypatch.setenv("no_proxy", "*")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{free.getsockname()[1]}/"  # bound, and nobody listens


def at(host, path):
    return f"http://127.0.0.1:{host.server_port}{path}"


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        ("/good", "works", "text/html"),
        ("/elsewhere", "works", ""),
        ("/moved", "moved", "/good"),
        ("/missing", "dead", "it answers 404"),
        ("/private", "unsure", "it answers 403"),
    ],
)
def test_what_comes_of_asking(host, path, kind, said):
    answer = links.ask(at(host, path), timeout=120)
    assert answer.kind == kind
    assert said in answer.said


def test_a_host_that_hangs_is_left(host):
    answer = links.ask(at(host, "/hangs"), timeout=1)
    assert answer == Answer("unsure", "no answer within 1 seconds")


def test_a_host_that_is_not_there(nowhere):
    assert links.ask(nowhere, timeout=120).kind == "unreached"


def test_what_is_dead_is_listed_first_with_its_places(host, nowhere):
    places = {
        at(host, "/good"): ["README.md, line 1"],
        at(host, "/missing"): ["README.md, line 2", "index.ipynb, cell 3"],
        nowhere: ["README.md, line 4"],
    }
    lines = links.report(places, links.ask_all(places, timeout=120))
    assert lines[0] == f"{at(host, '/missing')} is dead: it answers 404 Not Found"
    assert lines[1:3] == ["    README.md, line 2", "    index.ipynb, cell 3"]
    assert lines[3].startswith("2 of 3 addresses could be reached from here; whether")
    assert lines[4:] == ["3 addresses: 1 works, 0 moved, 1 dead, 0 unsure, 1 unreached"]


def test_a_mirror_in_a_hosts_place_makes_nothing_dead(host):
    """Its front page is no page, so that its 404 says nothing of the host itself."""
    host.front_page = "text/plain"
    (answer,) = links.ask_all([at(host, "/missing")], timeout=120).values()
    assert answer.kind == "unsure"
    assert "another may answer in that host's place" in answer.said


@pytest.mark.fault(
    "links are asked for without a network", "a sentence; none called good"
)
def test_without_a_network_it_says_so_and_ends_well(nowhere, monkeypatch, capsys):
    monkeypatch.setattr(links, "texts", lambda: [("README.md, line 9", "the text")])
    monkeypatch.setattr(links, "named", lambda _: {nowhere: ["README.md, line 9"]})
    monkeypatch.setattr(links, "check_form", lambda _: [])
    assert links.main(timeout=120) == 0
    said = capsys.readouterr().out
    assert "None of 1 addresses could be reached from here" in said
    assert "0 works" in said


def test_a_dead_one_makes_the_command_fail(host, monkeypatch):
    monkeypatch.setattr(links, "named", lambda _: {at(host, "/missing"): ["a place"]})
    monkeypatch.setattr(links, "check_form", lambda _: [])
    assert links.main(timeout=120) == 1


def test_every_address_of_the_book_is_well_formed():
    places = links.named(links.texts())
    assert len(places) > 20
    assert links.check_form(places) == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://example.org/a", "isn't https"),
        ("https://bit.ly/abc", "hides where it leads"),
        ("https://example/a", "names no host"),
        ("https://example.org:x/a", "is no address"),
        ("https://me:secret@example.org/", "holds a name or a password"),
        ("https://example.org/a and https://example.org/a/", "is written https"),
        ("https://www.example.org/a and https://example.org/a", "is written https"),
    ],
)
def test_an_ill_formed_address_is_named_with_its_place(text, told):
    problems = links.check_form(links.named([("README.md, line 3", text)]))
    assert len(problems) == 1
    assert problems[0].startswith("README.md, line 3: ")
    assert told in problems[0]


def test_addresses_end_where_links_and_sentences_do():
    text = (
        "See [one](https://a.org/b_(c)), <https://b.org/>, `https://c.org/x`, "
        "https://d.org/y. (https://e.org) http://127.0.0.1:8000/ http://<its address>/"
    )
    assert list(links.addresses_in(text)) == [
        "https://a.org/b_(c)",
        "https://b.org/",
        "https://c.org/x",
        "https://d.org/y",
        "https://e.org",
    ]
