"""Start the notebooks, with no line: double-click this file, or run it with Python.

It needs JupyterLab and the packages that the notebooks import on this machine. The
model's weights and the helper package lie beside it.
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
NEEDED = ("jupyterlab", "sentence_transformers", "anywidget", "bm25s", "plotly", "umap")


def environment(here: Path = HERE) -> dict[str, str]:
    """Return the environment in which a notebook finds what lies in this folder."""
    return {
        **os.environ,
        "HF_HUB_CACHE": str(here / "weights"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONPATH": str(here / "notebooks"),
    }


def main() -> int:
    """Start JupyterLab in the browser, or say what is missing and how to get it."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        (wheel,) = (HERE / "notebooks").glob("*.whl")
        print("This Python,", sys.executable, "lacks:", ", ".join(missing))
        print("With a line, once:")
        print(f'  "{sys.executable}" -m pip install jupyterlab "{wheel}"')
        input("Press Enter to close this. ")
        return 1
    command = [sys.executable, "-m", "jupyter", "lab", str(HERE / "notebooks")]
    return subprocess.run(command, env=environment()).returncode


if __name__ == "__main__":
    sys.exit(main())
