"""Pack a sentence model into the one file that the page's encoder reads.

What goes in: the official weights as 8-bit whole numbers, the vocabulary, and what
Python's tokenizer does to every Unicode character, so that the page needs no Unicode
tables of its own. The layout is the one `encoder.c` reads; the file is gzipped.
"""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from widgets.weights import SHA256

OFFICIAL = SHA256["model.safetensors"]
MAGIC, VERSION = b"SVEC", 1
HEADER = struct.Struct("<4sI2Q7If")  # as in encoder.c


@dataclass(frozen=True)
class Packed:
    """Say how large a packed file is, in bytes, and what its sha256 is."""

    bytes: int
    sha256: str


def pack(model_dir: Path, out: Path, *, sha256: str | None = OFFICIAL) -> Packed:
    """Pack the model in a folder into the file `out`, gzipped.

    `sha256` is what `model.safetensors` must have; None takes any. Raises ValueError
    if the weights are others, or if the encoder can't run a model of this kind.
    """
    weights_file = model_dir / "model.safetensors"
    _check_weights(weights_file, sha256)
    config = json.loads((model_dir / "config.json").read_text("utf-8"))
    _check_kind(config, model_dir)
    limits = json.loads((model_dir / "sentence_bert_config.json").read_text("utf-8"))
    longest = min(limits["max_seq_length"], config["max_position_embeddings"])
    text = _text(Tokenizer.from_file(str(model_dir / "tokenizer.json")), longest)
    body = text + _tensors(load_file(weights_file), config, longest)
    body += bytes(-len(body) % 8)
    sizes = struct.pack(
        "<7If",
        len(text),
        config["num_hidden_layers"],
        config["num_attention_heads"],
        config["hidden_size"],
        config["intermediate_size"],
        config["vocab_size"],
        longest,
        config["layer_norm_eps"],
    )
    checked = sizes + body
    head = struct.pack("<4sI2Q", MAGIC, VERSION, *checksum(checked))
    packed = _gzip(head + checked)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(out.name + ".part")
    temporary.write_bytes(packed)
    temporary.replace(out)
    return Packed(len(packed), hashlib.sha256(packed).hexdigest())


def checksum(data: bytes) -> tuple[int, int]:
    """Return Fletcher's two sums over the data's 64-bit words, modulo 2**64."""
    words = np.frombuffer(data, "<u8")
    steps = np.arange(len(words), 0, -1, dtype=np.uint64)
    return int(words.sum(dtype=np.uint64)), int((words * steps).sum(dtype=np.uint64))


def _check_weights(file: Path, sha256: str | None) -> None:
    if not file.is_file():
        raise ValueError(
            f"There is no model.safetensors in {file.parent}. "
            "Fetch the weights with: python -m widgets.weights"
        )
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if sha256 is not None and found != sha256:
        raise ValueError(
            f"{file} is not the official weights file: its sha256 is {found}, "
            f"not {sha256}. Delete it and run: python -m widgets.weights"
        )


def _check_kind(config: dict[str, Any], model_dir: Path) -> None:
    pooling = json.loads((model_dir / "1_Pooling" / "config.json").read_text("utf-8"))
    wanted = [
        ("model_type", config["model_type"], "bert"),
        ("hidden_act", config["hidden_act"], "gelu"),
        ("pooling_mode_mean_tokens", pooling["pooling_mode_mean_tokens"], True),
    ]
    for name, found, can in wanted:
        if found != can:
            raise ValueError(
                f"The page's encoder runs models whose {name} is {can!r}; "
                f"the model in {model_dir} has {found!r}."
            )


# ------------------------------------------------------------------ weights


