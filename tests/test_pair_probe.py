"""PairProbe: its numbers, messages, fallback, and its front end."""

import json

import numpy as np
import pytest
from front_page import FRONT, bare_page, buffer, open_page, status, unnamed_controls
from test_front import run_deno

from widgets.pair_probe import PAIRS, PairProbe, words_of

MARKS = {"unrelated sentences": 0.05, "paraphrases": 0.71}


class LetterModel:
    """Turn a text into its counts of letters: a model that needs no weights."""

    def __init__(self):
        self.calls = []

    def encode(self, texts, show_progress_bar=None):
        self.calls.append(texts)
        for text in texts:
            text.encode()  # like a real tokenizer, refuse what is no UTF-8
        signs = [np.frombuffer(text.lower().encode(), np.uint8) for text in texts]
        return np.array(
            [np.bincount(s, minlength=256)[97:123] for s in signs], np.float32
        )


@pytest.fixture
def model():
    return LetterModel()


@pytest.fixture
def widget(model):
    return PairProbe(model, marks=MARKS)


@pytest.fixture
def ask(widget, monkeypatch):
    """Send the widget a message as a front end does, and return what it sends back."""
    sent = []
    monkeypatch.setattr(widget, "send", lambda *message: sent.append(message))

    def ask(content):
        sent.clear()
        widget._handle_custom_msg(content, [])
        for message, _ in sent:
            json.dumps(message).encode()
        return list(sent)

    return ask


# Numbers


def test_a_probe_leaves_out_each_word_in_turn(widget):
    found = widget.probe("ab c", "ab d")
    third = 1 / 3
    assert found["cosine"] == pytest.approx(2 * third, abs=1e-5)
    assert found["without"][0] == pytest.approx([0, 2 / 6**0.5], abs=1e-5)
    assert found["without"][1] == pytest.approx([0, 2 / 6**0.5], abs=1e-5)


def test_a_single_word_can_t_be_left_out(widget):
    assert widget.probe("ab", "ab c")["without"] == [
        [None],
        [pytest.approx(0, abs=1e-5), pytest.approx(1, abs=1e-5)],
    ]
    assert widget.probe("...", "ab")["without"] == [[], [None]]


def test_all_is_encoded_in_one_batch(model):
    PairProbe(model, {"one": ("a b", "c d e")})
    (texts,) = model.calls
    assert texts == ["a b", "c d e", " b", "a ", " d e", "c  e", "c d "]


def test_the_real_model_s_minimal_pairs():
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)
    pairs = {pair["label"]: pair for pair in PairProbe(model).page_state()["pairs"]}
    expected = {"who bites whom": 0.979, "good, not good": 0.676, "two banks": 0.606}
    for label, cosine in expected.items():
        assert pairs[label]["cosine"] == pytest.approx(cosine, abs=0.0006)
    # Without "not" the two sentences are the same
    assert pairs["good, not good"]["without"][1][2] == pytest.approx(1, abs=1e-4)


# Messages


def test_an_answer_holds_a_unit_vector_for_each_text(ask):
    ((answer, (part,)),) = ask({"kind": "encode", "id": 3, "texts": ["ab", "a", "b"]})
    assert answer == {"kind": "answer", "id": 3, "width": 26, "note": ""}
    vectors = np.frombuffer(part, "<f4").reshape(3, 26)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert vectors[0] @ vectors[1] == pytest.approx(0.5**0.5)


@pytest.mark.parametrize("texts", [None, [], "ab", 5, {"a": 1}])
@pytest.mark.fault("a PairProbe question without texts", "a note, and no vectors")
def test_what_are_no_texts_gets_a_note(ask, texts):
    ((answer, buffers),) = ask({"kind": "encode", "id": 1, "texts": texts})
    assert (answer["failed"], answer["note"], buffers) == (True, "Type a sentence.", [])


