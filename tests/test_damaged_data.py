"""Damaged files: one sentence says which, where in it, what is wrong, and what to do."""

import errno
import json
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from widgets import (
    back_matter,
    corpus,
    data_files,
    limits,
    model_chooser,
    probes,
    teaching,
    training,
    tuning,
    umap_layout,
)
from widgets.cluster_map import ClusterMap
from widgets.corpus import DATA, Query, Sentence, load_corpus, load_queries
from widgets.search import grades
from widgets.vector_cache import COMMIT_EVERY, VectorCache

ROW = '{"id": "tea-01", "text": "Tea is hot.", "topic": "tea", "field": "food"}'
SENTENCE = Sentence("tea-01", "Tea is hot.", "tea", "food")
NAMED = "the file, the row, what is wrong, and what to do"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A copy of the data that a test may damage, where all readers look."""
    folder = tmp_path / "data"
    (folder / "measurements").mkdir(parents=True)
    for path in (*DATA.glob("*.json*"), *DATA.glob("*.npy")):
        shutil.copy(path, folder)
    for module in (data_files, corpus, umap_layout):
        monkeypatch.setattr(module, "DATA", folder)
    return folder


def sentence_of(error):
    """Return an error's message, once it is sure that it is one sentence."""
    text = str(error.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def fault(what, outcome=NAMED):
    return pytest.mark.fault(what, outcome)


# A row of the corpus


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(
            '{"id": "tea-02", "text": "Te',
            r"no JSON \(Unterminated string.*, column 26\)",
            marks=fault("a row of the corpus cut short"),
        ),
        pytest.param(
            '{"id": "tea-02", "text": "Tea", "topic": "tea"}',
            "field is missing",
            marks=fault("a row without a field"),
        ),
        pytest.param(
            ROW.replace('"Tea is hot."', "5"),
            "text is 5, and a text is meant",
            marks=fault("a row with a number for a text"),
        ),
        pytest.param(
            ROW.replace("Tea is hot.", " \\t"),
            "text is empty",
            marks=fault("a row of nothing but spaces"),
        ),
        pytest.param(
            ROW.replace("hot", "cold"),
            "the id 'tea-01' is taken by line 1",
            marks=fault("two rows with one id", "both lines, and what to do"),
        ),
        pytest.param(
            ROW.replace("tea-01", "tea-02").replace("hot", "\\ud83d"),
            r"half a character \(a lone surrogate\)",
            marks=fault("half an emoji in a row"),
        ),
        pytest.param("[1, 2]", "an object with fields is meant", marks=fault("a list")),
        pytest.param("[" * 9999, "no JSON", marks=fault("9,999 brackets in a row")),
        pytest.param("9" * 9999, "no JSON", marks=fault("a number of 9,999 digits")),
        pytest.param(
            ROW.replace('"tea-01"', "NaN"),
            "no JSON.*NaN is no number",
            marks=fault("NaN in a row"),
        ),
    ],
)
def test_a_damaged_row_is_named(data, line, words):
    path = data / "corpus.jsonl"
    path.write_text(f"{ROW}\n{line}\n", "utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        load_corpus()
    said = sentence_of(caught)
    assert said.startswith(f"{path}, line 2: ")
    assert said.endswith("; mend it, or put the book's own corpus.jsonl back.")


@fault("a row in another encoding than UTF-8")
def test_bytes_that_are_no_text_are_named(data):
    path = data / "corpus.jsonl"
    path.write_bytes(f"{ROW}\n".encode() + ROW.replace("hot", "café").encode("latin-1"))
    with pytest.raises(ValueError, match="line 2: byte 37 is no UTF-8") as caught:
        load_corpus()
    sentence_of(caught)


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        pytest.param("\ufeff", "\n", marks=fault("a byte order mark", "all is read")),
        pytest.param("", "\r\n", marks=fault("Windows' line ends", "all is read")),
        pytest.param("\n", "\n\n \n", marks=fault("blank lines", "all is read")),
        pytest.param("", "", marks=fault("no last line end", "all is read")),
    ],
)
def test_what_editors_do_to_a_file_is_no_fault(data, begin, end):
    path = data / "corpus.jsonl"
    path.write_bytes(f"{begin}{ROW}{end}".encode())
    assert load_corpus() == (SENTENCE,)


