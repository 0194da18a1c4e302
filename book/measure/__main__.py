"""Make the stored measurements anew: `python -m book.measure [NAME …]`.

Each module of this package stores data/measurements/<its name>.json. Some need public
evaluation sets: name the folder that holds them in EVALUATION_SETS, and see there.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil

import book.measure

SHARED = {"__main__", "record"}


def main(arguments: list[str] | None = None) -> None:
    """Run the measurements named, or all of them, one after the other."""
    known = [m.name for m in pkgutil.iter_modules(book.measure.__path__)]
    known = [name for name in known if name not in SHARED]
    parser = argparse.ArgumentParser(prog="python -m book.measure")
    parser.add_argument("name", nargs="*", help=", ".join(known))
    names = parser.parse_args(arguments).name
    if unknown := sorted(set(names) - set(known)):
        parser.error(f"there is no {unknown[0]}: choose from {', '.join(known)}")
    for name in names or known:
        print(f"Measuring: {name}", flush=True)
        importlib.import_module(f"book.measure.{name}").main([])


if __name__ == "__main__":
    main()
