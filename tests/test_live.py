"""The live widgets in Chromium and Firefox: a typed sentence, and all that can fail."""

import base64
import json
import re
import runpy
import subprocess
import sys
import threading
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from book import usb
from book.assets import localise
from book.check import check_pages, read_page
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
    outside,
    search,
    settle,
    star,
    wait_for_word,
    write_over,
)
from widgets import SearchMap, weights
from widgets.corpus import load_corpus, load_vectors

ROOT = Path(__file__).parent.parent
CLEAR = 0.008  # apart by that much in cosine, eight-bit weights can't swap two hits


@pytest.fixture(scope="module")
def rank():
    """Rank the corpus as a chapter does, with the real model: the first five rows."""
    from sentence_transformers import SentenceTransformer, util

    model = SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)
    vectors = load_vectors()

    def first_five(query):
        (hits,) = util.semantic_search(model.encode(query), vectors, top_k=6)
        clear = all(a["score"] - b["score"] > CLEAR for a, b in pairwise(hits))
        assert clear or query == STORED, f"{query!r} has hits too close to judge"
        return [hit["corpus_id"] for hit in hits[:5]]

    return first_five


def test_a_typed_sentence_gets_the_hits_of_python(new_page, address, rank):
    page = new_page(
        "addEventListener('securitypolicyviolation', (event) =>"
        " console.error(`violated: ${event.violatedDirective}`));"
    )
    open_search(page, address)
    assert [u for u in page.asked if WEIGHTS in u or "encoder.wasm" in u] == []
    stars = set()
    for text in (STORED, *QUERIES):
        assert search(page, text)[:5] == rank(text)
        stars.add(star(page))
    assert len(stars) == 1 + len(QUERIES)
    page.get_by_role("list", name=f"Hits: 10 for “{text}”", exact=True).wait_for()
    settle(page)
    assert page.errors == []
    assert outside(page, address) == []


def test_the_weights_come_when_a_reader_reaches_for_the_box_and_are_kept(
    new_page, site, rank
):
    page = new_page()
    for _ in range(2):
        open_search(page, site.url)
        page.get_by_role("button", name=STORED, exact=True).click()
        settle(page)
        fetched = site.times_fetched()
        first = search(page, QUERIES[1])
        assert first[:5] == rank(QUERIES[1])
        assert (fetched, site.times_fetched()) in ((0, 1), (1, 1))
        wait_until(lambda: kept(page) == 1, "the weights to be kept")
    settle(page)
    assert page.errors == []


def test_a_bar_shows_how_far_the_weights_are(new_page, site):
    go_on = threading.Event()

    def send_in_two(handler, weights):
        half = len(weights) // 2
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(weights[:half])
        go_on.wait(60)
        handler.wfile.write(weights[half:])

    site.answer = send_in_two
    page = new_page()
    open_search(page, site.url)
    page.evaluate("() => document.querySelector('.ovs-input').focus()")
    page.get_by_role("progressbar", name="Loading the model", exact=True).wait_for()
    page.wait_for_function(
        "() => { const { value } = document.querySelector('.ovs progress');"
        " return value > 0.4 && value < 0.6; }"
    )
    wait_for_word(page, "It is fetched once: 21 MB.")
    write_over(page, QUERIES[0])
    page.get_by_role("button", name=STORED, exact=True).click()
    assert len(listed(page, STORED)) == 10  # answered without the model
    search_while_waiting(page)
    go_on.set()
    assert len(listed(page, QUERIES[2])) == 10
    bar = page.get_by_role("progressbar", name="Loading the model", exact=True)
    wait_until(lambda: bar.count() == 0, "the bar to go")


def search_while_waiting(page):
    """Type a text that can't be answered yet; the page takes it all the same."""
    write_over(page, QUERIES[2])
    assert page.evaluate("() => document.activeElement.value") == QUERIES[2]


