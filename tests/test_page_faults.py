"""What can go wrong under a page's widgets: said in words, nothing lost, tried again."""

import re
import shutil
import threading

import pytest

from tests.firefox import wait_until
from tests.live_site import (
    CHROMIUM,
    LIST,
    NEWS,
    PAGE,
    QUERIES,
    STORED,
    WEIGHTS,
    in_worker,
    kept,
    listed,
    open_search,
    search,
    settle,
    wait_for_word,
    write_over,
)

SCRIPT, STYLE = "widgets.js", "widgets.css"
CODE, VECTORS, STATE = "encoder.wasm", "corpus_vectors.npy", "search_map.state.js"
FOCUSED = "Boolean(document.activeElement.closest('.ovs-widget'))"
HTML = b"<!doctype html><title>404</title><h1>Sorry, nothing here</h1>"


def send(handler, content, length=None, status=200):
    """Send these bytes, and say that there are `length`."""
    handler.send_response(status)
    handler.send_header("Content-Length", str(length or len(content)))
    handler.send_header("Content-Type", handler.guess_type(handler.path))
    handler.end_headers()
    handler.wfile.write(content)
    handler.close_connection = True


def changed(content):
    """Change one byte in the middle: there a state is text, and stays text."""
    middle = len(content) // 2
    other = b"1" if content[middle : middle + 1] == b"0" else b"0"
    return content[:middle] + other + content[middle + 1 :]


