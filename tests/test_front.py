"""The front end: joined modules, the star's place, and the widget in a bare page."""

import json
import os
import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from deno import find_deno_bin

from book.page import smaller
from widgets.book_widget import reading_notes
from widgets.corpus import load_corpus, load_vectors
from widgets.front.join import JoinError, join
from widgets.umap_layout import SETTINGS, load_layout

FRONT = Path(__file__).parent.parent / "widgets" / "front"


def run_deno(script: str, *arguments: str) -> str:
    """Return what an ES module prints; it may read files and do nothing else."""
    done = subprocess.run(
        [find_deno_bin(), "run", "--no-config", "--allow-read", "-", *arguments],
        input=script,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Joining


@pytest.fixture
def modules(tmp_path):
    """Write modules into a folder and join the first one."""

    def write_and_join(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return join(tmp_path / f"{next(iter(texts))}.js")

    return write_and_join


def test_modules_are_joined_once_each_and_run(modules):
    text = modules(
        a='import { two } from "./b.js";\nimport {\n  one,\n} from "./c.js";\n'
        "const sum = { value: one + two() };\nexport default sum;\n",
        b='import { one } from "./c.js";\nexport function two() {\n  return one * 2;\n}\n'
        "const twice = two;\nexport default twice;\n",
        c="export const one = 1; // 'é'\n",
    )
    assert text.count("const one") == 1
    assert "import" not in text
    address = "data:text/javascript," + "".join(f"%{b:02x}" for b in text.encode())
    script = f"console.log((await import({json.dumps(address)})).default.value);"
    assert run_deno(script) == "3\n"


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"a": 'import b from "./b.js";'}, r"a\.js, line 1: write"),
        ({"a": '\nimport * as b from "./b.js";'}, r"a\.js, line 2: write"),
        ({"a": 'import { b as c } from "./b.js";', "b": ""}, "line 1: write|no b as c"),
        ({"a": 'import { b } from "react";'}, r"a\.js, line 1: write"),
        ({"a": 'import { b } from "./b.js'}, r"a\.js, line 1: write"),
        ({"a": "export { b };"}, r"a\.js, line 1: write"),
        ({"a": "const { b } = window;"}, r"a\.js, line 1: write"),
        ({"a": "const b = await import('./b.js');"}, "line 1: a joined module has no"),
        ({"a": "f(import.meta.url);"}, "line 1: a joined module has no address"),
        ({"a": 'import { b } from "./no.js";'}, "line 1: there is no file"),
        ({"a": 'import { b } from "./b.js";', "b": "const b = 1;"}, "exports no b"),
        (
            {"a": 'import { b } from "./b.js";\nlet c;', "b": "export const b = 1, c;"}
            | {"b": "export const b = 1;\nconst c = 2;"},
            r"a\.js, line 2: b\.js declares c too",
        ),
        (
            {
                "a": 'import { b } from "./b.js";\nexport const a = 1;',
                "b": 'import { a } from "./a.js";\nexport const b = 1;',
            },
            r"b\.js, line 1: a\.js imports b\.js, a circle",
        ),
    ],
)
@pytest.mark.fault(
    "a front end's module in a form that can't be joined", "its file and line"
)
def test_what_cannot_be_joined_is_named_with_its_place(modules, texts, message):
    with pytest.raises(JoinError, match=message):
        modules(**texts)


def test_the_widget_is_one_module():
    text = join(FRONT / "search_map.js")
    script = (
        f"const text = {json.dumps(text)};\n"
        'const blob = new Blob([text], { type: "text/javascript" });\n'
        "const module = await import(URL.createObjectURL(blob));\n"
        "console.log(typeof module.default.render);"
    )
    assert run_deno(script) == "function\n"


# The star's place

PLACE = """
const [module, file] = Deno.args;
const { placePoint } = await import(module);
const { points, hits, a, b } = JSON.parse(Deno.readTextFileSync(file));
const map = Float32Array.from(points);
console.log(JSON.stringify(hits.map((h) => placePoint(h, map, { a, b }))));
"""