def break_off(handler, weights):
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(weights)))
    handler.end_headers()
    handler.wfile.write(weights[: len(weights) // 2])
    handler.close_connection = True


def say_busy(handler, weights):
    handler.send_error(503)


def damage(handler, weights):
    """Change one byte of the weights themselves; the gzip around them is sound."""
    middle = len(weights) // 2
    changed = bytes([weights[middle] ^ 1])
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(weights)))
    handler.end_headers()
    handler.wfile.write(weights[:middle] + changed + weights[middle + 1 :])


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (break_off, "minilm.bin broke off after"),
        (say_busy, "minilm.bin can't be fetched: the server says 503"),
        (damage, "The weights file is damaged"),
    ],
)
@pytest.mark.fault(
    "the weights' download fails, in two browsers",
    "said; stored answers stay; a second try answers",
)
def test_a_download_that_fails_is_said_and_tried_again(new_page, site, fault, word):
    site.answer = fault
    page = new_page()
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_for_word(page, word)
    wait_for_word(page, "The examples above still have their answers.")
    again = page.get_by_role("button", name="Try again", exact=True)
    again.wait_for()
    page.get_by_role("button", name=STORED, exact=True).click()
    assert len(listed(page, STORED)) == 10
    search_while_waiting(page)
    again.wait_for()
    site.answer = None

    def succeeds():
        # A try may share the failure of one that is under way: the button comes back
        page.evaluate(f"() => {NEWS}.querySelector('button:not([hidden])')?.click()")
        return page.evaluate(f"() => {LIST}.ariaLabel.includes({QUERIES[2]!r})")

    wait_until(succeeds, "a try to succeed")
    assert len(listed(page, QUERIES[2])) == 10
    if fault is say_busy:
        return
    # What was kept is the whole file, not the first one
    wait_until(lambda: kept(page) == 1, "the weights to be kept")
    fetched = site.times_fetched()
    open_search(page, site.url)
    assert len(search(page, QUERIES[3])) == 10
    assert site.times_fetched() == fetched


LACKING = {
    "no workers": ("delete globalThis.Worker;", "workers"),
    "no unzipper": ("delete self.DecompressionStream;", "lacks DecompressionStream"),
    "no SIMD": (
        "WebAssembly.instantiate = async () => {"
        " throw new WebAssembly.CompileError('wasm simd unsupported'); };",
        "cannot run the encoder's code",
    ),
}


@pytest.mark.parametrize("lack", LACKING)
@pytest.mark.fault(
    "a browser without workers, unzipping or SIMD", "said, and the stored answers stay"
)
def test_a_browser_that_lacks_something_keeps_the_stored_answers(new_page, site, lack):
    code, word = LACKING[lack]
    page = new_page(code if "Worker" in code else in_worker(code))
    open_search(page, site.url)
    write_over(page, QUERIES[0])
    wait_for_word(page, word)
    wait_for_word(page, "The examples above still have their answers.")
    page.get_by_role("button", name=STORED, exact=True).click()
    assert len(listed(page, STORED)) == 10
    settle(page)
    assert page.errors == []


@pytest.mark.fault("a page that may keep no files", "it answers")
def test_a_page_without_a_place_to_keep_things_lives_too(new_page, site):
    """As on a classroom's server, http://192.168…: not a secure context."""
    page = new_page(in_worker("delete self.caches;"))
    open_search(page, site.url)
    assert len(search(page, QUERIES[1])) == 10
    settle(page)
    assert page.errors == []


@pytest.mark.fault("a server with a strict Content-Security-Policy", "the page answers")
def test_a_server_may_send_a_strict_policy(new_page, site):
    site.header = (
        "Content-Security-Policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
        "worker-src blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; form-action 'none'",
    )
    page = new_page()
    open_search(page, site.url)
    assert len(search(page, QUERIES[1])) == 10
    settle(page)
    assert page.errors == []


QUARTO = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Q</title>
<link rel="icon" href="data:,">
<script src="https://cdn.example/require.min.js" crossorigin="anonymous"></script>
<script src="https://cdn.example/jquery.min.js"></script>
<script type="application/javascript">define('jquery', [],function() {{
return window.jQuery;}})</script>
<script id="quarto-search-options" type="application/json">{{"limit": 50}}</script>
<script>window.ownInlineScript = true;</script>
<style>div {{ line-height: 1.7; }} button {{ text-transform: none; }}</style></head>
<body class="nav-sidebar floating quarto-light"><main class="content" id="quarto-content">
<div class="cell-output cell-output-display">{widget}</div></main>
<script id="quarto-html-after-body">document.body.dataset.after = "true";</script>
</body></html>"""


def test_a_page_of_quarto_lives_all_the_same(new_page, serve, book_folder, tmp_path):
    made = (book_folder / PAGE).read_text("utf-8")
    widget = re.search(r'<div class="ovs-widget".*?</table>\s*</div>', made, re.S)[0]
    page_file = tmp_path / PAGE
    page_file.parent.mkdir()
    page_file.write_text(QUARTO.format(widget=widget), "utf-8")
    localise(page_file, tmp_path)
    (tmp_path / "assets").symlink_to(book_folder / "assets")
    site = serve(tmp_path)
    page = new_page()
    open_search(page, site.url)
    assert len(search(page, QUERIES[1])) == 10
    settle(page)
    assert page.evaluate("() => ownInlineScript && document.body.dataset.after")
    assert page.errors == []
    assert outside(page, site.url) == []


@pytest.fixture(scope="module")
def stick(slides_folder, epub_file, tmp_path_factory):
    """The classroom's zip, unzipped where a teacher might unzip it."""
    root, out = tmp_path_factory.mktemp("root"), tmp_path_factory.mktemp("out")
    for name in ("_book", "chapters", "exercises", "index.ipynb"):
        (root / name).symlink_to(ROOT / name)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"]
    build += ["--no-build-isolation", "--wheel-dir", root / "dist", ROOT]
    subprocess.run(build, check=True)
    packed = usb.pack(root, out, weights.verify())
    again = usb.pack(root, out / "again", weights.verify())
    assert packed.read_bytes() == again.read_bytes()
    again.unlink()
    folder = out / "Schöne Sätze für die 10 b #1"
    with zipfile.ZipFile(packed) as packing:
        packing.extractall(folder)
    return folder / usb.NAME


