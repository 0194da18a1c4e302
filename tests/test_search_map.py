"""The SearchMap widget's Python side: its messages, bad input, repr and fallback."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from widgets.search_map import SearchMap

CORPUS = [
    "A man is eating food.",
    "A man is eating a piece of bread.",
    "The girl is carrying a baby.",
    "A man is riding a horse.",
    "A woman is playing violin.",
    "Two men pushed carts through the woods.",
    "A man is riding a white horse on an enclosed ground.",
    "A monkey is playing drums.",
    "Someone in a gorilla costume is playing a set of drums.",
]


class LetterModel:
    """Turn a text into its counts of letters: a model that needs no weights."""

    def encode(self, texts, show_progress_bar=None):
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
    return SearchMap(CORPUS, model.encode(CORPUS), model, examples=[CORPUS[3]])


@pytest.fixture
def ask(widget, monkeypatch):
    """Send the widget a message as a front end does, and return what it sends back."""
    sent = []
    monkeypatch.setattr(widget, "send", lambda content, buffers: sent.append(content))

    def ask(content):
        sent.clear()
        widget._handle_custom_msg(content, [])
        for message in sent:
            json.dumps(message).encode()
        return list(sent)

    return ask


def test_an_answer_holds_the_question_s_number_and_ranked_hits(ask):
    (answer,) = ask({"kind": "query", "id": 7, "text": CORPUS[4]})
    assert (answer["kind"], answer["id"], answer["note"]) == ("answer", 7, "")
    rows, scores = zip(*answer["hits"], strict=True)
    assert rows[0] == 4
    assert scores[0] == pytest.approx(1, abs=1e-5)
    assert list(scores) == sorted(scores, reverse=True)
    assert sorted(rows) == list(range(9))


def test_equal_scores_keep_the_corpus_s_order(model):
    twins = ["b", "a", "a", "a"]
    widget = SearchMap(twins, model.encode(twins), model, examples=())
    assert [row for row, _ in widget.answer("a")["hits"]] == [1, 2, 3, 0]


@pytest.mark.parametrize("text", ["", "   ", "\n\t", None, 5, ["a"]])
@pytest.mark.fault(
    "a query of nothing, spaces, or no text", "a word to type a sentence"
)
def test_what_is_no_text_gets_a_note_and_no_hits(ask, text):
    (answer,) = ask({"kind": "query", "id": 1, "text": text})
    assert answer["hits"] == []
    assert answer["note"] == "Type a sentence to search."


@pytest.mark.parametrize(
    "text",
    ["😀 horse", "مرحبا horse", "<script>horse</script>", "horse\x00", "horse " * 1667],
)
@pytest.mark.fault(
    "emoji, Arabic, HTML, a zero byte, 10,000 letters", "hits as for any text"
)
def test_odd_text_is_searched_like_any_other(ask, text):
    (answer,) = ask({"kind": "query", "id": 1, "text": text})
    assert len(answer["hits"]) == 9


@pytest.mark.fault("half an emoji in a query", "hits, and a word about it")
def test_a_lone_surrogate_is_replaced_and_the_reader_told(ask):
    (answer,) = ask({"kind": "query", "id": 1, "text": "horse \ud83d"})
    assert len(answer["hits"]) == 9
    assert "broken character was replaced" in answer["note"]


@pytest.mark.fault("messages that are no question", "no answer, no error")
def test_other_messages_are_left_alone(ask):
    for content in ({}, {"kind": "warm"}, {"kind": "answer"}, "query", None, [1]):
        assert ask(content) == []


@pytest.mark.fault("a model that fails", "a sentence with its reason")
def test_a_failing_model_is_reported_not_raised(ask, model, monkeypatch):
    def fail(*_args, **_options):
        raise RuntimeError("out of memory \ud800")

    monkeypatch.setattr(model, "encode", fail)
    (answer,) = ask({"kind": "query", "id": 1, "text": "horse"})
    assert answer["hits"] == []
    assert "could not read this: out of memory" in answer["note"]


@pytest.mark.fault("a model that gives NaN", "a sentence, and no hits")
def test_a_vector_without_numbers_is_reported(ask, model, monkeypatch):
    monkeypatch.setattr(model, "encode", lambda *_, **__: np.full((1, 26), np.nan))
    (answer,) = ask({"kind": "query", "id": 1, "text": "horse"})
    assert answer["hits"] == []
    assert "no numbers" in answer["note"]


def test_the_repr_is_the_same_each_time(model, widget):
    again = SearchMap(CORPUS, model.encode(CORPUS), model)
    assert repr(widget) == repr(again) == "SearchMap(9 sentences)"


def test_the_repr_counts_topics(model):
    rows = [SimpleNamespace(text=x, topic=x[0], field="all") for x in CORPUS]
    widget = SearchMap(rows, model.encode(CORPUS), model, examples=())
    assert repr(widget) == "SearchMap(9 sentences, 3 topics)"
    assert widget.topics[widget.topic_of[2]] == {"name": "T", "field": "all"}


def test_it_displays_as_a_widget_with_a_table_beside_it(model, widget):
    again = SearchMap(CORPUS, model.encode(CORPUS), model, examples=[CORPUS[3]])
    (data, _), (data_again, _) = (w._repr_mimebundle_() for w in (widget, again))
    view = data.pop("application/vnd.jupyter.widget-view+json")
    assert view["model_id"] == widget.model_id
    del data_again["application/vnd.jupyter.widget-view+json"]
    assert data == data_again
    assert data["text/plain"] == "SearchMap(9 sentences)"
    assert data["text/html"].startswith(
        '<div class="ovs-widget" data-widget="search_map">'
    )
    assert "<td>A man is riding a horse.</td><td>1.000</td>" in data["text/html"]


def test_ipywidgets_7_too_displays_the_table(widget):
    # IPython prefers this method to the bundle, and ipywidgets 7 has one
    assert widget._ipython_display_ is None


@pytest.mark.fault("HTML in a corpus or a query", "it is shown as text")
def test_the_table_escapes_what_readers_and_corpora_write(model):
    texts = ["<script>alert(1)</script>", "a & b", 'quoted "<b>"']
    widget = SearchMap(texts, model.encode(texts), model, examples=["<i>a</i> & b"])
    table = widget._repr_mimebundle_()[0]["text/html"]
    for tag in ("<script", "<b>", "<i>"):
        assert tag not in table
    assert "&lt;i&gt;a&lt;/i&gt; &amp; b" in table


def test_the_page_s_state_is_plain_json_and_complete(widget):
    state = json.loads(json.dumps(widget.page_state()))
    assert state["texts"] == CORPUS
    np.testing.assert_allclose(
        np.array(state["points"]),
        np.frombuffer(widget.points, "<f4").reshape(-1, 2),
        atol=1e-4,
    )
    assert state["examples"] == widget.examples
    assert state["examples"][0]["hits"][0] == [3, pytest.approx(1, abs=1e-5)]
    synced = {key for key in widget.keys if key in state}
    assert synced == set(state) - {"widget"}


def test_a_tensor_of_vectors_is_as_good_as_an_array(model, widget):
    torch = pytest.importorskip("torch")
    tensor = torch.tensor(model.encode(CORPUS))
    other = SearchMap(CORPUS, tensor, model, examples=[CORPUS[3]])
    assert other.page_state() == widget.page_state()


@pytest.mark.fault("a corpus of one sentence", "a map of one point, one hit")
def test_a_corpus_can_be_as_small_as_one_sentence(model):
    widget = SearchMap(["Hello."], model.encode(["Hello."]), model, examples=["help"])
    assert widget.page_state()["points"] == [[0, 0]]
    assert len(widget.examples[0]["hits"]) == 1


@pytest.mark.fault("vectors or a map of another corpus", "both counts, and what to do")
def test_what_does_not_belong_together_is_refused(model):
    vectors = model.encode(CORPUS)
    with pytest.raises(ValueError, match="has 9 sentences: encode exactly these"):
        SearchMap(CORPUS, vectors[:8], model)
    with pytest.raises(ValueError, match="0 sentences"):
        SearchMap([], np.zeros((0, 26)), model)
    with pytest.raises(ValueError, match="no numbers"):
        SearchMap(CORPUS, np.full((9, 26), np.nan), model)
    layout = SimpleNamespace(xy=np.zeros((5, 2)), a=1.6, b=0.9)
    with pytest.raises(ValueError, match=r"need \(9, 2\)"):
        SearchMap(CORPUS, vectors, model, layout)


@pytest.fixture(scope="module")
def real():
    """The book's own map, with the model itself."""
    from sentence_transformers import SentenceTransformer

    from widgets.corpus import load_corpus, load_vectors
    from widgets.umap_layout import load_layout

    model = SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)
    return SearchMap(load_corpus(), load_vectors(), model, load_layout())


def test_the_book_s_map(real):
    assert repr(real).startswith(f"SearchMap({len(real.texts)} sentences, ")
    assert all(len(example["hits"]) == 20 for example in real.examples)
    rows = [row for row, _ in real.answer("A man is eating pasta.")["hits"][:3]]
    assert any("pasta" in real.texts[row] for row in rows)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("I like old trains. " * 530, "the model reads the first 254 of its 2650"),
        ("😀😀", "no word piece for any of this"),
        ("\u200b\u202e", "reads nothing in this"),
        ("مرحبا بالعالم", "letter by letter"),
        ("error E-417", ""),
        ("naïve café", ""),
        ("<script>alert(1)</script>", ""),
    ],
)
@pytest.mark.fault(
    "long texts and foreign writing", "hits, and a word on how they were read"
)
def test_the_reader_hears_how_the_model_read_a_text(real, text, note):
    answer = real.answer(text)
    assert len(answer["hits"]) == 20
    assert note in answer["note"] if note else answer["note"] == ""
