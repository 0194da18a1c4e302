"""A megabyte pasted into a page's boxes: Python's answer, and the next one comes too."""

import json

import numpy as np
import pytest

from tests.live_site import (
    CHROMIUM,
    LIST,
    QUERIES,
    in_worker,
    open_search,
    search,
    wait_for_word,
)
from widgets.book_widget import readable
from widgets.corpus import load_vectors
from widgets.pair_probe import words_of

# A sign, and how often it is pasted: 1 MB of UTF-8 or more of each
PASTED = {
    "words": ("late train ", 95_000),
    "one word": ("a", 1_000_000),
    "Chinese": ("汉字", 170_000),
    "a family of emoji": ("👩‍👩‍👧‍👦", 40_000),
    "marks on one letter": ("\u0301", 500_000),
    "zero bytes": ("\0", 1_000_000),
    "halves of characters": ("\ud83d", 350_000),
    "turns of direction": ("\u202ea\u2066b\u2069", 90_000),
    "brackets": ("[SEP]", 200_000),
}
HELD = """
const make = WebAssembly.instantiate;
WebAssembly.instantiate = async (...given) => {
  const made = await make(...given);
  self.held = () => made.instance.exports.memory.buffer.byteLength;
  return made;
};
"""
ROOM = 32 * 2**20  # bytes of JavaScript's own that may come and go


@pytest.fixture(scope="module")
def model():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)


@pytest.fixture
def page(new_page):
    return new_page(in_worker(HELD))


def paste(page, place, kind):
    """Put a text into a box as a paste does: all at once."""
    sign, count = PASTED[kind]
    page.evaluate(
        f"() => {{ const box = document.querySelectorAll('.ovs-input')[{place}];"
        f" box.value = {json.dumps(sign)}.repeat({count});"
        " box.dispatchEvent(new Event('input', { bubbles: true })); }"
    )
    return sign * count


def heap(page):
    """Return how many bytes of JavaScript are alive in the page, and in wasm's memory."""
    session = page.context.new_cdp_session(page)
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")["usedSize"]
    session.detach()
    (worker,) = page.workers
    return used, worker.evaluate("held()")


def check_memory(page, before):
    used, held = heap(page)
    assert used < before[0] + ROOM
    assert held == before[1]


def cut(text):
    """Return what is read of a text, by a kernel and by a page."""
    return readable(text)[0].strip()


@pytest.mark.fault(
    "1 MB pasted into a page's search box, of nine kinds",
    "Python's best hits, no byte of memory more, and the next query is answered",
)
def test_a_megabyte_in_the_search_box(page, site, model):
    open_search(page, site.url)
    first = search(page, QUERIES[0])
    # Only Chromium says what memory is held
    before = heap(page) if hasattr(page, "workers") else None
    vectors = load_vectors()
    for kind in PASTED:
        text = paste(page, 0, kind)
        begin = json.dumps(f"Hits: 10 for “{cut(text)[:20]}")
        page.wait_for_function(f"() => {LIST}.ariaLabel.startsWith({begin})")
        wait_for_word(page, "Only the first 100,000 characters of this were read.")
        rows, scores = page.evaluate(
            "() => [['.ovs-hits li', (hit) => hit.dataset.row],"
            " ['.ovs-hits .ovs-score', (score) => score.innerText]].map(([of, say]) =>"
            " [...document.querySelectorAll(of)].map((one) => Number(say(one))))"
        )
        wanted = vectors @ model.encode(cut(text))
        assert len(rows) == len(scores) == 10
        assert np.abs(wanted[rows] - scores).max() < 0.03, kind
        assert wanted[rows[0]] > wanted.max() - 0.03, kind
        assert search(page, QUERIES[0]) == first, kind
    if before:
        check_memory(page, before)
    assert page.errors == []


def open_widget(page, address, name):
    page.goto(address + name)
    page.evaluate("() => document.querySelector('.ovs-widget').scrollIntoView()")
    page.locator(".ovs-widget[data-live] .ovs-input").first.wait_for()


def tokens_are(page, side, tokens):
    """Wait until a sentence's rows bear these tokens."""
    page.wait_for_function(
        "([side, tokens]) => { const rows = document.querySelectorAll('.ovs-rows');"
        " const found = [...rows[side].querySelectorAll('.ovs-token')];"
        " return found.map((one) => one.title).join(' ') === tokens.join(' '); }",
        arg=[side, tokens],
    )


@CHROMIUM
@pytest.mark.fault(
    "1 MB pasted into a page's token box, of nine kinds",
    "Python's tokens, no byte of memory more, and the next sentence is shown",
)
def test_a_megabyte_in_the_token_box(page, site, model):
    def tokens_of(text):
        ids = model.tokenizer(cut(text), truncation=True, max_length=256)["input_ids"]
        return model.tokenizer.convert_ids_to_tokens(ids)

    open_widget(page, site.url, "index.html")
    box = page.locator(".ovs-input").first
    box.fill("A short one.")
    tokens_are(page, 0, tokens_of("A short one."))
    page.locator(".ovs-inside:not([disabled])").wait_for()
    before = heap(page)
    for kind in PASTED:
        text = paste(page, 0, kind)
        tokens_are(page, 0, tokens_of(text))
        box.fill(f"After {kind}.")
        tokens_are(page, 0, tokens_of(f"After {kind}."))
    check_memory(page, before)
    assert page.errors == []


def cosine_is(page, expected, besides):
    """Wait until a new cosine stands there, and compare it."""
    page.wait_for_function(
        "(old) => { const said = document.querySelector('.ovs-cosine').textContent;"
        " return said !== old && said !== '–'; }",
        arg=besides,
    )
    said = page.locator(".ovs-cosine").inner_text()
    assert abs(float(said.replace("−", "-")) - expected) < 0.03
    return said


@CHROMIUM
@pytest.mark.fault(
    "1 MB pasted into a page's pair box, of nine kinds",
    "Python's cosine, 256 words at most, and the next pair is answered",
)
def test_a_megabyte_in_the_pair_box(page, site, model):
    def cosine(text):
        first, second = model.encode([cut(text), "The trains were late."])
        return float(first @ second)

    open_widget(page, site.url, "chapters/failures.html")
    boxes = page.locator(".ovs-input")
    boxes.nth(1).fill("The trains were late.")
    boxes.nth(0).fill("A start.")
    changes = page.locator(".ovs-word:not(.ovs-waits)")
    changes.filter(has_text="start").wait_for()
    before = heap(page)
    said = page.locator(".ovs-cosine").inner_text()
    for number, kind in enumerate(PASTED):
        text = paste(page, 0, kind)
        said = cosine_is(page, cosine(text), said)
        words = page.locator(".ovs-words").first.locator("button")
        assert words.count() == min(256, len(words_of(cut(text)))), kind
        short = f"Number {number} is a short one."
        boxes.nth(0).fill(short)
        said = cosine_is(page, cosine(short), said)
    changes.filter(has_text=str(number)).wait_for()
    check_memory(page, before)
    assert page.errors == []
