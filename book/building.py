"""What all builds share: one at a time, whole or not at all, known by its sources.

A build is made aside, in a folder or file whose name ends in `.arriving`, and moves in
when it is whole. Its stamp, which is written last, says what it was made from, and
which files it made. So what a stopped build leaves is never taken for a result, nor is
what lost a file since; and the next build clears it away.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from filelock import FileLock, Timeout

ROOT = Path(__file__).parent.parent
STAMP = "made-from.txt"
ARRIVING = ".arriving"
LEAVING = ".leaving"
MADE = ("_book", ".reveal", "widgets/built", "_book/*", "_grader/*", "_usb/*")
"""What builds make, below the book's folder; a reader's own files lie beside it."""

HELD = "BOOK_IS_BUILDING"
"""The variable that tells a build's own processes that it holds the lock."""


@contextmanager
def alone(root: Path, what: str) -> Iterator[None]:
    """Let one build at a time work below `root`; another waits, and says for whom.

    The lock ends with its process, in whatever way that ends. A build within a build
    goes on. What is left of a build that was stopped is cleared away, before and after.
    """
    home, outer = str(root.resolve()), os.environ.get(HELD)
    if outer == home:
        yield
        return
    lock, who = FileLock(own_file(root, "lock")), own_file(root, "who.txt")
    try:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            holder = who.read_text("utf-8") if who.is_file() else "another build"
            print(f"Waiting, for one build works at a time: {holder}", flush=True)
            lock.acquire()
        write(who, f"{what} (process {os.getpid()})".encode())
        os.environ[HELD] = home
        tidy(root)
        try:
            yield
        finally:
            tidy(root)
    except KeyboardInterrupt:
        sys.exit("\nStopped; run it again.")
    finally:
        os.environ.pop(HELD, None)
        if outer is not None:
            os.environ[HELD] = outer
        lock.release()


def own_file(root: Path, name: str) -> Path:
    """Return the place of a file that builds keep for themselves, free for a file."""
    path = root / ".building" / name
    if path.parent.is_file():
        remove(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        remove(path)
    return path


def tidy(root: Path) -> None:
    """Give back what a stopped build moved aside, and remove what it left unfinished.

    Only who holds the lock may do so: it is a living build's otherwise.
    """
    for made in MADE:
        for left in root.glob(f"{made}{LEAVING}"):
            target = left.with_name(left.name.removesuffix(LEAVING))
            if target.exists():
                remove(left)
            else:
                left.rename(target)
        for left in root.glob(f"{made}{ARRIVING}*"):
            remove(left)


def make_room(target: Path) -> Path:
    """Return an empty folder beside `target`, in which to make what moves there.

    Raises OSError where a link is in that place: what it names would stay as it is.
    """
    if target.is_symlink():
        raise OSError(f"{target} is a link, where a build puts its own: remove it")
    arriving = target.with_name(f"{target.name}{ARRIVING}")
    remove(arriving)
    arriving.mkdir(parents=True)
    return arriving


def move_in(arriving: Path, target: Path) -> None:
    """Put a folder or file that is whole in the place of an older one."""
    leaving = target.with_name(f"{target.name}{LEAVING}")
    if target.exists():
        target.rename(leaving)
    arriving.rename(target)
    remove(leaving)


def write(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; of two processes that do, one waits."""
    arriving = path.with_name(f".{path.name}{ARRIVING}")
    with FileLock(own_file(ROOT, "write")):
        remove(arriving)
        try:
            arriving.write_bytes(content)
            arriving.replace(path)
        finally:
            arriving.unlink(missing_ok=True)


def sign(stamp: Path, made_from: str, *made: Path) -> None:
    """Say in a stamp what was made, files and folders, and what it was made from."""
    files = [
        file
        for path in made
        for file in (files_below(path) if path.is_dir() else [path])
    ]
    names = sorted(os.path.relpath(file, stamp.parent) for file in files)
    write(stamp, _stamped(stamp, made_from, names))


def is_made_from(stamp: Path, made_from: str) -> bool:
    """Tell whether a stamp says just this, and all is there that it lists."""
    if not stamp.is_file():
        return False
    said = stamp.read_bytes()
    first, *lines = said.decode("utf-8", "replace").split("\n")
    names = [line.partition(" ")[2] for line in lines]
    return first == made_from and said == _stamped(stamp, made_from, names)


def _stamped(stamp: Path, made_from: str, names: list[str]) -> bytes:
    """Return what a stamp says: a line of its own for each file, with its size."""
    lines = [made_from]
    for name in names:
        file = stamp.parent / name
        size = file.stat().st_size if file.is_file() else "no"
        lines.append(f"{size} {name}")
    return "\n".join(lines).encode()


def fingerprint(root: Path, paths: Iterable[Path], *said: str) -> str:
    """Return a digest of files, of their places below `root`, and of what is said.

    A file elsewhere has its place in the book's own folder.
    """
    digest = hashlib.sha256("\0".join(said).encode())
    named = {
        path.relative_to(root if path.is_relative_to(root) else ROOT).as_posix(): path
        for path in paths
        if path.is_file()
    }
    for name, path in sorted(named.items()):
        held = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"\0{held} {name}".encode())
    return digest.hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Return all files below a folder but hidden ones and what Python compiled."""
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and path.suffix != ".pyc"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


@cache
def installed() -> str:
    """Return this Python and every package that it has, with their versions."""
    packages = sorted(f"{one.name}=={one.version}" for one in distributions())
    return "\n".join((sys.version, *packages))


def remove(path: Path) -> None:
    """Remove a file, a link or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
