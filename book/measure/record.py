"""A stored measurement: figures, with all that is needed to measure them again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from book.building import write
from widgets.corpus import DATA

ALWAYS = ("sentence-transformers", "torch", "numpy")


def store(
    name: str,
    figures: dict,
    *,
    versions: Iterable[str] = (),
    data: Iterable[Path] = (),
    seeds: Iterable[int] = (),
    folder: str = "measurements",
) -> Path:
    """Write figures to data/measurements/<name>.json with how they were measured.

    `versions` names packages beside torch's and its kin; `data` are the files that the
    figures were measured on, kept by their sha256 and their name; `seeds` those used.
    What was checked, and not measured, has a `folder` of its own: `checks`.
    """
    made = {
        **figures,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine(),
        "versions": {of: version(of) for of in dict.fromkeys([*ALWAYS, *versions])},
        "seeds": list(seeds),
        "data_sha256": {path.name: sha256(path) for path in data},
    }
    path = DATA / folder / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    write(path, f"{json.dumps(made, indent=1, ensure_ascii=False)}\n".encode())
    return path


def evaluation_sets() -> Path:
    """Return the folder of the public evaluation sets.

    Raises SystemExit where EVALUATION_SETS doesn't name it.
    """
    folder = os.environ.get("EVALUATION_SETS")
    if not folder:
        raise SystemExit("set EVALUATION_SETS to the folder of the public sets")
    return Path(folder)


def median_seconds(step: Callable[[], object], runs: int) -> float:
    """Return the median seconds of several runs of a step, to three digits."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return float(f"{statistics.median(seconds):.3g}")


def machine() -> str:
    """Say what this machine is, in so far as it matters for a figure."""
    return f"{os.cpu_count()} cores, {platform.machine()}, no GPU"


def sha256(path: Path) -> str:
    """Return a file's checksum."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
