"""Let a script that Quarto starts run in the book's own environment.

Quarto starts filters and post-render scripts with whatever Python it finds. This needs
nothing but Python itself.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def enter() -> None:
    """Go on in `.venv` where there is one, with the book's folder importable."""
    own = ROOT / ".venv" / "bin" / "python"
    if own.exists() and Path(sys.prefix).resolve() != own.parent.parent.resolve():
        os.execv(own, [str(own), *sys.argv])
    sys.path.insert(0, str(ROOT))
