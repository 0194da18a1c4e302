"""The drawings of the house: every name and every arrow is read out of the code."""

import ast
import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from book.outputs import joined

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "chapters/appendix_house.ipynb"
DRAWINGS = [ROOT / "chapters/house_sentence.svg", ROOT / "chapters/house_cell.svg"]
MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("widgets", "book")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".py", ".js") and "built" not in path.parts
)
BY_JS = re.compile(r"^(?:import\b|\}).*?\bfrom\s+\"(\.[^\"]+)\"", re.M)
# What sends and what takes each message, as it stands in the code
SENDS = {"query": "model.send({ kind,", "answer": r'kind"?: "answer"'}
TAKES = {"query": r"_on_message|send\(", "answer": r'message\?\.kind !== "answer"'}


def drawn(path):
    return BeautifulSoup(path.read_text("utf-8"), "html.parser")


def boxes(path):
    return {box["data-module"]: box for box in drawn(path).select("g.module")}


def arrows(path):
    return drawn(path).select("g.arrow")


def nodes_at_start(body):
    """Yield the statements that run when a module is imported."""
    for node in body:
        yield node
        if isinstance(node, ast.Try):
            yield from nodes_at_start(node.body)


def imported(name, *, at_start=False):
    """Return the book's files that a file imports, at its start or anywhere."""
    path = ROOT / name
    source = path.read_text("utf-8")
    if path.suffix == ".js":
        found = [(path.parent / it).resolve() for it in BY_JS.findall(source)]
        return {it.relative_to(ROOT.resolve()).as_posix() for it in found}
    tree = ast.parse(source)
    asked = set()
    for node in nodes_at_start(tree.body) if at_start else ast.walk(tree):
        if isinstance(node, ast.Import):
            asked |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            asked.add(node.module)
            asked |= {f"{node.module}.{alias.name}" for alias in node.names}
    files = {f"{it.replace('.', '/')}.py" for it in asked}
    files |= {f"{it.replace('.', '/')}/__init__.py" for it in asked}
    return {file for file in files if file in MODULES}


def table():
    """Return the places that CONTRIBUTING's table lists, in its order."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \| ", text, re.M)
    return [place for row in rows for place in re.findall(r"`([^`]+)`", row)]


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_every_box_is_a_file_under_its_own_name(path):
    found = boxes(path)
    assert len(found) > 10
    for module, box in found.items():
        assert module in MODULES
        assert box.find("text").get_text() == Path(module).name


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_every_arrow_is_an_import_or_a_message(path):
    found = arrows(path)
    assert len(found) >= 9
    for arrow in found:
        begin, end = arrow["data-from"], arrow["data-to"]
        assert {begin, end} <= boxes(path).keys()
        if arrow["data-kind"] == "imports":
            assert end in imported(begin), f"{begin} imports no {end}"
        else:
            message = arrow["data-message"]
            assert SENDS.keys() >= {message}
            sender, taker = ((ROOT / it).read_text("utf-8") for it in (begin, end))
            sends, takes = SENDS[message], TAKES[message]
            assert sends in sender or re.search(sends, sender), begin
            assert re.search(takes, taker), end


def test_both_hosts_know_the_message_that_is_drawn():
    for name, said in (
        ("front/search_map.js", r'kind: "query"'),
        ("search_map.py", r'_answers: ClassVar = \{"query": '),
        ("front/page_answers.js", r"async query\("),
    ):
        assert re.search(said, (ROOT / "widgets" / name).read_text("utf-8")), name


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_each_arrow_touches_the_boxes_that_it_joins(path):
    for arrow in arrows(path):
        way = arrow.find("path")["d"]
        points = [tuple(map(float, p.split())) for p in way.strip("M").split("L")]
        for point, end in ((points[0], "data-from"), (points[-1], "data-to")):
            shape = boxes(path)[arrow[end]].rect
            left, top, width, height = (
                float(shape[it]) for it in ("x", "y", "width", "height")
            )
            assert left <= point[0] <= left + width, arrow
            assert top <= point[1] <= top + height, arrow


def page_texts():
    cells = json.loads(PAGE.read_text("utf-8"))["cells"]
    return [joined(it["source"]) for it in cells if it["cell_type"] == "markdown"]


def test_the_page_names_only_files_that_are_there():
    names = set(re.findall(r"`([\w/]+\.(?:py|js|c))`", "\n".join(page_texts())))
    assert len(names) > 20
    known = {Path(module).name for module in MODULES} | {"encoder.c"}
    assert names <= known, names - known
    assert (ROOT / "widgets/encoder/encoder.c").is_file()


@pytest.mark.parametrize("path", DRAWINGS, ids=lambda path: path.stem)
def test_the_words_beside_a_drawing_name_all_that_is_in_it(path):
    (said,) = re.findall(
        rf'\({path.name}\){{[^}}]*fig-alt="([^"]+)"', "".join(page_texts())
    )
    for module in boxes(path):
        assert Path(module).name in said


def test_every_step_of_a_drawing_is_told():
    for path, text in zip(
        DRAWINGS, [it for it in page_texts() if "house_" in it], strict=True
    ):
        told = {int(it) for it in re.findall(r"^([0-9])\. ", text, re.M)}
        assert {int(it.get_text()) for it in drawn(path).select(".number")} == told


def test_every_module_has_its_place_in_the_table():
    places = table()
    assert len(places) == len(set(places))
    for place in places:
        assert (ROOT / place).exists(), place
    for module in MODULES:
        folders = [f"{it.as_posix()}/" for it in Path(module).parents]
        known = {module, *folders} - {"widgets/", "book/"}
        assert known & set(places) or Path(module) == Path("book/__init__.py"), (
            f"{module} has no row in CONTRIBUTING's table"
        )


def test_a_module_stands_below_all_that_it_needs():
    places = table()
    rank = {place: number for number, place in enumerate(places)}
    compared = 0
    for module in (it for it in places if it.endswith(".py")):
        for needed in imported(module, at_start=True) - {module}:
            row = next(
                (it for it in (needed, f"{Path(needed).parent}/") if it in rank), ""
            )
            # A package's own __init__ is read before any module of it
            if row and not needed.endswith("__init__.py"):
                compared += 1
                assert rank[row] < rank[module], (
                    f"{module} needs {needed}: put it below"
                )
    assert compared > 40
