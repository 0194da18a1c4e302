"""Write each notebook's badge and set-up cell: `python -m book.colab`.

Both name the address of the book's repository, which stands in _quarto.yml
(`book: repo-url`) and nowhere else. Whoever publishes the book changes it there, and
runs this. Outputs stay as they are, and what is up to date isn't written.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from book.building import write
from book.execute import ROOT, notebooks
from book.outputs import joined

BADGE = Path("book") / "theme" / "colab.svg"
BRANCH = "main"
A_BADGE = re.compile(r"\n*\[!\[Open in Colab\]\([^)\s]*\)\]\([^)\s]*\)[ \t]*(?=\n|$)")
GITHUB = re.compile(r"https://github\.com/[\w.-]+/[\w.-]+")
PREPARE = re.compile(r"^prepare\(.*\)$", re.M)
# What Colab lacks comes without dependencies: nothing that Colab ships is changed
SET_UP = """\
#| code-fold: true
#| code-summary: "Set up (in Colab, run this cell first)"
import sys

if "google.colab" in sys.modules:
    book = "git+{repo}"
    %pip install -q --no-deps bm25s snowballstemmer {{book}}

from widgets import prepare

prepare()"""


def repo_url(root: Path = ROOT) -> str:
    """Return the repository's address from _quarto.yml.

    Raises ValueError if it is none on GitHub: Colab opens notebooks from there.
    """
    book = yaml.safe_load((root / "_quarto.yml").read_text("utf-8"))["book"]
    url = str(book.get("repo-url", "")).rstrip("/")
    if not GITHUB.fullmatch(url):
        raise ValueError(
            f"_quarto.yml has repo-url: {url!r}; write https://github.com/OWNER/NAME"
        )
    return url


def set_up_cell(root: Path = ROOT) -> str:
    """Return the source of the cell that makes a notebook ready."""
    return SET_UP.format(repo=repo_url(root))


def badge(notebook: Path, root: Path = ROOT) -> str:
    """Return the badge of a notebook below `root`, as Markdown that leads to Colab."""
    owner_and_name = repo_url(root).removeprefix("https://github.com/")
    here = notebook.relative_to(root)
    picture = Path(os.path.relpath(BADGE, here.parent)).as_posix()
    colab = "https://colab.research.google.com/github"
    link = f"{colab}/{owner_and_name}/blob/{BRANCH}/{here.as_posix()}"
    return f"[![Open in Colab]({picture})]({link})"


def with_colab(
    notebook: dict[str, Any], path: Path, root: Path = ROOT
) -> dict[str, Any]:
    """Return a notebook with its badge and its set-up cell up to date.

    The badge ends the first cell. The set-up cell is the one that calls `prepare`, and
    keeps what it calls it with. Raises ValueError if the notebook has no such cell.
    """
    first, *others = notebook["cells"]
    text = A_BADGE.sub("", joined(first["source"])).rstrip()
    first["source"] = f"{text}\n\n{badge(path, root)}".splitlines(keepends=True)
    set_up = next(filter(is_set_up, others), None)
    if set_up is None:
        raise ValueError(f"{path.name} has no set-up cell: no cell calls prepare()")
    call = PREPARE.search(joined(set_up["source"]))[0]
    source = set_up_cell(root).replace("prepare()", call)
    set_up["source"] = source.splitlines(keepends=True)
    return notebook


def is_set_up(cell: dict[str, Any]) -> bool:
    """Tell whether a cell is the one that makes a notebook ready."""
    is_code = cell["cell_type"] == "code"
    return is_code and PREPARE.search(joined(cell["source"])) is not None


def opened_in_colab(root: Path = ROOT) -> list[Path]:
    """Return the notebooks that have a badge: the chapters and the students'."""
    return [*notebooks(), *sorted((root / "exercises").glob("*.ipynb"))]


def main() -> int:
    """Bring all notebooks up to date, and name those that were written."""
    try:
        for path in opened_in_colab():
            old = path.read_text("utf-8")
            notebook = with_colab(json.loads(old), path)
            new = json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
            if new != old:
                write(path, new.encode())
                print(f"wrote {path.relative_to(ROOT)}")
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
