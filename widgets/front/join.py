"""Join plain ES modules into one, without Node and without a build step.

Notebooks import a widget's front end from a blob address, where relative imports
cannot work. So the modules in this folder keep to a small form that can be joined
by lines: named imports from a neighbour, and functions, classes and constants that
are declared in the first column. Everything else is refused by name.
"""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(
    r'import \{(?P<names>[\w$,\s]*)\} from "(?P<path>\.{1,2}/[^"]+)";?'
)
_DEFAULT = re.compile(r"export default [\w$]+;?\s*")
_DECLARATION = re.compile(
    r"(?P<export>export )?(?:async )?(?:function\*?|const|let|var|class)\s+"
    r"(?P<name>[\w$]+)"
)
_OTHER_FORM = re.compile(r"import\b|export\b|(?:const|let|var)\s*[\[{]")
_ADDRESS_BOUND = re.compile(r"\bimport\.meta\b|(?<![\w.])import\(")


class JoinError(ValueError):
    """Say which file and line cannot be joined, and why."""


def join(entry: Path) -> str:
    """Return the ES module `entry` and all that it imports as one module's text.

    A module comes after the modules it imports. Only the entry keeps its `export`
    words; another module's `export default name;` is left out. Raises JoinError, with
    file and line, for any form outside the rules above, a missing file or name, an
    import in a circle, and a name that two modules declare.
    """
    joined = _Joined(Path(entry).resolve())
    joined.add(joined.entry, ())
    return "\n".join(joined.parts)


class _Joined:
    """The modules joined so far, who declared which name, and who exports it."""

    def __init__(self, entry: Path) -> None:
        self.entry = entry
        self.parts: list[str] = []
        self.owners: dict[str, Path] = {}
        self.exports: dict[Path, set[str]] = {}

    def add(self, path: Path, importers: tuple[Path, ...]) -> None:
        """Add a module after the modules that it imports; once is enough."""
        if path in self.exports:
            return
        exported: set[str] = set()
        kept = []
        for number, line in _statements(path):
            place = f"{path.name}, line {number}"
            if found := _IMPORT.fullmatch(line.strip()):
                self._follow(found, place, path, importers)
                continue
            _refuse_addresses(line, place)
            if found := _DECLARATION.match(line):
                self._declare(found["name"], place, path)
                if found["export"]:
                    exported.add(found["name"])
                    if path != self.entry:
                        line = line.removeprefix("export ")
                kept.append(line)
            elif not _DEFAULT.fullmatch(line):
                _refuse_other_forms(line, place)
                kept.append(line)
            elif path == self.entry:
                kept.append(line)
        self.exports[path] = exported
        self.parts.append(f"// {path.name}\n" + "\n".join(kept).strip() + "\n")

    def _follow(
        self, found: re.Match, place: str, path: Path, importers: tuple[Path, ...]
    ) -> None:
        other = (path.parent / found["path"]).resolve()
        if not other.is_file():
            raise JoinError(f'{place}: there is no file "{found["path"]}"')
        if other in (*importers, path):
            raise JoinError(f"{place}: {other.name} imports {path.name}, a circle")
        self.add(other, (*importers, path))
        names = {name.strip() for name in found["names"].split(",")} - {""}
        for name in sorted(names - self.exports[other]):
            raise JoinError(f"{place}: {other.name} exports no {name}")

    def _declare(self, name: str, place: str, path: Path) -> None:
        owner = self.owners.setdefault(name, path)
        if owner != path:
            raise JoinError(f"{place}: {owner.name} declares {name} too; rename one")


def _refuse_addresses(line: str, place: str) -> None:
    comment = line.lstrip().startswith(("//", "*", "/*"))
    if not comment and _ADDRESS_BOUND.search(line):
        raise JoinError(f"{place}: a joined module has no address: {line.strip()}")


def _refuse_other_forms(line: str, place: str) -> None:
    if _OTHER_FORM.match(line):
        raise JoinError(
            f'{place}: write `import {{ a, b }} from "./file.js"`, `export` before one '
            f"declaration, or `export default name`, not: {line.strip()}"
        )


def _statements(path: Path) -> list[tuple[int, str]]:
    """Return the module's lines with their numbers, an import's lines as one."""
    found: list[tuple[int, str]] = []
    open_import = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if open_import:
            open_import = (open_import[0], f"{open_import[1]} {line.strip()}")
        elif line.startswith("import {"):
            open_import = (number, line)
        else:
            found.append((number, line))
        if open_import and re.search(r"\}.*;|\}.*\"$", open_import[1]):
            found.append(open_import)
            open_import = None
    return found + ([open_import] if open_import else [])
