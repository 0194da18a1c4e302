"""Make what a page needs to compute: encoder, widgets, their states and vectors.

`python -m book.page` makes it once, in `widgets/built/`; the build of the book copies
it into `assets/`. What nothing changed in is not made again.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zlib
from pathlib import Path

from book.store import write
from widgets.corpus import DATA
from widgets.encoder.build import BUILT, FILES, build, describe, write_twin
from widgets.front.join import join
from widgets.weights import SHA256

WIDGETS = Path(__file__).parent.parent / "widgets"
VECTORS = "corpus_vectors.npy"
STAMP = "made-from.txt"
USED = (
    "corpus.jsonl",
    "queries.jsonl",
    VECTORS,
    "corpus_layout.json",
    "measurements/models.json",
)
"""The data that the widgets' states are made from."""


def make_page_parts(out: Path = BUILT) -> None:
    """Make all parts that are not there yet, or whose sources changed."""
    out.mkdir(parents=True, exist_ok=True)
    made_from = _fingerprint()
    stamp = out / STAMP
    if stamp.is_file() and stamp.read_text() == made_from:
        return
    stamp.unlink(missing_ok=True)
    print("  the model for the pages: compiling the encoder, packing its weights")
    from widgets import weights

    build(weights.verify(), out)
    shutil.copy(DATA / VECTORS, out)
    write_twin(out / VECTORS)
    files = json.loads((out / FILES).read_text()) | {VECTORS: describe(out / VECTORS)}
    for name in files:
        files[name]["crc32"] = zlib.crc32((out / name).read_bytes())
    print("  the widgets: joining their scripts, answering their examples")
    for name, state in _states().items():
        text = json.dumps(state)
        script = f"{name}.state.js"
        files[script] = {"crc32": zlib.crc32(text.encode())}
        call = f"bookState({json.dumps(name)}, {quoted(text)});\n"
        write(out / script, call.encode())
    write(out / "widgets.js", _script(files).encode())
    shutil.copy(WIDGETS / "front" / "style.css", out / "widgets.css")
    write(stamp, made_from.encode())


def quoted(text: str) -> str:
    """Return a text as JavaScript's string; JSON's many quotes stay single signs."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def copy_page_parts(assets: Path, built: Path = BUILT) -> None:
    """Put the parts into the book's `assets/`, as links where the disk allows it."""
    for path in built.iterdir():
        if path.name in (STAMP, FILES):
            continue
        target = assets / path.name
        target.unlink(missing_ok=True)
        try:
            os.link(path, target)
        except OSError:
            shutil.copy(path, target)


def _script(files: dict) -> str:
    """Return widgets.js: a classic script, since a module can't load from file://."""
    modules = join(WIDGETS / "front" / "page.js").replace("\nexport ", "\n")
    return (
        "(() => {\n"
        'const bookBase = new URL(".", document.currentScript.src).href;\n'
        f"{modules}\n"
        f"startPage(bookBase, {json.dumps(files)});\n"
        "})();\n"
    )


def _states() -> dict[str, dict]:
    """Return each widget's state: the data it draws, and its examples' answers."""
    import widgets
    from widgets.model_chooser import load_models
    from widgets.pair_probe import corpus_marks
    from widgets.umap_layout import load_layout

    widgets.prepare()
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer("all-MiniLM-L6-v2")
    corpus, vectors = widgets.load_corpus(), widgets.load_vectors()
    made = [
        widgets.SearchMap(corpus, vectors, model, load_layout()),
        widgets.TokenXRay(model),
        widgets.PairProbe(model, marks=corpus_marks(vectors)),
        widgets.ClusterMap(corpus, vectors, load_layout()),
        widgets.ModelChooser(load_models()),
    ]
    return {widget.front: widget.page_state() for widget in made}


def _fingerprint() -> str:
    """Return a digest of all that the parts are made from."""
    digest = hashlib.sha256(json.dumps(SHA256).encode())
    sources = [*WIDGETS.glob("*.py"), Path(__file__)]
    sources += [*(WIDGETS / "front").iterdir(), *(WIDGETS / "encoder").iterdir()]
    sources += [DATA / name for name in USED]
    for path in sorted(sources):
        if path.is_file():
            digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    make_page_parts()
