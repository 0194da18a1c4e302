"""JupyterLab on this machine, with a folder and a configuration of its own."""

import os
import re
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import nbformat
import pytest

ROOT = Path(__file__).parent.parent
PATIENCE = 120_000  # ms: a kernel starts and torch is imported, on a busy machine


@contextmanager
def jupyterlab(home: Path, **notebooks: list[str]) -> Iterator[Callable]:
    """Start a server for notebooks, given by their names and their cells of code.

    Gives a function that takes a front end ("lab/tree", "notebooks") and a notebook's
    name and returns the address.
    """
    for name, cells in notebooks.items():
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        )
        nbformat.write(notebook, home / f"{name}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    own = {
        f"JUPYTER_{name}_DIR": str(home / name.lower())
        for name in ("CONFIG", "DATA", "RUNTIME")
    }
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
                *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"),
                *("--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
                f"--ServerApp.root_dir={home}",
                "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            ],
            env=os.environ | own | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api?token={token}", server, home / "server.log")
        yield (
            lambda front_end, name: f"{address}/{front_end}/{name}.ipynb?token={token}"
        )
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()


def _wait_for(address, server, log):
    end = time.monotonic() + PATIENCE / 1000
    while True:
        try:
            return urlopen(address).close()
        except URLError as error:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"JupyterLab did not start ({error}):\n{log.read_text()}")
        time.sleep(0.3)


def run_all(browser, address, when_idle):
    """Open a notebook and run its cells, once the page shows that the kernel is there."""
    page = browser.new_page(viewport={"width": 1300, "height": 1100})
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    idle = page.locator(when_idle).first
    idle.wait_for()  # a cell that is run before its kernel is there is forgotten
    run_cells(page)
    idle.wait_for()
    return page


def run_cells(page):
    """Run all cells of the notebook that is open, and wait for a widget's box."""
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    search = page.get_by_role("searchbox", name=re.compile("^Search .* sentences"))
    search.first.wait_for()
