"""Check the spelling with codespell: `python -m book.spelling [FILE …]`.

codespell knows what people really mistype, and reads files line by line. Of a notebook
it must read only what somebody wrote: outputs hold vectors and plots. So each cell's
source goes into a file of its own, whose name is the cell's place. Words of the book
that look like slips stand in `.codespell-words.txt`, one a line.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from book.execute import ROOT
from book.outputs import joined

COMMAND = [sys.executable, "-m", "codespell_lib"]
WORDS = ROOT / ".codespell-words.txt"
# What holds no words, or words that nobody here wrote
SKIPPED = {".npy", ".png", ".lock"}


def misspelled(paths: list[Path]) -> list[str]:
    """Return codespell's lines: the file (and cell), the line, the word, its mend.

    Raises ValueError where a notebook can't be read, RuntimeError if codespell fails.
    """
    plain = [path for path in paths if path.suffix not in SKIPPED | {".ipynb"}]
    lines = _codespell([str(path) for path in plain], Path.cwd()) if plain else []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path in (path for path in paths if path.suffix == ".ipynb"):
            try:
                cells = json.loads(path.read_text("utf-8"))["cells"]
            except (ValueError, KeyError) as error:
                raise ValueError(f"{path} is no notebook ({error})") from None
            for number, cell in enumerate(cells):
                place = folder / f"{str(path).strip('/')}, cell {number}, line"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(joined(cell["source"]), "utf-8")
        return lines + [line.removeprefix("./") for line in _codespell(["."], folder)]


def _codespell(names: list[str], folder: Path) -> list[str]:
    command = [*COMMAND, "--ignore-words", str(WORDS), "--check-hidden", *names]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    # 65 is codespell's way to say that it found some
    if done.returncode not in (0, 65):
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return done.stdout.splitlines()


def tracked() -> list[Path]:
    """Return the files that git keeps, and those that it is about to."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [it for line in done.stdout.splitlines() if (it := ROOT / line).is_file()]


def main(arguments: list[str] | None = None) -> int:
    """Check the files named, or all of the book; return 1 if a word is misspelled."""
    named = sys.argv[1:] if arguments is None else arguments
    try:
        lines = misspelled([Path(name) for name in named] or tracked())
    except (ValueError, RuntimeError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(*lines, sep="\n", end="\n" if lines else "", file=sys.stderr)
    if lines:
        print(f"If a word is right, add it to {WORDS.name}.", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
