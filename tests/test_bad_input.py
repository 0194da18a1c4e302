"""Whatever comes in: texts from every corner of Unicode, messages of every shape.

Properties that hold for all input, tried on examples that hypothesis chooses. The
quick part always chooses the same ones; `make test-all` looks further.
"""

import ast
import contextlib
import importlib
import inspect
import io
import json
import math
import os
import pkgutil
import random
import re
import subprocess
import sys
import unicodedata
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from jupyter_client.session import json_packer

import widgets
import widgets.checks
from widgets import (
    back_matter,
    clusters,
    data_files,
    limits,
    model_chooser,
    probes,
    search,
    tuning,
    weights,
    word_order,
)
from widgets.book_widget import FRONT, LONGEST, readable, well_formed
from widgets.cluster_map import ClusterMap
from widgets.front.join import join
from widgets.model_chooser import ModelChooser
from widgets.pair_probe import (
    MOST_CHARACTERS,
    MOST_TEXTS,
    PairProbe,
    corpus_marks,
    words_of,
)
from widgets.search_map import PIECE, SearchMap
from widgets.token_xray import TokenXRay
from widgets.umap_layout import Layout, as_json, make_layout
from widgets.vector_cache import VectorCache

PACKAGE = Path(widgets.__file__).parent
SEED = 20260101
CORPUS = [
    "A man is eating food.",
    "A man is riding a horse.",
    "<b>A man</b> is riding & riding.",
    "A man is riding a horse.",
    "\ufffd 😀 مرحبا",
    "   ",
]

calm = {"deadline": None, "database": None, "derandomize": True}
calm["suppress_health_check"] = list(HealthCheck)
# How many times as many examples are tried
FURTHER = int(os.environ.get("LOOK_FURTHER", "1"))
quick = settings(max_examples=60 * FURTHER, **calm)
FEWER = settings(max_examples=20 * FURTHER, **calm)


def pytest_approx(value):
    return pytest.approx(value, abs=1e-6)


def fault(what, outcome):
    return pytest.mark.fault(what, outcome)


# Texts: any code point, half characters too, and what breaks programs elsewhere
SIGNS = st.characters(exclude_categories=())
NASTY = [
    "",
    " ",
    "\x00",
    "\ud800",
    "\udc00\ud800",
    "a\u0301" * 50,
    "\u202eevil",
    "\ufeff",
    "\u2028\u2029\x85\x0b\x0c",
    "<script>alert(1)</script>",
    "</div><img src=x onerror=alert(1)>",
    "<!--<script>",
    "../../etc/passwd",
    "'; DROP TABLE vectors; --",
    "{{7*7}}${7*7}",
    "__import__('os').system('true')",
    "\U0010ffff\ufffe\uffff",
    "ﷺ" * 20,
    "1e999",
    "-0",
    "９９９",
    "İıſK",
    "[CLS] [SEP] [MASK] [PAD] [UNK]",
    "x" * 300,
]
TEXTS = st.one_of(st.text(SIGNS, max_size=60), st.sampled_from(NASTY))


def many_texts(count, seed):
    """Return texts of many scripts and sizes, the same ones every time."""
    chance = random.Random(seed)
    starts = [
        point
        for point in range(0, 0x110000, 0x80)
        if unicodedata.category(chr(point)) != "Cn" or point % 0x4000 == 0
    ]
    texts = [*NASTY, " " * 1_000_000, "a" * 1_000_000, "late train " * 95_000]
    texts += ["\ud83d" * 1_000_000, "汉" * 400_000, "a\u0300\u0301" * 200_000]
    while len(texts) < count:
        size = int(10 ** chance.uniform(0, 2.3))
        if len(texts) % 500 == 0:
            size = int(10 ** chance.uniform(3, 5.5))
        blocks = chance.sample(starts, chance.randint(1, 3))
        signs = (
            chr(chance.choice(blocks) + chance.randrange(0x80)) for _ in range(size)
        )
        texts.append("".join(signs))
    return texts


# A model without weights, strict about what it is given


class StrictModel:
    """Counts of letters as vectors; refuses what a tokenizer must never be given."""

    max_seq_length = 256

    def __init__(self, tokenizer=None):
        self.largest = 0
        if tokenizer is not None:
            self.tokenizer = SimpleNamespace(
                encode=self.tokenize(tokenizer),
                num_special_tokens_to_add=tokenizer.num_special_tokens_to_add,
                unk_token_id=tokenizer.unk_token_id,
            )

    def tokenize(self, tokenizer):
        def encode(text, **options):
            self.take([text])
            return tokenizer.encode(text, **options)

        return encode

    def take(self, texts):
        self.largest = max(self.largest, sum(map(len, texts)))
        for text in texts:
            text.encode()

    def encode(self, texts, show_progress_bar=None):
        self.take(texts)
        signs = [np.frombuffer(text.lower().encode(), np.uint8) for text in texts]
        rows = [np.bincount(row, minlength=256)[97:123] for row in signs]
        return np.array(rows, np.float32)


@pytest.fixture(scope="module")
def real():
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer("all-MiniLM-L6-v2", local_files_only=True)


def packed(message):
    """Return a message as Jupyter sends it, or fail as Jupyter would."""
    content, buffers = message
    assert all(isinstance(part, bytes) for part in buffers)
    return json_packer(content)