def place(folder, points, hits, a=None, b=None):
    case = folder / "case.json"
    data = {"points": np.ravel(points).tolist(), "hits": hits, "a": a, "b": b}
    case.write_text(json.dumps(data))
    module = (FRONT / "placement.js").as_uri()
    return json.loads(run_deno(PLACE, module, str(case)))


@pytest.fixture(scope="module")
def held_out():
    """A map of four fifths of the corpus, and what umap makes of the rest, twice."""
    from umap import UMAP

    vectors = load_vectors()
    order = np.random.default_rng(0).permutation(len(vectors))
    seen, unseen = np.split(vectors[order], [len(vectors) * 4 // 5])
    mapper = UMAP(**SETTINGS, n_jobs=1).fit(seen)
    places = []
    for seed in (1, 2):
        mapper.transform_seed = seed
        places.append(mapper.transform(unseen))
    scores = unseen @ seen.T
    best = np.argsort(-scores, axis=1, kind="stable")[:, :20]
    hits = [
        [[int(row), float(own[row])] for row in rows]
        for own, rows in zip(scores, best, strict=True)
    ]
    return mapper, hits, places


def test_a_new_sentence_is_placed_where_umap_places_it(held_out, tmp_path):
    mapper, hits, (first, second) = held_out
    ours = np.array(place(tmp_path, mapper.embedding_, hits, mapper._a, mapper._b))

    def median(some, others):
        corners = np.ptp(mapper.embedding_, axis=0)
        apart = np.linalg.norm(some - others, axis=1)
        return 100 * np.median(apart) / np.linalg.norm(corners)

    noise = median(first, second)
    print(
        f"median distance, % of the diameter: ours to umap {median(ours, first):.2f} "
        f"and {median(ours, second):.2f}, umap to itself {noise:.2f}"
    )
    assert median(ours, first) <= noise
    assert median(ours, second) <= noise
    # The start alone is visibly worse: the steps that follow do the work
    start = np.array(place(tmp_path, mapper.embedding_, hits))
    assert median(start, first) > noise


def test_the_same_hits_give_the_same_place(tmp_path):
    layout = load_layout()
    hits = [[[row, 0.9 - row / 100] for row in range(20)]] * 2
    (one, two) = place(tmp_path, layout.xy, hits, layout.a, layout.b)
    assert one == two
    assert np.isfinite(one).all()


@pytest.mark.fault("hits of few or no neighbours", "a place on the map, or none")
def test_few_or_no_neighbours_still_have_a_place(tmp_path):
    points = [[0, 0], [1, 0], [0, 1]]
    none, twin, single, all_twins = place(
        tmp_path,
        points,
        [[], [[1, 1], [0, 0.5]], [[2, 0.3]], [[0, 1], [1, 1], [2, 1]]],
    )
    assert none is None
    assert twin == [1, 0]
    assert single == pytest.approx([0, 1])
    assert np.isfinite(all_twins).all()


# The widget in a bare page, with a model that the test plays

PAGE = """
<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Bare</title><style>{css}</style>
<main><div id="place">fallback</div></main>
<script type="application/json" id="state">{state}</script>
<script type="module">
{module}
const state = JSON.parse(document.getElementById("state").textContent);
const listeners = new Set();
window.sent = [];
window.receive = (message) => listeners.forEach((listener) => listener(message));
const model = {{
  get: (name) => state[name],
  on: (event, listener) => event === "msg:custom" && listeners.add(listener),
  off: (event, listener) => listeners.delete(listener),
  send: (message) => {{
    if (window.dead) throw new Error("comm is closed");
    window.sent.push(message);
  }},
}};
const stop = new AbortController();
window.stop = stop;
window.listeners = listeners;
searchMap.render({{ model, el: document.getElementById("place"), signal: stop.signal }});
</script>
"""


@pytest.fixture(scope="module")
def page_text():
    corpus, layout = load_corpus(), load_layout()
    topics = list(dict.fromkeys((row.topic, row.field) for row in corpus))
    hits = [[row, 0.9 - row / 100] for row in range(20)]
    state = {
        "points": layout.xy.tolist(),
        "texts": [row.text for row in corpus],
        "topics": [{"name": name, "field": field} for name, field in topics],
        "topic_of": [topics.index((row.topic, row.field)) for row in corpus],
        "examples": [{"text": "an example", "hits": hits, "note": ""}],
        "a": layout.a,
        "b": layout.b,
    }
    return PAGE.format(
        css=(FRONT / "style.css").read_text("utf-8"),
        state=json.dumps(state).replace("<", "\\u003c"),
        module=join(FRONT / "search_map.js")
        .replace("export ", "")
        .replace("default searchMap;", ""),
    )


@pytest.fixture
def page(browser, page_text):
    """The widget in a page of its own; any error in it fails the test."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.set_default_timeout(10_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and errors.append(m.text))
    page.set_content(page_text)
    page.get_by_role("searchbox").wait_for()
    yield page
    page.close()
    assert errors == []


def reply(page, rows, note="", **more):
    """Answer the last question with these rows, best first."""
    hits = [[row, 0.8 - place / 50] for place, row in enumerate(rows)]
    message = {"kind": "answer", "hits": hits, "note": note} | more
    page.evaluate(
        "m => receive({ id: sent.filter((s) => s.kind === 'query').at(-1).id, ...m })",
        message,
    )


def questions(page):
    return page.evaluate("sent.filter((s) => s.kind === 'query').map((s) => s.text)")


def hits(page):
    return page.get_by_role("list", name="Hits")


def listed(page):
    rows = hits(page).get_by_role("listitem")
    return [int(row.get_attribute("data-row")) for row in rows.all()]


def star(page):
    return page.locator(".ovs-stage").get_attribute("data-star")


def status(page, text):
    page.get_by_role("status").filter(has_text=re.compile(text)).wait_for()


def test_the_first_example_is_answered_before_anyone_asks(page):
    assert hits(page).get_attribute("aria-label") == "Hits: 10 for “an example”"
    assert listed(page) == list(range(10))
    assert star(page)
    assert questions(page) == []
    chip = page.get_by_role("button", name="an example")
    assert chip.get_attribute("aria-pressed") == "true"


def test_typing_ranks_while_typing_and_moves_the_star(page):
    before = star(page)
    page.get_by_role("searchbox").press_sequentially("trains", delay=10)
    assert page.evaluate("sent[0].kind") == "warm"
    assert questions(page) == ["t"]  # the others wait until its answer is back
    reply(page, range(400, 420))
    assert questions(page) == ["t", "trains"]
    reply(page, range(500, 520))
    assert listed(page) == list(range(500, 510))
    assert hits(page).get_attribute("aria-label") == "Hits: 10 for “trains”"
    first = hits(page).get_by_role("listitem").first
    assert "0.8000" in first.inner_text()
    assert star(page) != before
    status(page, "are about|All about|Spread over")


@pytest.mark.fault("an answer that comes after a newer query", "it is dropped")
def test_a_late_answer_is_dropped(page):
    box = page.get_by_role("searchbox")
    box.fill("one")
    late = page.evaluate("sent.at(-1).id")
    box.fill("")
    page.evaluate(
        "id => receive({kind: 'answer', id, hits: [[7, 0.5]], note: ''})", late
    )
    assert listed(page) == []
    box.fill("two")
    page.evaluate(
        "id => receive({kind: 'answer', id, hits: [[7, 0.5]], note: ''})", late
    )
    assert listed(page) == []
    reply(page, [8])
    assert listed(page) == [8]


@pytest.mark.parametrize(
    ("text", "said"), [("", "The box is empty"), ("   ", "only spaces")]
)
@pytest.mark.fault("an empty box, or nothing but spaces", "said, and nothing is asked")
def test_an_empty_box_is_said_and_not_sent(page, text, said):
    page.get_by_role("searchbox").fill("x")
    page.get_by_role("searchbox").fill(text)
    status(page, said)
    assert questions(page) == ["x"]
    assert listed(page) == []
    assert star(page) is None
    assert hits(page).get_attribute("aria-label") == "Hits: none yet"


@pytest.mark.parametrize(
    "text",
    [
        "<script>window.run = 1</script><img src=x onerror='run=1'>",
        "😀",
        "مرحبا",
        "a" * 10_000,
    ],
    ids=["markup", "emoji", "right to left", "long"],
)
@pytest.mark.fault(
    "odd texts in the search box",
    "they are shown as text, and the page keeps its width",
)
def test_odd_text_is_data(page, text):
    page.get_by_role("searchbox").fill(text)
    assert questions(page)[-1] == text
    reply(page, [3, 4], note=f"Note about {text[:30]}")
    status(page, "Note about")
    assert listed(page) == [3, 4]
    assert page.evaluate("window.run") is None
    assert page.locator("#place img, #place script").count() == 0
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1000


@pytest.mark.fault(
    "a sign that turns the direction of writing, typed", "it turns what was typed alone"
)
def test_a_typed_direction_ends_with_the_text(page):
    page.get_by_role("searchbox").fill("\u202eabc def")
    reply(page, [1])
    quotes = page.locator(".ovs-title").evaluate(
        "(title) => [title.firstChild, title.lastChild].map((node) => {"
        " const range = new Range(); range.selectNodeContents(node);"
        " return range.getBoundingClientRect(); })"
    )
    (first, last), typed = quotes, page.locator(".ovs-title bdi").bounding_box()
    assert first["right"] <= typed["x"] + 1
    assert last["left"] >= typed["x"] + typed["width"] - 1


@pytest.mark.fault("half an emoji in the search box", "it is replaced, and said")
def test_half_an_emoji_is_replaced_and_said(page):
    page.get_by_role("searchbox").evaluate(
        "box => { box.value = 'a \\ud83d'; box.dispatchEvent(new Event('input')); }"
    )
    assert questions(page) == ["a \ufffd"]
    reply(page, [1])
    status(page, "broken character was replaced")


@pytest.mark.fault(
    "answers that make no sense, to the search map", "what is no hit is left out"
)
def test_bad_answers_do_no_harm(page):
    page.get_by_role("searchbox").fill("x")
    page.evaluate("receive(null); receive('x'); receive({kind: 'answer'})")
    assert listed(page) == list(range(10))
    page.evaluate(
        "receive({kind: 'answer', id: sent.at(-1).id, note: null,"
        " hits: [[999999, 0.9], [5, 0.8], [6, NaN]]})"
    )
    assert listed(page) == [5]
    page.evaluate("receive({kind: 'answer', hits: [[6, 0.9]]})")  # nothing was asked
    assert listed(page) == [5]


@pytest.mark.fault(
    "a slow or a dead kernel under the search map", "said, and what to do"
)
def test_a_slow_and_a_dead_model_are_said(page):
    page.get_by_role("searchbox").fill("slow")
    status(page, "Still waiting")
    page.evaluate("window.dead = true")
    page.get_by_role("searchbox").fill("x")
    status(page, "can't be reached: comm is closed")


@pytest.mark.fault(
    "a failed answer to the search map", "said, and a second try answers"
)
def test_a_failed_answer_can_be_tried_again(page):
    page.get_by_role("searchbox").fill("x")
    page.evaluate("receive({kind: 'progress', share: 0.5, note: 'Fetching the model'})")
    assert page.get_by_role("progressbar").get_attribute("value") == "0.5"
    page.evaluate("receive({kind: 'progress', share: 1})")
    assert page.get_by_role("progressbar").count() == 0
    reply(page, [], note="The download broke off.", failed=True)
    status(page, "The download broke off.")
    assert listed(page) == list(range(10))  # what was there stays
    page.get_by_role("button", name="Try again").click()
    assert questions(page) == ["x", "x"]
    reply(page, [9])
    assert listed(page) == [9]
    assert page.get_by_role("button", name="Try again").count() == 0


@pytest.mark.fault(
    "the same failure again and again, tried by keyboard",
    "each is said, and the focus stays at the news",
)
def test_another_try_is_heard_and_keeps_the_focus(page):
    status(page, r"\w")  # on the first example
    page.get_by_role("searchbox").fill("x")
    page.evaluate(
        "() => { window.heard = []; const line = document.querySelector('.ovs-status');"
        " new MutationObserver(() => heard.push(line.textContent))"
        " .observe(line, { childList: true }); }"
    )
    for _ in range(3):
        reply(page, [], note="The download broke off.", failed=True)
        status(page, "The download broke off.")
        page.get_by_role("button", name="Try again").press("Enter")
        assert page.evaluate("document.activeElement.role") == "status"
    assert page.evaluate("heard") == ["The download broke off.", "Trying again."] * 3
    assert questions(page) == ["x"] * 4


def test_hits_and_points_show_each_other(page):
    caption = page.locator(".ovs-caption")
    text = page.evaluate("JSON.parse(state.textContent).texts[2]")
    hits(page).get_by_role("button").nth(2).focus()
    assert text in caption.inner_text()
    assert "Hit 3." in caption.inner_text()
    hits(page).get_by_role("button").nth(2).blur()
    assert text not in caption.inner_text()


def test_the_keyboard_walks_the_map_and_is_heard(page):
    stage = page.get_by_role("application", name="Map of 1,280 sentences")
    stage.focus()
    heard = page.locator(".ovs-scatter [aria-live=polite]")
    said = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowLeft", "ArrowDown"):
        stage.press(key)
        said.append(heard.inner_text())
    texts = page.evaluate("JSON.parse(state.textContent).texts")
    assert all(any(line.startswith(text) for text in texts) for line in said)
    assert len(set(said[:3])) == 3
    assert page.locator(".ovs-caption").inner_text() == said[-1]
    stage.press("+")
    assert "ovs-zoomed" in stage.get_attribute("class")
    stage.press("0")
    assert "ovs-zoomed" not in stage.get_attribute("class")
    stage.press("Escape")
    assert heard.inner_text() == ""


def test_the_pointer_reads_a_sentence(page):
    texts = page.evaluate("JSON.parse(state.textContent).texts")
    box = page.locator(".ovs-stage").bounding_box()
    caption = page.locator(".ovs-caption")
    found = set()
    for step in range(20):
        page.mouse.move(
            box["x"] + box["width"] * (0.3 + step / 50), box["y"] + box["height"] / 2
        )
        found.add(caption.inner_text())
    assert sum(any(line.startswith(text) for text in texts) for line in found) > 3


def test_topics_off_hide_their_hits_and_say_so(page):
    field = page.evaluate("JSON.parse(state.textContent).topics[0].field")
    switch = page.get_by_role("checkbox", name=field)
    switch.focus()
    switch.press("Space")
    assert listed(page) == []
    status(page, "20 hits hidden: their topics are off.")
    switch.press("Space")
    assert listed(page) == list(range(10))
    page.get_by_role("searchbox").fill("x")
    reply(page, [0, 100, 1, 200, 300])
    page.get_by_text("Choose topics").click()
    topic = page.evaluate("JSON.parse(state.textContent).topics[0].name")
    page.get_by_role("checkbox", name=topic.replace("_", " ")).uncheck(force=True)
    assert listed(page) == [100, 200, 300]
    status(page, "2 hits hidden")
    page.get_by_role("button", name="All off").click()
    assert listed(page) == []
    page.get_by_role("button", name="All on").click()
    assert listed(page) == [0, 100, 1, 200, 300]


def test_it_fits_a_phone_and_its_controls_have_names(browser, page_text):
    page = browser.new_page(viewport={"width": 360, "height": 640})
    page.set_content(page_text)
    page.get_by_role("searchbox", name="Search 1,280 sentences").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    unnamed = page.evaluate(
        "[...document.querySelectorAll('button, input')].filter("
        "(e) => !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent))"
        ".length"
    )
    assert unnamed == 0
    page.close()


def test_still_readers_see_the_star_jump(browser, page_text):
    page = browser.new_page(reduced_motion="reduce")
    page.set_content(page_text)
    page.get_by_role("searchbox").fill("x")
    page.evaluate(
        "() => { window.asked = 0; const own = requestAnimationFrame;"
        " window.requestAnimationFrame = (f) => (window.asked++, own(f)); }"
    )
    reply(page, [640])
    page.wait_for_timeout(600)
    assert page.evaluate("asked") < 4
    page.close()


def test_an_ended_view_listens_no_more(page):
    page.evaluate("stop.abort()")
    assert page.evaluate("listeners.size") == 0


@pytest.mark.fault("a corpus of nine sentences without topics", "a map")
def test_nine_sentences_without_topics_are_enough(browser, page_text):
    before, after = page_text.split('id="state">')
    texts = [f"Sentence {row}." for row in range(9)]
    state = {
        "points": [[row % 3, row // 3] for row in range(9)],
        "texts": texts,
        "topics": [],
        "topic_of": [],
        "examples": [],
        "a": None,
        "b": None,
    }
    small = f'{before}id="state">{json.dumps(state)}{after[after.index("</script>") :]}'
    page = browser.new_page()
    page.set_content(small)
    status(page, "Type a sentence to search.")
    page.get_by_role("searchbox", name="Search 9 sentences").fill("x")
    reply(page, [4, 1, 3])
    assert listed(page) == [4, 1, 3]
    x, y = map(float, star(page).split())
    assert 0 < x < 1 and 0 < y < 1.5  # between its neighbours
    assert page.get_by_role("checkbox").count() == 0
    page.close()


# The host of a static page

HOST = """
<!doctype html><html lang="en"><meta charset="utf-8"><title>Book</title>
<style>{css}</style>
<div class="ovs-widget" data-widget="search_map"><p>stored answers</p></div>
<div class="ovs-widget" data-widget="broken"><p>stored table</p></div>
<div class="ovs-widget" data-widget="not_built_yet"><p>stored picture</p></div>
<div style="height: 5000px"></div>
<div class="ovs-widget" data-widget="search_map"><p>far below</p></div>
<script type="application/json" id="state">{state}</script>
<script type="module">
{module}
window.calls = [];
const createEncoder = ({{ onProgress }}) => ({{
  async load() {{
    calls.push("load");
    if (window.offline) throw new Error("The download broke off.");
    onProgress({{ received: 5e6, total: 20e6, kept: false }});
    await new Promise((resolve) => (window.arrive = resolve));
  }},
  async loadVectors(name) {{ calls.push(name); }},
  async search(text, k) {{
    return {{ hits: Array.from({{ length: k }}, (_, i) => [300 + i, 0.9 - i / 50]) }};
  }},
  async tokenize(text) {{ return {{ tokens: ["[CLS]", "[UNK]", "[SEP]"] }}; }},
}});
mountWidgets({{
  widgets: {{
    search_map: searchMap,
    broken: {{ render() {{ throw new Error("no canvas"); }} }},
  }},
  loadState: async () => JSON.parse(document.getElementById("state").textContent),
  answer: createPageAnswers(createEncoder, "corpus_vectors.npy"),
}});
</script>
"""


@pytest.fixture
def book_page(browser, page_text, tmp_path):
    """A page of a book with a stub encoder, and a host that brings it to life."""
    entry = tmp_path / "page.js"
    entry.write_text(
        "".join(
            f'import {{ {name} }} from "{os.path.relpath(FRONT / file, tmp_path)}";\n'
            for name, file in (
                ("mountWidgets", "host.js"),
                ("createPageAnswers", "page_answers.js"),
                ("searchMap", "search_map.js"),
            )
        )
    )
    state = page_text.split('id="state">')[1].split("</script>")[0]
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.set_default_timeout(10_000)
    page.set_content(
        HOST.format(
            css=(FRONT / "style.css").read_text("utf-8"),
            state=state,
            module=join(entry),
        )
    )
    yield page
    page.close()


def test_a_page_s_widgets_live_when_near_and_keep_what_stood_there(book_page):
    page = book_page
    page.get_by_role("searchbox").first.wait_for()
    first, broken, unknown, far = page.locator(".ovs-widget").all()
    assert "stored answers" not in first.inner_text()
    assert "stored table" in broken.inner_text()
    assert "can't be shown here: no canvas" in broken.inner_text()
    assert unknown.inner_text() == "stored picture"
    assert far.inner_text() == "far below"
    far.scroll_into_view_if_needed()
    far.get_by_role("searchbox").wait_for()
    assert page.evaluate("calls") == []  # nobody reached for a box yet


def test_the_page_s_encoder_answers_after_its_download(book_page):
    page = book_page
    page.get_by_role("searchbox").press_sequentially("a horse")
    assert page.evaluate("calls") == ["load"]
    status(page, "The model is coming.*20 MB")
    assert page.get_by_role("progressbar").get_attribute("value") == "0.25"
    page.get_by_role("button", name="an example").click()
    assert listed(page) == list(range(10))  # answered without the model
    page.get_by_role("searchbox").fill("a horse")
    page.evaluate("arrive()")
    page.get_by_role("list", name="Hits: 10 for “a horse”").wait_for()
    assert listed(page) == list(range(300, 310))
    assert page.get_by_role("progressbar").count() == 0
    assert page.evaluate("calls") == ["load", "corpus_vectors.npy"]
    status(page, "no word piece for any of this")


def test_the_model_may_come_before_a_question(book_page):
    page = book_page
    page.get_by_role("searchbox").focus()
    status(page, "The model is coming")
    page.evaluate("arrive()")
    status(page, "The model is here")
    assert listed(page) == list(range(10))


@pytest.mark.fault(
    "a download that breaks off under a widget", "said, and a second try answers"
)
def test_a_download_that_breaks_off_can_be_tried_again(book_page):
    page = book_page
    page.evaluate("window.offline = true")
    page.get_by_role("searchbox").fill("a horse")
    status(page, "The download broke off.*examples above still have their answers")
    assert listed(page) == list(range(10))
    page.evaluate("window.offline = false")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_function("typeof window.arrive === 'function'")
    page.evaluate("arrive()")
    page.get_by_role("list", name="Hits: 10 for “a horse”").wait_for()


NOTES = """
const { createPageAnswers } = await import(Deno.args[0]);
const pieces = new Map(JSON.parse(Deno.args[1]));
const answer = createPageAnswers(() => ({
  load: async () => {},
  tokenize: async (text) => ({ tokens: pieces.get(text) }),
  encodeBatch: async (texts) => texts.map(() => new Float32Array(2)),
}), "");
const notes = [];
for (const text of pieces.keys()) {
  const { note } = await answer({ kind: "encode", texts: [text, text, "x"] }, () => {});
  notes.push(note);
}
console.log(JSON.stringify(notes));
"""


@pytest.mark.fault(
    "texts in which the model finds nothing, or no word piece",
    "the page says the same of them as a notebook",
)
def test_the_page_and_python_say_the_same_of_what_a_model_reads():
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)
    texts = {
        **dict.fromkeys(("\u200b", "\u200d\ufeff", "\u202e", "\0\7"), "reads nothing"),
        **dict.fromkeys(("\N{THUMBS UP SIGN}", "😀 😀"), "has no word piece for any"),
        "مرحبا بالعالم": "reads this writing letter by letter",
        "naïve café": "",
    }
    tokenizer = model.tokenizer
    pieces = [
        (text, tokenizer.convert_ids_to_tokens(tokenizer(text)["input_ids"]))
        for text in texts
    ]
    module = (FRONT / "page_answers.js").as_uri()
    notes = json.loads(run_deno(NOTES, module, json.dumps(pieces)))
    assert notes == [" ".join(reading_notes(model, text)) for text in texts]
    for (text, said), note in zip(texts.items(), notes, strict=True):
        assert said in note if said else note == "", text


# Making it smaller


def test_a_smaller_script_does_the_same():
    script = """
        const [a, g] = [4, 2]; // one's comment
        /* another's,
           of two lines */
        console.log(`${a} /* ${g}  */ // x`, "//  is".replace(/ {2}|\\/\\//g, "-"));
        console.log(a / 2 / g, `a
          b`);
    """
    assert len(smaller(script)) < len(script)
    assert run_deno(smaller(script)) == run_deno(script)


def test_a_template_in_a_template_is_refused():
    with pytest.raises(ValueError, match="give the inner a name"):
        smaller("const place = `layer${head < 0 ? '' : `, head ${head}`}`;")
