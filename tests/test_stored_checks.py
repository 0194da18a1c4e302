"""What is stored of the checks is whole: every page, every lane, and no failure.

`make test-all` stores it, and runs this file when it has.
"""

import json

from book import matrix
from book.colab import opened_in_colab
from book.render import read_config
from tests.conftest import ROOT


def stored(name):
    return json.loads((ROOT / "data" / "checks" / f"{name}.json").read_text())


def test_the_stored_checks_hold_no_failure():
    checks = stored("tests")
    rows = [checks["tests"], *checks["pages"], *checks["faults"]]
    assert [row for row in rows if "failed" in row] == []
    assert all("passed" in row for row in rows)


def test_each_page_of_the_book_was_looked_at_in_each_way():
    looks = {
        f"{width}, {light}"
        for width in ("wide", "narrow")
        for light in ("light", "dark")
    }
    looked = {(row["page"], row["look"]) for row in stored("tests")["pages"]}
    sources = read_config(ROOT)["book"]["chapters"]
    missing = {
        (page, look)
        for page in (source.replace(".ipynb", ".html") for source in sources)
        for look in looks
    } - looked
    assert not missing, f"run `make test-all`: no look yet at {sorted(missing)}"


def test_every_notebook_passed_in_every_lane():
    lanes = {row["lane"]: row for row in stored("versions")["lanes"]}
    assert list(lanes) == [lane.name for lane in matrix.LANES]
    names = {
        path.relative_to(ROOT).with_suffix("").as_posix() for path in opened_in_colab()
    }
    for name, row in lanes.items():
        assert matrix.is_green(row), f"run `make test-matrix`: {name} isn't green"
        assert set(row["notebooks"]) == names, f"run `python -m book.matrix {name}`"