def asked(widget, content, buffers=()):
    """Hand a widget a message as the kernel does; return what it sends back."""
    sent = []
    widget.send = lambda *message: sent.append(message)
    data = {"method": "custom", "content": content}
    widget._handle_msg({"content": {"data": data}, "buffers": list(buffers)})
    for message in sent:
        assert message[0]["kind"] == "answer"
        packed(message)
    return sent


# The query path


def check_answer(answer, texts):
    rows = [row for row, _ in answer["hits"]]
    scores = [score for _, score in answer["hits"]]
    assert len(set(rows)) == len(rows) <= 20
    assert set(rows) <= set(range(texts))
    assert all(-1.000001 <= score <= 1.000001 for score in scores)
    # Best first; equal ones in the corpus's order
    assert answer["hits"] == sorted(answer["hits"], key=lambda hit: (-hit[1], hit[0]))


@fault(
    "10,000 texts from every corner of Unicode, of up to 1 MB", "hits, or a word why"
)
def test_ten_thousand_texts_are_answered(real):
    model = StrictModel(real.tokenizer)
    widget = SearchMap(CORPUS, StrictModel().encode(CORPUS), model, examples=())
    for number, text in enumerate(many_texts(10_000, SEED)):
        ((answer, _),) = asked(widget, {"kind": "query", "id": number, "text": text})
        assert answer["id"] == number
        check_answer(answer, len(CORPUS))
        assert "could not read" not in answer["note"]
        assert len(answer["note"]) < 400
        assert bool(answer["hits"]) == bool(text.strip())
    assert model.largest == LONGEST


@fault("the same, read by the model itself", "hits, or a word why")
def test_odd_texts_are_answered_by_the_model(real):
    vectors = real.encode(CORPUS)
    widget = SearchMap(CORPUS, vectors, real, examples=())
    texts = many_texts(10_000, SEED)
    for text in [*texts[:31], *texts[500::2500], *texts[40::1000]]:
        answer = widget.answer(text)
        check_answer(answer, len(CORPUS))
        assert "could not read" not in answer["note"]
        assert bool(answer["hits"]) == bool(text.strip())
    same = dict(widget.answer(CORPUS[1])["hits"])
    assert same[1] == same[3] == pytest.approx(1, abs=1e-5)
    assert [row for row, _ in widget.answer(CORPUS[1])["hits"]][:2] == [1, 3]


@fault("a sentence of 1 MB", "its beginning is read, and the reader told so")
@pytest.mark.parametrize("sign", ["late train ", "a", "汉", "\ud83d", " x"])
def test_a_megabyte_is_cut_and_told(real, sign):
    model = StrictModel(real.tokenizer)
    widget = SearchMap(CORPUS, model.encode(CORPUS), model, examples=())
    answer = widget.answer(sign * (1_000_000 // len(sign)))
    assert "Only the first 100,000 characters" in answer["note"]
    assert model.largest <= LONGEST


@fault(
    "a static model, whose tokenizer is of another kind",
    "answers, and for TokenXRay a sentence that it has no layers",
)
def test_a_static_model_answers_too(real):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import StaticEmbedding

    static = SentenceTransformer(
        modules=[StaticEmbedding(real.tokenizer, embedding_dim=8)]
    )
    widget = SearchMap(CORPUS, static.encode(CORPUS), static, examples=())
    found = widget.answer(CORPUS[0])
    check_answer(found, len(CORPUS))
    assert (found["hits"][0][0], found["note"]) == (0, "")
    message = {"kind": "encode", "id": 1, "texts": ["a", "b"]}
    ((answer, buffers),) = asked(PairProbe(static, {}), message)
    assert (answer["width"], answer["note"]) == (8, "")
    assert len(buffers[0]) == 2 * 8 * 4
    with pytest.raises(ValueError, match="no layers to look into"):
        TokenXRay(static)


@given(TEXTS, st.integers(1, 40))
@quick
def test_what_is_read_of_a_text_is_its_beginning(text, longest):
    whole, notes = readable(text, longest)
    assert whole == well_formed(text[:longest])
    whole.encode()
    assert ("Only the first" in " ".join(notes)) == (len(text) > longest)
    assert ("broken" in " ".join(notes)) == (whole != text[:longest])


# Messages


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(10**400), 10**400),
    st.floats(),
    TEXTS,
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    ["query", "piece", "encode", "trace", "vectors", "warm", "_esm"]
)
MESSAGES = st.one_of(
    JSON,
    st.fixed_dictionaries(
        {"kind": st.one_of(KINDS, JSON)},
        optional={
            "id": JSON,
            "text": JSON,
            "texts": st.one_of(JSON, st.lists(TEXTS, max_size=6)),
            "name": st.one_of(JSON, st.just("corpus.npy")),
            "from": JSON,
        },
    ),
)
PICKLE = b"cos\nsystem\n(S'exit 1'\ntR."
BUFFERS = st.lists(st.one_of(st.binary(max_size=20), st.just(PICKLE)), max_size=3)

watching = []
SUSPECT = ("open", "exec", "compile", "subprocess", "os.", "socket", "pickle", "shutil")