@pytest.mark.fault("too many texts for PairProbe at once", "how many it takes")
def test_too_many_texts_are_refused(ask):
    ((answer, _),) = ask({"kind": "encode", "id": 1, "texts": ["a"] * 257})
    assert "At most 256 texts" in answer["note"]


@pytest.mark.fault("odd texts for PairProbe", "a vector for each")
def test_odd_texts_are_encoded_like_any_other(ask):
    texts = ["half \ud83d", "مرحبا", "a" * 10_000, "", None]
    ((answer, (part,)),) = ask({"kind": "encode", "id": 1, "texts": texts})
    assert len(part) == 4 * answer["width"] * len(texts)


@pytest.mark.fault("a model that fails under PairProbe", "a sentence with its reason")
def test_a_failing_model_is_reported_not_raised(ask, model, monkeypatch):
    monkeypatch.setattr(model, "encode", lambda *_, **__: 1 / 0)
    ((answer, _),) = ask({"kind": "encode", "id": 1, "texts": ["a"]})
    assert answer["failed"] is True
    assert "could not read this: division by zero" in answer["note"]
    monkeypatch.setattr(model, "encode", lambda *_, **__: np.full((1, 26), np.nan))
    ((answer, _),) = ask({"kind": "encode", "id": 1, "texts": ["a"]})
    assert "no numbers" in answer["note"]


@pytest.mark.fault("messages to PairProbe that are no question", "no answer, no error")
def test_other_messages_are_left_alone(ask):
    for content in ({}, {"kind": "warm"}, {"kind": "query"}, "encode", None, [1]):
        assert ask(content) == []


# What a page gets


def test_the_page_s_state_is_plain_json_and_small(widget):
    text = json.dumps(widget.page_state())
    assert len(text) < 10_000
    state = json.loads(text)
    assert state["widget"] == "pair_probe"
    assert set(state) - {"widget"} <= set(widget.keys)
    assert [pair["label"] for pair in state["pairs"]] == list(PAIRS)
    assert state["marks"][0] == {"label": "unrelated sentences", "value": 0.05}


def test_the_repr_and_the_fallback_never_change(widget, model):
    again = PairProbe(model, marks=MARKS)
    assert repr(widget) == repr(again) == f"PairProbe({len(PAIRS)} pairs)"
    (data, _), (data_again, _) = (w._repr_mimebundle_() for w in (widget, again))
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/html"] == data_again["text/html"]
    assert data["text/html"].startswith(
        '<div class="ovs-widget" data-widget="pair_probe">'
    )
    row = "<td>The dog bit the man</td><td>The man bit the dog</td>"
    assert row in data["text/html"]
    assert "<td>1.000</td>" in data["text/html"]  # the same letters
    assert "unrelated sentences 0.050; paraphrases 0.710" in data["text/html"]
    assert widget._ipython_display_ is None


@pytest.mark.fault("HTML in a pair, its label or a mark", "it is shown as text")
def test_the_fallback_escapes_what_authors_write(model):
    pairs = {"<i>": ("<script>alert(1)</script>", 'a & "b"')}
    html = PairProbe(model, pairs, {"<b>": 0.5})._repr_mimebundle_()[0]["text/html"]
    for tag in ("<script", "<b>", "<i>"):
        assert tag not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


# The front end's words

WORDS = """
const { wordsOf, withoutEach, signedChange } = await import(Deno.args[0]);
const texts = JSON.parse(Deno.args[1]);
console.log(JSON.stringify({
  words: texts.map((text) => wordsOf(text).map(([from, to]) => text.slice(from, to))),
  without: withoutEach("a b, c."),
  changes: [0.3241, -0.007, 0.0001, -0.0001].map(signedChange),
}));
"""


def test_the_page_and_python_find_the_same_words():
    texts = [text for pair in PAIRS.values() for text in pair]
    texts += [
        "Don't!",
        "3.5 well-known, e.g. this…",
        "",
        "?!",
        "naïve café",
        "日本 x_y",
    ]
    module = (FRONT / "word_bars.js").as_uri()
    found = json.loads(run_deno(WORDS, module, json.dumps(texts)))
    for text, words in zip(texts, found["words"], strict=True):
        assert words == [text[start:end] for start, end in words_of(text)]
    assert found["without"] == [" b, c.", "a , c.", "a b, ."]
    assert found["changes"] == ["+0.324", "−0.007", "0.000", "0.000"]


