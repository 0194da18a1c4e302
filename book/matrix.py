"""Run every notebook with the versions and processors that the book promises.

`make test-matrix` runs all lanes, one after the other, and stores the table in
`data/checks/versions.json`; `python -m book.matrix oldest newest` runs those
named, and keeps what is stored of the others; `--notebook chapters/search.ipynb` runs
that one alone, as after a change. A lane is an environment and how its processor is
used. Each cell's output is compared with the stored one by nbval, which writes a JUnit
report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from book import lane
from book.colab import opened_in_colab
from book.execute import ROOT, execute
from book.measure.record import store
from book.trust import PAGE, cases_of, ended
from widgets import weights
from widgets.back_matter import CHECKED
from widgets.data_files import DATA, read_json

MATRIX = ROOT / ".matrix"
STORED = DATA / "checks" / "versions.json"
TORCH = "torch==2.13.0"
"""The torch of the newest lane: a bare one brings gigabytes for graphics cards."""
KERNEL = ("ipykernel", "nbformat")
"""What runs a notebook, and lets plotly draw in it, beside what a chapter imports."""
SHOWN = (
    *("sentence-transformers", "transformers", "torch", "numpy", "scipy"),
    *("scikit-learn", "umap-learn", "pandas", "plotly", "ipywidgets", "anywidget"),
)
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
}
"""torch, its libraries and numpy's, as on a processor that has no AVX-512."""


@dataclass
class Lane:
    """Some versions on some processor: how they are made, and how notebooks run."""

    name: str
    title: str
    make: Callable[[], Path]
    """Makes the environment where it is missing; returns its Python."""
    env: dict[str, str] = field(default_factory=dict)
    workers: int = 2


def declared() -> list[str]:
    """Return what pyproject.toml says that a chapter needs: `numpy>=2.0` and so on."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "dependencies"
    ]


def lower_bounds(requirements: list[str]) -> list[str]:
    """Return the oldest versions that are promised, as pins.

    Raises ValueError for a requirement that promises none.
    """
    pins = [re.sub(r"^([\w.-]+)>=([\w.]+)$", r"\1==\2", one) for one in requirements]
    if loose := [pin for pin in pins if "==" not in pin]:
        raise ValueError(f"pyproject.toml says no oldest version of {loose[0]!r}")
    return pins


def make_oldest() -> Path:
    """Make the environment of the oldest versions that are promised."""
    return _made("oldest", 11, [(*lower_bounds(declared()), *KERNEL)])


def make_newest() -> Path:
    """Make the environment of the newest versions that the registry has today."""
    today = datetime.now(UTC).date().isoformat()
    others = [one for one in declared() if not one.startswith("torch>")]
    # The date is no package: it makes the environment anew on another day
    (MATRIX / "today.txt").write_text(f"# {today}\n")
    since = ("--requirement", MATRIX / "today.txt")
    return _made("newest", 13, [(TORCH, *others, *KERNEL, *since)])


def _made(name: str, minor: int, steps: list[tuple]) -> Path:
    environment = MATRIX / name
    told = f"making .matrix/{name}, some minutes"
    lane.make_environment(environment, lane.find_python(minor), steps, told)
    return environment / "bin" / "python"


def make_colab() -> Path:
    """Make the lane of Colab's versions, as `make test-colab` does."""
    from tests.colab import lane as colab

    if colab.main():
        raise subprocess.CalledProcessError(1, "tests/colab/lane.py")
    return colab.PYTHON


def this_python() -> Path:
    """Return the Python of `.venv`, where the lock is installed."""
    return Path(sys.executable)


LANES = (
    Lane("lock", "the lock", this_python),
    Lane("threads", "the lock, 2 threads", this_python, {"OMP_NUM_THREADS": "2"}, 1),
    Lane("avx2", "the lock, AVX2", this_python, AVX2),
    Lane("oldest", "the oldest promised", make_oldest),
    Lane("newest", "the newest", make_newest),
    Lane("colab", "Colab's", make_colab),
)


