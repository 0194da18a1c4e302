"""Set everything up on a bare machine: environment, locked packages, weights.

Run `python3 book/environment.py` (every make target does). It needs nothing but
Python. Done once, it finds that nothing changed and is through in a moment.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv"
PYTHON = HOME / "bin" / "python"
LOCK = ROOT / "requirements.lock"
UV = ROOT / ".hooks" / "bin" / "uv"
PIN = re.compile(r"^([\w.-]+)==([^\s\\]+)", re.M)
HASHED = ("--generate-hashes", "--no-deps", "--no-header", "--no-annotate", "--quiet")
UNHASHED = "torch"
"""Its file differs from machine to machine, so the lock pins its version alone."""
NEEDED = 4_000_000_000
"""Bytes of disk that the packages take, with pip's own working space."""

UNREACHABLE = re.compile(
    r"No matching distribution|Failed to establish|Connection|Max retries|timed out|"
    r"ProxyError|Temporary failure|Network is unreachable|getaddrinfo|NameResolution"
)


class SetupError(Exception):
    """Say in one sentence what stopped the set-up and what to do."""


def fingerprint() -> str:
    """Return what the environment was made from: the lock, this Python, its place."""
    made_from = LOCK.read_bytes() + f"{sys.version}\0{HOME.resolve()}".encode()
    return hashlib.sha256(made_from).hexdigest()


def make_environment() -> None:
    """Make the environment and install the lock's packages, unless that is done.

    One at a time does so in this folder; another waits for it.
    """
    with alone():
        _make_environment()


