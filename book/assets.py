"""Put what the pages need beside them: styles, scripts, plotly, the page's model.

Imported by book.render; and Quarto runs it after rendering (`post-render` in
_quarto.yml). Quarto's pages then get our scripts, and lose the libraries that Quarto
asks other hosts for (require.js, jQuery), which nothing in this book uses.
"""

from __future__ import annotations

if __name__ == "__main__":
    import in_environment

    in_environment.enter()

import json
import os
import re
import shutil
from importlib.util import find_spec
from pathlib import Path

from book import licences
from book.check import read_page
from book.page import BUILT, SMALLER, copy_page_parts, make_page_parts

THEME = Path(__file__).parent / "theme"
PAGES = (
    *("colours.css", "quiz.css"),
    *("quarto.js", "figures.js", "live.js", "quizzes.js", "quiz.js"),
)
"""What a chapter's page gets beside what Quarto gives it."""

OWN = "'self' data: blob: 'unsafe-inline' 'unsafe-eval'"
POLICY = f"""
<meta http-equiv="Content-Security-Policy" content="default-src {OWN}; \
base-uri 'none'; form-action 'self'">
<meta name="referrer" content="no-referrer">"""
"""What Quarto's pages state. Quarto writes scripts into its pages, so those may run;
but neither they nor anything planted may ask another host."""

FOREIGN_SCRIPT = re.compile(
    r'<script[^>]*\ssrc="https?://[^"]*"[^>]*></script>\s*'
    r"|<script[^>]*>\s*define\('jquery'.*?</script>\s*",
    re.S,
)


HEAD = re.compile(r"<head[^>]*>\s*(?:<meta charset[^>]*>)?", re.I)


def copy_assets(folder: Path, built: Path) -> None:
    """Copy theme, scripts, plotly and what was built into the book's `assets/`."""
    assets = folder / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    shutil.copy(THEME / "mark.svg", assets)
    for kind, smaller in SMALLER.items():
        for path in THEME.glob(f"*{kind}"):
            (assets / path.name).write_text(smaller(path.read_text("utf-8")), "utf-8")
    # Found without importing: the import takes longer than the rest of the build
    plotly = find_spec("plotly")
    if plotly is None or plotly.origin is None:
        raise FileNotFoundError("plotly is not installed; run `make ready`")
    shutil.copy(Path(plotly.origin).parent / "package_data" / "plotly.min.js", assets)
    (folder / "licences.txt").write_text(licences.text(), "utf-8")
    if built.is_dir():
        copy_page_parts(assets, built)


def write_quizzes(folder: Path) -> None:
    """Write which page holds which quizzes, for quiz.js, which counts the answered."""
    quizzes = {}
    for page in sorted(folder.rglob("*.html")):
        if ids := [quiz["id"] for quiz in read_page(page).select(".quiz[id]")]:
            quizzes[page.relative_to(folder).as_posix()] = ids
    script = folder / "assets" / "quizzes.js"
    short = json.dumps(quizzes, separators=(",", ":"))
    script.write_text(f"window.bookQuizzes = {short};\n", "utf-8")


def localise(page: Path, folder: Path, assets: tuple[str, ...] = PAGES) -> None:
    """Cut a Quarto page's requests to other hosts, and link our scripts and colours.

    The page then states that it asks no other host, before anything is loaded.
    """
    text = page.read_text("utf-8")
    root = "../" * (len(page.relative_to(folder).parts) - 1)
    links = "".join(
        f'<link rel="stylesheet" href="{root}assets/{name}">'
        if name.endswith(".css")
        else f'<script src="{root}assets/{name}" defer></script>'
        for name in assets
    )
    text = FOREIGN_SCRIPT.sub("", text).replace("</head>", f"{links}</head>", 1)
    text = HEAD.sub(rf"\g<0>{POLICY}", text, count=1)
    page.write_text(text, "utf-8")


def main() -> None:
    """Finish what Quarto rendered."""
    folder = Path(os.environ["QUARTO_PROJECT_OUTPUT_DIR"])
    make_page_parts()
    copy_assets(folder, BUILT)
    write_quizzes(folder)
    for page in folder.rglob("*.html"):
        localise(page, folder)


if __name__ == "__main__":
    main()