def run(chosen: Lane, python: Path, read: Sequence[Path], report: Path) -> None:
    """Compare notebooks with a fresh run in a lane; write the JUnit report."""
    report.unlink(missing_ok=True)
    jupyter = MATRIX / "jupyter"
    sanitize, places = ROOT / "tests" / "sanitize.cfg", ROOT
    names = [path.relative_to(ROOT) for path in read]
    kernel = chosen.name
    if chosen.name == "colab":
        # Its set-up cell installs the book's helpers, so its notebooks stand apart
        folder = ROOT / ".colab"
        jupyter, sanitize = folder / "jupyter", folder / "sanitize.cfg"
        places = folder / "notebooks"
    else:
        env = {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", **chosen.env}
        lane.write_kernel(jupyter, kernel, (python, "-m", "ipykernel_launcher"), env)
    command = [sys.executable, "-m", "pytest", "-n", str(chosen.workers)]
    command += ["--dist", "loadfile", "--nbval", "-p", "no:cacheprovider"]
    command += ["--nbval-kernel-name", kernel, "--nbval-sanitize-with", str(sanitize)]
    one_thread = {"OMP_NUM_THREADS": "1", "JUPYTER_PATH": str(jupyter)}
    subprocess.run(
        [*command, f"--junitxml={report}", *(places / name for name in names)],
        cwd=ROOT,
        env=os.environ | one_thread | chosen.env,
    )


def by_notebook(report: Path) -> dict[str, dict[str, int]]:
    """Return how many cells of each notebook ended how, by a JUnit report.

    Raises OSError or ValueError where there is none, or one of a run that was stopped.
    """
    found: dict[str, Counter] = {}
    for case in cases_of(report):
        names = f"{case.get('classname')}.{case.get('name')}"
        place = re.search(r"((?:(?:chapters|exercises)\.)?\w+)\.ipynb", names)
        name = place[1].replace(".", "/") if place else names
        found.setdefault(name, Counter())[ended(case)] += 1
    return {name: dict(sorted(ends.items())) for name, ends in found.items()}


def versions(python: Path) -> dict[str, str]:
    """Return the versions that an environment holds of what a figure may depend on."""
    ask = (
        "import json, sys; from importlib.metadata import version as of; "
        "print(json.dumps({n: of(n) for n in sys.argv[1:]}))"
    )
    done = subprocess.run(
        [python, "-c", ask, *SHOWN], check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def row(chosen: Lane, read: Sequence[Path]) -> dict:
    """Make a lane, run the notebooks in it, and return its row of the table."""
    about = {
        "lane": chosen.name,
        "title": chosen.title,
        "processor": chosen.env,
        "date": datetime.now(UTC).date().isoformat(),
    }
    # What an error says would name this machine's folders, and stand in the book
    try:
        python = chosen.make()
        ask = [python, "-c", "import platform; print(platform.python_version())"]
        said = subprocess.run(ask, check=True, capture_output=True, text=True).stdout
        about |= {"python": said.strip(), "versions": versions(python)}
    except (subprocess.CalledProcessError, OSError, ValueError) as error:
        print(f"{chosen.title}: {error}", file=sys.stderr)
        return about | {"not_run": "its environment wasn't made"}
    report = MATRIX / "reports" / f"{chosen.name}.xml"
    run(chosen, python, read, report)
    try:
        return about | {"notebooks": by_notebook(report)}
    except (OSError, ValueError) as error:
        print(f"{chosen.title}: {report.name}: {error}", file=sys.stderr)
        return about | {"not_run": "pytest wrote no whole report"}


def is_green(made: dict) -> bool:
    """Tell whether a row's lane ran, and every cell in it passed."""
    ends = made.get("notebooks", {}).values()
    return bool(ends) and all(set(one) == {"passed"} for one in ends)


def stored_rows() -> dict[str, dict]:
    """Return the rows that are stored, by lane; ValueError says what is damaged."""
    if not STORED.exists():
        return {}
    stored = read_json(STORED, CHECKED["versions"])["lanes"]
    return {made["lane"]: made for made in stored}


def main(arguments: list[str] | None = None) -> int:
    """Run the lanes named, or all; store their rows; name those that aren't green."""
    parser = argparse.ArgumentParser(prog="python -m book.matrix")
    names = [one.name for one in LANES]
    parser.add_argument("lane", nargs="*", choices=[*names, []], help=", ".join(names))
    parser.add_argument("--notebook", action="append", type=Path, default=[])
    options = parser.parse_args(arguments)
    asked = options.lane or names
    read = [path.resolve() for path in options.notebook]
    if strange := sorted({*read} - {*opened_in_colab()}):
        parser.error(f"{strange[0]} is no notebook of the book: is it spelt right?")
    weights.install(model=weights.LARGER)
    (MATRIX / "reports").mkdir(parents=True, exist_ok=True)
    rows = stored_rows()
    try:
        for chosen in LANES:
            if chosen.name not in asked:
                continue
            print(f"{chosen.title}:", flush=True)
            made = row(chosen, read or opened_in_colab())
            before = rows.get(chosen.name, {}) if read else {}
            if "notebooks" in made and "notebooks" in before:
                made["notebooks"] = before["notebooks"] | made["notebooks"]
                made["date"] = before["date"]
            rows[chosen.name] = made
    finally:
        # At the end, since a notebook shows it; and what ran, where a lane ends all
        in_order = [rows[name] for name in names if name in rows]
        store("versions", {"lanes": in_order}, folder="checks")
    execute(PAGE)
    red = [name for name in asked if not is_green(rows[name])]
    for name in red:
        print(f"not green: {rows[name]['title']}", file=sys.stderr)
    return 1 if red else 0


if __name__ == "__main__":
    sys.exit(main())
