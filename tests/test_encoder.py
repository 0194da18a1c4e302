"""The page's encoder against Python: token ids, vectors, layers, hits, and its build.

Deno runs the page's own modules, so no browser is needed here.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import random
import shutil
import struct
import subprocess
import sys
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries, load_vectors
from widgets.encoder import build
from widgets.encoder.pack import HEADER, checksum, pack

DRIVER = Path(__file__).with_name("encoder_driver.js")
PASTA = "A man is eating pasta."
SURROGATES = range(0xD800, 0xE000)


# ------------------------------------------------------------------ what is compared


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The encoder's two files, made from the sources as they are now."""
    folder = tmp_path_factory.mktemp("built")
    build.compile_encoder(folder / build.CODE)
    pack(weights.verify(), folder / build.WEIGHTS)
    return folder


@pytest.fixture(scope="session")
def raw(built):
    """The weights file, unzipped."""
    return gzip.decompress((built / build.WEIGHTS).read_bytes())


@pytest.fixture(scope="session")
def model():
    weights.quiet()
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(weights.MODEL, device="cpu")


@pytest.fixture
def run(built, tmp_path):
    """Runs one of the driver's jobs, with the built files or with others."""

    def job(do, code=None, packed=None, **more):
        folder = tmp_path / do
        folder.mkdir(exist_ok=True)
        text = {
            "do": do,
            "folder": str(folder),
            "wasm": str(code or built / build.CODE),
            "weights": str(packed or built / build.WEIGHTS),
        }
        (folder / "job.json").write_text(json.dumps(text | more), "utf-8")
        options = ["-A", "--no-config", "--quiet", "--location", "http://127.0.0.1"]
        command = [sys.executable, "-m", "deno", "run", *options]
        done = subprocess.run(
            [*command, str(DRIVER), str(folder / "job.json")],
            env=_environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return json.loads((folder / "answer.json").read_text("utf-8"))

    job.numbers = lambda do, name, kind="<f4": np.fromfile(tmp_path / do / name, kind)
    return job


def _environment(folder):
    return os.environ | {"DENO_DIR": str(folder / "deno"), "NO_COLOR": "1"}


def _repacked(raw, path):
    """A weights file whose checksum is right whatever its content is."""
    head = struct.pack("<4sI2Q", *struct.unpack_from("<4sI", raw), *checksum(raw[24:]))
    path.write_bytes(gzip.compress(head + raw[24:], 1))
    return path


def _cosines(a, b):
    lengths = np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1)
    return (a * b).sum(-1) / lengths


# ------------------------------------------------------------------ token ids


def _python_ids(tokenizer, texts):
    # What becomes of half a surrogate pair when a text is written as UTF-8
    whole = [
        text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        for text in texts
    ]
    return tokenizer(whole, truncation=True, max_length=256)["input_ids"]


def _sentences(draw):
    """Plain sentences, a few made strange: marks, cases, numbers, glued words."""
    words = [word for row in load_corpus() for word in row.text.split()]
    for _ in range(4000):
        text = " ".join(draw.choices(words, k=draw.randint(1, 30)))
        yield draw.choice(
            [
                text,
                text.upper(),
                text.title(),
                text.replace(" ", draw.choice(["", "\t", "\r\n", "  ", "-", "_", "/"])),
                f"{text} {draw.random() * 10 ** draw.randint(-3, 9):,.3f} € 12:30",
                unicodedata.normalize(
                    "NFD", text.translate(str.maketrans("aeiou", "àéîöų"))
                ),
                "".join(draw.sample(text, len(text))),
            ]
        )


def _blocks(draw):
    """Words from every stretch of Unicode that has any characters."""
    for start in range(0, 0x110000, 128):
        letters = [
            chr(point)
            for point in range(start, start + 128)
            if point not in SURROGATES and unicodedata.category(chr(point)) != "Cn"
        ]
        for _ in range(4 if letters else 0):
            words = (
                "".join(draw.choices(letters, k=draw.randint(1, 9))) for _ in range(8)
            )
            yield draw.choice([" ", " ", "a", "é", ""]).join(words)


