"""Run the notebooks in a fresh kernel and store their outputs.

Nothing else writes outputs. `python -m book.execute` (`make execute`) runs them all;
`python -m book.execute chapters/search.ipynb` runs the ones named.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from book.building import write
from book.outputs import NOTEBOOK
from widgets.data_files import read_json

ROOT = Path(__file__).parent.parent
# A view of a kernel's object: worth nothing in a stored notebook, and different in
# each run. The widget's text/html beside it is what a reader sees without a kernel
LIVE_ONLY = "application/vnd.jupyter.widget-view+json"


def notebooks() -> list[Path]:
    """Return the book's notebooks in the order of _quarto.yml."""
    import yaml

    book = yaml.safe_load((ROOT / "_quarto.yml").read_text("utf-8"))["book"]
    return [ROOT / name for name in book["chapters"] if name.endswith(".ipynb")]


def execute(path: Path) -> None:
    """Run one notebook from top to bottom and store its outputs, or change nothing.

    Raises ValueError for what is no notebook, RuntimeError naming the cell that failed
    or that wrote to stderr: a warning has no place in a chapter. A cell tagged
    `progress` may draw a bar there, which a reader who runs it sees, and which is not
    stored.
    """
    read_json(path, NOTEBOOK)
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
        coalesce_streams=True,
    )
    try:
        client.execute()
    except CellExecutionError as error:
        raise RuntimeError(f"{path.name}: {error}") from error
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("execution", None)
        if "progress" in cell.metadata.get("tags", ()):
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise RuntimeError(
                    f"{path.name}, cell {number}: wrote to stderr: {output.text[:300]}"
                )
            output.get("data", {}).pop(LIVE_ONLY, None)
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    nbformat.validate(notebook)
    write(path, f"{nbformat.writes(notebook)}\n".encode())


def main(arguments: list[str] | None = None) -> int:
    """Run the notebooks named, or all, and say how far it is."""
    parser = argparse.ArgumentParser(prog="python -m book.execute")
    parser.add_argument("notebook", nargs="*", type=Path)
    chosen = parser.parse_args(arguments).notebook or notebooks()
    for number, path in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] running {path.name}", flush=True)
        try:
            execute(path.resolve())
        except (OSError, RuntimeError, ValueError) as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
