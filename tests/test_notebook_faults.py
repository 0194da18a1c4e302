"""What goes wrong in a notebook: a kernel that is gone, two widgets, odd corpora."""

import json
import os
import re
import textwrap
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from front_page import bare_page, open_page, status
from lab import ROOT, jupyterlab, run_all, run_cells

from widgets.cluster_map import ClusterMap
from widgets.search_map import SearchMap
from widgets.umap_layout import Layout

PATIENCE = 120
MANY = 20_000


def fault(what, outcome):
    return pytest.mark.fault(what, outcome)


# Two widgets on one corpus, in a kernel of their own


class Kernel:
    """A front end's side of a kernel: runs cells, and holds the widgets' comms."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        self.comms = {}
        # In a thread of its own: Playwright's loop runs in the test's
        self.thread = ThreadPoolExecutor(1)
        env = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
        self.manager, self.client = self.thread.submit(
            start_new_kernel, PATIENCE, "python3", cwd=str(ROOT), env=env
        ).result()

    def run(self, code):
        """Run a cell and return the text that it printed."""
        return self.thread.submit(self._run, textwrap.dedent(code)).result()

    def send(self, comm, data):
        """Send a widget data as they are; return what all widgets send meanwhile."""
        return self.thread.submit(self._send, comm, data).result()

    def ask(self, comm, **content):
        """Ask a widget; return its answer and that one's buffers."""
        said = self.send(comm, {"method": "custom", "content": content})
        ((content, buffers),) = [
            (each["content"]["data"]["content"], each["buffers"]) for each in said
        ]
        return content, buffers

    def end(self):
        self.manager.shutdown_kernel(now=True)
        self.thread.shutdown()

    def _run(self, code):
        printed = ""
        for message in self._heard(self.client.execute(code)):
            content = message["content"]
            if message["msg_type"] == "error":
                pytest.fail("\n".join(content["traceback"]))
            if message["msg_type"] in ("comm_open", "comm_msg"):
                state = self.comms.setdefault(content["comm_id"], {"size": 0})
                state |= content["data"].get("state", {})
                state["size"] += len(json.dumps(content))
                state["size"] += sum(map(len, message["buffers"]))
            if message["msg_type"] == "stream":
                printed += content["text"]
        return printed

    def _send(self, comm, data):
        message = self.client.session.msg("comm_msg", {"comm_id": comm, "data": data})
        self.client.shell_channel.send(message)
        said = self._heard(message["header"]["msg_id"])
        return [each for each in said if each["msg_type"] == "comm_msg"]

    def _heard(self, parent):
        said = []
        while True:
            message = self.client.get_iopub_msg(timeout=5 * PATIENCE)
            if message["parent_header"].get("msg_id") == parent:
                if message["content"].get("execution_state") == "idle":
                    return said
                said.append(message)


LETTERS = """
    import numpy as np
    from widgets import ClusterMap, PairProbe, SearchMap

    class Letters:
        read = []

        def encode(self, texts, **_):
            self.read += texts
            signs = [np.frombuffer(text.lower().encode(), np.uint8) for text in texts]
            rows = [np.bincount(row, minlength=256)[97:123] for row in signs]
            return np.array(rows, np.float32)

    model = Letters()
"""


@pytest.fixture(scope="module")
def kernel():
    kernel = Kernel()
    kernel.run(LETTERS)
    yield kernel
    kernel.end()


@pytest.fixture(scope="module")
def two(kernel):
    """Two search maps over one corpus, and the state that each one has."""
    kernel.run(
        """
        corpus = ["a red door", "a blue hill", "nothing", "a red hill"]
        vectors = model.encode(corpus)
        model.read.clear()
        one = SearchMap(corpus, vectors, model, examples=["red"])
        other = SearchMap(corpus, vectors, model, examples=["hill"])
        """
    )
    return [
        comm
        for text in ("red", "hill")
        for comm, state in kernel.comms.items()
        if [one["text"] for one in state.get("examples", [])] == [text]
    ]


