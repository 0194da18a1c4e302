"""Check the addresses that the book names: `python -m book.links` (`make links`).

First their form, which needs no network. Then each is asked, where the network lets
it. What leads from page to page is looked at when the book is rendered (book.check).
"""

from __future__ import annotations

import http.client
import json
import re
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.parse import urlsplit

from book.colab import A_BADGE
from book.execute import ROOT, notebooks
from book.outputs import joined

Places = dict[str, list[str]]
"""Each address, with the places that name it."""

ADDRESS = re.compile(r"https?://[\w\[][^\s<>\"'`\\{}|^]*")
DOI = re.compile(r"^\s*doi\s*=\s*\{([^}]+)\}")
LOCAL = ("localhost", "127.0.0.1")
SHORTENERS = {
    *("bit.ly", "buff.ly", "goo.gl", "is.gd", "lnkd.in", "ow.ly", "rb.gy", "t.co"),
    *("t.ly", "tiny.cc", "tinyurl.com"),
}
KINDS = ("works", "moved", "dead", "unsure", "unreached")
TIMEOUT = 20.0
"""Seconds that an address has for each of its answers."""
GONE = (404, 410)
FOR_GOOD = (301, 308)


@dataclass(frozen=True)
class Answer:
    """What came of asking: one of KINDS, and what was said."""

    kind: str
    said: str = ""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects, and note where those lead that are there for good."""

    def __init__(self) -> None:
        self.moved = ""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: Message,
        newurl: str,
    ) -> urllib.request.Request | None:
        """Return the next request, as urllib would make it."""
        if code in FOR_GOOD:
            self.moved = newurl
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def addresses_in(text: str) -> Iterator[str]:
    """Yield the addresses in a line, without what only ends a link or a sentence."""
    for found in ADDRESS.findall(text):
        address = found.rstrip(".,;:!?*_")
        while address.endswith(")") and address.count(")") > address.count("("):
            address = address[:-1].rstrip(".,;:!?*_")
        if urlsplit(address).hostname not in LOCAL:
            yield address


def texts(root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Yield all that is read, with its place: lines of files, cells of notebooks.

    Badges are left out: `make colab` makes them from `repo-url` in _quarto.yml.
    """
    papers = [*root.glob("*.md"), *root.glob("[a-z]*/*.md"), root / "references.bib"]
    for path in sorted(papers):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            place = f"{path.relative_to(root).as_posix()}, line {number}"
            if path.suffix == ".bib" and (doi := DOI.match(line)):
                line = f"https://doi.org/{doi[1]}"
            yield place, line
    for path in notebooks():
        for number, cell in enumerate(json.loads(path.read_text("utf-8"))["cells"]):
            place = f"{path.relative_to(root).as_posix()}, cell {number}"
            yield place, A_BADGE.sub("", joined(cell["source"]))


def named(found: Iterable[tuple[str, str]]) -> Places:
    """Return the addresses in texts, each with its places."""
    places: Places = {}
    for place, text in found:
        for address in addresses_in(text):
            if place not in places.setdefault(address, []):
                places[address].append(place)
    return places


def check_form(places: Mapping[str, list[str]]) -> list[str]:
    """Return what is wrong with addresses that nobody has to ask to see it."""
    problems, seen = [], {}
    for address, where in places.items():
        at = where[0]
        try:
            parts = urlsplit(address)
            host = parts.hostname or ""
            _ = parts.port
        except ValueError as error:
            problems.append(f"{at}: {address} is no address ({error})")
            continue
        if not re.fullmatch(r"([\w-]+\.)+[a-z]{2,}", host):
            problems.append(f"{at}: {address} is no address: {host!r} names no host")
        if parts.scheme != "https":
            problems.append(f"{at}: {address} isn't https")
        if parts.username or parts.password:
            problems.append(f"{at}: {address} holds a name or a password")
        if host.removeprefix("www.") in SHORTENERS:
            problems.append(f"{at}: {address} hides where it leads; write that")
        same = address.split("://", 1)[1].lower().removeprefix("www.").rstrip("/")
        if other := seen.get(same):
            also = places[other][0]
            problems.append(f"{at}: {address} is written {other} in {also}")
        seen.setdefault(same, address)
    return problems