DAMAGE = {
    "a changed byte": lambda handler, content: send(handler, changed(content)),
    "too short": lambda handler, content: send(handler, content[: len(content) // 3]),
    "too long": lambda handler, content: send(handler, content + b"\0" * 9),
    "an error page in its place": lambda handler, content: send(handler, HTML),
    "not found": lambda handler, content: handler.send_error(404),
    "the server's own error": lambda handler, content: handler.send_error(500),
    "cut in the middle": lambda handler, content: send(
        handler, content[: len(content) // 2], len(content)
    ),
}
SAID = "(is damaged|broke off|can't be fetched)"
QUICK = {
    *((WEIGHTS, kind) for kind in ("too long", "an error page in its place")),
    *((CODE, kind) for kind in ("a changed byte", "an error page in its place")),
    *((VECTORS, kind) for kind in ("a changed byte", "not found", "cut in the middle")),
}


def faulty(name, kind):
    marks = [pytest.mark.fault(f"{name}: {kind}", "said, and a second try answers")]
    if (name, kind) not in QUICK:
        marks.append(pytest.mark.slow)
    return pytest.param(name, DAMAGE[kind], marks=marks, id=f"{name} {kind}")


def succeed_again(page, text):
    """Press "Try again" until the query in the box has its answer."""

    def succeeds():
        # A try may share the failure of one that is under way: the button comes back
        page.evaluate(f"() => {NEWS}.querySelector('button:not([hidden])')?.click()")
        return page.evaluate(f"() => {LIST}.ariaLabel.includes({text!r})")

    wait_until(succeeds, "a try to succeed")
    assert len(listed(page, text)) == 10


def wait_for_failure(page, pattern):
    """Wait for a failure's words and its button; what was stored still answers."""
    page.wait_for_function(
        f"() => new RegExp({pattern!r}).test({NEWS}.textContent)"
        f" && {NEWS}.querySelector('button:not([hidden])')"
    )


@pytest.mark.parametrize(
    ("name", "fault"),
    [faulty(name, kind) for name in (WEIGHTS, CODE, VECTORS) for kind in DAMAGE],
)
@CHROMIUM
def test_a_file_that_is_not_sound_is_said_and_tried_again(new_page, site, name, fault):
    # A browser that keeps files for an hour may not give the damaged one again
    site.header = ("Cache-Control", "max-age=3600")
    site.failing, site.answer = name, fault
    page = new_page()
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_for_failure(page, SAID)
    wait_for_word(page, "The examples above still have their answers.")
    page.get_by_role("button", name=STORED, exact=True).click()
    assert len(listed(page, STORED)) == 10
    write_over(page, QUERIES[0])
    site.answer = None
    succeed_again(page, QUERIES[0])
    wait_until(lambda: kept(page) == 1, "the weights to be kept")


@pytest.mark.fault(
    "a download cut at 0, 1, 20, 40,000 bytes, the middle, one before the end",
    "each cut is said; the next whole download answers",
)
@CHROMIUM
def test_a_download_cut_at_any_byte_is_said_and_tried_again(new_page, site):
    places = [0, 1, 20, 40_000, 10_000_000, -1]
    cut = []

    def cut_next(handler, content):
        cut.append(places[len(cut) % len(places)])
        send(handler, content[: cut[-1]], len(content))

    site.answer = cut_next
    page = new_page()
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    for count in range(1, len(places) + 1):
        wait_until(lambda count=count: len(cut) >= count, f"try {count}")
        wait_for_failure(page, "(is damaged|broke off after|can't be fetched)")
        if count < len(places):
            page.get_by_role("button", name="Try again", exact=True).click()
    site.answer = None
    succeed_again(page, QUERIES[0])
    wait_until(lambda: kept(page) == 1, "the weights to be kept")


@pytest.mark.fault(
    "a download that hangs for a minute", "said, and a second try answers"
)
@CHROMIUM
def test_a_line_that_falls_silent_is_said_and_tried_again(new_page, site):
    go_on = threading.Event()

    def hang(handler, content):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(content[:5_000_000])
        go_on.wait(120)

    site.answer = hang
    # The worker's minute is over after three seconds
    page = new_page(
        in_worker(
            "const later = setTimeout;"
            "self.setTimeout = (call, ms) => later(call, Math.min(ms, 3000));"
        )
    )
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_for_failure(page, "minilm.bin doesn't come: nothing for 60 seconds")
    site.answer = None
    succeed_again(page, QUERIES[0])
    go_on.set()


@pytest.mark.fault("two tabs that download at once", "both answer, one copy is kept")
def test_two_tabs_at_once_keep_one_whole_file(browser, site, book_folder):
    both = threading.Barrier(2, timeout=110)

    def together(handler, content):
        both.wait()
        send(handler, content)

    site.answer = together
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tabs = [context.new_page() for _ in range(2)]
    for tab in tabs:
        open_search(tab, site.url)
        write_over(tab, QUERIES[0])
    for tab in tabs:
        assert len(listed(tab, QUERIES[0])) == 10
    wait_until(lambda: kept(tabs[0]) == 1, "the weights to be kept")
    size = tabs[0].evaluate(
        "async () => { const place = await caches.open('sentence-encoder');"
        " const [key] = await place.keys();"
        " return (await (await place.match(key)).blob()).size }"
    )
    assert size == (book_folder / "assets" / WEIGHTS).stat().st_size
    third = context.new_page()
    open_search(third, site.url)
    assert len(search(third, QUERIES[1])) == 10
    assert site.times_fetched() == 2
    context.close()


REFUSED = {
    "caches can't be named": "Object.defineProperty(self, 'caches',"
    " { get() { throw new DOMException('refused', 'SecurityError'); } });",
    "caches don't open": "caches.open = async () => {"
    " throw new DOMException('refused', 'SecurityError'); };",
    "caches can't be read": "Cache.prototype.match = async () => {"
    " throw new DOMException('broken', 'UnknownError'); };",
    "the disk is full": "Cache.prototype.put = async () => {"
    " throw new DOMException('full', 'QuotaExceededError'); };",
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.fault(f"storage: {kind}", "it answers"))
        for kind in REFUSED
    ],
)
@CHROMIUM
def test_a_page_that_may_keep_nothing_answers(new_page, site, kind):
    code = REFUSED[kind]
    refuse = (
        "for (const name of ['localStorage', 'sessionStorage', 'indexedDB'])"
        " Object.defineProperty(window, name,"
        " { get() { throw new DOMException('refused', 'SecurityError'); } });"
    )
    page = new_page(in_worker(code) + refuse)
    for query in QUERIES[:2]:
        open_search(page, site.url)
        assert len(search(page, query)) == 10
    page.get_by_role("button", name="Theme: automatic").click()
    page.get_by_role("button", name="Theme: light").wait_for()
    quiz = page.locator(".quiz form").first
    quiz.get_by_role("radio").first.check()
    quiz.get_by_role("button", name="Check").click()
    quiz.get_by_role("status").filter(has_text=re.compile(r"\w")).wait_for()
    settle(page)
    assert page.errors == []


@pytest.mark.fault(
    "the kept weights are damaged on the disk", "the next try fetches them anew"
)
@CHROMIUM
def test_a_kept_file_that_is_damaged_is_fetched_anew(new_page, site):
    page = new_page()
    open_search(page, site.url)
    assert len(search(page, QUERIES[0])) == 10
    wait_until(lambda: kept(page) == 1, "the weights to be kept")
    page.evaluate(
        "async () => { const place = await caches.open('sentence-encoder');"
        " const [key] = await place.keys();"
        " const blob = await (await place.match(key)).blob();"
        " await place.put(key, new Response(blob.slice(0, 9e6))); }"
    )
    open_search(page, site.url)
    write_over(page, QUERIES[1])
    succeed_again(page, QUERIES[1])  # the first key's try fails, a later one fetches
    assert site.times_fetched() == 2


# ------------------------------------------------------------------ a worker dies


def poison(code, times):
    """Return a script that lets the first workers of a page die at a search."""
    return (
        "window.workers = 0; window.poisoned = " + str(times) + ";"
        "globalThis.Blob = class extends Blob { constructor(parts, options) {"
        " if (String(parts[0]).startsWith('class WordPiece') && ++workers <= poisoned)"
        f" parts = [...parts, {code!r}]; super(parts, options); }} }};"
    )


DEATHS = {
    "an error that nobody caught": "Encoder.prototype.search = () => {"
    " setTimeout(() => { throw new Error('struck'); }); return new Promise(() => {}); };"
    "EncoderWorker.prototype.search = function () { return Encoder.prototype.search(); };",
    "a trap in the code": "Encoder.prototype.search = () => {"
    " throw new WebAssembly.RuntimeError('memory access out of bounds'); };",
    "no memory left": "Encoder.prototype.search = () => {"
    " throw new RangeError('Array buffer allocation failed'); };",
}


@pytest.mark.parametrize(
    "death",
    [
        pytest.param(
            kind,
            marks=pytest.mark.fault(
                f"the worker dies in mid-query: {kind}",
                "another is started and answers the same query",
            ),
        )
        for kind in DEATHS
    ],
)
@CHROMIUM
def test_a_worker_that_dies_is_started_anew_and_asked_again(new_page, site, death):
    page = new_page(poison(DEATHS[death], 1))
    open_search(page, site.url)
    assert len(search(page, QUERIES[0])) == 10
    assert page.evaluate("() => workers") == 2
    assert len(search(page, QUERIES[1])) == 10
    assert page.evaluate("() => workers") == 2
    assert not page.get_by_role("button", name="Try again", exact=True).is_visible()
    settle(page)
    assert page.errors == []


@pytest.mark.fault(
    "the worker dies again and again", "said, and a second try answers when it can"
)
@CHROMIUM
def test_a_worker_that_dies_twice_is_said(new_page, site):
    page = new_page(poison(DEATHS["a trap in the code"], 1_000))
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_for_failure(page, "The encoder stopped: memory access out of bounds")
    assert page.evaluate("() => workers") >= 2
    page.evaluate("() => { window.poisoned = 0; }")
    succeed_again(page, QUERIES[0])


# Clocks that the test winds: ten seconds are over when it says so
WOUND = """
window.ticks = [];
const interval = setInterval;
window.setInterval = (call, ms) =>
  ms === 10_000 ? -ticks.push(call) : interval(call, ms);
"""


def tick(page, times):
    page.evaluate(f"() => {{ for (let i = 0; i < {times}; i++) ticks.at(-1)(); }}")


MUTE = (
    "EncoderWorker.prototype.search = () => {"
    " self.postMessage({ busy: true }); return new Promise(() => {}); };"
)


@pytest.mark.fault(
    "the worker falls silent in mid-query",
    "after two minutes another is started and answers",
)
@CHROMIUM
def test_a_worker_that_falls_silent_is_started_anew(new_page, site):
    page = new_page(WOUND + poison(MUTE, 1))
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_until(lambda: kept(page) == 1, "the weights to be there")
    page.get_by_role("button", name=STORED, exact=True).click()
    assert len(listed(page, STORED)) == 10
    write_over(page, QUERIES[0])
    tick(page, 11)
    assert page.evaluate("() => workers") == 1
    tick(page, 12)
    assert len(listed(page, QUERIES[0])) == 10
    assert page.evaluate("() => workers") == 2
    assert len(search(page, QUERIES[1])) == 10
    settle(page)
    assert page.errors == []


@pytest.mark.fault(
    "the worker falls silent again and again",
    "said after two minutes each, and a second try answers when it can",
)
@CHROMIUM
def test_a_worker_that_stays_silent_is_said(new_page, site):
    page = new_page(WOUND + poison(MUTE, 1_000))
    open_search(page, site.url)
    write_over(page, QUERIES[0])

    def is_said():
        tick(page, 1)
        return page.evaluate(f"() => {NEWS}.textContent.includes('fell silent')")

    wait_until(lambda: kept(page) == 1, "the weights to be there")
    wait_until(is_said, "a word about it")
    wait_for_failure(
        page, "The encoder fell silent: no answer for 2 minutes. Try again."
    )
    page.evaluate("() => { window.poisoned = 0; }")
    succeed_again(page, QUERIES[0])


@pytest.mark.fault(
    "a download that takes half an hour", "it is waited for, and answers"
)
@CHROMIUM
def test_a_slow_line_is_not_a_silent_worker(new_page, site):
    go_on = threading.Semaphore(0)
    parts = 6

    def send_slowly(handler, content):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        step = len(content) // parts + 1
        for start in range(0, len(content), step):
            handler.wfile.write(content[start : start + step])
            go_on.acquire(timeout=110)

    site.answer = send_slowly
    page = new_page(WOUND + poison("", 0))
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    for part in range(1, parts):
        least = (part - 0.5) / parts
        page.wait_for_function(
            f"() => document.querySelector('.ovs progress').value > {least}"
        )
        settle(page)
        tick(page, 11)
        go_on.release()
    go_on.release(9)
    assert len(listed(page, QUERIES[0])) == 10
    assert page.evaluate("() => workers") == 1


@pytest.mark.fault("forty queries in two breaths", "only the last one's answer shows")
def test_of_many_quick_queries_the_last_one_s_answer_stays(new_page, site):
    page = new_page()
    open_search(page, site.url)
    page.evaluate(
        f"""() => {{
          const box = document.querySelector('.ovs-input');
          for (let i = 0; i < 40; i += 1) {{
            box.value = i < 39 ? `word ${{i}} of many` : {QUERIES[3]!r};
            box.dispatchEvent(new Event('input', {{ bubbles: true }}));
          }}
        }}"""
    )
    first = listed(page, QUERIES[3])
    settle(page)
    assert listed(page, QUERIES[3]) == first
    assert len(search(page, QUERIES[1])) == 10
    assert search(page, QUERIES[3]) == first


# ------------------------------------------------------------------ scripts


@pytest.mark.parametrize(
    ("name", "fault", "word"),
    [
        pytest.param(
            name,
            DAMAGE[kind],
            word,
            marks=pytest.mark.fault(f"{name}: {kind}", "said, and a second try works"),
            id=f"{name} {kind}",
        )
        for name, word, kinds in (
            (
                STATE,
                STATE,
                ("a changed byte", "too short", "an error page in its place"),
            ),
            (STATE, STATE, ("not found", "cut in the middle")),
            (SCRIPT, SCRIPT, ("not found", "too short", "an error page in its place")),
            (STYLE, STYLE, ("not found", "the server's own error")),
        )
        for kind in kinds
    ],
)
@CHROMIUM
def test_a_widget_whose_files_fail_says_so_and_comes_at_a_second_try(
    new_page, site, name, fault, word
):
    site.header = ("Cache-Control", "max-age=3600")
    site.failing, site.answer = name, fault
    page = new_page()
    page.goto(site.url + PAGE)
    page.evaluate("() => document.querySelector('.ovs-widget').scrollIntoView()")
    widget = page.locator(".ovs-widget")
    widget.get_by_role("status").filter(has_text=word).wait_for()
    assert widget.locator("table, .ovs-stored").first.is_visible()
    again = widget.get_by_role("button", name="Load it again")
    again.evaluate("(one) => (window.first = one)")
    again.press("Enter")
    page.wait_for_function("() => !first.isConnected")
    again.wait_for()
    assert page.evaluate(FOCUSED)
    site.answer = None
    again.press("Enter")
    page.wait_for_function("() => document.querySelector('.ovs-widget').dataset.live")
    assert page.evaluate(FOCUSED)
    assert len(search(page, STORED)) == 10


@pytest.mark.fault("the search's index fails", "said, and typing on tries again")
@CHROMIUM
def test_the_book_s_search_tries_its_index_again(new_page, site):
    site.failing, site.answer = "search_index.js", DAMAGE["too short"]
    page = new_page()
    page.goto(site.url)
    page.locator("#search-open").click()
    page.locator("#search-text").fill("cosine")
    page.locator("#search-said").filter(has_text="did not come whole").wait_for()
    site.answer = None
    page.locator("#search-text").fill("cosine s")
    page.locator("#search-hits a").first.wait_for()


# ------------------------------------------------------------------ on a stick


@pytest.mark.parametrize(
    ("name", "damage", "word"),
    [
        (f"{CODE}.js", lambda content: HTML, "is damaged: copy the book's folder"),
        (f"{VECTORS}.js", changed, f"{VECTORS} (is damaged|broke off)"),
        pytest.param(
            *(f"{WEIGHTS}.js", lambda content: content[: len(content) // 2]),
            "is damaged: copy the book's folder",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *(f"{WEIGHTS}.js", lambda content: None, "can't be read from the book's"),
            marks=pytest.mark.slow,
        ),
    ],
)
@pytest.mark.fault("a damaged file on a stick", "said, and a second try answers")
@CHROMIUM
def test_a_damaged_file_on_a_stick_is_said_and_tried_again(
    new_page, book_folder, tmp_path, name, damage, word
):
    skipped = shutil.ignore_patterns("plotly*", WEIGHTS, "slides", "*.epub")
    folder = shutil.copytree(book_folder, tmp_path / "book", ignore=skipped)
    damaged = folder / "assets" / name
    sound = damaged.read_bytes()
    # The copy may be a link to the build's own file, which must stay as it is
    damaged.unlink()
    if (content := damage(sound)) is not None:
        damaged.write_bytes(content)
    page = new_page()
    open_search(page, f"{folder.as_uri()}/")
    write_over(page, QUERIES[0])
    wait_for_failure(page, word)
    damaged.write_bytes(sound)
    succeed_again(page, QUERIES[0])