def test_the_classroom_s_book_lives_where_it_was_unzipped(new_page, stick):
    page = new_page()
    page.goto((stick / "START-HERE.html").as_uri())
    page.evaluate("() => document.querySelector('a').click()")
    page.wait_for_function("() => document.querySelector('#search-open')")
    open_search(page, f"{(stick / 'book').as_uri()}/")
    assert len(search(page, QUERIES[1])) == 10
    settle(page)
    assert page.errors == []


def test_all_that_the_stick_s_first_page_names_is_there(stick):
    page = read_page(stick / "START-HERE.html")
    ways = [link["href"] for link in page.select("a")]
    decks = {path.stem for path in (ROOT / "slides").glob("*.md")}
    assert {f"book/slides/{name}.html" for name in decks} < set(ways)
    for way in ways:
        assert (stick / way).is_file()
    named = [code.text for code in page.select("code")]
    for name in [each.split()[-1] for each in named if not each.startswith("%")]:
        assert list(stick.glob(name)) + list(stick.glob(f"notebooks/{name}")), name
    assert check_pages(stick / "book", {}) == []


def test_the_stick_s_slides_live(browser, stick):
    page = browser.new_page()
    page.goto(f"{(stick / 'book' / 'slides').as_uri()}/search.html#/try-it")
    page.locator("#try-it .ovs-input").fill(QUERIES[0])
    hit = page.locator("#try-it .ovs-hits li").first
    hit.filter(has_text=re.compile("volcan|erupt", re.I)).wait_for()
    page.close()


def test_the_stick_s_notebooks_find_their_helpers_and_weights(stick):
    start = runpy.run_path(str(stick / "START-NOTEBOOKS.py"))
    ask = (
        "import widgets; from widgets import corpus, weights; widgets.prepare();"
        "print(widgets.__file__, corpus.DATA, weights.verify(), sep='\\n');"
        "print(len(widgets.load_corpus()))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", ask],
        env=start["environment"](stick),
        cwd=stick / "notebooks" / "chapters",
        capture_output=True,
        text=True,
        check=True,
    )
    *places, count = ran.stdout.splitlines()
    assert int(count) == len(load_corpus())
    assert [place for place in places if not place.startswith(str(stick))] == []
    mine = {p.relative_to(ROOT) for p in ROOT.glob("chapters/*.ipynb")}
    mine |= {p.relative_to(ROOT) for p in ROOT.glob("exercises/*.ipynb")}
    assert [path for path in mine if not (stick / "notebooks" / path).is_file()] == []


@pytest.mark.fault(
    "a stick on a computer without the packages",
    "which are missing, and how to get them",
)
def test_a_python_without_the_packages_is_told_how_to_get_them(
    stick, monkeypatch, capsys
):
    start = runpy.run_path(str(stick / "START-NOTEBOOKS.py"))
    state = start["main"].__globals__
    monkeypatch.setitem(state, "find_spec", lambda name: name != "umap" or None)
    monkeypatch.setattr("builtins.input", lambda said: "")
    assert start["main"]() == 1
    said = capsys.readouterr().out
    assert "lacks: umap" in said
    assert re.search(r'-m pip install jupyterlab ".*/notebooks/\S+\.whl"', said)


@pytest.mark.fault(
    "packing a stick before its parts are made", "which command makes them"
)
def test_what_can_not_be_packed_is_said(tmp_path, capsys):
    assert usb.main(tmp_path, tmp_path / "out") == 1
    assert "no helper package in dist/ yet: `make usb`" in capsys.readouterr().err
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "one_vector_per_sentence-0.whl").touch()
    assert usb.main(tmp_path, tmp_path / "out") == 1
    assert "no _book/index.html yet: `make usb`" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# A notebook whose page computes