def ask(address: str, timeout: float = TIMEOUT) -> Answer:
    """Ask for an address, reading nothing of its page, and say what came of it."""
    redirects = Redirects()
    # Some hosts answer no program that doesn't look like a browser
    headers = {"User-Agent": "Mozilla/5.0 (compatible; a check of links)"}
    try:
        request = urllib.request.Request(address, headers=headers)
        opener = urllib.request.build_opener(redirects)
        with opener.open(request, timeout=timeout) as page:
            if moved := redirects.moved:
                return Answer("moved", f"to {moved}")
            return Answer("works", page.headers.get_content_type())
    except HTTPError as error:
        said = f"it answers {error.code} {error.reason}"
        return Answer("dead" if error.code in GONE else "unsure", said)
    except TimeoutError:
        return Answer("unsure", f"no answer within {timeout:.0f} seconds")
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(reason, TimeoutError):
            return Answer("unsure", f"no answer within {timeout:.0f} seconds")
        return Answer("unreached", f"{reason}"[:120])


def ask_all(addresses: Iterable[str], timeout: float = TIMEOUT) -> dict[str, Answer]:
    """Ask for all, eight at a time."""
    addresses = list(addresses)
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda it: doubted(it, ask(it, timeout), timeout), addresses)
        return dict(zip(addresses, answers, strict=True))


def doubted(address: str, answer: Answer, timeout: float = TIMEOUT) -> Answer:
    """Believe a host that something is gone only if it has a front page, in HTML.

    Where a network lets a mirror or a gate answer in a host's place, little is there.
    """
    if answer.kind != "dead":
        return answer
    front = ask(f"{urlsplit(address).scheme}://{urlsplit(address).netloc}/", timeout)
    if front.kind == "moved" or front == Answer("works", "text/html"):
        return answer
    said = "but shows no front page: here another may answer in that host's place"
    return Answer("unsure", f"{answer.said}, {said}")


SAID = {"dead": "is dead", "moved": "has moved for good", "unsure": "may work or not"}


def report(places: Places, answers: Mapping[str, Answer]) -> list[str]:
    """Return what came of asking, in lines: the dead first, each with its places."""
    lines = []
    for kind, words in SAID.items():
        for address, answer in answers.items():
            if answer.kind == kind:
                lines.append(f"{address} {words}: {answer.said}")
                lines += [f"    {place}" for place in places[address]]
    kinds = Counter(answer.kind for answer in answers.values())
    if unreached := kinds["unreached"]:
        far = (url for url, answer in answers.items() if answer.kind == "unreached")
        hosts = Counter(urlsplit(url).netloc for url in far)
        listed = ", ".join(f"{host} ({count})" for host, count in sorted(hosts.items()))
        many = "None" if unreached == len(answers) else len(answers) - unreached
        lines.append(
            f"{many} of {len(answers)} addresses could be reached from here; whether "
            f"the others work is not known: {listed}"
        )
    counts = ", ".join(f"{kinds[it]} {it}" for it in KINDS)
    return [*lines, f"{len(answers)} addresses: {counts}"]


def main(timeout: float = TIMEOUT) -> int:
    """Check form, then ask; return 1 if an address is ill-formed or dead."""
    places = named(texts())
    if problems := check_form(places):
        print(*problems, sep="\n", file=sys.stderr)
        return 1
    print(f"{len(places)} addresses, all well-formed; asking each", flush=True)
    answers = ask_all(places, timeout)
    print(*report(places, answers), sep="\n")
    return int(any(answer.kind == "dead" for answer in answers.values()))


if __name__ == "__main__":
    sys.exit(main())