def _tensors(
    weights: dict[str, np.ndarray], config: dict[str, Any], longest: int
) -> bytes:
    """Return all tensors in the order in which encoder.c takes them."""
    word_scale, words = _rounded(weights["embeddings.word_embeddings.weight"])
    # One sentence has one segment only, so its vector goes into the position's
    places = (
        weights["embeddings.position_embeddings.weight"][:longest]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    parts = [word_scale.tobytes(), places.tobytes()]
    parts.append(_norm(weights, "embeddings.LayerNorm"))
    for index in range(config["num_hidden_layers"]):
        layer = f"encoder.layer.{index}"
        look = [f"{layer}.attention.self.{name}" for name in ("query", "key", "value")]
        parts += [
            _linear(weights, *look),
            _linear(weights, f"{layer}.attention.output.dense"),
            _norm(weights, f"{layer}.attention.output.LayerNorm"),
            _linear(weights, f"{layer}.intermediate.dense"),
            _linear(weights, f"{layer}.output.dense"),
            _norm(weights, f"{layer}.output.LayerNorm"),
        ]
    return b"".join([*parts, words.tobytes()])


def _norm(weights: dict[str, np.ndarray], name: str) -> bytes:
    return weights[f"{name}.weight"].tobytes() + weights[f"{name}.bias"].tobytes()


def _linear(weights: dict[str, np.ndarray], *names: str) -> bytes:
    """Return one matrix product's numbers, or those of several side by side.

    Input columns with large weights would force coarse steps on all others of their
    rows. So each column is divided by the square root of its largest weight; the page
    multiplies the inputs by it. That halves the loss on sentences, and more on tokens
    with extreme values; no data are needed for it.
    """
    matrix = np.concatenate([weights[f"{name}.weight"] for name in names])
    bias = np.concatenate([weights[f"{name}.bias"] for name in names])
    balance = np.sqrt(np.maximum(np.abs(matrix).max(axis=0), np.float32(1e-6)))
    scale, rounded = _rounded(matrix / balance)
    columns, size = rounded.shape
    # Two columns woven, eight by eight, so that the page reads in a straight line
    woven = rounded.reshape(columns // 2, 2, size // 8, 8).swapaxes(1, 2)
    parts = (balance, scale, bias, woven)
    return b"".join(part.tobytes() for part in parts)


def _rounded(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a scale per row (float32) and the rows in units of it (int8)."""
    scale = np.abs(matrix).max(axis=1) / np.float32(127)
    scale[scale == 0] = 1
    return scale, np.rint(matrix / scale[:, None]).astype(np.int8)


def _gzip(data: bytes) -> bytes:
    """Return the data gzipped, with nothing in it that says when or where.

    Only the letters' frequencies are used: weights have no repeats to find.
    """
    press = zlib.compressobj(9, zlib.DEFLATED, -15, 9, zlib.Z_HUFFMAN_ONLY)
    head = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])
    tail = struct.pack("<II", zlib.crc32(data), len(data) % 2**32)
    return head + press.compress(data) + press.flush() + tail


# ------------------------------------------------------------------ characters


def _text(tokenizer: Tokenizer, longest: int) -> bytes:
    """Return what the page's tokenizer needs, as JSON in a multiple of 16 bytes."""
    vocabulary = tokenizer.get_vocab()
    table = {
        "maxTokens": longest,
        "special": sorted(
            token.content for token in tokenizer.get_added_tokens_decoder().values()
        ),
        "vocabulary": sorted(vocabulary, key=vocabulary.__getitem__),
        "characters": characters(tokenizer),
    }
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 16)


def characters(tokenizer: Tokenizer) -> dict[str, Any]:
    """Return what the tokenizer does to each character, found by asking it.

    `becomes` names each character that doesn't stay itself, with what it becomes;
    `dropped`, `space` and `alone` are ranges [first, last] of characters that vanish,
    that become a space, and that get a space on each side; `punctuation` are ranges
    of those that are words of their own. Hangul syllables are left out: they come
    apart in the same way in every version of Unicode.
    """
    points = [p for p in range(0x110000) if not 0xD800 <= p <= 0xDFFF]
    points.remove(ord("0"))  # it parts one answer from the next
    asked = "0" + "".join(f"{chr(p)}0" for p in points)
    answers = tokenizer.normalizer.normalize_str(asked).split("0")[1:-1]
    if len(answers) != len(points):
        raise ValueError("The tokenizer's normalizer turns some character into '0'.")
    dropped, space, alone, becomes = [], [], [], {}
    for point, answer in zip(points, answers, strict=True):
        character = chr(point)
        if answer == "":
            dropped.append(point)
        elif answer == " ":
            space.append(point)
        elif answer == f" {character} ":
            alone.append(point)
        elif answer != character and not 0xAC00 <= point <= 0xD7A3:
            becomes[character] = answer
    return {
        "dropped": _ranges(dropped),
        "space": _ranges(space),
        "alone": _ranges(alone),
        "punctuation": _ranges(_punctuation(tokenizer, set("".join(answers)))),
        "becomes": becomes,
    }


def _punctuation(tokenizer: Tokenizer, letters: set[str]) -> list[int]:
    found = []
    for letter in sorted(letters - {" "}):
        pieces = tokenizer.pre_tokenizer.pre_tokenize_str(f"a{letter}a")
        if len(pieces) == 3:
            found.append(ord(letter))
        elif len(pieces) != 1:
            raise ValueError(f"The tokenizer splits at U+{ord(letter):04X}.")
    return found


def _ranges(points: list[int]) -> list[list[int]]:
    """Return sorted numbers as ranges [first, last]."""
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return ranges
