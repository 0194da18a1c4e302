"""Build what a page needs to encode sentences by itself, into `widgets/built/`.

Run `python -m widgets.encoder.build`. It compiles encoder.c to encoder.wasm, packs
the verified weights into minilm.bin, writes each one's twin for pages opened by
double-click, and last `encoder.json`, which holds every file's size and sha256.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from pathlib import Path

from widgets.encoder.pack import pack

SOURCE = Path(__file__).with_name("encoder.c")
BUILT = Path(__file__).parents[1] / "built"
CODE, WEIGHTS, FILES = "encoder.wasm", "minilm.bin", "encoder.json"
STAMP = "made-from.txt"
"""What book/page.py says last of a folder that is whole."""

FLAGS = [
    "-target",
    "wasm32-freestanding",
    "-std=c23",
    "-O3",
    "-msimd128",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--export-dynamic",
    # With names left in, the bytes would depend on where the build ran
    "-Wl,--strip-all",
]
PIECE = 3 * 2**18  # bytes of a file in one line of its twin: 1 MB of base64


def build(model_dir: Path, out: Path = BUILT) -> None:
    """Build code, weights, twins and the list of files from a model's folder."""
    # From here on the folder isn't what was made of those sources
    (out / STAMP).unlink(missing_ok=True)
    compile_encoder(out / CODE)
    pack(model_dir, out / WEIGHTS)
    for name in (CODE, WEIGHTS):
        write_twin(out / name)
    files = {name: describe(out / name) for name in (CODE, WEIGHTS)}
    _write(out / FILES, json.dumps(files, indent=1).encode() + b"\n")


def compile_encoder(out: Path, source: Path = SOURCE) -> Path:
    """Compile the C source to a WebAssembly file at `out`, and return `out`.

    The compiler is clang, from the `ziglang` wheel. The same source gives the same
    bytes wherever it is compiled. Raises RuntimeError with the compiler's message.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_suffix(".part.wasm")
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, str(source)]
    run = subprocess.run(
        [*command, "-o", str(temporary)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise RuntimeError(f"{source.name} doesn't compile:\n{run.stderr}")
    return temporary.replace(out)


def describe(file: Path) -> dict[str, int | str]:
    """Return a file's {bytes, sha256}, under which a browser keeps it."""
    content = file.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def write_twin(file: Path) -> Path:
    """Write a file's twin beside it, `name.js`, and return the twin's path.

    A page opened by double-click may not fetch a file, but may load a script. The
    twin is a script that hands over the file in base64, one piece a line, by calls
    of `bookAsset(name, index, count, piece)`.
    """
    content = file.read_bytes()
    pieces = [content[at : at + PIECE] for at in range(0, len(content), PIECE)] or [b""]
    lines = (
        f'bookAsset("{file.name}",{index},{len(pieces)},'
        f'"{base64.b64encode(piece).decode()}");\n'
        for index, piece in enumerate(pieces)
    )
    twin = file.with_name(file.name + ".js")
    _write(twin, "".join(lines).encode())
    return twin


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    temporary.write_bytes(content)
    temporary.replace(path)


if __name__ == "__main__":
    from widgets import weights

    build(weights.verify())