@fault(
    "two widgets on one corpus", "each answers its own questions; no text is read twice"
)
def test_two_widgets_do_not_hear_each_other(kernel, two):
    assert kernel.run("print(sorted(model.read))").strip() == "['hill', 'red']"
    for comm, text in zip(two, ("door", "nothing"), strict=True):
        said = kernel.send(
            comm,
            {"method": "custom", "content": {"kind": "query", "id": 7, "text": text}},
        )
        assert [each["content"]["comm_id"] for each in said] == [comm]
        (answer,) = [each["content"]["data"]["content"] for each in said]
        assert answer["id"] == 7
        assert answer["hits"][0][0] == {"door": 0, "nothing": 2}[text]
    assert kernel.run("print(model.read[2:])").strip() == "['door', 'nothing']"
    kernel.run("other.texts = ['mine'] * 4")
    assert kernel.run("print(one.texts == corpus)").strip() == "True"
    kernel.run("other.texts = corpus")


@fault(
    "a front end that sets code, or sends no message at all",
    "nothing changes, no error",
)
def test_a_real_kernel_takes_nothing_but_questions(kernel, two):
    before = kernel.run("print(hash(one._esm), one.texts, one.examples)")
    for data in (
        {"method": "update", "state": {"_esm": "alert(1)", "texts": ["mine"]}},
        {"method": "update"},
        {"method": "custom"},
        {"method": "custom", "content": {"kind": ["query"], "id": {}}},
        {"method": ["custom"]},
        {},
    ):
        assert kernel.send(two[0], data) == []
    assert kernel.run("print(hash(one._esm), one.texts, one.examples)") == before
    answer, _ = kernel.ask(two[0], kind="query", id="\ufffd", text="a red door")
    assert answer["hits"][0][0] == 0


@fault(
    "a query of 1 MB, or of nothing but spaces, sent to a kernel",
    "an answer that says so",
)
def test_a_megabyte_through_a_real_kernel(kernel, two):
    answer, _ = kernel.ask(two[0], kind="query", id=1, text="red door " * 110_000)
    assert len(answer["hits"]) == 4
    assert "Only the first 100,000 characters" in answer["note"]
    answer, _ = kernel.ask(two[0], kind="query", id=2, text=" \n" * 500_000)
    assert (answer["id"], answer["hits"]) == (2, [])
    assert answer["note"] == "Type a sentence to search."
    assert kernel.run("print(max(map(len, model.read)))").strip() == "100000"


LARGE = """
    import resource, sys, time
    from widgets.search_map import SearchMap
    from widgets.umap_layout import Layout

    chance = np.random.default_rng(0)
    many = [f"Sentence {n} is about {chance.integers(999)}." for n in range(20_000)]
    large = chance.normal(size=(20_000, 384)).astype(np.float32)

    def most():
        share = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * share

    before = most()
    xy = chance.normal(size=(20_000, 2)).astype(np.float32)

    class Rows:
        def encode(self, texts, **_):
            return large[[len(text) for text in texts]]

    searched = SearchMap(many, large, Rows(), Layout(xy, 1.5, 0.9, 0.9))
    clustered = ClusterMap(many, large, Layout(xy, 1.5, 0.9, 0.9))
    print(most() - before)
"""


@fault(
    "a corpus of 20,000 sentences in a kernel", "2 MB to the page, and memory bounded"
)
def test_twenty_thousand_sentences_cost_little(kernel):
    known = set(kernel.comms)
    grown = int(kernel.run(LARGE))
    made = [c for c in kernel.comms if c not in known and "texts" in kernel.comms[c]]
    searched, clustered = made
    # The vectors are 31 MB; each widget keeps a copy cut to length 1
    assert grown < 12 * 31_000_000
    for comm in made:
        state = kernel.comms[comm]
        assert len(state["texts"]) == MANY
        assert state["size"] < 2_500_000
    answer, _ = kernel.ask(searched, kind="query", id=3, text="any")
    assert answer["id"] == 3
    assert len(answer["hits"]) == 20
    assert answer["hits"][0] == [3, pytest.approx(1, abs=1e-5)]
    answer, (vectors,) = kernel.ask(clustered, kind="vectors", id=4)
    assert len(vectors) == MANY * 384 * 4
    assert answer["width"] == 384


# Odd corpora, drawn


def drawn(browser, widget, file, name, **state):
    page = open_page(browser, bare_page(file, name, widget.page_state() | state))
    page.set_default_timeout(1000 * PATIENCE)
    return page


class Same:
    """A model to which all texts are the same."""

    def encode(self, texts, **_):
        return np.ones((len(texts), 4), np.float32)