# The front end in a page


def asked(page):
    return page.evaluate("sent.filter((s) => s.kind === 'encode').map((s) => s.texts)")


def answer(page, vectors, question=-1, **more):
    """Answer a question, the newest one unless said, with these vectors."""
    message = {"kind": "answer", "width": len(vectors[0]), "note": ""} | more
    page.evaluate(
        "([message, part, which]) => receive({ id: sent.filter((s) => s.kind === "
        "'encode').at(which).id, ...message }, [part])",
        [message, buffer(vectors), question],
    )


def type_pair(page, first, second):
    page.get_by_role("textbox", name="First sentence").fill(first)
    page.get_by_role("textbox", name="Second sentence").fill(second)


def cosine(page):
    return page.locator(".ovs-cosine").inner_text()


def words(page, side):
    name = ("first", "second")[side]
    items = page.get_by_role("list", name=f"The {name} sentence").get_by_role("button")
    return [item.inner_text().split() for item in items.all()]


def ranked(page):
    table = page.get_by_role(
        "region", name="The words, from the one that moves it most"
    )
    return [row.inner_text().split("\t") for row in table.get_by_role("row").all()[1:]]


@pytest.fixture(scope="module")
def page_text():
    state = PairProbe(LetterModel(), marks=MARKS).page_state()
    return bare_page("pair_probe.js", "pairProbe", state)


@pytest.fixture
def page(browser, page_text):
    """The widget in a page of its own; any error in it fails the test."""
    page = open_page(browser, page_text)
    page.get_by_role("textbox").first.wait_for()
    yield page
    page.close()
    assert page.errors == []


def at(angle):
    return [float(np.cos(angle)), float(np.sin(angle))]


def test_the_first_pair_is_answered_without_the_model(page):
    assert cosine(page) == "1.000"
    assert [word for word, _ in words(page, 0)] == ["The", "dog", "bit", "the", "man"]
    assert page.evaluate("sent.length") == 0
    chip = page.get_by_role("button", name="who bites whom")
    assert chip.get_attribute("aria-pressed") == "true"
    page.get_by_role("button", name="two banks").click()
    assert chip.get_attribute("aria-pressed") == "false"
    assert page.get_by_role("textbox", name="Second sentence").input_value() == (
        "the financial bank"
    )
    assert page.evaluate("sent.length") == 0
    status(page, "The cosine is .* moves it most: without it")


def test_typing_gives_the_number_first_and_then_the_words(page):
    type_pair(page, "big dog", "cat.")
    assert page.evaluate("sent[0].kind") == "warm"
    answer(page, [at(0), at(0)])  # the question before the last: the old second text
    assert asked(page)[-1] == ["big dog", "cat."]
    answer(page, [at(0), at(1)])
    assert cosine(page) == f"{np.cos(1):.3f}"
    assert words(page, 0) == [["big", "–"], ["dog", "–"]]
    page.wait_for_function(
        "sent.at(-1).texts.length === 2 && sent.at(-1).texts[0] === ' dog'"
    )
    assert asked(page)[-1] == [" dog", "big "]  # of one word nothing would be left
    answer(page, [at(0.4), at(-0.2)])
    closer, apart = np.cos(0.6) - np.cos(1), np.cos(1.2) - np.cos(1)
    assert words(page, 0) == [["big", f"+{closer:.3f}"], ["dog", f"−{-apart:.3f}"]]
    assert words(page, 1) == [["cat.", "–"]]
    status(page, "“big” of the first sentence moves it most: without it 0.825")
    assert ranked(page) == [
        ["big", "first", f"{np.cos(0.6):.3f}", f"+{closer:.3f}"],
        ["dog", "first", f"{np.cos(1.2):.3f}", f"−{-apart:.3f}"],
    ]