def _strange(draw):
    """Emoji, joiners, controls, special tokens, very long texts, bytes, halves."""
    emoji = [
        "👩‍👩‍👧‍👦",
        "🏳️‍🌈",
        "👍🏽",
        "🇩🇪",
        "❤️",
        "⌚",
        "1️⃣",
        "🫠",
        "🧑🏿‍🚀",
        "\u200d",
        "\ufe0f",
    ]
    special = [
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[PAD]",
        "[UNK]",
        "[unused7]",
        "[cls]",
        "[SEP",
    ]
    halves = [chr(draw.choice(SURROGATES)) for _ in range(40)]
    controls = [chr(point) for point in (*range(32), *range(127, 161), 0x2028, 0xFFFD)]
    plain = [
        "word",
        "naïve",
        "don't",
        "straße",
        "東京",
        "한국어",
        "İx",
        "ǅ",
        "x",
        " ",
        " ",
        ". ",
    ]
    for kind in (emoji, special, halves, controls):
        for _ in range(400):
            yield "".join(draw.choices(kind + plain, k=draw.randint(1, 24)))
    for _ in range(1500):
        data = draw.randbytes(draw.randint(1, 60))
        yield data.decode(
            draw.choice(["utf-8", "utf-16-le", "latin-1", "cp1252"]), "replace"
        )
    for length in (98, 99, 100, 101, 252, 253, 254, 255, 256, 257, 5000):
        for letter in "aé漢🙂ß'ሀ각":
            yield letter * length
            yield f"{letter} " * length
    yield from ("", " ", "\0", "\n", "​", "0", "a" * 200_000, "the cat sat " * 20_000)


@pytest.mark.fault(
    "over 10,000 texts: sentences, all blocks of Unicode, emoji, bytes, halves",
    "Python's ids",
)
def test_token_ids_are_pythons_on_more_than_ten_thousand_texts(model, run):
    draw = random.Random(7)
    texts = [*_sentences(draw), *_blocks(draw), *_strange(draw)]
    texts += [row.text for row in load_corpus()] + [row.text for row in load_queries()]
    assert len(texts) >= 10_000
    wanted = _python_ids(model.tokenizer, texts)
    wrong = [
        (text[:80], found[:12], want[:12])
        for text, found, want in zip(
            texts, run("ids", texts=texts), wanted, strict=True
        )
        if found != want
    ]
    assert not wrong, f"{len(wrong)} texts get other ids, as {wrong[:3]}"


PLANES = [range(0x10000 * plane, 0x10000 * (plane + 1)) for plane in range(17)]
KINDS = [
    *PLANES,
    range(0x00, 0x20),  # controls, NUL among them
    range(0x80, 0x300),  # Latin, which loses its marks
    range(0x300, 0x370),  # combining marks
    range(0x590, 0x700),  # Hebrew and Arabic, from right to left
    range(0x1100, 0x1200),  # Hangul in its parts
    range(0x2000, 0x2070),  # spaces, joiners, what turns the direction
    range(0x20D0, 0x2100),  # marks that enclose
    range(0xAC00, 0xD7B0),  # Hangul whole
    SURROGATES,  # halves of characters
    range(0xFB00, 0xFB50),  # ligatures
    range(0xFDD0, 0xFDF0),  # no characters, and none ever will be
    range(0xFE00, 0xFE10),  # variation selectors
    range(0xFF00, 0x10000),  # wide and narrow twins of other signs
    # What is case, space or mark in one table and not in another
    [ord(sign) for sign in "İıſßẞΣςǅŉﬃK\u0345\u1680\u180e\u3000\u2028\u2029\ufeff"],
    [ord(sign) for sign in "\x1c\x1d\x1e\x1f\x85\x00\ufffd\u200b\u200d\u2060\xad"],
    range(0x1F1E6, 0x1F200),  # flags' letters
    range(0x1F300, 0x1FB00),  # emoji
    range(0xE0000, 0xE01F0),  # tags, and more variation selectors
]


