"""Vectors kept on disk, so that no model encodes the same text twice.

The file is an SQLite database, because Python brings SQLite along and because it
writes a change whole or not at all: a crash, at whatever moment, costs the texts since
the last commit and nothing else. A library of caches such as diskcache would not help:
it keeps values as pickles, which can run code when they are read, and it leaves the
hard part to its user, which is to know the model that a vector is from.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from widgets.book_widget import given_texts

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

COMMIT_EVERY = 256
"""Texts that are encoded and then stored together: the most that a crash costs."""
_FORMAT = "<f4"
_REFUSALS = {
    sqlite3.SQLITE_FULL: (errno.ENOSPC, "The disk is full"),
    sqlite3.SQLITE_READONLY: (errno.EROFS, "This file or its folder is read-only"),
    sqlite3.SQLITE_PERM: (errno.EACCES, "This file may not be opened"),
    sqlite3.SQLITE_CANTOPEN: (
        errno.EACCES,
        "No file can be opened here: is its folder there, and may you write in it?",
    ),
    sqlite3.SQLITE_BUSY: (errno.EBUSY, "Another process held this file for a minute"),
    sqlite3.SQLITE_IOERR: (errno.EIO, "The disk could not be read or written"),
}
_PASSING = {"transformers_version", "_name_or_path"}


class VectorCache:
    """A file of vectors, each kept under its text and the model that made it.

    `found` and `encoded` say what the last call of `encode` took from the file and
    what it had to compute. The file holds no text, only each text's sha256.
    Use it in a `with` block, or close it.
    """

    def __init__(self, path: str | Path) -> None:
        """Open a cache, or begin one. Raises ValueError if the file is something else.

        Several processes may share a file: each waits up to a minute for the others.
        Whatever the disk refuses, here or later, is an OSError that says what to do;
        what was stored before stays.
        """
        self.path = Path(path)
        self.found = self.encoded = 0
        with self._explained():
            self._file = sqlite3.connect(self.path, timeout=60)
        try:
            with self._explained(), self._file:
                self._file.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (model BLOB NOT NULL, "
                    "text BLOB NOT NULL, vector BLOB NOT NULL, "
                    "PRIMARY KEY (model, text))"
                )
                self._file.execute("BEGIN")  # nobody writes while this looks
                self._file.execute("SELECT model, text, vector FROM vectors LIMIT 1")
                self._refuse_if_cut()
        except (ValueError, OSError):
            self._file.close()
            raise

    def encode(
        self, model: SentenceTransformer, texts: Sequence[str], batch_size: int = 32
    ) -> np.ndarray:
        """Return the texts' vectors, float32, (n texts, d), as `model.encode` would.

        What this very model has not encoded before is encoded now and stored. The
        model is known by its content (see `fingerprint`), read anew in every call:
        hand over many texts at once, not one at a time. Raises ValueError if the file
        is damaged or closed, where texts are none, or a vector isn't finite numbers:
        such a one is never stored.
        """
        texts = given_texts(texts, "texts")
        name = fingerprint(model)
        keys = [_key(text) for text in texts]
        known = {key: self._stored(name, key) for key in dict.fromkeys(keys)}
        missing = {
            key: text
            for key, text in zip(keys, texts, strict=True)
            if known[key] is None
        }
        self.found, self.encoded = len(known) - len(missing), len(missing)
        places = list(missing)
        for start in range(0, len(places), COMMIT_EVERY):
            chunk = places[start : start + COMMIT_EVERY]
            made = model.encode(
                [missing[key] for key in chunk],
                batch_size=batch_size,
                convert_to_numpy=True,
                show_progress_bar=False,
            ).astype(_FORMAT)
            if not np.isfinite(made).all():
                raise ValueError(
                    "the model gave values that are no numbers, and they are not "
                    "stored: look for a damaged weight, or a half precision that this "
                    "processor can't do"
                )
            rows = [
                (name, key, row.tobytes()) for key, row in zip(chunk, made, strict=True)
            ]
            with self._explained(), self._file:
                self._file.executemany(
                    "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows
                )
            known.update(zip(chunk, made, strict=True))
        return np.array([known[key] for key in keys], _FORMAT)

    def _stored(self, name: bytes, key: bytes) -> np.ndarray | None:
        with self._explained():
            row = self._file.execute(
                "SELECT vector FROM vectors WHERE model = ? AND text = ?", (name, key)
            ).fetchone()
        if row is None or len(row[0]) % 4:
            return None
        vector = np.frombuffer(row[0], _FORMAT)
        # What was damaged on the disk is encoded anew, and replaced
        return vector if np.isfinite(vector).all() else None

    def __len__(self) -> int:
        """Return how many vectors the file holds, of all models together."""
        with self._explained():
            return self._file.execute("SELECT count(*) FROM vectors").fetchone()[0]

    def _refuse_if_cut(self) -> None:
        """Raise if the file's end is missing, which SQLite itself may not notice."""
        said = [
            self._file.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "page_size")
        ]
        if self.path.stat().st_size < said[0] * said[1]:
            raise sqlite3.DatabaseError("its end is missing")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Say what SQLite refused in a sentence, with what to do."""
        try:
            yield
        except sqlite3.ProgrammingError as error:
            raise ValueError(
                f"The cache {self.path} can't be used here ({error}). Open it anew, "
                "in the `with` block and in the thread that use it."
            ) from None
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", None) or 0
            # The lower byte is the kind, what is above it says more
            if reason := _REFUSALS.get(code & 255):
                number, what = reason
                raise OSError(
                    number,
                    f"{what} ({error}). What was stored before stays: mend that and "
                    "run this again",
                    str(self.path),
                ) from None
            raise ValueError(
                f"{self.path} is no cache of vectors, or a damaged one ({error}). Give "
                "another path, or delete the file: a cache can always be filled again."
            ) from None

    def close(self) -> None:
        """Close the file. Every vector in it is already safe."""
        self._file.close()

    def __enter__(self) -> VectorCache:
        """Return the cache."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()


