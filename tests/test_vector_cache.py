"""The cache of vectors: survives a crash, and knows one model from another."""

import copy
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer

from widgets import prepare
from widgets.vector_cache import COMMIT_EVERY, VectorCache, fingerprint

ROOT = Path(__file__).parent.parent
TEXTS = ["A cat sleeps.", "Rain fell all day.", "A cat sleeps.", ""]


@pytest.fixture(scope="module")
def model():
    prepare()
    return SentenceTransformer("all-MiniLM-L6-v2")


@pytest.fixture
def changed(model):
    """A copy that a test may change."""
    return copy.deepcopy(model)


@pytest.fixture
def cache(tmp_path):
    with VectorCache(tmp_path / "vectors.sqlite") as opened:
        yield opened


def test_vectors_are_the_models_own_and_each_text_is_encoded_once(cache, model):
    vectors = cache.encode(model, TEXTS)
    assert (cache.found, cache.encoded) == (0, 3)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, model.encode(TEXTS), atol=1e-6)
    again = cache.encode(model, [*TEXTS, "Another one."])
    assert (cache.found, cache.encoded) == (3, 1)
    assert again[:4].tobytes() == vectors.tobytes()
    assert len(cache) == 4


def test_vectors_come_back_after_the_file_was_closed(tmp_path, model):
    path = tmp_path / "vectors.sqlite"
    with VectorCache(path) as first:
        vectors = first.encode(model, TEXTS)
    again = SentenceTransformer("all-MiniLM-L6-v2")
    with VectorCache(path) as second:
        assert second.encode(again, TEXTS).tobytes() == vectors.tobytes()
        assert second.encoded == 0


@pytest.mark.fault("no texts for the cache of vectors", "no vectors, no error")
def test_no_texts_give_no_vectors(cache, model):
    assert len(cache.encode(model, [])) == 0


@pytest.mark.fault(
    "a cache that was closed, or is another thread's",
    "that it must be opened anew; nobody is told to delete a sound file",
)
def test_a_cache_that_is_not_open_here_is_told(tmp_path, model):
    with VectorCache(tmp_path / "vectors.sqlite") as cache:
        cache.encode(model, TEXTS)
        with ThreadPoolExecutor(1) as pool:
            elsewhere = pool.submit(cache.encode, model, TEXTS).exception()
    with pytest.raises(ValueError, match="closed") as caught:
        cache.encode(model, TEXTS)
    for error in (elsewhere, caught.value):
        assert isinstance(error, ValueError)
        assert "vectors.sqlite can't be used here" in str(error)
        assert "Open it anew" in str(error)
        assert "delete" not in str(error)


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        ("abc", "^texts is one text"),
        (None, "^texts is of the type NoneType"),
        ([None], r"^texts\[0\] is None, and a text is meant"),
        (["a", b"a"], r"^texts\[1\] is b'a', and a text is meant"),
    ],
)
@pytest.mark.fault("what are no texts for the cache of vectors", "which, and why")
def test_what_are_no_texts_is_refused(cache, model, texts, words):
    with pytest.raises(ValueError, match=words):
        cache.encode(model, texts)
    assert len(cache) == 0


def nudge_one_weight(model):
    with torch.no_grad():
        weight = model[0].auto_model.encoder.layer[3].output.dense.weight
        weight[7, 7] += 1e-6


def pool_by_maximum(model):
    model[1].pooling_mode = "max"


def read_less(model):
    model.max_seq_length = 16


def halve(model):
    model.half()


def take_a_prompt(model):
    model.prompts = {"query": "find: "}
    model.default_prompt_name = "query"


def keep_fewer_numbers(model):
    model.truncate_dim = 64


def attend_otherwise(model):
    model[0].auto_model.config.num_attention_heads = 6


def learn_a_word(model):
    model.tokenizer.add_tokens(["zorble"])


CHANGES = [
    nudge_one_weight,
    pool_by_maximum,
    read_less,
    halve,
    take_a_prompt,
    keep_fewer_numbers,
    attend_otherwise,
    learn_a_word,
]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.fault("a model changed in any of its parts", "its vectors are made anew")
def test_a_changed_model_never_gets_the_old_vectors(change, model, changed):
    assert fingerprint(changed) == fingerprint(model)
    change(changed)
    assert fingerprint(changed) != fingerprint(model)


