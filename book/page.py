"""Make what a page needs to compute: encoder, widgets, their states and vectors.

`python -m book.page` makes it once, in `widgets/built/`; the build of the book copies
it into `assets/`. What nothing changed in is not made again.
"""

from __future__ import annotations

import json
import re
import shutil
import zlib
from pathlib import Path

from rcssmin import cssmin
from rjsmin import jsmin

from book.building import (
    ROOT,
    alone,
    files_below,
    fingerprint,
    installed,
    is_made_from,
    make_room,
    move_in,
    sign,
    write,
)
from widgets.corpus import DATA
from widgets.encoder.build import BUILT, FILES, STAMP, build, describe, write_twin
from widgets.front.join import join
from widgets.weights import SHA256

HERE = Path(__file__).parent
WIDGETS = ROOT / "widgets"
VECTORS = "corpus_vectors.npy"
USED = (
    "corpus.jsonl",
    "queries.jsonl",
    VECTORS,
    "corpus_layout.json",
    "measurements/models.json",
)
"""The data that the widgets' states are made from."""

NESTED = re.compile(r"`[^`]*\$\{[^}`]*`")
"""A template in a template, of which rjsmin would eat the blanks."""


def smaller(script: str) -> str:
    """Return a script without its comments and blanks, for readers on a slow line.

    Raises ValueError with the place of a template in a template, which would be spoilt.
    """
    if found := NESTED.search(script):
        raise ValueError(f"a template in a template: give the inner a name: {found[0]}")
    return jsmin(script)


SMALLER = {".css": cssmin, ".js": smaller}
"""What makes a text smaller that a page loads, by the kind of file."""


def make_page_parts(out: Path = BUILT) -> None:
    """Make all parts anew where some aren't there, or a source of them changed.

    The folder `out` lies two below the book's.
    """
    with alone(out.parents[1], "making what the pages compute with"):
        made_from = made_of()
        if is_made_from(out / STAMP, made_from):
            return
        arriving = make_room(out)
        _make(arriving)
        sign(arriving / STAMP, made_from, arriving)
        move_in(arriving, out)


def _make(out: Path) -> None:
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
    write(out / "widgets.js", smaller(_script(files)).encode())
    style = (WIDGETS / "front" / "style.css").read_text("utf-8")
    write(out / "widgets.css", cssmin(style).encode())


def quoted(text: str) -> str:
    """Return a text as JavaScript's string; JSON's many quotes stay single signs."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def copy_page_parts(assets: Path, built: Path = BUILT) -> None:
    """Put the parts into the book's `assets/`.

    As copies: what damaged a file of the book would damage what a link leads to.
    """
    for path in built.iterdir():
        if path.name not in (STAMP, FILES):
            shutil.copy(path, assets)


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
    import torch
    from sentence_transformers import SentenceTransformer
    from threadpoolctl import threadpool_limits

    threads = torch.get_num_threads()
    # Several threads add in another order, which shows in the last digit
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
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
    finally:
        torch.set_num_threads(threads)


def made_of() -> str:
    """Return a digest of all that the parts are made from."""
    sources = [*WIDGETS.glob("*.py"), Path(__file__), HERE / "building.py"]
    sources += [*files_below(WIDGETS / "front"), *files_below(WIDGETS / "encoder")]
    sources += [DATA / name for name in USED]
    return fingerprint(ROOT, sources, json.dumps(SHA256), installed())


if __name__ == "__main__":
    make_page_parts()
