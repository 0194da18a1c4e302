"""The widget in JupyterLab 4 and Notebook 7: the kernel's model answers a reader."""

import re

import pytest
from lab import jupyterlab, run_all

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
    with jupyterlab(tmp_path_factory.mktemp("jupyterlab"), map=[CELL]) as address_of:
        yield lambda front_end: address_of(front_end, "map")


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
