"""In Colab, as far as it can be had here: what the set-up cell does, and each widget.

`make test-colab` makes the lane first (lane.py), and runs the chapters after these.
"""

import base64
import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.colab import lane
from tests.front_page import PAGE, open_page

PATIENCE = 120
VIEW = "application/vnd.jupyter.widget-view+json"
# How Colab's manager brings a widget in: its code, text and bytes come from the
# kernel, and the anywidget of Colab hands it no `signal`
MODULE = """
const { _esm, bytes } = JSON.parse(document.getElementById("state").textContent);
const file = new Blob([_esm], { type: "text/javascript" });
const { default: theirs } = await import(URL.createObjectURL(file));
const views = Object.fromEntries(Object.entries(bytes).map(([name, base64]) => {
  const part = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  return [name, new DataView(part.buffer)];
}));
const widget = {
  render({ model, el }) {
    const get = (name) => views[name] ?? model.get(name);
    return theirs.render({ model: { ...model, get }, el });
  },
};
"""


def versions():
    freeze = [lane.PYTHON, "-m", "pip", "freeze"]
    done = subprocess.run(freeze, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines())


class Colab:
    """A front end's side of the kernel: runs cells, and holds the widgets' comms."""

    def __init__(self):
        from jupyter_client.manager import start_new_kernel

        os.environ["JUPYTER_PATH"] = str(lane.LANE / "jupyter")
        cwd = str(lane.LANE / "notebooks" / "chapters")
        self.comms = {}
        # In a thread of its own: Playwright's loop runs in the test's
        self.thread = ThreadPoolExecutor(1)
        self.manager, self.client = self.thread.submit(
            start_new_kernel, PATIENCE, lane.KERNEL, cwd=cwd
        ).result()

    def run(self, code):
        """Run a cell and return what it printed and displayed."""
        return self.thread.submit(self._run, code).result()

    def ask(self, comm, content):
        """Send a widget a message; return what it sends back, each with its buffers."""
        return self.thread.submit(self._ask, comm, content).result()

    def _run(self, code):
        said = self._heard(self.client.execute(code))
        for message in said:
            if message["msg_type"] == "error":
                pytest.fail("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "comm_open":
                content = message["content"]
                names = [name for (name,) in content["data"]["buffer_paths"]]
                parts = [base64.b64encode(part).decode() for part in message["buffers"]]
                state = content["data"]["state"]
                state["bytes"] = dict(zip(names, parts, strict=True))
                self.comms[content["comm_id"]] = state
        streams = [m["content"]["text"] for m in said if m["msg_type"] == "stream"]
        shown = ("execute_result", "display_data")
        return "".join(streams), [m["content"] for m in said if m["msg_type"] in shown]

    def _ask(self, comm, content):
        data = {"method": "custom", "content": content}
        message = {"comm_id": comm, "data": data}
        sent = self.client.session.msg("comm_msg", message)
        self.client.shell_channel.send(sent)
        return [
            (each["content"]["data"]["content"], each["buffers"])
            for each in self._heard(sent["header"]["msg_id"])
            if each["msg_type"] == "comm_msg"
            and each["content"]["comm_id"] == comm
            and each["content"]["data"]["method"] == "custom"
        ]

    def _heard(self, parent):
        """Return what the kernel publishes about a message until it is idle again."""
        said = []
        while True:
            message = self.client.get_iopub_msg(timeout=PATIENCE * 5)
            if message["parent_header"].get("msg_id") == parent:
                if message["content"].get("execution_state") == "idle":
                    return said
                said.append(message)

    def end(self):
        self.manager.shutdown_kernel(now=True)
        self.thread.shutdown()


@pytest.fixture(scope="module")
def colab():
    if not lane.PYTHON.exists():
        pytest.skip("`make test-colab` makes the lane first")
    colab = Colab()
    yield colab
    colab.end()


@pytest.fixture(scope="module")
def set_up(colab):
    """The set-up cell, run in a fresh Colab: what was there, what is, what it said."""
    lane.pip("uninstall", "--quiet", "--yes", *lane.HELPERS)
    before = versions()
    said, _ = colab.run(lane.set_up_source())
    return before, versions(), said


def test_the_set_up_cell_adds_three_packages_and_changes_none(set_up):
    before, after, _ = set_up
    assert before <= after
    added = {re.split("==| @ ", line)[0] for line in after - before}
    assert added == set(lane.HELPERS)


def test_colab_s_versions_are_those_that_run(set_up):
    def pins(lines):
        found = (line.lower().replace("_", "-").split("==") for line in lines)
        return dict(pin for pin in found if len(pin) == 2)

    colab_s = pins(lane.PINS[1].read_text().splitlines())
    installed = pins(set_up[1])
    both = colab_s.keys() & installed.keys()
    assert len(both) > 25
    assert {name: installed[name] for name in both} == {n: colab_s[n] for n in both}


def test_the_set_up_cell_says_what_runs(set_up):
    last = set_up[2].splitlines()[-1]
    assert last.startswith("Ready: Python 3.")
    for said in ("torch 2.11.0", "plotly 5.24.1", "ipywidgets 7.7.1"):
        assert said in last


def test_the_widgets_are_the_installed_package_s(colab, set_up):
    said, _ = colab.run("import widgets\nprint(widgets.__file__)")
    assert str(lane.ENVIRONMENT) in said


# Each widget, drawn by what the kernel sent, and answered by the kernel

CODE = """
from sentence_transformers import SentenceTransformer
from widgets import *
from widgets.model_chooser import load_models
from widgets.pair_probe import corpus_marks
from widgets.umap_layout import load_layout

model = SentenceTransformer("all-MiniLM-L6-v2")
corpus, vectors, layout = load_corpus(), load_vectors(), load_layout()
"""
WIDGETS = {
    "search_map": "SearchMap(corpus, vectors, model, layout)",
    "token_xray": "TokenXRay(model)",
    "pair_probe": "PairProbe(model, marks=corpus_marks(vectors))",
    "cluster_map": "ClusterMap(corpus, vectors, layout)",
    "model_chooser": "ModelChooser(load_models())",
}


@pytest.fixture(scope="module")
def shown(colab, set_up):
    """What each widget displays as the last line of a cell."""
    colab.run(CODE)
    return {name: colab.run(made)[1] for name, made in WIDGETS.items()}


@pytest.fixture
def drawn(browser, colab, shown):
    """Draw a widget in a page as Colab's manager does; return page, comm."""
    pages = []

    def draw(name):
        (display,) = shown[name]
        comm = display["data"][VIEW]["model_id"]
        state = colab.comms[comm]
        text = PAGE.format(
            css=state["_css"],
            state=json.dumps(state).replace("<", "\\u003c"),
            module=MODULE,
            name="widget",
        )
        page = open_page(browser, text)
        pages.append(page)
        return page, comm

    yield draw
    for page in pages:
        page.close()
        assert page.errors == []


def carry_until(colab, page, comm, locator):
    """Carry messages between a page and the kernel until something is shown."""
    end = time.monotonic() + PATIENCE
    while not locator.count():
        assert time.monotonic() < end, page.locator("main").inner_text()
        for content in page.evaluate("window.sent.splice(0)"):
            for answer, buffers in colab.ask(comm, content):
                parts = [base64.b64encode(part).decode() for part in buffers]
                page.evaluate("([m, parts]) => receive(m, parts)", [answer, parts])
        page.wait_for_timeout(50)


@pytest.mark.parametrize("name", WIDGETS)
def test_a_widget_names_colab_s_manager_and_has_a_table_beside_it(shown, name):
    (display,) = shown[name]
    url = display["metadata"][VIEW]["colab"]["custom_widget_manager"]["url"]
    assert url.startswith("https://ssl.gstatic.com/")
    assert f'data-widget="{name}"' in display["data"]["text/html"]


def test_the_search_map_ranks_what_is_typed(colab, drawn):
    page, comm = drawn("search_map")
    box = page.get_by_role("searchbox", name=re.compile("^Search"))
    box.fill("the dentist pulled a tooth")
    name = "Hits: 10 for “the dentist pulled a tooth”"
    hits = page.get_by_role("list", name=name, exact=True)
    carry_until(colab, page, comm, hits)
    assert re.search(r"tooth|dent", hits.inner_text())
    page.locator(".ovs-stage[data-star]").wait_for()


def test_the_token_x_ray_shows_the_tokens_of_what_is_typed(colab, drawn):
    page, comm = drawn("token_xray")
    page.get_by_role("textbox", name="First sentence").fill("A dentist cried.")
    rows = page.get_by_role("list", name="First sentence")
    carry_until(colab, page, comm, rows.get_by_role("button").filter(has_text="cried"))
    tokens = [
        row.inner_text().split("\n")[0] for row in rows.get_by_role("button").all()
    ]
    assert tokens == ["[CLS]", "a", "dentist", "cried", ".", "[SEP]"]


def test_the_pair_probe_scores_a_typed_pair(colab, drawn):
    page, comm = drawn("pair_probe")
    page.get_by_role("textbox", name="First sentence").fill("A man is eating pasta.")
    page.get_by_role("textbox", name="Second sentence").fill("A man is eating food.")
    cosine = page.locator(".ovs-cosine").filter(has_text=re.compile(r"^0\.70[34]$"))
    carry_until(colab, page, comm, cosine)
    table = page.get_by_role("region", name=re.compile("^The words, from the one"))
    carry_until(colab, page, comm, table.get_by_role("row").filter(has_text="pasta"))


def test_the_cluster_map_gets_its_vectors_and_groups_them(colab, drawn):
    page, comm = drawn("cluster_map")
    clusters = page.get_by_role("list", name=re.compile("^Clusters:")).locator("> li")
    carry_until(colab, page, comm, clusters)
    sizes = page.locator(".ovs-cluster-size").all_inner_texts()
    assert sum(int(size.split()[0]) for size in sizes) == 1280


def test_the_model_chooser_answers_a_wish(drawn):
    page, _ = drawn("model_chooser")
    slider = page.get_by_role("slider", name="Dimensions at most")
    slider.press("Home")
    page.get_by_text(re.compile("384 dimensions, more than")).first.wait_for()