@contextmanager
def alone() -> Iterator[None]:
    """Let one set-up at a time work here. The lock ends with its process."""
    import fcntl  # which Windows lacks: what else is here is to be read there too

    folder = ROOT / ".building"
    folder.mkdir(exist_ok=True)
    with open(folder / "set-up", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Waiting for another set-up in this folder", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_environment() -> None:
    stamp = HOME / "set-up"
    is_made = PYTHON.exists() and stamp.is_file()
    if is_made and stamp.read_bytes() == fingerprint().encode():
        return
    free = shutil.disk_usage(ROOT).free
    if free < NEEDED:
        raise SetupError(disk_full(free))
    stamp.unlink(missing_ok=True)
    if not is_usable():
        print("[1/3] Python environment: making .venv", flush=True)
        make_bare_environment()
    print("[2/3] Packages: installing the versions in requirements.lock", flush=True)
    install_packages()
    # Chapters import `widgets` wherever Jupyter was started
    (site,) = HOME.glob("lib/python*/site-packages")
    (site / "one_vector_per_sentence.pth").write_text(f"{ROOT}\n")
    arriving = stamp.with_suffix(".arriving")
    arriving.write_text(fingerprint())
    arriving.replace(stamp)


def is_usable() -> bool:
    """Tell whether .venv is there, whole, of this Python, and made in this place."""
    activate = HOME / "bin" / "activate"  # comes last, after pip
    if not PYTHON.exists() or not activate.is_file():
        return False
    if os.fsencode(HOME.resolve()) not in activate.read_bytes():
        return False
    # pip takes a package for installed as soon as its name is there; this file comes
    # after all that a package holds, and "~" begins the name of what was moved aside
    packages = HOME.glob("lib/python*/site-packages/*.dist-info")
    if not all((package / "INSTALLER").exists() for package in packages):
        return False
    if any(HOME.glob("lib/python*/site-packages/~*")):
        return False
    ask = "import pip, sys; print(sys.version)"
    done = subprocess.run([PYTHON, "-c", ask], capture_output=True, text=True)
    return done.stdout.strip() == sys.version


def make_bare_environment() -> None:
    """Make .venv anew, with pip. Raises SetupError where Python lacks what it needs."""
    try:
        venv.create(HOME, with_pip=True, clear=True, symlinks=True)
    except ValueError as error:  # a path with a colon
        raise SetupError(f"{error} Move the book's folder elsewhere.") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(
            f"Python could not make an environment in .venv ({error}); on Debian and "
            "Ubuntu install the package python3-venv, then run the same command again."
        ) from error


def install_packages() -> None:
    """Let pip install the lock, showing what it does.

    pip checks every file against the lock's hashes. It takes them for all packages of a
    call or for none, so torch comes by itself, after what it needs.
    Raises SetupError with one sentence where the registry, the disk or a hash fails.
    """
    text = LOCK.read_text()
    pins = dict(PIN.findall(text))
    hashed = HOME / "hashed.txt"
    hashed.parent.mkdir(parents=True, exist_ok=True)
    hashed.write_text(re.sub(f"(?m)^{UNHASHED}==.*\n", "", text))
    collected = install(len(pins), 0, "--require-hashes", "--no-deps", "-r", hashed)
    if UNHASHED in pins:
        install(len(pins), collected, f"{UNHASHED}=={pins[UNHASHED]}")


def install(pins: int, collected: int, *asked: str | Path) -> int:
    """Let pip install what is asked for; return how many packages came so far.

    Raises SetupError.
    """
    command = [PYTHON, "-m", "pip", "install", "--retries", "2", "--timeout", "60"]
    process = subprocess.Popen(
        [*command, "--disable-pip-version-check", *asked],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    for line in process.stdout:
        said.append(line.strip())
        if line.startswith("Collecting "):
            collected += 1
            print(f"      {collected} of {pins}: {line.split()[1]}", flush=True)
        elif line.startswith(("Installing", "Successfully")):
            print("      writing them into .venv", flush=True)
    if process.wait() == 0:
        return collected
    reason = next((line for line in reversed(said) if "ERROR" in line), said[-1])
    text = "\n".join(said)
    if "DO NOT MATCH THE HASHES" in text:
        wrong = re.findall(r"(?m)^(\S+==\S+) from ", text)
        raise SetupError(
            "The registry gave another file than the one that requirements.lock names, "
            f"of {', '.join(wrong)}: it was not installed; try another network or "
            "registry, then run the same command again."
        )
    if "No space left" in text or "Errno 28" in text:
        raise SetupError(disk_full(shutil.disk_usage(ROOT).free))
    if UNREACHABLE.search(text):
        raise SetupError(
            "The package registry did not answer, or has no such package for Python "
            f"{sys.version_info.major}.{sys.version_info.minor} ({reason[:160]}); "
            "check the network, then run the same command again."
        )
    raise SetupError(
        f"pip could not install the packages ({reason[:200]}); "
        "run the same command again, and if that doesn't help, `make clean` first."
    )


def disk_full(free: int) -> str:
    """Return the sentence for a disk without enough room."""
    return (
        f"The disk is too full: {free / 1e9:.1f} GB are free here and "
        f"{NEEDED / 1e9:.1f} GB are needed; free some space, then run the same "
        "command again."
    )


def check_weights() -> None:
    """Check the model's weights, and fetch them where they are missing."""
    print("[3/3] Weights: checking the model's files", flush=True)
    done = subprocess.run([PYTHON, "-m", "widgets.weights"], cwd=ROOT)
    if done.returncode:
        raise SetupError("The model's weights are not in place: see above.")


def write_lock() -> None:
    """Write the versions that .venv holds, with the hashes of all their files.

    uv asks the registry for the files of every system and Python.
    Raises SetupError where the registry doesn't answer.
    """
    command = [PYTHON, "-m", "pip", "freeze", "--all", "--exclude", "pip"]
    frozen = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    # "+cpu" names a build, not a version: other machines get another file
    pins = [line.split("+")[0] for line in frozen.stdout.splitlines()]
    bare = [pin for pin in pins if pin.startswith(f"{UNHASHED}==")]
    hashed = subprocess.run(
        [UV, "pip", "compile", "-", *HASHED, "--python", PYTHON],
        input="\n".join(pin for pin in pins if pin not in bare),
        capture_output=True,
        text=True,
    )
    if hashed.returncode:
        told = hashed.stderr.strip().splitlines()
        raise SetupError(
            f"The lock stays as it was, for uv got no hashes ({told[-1][:160]}); "
            "check the network, then run `make lock` again."
        )
    blocks = re.findall(r"(?m)^\S.*(?:\n[ \t].*)*", hashed.stdout)
    arriving = LOCK.with_name(".requirements.lock.arriving")
    arriving.write_text(
        "# Every version the book is made and tested with. Written by `make lock`\n"
        + "".join(f"{block}\n" for block in sorted(blocks + bare))
    )
    arriving.replace(LOCK)


def main() -> int:
    """Do all steps, each only where it is needed; print one sentence on failure."""
    try:
        if sys.argv[1:] == ["lock"]:
            write_lock()
            return 0
        make_environment()
        check_weights()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"\nThe set-up stopped: {error}. Run it again, and if that doesn't help, "
            "`make clean` first.",
            file=sys.stderr,
        )
        return 1
    except KeyboardInterrupt:
        print("\nStopped; run it again.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