def note_event(event, arguments):
    if watching and event.startswith(SUSPECT):
        watching[0].append((event, repr(arguments)[:200]))


sys.addaudithook(note_event)


@contextlib.contextmanager
def nothing_touched():
    """Fail if files are opened, code is run or a host is asked meanwhile."""
    seen = []
    watching.append(seen)
    try:
        yield
    finally:
        watching.clear()
    assert seen == []


@pytest.fixture(scope="module")
def five(real):
    """One widget of each kind, warm."""
    model = StrictModel()
    vectors = model.encode(CORPUS)
    made = {
        "search": SearchMap(CORPUS, vectors, model, examples=["food"]),
        "clusters": ClusterMap(CORPUS, vectors),
        "pair": PairProbe(model),
        "xray": TokenXRay(real, {"one": ("The dog bit the man", "A dog.")}),
        "chooser": ModelChooser(model_chooser.load_models()),
    }
    made["search"]._files = {"corpus.npy": bytes(2 * PIECE + 5)}
    asked(made["xray"], {"kind": "trace", "id": 1, "text": "warm"})
    return made


@pytest.mark.parametrize("name", ["search", "clusters", "pair", "xray", "chooser"])
@fault(
    "messages of every shape to a notebook's widget",
    "an answer or none; no file touched, nothing run, nothing raised",
)
def test_a_message_is_nothing_but_data(five, name):
    widget = five[name]
    state = widget.get_state()

    @given(MESSAGES, BUFFERS)
    @example({"kind": "piece", "id": 1, "name": "corpus.npy", "from": -5}, [])
    @example({"kind": "piece", "id": 1, "name": "../../etc/passwd", "from": 0}, [])
    @example({"kind": "piece", "id": 1, "name": ["a"], "from": 0}, [])
    @example({"kind": "query", "id": {"a": [math.nan]}, "text": "food"}, [])
    @example({"kind": "query", "id": "\ud800", "text": "\ud800"}, [])
    @example({"kind": "encode", "id": "x" * 101, "texts": ["a"]}, [])
    @example({"kind": "query", "id": 10**5000, "text": "food"}, [])
    @example({"kind": "_fallback", "id": 1}, [])
    @example({"kind": "__init__", "id": 1}, [])
    @example(
        {"kind": "query", "id": 1, "text": {"$ref": "file:///etc/passwd"}}, [PICKLE]
    )
    @(FEWER if name == "xray" else quick)
    def hear(content, buffers):
        with nothing_touched():
            sent = asked(widget, content, buffers)
        assert len(sent) <= 1
        kind = content.get("kind") if isinstance(content, dict) else None
        known = isinstance(kind, str) and kind in widget._answers
        assert bool(sent) == known
        if sent:
            number = content.get("id")
            if isinstance(number, str):
                kept = len(number) <= 100 and number == well_formed(number)
            else:
                kept = isinstance(number, int | float) and abs(number) <= 2**53
            assert sent[0][0]["id"] == (number if kept else None)

    hear()
    assert widget.get_state() == state


@given(
    st.one_of(JSON, st.fixed_dictionaries({"method": TEXTS}, optional={"state": JSON}))
)
@example({"method": "update", "state": {"_esm": "alert(1)", "texts": ["mine"]}})
@example({"method": "update", "state": {"examples": []}, "buffer_paths": [["_esm"]]})
@example({"method": "custom"})
@example({"method": "update"})
@quick
@fault("a front end that sets a widget's code or texts", "they stay the kernel's")
def test_a_front_end_changes_no_state(five, data):
    widget = five["search"]
    state = widget.get_state()
    widget.send = lambda *_: None
    widget._handle_msg({"content": {"data": data}, "buffers": [b"alert(1)"]})
    assert widget.get_state() == state


@given(st.lists(TEXTS, max_size=8), st.integers(0, 400))
@example(["late train " * 90_000] * 3, 0)
@example(["a"], MOST_TEXTS + 1)
@quick
@fault("many long texts for PairProbe at once", "each one's beginning, or a word why")
def test_a_pair_s_texts_are_bounded(texts, more):
    model = StrictModel()
    widget = PairProbe(model, {})
    texts = texts + ["b c"] * more
    ((answer, buffers),) = asked(widget, {"kind": "encode", "id": 7, "texts": texts})
    assert answer["id"] == 7
    if not texts or len(texts) > MOST_TEXTS:
        assert answer["failed"]
    else:
        rows = np.frombuffer(buffers[0], "<f4").reshape(-1, answer["width"])
        assert len(rows) == len(texts)
        lengths = np.linalg.norm(rows, axis=1)
        assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))
    assert model.largest <= MOST_CHARACTERS


@given(TEXTS, TEXTS)
@example("word " * 5000, "b")
@quick
@fault("two odd sentences for PairProbe", "a cosine from -1 to 1, a number a word")
def test_a_probe_of_any_pair_gives_cosines(first, second):
    model = StrictModel()
    widget = PairProbe(model, {"any": (first, second)}, {first: 0.5})
    found = widget.probe(first, second)
    numbers = [found["cosine"], *(n for side in found["without"] for n in side)]
    assert all(number is None or -1.00001 <= number <= 1.00001 for number in numbers)
    for side, text in zip(found["without"], (first, second), strict=True):
        assert len(side) == len(words_of(readable(text)[0]))
    json_packer(widget.page_state())
    assert model.largest < 3 * 40 * LONGEST