def fingerprint(model: SentenceTransformer) -> bytes:
    """Return 32 bytes that change whenever anything changes that makes the vectors.

    That is every number in the model, how its modules are set (pooling, the longest
    input), the tokenizer, and the prompt. A name would not do: a model that was tuned
    a minute ago still has its old one.

    Raises ValueError for a model whose numbers can't be read, as in an ONNX file.
    """
    digest = hashlib.sha256(json.dumps(_settings(model), sort_keys=True).encode())
    state = model.state_dict()
    if not state or any(not hasattr(value, "detach") for value in state.values()):
        raise ValueError(
            "this model doesn't show its numbers, so its vectors can't be told from "
            "another model's: use the torch backend, or keep the vectors elsewhere"
        )
    for name, value in sorted(state.items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(_numbers(value))
    return digest.digest()


def _settings(model: SentenceTransformer) -> dict:
    modules = []
    for module in model:
        config = getattr(module, "get_config_dict", dict)()
        inner = getattr(getattr(module, "auto_model", None), "config", None)
        inner = inner.to_dict() if inner is not None else {}
        kept = {name: inner[name] for name in inner if name not in _PASSING}
        modules.append([type(module).__name__, repr(config), repr(kept)])
    tokenizer = getattr(model.tokenizer, "backend_tokenizer", model.tokenizer)
    rules = json.loads(tokenizer.to_str())
    # These two are what the last call happened to leave behind
    rules.pop("padding", None)
    rules.pop("truncation", None)
    return {
        "modules": modules,
        "tokenizer": rules,
        "max_seq_length": model.max_seq_length,
        "truncate_dim": model.truncate_dim,
        "prompts": model.prompts,
        "default_prompt_name": model.default_prompt_name,
    }


def _numbers(value: torch.Tensor) -> memoryview:
    import torch

    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