NOTEBOOK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Notebook</title>
<link rel="icon" href="data:,"><div class="ovs-widget"></div><script type="module">
import widget from "./widget.js";
const state = {state};
const listeners = new Set();
const model = {{
  get: (name) => state[name],
  on: (event, listener) => listeners.add(listener),
  off: (event, listener) => listeners.delete(listener),
  async send(message) {{
    window.left ??= Infinity; // messages until the kernel is gone
    if (left-- <= 0) return;
    const [answer, pieces] = await kernel(message);
    const buffers = pieces.map((piece) =>
      new DataView(Uint8Array.from(atob(piece), (sign) => sign.charCodeAt(0)).buffer));
    listeners.forEach((listener) => listener(answer, buffers));
  }},
}};
window.end = widget.render({{ model, el: document.querySelector(".ovs-widget") }});
</script></html>"""


class OneAnswer:
    """A model that knows one text; nothing else may be asked of it."""

    def encode(self, texts, **_):
        assert texts == [STORED]
        return load_vectors()[:1]


@pytest.fixture
def open_notebook(new_page, serve, tmp_path):
    """Open a notebook whose page computes; note what it asks its kernel for."""

    def opened(script=""):
        page = new_page(script)
        page.kernel_asked = write_notebook(page, tmp_path)
        open_search(page, serve(tmp_path).url, "notebook.html")
        return page

    return opened


def write_notebook(page, folder):
    widget = SearchMap(
        load_corpus(), load_vectors(), OneAnswer(), examples=[STORED], computes="page"
    )
    asked = []

    def kernel(message):
        asked.append((message["kind"], message.get("name"), message.get("from")))
        answers = []
        widget.send = lambda content, buffers: answers.append((content, buffers))
        widget._on_message(widget, message, [])
        ((content, buffers),) = answers
        return content, [base64.b64encode(part).decode() for part in buffers]

    state = json.dumps(widget.page_state() | {"files": widget.files})
    (folder / "widget.js").write_text(widget._esm, "utf-8")
    (folder / "notebook.html").write_text(NOTEBOOK.format(state=state), "utf-8")
    page.expose_function("kernel", kernel)
    return asked


@CHROMIUM
def test_a_notebook_s_page_can_compute(open_notebook, book_folder, rank):
    page = open_notebook()
    assert page.kernel_asked == []
    for query in QUERIES[:2]:
        assert search(page, query)[:5] == rank(query)
    assert {kind for kind, *_ in page.kernel_asked} == {"piece"}
    page.evaluate("() => end()")
    settle(page)
    assert page.errors == []


# A minute that is over when the test says so
WOUND = """
window.late = [];
const timeout = setTimeout;
window.setTimeout = (call, ms) =>
  ms === 60_000 ? -late.push(call) : timeout(call, ms);
"""


@pytest.mark.fault(
    "a kernel that dies while it hands the page its files",
    "said after a minute; another try goes on where it ended, and answers",
)
@CHROMIUM
def test_a_kernel_that_dies_while_it_hands_over_is_said(
    open_notebook, book_folder, rank
):
    page = open_notebook(f"{WOUND} window.left = 3;")
    # At one stroke: a newer text than the one that fails would wait its own minute
    page.locator(".ovs-input").fill(QUERIES[0])
    page.wait_for_function("() => late.length === 4")
    assert len(page.kernel_asked) == 3
    page.evaluate("() => late.at(-1)()")
    wait_for_word(page, "The kernel hands nothing over: is it busy?")
    wait_for_word(page, "If it was restarted, run this cell again.")
    page.evaluate(
        "() => { window.left = Infinity;"
        f" {NEWS}.querySelector('button:not([hidden])').click(); }}"
    )
    assert listed(page, QUERIES[0])[:5] == rank(QUERIES[0])
    assert len(page.kernel_asked) == len(set(page.kernel_asked))
    settle(page)
    assert page.errors == []


@pytest.mark.fault("a notebook whose encoder isn't built", "how to build it")
def test_a_notebook_without_the_built_encoder_says_how_to_build_it(
    monkeypatch, tmp_path
):
    monkeypatch.setattr("widgets.encoder.build.BUILT", tmp_path)
    with pytest.raises(FileNotFoundError, match="encoder isn't built: run"):
        SearchMap(["a"], load_vectors()[:1], OneAnswer(), examples=[], computes="page")
