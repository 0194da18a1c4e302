"""Keep reveal.js, which shows the slides, as its authors made it: checked, not shipped.

It comes from a package of the registry that carries it whole. `fetch` brings it once,
into `.reveal/`, and checks every file's sha256.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from book.building import alone, make_room, move_in
from widgets.weights import download

HOME = Path(__file__).parent.parent / ".reveal"
PACKAGE = "sphinx-revealjs==3.2.1"
VERSION = "5.2.0"
"""Of reveal.js (MIT licence), which that package carries."""

WITHIN = "sphinx_revealjs/_static/revealjs"
SHA256 = {
    "dist/reveal.js": (
        "46538b52db48724192f59bf46f5e851a18e302777c46f4a34c32709d010d6a29"
    ),
    "dist/reveal.css": (
        "68f915a11ebf7203c0446576b7e952ff61c5dd02134a8a226ffaf62ed42136d2"
    ),
    "plugin/notes/notes.js": (
        "df1201d19d03241a2897d39c3d38768177df1cbd4bde06327b321cb83461ae89"
    ),
    "LICENSE": "34014800f4126ac2525e224166f099f26628612e95c41f76d70841b63138c989",
}

NOTES_SCRIPT = "sha256-wfrJpa7dmlxqHmakgJIolYIQ+LOJmVS3HKfvdaO3GDE="
"""The script in the speaker's window, as the policy of the page that opens it says."""


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds all files, each as it must be."""
    return all(
        (file := folder / Path(name).name).is_file()
        and hashlib.sha256(file.read_bytes()).hexdigest() == expected
        for name, expected in SHA256.items()
    )


def fetch(home: Path = HOME) -> Path:
    """Return the folder with reveal.js in it, after fetching it where it isn't there.

    Raises OSError where the registry doesn't give it, or gives another file.
    """
    with alone(home.parent, "fetching reveal.js"):
        if is_whole(home):
            return home
        print(f"  reveal.js: fetching it from {PACKAGE.partition('=')[0]}")
        arriving = make_room(home)
        download(arriving, PACKAGE)
        kept = arriving / "kept"
        kept.mkdir()
        for name in SHA256:
            source = arriving / WITHIN / name
            if source.is_file():
                shutil.copy(source, kept)
        if not is_whole(kept):
            raise OSError(f"{PACKAGE} does not hold the reveal.js that the book pins")
        move_in(kept, home)
    return home
