"""A lane of the tests: an environment of its own, and a kernel that runs in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from book.building import ROOT, STAMP, alone, is_made_from, sign


def find_python(minor: int) -> str:
    """Return this machine's Python 3.`minor`, or the one that runs if it has none."""
    name = f"python3.{minor}"
    asked = [shutil.which(name)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    asked += sorted(pyenv.glob(f"versions/3.{minor}.*/bin/python"))
    for python in filter(None, asked):
        # pyenv's own `python3.13` is there, and fails, where another is chosen
        if not subprocess.run([python, "-c", ""], capture_output=True).returncode:
            return str(python)
    return sys.executable


def pip(environment: Path, *arguments: str | Path) -> None:
    """Run an environment's pip."""
    command = [environment / "bin" / "python", "-m", "pip", *arguments]
    subprocess.run(command, check=True)


def make_environment(
    environment: Path, python: str, steps: Sequence[Sequence[str | Path]], told: str
) -> None:
    """Make an environment by steps of `pip install`, unless it is there as asked.

    What files among the arguments hold counts too. `told` is said before it is made.
    """
    version = subprocess.run([python, "-VV"], capture_output=True, check=True).stdout
    digest = hashlib.sha256(python.encode() + version)
    for argument in [one for step in steps for one in step]:
        held = argument.read_bytes() if isinstance(argument, Path) else b""
        digest.update(f"\0{argument}\0".encode() + held)
    stamp = environment / STAMP
    with alone(environment.parent, f"making {environment.name}"):
        if is_made_from(stamp, digest.hexdigest()):
            return
        stamp.unlink(missing_ok=True)
        print(told, flush=True)
        subprocess.run([python, "-m", "venv", "--clear", environment], check=True)
        for step in steps:
            pip(environment, "install", "--quiet", "--no-compile", *step)
        sign(stamp, digest.hexdigest())


def write_kernel(
    folder: Path, name: str, argv: Sequence[str | Path], env: dict[str, str]
) -> None:
    """Write a kernelspec into the Jupyter folder that JUPYTER_PATH will name."""
    spec = {
        "display_name": name,
        "language": "python",
        "argv": [*map(str, argv), "-f", "{connection_file}"],
        "env": env,
    }
    place = folder / "kernels" / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "kernel.json").write_text(json.dumps(spec))


def main(arguments: list[str]) -> int:
    """Make an environment below the book's folder: its name, then its packages."""
    name, *packages = arguments
    told = f"Installing {' '.join(packages)} into {name}/"
    try:
        make_environment(ROOT / name, sys.executable, [packages], told)
    except (OSError, subprocess.CalledProcessError):
        print(
            f"{' '.join(packages)} could not be installed: check the network, then run "
            "the same command again.",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