@fault("a line separator (U+2028) within a text", "one row, as it was written")
def test_a_separator_within_a_text_ends_no_row(data):
    text = "One\u2028two\x85three"
    row = {"id": "a", "text": text, "topic": "b", "field": "c"}
    path = data / "corpus.jsonl"
    path.write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    assert load_corpus() == (Sentence(**row),)


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("corpus.jsonl", load_corpus),
        ("queries.jsonl", load_queries),
        ("corpus_vectors.npy", corpus.load_vectors),
        ("corpus_layout.json", umap_layout.load_layout),
        ("lesson_plans.json", teaching.lesson_plans),
        ("measurements/models.json", model_chooser.load_models),
    ],
)
@fault("a file of the data missing", "the file, and what to do")
def test_a_missing_file_is_named(data, name, load):
    (data / name).unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError) as caught:
        load()
    said = sentence_of(caught)
    assert said.startswith(f"{data / name} is missing; ")
    assert "put the book's own" in said


@pytest.mark.parametrize(
    ("name", "load"),
    [
        ("queries.jsonl", load_queries),
        ("long_texts.jsonl", limits.load_long_texts),
        ("hopeless.jsonl", limits.load_hopeless),
        ("probes.jsonl", lambda: probes.load_probes("sense")),
        ("training_pairs.jsonl", lambda: training.load_pairs("train")),
        ("domain_pairs.jsonl", lambda: tuning.load_triples("law")),
    ],
)
@fault("any other data set, with a field missing or of another type")
def test_every_data_set_is_checked_row_by_row(data, name, load):
    whole = load()
    path = data / name
    lines = path.read_text("utf-8").splitlines()
    row = json.loads(lines[4])
    needed = [field for field in row if field not in ("id", "title", "twin", "hint")]
    for field in needed:
        for harmed in (
            {name: value for name, value in row.items() if name != field},
            row | {field: 7},
        ):
            changed = [*lines[:4], json.dumps(harmed), *lines[5:]]
            path.write_text("\n".join(changed), "utf-8")
            with pytest.raises(ValueError, match=rf"line 5: {field} is ") as caught:
                load()
            sentence_of(caught)
    path.write_text("\n".join(lines), "utf-8")
    assert load() == whole


@fault("a query that names a sentence which isn't there", "the query and the id")
def test_a_query_that_names_nobody_is_named():
    query = Query("q-7", "tea?", "question", {"tea-01": 2, "tea-99": 1})
    with pytest.raises(ValueError, match=r"'q-7' names 'tea-99'.*no such") as caught:
        grades([query], [SENTENCE])
    sentence_of(caught)


@pytest.mark.parametrize("grade", [0, 3, 1.0, True, "2", None])
@fault("a grade that is neither 1 nor 2")
def test_a_wrong_grade_is_named(data, grade):
    row = {"id": "q", "text": "tea?", "kind": "question", "relevant": {"a": grade}}
    (data / "queries.jsonl").write_text(json.dumps(row), "utf-8")
    with pytest.raises(ValueError, match=r"line 1: relevant\.a is .*1 or 2 is meant"):
        load_queries()


# The stored vectors and the map


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def empty(path):
    path.write_bytes(b"")


def letter(path):
    path.write_text("Dear Agnes")


def as_objects(path):
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)


def as_words(path):
    np.save(path, np.full((1280, 384), "a"))


def a_row_less(path):
    np.save(path, np.load(path)[:-1])


def flat(path):
    np.save(path, np.load(path).ravel())


def nan_in_row_8(path):
    vectors = np.load(path)
    vectors[7, 3] = np.nan
    np.save(path, vectors)


