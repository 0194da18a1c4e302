"""The widget in JupyterLab 4 and Notebook 7: the kernel's model answers a reader."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 60_000  # ms: a kernel starts and torch is imported, on a busy machine
CELL = """
from sentence_transformers import SentenceTransformer

from widgets.corpus import load_corpus, load_vectors
from widgets.search_map import SearchMap
from widgets.umap_layout import load_layout

model = SentenceTransformer("all-MiniLM-L6-v2")
SearchMap(load_corpus(), load_vectors(), model, load_layout())
"""


@pytest.fixture(scope="module")
def address_in(tmp_path_factory):
    """A server of its own in an empty folder: where a front end opens a notebook."""
    home = tmp_path_factory.mktemp("jupyterlab")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(CELL.strip())],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    )
    nbformat.write(notebook, home / "map.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    own = {
        f"JUPYTER_{name}_DIR": str(home / name.lower())
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
                *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
                f"--ServerApp.root_dir={home}",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=os.environ | own | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api?token={token}", server, home / "server.log")
        yield lambda front_end: f"{address}/{front_end}/map.ipynb?token={token}"
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(address, server, log):
    end = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            return urlopen(address).close()
        except URLError as error:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"JupyterLab did not start ({error}):\n{log.read_text()}")
        time.sleep(0.3)


def run_all(browser, address, when_idle):
    """Open a notebook and run its cell, once the page shows that the kernel is there."""
    page = browser.new_page(viewport={"width": 1300, "height": 1100})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").wait_for()
    idle = page.locator(when_idle).first
    idle.wait_for()  # a cell that is run before its kernel is there is forgotten
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.get_by_role("searchbox", name=re.compile("^Search .* sentences")).wait_for()
    idle.wait_for()
    return page


@pytest.fixture(scope="module")
def notebook(browser, address_in):
    """The notebook in JupyterLab, with its cell run."""
    page = run_all(browser, address_in("lab/tree"), "#jp-main-statusbar >> text=Idle")
    yield page
    page.close()


def test_a_typed_sentence_is_ranked_and_placed_by_the_kernel(notebook):
    hits = notebook.get_by_role("list", name="Hits")
    star = notebook.locator(".ovs-stage[data-star]")
    at_first = star.get_attribute("data-star")
    seen = []
    for text in ("my train was cancelled", "the dentist pulled a tooth"):
        # Digits, arrows and letters are JupyterLab's shortcuts outside a box
        box = notebook.get_by_role("searchbox", name=re.compile("^Search"))
        box.fill("")
        box.press_sequentially(text, delay=20)
        name = f"Hits: 10 for “{text}”"
        notebook.get_by_role("list", name=name, exact=True).wait_for()
        assert box.input_value() == text
        assert hits.get_by_role("listitem").count() == 10
        seen.append((star.get_attribute("data-star"), hits.inner_text()))
    assert len({at_first, *(place for place, _ in seen)}) == 3
    assert "train" in seen[0][1]
    assert re.search(r"tooth|dent", seen[1][1])


def test_the_model_hears_of_what_it_cannot_read(notebook):
    box = notebook.get_by_role("searchbox", name=re.compile("^Search"))
    said = notebook.locator(".ovs-status")
    for text, note in (
        ("   ", "only spaces"),
        ("I like old trains. " * 530, "the model reads the first 254"),
        ("مرحبا بالعالم", "letter by letter"),
        ("😀😀", "no word piece"),
    ):
        box.fill(text)
        said.filter(has_text=note).wait_for()
    box.evaluate(
        "box => { box.value = 'half \\ud83d'; box.dispatchEvent(new Event('input')); }"
    )
    said.filter(has_text="broken character was replaced").wait_for()
    box.fill("<script>document.title = 'run'</script>")
    notebook.get_by_role("list", name="Hits: 10 for “<script>").wait_for()
    assert notebook.title() != "run"
    assert notebook.locator(".jp-OutputArea-output", has_text="Traceback").count() == 0


def test_arrow_keys_stay_with_the_map(notebook):
    stage = notebook.get_by_role("application", name=re.compile("^Map of"))
    stage.focus()
    stage.press("ArrowRight")
    heard = notebook.locator(".ovs-scatter [aria-live=polite]")
    first = heard.inner_text()
    stage.press("ArrowDown")
    assert first
    assert heard.inner_text() not in ("", first)
    assert stage.evaluate("stage => stage === document.activeElement")


def test_notebook_7_shows_the_widget_and_its_kernel_answers(browser, address_in):
    address = address_in("notebooks")
    page = run_all(
        browser, address, ".jp-Notebook-ExecutionIndicator[data-status=idle]"
    )
    assert page.locator("body[data-notebook=notebooks]").count() == 1
    box = page.get_by_role("searchbox", name=re.compile("^Search"))
    box.press_sequentially("the dentist pulled a tooth", delay=20)
    name = "Hits: 10 for “the dentist pulled a tooth”"
    hits = page.get_by_role("list", name=name, exact=True)
    hits.wait_for()
    assert re.search(r"tooth|dent", hits.inner_text())
    page.close()