def _fuzz(draw, count, longest):
    """Strings of all kinds of characters, `longest` signs at most, most of them short."""
    plain = [ord(sign) for sign in "aeiou stn.,?!019 \t\n-'[]#"]
    for _ in range(count):
        length = int(longest ** draw.random() * draw.random())
        kinds = draw.choices(KINDS, k=draw.randint(1, 3))
        kinds += [plain] * draw.randint(0, 4)
        run = draw.choice([1, 1, 3, 40])
        points = (draw.choice(draw.choice(kinds)) for _ in range(length // run + 1))
        yield "".join(chr(point) * draw.randint(1, run) for point in points)[:length]


def check_fuzz(model, run, texts):
    wanted = _python_ids(model.tokenizer, texts)
    fuzzed = run("fuzz", texts=texts, encodeEach=max(1, len(texts) // 60))
    wrong = [
        (ascii(text[:60]), len(text), found[:12], want[:12])
        for text, found, want in zip(texts, fuzzed["ids"], wanted, strict=True)
        if found != want
    ]
    assert not wrong, f"{len(wrong)} texts get other ids, as {wrong[:3]}"
    assert fuzzed["finite"] >= min(60, len(texts))
    # The weights, and room for 256 tokens: no text however long asks for more
    assert fuzzed["after"] == fuzzed["before"] <= 48 * 2**20


@pytest.mark.fault(
    "2,500 strings from all planes of Unicode, up to 20,000 signs",
    "Python's ids, no exception, no byte of memory more",
)
def test_any_string_gets_python_s_ids_in_the_same_memory(model, run):
    draw = random.Random(11)
    check_fuzz(model, run, ["", *_fuzz(draw, 2500, 20_000)])


@pytest.mark.slow
@pytest.mark.fault(
    "20,000 strings from all planes of Unicode, up to 1 MB",
    "Python's ids, no exception, no byte of memory more",
)
@pytest.mark.parametrize("seed", range(4))
def test_any_of_twenty_thousand_strings_gets_python_s_ids(model, run, seed):
    draw = random.Random(seed)
    texts = [*_fuzz(draw, 5000, 10_000), *_fuzz(draw, 6, 1_000_000)]
    for sign in ("a", " ", "a b ", "\u0301", "\ud83d", "\0", "[SEP]", "漢", "😀"):
        texts.append(sign * (250_000 * (1 + seed) // len(sign)))
    assert len(texts) >= 5000 and max(map(len, texts)) >= 250_000 * (1 + seed)
    check_fuzz(model, run, texts)


@pytest.mark.fault("every code point, alone and within words", "Python's ids")
def test_every_character_is_treated_as_in_python(model, run):
    size = 512
    blocks = [
        (start, start + size - 1)
        for start in range(0, 0x110000, size)
        if start not in SURROGATES
    ]
    run("characters", blocks=blocks)
    texts = [
        "".join(f"a{chr(p)}b {chr(p)} " for p in range(first, last + 1))
        for first, last in blocks
    ]
    wanted = model.tokenizer.backend_tokenizer
    wanted.no_truncation()
    wanted.no_padding()
    found = run.numbers("characters", "ids", "<u4")
    at = 0
    for (first, last), answer in zip(blocks, wanted.encode_batch(texts), strict=True):
        ids = answer.ids
        assert (found[at : at + len(ids)] == ids).all(), (
            f"U+{first:04X} to U+{last:04X}"
        )
        at += len(ids)
    assert at == len(found)


def test_marks_that_could_change_places_are_unknown_letters_anyway(model):
    """Canonical order isn't done in the page: no token could tell the difference."""
    letters = set("".join(model.tokenizer.get_vocab()))
    assert not [
        letter
        for letter in letters
        if unicodedata.combining(letter) and unicodedata.category(letter) != "Mn"
    ]


# ------------------------------------------------------------------ vectors


def _texts(count):
    corpus = [row.text for row in load_corpus()]
    odd = [
        "", "?", "a", "[MASK]", "Ünïcödé ÀÉÎ", "日本語の文", "مرحبا بالعالم", "привет, мир",
        "👩‍👩‍👧‍👦 🏳️‍🌈", "!" * 60, "x" * 101, "0 1 2 3 4 5 6 7 8 9", "NOT GOOD", "not good",
        "word " * 300, " ".join(corpus[40:80]).upper(),
    ]  # fmt: skip
    step = len(corpus) // (count - len(odd))
    return odd + [text[:1000] for text in corpus[::step]]


def check_vectors(model, run, **files):
    texts = _texts(520)
    assert len(texts) >= 500
    run("vectors", texts=texts, **files)
    found = run.numbers("vectors", "vectors").reshape(len(texts), -1)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    cosines = _cosines(found, model.encode(texts, show_progress_bar=False))
    assert cosines.mean() >= 0.999, cosines.mean()
    assert cosines.min() >= 0.995, (texts[int(cosines.argmin())], cosines.min())


def check_traces(model, run, texts, furthest=0.06, **files):
    """Every token at every layer, and who looks at whom, against torch."""
    import torch

    answers = run("traces", texts=texts, **files)
    kinds = ("hidden", "attention", "pooled")
    found = {kind: run.numbers("traces", kind) for kind in kinds}
    at = dict.fromkeys(kinds, 0)

    def next_as(kind, shape):
        start = at[kind]
        at[kind] += int(np.prod(shape))
        return found[kind][start : at[kind]].reshape(shape)

    bert, tokenizer = model
    for text, answer in zip(texts, answers, strict=True):
        ids = tokenizer(text, truncation=True, max_length=256)["input_ids"]
        assert answer["ids"] == ids
        assert answer["tokens"] == tokenizer.convert_ids_to_tokens(ids)
        with torch.no_grad():
            out = bert(
                torch.tensor([ids]), output_hidden_states=True, output_attentions=True
            )
        for layer, state in enumerate(out.hidden_states):
            want = state[0].numpy()
            state = next_as("hidden", want.shape)
            cosines = _cosines(state, want)
            assert cosines.mean() >= 0.999, (text, layer, cosines.mean())
            gap = np.linalg.norm(state - want, axis=1) / np.linalg.norm(want, axis=1)
            assert gap.max() <= furthest, (text, layer, gap.max())
        for layer, heads in enumerate(out.attentions):
            want = heads[0].numpy()
            gap = np.abs(next_as("attention", want.shape) - want).max()
            assert gap <= furthest, (text, layer, gap)
        want = out.last_hidden_state[0].mean(0).numpy()
        assert _cosines(next_as("pooled", want.shape), want) >= 0.998
    assert all(at[kind] == len(found[kind]) for kind in kinds)


@pytest.fixture(scope="session")
def bert(model):
    from transformers import BertModel

    folder = str(weights.model_dir())
    return BertModel.from_pretrained(
        folder, attn_implementation="eager"
    ), model.tokenizer


def test_vectors_are_pythons(model, run):
    check_vectors(model, run)


def test_every_layer_is_torchs(bert, run):
    texts = [
        PASTA,
        "",
        "The bank of the river",
        "a b c d e f",
        *_texts(520)[100:500:50],
    ]
    check_traces(bert, run, texts)


def test_hits_are_pythons(model, run, tmp_path):
    queries = [query.text for query in load_queries()]
    vectors = load_vectors()
    scores = model.encode(queries, show_progress_bar=False) @ vectors.T
    wanted = np.argsort(-scores, axis=1, kind="stable")[:, :10]
    whole = tmp_path / "float32.npy"
    np.save(whole, vectors * 3)  # lengths don't matter
    rough = tmp_path / "int8.npy"
    np.save(
        rough, np.rint(vectors / np.abs(vectors).max(1)[:, None] * 127).astype("i1")
    )
    corpora = [str(DATA / "corpus_vectors.npy"), str(whole), str(rough)]
    half, single, eight_bit = run("search", corpora=corpora, texts=queries, k=10)
    for hits, least in ((half, 0.97), (single, 0.97), (eight_bit, 0.9)):
        overlap = [
            len({row for row, _ in found} & set(want.tolist())) / 10
            for found, want in zip(hits, wanted, strict=True)
        ]
        assert np.mean(overlap) >= least
    for row in (half, single):
        for found, score in zip(row, scores, strict=True):
            assert [s for _, s in found] == sorted((s for _, s in found), reverse=True)
            assert all(abs(s - score[index]) < 0.03 for index, s in found)


# ------------------------------------------------------------------ other sizes


@pytest.fixture(scope="session")
def small(tmp_path_factory, model):
    """A small BERT of odd sizes whose weights are exact in eight bits.

    So torch and the page must agree to four digits more than with real weights, and
    a wrong constant anywhere in encoder.c shows.
    """
    import torch
    from tokenizers import Tokenizer
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("small")
    table = json.loads((weights.model_dir() / "tokenizer.json").read_text("utf-8"))
    keep = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghij", *"!?,."]
    keep += [f"##{letter}" for letter in "abcdefghij"] + ["bad", "##ed", "cab"]
    table["model"]["vocab"] = {token: index for index, token in enumerate(keep)}
    for token in table["added_tokens"]:
        token["id"] = keep.index(token["content"])
    special = table["post_processor"]["special_tokens"]
    for name in special:
        special[name]["ids"] = [keep.index(name)]
    (folder / "tokenizer.json").write_text(json.dumps(table), "utf-8")
    config = BertConfig(
        vocab_size=len(keep),
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=104,
        max_position_embeddings=40,
        layer_norm_eps=0.03,
    )
    torch.manual_seed(5)
    bert = BertModel(config, add_pooling_layer=False)
    with torch.no_grad():
        for name, values in bert.named_parameters():
            if values.dim() == 2:
                values.copy_(torch.randint(-127, 128, values.shape) / 127 / 4)
                values[:, 0] = values[0] = 1 / 4  # so that all scales are the same
                if "query" in name or "key" in name:
                    values /= 4  # or else every token would look at one alone
            else:
                values.copy_(torch.randn(values.shape) / 4 + ("Norm.weight" in name))
    bert.save_pretrained(folder)
    (folder / "1_Pooling").mkdir()
    pooling = json.dumps({"pooling_mode_mean_tokens": True})
    (folder / "1_Pooling" / "config.json").write_text(pooling, "utf-8")
    limits = json.dumps({"max_seq_length": 37})
    (folder / "sentence_bert_config.json").write_text(limits, "utf-8")
    packed = folder / "small.bin"
    pack(folder, packed, sha256=None)
    eager = BertModel.from_pretrained(
        folder, attn_implementation="eager", add_pooling_layer=False
    )

    class Python:
        backend = Tokenizer.from_file(str(folder / "tokenizer.json"))

        def __call__(self, text, **_):
            self.backend.no_padding()
            self.backend.enable_truncation(37)
            return {"input_ids": self.backend.encode(text).ids}

        def convert_ids_to_tokens(self, ids):
            return [self.backend.id_to_token(index) for index in ids]

    return packed, (eager, Python())


SMALL_TEXTS = ["", "bad cab!", "abc. jig? bed", "a b c d e f g", "ab " * 40, "zzz ÀB"]
# What rounding a token's values to int16 costs, and a little more
EXACT = 0.000_026


def test_all_sizes_come_from_the_weights_file(small, run):
    packed, python = small
    check_traces(python, run, SMALL_TEXTS, furthest=EXACT, packed=packed)


@pytest.mark.parametrize(
    ("constant", "other"),
    [
        ("0.254829592f", "0.255f"),
        ("1.061405429f", "1.0624f"),
        ("0.231641888f", "0.2320f"),
        ("all(0.5f), size", "all(0.501f), size"),
        ("-0.693359375f", "-0.6953f"),
        ("all(1.f / 6)", "all(1.f / 8)"),
        ("+ model.eps", "+ model.eps * 0.9f"),
        ("/ __builtin_sqrtf(size)", "/ (__builtin_sqrtf(size) + 0.01f)"),
        ("total(sum) / dim", "total(sum) / (dim + 1)"),
    ],
)
def test_one_changed_constant_is_noticed(small, run, tmp_path, constant, other):
    source = build.SOURCE.read_text("utf-8")
    assert constant in source
    changed = tmp_path / "encoder.c"
    changed.write_text(source.replace(constant, other), "utf-8")
    code = build.compile_encoder(tmp_path / "changed.wasm", changed)
    packed, python = small
    with pytest.raises(AssertionError):
        check_traces(python, run, SMALL_TEXTS, furthest=EXACT, packed=packed, code=code)


# ------------------------------------------------------------------ damaged files


@pytest.mark.fault(
    "one changed byte in the page's weights", "a sentence that says they are damaged"
)
def test_one_changed_byte_anywhere_is_noticed(raw, run, tmp_path):
    for place in (0, 5, 9, 26, 30, 5000, len(raw) // 2, len(raw) - 9):
        damaged = bytearray(raw)
        damaged[place] ^= 1
        file = tmp_path / "damaged.bin"
        file.write_bytes(gzip.compress(bytes(damaged), 1))
        message = run("opens", packed=file)
        assert message.startswith("The weights file "), (place, message)


@pytest.mark.fault(
    "packed weights changed, cut short, or another file", "a sentence that says so"
)
def test_one_changed_byte_or_a_missing_end_of_the_packed_file_is_noticed(
    built, run, tmp_path
):
    packed = (built / build.WEIGHTS).read_bytes()
    file = tmp_path / "damaged.bin"
    file.write_bytes(
        packed[:9_000_000] + bytes([packed[9_000_000] ^ 4]) + packed[9_000_001:]
    )
    assert "damaged" in run("opens", packed=file)
    file.write_bytes(packed[:-1000])
    assert "damaged" in run("opens", packed=file)
    file.write_bytes(b"<html>not found</html>")
    assert "damaged" in run("opens", packed=file)
    file.write_bytes(gzip.compress(b"some other file" * 100))
    assert "is not a weights file" in run("opens", packed=file)


@pytest.mark.fault(
    "a changed word in the vocabulary", "a sentence that says it is damaged"
)
def test_one_changed_line_of_the_vocabulary_is_noticed(model, raw, run, tmp_path):
    damaged = raw.replace(b'"pasta"', b'"pesta"')
    assert damaged != raw
    file = tmp_path / "damaged.bin"
    file.write_bytes(gzip.compress(damaged, 1))
    assert "damaged" in run("opens", packed=file)
    # And if the checksum were right, the ids would still give it away
    _repacked(damaged, file)
    assert run("opens", packed=file) == ""
    assert run("ids", packed=file, texts=[PASTA]) != _python_ids(
        model.tokenizer, [PASTA]
    )


def test_weights_that_differ_by_more_than_rounding_are_noticed(
    bert, raw, run, tmp_path
):
    words = len(raw) - 384 * 30_522
    changed = bytearray(raw)
    changed[words - 600_000 : words - 590_000] = bytes(10_000)
    with pytest.raises(AssertionError):
        check_traces(
            bert, run, [PASTA], packed=_repacked(bytes(changed), tmp_path / "w")
        )


def test_the_header_says_what_the_models_own_files_say(raw):
    config = json.loads((weights.model_dir() / "config.json").read_text("utf-8"))
    _, _, *sums, _, layers, heads, dim, ffn, vocab, longest, eps = HEADER.unpack_from(
        raw
    )
    assert tuple(sums) == checksum(raw[24:])
    assert (layers, heads, dim, ffn, vocab, longest) == (6, 12, 384, 1536, 30_522, 256)
    assert eps == np.float32(config["layer_norm_eps"])


@pytest.mark.fault(
    "an error page in place of the encoder's code", "a sentence that says so"
)
def test_code_that_is_none_is_refused_in_words(run, tmp_path):
    code = tmp_path / "none.wasm"
    code.write_bytes(b"<html>not found</html>")
    assert "cannot run the encoder's code" in run("opens", code=code)


# ------------------------------------------------------------------ the build


def test_the_build_gives_the_same_bytes_twice(built, tmp_path, monkeypatch):
    for place in ("here", "elsewhere/deeper"):
        folder = tmp_path / place
        folder.mkdir(parents=True)
        # Without these the compiler would hand out its first answer again
        monkeypatch.setenv("ZIG_LOCAL_CACHE_DIR", str(folder / "cache"))
        monkeypatch.setenv("ZIG_GLOBAL_CACHE_DIR", str(folder / "global"))
        source = Path(shutil.copy(build.SOURCE, folder / "encoder.c"))
        code = build.compile_encoder(folder / "x" / "any-name.wasm", source)
        assert code.read_bytes() == (built / build.CODE).read_bytes()
    again = tmp_path / "again.bin"
    told = pack(weights.model_dir(), again)
    assert again.read_bytes() == (built / build.WEIGHTS).read_bytes()
    assert {"bytes": told.bytes, "sha256": told.sha256} == build.describe(again)
    sizes = [(built / name).stat().st_size for name in (build.CODE, build.WEIGHTS)]
    assert sum(sizes) <= 22_000_000


def test_the_code_asks_for_nothing_and_names_no_place(built):
    code = (built / build.CODE).read_bytes()
    assert code.startswith(b"\0asm")
    assert b"tmp" not in code and b"encoder" not in code
    sections, at = [], 8
    while at < len(code):
        kind, size, shift = code[at], 0, 0
        while True:
            at += 1
            size |= (code[at] & 127) << shift
            shift += 7
            if code[at] < 128:
                break
        sections.append(kind)
        at += 1 + size
    assert 2 not in sections  # imports


@pytest.mark.fault("an encoder whose source doesn't compile", "the compiler's words")
def test_source_that_does_not_compile_is_reported(tmp_path):
    source = tmp_path / "encoder.c"
    source.write_text("int broken(", "utf-8")
    with pytest.raises(RuntimeError, match=r"encoder\.c doesn't compile"):
        build.compile_encoder(tmp_path / "encoder.wasm", source)


@pytest.mark.fault(
    "other weights for the page's encoder", "they are refused, and nothing is written"
)
def test_other_weights_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"There is no model\.safetensors"):
        pack(tmp_path, tmp_path / "out.bin")
    (tmp_path / "model.safetensors").write_bytes(b"other")
    with pytest.raises(ValueError, match="not the official weights"):
        pack(tmp_path, tmp_path / "out.bin")
    assert not (tmp_path / "out.bin").exists()


def test_a_twin_holds_the_whole_file(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "PIECE", 30)
    file = tmp_path / "some.bin"
    for content in (b"", bytes(range(100))):
        file.write_bytes(content)
        lines = build.write_twin(file).read_text("ascii").splitlines()
        calls = [json.loads(f"[{line[10:-2]}]") for line in lines]
        assert [call[:3] for call in calls] == [
            ["some.bin", index, len(lines)] for index in range(len(lines))
        ]
        assert b"".join(base64.b64decode(call[3]) for call in calls) == content


# ------------------------------------------------------------------ in a worker


@pytest.mark.fault(
    "a download that breaks off, without a browser",
    "said, and a second try answers and is kept",
)
def test_a_visit_breaks_off_tries_again_and_is_remembered(built, model, run):
    files = {name: build.describe(built / name) for name in (build.CODE, build.WEIGHTS)}
    visit = run("visit", text=PASTA, files=files)
    total = files[build.WEIGHTS]["bytes"]
    assert visit["broken"] == (
        f"minilm.bin broke off after 5.0 of {total / 1e6:.1f} MB. Try again."
    )
    assert _cosines(np.array(visit["vector"]), model.encode(PASTA)) > 0.999
    assert visit["same"] == visit["vector"]
    assert visit["tokenized"] == {
        "ids": (ids := model.tokenizer(PASTA)["input_ids"]),
        "tokens": model.tokenizer.convert_ids_to_tokens(ids),
    }
    assert visit["missing"] == "none.npy can't be fetched: the server says 404."
    assert visit["closed"] == ["This encoder was closed."] * 2
    first, last = visit["progress"]
    assert first["received"] < last["received"] == last["total"] == total
    assert visit["fetched"] == visit["fetchedInAll"] == 2  # once in vain
    assert visit["again"] == {"received": total, "total": total, "kept": True}
