"""Make the lane that runs the notebooks with Colab's versions: `make test-colab`.

In `.colab/` it makes an environment of Python 3.13, where there is one, with the
versions of constraints.txt; the wheel of the helper package, and a kernel that takes
it for Colab's (kernel.py); and copies of the notebooks, out of reach of this folder's
own `widgets`. The helper package is not installed: that is the set-up cell's work.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from book import lane
from book.colab import is_set_up, opened_in_colab, repo_url
from book.execute import ROOT
from book.outputs import joined

HERE = Path(__file__).parent
LANE = ROOT / ".colab"
ENVIRONMENT = LANE / "env"
PYTHON = ENVIRONMENT / "bin" / "python"
PINS = (HERE / "requirements.txt", HERE / "constraints.txt")
KERNEL = "colab"
HELPERS = ("one-vector-per-sentence", "bm25s", "snowballstemmer")
"""What the set-up cell installs, and nothing else."""


def make_environment() -> None:
    """Make the environment of Colab's versions, unless it is there."""
    requirements, constraints = PINS
    pinned = ("--requirement", requirements, "--constraint", constraints)
    lane.make_environment(
        ENVIRONMENT,
        lane.find_python(13),
        [("--no-deps", *pinned)],
        "[1/3] Colab's versions: making .colab (4 GB, some minutes)",
    )


def pip(*arguments: str | Path) -> None:
    """Run the environment's pip."""
    lane.pip(ENVIRONMENT, *arguments)


def make_kernel() -> None:
    """Build the wheel, and write the kernel that the set-up cell gets it from."""
    print("[2/3] The helper package: building its wheel", flush=True)
    wheels = LANE / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    build = ("wheel", "--quiet", "--no-deps", "--no-build-isolation")
    command = [sys.executable, "-m", "pip", *build, "--wheel-dir", wheels, ROOT]
    subprocess.run(command, check=True)
    (wheel,) = wheels.glob("*.whl")
    # pip keeps a package of the same version: a wheel built before must go first
    pip("uninstall", "--quiet", "--yes", wheel.name.split("-")[0])
    env = {
        "BOOK_REPO": f"git+{repo_url()}",
        "BOOK_WHEEL": str(wheel),
        "HF_HOME": str(LANE / "weights"),
        "HF_HUB_OFFLINE": "0",
    }
    # -P: what lies beside kernel.py is not for the notebooks
    argv = (PYTHON, "-P", HERE / "kernel.py")
    lane.write_kernel(LANE / "jupyter", KERNEL, argv, env)


def copy_notebooks() -> None:
    """Copy the notebooks; what their set-up cells print in Colab is not compared."""
    print("[3/3] The notebooks: copying them", flush=True)
    copies = LANE / "notebooks"
    shutil.rmtree(copies, ignore_errors=True)
    for path in opened_in_colab():
        notebook = json.loads(path.read_text("utf-8"))
        for cell in filter(is_set_up, notebook["cells"]):
            cell["metadata"]["tags"] = ["nbval-ignore-output"]
        copy = copies / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(json.dumps(notebook), "utf-8")
    own, common = (folder / "sanitize.cfg" for folder in (HERE, HERE.parent))
    text = f"{common.read_text('utf-8')}\n{own.read_text('utf-8')}"
    (LANE / "sanitize.cfg").write_text(text, "utf-8")


def set_up_source() -> str:
    """Return the first code cell of the first notebook."""
    cells = json.loads(opened_in_colab()[0].read_text("utf-8"))["cells"]
    return joined(next(cell["source"] for cell in cells if is_set_up(cell)))


def main() -> int:
    """Make what is missing or out of date; say in a sentence what stopped it."""
    LANE.mkdir(exist_ok=True)
    try:
        make_environment()
        make_kernel()
        copy_notebooks()
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        print(
            f"\nThe lane for Colab was not made: {error}. See above.", file=sys.stderr
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