@given(TEXTS)
@FEWER
@fault("an odd sentence for TokenXRay", "tokens and matrices that fit together")
def test_a_trace_of_any_text_fits_together(five, text):
    ((answer, buffers),) = asked(five["xray"], {"kind": "trace", "id": 7, "text": text})
    if not text.strip():
        assert answer["failed"]
        return
    count = len(answer["tokens"])
    hidden, attention, own = (np.frombuffer(part, "<f4") for part in buffers)
    assert hidden.size == (answer["layers"] + 1) * count * answer["width"]
    assert attention.size == answer["layers"] * answer["heads"] * count**2
    assert own.size == answer["width"]
    assert np.isfinite(hidden).all() and np.isfinite(own).all()


@fault("a sentence of 1 MB for TokenXRay", "its first 256 pieces, and a word")
def test_a_trace_of_a_megabyte_is_bounded(five):
    content = {"kind": "trace", "id": 7, "text": "late train " * 90_000}
    ((answer, buffers),) = asked(five["xray"], content)
    assert len(answer["tokens"]) == 256
    assert sum(map(len, buffers)) < 24_000_000
    assert "Only the first 100,000 characters" in answer["note"]


# What is shown


class Tags(HTMLParser):
    """Collect a fallback's tags, and the text of its cells."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.cells = set(), [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes += attributes
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


OWN_TAGS = {"div", "p", "table", "caption", "thead", "tbody", "tr", "th", "td"}


def shown_tags(widget):
    data, _ = widget._repr_mimebundle_()
    assert all("\n" not in line for line in [data["text/plain"]])
    read = Tags(data["text/html"])
    assert read.tags <= OWN_TAGS
    assert {name for name, _ in read.attributes} <= {"class", "data-widget", "scope"}
    return read


@given(st.lists(TEXTS, min_size=2, max_size=5), TEXTS, TEXTS)
@example(["<script>", "</td>", "&lt;"], "</script>", "<i onclick=x>")
@FEWER
@fault("HTML in a corpus, a topic, a query or a label", "it is shown as text")
def test_the_fallbacks_are_text(texts, topic, query):
    model = StrictModel()
    rows = [SimpleNamespace(text=t, topic=topic, field=query) for t in texts]
    vectors = model.encode([well_formed(text) for text in texts])
    found = SearchMap(rows, vectors, model, examples=[query])
    read = shown_tags(found)
    if query.strip():
        # HTML has no carriage returns, and a parser drops zero bytes
        shown = {cell.strip() for cell in read.cells}
        assert all(
            plain_cell(well_formed(texts[row])) in {plain_cell(cell) for cell in shown}
            for row, _ in found.examples[0]["hits"][:3]
        )
    shown_tags(ClusterMap(rows, vectors))
    shown_tags(PairProbe(model, {topic: (query, texts[0])}, {topic: 0.5}))
    json_packer(found.page_state())


def plain_cell(text):
    return re.sub(r"\s+", " ", text).strip()


ROWS = st.dictionaries(
    st.one_of(
        st.sampled_from([*model_chooser.NEEDED, "speed", "max_tokens", "sources"]),
        st.sampled_from(["stsb_en", "xquad_en_interval", "clearly_above"]),
        TEXTS,
    ),
    JSON,
    max_size=9,
)
WHOLE = {
    "name": "a",
    "tasks": [],
    "languages": ["en"],
    "licence": "MIT",
    "size_mb": 1.5,
    "dimensions": 8,
}


@given(st.one_of(JSON, st.lists(ROWS.map(lambda row: WHOLE | row), max_size=3)))
@example([WHOLE | {"sources": ["measured"]}])
@example([WHOLE | {"stsb_en": "high"}])
@example([WHOLE | {"size_mb": 10**400, "dimensions": -(10**400)}])
@example([WHOLE | {"name": "\ud800", "\ud800": "\udc00", "tasks": ["\ud800"]}])
@example([WHOLE | {"stsb_en_interval": [1, None]}])
@quick
@fault("rows of any shape for the chooser of models", "a table, or which row is wrong")
def test_the_chooser_takes_rows_or_says_why_not(models):
    try:
        widget = ModelChooser(models)
    except (ValueError, TypeError) as error:
        assert isinstance(error, ValueError) or not isinstance(models, list)
        assert "\n" not in str(error)
        return
    shown_tags(widget)
    json_packer(widget.page_state())


@given(st.lists(st.one_of(TEXTS, LEAVES), max_size=4), LEAVES)
@quick
@fault("a corpus that holds no texts", "which row, and that a text is meant")
def test_a_corpus_of_anything_is_shown_or_refused(corpus, topic):
    vectors = np.ones((len(corpus), 3))
    for rows in (
        corpus,
        [SimpleNamespace(text=x, topic=topic, field="f") for x in corpus],
    ):
        try:
            widget = SearchMap(rows, vectors, StrictModel(), examples=())
        except ValueError as error:
            assert re.match(r"corpus|corpus_embeddings", str(error))
            continue
        assert len(widget.texts) == len(corpus)
        json_packer(widget.page_state())


ROWS_OF_TOPICS = [
    SimpleNamespace(text=text, topic=text[:1], field="f") for text in CORPUS
]


def of_corpus(corpus, vectors=None, layout=None, **settings):
    model = settings.pop("model", StrictModel())
    vectors = StrictModel().encode(CORPUS) if vectors is None else vectors
    return SearchMap(corpus, vectors, model, layout, **({"examples": ()} | settings))


@fault("a corpus as a generator of rows or a column", "its sentences and topics")
@pytest.mark.parametrize("kind", [iter, tuple, pd.Series, np.array])
def test_a_corpus_may_be_anything_with_an_order(kind):
    for widget in (
        of_corpus(kind(ROWS_OF_TOPICS)),
        ClusterMap(kind(ROWS_OF_TOPICS), np.eye(6)),
    ):
        assert widget.texts == CORPUS
        assert [widget.topics[own]["name"] for own in widget.topic_of] == [
            text[:1] for text in CORPUS
        ]


@fault(
    "a table, a set, a mapping, nothing, a number or a text as a corpus",
    "what it is, and that a list is meant",
)
@pytest.mark.parametrize(
    "make", [of_corpus, lambda given: ClusterMap(given, np.eye(6))]
)
@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (pd.DataFrame({"text": CORPUS}), "of the type DataFrame: give a list"),
        (set(CORPUS), "of the type set: give a list"),
        (dict.fromkeys(CORPUS), "of the type dict: give a list"),
        (None, "of the type NoneType: give a list"),
        (5, "of the type int: give a list"),
        ("one", "one text: give a list of them"),
    ],
    ids=["table", "set", "mapping", "nothing", "number", "text"],
)
def test_what_has_no_order_of_texts_is_no_corpus(make, corpus, words):
    with pytest.raises(ValueError, match=f"^corpus is {words}"):
        make(corpus)


LETTERS = torch.tensor(StrictModel().encode(CORPUS))


@fault("vectors as a tensor that learns, or in half precision", "the widget as ever")
@pytest.mark.parametrize(
    "vectors", [LETTERS.clone().requires_grad_(), LETTERS.bfloat16(), LETTERS.half()]
)
def test_any_tensor_of_numbers_is_read(vectors):
    widget = of_corpus(CORPUS, vectors, vectors[:, :2])
    assert widget.answer(CORPUS[0])["hits"][0] == [0, pytest_approx(1)]
    points = np.array(widget.page_state()["points"])
    np.testing.assert_allclose(points, LETTERS[:, :2], atol=1e-4)


@fault(
    "a widget made from what it can't be made from",
    "one sentence: which argument, what it is, what is meant",
)
@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda m: of_corpus(CORPUS, LETTERS + 1j), "its numbers are complex"),
        (lambda m: of_corpus(CORPUS, LETTERS.numpy() + 1j), "its numbers are complex"),
        (lambda m: of_corpus(CORPUS, LETTERS.to("meta")), "no array of numbers"),
        (lambda m: of_corpus(CORPUS, layout=m), r"shape is \(1,\), but 6 sent"),
        (lambda m: of_corpus(CORPUS, layout=np.eye(3)), r"shape is \(3, 3\), but 6"),
        (lambda m: of_corpus([], []), "^corpus is empty"),
        (lambda m: of_corpus(CORPUS, examples=None), "^examples is of the type None"),
        (lambda m: of_corpus(CORPUS, computes="Page"), "^computes is 'Page', and \"k"),
        (lambda m: of_corpus(CORPUS, computes=5), '^computes is 5, and "kernel"'),
        (lambda m: of_corpus(CORPUS, model=None), "^model is None, and a Sentence"),
        (lambda m: PairProbe("all-MiniLM-L6-v2"), "^model is 'all-MiniLM-L6-v2', and"),
        (lambda m: TokenXRay(None), "^model is None, and a SentenceTransformer"),
        (lambda m: PairProbe(LETTERS.numpy()), r"^model is array\(.*, and a Sentence"),
        (lambda m: PairProbe(m, {}, None), "^marks is None, and a mapping is meant"),
        (lambda m: PairProbe(m, {}, [0.5]), r"^marks is \[0.5\], and a mapping"),
        (lambda m: PairProbe(m, {}, {1: 0.5}), "^marks is {1: 0.5}, and a mapping"),
        (lambda m: PairProbe(m, {}, {"a": "x"}), r"^marks\['a'\] is 'x', and a cosine"),
        (lambda m: PairProbe(m, {}, {"a": None}), r"^marks\['a'\] is None, and a co"),
        (lambda m: PairProbe(m, {}, {"a": 10**400}), r"^marks\['a'\] is 10+…, and"),
        (lambda m: corpus_marks(np.ones((1, 4))), "has 1 rows, and marks need"),
    ],
)
def test_what_makes_no_widget_is_told_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words) as caught:
        make(StrictModel())
    assert "\n" not in str(caught.value)


@fault("what holds no pairs of sentences", "which label, and what is meant")
@pytest.mark.parametrize(
    "make", [lambda given: PairProbe(StrictModel(), given), None], ids=["pair", "xray"]
)
@pytest.mark.parametrize(
    ("pairs", "words"),
    [
        (None, " is None, and a mapping is meant"),
        ([("a", "b")], r" is \[\('a', 'b'\)\], and a mapping is meant"),
        ({1: ("a", "b")}, r" is {1: \('a', 'b'\)}, and a mapping is meant"),
        ({"x": None}, r"\['x'\] is of the type NoneType: give a list"),
        ({"x": "ab"}, r"\['x'\] is one text"),
        ({"x": {"a", "b"}}, r"\['x'\] is of the type set"),
        ({"x": ("a", None)}, r"\['x'\]\[1\] is None, and a text is meant"),
        ({"x": ("a",)}, r"\['x'\] holds 1 texts, and two are meant"),
    ],
)
def test_what_are_no_pairs_is_told(real, make, pairs, words):
    name = "pairs" if make else "examples"
    with pytest.raises(ValueError, match=f"^{name}{words}"):
        (make or (lambda given: TokenXRay(real, given)))(pairs)


@fault("vectors of another model than the one that answers", "both widths, the mend")
def test_vectors_of_another_width_are_told():
    note = of_corpus(CORPUS, np.ones((6, 8))).answer("food")["note"]
    assert "its vector has 26 numbers, and corpus_embeddings 8 a sentence" in note
    assert "gufunc" not in note


def test_a_figure_s_html_can_neither_end_early_nor_late():
    import plotly.graph_objects as go

    from widgets.figures import BookRenderer

    for text in ("</script><b>", "<!--<script>", "<!-- "):
        figure = go.Figure(go.Scatter(x=[1], y=[2], text=[text]))
        html = BookRenderer().to_mimebundle(figure.to_dict())["text/html"]
        script = html.partition("<script>")[2]
        assert script.index("</script>") == len(script) - len("</script>")
        assert "<!--" not in script


# Code


FORBIDDEN = {"eval", "exec", "compile", "__import__", "execfile", "breakpoint"}
UNSAFE = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "ctypes"}


def test_no_module_runs_or_unpickles_what_it_reads():
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            where = f"{path.name}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in FORBIDDEN, where
                assert called not in ("os.system", "os.popen", "torch.load"), where
                for keyword in node.keywords:
                    said = ast.unparse(keyword.value)
                    assert (keyword.arg, said) != ("allow_pickle", "True"), where
                    assert (keyword.arg, said) != ("shell", "True"), where
                    assert (keyword.arg, said) != ("trust_remote_code", "True"), where
            if isinstance(node, ast.Import):
                assert not {a.name.split(".")[0] for a in node.names} & UNSAFE, where
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in UNSAFE, where


def test_a_widget_s_code_and_style_are_the_package_s_files(five):
    for widget in five.values():
        assert widget._esm == join(FRONT / f"{widget.front}.js")
        assert widget._css == (FRONT / "style.css").read_text("utf-8")
    known = (FRONT / "page.js").read_text("utf-8").partition("const WIDGETS = {")[2]
    fronts = re.findall(r"(\w+): \w+,", known.partition("}")[0])
    assert sorted(widget.front for widget in five.values()) == sorted(fronts)


# Rows of data


@given(st.binary(max_size=200))
@example(b'{"id": 1}\n{"id":')
@example(b"\xef\xbb\xbf{}")
@example(b'{"id": "a", "text": "\\ud800"}')
@example(b"1e999")
@quick
@fault("a file of any bytes for a data set", "its rows, or one sentence about a line")
def test_any_bytes_are_rows_or_one_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(content)
    form = {"id": str, "text?": str, "relevant?": {str: (1, 2)}, "parts?": [float]}
    try:
        rows = data_files.read_rows(path, form)
    except ValueError as error:
        assert re.fullmatch(rf"{re.escape(str(path))}, line \d+: .*", str(error))
        assert len(str(error)) < len(str(path)) + 250
        return
    assert all(isinstance(row["id"], str) and row["id"].strip() for row in rows)
    json_packer(rows)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=5), st.booleans())
@quick
def test_rows_come_back_as_they_were_written(tmp_path_factory, pairs, escaped):
    rows = [
        {"id": f"row {n}", "text": well_formed(a) + "x", "topic": well_formed(b) + "x"}
        for n, (a, b) in enumerate(pairs)
    ]
    path = tmp_path_factory.getbasetemp() / "rows.jsonl"
    lines = [json.dumps(row, ensure_ascii=escaped) for row in rows]
    path.write_text("\n".join(lines), "utf-8")
    form = {"id": str, "text": str, "topic": str}
    assert data_files.read_rows(path, form) == rows


@given(JSON)
@quick
def test_a_fault_is_said_in_a_few_words(value):
    forms = ({"a": str, "b?": [float]}, [int], {str: (1, 2)}, str, float)
    for form in forms:
        said = data_files.fault_in(value, form, "it")
        assert said.isprintable()
        assert len(said) < 200
        assert len(data_files.shown(value)) <= 40


# Search and its measures


SCORES = st.integers(1, 5).flatmap(
    lambda n: st.lists(
        st.lists(st.floats(-1, 1, width=32), min_size=n, max_size=n),
        min_size=1,
        max_size=4,
    )
)


@given(SCORES)
@quick
def test_ranks_are_places_and_ties_keep_the_corpus_s_order(scores):
    scores = np.array(scores)
    places = search.ranks(scores)
    for row, place in zip(scores, places, strict=True):
        found = np.flatnonzero(row > 0)
        order = sorted(found, key=lambda column: (-row[column], column))
        assert [place[column] for column in order] == list(range(1, len(found) + 1))
        assert (place[row <= 0] == len(row)).all()
    fused = search.fused_scores(scores, scores)
    assert ((fused > 0) & (fused <= 2 / 61)).all()


@given(SCORES, st.randoms(use_true_random=False), st.integers(1, 12))
@quick
def test_measures_stay_between_0_and_1(scores, chance, k):
    scores = np.array(scores)
    assume(scores.shape[1] > 1)
    judged = np.array([[chance.choice([0, 0, 1, 2]) for _ in row] for row in scores])
    judged[:, 0] = 2
    found = search.measure(scores, judged, k)
    assert len(found) == len(scores)
    assert ((found >= 0) & (found <= 1.000001)).all(axis=None)


@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=4))
@example(["", "the"], ["the"])
@example([], ["a"])
@quick
@fault("odd texts and queries for the keyword search", "scores of 0 or more")
def test_keywords_score_any_texts(texts, queries):
    scores = search.keyword_scores(texts, queries)
    assert scores.shape == (len(queries), len(texts))
    assert np.isfinite(scores).all() and (scores >= 0).all()
    words = [set(re.findall(r"\w+", text.lower())) for text in (*texts, *queries)]
    for column in range(len(texts)):
        for row in range(len(queries)):
            if not words[column] or not words[len(texts) + row]:
                assert scores[row, column] == 0


# Clusters, maps, limits


@given(
    st.lists(st.tuples(st.integers(-1, 3), st.integers(0, 3)), min_size=1, max_size=12)
)
@quick
def test_agreement_is_a_share_and_perfect_with_itself(pairs):
    labels, truth = zip(*pairs, strict=True)
    found = clusters.agreement(truth, labels)
    assert all(-1.000001 <= value <= 1.000001 for value in found.values())
    assert found["left_out"] == pytest_approx(np.mean(np.array(labels) == -1))
    assert clusters.agreement(labels, labels)["v_measure"] == pytest_approx(1)


@given(st.lists(st.tuples(TEXTS, st.integers(-1, 2)), max_size=8))
@example([("", 0), ("the", 1)])
@quick
@fault("clusters of texts without a word", "no names, and no error")
def test_clusters_are_named_by_their_own_words(rows):
    texts, labels = [text for text, _ in rows], np.array([n for _, n in rows], int)
    named = clusters.class_words(texts, labels)
    assert set(named) == set(labels.tolist()) - {-1}
    for cluster, words in named.items():
        own = " ".join(text for text, n in rows if n == cluster).lower()
        assert all(word in own for word in words)
    if len(rows):
        central = clusters.central(np.eye(len(rows)), labels)
        assert all(labels[place] == cluster for cluster, place in central.items())


@given(TEXTS, TEXTS, st.integers(1, 9), st.integers(1, 9))
@quick
@fault("odd texts to be cut into pieces", "no word is lost, and their order stays")
def test_pieces_lose_nothing(first, second, size, step):
    text = f"{first}. {second}! Mr. {first}"
    signs = "".join(text.split())
    assert "".join("".join(limits.sentences_of(text)).split()) == signs
    step = min(size, step)
    cut = limits.windows(text, size, step)
    words = text.split()
    again = cut[0].split()
    for window in cut[1:]:
        again += window.split()[size - step :]
    assert again == words
    assert all(len(window.split()) <= size for window in cut)


@given(SCORES)
@quick
def test_a_text_scores_as_its_best_piece(scores):
    scores = np.array(scores)
    owners = [column // 2 for column in range(scores.shape[1])]
    best = limits.best_of_pieces(scores, owners)
    assert best.shape == (len(scores), owners[-1] + 1)
    assert (best.max(axis=1) == scores.max(axis=1)).all()
    gone = limits.missed(np.hstack([best, best[:, :1] - 1]), [0] * len(best))
    assert gone.shape == (len(scores),)
    square = np.resize(scores, (len(scores), max(len(scores), 2)))
    first = tuning.found_first(square)
    assert first.dtype == bool and len(first) == len(square)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), max_size=6))
@quick
def test_a_map_comes_back_as_it_was_stored(points):
    layout = Layout(np.array(points, np.float32).reshape(-1, 2), 1.5, 0.9, 0.8)
    stored = json.loads(as_json(layout, date="today"))
    again = np.array(stored["xy"], np.float32).reshape(-1, 2)
    np.testing.assert_allclose(again, layout.xy, atol=1e-4)


@pytest.mark.parametrize("count", [0, 1, 2, 30])
@fault(
    "a map by UMAP of 30 sentences or fewer", "how many it needs, and what else helps"
)
def test_a_map_of_too_few_is_refused(count):
    with pytest.raises(ValueError, match=f"These are {count} vectors.*needs 31"):
        make_layout(np.ones((count, 4)))


# Probes and rules


@given(TEXTS, TEXTS)
@example("two million", "2,000,000")
@example("million billion", "9" * 400)
@quick
@fault("odd texts for the rules against failures", "a share from 0 to 1")
def test_rules_give_shares(first, second):
    for rule in probes.RULES.values():
        assert 0 <= rule(first, second) <= 1
        assert rule(first, first) == 0
    assert probes.negations(first) >= 0
    assert all(isinstance(number, float) for number in probes.numbers(first))
    back_matter.plain(first)
    assert re.fullmatch(r"term-([a-z0-9]+(-[a-z0-9]+)*)?", back_matter.anchor(first))


@given(TEXTS, TEXTS)
@quick
def test_words_around_hold_the_word_or_it_is_said(text, word):
    try:
        found = probes.words_around(text, word, 2)
    except ValueError as error:
        assert "does not stand in" in str(error)
    else:
        assert word.lower() in found.lower().split()
        assert len(found.split()) <= 5


@given(st.integers(0, 12), st.integers())
@quick
def test_word_order_s_label_is_its_order(count, seed):
    texts, labels = word_order.order_examples(count, seed)
    first, second = word_order.PAIR
    for text, label in zip(texts, labels, strict=True):
        assert (text.index(first) < text.index(second)) == label


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20))
@quick
def test_a_failure_rate_lies_within_its_interval(margins):
    rate = probes.failure_rate(np.array(margins))
    assert -1e-9 <= rate.low <= rate.share + 1e-9
    assert rate.share - 1e-9 <= rate.high <= 1 + 1e-9


# The cache of vectors


@given(st.lists(TEXTS, max_size=8))
@FEWER
@fault("odd texts for the cache of vectors", "each one's own vector, twice the same")
def test_the_cache_gives_each_text_its_own_vector(tmp_path_factory, texts):
    from widgets import vector_cache

    class Sizes:
        def encode(self, some, **_):
            return np.array([[len(t), hash(t) % 97] for t in some], np.float32)

    path = tmp_path_factory.getbasetemp() / "any.sqlite"
    path.unlink(missing_ok=True)
    was, vector_cache.fingerprint = vector_cache.fingerprint, lambda _: b"sizes"
    try:
        with VectorCache(path) as cache:
            for encoded in (len(set(texts)), 0):
                vectors = cache.encode(Sizes(), texts)
                assert cache.encoded == encoded
                assert vectors.tolist() == Sizes().encode(texts).tolist()
    finally:
        vector_cache.fingerprint = was


# The weights' names


@given(TEXTS)
@quick
@fault("any name for a model", "the models that there are")
def test_an_unknown_model_is_refused_in_a_sentence(name):
    assume(name not in weights.MODELS)
    with pytest.raises(weights.WeightsError, match="has no pinned weights of"):
        weights.install(model=name)


@given(st.binary(max_size=90))
@example(b"../../../etc")
@example(b"\x00\xff\n")
@quick
@fault("a damaged name of the weights' state", "they count as missing, in their folder")
def test_a_damaged_state_of_the_weights_names_no_other_folder(
    tmp_path_factory, content
):
    cache = tmp_path_factory.getbasetemp() / "hub"
    reference = weights._home(cache, weights.pinned()) / "refs" / "main"
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_bytes(content)
    folder = weights.model_dir(cache)
    assert folder.parent == reference.parent.parent / "snapshots"
    assert len(weights.problems(folder)) == len(weights.SHA256)


# Checks of the exercises


class SilentError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def raises(*_, **__):
    raise SilentError


def leaves(*_, **__):
    raise SystemExit(3)


PLAIN = st.one_of(
    LEAVES,
    st.just(...),
    st.complex_numbers(),
    st.binary(max_size=5),
    st.sampled_from(["x" * 100_000, "a\nb", np.zeros((2, 3)), np.array(["a"])]),
    st.sampled_from([np.array([np.nan]), np.array([], dtype=object)]),
)
NESTED = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(TEXTS, inner, max_size=4),
        st.sets(st.integers(), max_size=3),
    ),
    max_leaves=8,
)
ANSWERS = st.one_of(
    NESTED,
    NESTED.map(lambda value: lambda *_, **__: value),
    st.sampled_from([raises, leaves, len, object(), int]),
)


def all_checks():
    for module in pkgutil.iter_modules(widgets.checks.__path__):
        found = importlib.import_module(f"widgets.checks.{module.name}")
        for name, check in inspect.getmembers(found, inspect.isfunction):
            if name.startswith("check_"):
                yield pytest.param(check, id=f"{module.name}-{name}")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("check", all_checks())
@fault("any answer to an exercise", "one line that begins with Right or Not yet")
def test_a_check_says_one_line_of_anything(check):
    count = len(inspect.signature(check).parameters)

    @given(st.tuples(*[ANSWERS] * count))
    @settings(max_examples=25 * FURTHER, **calm)
    def try_it(answers):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            check(*answers)
        (line,) = said.getvalue().splitlines()
        assert line.startswith(("Right: ", "Not yet: "))
        assert len(line) < 1100
        line.encode()

    try_it()


@pytest.mark.slow
def test_all_of_this_holds_for_twenty_times_as_many_examples():
    done = subprocess.run(
        [*(sys.executable, "-m", "pytest", "-m", "not slow"), __file__],
        env=os.environ | {"LOOK_FURTHER": "20"},
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:]
