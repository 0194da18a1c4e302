"""What all builds share: one at a time, whole or not at all, known by its sources.

A build is made aside, in a folder or file whose name ends in `.arriving`, and moves in
when it is whole. Its stamp, which is written last, says what it was made from. So what
a stopped build leaves is never taken for a result, and the next build clears it away.
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
PLACES = ("", "_book", "_grader", "_usb", "widgets")
"""Where, below the book's folder, something may arrive or leave."""

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
    folder = root / ".building"
    folder.mkdir(parents=True, exist_ok=True)
    lock, who = FileLock(folder / "lock"), folder / "who.txt"
    try:
        lock.acquire(blocking=False)
    except Timeout:
        holder = who.read_text("utf-8") if who.is_file() else "another build"
        print(f"Waiting, for one build works at a time: {holder}", flush=True)
        lock.acquire()
    try:
        write(who, f"{what} (process {os.getpid()})".encode())
        os.environ[HELD] = home
        tidy(root)
        try:
            yield
        finally:
            tidy(root)
    finally:
        os.environ.pop(HELD, None)
        if outer is not None:
            os.environ[HELD] = outer
        lock.release()


def tidy(root: Path) -> None:
    """Give back what a stopped build moved aside, and remove what it left unfinished.

    Only who holds the lock may do so: it is a living build's otherwise.
    """
    for place in PLACES:
        for left in (root / place).glob(f"*{LEAVING}"):
            target = left.with_name(left.name.removesuffix(LEAVING))
            if target.exists():
                remove(left)
            else:
                left.rename(target)
        for left in (root / place).glob(f"*{ARRIVING}*"):
            remove(left)


def make_room(target: Path) -> Path:
    """Return an empty folder beside `target`, in which to make what moves there."""
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
    """Write a file whole or not at all."""
    arriving = path.with_name(f".{path.name}{ARRIVING}")
    try:
        arriving.write_bytes(content)
        arriving.replace(path)
    finally:
        arriving.unlink(missing_ok=True)


def is_made_from(stamp: Path, made_from: str) -> bool:
    """Tell whether a stamp is there, and says just this."""
    return stamp.is_file() and stamp.read_bytes() == made_from.encode()


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
