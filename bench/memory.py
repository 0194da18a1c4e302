"""How much memory a page takes, as Linux counts it."""

from __future__ import annotations

import itertools
import threading
from pathlib import Path

import psutil

from bench.contenders import BenchError

LOOK_EVERY = 0.05  # seconds
LOOKS_TO_RENEW = 10


class Memory:
    """Watch the page's process from a thread: the most bytes seen, PSS and RSS."""

    def __init__(self, profile: str) -> None:
        self.peak_pss = self.peak_rss = 0
        self._profile = profile
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        if not self.peak_pss:
            raise BenchError("The page's process was not found.")

    def _watch(self) -> None:
        browser = self._browser()
        if browser is None:
            return
        pages: list[int] = []
        for look in itertools.count():
            if look % LOOKS_TO_RENEW == 0:  # to find them costs more than to look
                pages = [
                    each.pid
                    for each in browser.children(recursive=True)
                    if _is_page(each)
                ]
            for process in pages:
                self._look(Path("/proc") / str(process))
            if self._done.wait(LOOK_EVERY):
                return

    def _look(self, process: Path) -> None:
        try:
            pss = _kilobytes(process / "smaps_rollup", "Pss")
            rss = _kilobytes(process / "status", "VmHWM")
        except (OSError, ValueError):
            return  # it has just ended
        self.peak_pss = max(self.peak_pss, pss * 1024)
        self.peak_rss = max(self.peak_rss, rss * 1024)

    def _browser(self) -> psutil.Process | None:
        """Return the browser's first process, the only one that names the profile."""
        for process in psutil.process_iter(["cmdline"]):
            if f"--user-data-dir={self._profile}" in (process.info["cmdline"] or ()):
                return process
        return None


def _is_page(process: psutil.Process) -> bool:
    try:
        return "--type=renderer" in process.cmdline()
    except psutil.Error:
        return False


def _kilobytes(file: Path, name: str) -> int:
    [line] = [
        s for s in file.read_text("utf-8").splitlines() if s.startswith(f"{name}:")
    ]
    return int(line.split()[1])
