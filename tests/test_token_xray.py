"""TokenXRay: what the model gives out, messages, fallback, and its front end."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from front_page import FRONT, bare_page, buffer, open_page, status, unnamed_controls
from test_front import run_deno

from widgets.token_xray import TokenXRay, pooled, trace

TEXT = "The axolotl bit the man."


@pytest.fixture(scope="module")
def model():
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)


@pytest.fixture(scope="module")
def widget(model):
    return TokenXRay(model)


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


# The model from inside


def test_a_trace_holds_every_layer_and_head(model):
    found = trace(model, TEXT)
    assert found.tokens[:5] == ["[CLS]", "the", "ax", "##olo", "##tl"]
    n = len(found.tokens)
    assert found.hidden.shape == (7, n, 384)
    assert found.attention.shape == (6, 12, n, n)
    np.testing.assert_allclose(found.attention.sum(axis=-1), 1, atol=1e-5)
    # Nothing but its word piece and place tells a token apart before the first layer
    again = trace(model, "The axolotl lost the race.")
    np.testing.assert_allclose(found.hidden[0][:5], again.hidden[0][:5], atol=1e-6)
    assert np.abs(found.hidden[6][:5] - again.hidden[6][:5]).max() > 0.1


def test_mean_pooling_of_the_last_layer_is_the_model_s_own_vector(model, widget):
    found = trace(model, TEXT)
    mean = pooled(found.hidden[-1])["mean"]
    own = model.encode([TEXT])[0]
    np.testing.assert_allclose(mean / np.linalg.norm(mean), own, atol=1e-5)
    np.testing.assert_allclose(found.pooled, own, atol=1e-5)
    assert widget.own == "mean"


def test_tracing_leaves_the_model_as_it_was(model, monkeypatch):
    network = model[0].auto_model
    usual = network.config._attn_implementation
    trace(model, TEXT)
    assert network.config._attn_implementation == usual
    monkeypatch.setattr(network, "forward", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trace(model, TEXT)
    assert network.config._attn_implementation == usual


@pytest.mark.fault(
    "questions to TokenXRay from several threads", "each gets its own answer"
)
def test_traces_in_several_threads_do_not_mix(model):
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: trace(model, TEXT), range(40)))
    assert {one.attention.shape[:2] for one in found} == {(6, 12)}
    assert model[0].auto_model.config._attn_implementation != "eager"


# Messages


def test_an_answer_carries_all_layers_as_floats(ask, model):
    ((answer, buffers),) = ask({"kind": "trace", "id": 7, "text": TEXT})
    n = len(answer["tokens"])
    sizes = {key: answer[key] for key in ("kind", "id", "layers", "heads", "width")}
    assert sizes == {"kind": "answer", "id": 7, "layers": 6, "heads": 12, "width": 384}
    hidden, attention, vector = (np.frombuffer(part, "<f4") for part in buffers)
    found = trace(model, TEXT)
    np.testing.assert_allclose(hidden.reshape(7, n, 384), found.hidden, atol=1e-5)
    np.testing.assert_allclose(
        attention.reshape(6, 12, n, n), found.attention, atol=1e-5
    )
    np.testing.assert_allclose(vector, found.pooled, atol=1e-5)
    assert answer["note"] == ""


@pytest.mark.fault("a long text for TokenXRay", "256 tokens, and a word")
def test_a_long_text_is_cut_and_the_reader_told(ask):
    ((answer, _),) = ask({"kind": "trace", "id": 1, "text": "old trains " * 300})
    assert len(answer["tokens"]) == 256
    assert answer["tokens"][-1] == "[SEP]"
    assert "the model reads the first 254 of its 600" in answer["note"]


@pytest.mark.parametrize("text", ["", "  \n", None, 5, ["a"]])
@pytest.mark.fault("a TokenXRay question without a text", "a note, and no numbers")
def test_what_is_no_text_gets_a_note(ask, text):
    assert ask({"kind": "trace", "id": 1, "text": text}) == [
        ({"kind": "answer", "id": 1, "failed": True, "note": "Type a sentence."}, [])
    ]


@pytest.mark.parametrize("text", ["😀", "مرحبا", "<b>x</b>", "a\x00b", "half \ud83d"])
@pytest.mark.fault("odd texts for TokenXRay", "tokens and matrices")
def test_odd_text_is_traced_like_any_other(ask, text):
    ((answer, buffers),) = ask({"kind": "trace", "id": 1, "text": text})
    assert answer["tokens"][0] == "[CLS]"
    assert len(buffers) == 3


@pytest.mark.fault("a model that fails under TokenXRay", "a sentence with its reason")
def test_a_failing_model_is_reported_not_raised(ask, model, monkeypatch):
    monkeypatch.setattr(model[0].auto_model, "forward", lambda **_: 1 / 0)
    ((answer, buffers),) = ask({"kind": "trace", "id": 1, "text": "x"})
    assert answer["failed"] is True
    assert "could not read this: division by zero" in answer["note"]
    assert buffers == []


@pytest.mark.fault("messages to TokenXRay that are no question", "no answer, no error")
def test_other_messages_are_left_alone(ask, widget):
    for content in ({}, {"kind": "warm"}, "trace", None, [1]):
        assert ask(content) == []
    widget._on_message(widget, {"kind": ["trace"]}, [])


# What a page gets


def test_the_page_s_state_is_small_and_true(widget, model):
    text = json.dumps(widget.page_state())
    assert len(text) < 60_000
    state = json.loads(text)
    assert state["widget"] == "token_xray"
    assert set(state) - {"widget"} <= set(widget.keys)
    for example in state["examples"]:
        vectors = model.encode([side["text"] for side in example["sides"]])
        assert example["cosines"]["mean"] == pytest.approx(
            float(vectors[0] @ vectors[1]), abs=1e-4
        )
        for side in example["sides"]:
            numbers = np.frombuffer(base64.b64decode(side["matrix"]), np.int8)
            last = trace(model, side["text"]).hidden[-1]
            stored = numbers.reshape(last.shape) * side["step"]
            assert np.abs(stored - last).max() <= side["step"] * 0.501


def test_the_repr_and_the_fallback_never_change(widget, model):
    again = TokenXRay(model)
    assert repr(widget) == repr(again) == "TokenXRay(5 examples)"
    (data, _), (data_again, _) = (w._repr_mimebundle_() for w in (widget, again))
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"]
    assert data["text/html"] == data_again["text/html"]
    assert data["text/html"].startswith(
        '<div class="ovs-widget" data-widget="token_xray">'
    )
    assert (
        "<td>[CLS] the dog bit the man [SEP]</td><td>7 × 384</td>" in data["text/html"]
    )
    row = "<td>This is good</td><td>This is not good</td>"
    assert row in data["text/html"]
    assert widget._ipython_display_ is None


@pytest.mark.fault("HTML in TokenXRay's examples", "it is shown as text")
def test_the_fallback_escapes_what_authors_write(model):
    widget = TokenXRay(model, {"<i>": ("<script>alert(1)</script>", 'a & "b"')})
    html = widget._repr_mimebundle_()[0]["text/html"]
    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


def test_it_works_without_examples(model):
    widget = TokenXRay(model, {})
    assert "data-widget" in widget._repr_mimebundle_()[0]["text/html"]
    assert widget.page_state()["examples"] == []


# The front end's arithmetic

POOL = """
const { pool, cosineOf, lookAt, roundScale } = await import(Deno.args[0]);
const given = JSON.parse(Deno.args[1]);
const matrix = Float32Array.from(given.matrix.flat());
const width = given.matrix[0].length;
const plain = ({ vector, winners }) => [[...vector], winners && [...winners]];
const attention = Float32Array.from(given.attention.flat(4));
const sizes = { tokens: 2, heads: 2 };
console.log(JSON.stringify({
  pools: ["mean", "max", "cls"].map((how) => plain(pool(matrix, width, how))),
  cosine: cosineOf(matrix.subarray(0, width), matrix.subarray(width, 2 * width)),
  none: Number.isNaN(cosineOf(matrix, new Float32Array(matrix.length))),
  looks: [[0, 1, 0], [1, -1, 1], [1, 0, -1]].map(([layer, head, from]) =>
    [...lookAt(attention, { ...sizes, layer, head, from })]),
  scales: [[0.12], [0.5, -0.7], [3], [], [0]].map((x) => roundScale([Float32Array.from(x)])),
}));
"""


def test_poolings_cosines_and_attention_are_numpy_s():
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(5, 7)).astype(np.float32)
    attention = rng.dirichlet([1, 1], size=(2, 2, 2)).astype(np.float32)
    given = json.dumps({"matrix": matrix.tolist(), "attention": attention.tolist()})
    module = (FRONT / "pooling.js").as_uri()
    found = json.loads(run_deno(POOL, module, given))
    (mean, all_share), (largest, winners), (first, only_first) = found["pools"]
    np.testing.assert_allclose(mean, matrix.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(largest, matrix.max(axis=0), atol=1e-6)
    np.testing.assert_allclose(first, matrix[0], atol=1e-6)
    assert all_share is None
    assert winners == matrix.argmax(axis=0).tolist()
    assert only_first == [0] * 7
    a, b = matrix[:2]
    expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert found["cosine"] == pytest.approx(float(expected), abs=1e-6)
    assert found["none"]
    np.testing.assert_allclose(found["looks"][0], attention[0, 1, 0], atol=1e-6)
    np.testing.assert_allclose(found["looks"][1], attention[1, :, 1].mean(0), atol=1e-6)
    np.testing.assert_allclose(found["looks"][2], attention[1, 0].mean(0), atol=1e-6)
    assert found["scales"] == pytest.approx([0.15, 0.5, 3, 1, 1])


# The front end in a page


def answer(
    page, tokens, seed=0, layers=2, heads=3, width=4, text=None, wrong=None, **more
):
    """Answer the newest trace question (for a text) with made-up layers."""
    rng = np.random.default_rng(seed)
    n = len(tokens)
    hidden = rng.normal(size=(layers + 1, n, width))
    attention = rng.dirichlet([0.5] * n, size=(layers, heads, n))
    message = {"kind": "answer", "tokens": tokens, "note": ""}
    message |= {"layers": layers, "heads": heads, "width": width} | more | (wrong or {})
    page.evaluate(
        "([text, message, parts]) => receive({ id: sent.filter((s) => s.kind === 'trace'"
        " && (text === null || s.text === text)).at(-1).id, ...message }, parts)",
        [text, message, [buffer(hidden), buffer(attention)]],
    )
    return hidden, attention


def wake(page):
    """Wake the model and answer for both sentences; return what was answered."""
    page.get_by_role("button", name="Wake the model").click()
    first, second = asked(page)[-2:]
    return (
        answer(page, ["[CLS]", "play", "##ing", "[SEP]"], 1, text=first),
        answer(page, ["[CLS]", "dogs", "[SEP]"], 2, text=second),
    )


def asked(page):
    return page.evaluate("sent.filter((s) => s.kind === 'trace').map((s) => s.text)")


def tokens(page, side):
    name = ("First", "Second")[side]
    rows = page.get_by_role("list", name=f"{name} sentence")
    return [
        item.inner_text().split("\n")[0] for item in rows.get_by_role("button").all()
    ]


def cosine(page):
    return page.locator(".ovs-cosine").inner_text()


def cosine_of(a, b):
    return f"{a @ b / np.linalg.norm(a) / np.linalg.norm(b):.3f}".replace("-", "−")


@pytest.fixture(scope="module")
def page_text(widget):
    return bare_page("token_xray.js", "tokenXray", widget.page_state())


@pytest.fixture
def page(browser, page_text):
    """The widget in a page of its own; any error in it fails the test."""
    page = open_page(browser, page_text)
    page.get_by_role("textbox").first.wait_for()
    yield page
    page.close()
    assert page.errors == []


def test_the_first_example_is_there_without_the_model(page):
    assert tokens(page, 0) == ["[CLS]", "the", "dog", "bit", "the", "man", "[SEP]"]
    assert cosine(page) == "0.979"
    status(page, "Mean pooling after layer 6 of 6: cosine 0.979.*the model's own")
    assert page.evaluate("sent.length") == 0
    assert page.get_by_role("slider", name="Layer").is_disabled()
    page.get_by_role("button", name="good, not good").click()
    assert tokens(page, 1) == ["[CLS]", "this", "is", "not", "good", "[SEP]"]
    assert cosine(page) == "0.676"
    assert asked(page) == []


def test_the_strips_show_the_numbers_in_two_colours(page):
    pixels = page.evaluate(
        "(() => { const c = document.querySelectorAll('.ovs-strip')[2];"
        " return [...c.getContext('2d').getImageData(0, 0, 384, 1).data]; })()"
    )
    state = page.evaluate("JSON.parse(state.textContent).examples[0].sides[0]")
    row = np.frombuffer(base64.b64decode(state["matrix"]), np.int8).reshape(-1, 384)[2]
    red, _, blue, alpha = np.array(pixels).reshape(384, 4).T
    strong = np.abs(row) > 30
    assert ((red > blue) == (row > 0))[strong].all()
    assert (alpha == 255).all()


def test_poolings_show_which_numbers_count(page):
    page.get_by_role("radio", name="CLS").check(force=True)
    assert cosine(page) == "0.987"
    page.get_by_role("radio", name="Max").check(force=True)
    assert cosine(page) == "0.984"
    seen = page.evaluate(
        "[...document.querySelectorAll('.ovs-rows')].map((rows) =>"
        " [...rows.querySelectorAll('.ovs-strip')].map((c) =>"
        " [...c.getContext('2d').getImageData(0, 0, 384, 1).data]"
        ".filter((v, i) => i % 4 === 3)))"
    )
    for side in seen:
        full = np.array(side) == 255
        assert (full.sum(axis=0) == 1).all()  # one winner for each number
    status(page, "Max pooling after layer 6 of 6")


def test_typing_wakes_the_model_and_both_sentences_are_traced(page):
    page.get_by_role("textbox", name="First sentence").fill("playing")
    assert page.evaluate("sent[0].kind") == "warm"
    assert asked(page) == ["playing", "The man bit the dog"]
    one, _ = answer(page, ["[CLS]", "playing", "[SEP]"], 3, text="playing")
    assert tokens(page, 0) == ["[CLS]", "playing", "[SEP]"]
    two, _ = answer(page, ["[CLS]", "dog", "[SEP]"], 4, text="The man bit the dog")
    assert cosine(page) == cosine_of(one[-1].mean(0), two[-1].mean(0))
    assert page.get_by_role("button", name="Wake the model").count() == 0
    page.get_by_role("textbox", name="First sentence").fill("played")
    assert asked(page)[2:] == ["played"]  # the other sentence is known


def test_the_layers_come_alive(page):
    (one, _), (two, _) = wake(page)
    slider = page.get_by_role("slider", name="Layer")
    assert slider.get_attribute("max") == "2"
    assert slider.input_value() == "2"
    slider.focus()
    for layer in (1, 0):
        slider.press("ArrowLeft")
        assert cosine(page) == cosine_of(one[layer].mean(0), two[layer].mean(0))
    status(page, "before the first layer")
    page.get_by_role("radio", name="Max").check(force=True)
    assert cosine(page) == cosine_of(one[0].max(0), two[0].max(0))
    page.get_by_text("The picture in words and numbers").click()
    line = page.get_by_role("region", name="Cosine of the two vectors").get_by_role(
        "row"
    )
    assert line.nth(2).inner_text().split() == [
        "1",
        cosine_of(one[1].mean(0), two[1].mean(0)),
        cosine_of(one[1].max(0), two[1].max(0)),
        cosine_of(one[1][0], two[1][0]),
    ]


def test_who_woke_the_model_is_led_to_the_layers(page):
    wake(page)
    assert page.evaluate("document.activeElement.ariaLabel") == "Layer"
    status(page, "Layers and attention can be chosen now.")
    page.keyboard.press("ArrowLeft")
    status(page, "^Mean pooling after layer 1 of 2")


def test_attention_is_shown_and_said_for_the_token_in_focus(page):
    (_, attention), _ = wake(page)
    first = page.get_by_role("list", name="First sentence")
    first.get_by_role("button").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.ariaLabel") == "play, token 2 of 4"
    shares = [
        item.inner_text().split("\n")[1] for item in first.get_by_role("listitem").all()
    ]
    expected = attention[1].mean(axis=0)[1]
    number = [float(share.strip("<% \u202f")) for share in shares]
    assert number == pytest.approx(100 * expected, abs=1)
    caption = page.locator(".ovs-caption")
    names = ["[CLS]", "play", "##ing", "[SEP]"]
    most = names[int(expected.argmax())]
    assert f"In layer 2, “play” looks at {most}" in caption.inner_text()
    page.get_by_role("combobox", name="Attention head").select_option("head 3")
    first.get_by_role("button").nth(3).focus()
    most = names[int(attention[1][2][3].argmax())]
    assert f"In layer 2, head 3, “[SEP]” looks at {most}" in caption.inner_text()


def test_the_arrow_keys_read_single_numbers(page):
    (one, _), _ = wake(page)
    page.get_by_role("list", name="First sentence").get_by_role("button").first.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    own, mean = one[-1][1][2], one[-1].mean(0)[2]
    said = f"Number 3: “play” has {own:.2f}, the vector {mean:.2f}, the mean of all 4"
    assert said.replace("-", "−") in page.locator(".ovs-caption").inner_text()
    assert page.locator(".ovs-marker").is_visible()


def test_the_pieces_of_a_word_hang_together(page):
    wake(page)
    first = page.get_by_role("list", name="First sentence").get_by_role("button")
    joined = [button.get_attribute("class").split()[1:] for button in first.all()]
    assert joined == [[], ["ovs-joined-down"], ["ovs-joined-up"], []]


def test_the_newest_text_is_asked_for_when_an_answer_is_back(page):
    box = page.get_by_role("textbox", name="First sentence")
    for text in ("one", "two", "three"):
        box.fill(text)
    assert asked(page) == ["one", "The man bit the dog"]
    answer(page, ["[CLS]", "one", "[SEP]"], text="one")
    assert asked(page)[2:] == ["three"]
    answer(page, ["[CLS]", "three", "[SEP]"], text="three")
    assert tokens(page, 0) == ["[CLS]", "three", "[SEP]"]


@pytest.mark.fault("an answer that comes after a newer sentence", "it is dropped")
def test_a_late_answer_is_dropped(page):
    page.get_by_role("textbox", name="First sentence").fill("one")
    page.get_by_role("button", name="good, not good").click()
    answer(page, ["[CLS]", "one", "[SEP]"], text="one")
    assert tokens(page, 0) == ["[CLS]", "this", "is", "good", "[SEP]"]


def test_one_sentence_is_enough_and_none_is_said(page):
    page.get_by_role("textbox", name="Second sentence").fill("  ")
    assert cosine(page) == "–"
    assert page.get_by_role("list", name="Second sentence").count() == 0
    page.get_by_role("textbox", name="First sentence").fill("")
    status(page, "Type a sentence to see it from inside")


@pytest.mark.parametrize(
    "text",
    ["<img src=x onerror='window.run=1'>", "😀", "مرحبا", "a" * 10_000],
    ids=["markup", "emoji", "right to left", "long"],
)
@pytest.mark.fault(
    "odd texts in TokenXRay's boxes",
    "they are shown as text, and the page keeps its width",
)
def test_odd_text_is_data(page, text):
    page.get_by_role("textbox", name="First sentence").fill(text)
    assert asked(page)[0] == text
    answer(page, ["[CLS]", text, "[SEP]"], text=text, note=f"About {text[:9]}")
    answer(page, ["[CLS]", "dog", "[SEP]"], text="The man bit the dog")
    status(page, "About")
    assert tokens(page, 0)[1] == text
    assert page.evaluate("window.run") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 760


@pytest.mark.fault("a sentence of 256 tokens, drawn", "the rows scroll inside")
def test_256_tokens_scroll_inside(page):
    page.get_by_role("textbox", name="First sentence").fill("long")
    answer(page, [f"t{i}" for i in range(256)], text="long", width=384)
    scroller = page.locator(".ovs-scroller").first
    assert scroller.bounding_box()["height"] < 320
    rows = page.get_by_role("list", name="First sentence: 256 tokens")
    rows.get_by_role("button").first.focus()
    page.keyboard.press("End")
    assert rows.get_by_role("button").nth(255).bounding_box()["y"] < (
        scroller.bounding_box()["y"] + scroller.bounding_box()["height"]
    )


@pytest.mark.fault(
    "answers that make no sense, to TokenXRay", "said, and the old picture stays"
)
def test_bad_answers_do_no_harm(page):
    page.get_by_role("textbox", name="First sentence").fill("x")
    before = tokens(page, 0)
    page.evaluate("receive(null); receive('x'); receive({kind: 'answer'})")
    answer(page, ["[CLS]", "x", "[SEP]"], text="x", wrong={"width": 5})
    status(page, "parts don't fit each other")
    assert tokens(page, 0) == before
    page.get_by_role("button", name="Try again").click()
    assert asked(page).count("x") == 2
    answer(page, [], text="x")
    status(page, "parts don't fit each other")


@pytest.mark.fault(
    "a failing or a dead kernel under TokenXRay", "said, and another try offered"
)
def test_a_failed_and_a_dead_model_are_said(page):
    page.get_by_role("textbox", name="First sentence").fill("x")
    page.evaluate("receive({kind: 'progress', share: 0.5, note: 'Fetching the model'})")
    assert page.get_by_role("progressbar").get_attribute("value") == "0.5"
    page.evaluate("receive({kind: 'progress', share: 1})")
    assert page.get_by_role("progressbar").count() == 0
    answer(page, [], text="x", failed=True, note="The download broke off.")
    status(page, "The download broke off.")
    page.evaluate("window.dead = true")
    page.get_by_role("button", name="Try again").click()
    status(page, "can't be reached: comm is closed")


def test_pooling_lets_the_rows_fall_into_the_vector(page):
    page.get_by_role("radio", name="CLS").check(force=True)
    assert page.locator(".ovs-falling").count() == 2  # the first token of each
    page.get_by_role("radio", name="Mean").check(force=True)
    assert page.locator(".ovs-falling").count() == 14  # every token
    page.wait_for_function("!document.querySelector('.ovs-falling')")


def test_playing_goes_through_the_layers_and_can_be_stopped(page):
    wake(page)
    page.evaluate(
        "() => { window.seen = []; new MutationObserver(() =>"
        " seen.push(document.querySelector('.ovs-layer').textContent))"
        ".observe(document.querySelector('.ovs-layer'), {childList: true}); }"
    )
    page.get_by_role("button", name="Play", exact=True).click()
    page.wait_for_function("document.querySelector('.ovs-falling')")
    assert page.evaluate("[...new Set(seen.slice(seen.indexOf('0 of 2')))]") == [
        "0 of 2",
        "1 of 2",
        "2 of 2",
    ]
    page.get_by_role("button", name="Stop").click()
    assert page.get_by_role("button", name="Play", exact=True).is_visible()


def test_nothing_moves_for_readers_who_want_stillness(browser, page_text):
    page = open_page(browser, page_text, reduced_motion="reduce")
    page.get_by_role("radio", name="CLS").check(force=True)
    assert page.locator(".ovs-falling").count() == 0
    assert page.evaluate("document.getAnimations().length") == 0
    assert page.get_by_role("button", name="Play", exact=True).count() == 0
    assert cosine(page) == "0.987"
    page.close()


def test_it_fits_a_phone_and_its_controls_have_names(browser, page_text):
    page = open_page(browser, page_text, viewport={"width": 360, "height": 640})
    page.get_by_role("textbox").first.wait_for()
    wake(page)
    page.get_by_text("The picture in words and numbers").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert unnamed_controls(page) == 0
    page.close()


def test_tokens_are_far_enough_apart_for_a_finger_and_beside_their_strips(page):
    tops = page.evaluate(
        "[...document.querySelectorAll('.ovs-rows')].map((rows) =>"
        " ['.ovs-token', '.ovs-strip'].map((one) =>"
        " [...rows.querySelectorAll(one)].map((el) => el.getBoundingClientRect().y)))"
    )
    for names, strips in tops:
        assert (np.diff(names) >= 24).all()
        np.testing.assert_allclose(names, strips, atol=1)


def test_the_strips_follow_the_theme(page):
    first = "document.querySelector('.ovs-vector').toDataURL()"
    light = page.evaluate(first)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{first} !== {json.dumps(light)}")


def test_an_ended_view_listens_no_more(page):
    page.evaluate("stop.abort()")
    assert page.evaluate("listeners.size") == 0


def test_without_examples_it_waits_for_a_sentence(browser):
    state = {"examples": [], "own": ""}
    page = open_page(browser, bare_page("token_xray.js", "tokenXray", state))
    status(page, "Type a sentence to see it from inside")
    page.get_by_role("textbox", name="First sentence").fill("dogs")
    answer(page, ["[CLS]", "dogs", "[SEP]"])
    assert tokens(page, 0) == ["[CLS]", "dogs", "[SEP]"]
    status(page, "3 tokens, 4 numbers each")
    assert page.errors == []
    page.close()