def inked(page):
    """Return how many pixels of the map below are drawn."""
    return page.locator(".ovs-stage canvas").first.evaluate(
        "canvas => { const { width, height } = canvas;"
        " const all = canvas.getContext('2d').getImageData(0, 0, width, height).data;"
        " let drawn = 0; for (let i = 3; i < all.length; i += 4) drawn += all[i] > 0;"
        " return drawn; }"
    )


def ink_comes(page):
    page.wait_for_function(
        "() => { const canvas = document.querySelector('.ovs-stage canvas');"
        " const { width, height } = canvas; if (!width) return false;"
        " const all = canvas.getContext('2d').getImageData(0, 0, width, height).data;"
        " return all.some((value, i) => i % 4 === 3 && value > 0); }"
    )


@pytest.mark.parametrize(
    "corpus",
    [
        pytest.param(
            ["Hello."], marks=fault("a corpus of one sentence, drawn", "a map")
        ),
        pytest.param(["a", "b"], marks=fault("a corpus of two, drawn", "a map")),
        pytest.param(["same"] * 9, marks=fault("equal sentences, drawn", "a map")),
        pytest.param(
            ["  ", "\t", "x" * 1_000_000],
            marks=fault("sentences of spaces and of 1 MB, drawn", "a map"),
        ),
    ],
    ids=["one", "two", "equal", "odd"],
)
def test_odd_corpora_are_searched_and_drawn(browser, corpus):
    vectors = Same().encode(corpus)
    widget = SearchMap(corpus, vectors, Same(), examples=["any"])
    count = len(corpus)
    assert widget.examples[0]["hits"] == [[row, 1.0] for row in range(count)]
    page = drawn(browser, widget, "search_map.js", "searchMap")
    ink_comes(page)
    listed = page.get_by_role("list", name="Hits").get_by_role("listitem")
    assert listed.count() == count
    stage = page.get_by_role("application")
    stage.focus()
    for key in ("ArrowRight", "+", "ArrowLeft", "0"):
        stage.press(key)
    star = page.locator(".ovs-stage[data-star]").get_attribute("data-star")
    assert all(np.isfinite(float(part)) for part in re.findall(r"[^\s,]+", star))
    assert page.errors == []
    page.close()


@pytest.mark.parametrize("corpus", [["a", "b"], ["same"] * 9], ids=["two", "equal"])
@fault("k-means over two or equal sentences", "an end, and no empty cluster listed")
def test_odd_corpora_are_clustered(browser, corpus):
    widget = ClusterMap(corpus, Same().encode(corpus))
    page = drawn(browser, widget, "cluster_map.js", "clusterMap")
    status(page, "nothing moves after")
    ink_comes(page)
    page.get_by_role("button", name="Try 20 starts").click()
    page.locator(".ovs-luck, .ovs-strip, p").filter(
        has_text="starts end"
    ).first.wait_for()
    assert page.errors == []
    page.close()


@fault("a map of 20,000 sentences", "every point is drawn, and arrows and hits work")
def test_twenty_thousand_points_are_drawn(browser):
    chance = np.random.default_rng(0)
    corpus = [f"Sentence {number}." for number in range(MANY)]
    layout = Layout(chance.normal(size=(MANY, 2)), 1.5, 0.9, 0.9)
    vectors = chance.normal(size=(MANY, 8))
    widget = SearchMap(corpus, vectors, Same8(), layout, examples=["any"])
    page = drawn(browser, widget, "search_map.js", "searchMap")
    ink_comes(page)
    assert inked(page) > MANY / 2
    stage = page.get_by_role("application", name="Map of 20,000 sentences.")
    stage.focus()
    stage.press("ArrowRight")
    page.locator(".ovs-caption").filter(has_text="Sentence ").wait_for()
    page.get_by_role("searchbox").fill("new")
    page.evaluate(
        "receive({kind: 'answer', id: sent.at(-1).id, note: '', hits: [[19999, 0.5]]})"
    )
    page.get_by_role("list", name="Hits").get_by_text("Sentence 19999.").wait_for()
    assert page.errors == []
    page.close()


class Same8:
    def encode(self, texts, **_):
        return np.ones((len(texts), 8), np.float32)


# A kernel that is gone, in JupyterLab