@pytest.mark.fault("a cache filled by another model", "no vector of it is used")
def test_a_model_tuned_between_two_calls_is_encoded_anew(cache, changed):
    before = cache.encode(changed, TEXTS)
    with torch.no_grad():
        changed[0].auto_model.embeddings.word_embeddings.weight *= -1
    after = cache.encode(changed, TEXTS)
    assert cache.encoded == 3
    np.testing.assert_allclose(after, changed.encode(TEXTS), atol=1e-6)
    assert np.abs(after - before).max() > 0.01
    assert len(cache) == 6


def test_what_a_model_does_in_passing_leaves_its_fingerprint(model):
    before = fingerprint(model)
    model.encode(["one", "a much longer sentence than the one before it"])
    model.encode(["another"], batch_size=1)
    assert fingerprint(model) == before


@pytest.mark.fault(
    "a model whose numbers cannot be read", "a sentence, and nothing is stored"
)
def test_a_model_without_readable_numbers_is_refused(cache, changed):
    changed.state_dict = dict
    with pytest.raises(ValueError, match="doesn't show its numbers"):
        cache.encode(changed, TEXTS)
    assert len(cache) == 0


@pytest.mark.fault(
    "a letter given as a cache of vectors",
    "it is left as it is, and another path is asked for",
)
def test_another_file_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "letter.txt"
    path.write_text("Dear Agnes, " * 100)
    with pytest.raises(ValueError, match=r"letter\.txt is no cache.*another path"):
        VectorCache(path)
    assert path.read_text().startswith("Dear Agnes")


@pytest.mark.fault(
    "another database given as a cache", "it is no cache, and another path is asked for"
)
def test_a_database_of_another_kind_is_refused(tmp_path):
    path = tmp_path / "others.sqlite"
    with sqlite3.connect(path) as others:
        others.execute("CREATE TABLE vectors (name TEXT)")
    with pytest.raises(ValueError, match="no cache"):
        VectorCache(path)


@pytest.mark.fault("encoding is interrupted", "what was done before is kept")
def test_a_failing_encoder_stores_whole_chunks_only(cache, model, monkeypatch):
    texts = [f"Note {number}." for number in range(2 * COMMIT_EVERY + 10)]
    calls = []

    def fail_in_the_third(chunk, **_):
        calls.append(chunk)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return np.zeros((len(chunk), 4), np.float32)

    monkeypatch.setattr(model, "encode", fail_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        cache.encode(model, texts)
    assert len(cache) == 2 * COMMIT_EVERY


KILLED = """
    import sys, time
    import numpy as np
    from widgets import weights
    weights.quiet()
    from sentence_transformers import SentenceTransformer
    from widgets.vector_cache import VectorCache

    model = SentenceTransformer("all-MiniLM-L6-v2")
    done = []

    def encode(texts, **_):
        done.append(len(texts))
        if len(done) == 3:
            print("in the third chunk", flush=True)
            time.sleep(600)
        return np.full((len(texts), 384), len(done), np.float32)

    model.encode = encode
    VectorCache(sys.argv[1]).encode(model, [f"Text {n}" for n in range(2000)])
"""


@pytest.mark.fault(
    "the process is killed while it encodes", "what was stored before is whole"
)
def test_a_killed_process_leaves_a_sound_file(tmp_path, model):
    path = tmp_path / "vectors.sqlite"
    script = tmp_path / "fill.py"
    script.write_text(textwrap.dedent(KILLED))
    writing = subprocess.Popen(
        [sys.executable, str(script), str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert "third" in writing.stdout.readline()
    writing.send_signal(signal.SIGKILL)
    writing.wait(timeout=60)
    with VectorCache(path) as cache:
        assert len(cache) == 2 * COMMIT_EVERY
        kept = [f"Text {number}" for number in range(2 * COMMIT_EVERY)]
        vectors = cache.encode(model, kept)
        assert cache.encoded == 0
        assert vectors[0, 0] == 1
        assert vectors[-1, 0] == 2
        cache.encode(model, ["Text 1999"])
        assert cache.encoded == 1