def zeros_in_row_8(path):
    vectors = np.load(path)
    vectors[7] = 0
    np.save(path, vectors)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param(cut, "whole NumPy file", marks=fault("stored vectors cut short")),
        pytest.param(
            empty, "whole NumPy file", marks=fault("stored vectors of 0 bytes")
        ),
        pytest.param(letter, "whole NumPy file", marks=fault("a letter for vectors")),
        pytest.param(
            as_objects,
            "whole NumPy file",
            marks=fault("a pickle for vectors", "it is not opened; what to do"),
        ),
        pytest.param(as_words, "array of <U1", marks=fault("words for numbers")),
        pytest.param(
            a_row_less, r"\(1279, 384\).*1280 sent", marks=fault("a row less")
        ),
        pytest.param(flat, r"has the shape \(491520,\)", marks=fault("a wrong shape")),
        pytest.param(
            nan_in_row_8, "row 8: .*no number", marks=fault("NaN in a vector")
        ),
        pytest.param(zeros_in_row_8, "row 8: .*zeros", marks=fault("a zero vector")),
    ],
)
def test_damaged_vectors_are_told(data, harm, words):
    path = data / "corpus_vectors.npy"
    harm(path)
    with pytest.raises(ValueError, match=words) as caught:
        corpus.load_vectors()
    said = sentence_of(caught)
    assert said.startswith(str(path))
    assert "put the book's own" in said


def without_a_point(stored):
    stored["xy"].pop()


def with_nan(stored):
    stored["xy"][3][1] = float("nan")


def with_three(stored):
    stored["xy"][3].append(1.0)


def with_a_word(stored):
    stored["xy"][3][1] = "1.0"


def with_another_seed(stored):
    stored["settings"]["random_state"] = 43


def of_other_vectors(stored):
    stored["vectors_sha256"] = "0" * 64


def without_curve(stored):
    del stored["a"]


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        pytest.param(
            without_a_point,
            "1279 points, but .* 1280",
            marks=fault("a map less a point"),
        ),
        pytest.param(with_nan, "no JSON.*NaN", marks=fault("NaN on the map")),
        pytest.param(with_three, "point 4: .*no pair", marks=fault("a point in space")),
        pytest.param(with_a_word, r"xy\[3\]\[1\] is '1.0'", marks=fault("a word as x")),
        pytest.param(
            with_another_seed, "random_state': 43", marks=fault("a map by another seed")
        ),
        pytest.param(
            of_other_vectors,
            "from other vectors",
            marks=fault("a map of other vectors"),
        ),
        pytest.param(without_curve, "a is missing", marks=fault("a map without curve")),
    ],
)
def test_a_damaged_map_is_told(data, harm, words):
    path = data / "corpus_layout.json"
    stored = json.loads(path.read_text("utf-8"))
    harm(stored)
    path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        umap_layout.load_layout()
    said = sentence_of(caught)
    assert said.startswith(str(path))
    assert "put the book's own" in said


@fault("a corpus that grew, with its old vectors and map", "both files, `make data`")
def test_a_corpus_that_grew_asks_for_new_vectors(data):
    with (data / "corpus.jsonl").open("a") as file:
        file.write(ROW)
    for load in (corpus.load_vectors, umap_layout.load_layout):
        with pytest.raises(ValueError, match=r"1281 sentences.*run `make data`"):
            load()