def test_the_words_are_ranked_by_what_they_change(page):
    page.get_by_role("button", name="good, not good").click()
    state = page.evaluate("JSON.parse(state.textContent).pairs[1]")
    changes = [abs(c - state["cosine"]) for side in state["without"] for c in side]
    shown = [abs(float(row[3].replace("−", "-"))) for row in ranked(page)]
    assert shown == pytest.approx(sorted(changes, reverse=True)[:5], abs=6e-4)
    page.get_by_text("Show 2 more").click()
    rest = page.get_by_role("region", name="The words that move it less")
    assert rest.get_by_role("row").count() == 3


def test_a_word_in_focus_is_left_out_on_the_ruler(page):
    page.get_by_role("button", name="good, not good").click()
    ghost = page.locator(".ovs-ghost")
    assert not ghost.is_visible()
    second = page.get_by_role("list", name="The second sentence").get_by_role("button")
    second.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    caption = page.locator(".ovs-caption")
    assert caption.inner_text().startswith("Without “not” (second sentence): 1.000, a")
    assert ghost.is_visible()
    assert ghost.evaluate("e => parseFloat(e.style.insetInlineStart)") == pytest.approx(
        100, abs=0.01
    )
    line = page.locator(".ovs-left-out .ovs-word-itself")
    assert line.inner_text() == "not"
    page.keyboard.press("Tab")
    assert not ghost.is_visible()


def test_bars_go_up_or_down_with_the_change(page):
    page.get_by_role("button", name="good, not good").click()
    middle = page.locator(".ovs-words").nth(1).locator(".ovs-change-stage").nth(2)
    bar = middle.locator(".ovs-change-bar")
    stage, up = middle.bounding_box(), bar.bounding_box()
    assert up["y"] + up["height"] == pytest.approx(
        stage["y"] + stage["height"] / 2, abs=1
    )
    assert up["height"] > 5


def test_the_ruler_has_marks_and_widens_for_opposites(page):
    assert page.locator(".ovs-flag").all_inner_texts() == list(MARKS)
    assert page.locator(".ovs-tick").first.inner_text() == "−0.2"
    type_pair(page, "a", "b")
    answer(page, [at(0), at(0)])
    answer(page, [at(0), at(3)])
    assert cosine(page) == f"−{-np.cos(3):.3f}"
    assert page.locator(".ovs-tick").first.inner_text() == "−1"


@pytest.mark.fault("an answer that comes after a newer pair", "it is dropped")
def test_a_late_answer_is_dropped(page):
    type_pair(page, "a b", "c")
    answer(page, [at(0), at(0)])
    answer(page, [at(0), at(1)])
    page.wait_for_function("sent.at(-1).texts[0] === ' b'")
    late = page.evaluate("sent.at(-1).id")
    page.get_by_role("textbox", name="First sentence").fill("x y z")
    page.evaluate(
        "([id, part]) => receive({kind: 'answer', id, width: 2}, [part])",
        [late, buffer([at(0), at(0)])],
    )
    assert [number for _, number in words(page, 0)] == ["–", "–"]
    answer(page, [at(0), at(2)])
    assert [word for word, _ in words(page, 0)] == ["x", "y", "z"]


@pytest.mark.fault("words' answers for an older pair", "they are dropped")
def test_words_of_an_older_pair_are_dropped(page):
    type_pair(page, "a b", "c")
    answer(page, [at(0), at(0)])  # to "a b" and the old second sentence
    page.wait_for_function("sent.at(-1).texts[0] === ' b'")
    assert asked(page)[-2] == ["a b", "c"]
    answer(page, [at(0), at(1)], question=-2)
    assert cosine(page) == "0.540"
    answer(page, [at(0)] * len(asked(page)[-1]))
    assert [number for _, number in words(page, 0)] == ["–", "–"]
    page.wait_for_function("sent.at(-1).texts.length === 2")
    answer(page, [at(0.4), at(-0.2)])
    assert [number for _, number in words(page, 0)] == ["+0.285", "−0.178"]


