"""Name the licences of all that the book carries, and of all that it is made with.

The pages, the slides and the stick carry other people's work, whose licences ask that
their text goes with it: `text` is that text, and the build puts it into the book.
`make licences` prints what is carried and what is installed; `make bom` writes both as
a bill of materials (CycloneDX); `make audit` asks for known faults in what is locked.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution, version
from pathlib import Path

from book import reveal
from book.building import write
from widgets.weights import MODEL, MODELS

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / ".hooks" / "bin"
PYTHON = ROOT / ".venv" / "bin" / "python"
BOM = ROOT / "dist" / "bom.json"


@dataclass(frozen=True)
class Work:
    """What the book carries: whose it is, where it lies, and what its licence says."""

    name: str
    version: str
    licence: str
    """Its name in the SPDX list."""
    where: str
    text: Callable[[], str]


def licence_of(package: str) -> Callable[[], str]:
    """Return what reads the licence that an installed package brings.

    Raises FileNotFoundError where it brings none.
    """

    def read() -> str:
        found = distribution(package)
        for file in found.files or ():
            if file.name in ("LICENSE", "LICENSE.txt") and "dist-info" in file.parts[0]:
                return file.read_text("utf-8")
        raise FileNotFoundError(f"the package {package} brings no licence")

    return read


def carried() -> list[Work]:
    """Return what the book carries, its own work first."""
    return [
        Work(
            "One Vector per Sentence",
            "",
            "MIT",
            "all pages and scripts; text and data are CC BY 4.0",
            lambda: (ROOT / "LICENSE").read_text("utf-8"),
        ),
        Work(
            MODEL,
            MODELS[MODEL].revision[:12],
            "Apache-2.0",
            "assets/minilm.bin, packed from its weights and words",
            # The model's own files bring no text; this is the same licence's
            licence_of("sentence-transformers"),
        ),
        Work(
            "plotly.js",
            version("plotly"),
            "MIT",
            "assets/plotly.min.js, from the package plotly",
            licence_of("plotly"),
        ),
        Work(
            "Zig's runtime",
            version("ziglang"),
            "MIT",
            "assets/encoder.wasm, which Zig compiled",
            licence_of("ziglang"),
        ),
        Work(
            "reveal.js",
            reveal.VERSION,
            "MIT",
            "slides/reveal, where there are slides",
            lambda: "Its licence lies beside it, in slides/reveal/LICENSE.",
        ),
    ]


def text() -> str:
    """Return the licences of all that the book carries, whole."""
    head = "What this book carries, and under which licence\n"
    parts = [head]
    for work in carried():
        title = " ".join(filter(None, (work.name, work.version)))
        parts.append(
            f"{title}: {work.licence}\n{work.where}\n\n{work.text().strip()}\n"
        )
    return f"\n{'=' * 72}\n\n".join(parts)


def with_carried(bom: dict) -> dict:
    """Add what the book carries to a bill of materials of what is installed."""
    components = [
        {
            "type": "machine-learning-model" if work.name == MODEL else "library",
            "name": work.name,
            "version": work.version,
            "licenses": [{"license": {"id": work.licence}}],
        }
        for work in carried()[1:]
    ]
    return bom | {"components": [*components, *bom.get("components", [])]}


def run(tool: str, *arguments: str | Path) -> subprocess.CompletedProcess:
    """Run a maintainer's tool that the Makefile put into `.hooks/`."""
    command = [TOOLS / tool, *arguments]
    return subprocess.run(command, capture_output=True, text=True)


def list_all() -> int:
    """Print what is carried, then what is installed, each with its licence."""
    for work in carried():
        print(f"{work.name:26}{work.version:14}{work.licence:12}{work.where}")
    print("\nInstalled, to make the book:\n")
    done = run("pip-licenses", f"--python={PYTHON}", "--order=license")
    print(done.stdout or done.stderr)
    return done.returncode


def write_bom() -> int:
    """Write the bill of materials into dist/bom.json."""
    done = run("cyclonedx-py", "environment", PYTHON)
    if done.returncode:
        print(f"No bill was written: {done.stderr.strip()[-200:]}", file=sys.stderr)
        return 1
    made = with_carried(json.loads(done.stdout))
    BOM.parent.mkdir(exist_ok=True)
    write(BOM, f"{json.dumps(made, indent=1)}\n".encode())
    print(f"{len(made['components'])} parts are in dist/bom.json")
    return 0


def audit() -> int:
    """Ask for known faults of what is installed; say so where nobody answers."""
    (site,) = (ROOT / ".venv").glob("lib/python*/site-packages")
    done = run("pip-audit", "--format=json", "--progress-spinner=off", "--path", site)
    try:
        parts = json.loads(done.stdout)["dependencies"]
    except ValueError:
        parts = []
    asked = [part for part in parts if "vulns" in part]
    if not asked:
        print("Nothing is known: pip-audit's service did not answer from here.")
        return 0
    faulty = [part for part in asked if part["vulns"]]
    for part in faulty:
        names = ", ".join(fault["id"] for fault in part["vulns"])
        print(f"{part['name']} {part['version']}: {names}")
    print(f"{len(faulty)} of {len(asked)} packages have a known fault;", end=" ")
    print(f"of {len(parts) - len(asked)} others the service knows nothing.")
    return 1 if faulty else 0


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked: list, bom or audit."""
    tasks = {"list": list_all, "bom": write_bom, "audit": audit}
    parser = argparse.ArgumentParser(prog="python -m book.licences")
    parser.add_argument("task", choices=tasks)
    return tasks[parser.parse_args(arguments).task]()


if __name__ == "__main__":
    sys.exit(main())