# Measurements and plans


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda stored: stored.pop("rows"), "rows is missing"),
        (
            lambda stored: stored["rows"][2].pop("licence"),
            r"rows\[2\]\.licence is miss",
        ),
        (lambda stored: stored["rows"][2].update(size_mb="big"), r"size_mb is 'big'"),
        (lambda stored: stored["rows"].insert(0, None), r"rows\[0\] is None"),
    ],
)
@fault("damaged measurements of the models", "the file, the place, what to do")
def test_damaged_measurements_are_told(data, harm, words):
    stored = json.loads((DATA / "measurements" / "models.json").read_text("utf-8"))
    harm(stored)
    path = data / "measurements" / "models.json"
    path.write_text(json.dumps(stored), "utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        model_chooser.load_models()
    assert sentence_of(caught).startswith(str(path))


@fault("a measurement cut short", "the file and the place")
def test_a_cut_measurement_is_told_in_the_appendix(data, monkeypatch):
    monkeypatch.setattr(back_matter, "DATA", data)
    (data / "measurements" / "cost.json").write_text('{"date": "2026')
    with pytest.raises(ValueError, match=r"cost\.json: this is no JSON") as caught:
        back_matter.measurements()
    sentence_of(caught)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda plans: plans.pop("courses"), "courses is missing"),
        (
            lambda plans: plans["chapters"]["search"]["goals"][1].pop("tested_by"),
            r"chapters\.search\.goals\[1\]\.tested_by is missing",
        ),
        (
            lambda plans: plans["chapters"]["search"]["plans"][0].update(minutes="50"),
            r"chapters\.search\.plans\[0\]\.minutes is '50', and a whole number",
        ),
    ],
)
@fault("a damaged lesson plan", "the file, the place, what to do")
def test_a_damaged_lesson_plan_is_told(data, harm, words):
    path = data / "lesson_plans.json"
    plans = json.loads(path.read_text("utf-8"))
    harm(plans)
    path.write_text(json.dumps(plans), "utf-8")
    with pytest.raises(ValueError, match=words) as caught:
        teaching.lesson_plans()
    assert sentence_of(caught).startswith(str(path))


@fault("any of these in a notebook", "the traceback ends in that sentence")
def test_in_a_notebook_the_last_line_is_the_sentence(data, capsys):
    from IPython.core.interactiveshell import InteractiveShell

    (data / "corpus.jsonl").write_text(f"{ROW}\n{ROW}")
    shell = InteractiveShell(colors="nocolor")
    shell.run_cell("from widgets import load_corpus\nload_corpus()")
    said = capsys.readouterr().out.strip().splitlines()
    assert said[-1].startswith("ValueError: ")
    assert said[-1].endswith("put the book's own corpus.jsonl back.")
    assert not any("JSONDecodeError" in line for line in said)


# The state that a page is given


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.ones((2, 4)), "encode exactly these"),
        (np.full((3, 4), np.inf), "no numbers"),
        (np.ones(3), "encode exactly these"),
        (np.full((3, 4), "a"), "no array of numbers"),
        (None, "no array of numbers"),
        ([[1, 2], [3], [4]], "no array of numbers"),
    ],
)
@fault("a map of sentences with vectors that aren't theirs", "what is wrong, the mend")
def test_a_widget_refuses_vectors_that_are_not_the_corpus_s(vectors, words):
    with pytest.raises(ValueError, match=words) as caught:
        ClusterMap(["a", "b", "c"], vectors)
    sentence_of(caught)


# The cache of vectors


class Counter:
    """A model that encodes at once, and is known to the cache by a name."""

    def __init__(self):
        self.seen = []

    def encode(self, texts, **_):
        self.seen += texts
        return np.array([[len(text), 1, 2, 3] for text in texts], np.float32)


@pytest.fixture
def model(monkeypatch):
    from widgets import vector_cache

    monkeypatch.setattr(vector_cache, "fingerprint", lambda model: b"a name")
    return Counter()


TEXTS = [f"Note {number}." for number in range(2 * COMMIT_EVERY)]


@pytest.fixture
def filled(tmp_path, model):
    path = tmp_path / "vectors.sqlite"
    with VectorCache(path) as cache:
        cache.encode(model, TEXTS)
    model.seen.clear()
    return path


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.9, 0.99, 0.99999])
@fault("a cache of vectors cut short", "which file, and that it can be filled again")
def test_a_cut_cache_is_told_and_can_be_made_again(filled, model, share):
    content = filled.read_bytes()
    filled.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match=r"damaged one.*delete the file") as caught:
        VectorCache(filled)
    assert sentence_of(caught).startswith(str(filled))
    filled.unlink()
    with VectorCache(filled) as cache:
        cache.encode(model, TEXTS)
        assert len(cache) == len(TEXTS)