@pytest.mark.fault("an empty box of PairProbe", "said, and nothing is asked")
def test_an_empty_box_is_said_and_not_sent(page):
    page.get_by_role("textbox", name="First sentence").fill("  ")
    status(page, "Type two sentences to compare them")
    assert cosine(page) == "–"
    assert asked(page) == []
    assert page.get_by_text("Which words move it").count() == 0 or not (
        page.get_by_text("Which words move it").is_visible()
    )


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror='window.run=1'>",
        "😀 !",
        "مرحبا بك",
        "a" * 10_000,
        "b " * 999,
    ],
    ids=["markup", "emoji", "right to left", "long", "many words"],
)
@pytest.mark.fault(
    "odd texts in PairProbe's boxes",
    "they are shown as text, and the page keeps its width",
)
def test_odd_text_is_data(page, text):
    page.get_by_role("textbox", name="First sentence").fill(text)
    assert asked(page)[-1][0] == text.strip()
    answer(page, [at(0), at(1)], note="A note about it.")
    status(page, "A note about it. The cosine is 0.540")
    page.wait_for_function("sent.length > 2")
    assert 1 < len(asked(page)[-1]) <= 80
    answer(page, [at(0)] * len(asked(page)[-1]))
    assert page.evaluate("window.run") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 760


@pytest.mark.fault(
    "answers that make no sense, to PairProbe", "said, and the last number stays"
)
def test_bad_answers_do_no_harm(page):
    page.get_by_role("textbox", name="First sentence").fill("x")
    page.evaluate("receive(null); receive('x'); receive({kind: 'answer'})")
    answer(page, [at(0)])
    status(page, "no vector for each text")
    assert cosine(page) == "1.000"  # what was there stays
    page.get_by_role("button", name="Try again").click()
    answer(page, [at(0), at(1)])
    assert cosine(page) == "0.540"
    assert page.get_by_role("button", name="Try again").count() == 0


@pytest.mark.fault(
    "a failing, a slow or a dead kernel under PairProbe",
    "said, and another try offered",
)
def test_a_failed_a_slow_and_a_dead_model_are_said(page):
    box = page.get_by_role("textbox", name="First sentence")
    box.fill("x")
    status(page, "Still waiting")
    page.evaluate("receive({kind: 'progress', share: 0.5, note: 'Fetching the model'})")
    assert page.get_by_role("progressbar").get_attribute("value") == "0.5"
    page.evaluate("receive({kind: 'progress', share: 1})")
    answer(page, [at(0)], failed=True, note="The download broke off.")
    status(page, "The download broke off.")
    page.evaluate("window.dead = true")
    page.get_by_role("button", name="Try again").click()
    status(page, "can't be reached: comm is closed")


def test_it_fits_a_phone_and_its_controls_have_names(browser, page_text):
    page = open_page(browser, page_text, viewport={"width": 360, "height": 640})
    page.get_by_role("textbox").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert unnamed_controls(page) == 0
    page.close()


def test_nothing_moves_for_readers_who_want_stillness(browser, page_text):
    page = open_page(browser, page_text, reduced_motion="reduce")
    page.get_by_role("button", name="two banks").click()
    assert page.evaluate("document.getAnimations().length") == 0
    page.close()


def test_an_ended_view_listens_no_more(page):
    page.evaluate("stop.abort()")
    assert page.evaluate("listeners.size") == 0


def test_without_pairs_it_waits_for_two_sentences(browser):
    state = {"pairs": [], "marks": []}
    page = open_page(browser, bare_page("pair_probe.js", "pairProbe", state))
    status(page, "Type two sentences to compare them")
    type_pair(page, "a", "b")
    answer(page, [at(0), at(1)])
    assert cosine(page) == "0.540"
    assert page.errors == []
    page.close()