CELLS = [
    """
import os
import time

from IPython.display import display
from sentence_transformers import SentenceTransformer

import widgets
from widgets.model_chooser import load_models


class Slow:
    # Takes an hour over a text with the word "wait", and dies of the word "die"
    def __init__(self, model):
        self.model = model

    def __getattr__(self, name):
        return getattr(self.model, name)

    def __getitem__(self, place):
        return self.model[place]

    def encode(self, texts, **settings):
        if any("wait" in text for text in texts):
            time.sleep(3600)
        if any("die" in text for text in texts):
            os._exit(1)
        return self.model.encode(texts, **settings)


model = Slow(SentenceTransformer("all-MiniLM-L6-v2"))
corpus, vectors = widgets.load_corpus(), widgets.load_vectors()
pairs = {"bites": ("The dog bit the man", "The man bit the dog")}
""",
    """
display(widgets.SearchMap(corpus, vectors, model))
display(widgets.PairProbe(model, pairs))
display(widgets.TokenXRay(model, pairs))
display(widgets.ClusterMap(corpus, vectors))
display(widgets.ModelChooser(load_models()))
""",
]
IDLE = "#jp-main-statusbar >> text=Idle"
GONE = "If it was restarted, run this cell again."


@pytest.fixture
def lab(tmp_path):
    """A server of its own for each test: JupyterLab opens again what was open."""
    with jupyterlab(tmp_path, faults=CELLS) as address_of:
        yield address_of("lab/tree", "faults")


def widget_of(page, name):
    return page.get_by_role("region", name=name, exact=True)


def said(page, name, text):
    widget_of(page, name).get_by_role("status").filter(has_text=text).first.wait_for()


def search(page, text):
    page.get_by_role("searchbox", name=re.compile("^Search")).fill(text)


def hits_of(page, text):
    return page.get_by_role("list", name=f"Hits: 10 for “{text}”", exact=True)


def check_what_stays(page):
    """Try all that needs no kernel: examples, clusters, the chooser, the map."""
    search_map = widget_of(page, "Search map")
    example = "why does my coffee taste so bitter"
    search_map.get_by_role("button", name=example, exact=True).click()
    hits_of(page, example).wait_for()
    clusters = widget_of(page, "Cluster map")
    clusters.get_by_role("button", name="Another start").click()
    said(page, "Cluster map", re.compile("^Start 1 .*nothing moves after"))


def run_again(page):
    """Run all cells in the new kernel, and ask what the old one was never asked."""
    page.locator(IDLE).first.wait_for()
    page.evaluate(
        "document.querySelectorAll('.ovs').forEach((e) => (e.dataset.old = 1))"
    )
    run_cells(page)
    page.wait_for_function("() => !document.querySelector('.ovs[data-old]')")
    said(page, "Cluster map", "nothing moves after")
    search(page, "the dentist pulled a tooth")
    hits_of(page, "the dentist pulled a tooth").wait_for()
    assert page.locator(".jp-OutputArea-output", has_text="Traceback").count() == 0


@pytest.mark.slow
@fault(
    "the kernel is restarted while it answers",
    "a word to run the cell again; what was answered stays; then all works",
)
def test_a_restarted_kernel_is_told_and_what_is_there_stays(browser, lab):
    page = run_all(browser, lab, IDLE)
    said(page, "Cluster map", "nothing moves after")
    search(page, "please wait")
    said(page, "Search map", "Still waiting for an answer.")
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.locator(".lm-Menu-item", has_text="Restart Kernel…").first.click()
    page.locator(".jp-Dialog").get_by_text("Restart", exact=True).click()
    said(page, "Search map", GONE)

    page.locator(IDLE).first.wait_for()
    search(page, "nobody hears this")
    page.get_by_role("textbox", name="First sentence").first.fill("A new sentence")
    for name in ("Search map", "Pair probe"):
        said(page, name, re.compile(f"can't be reached: .*{GONE}"))
    check_what_stays(page)

    run_again(page)
    page.close()


@pytest.mark.slow
@fault(
    "the kernel dies while it answers",
    "a word that it may have been restarted; what was answered stays; then all works",
)
def test_a_dead_kernel_is_told_and_what_is_there_stays(browser, lab):
    page = run_all(browser, lab, IDLE)
    said(page, "Cluster map", "nothing moves after")
    search(page, "now die")
    said(page, "Search map", GONE)
    page.locator(".jp-Dialog").get_by_role("button", name="Ok").click()
    check_what_stays(page)
    run_again(page)
    page.close()