@fault("the disk is full while vectors are stored", "a sentence; what was stored stays")
def test_a_full_disk_is_told_and_keeps_what_is_there(tmp_path, model):
    path = tmp_path / "vectors.sqlite"
    with VectorCache(path) as cache:
        cache.encode(model, TEXTS[:COMMIT_EVERY])
        pages = cache._file.execute("PRAGMA page_count").fetchone()[0]
        cache._file.execute(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(
            OSError, match=r"The disk is full.*run this again"
        ) as caught:
            cache.encode(model, TEXTS)
        assert caught.value.errno == errno.ENOSPC
        assert caught.value.filename == str(path)
        assert len(cache) == COMMIT_EVERY
    with VectorCache(path) as cache:
        cache.encode(model, TEXTS)
        assert (cache.found, cache.encoded) == (COMMIT_EVERY, COMMIT_EVERY)


@fault(
    "a cache that may only be read", "what it holds is read; a sentence for the rest"
)
def test_a_read_only_cache_still_answers(filled, model):
    with VectorCache(filled) as cache:
        cache._file.execute("PRAGMA query_only = ON")
        assert len(cache.encode(model, TEXTS)) == len(TEXTS)
        assert model.seen == []
        with pytest.raises(OSError, match=r"read-only.*stays") as caught:
            cache.encode(model, [*TEXTS, "One more."])
        assert caught.value.errno == errno.EROFS
        assert len(cache) == len(TEXTS)


@fault("a cache in a folder that isn't there", "a sentence that asks for the folder")
def test_a_cache_without_its_folder_is_told(tmp_path):
    with pytest.raises(OSError, match="is its folder there") as caught:
        VectorCache(tmp_path / "none" / "vectors.sqlite")
    assert caught.value.errno == errno.EACCES


@fault("a damaged vector in a cache", "it is encoded anew and replaced")
@pytest.mark.parametrize("blob", [b"abc", np.full(4, np.nan, "<f4").tobytes()])
def test_a_damaged_vector_is_encoded_anew(filled, model, blob):
    with VectorCache(filled) as cache, cache._file:
        cache._file.execute("UPDATE vectors SET vector = ? WHERE rowid = 3", (blob,))
    with VectorCache(filled) as cache:
        vectors = cache.encode(model, TEXTS)
        assert cache.encoded == 1
        assert np.isfinite(vectors).all()
        cache.encode(model, TEXTS)
        assert cache.encoded == 0


@fault("a model that gives NaN", "nothing of it is stored, and a sentence")
def test_what_is_no_number_is_never_stored(tmp_path, model, monkeypatch):
    monkeypatch.setattr(
        model, "encode", lambda texts, **_: np.full((len(texts), 2), np.nan)
    )
    with VectorCache(tmp_path / "vectors.sqlite") as cache:
        with pytest.raises(ValueError, match=r"no numbers.*not stored"):
            cache.encode(model, ["a"])
        assert len(cache) == 0


WRITER = """
    import sys
    import numpy as np
    from widgets import vector_cache

    class Counter:
        def encode(self, texts, **_):
            return np.array([[len(text), 1, 2, 3] for text in texts], np.float32)

    vector_cache.fingerprint = lambda model: b"a name"
    start = int(sys.argv[2])
    with vector_cache.VectorCache(sys.argv[1]) as cache:
        texts = [f"Note {number}." for number in range(start, start + 4000)]
        vectors = cache.encode(Counter(), texts)
        print(int((vectors[:, 0] == [len(text) for text in texts]).sum()))
"""


@fault("two processes fill one cache at once", "both get all vectors, none is lost")
def test_two_writers_share_a_cache(tmp_path):
    path = tmp_path / "vectors.sqlite"
    command = [sys.executable, "-c", textwrap.dedent(WRITER), str(path)]
    root = Path(__file__).parent.parent
    writers = [
        subprocess.Popen([*command, start], stdout=subprocess.PIPE, text=True, cwd=root)
        for start in ("0", "2000", "0")
    ]
    assert [writer.communicate(timeout=300)[0] for writer in writers] == ["4000\n"] * 3
    with VectorCache(path) as cache:
        assert len(cache) == 6000
