"""Builds: the same bytes twice, nothing trusted that was stopped, no change unnoticed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest

from book import building, reveal, usb
from tests import stopped
from tests.stopped import small_book
from tests.test_book import text, write_book
from tests.working_copy import ROOT, copy_tree

BUILDS = list(stopped.BUILDS)


def run(program, folder, *arguments, **environment):
    """Run a program in a process of its own, with a folder's own `book` and `widgets`.

    Return what it prints, which is JSON.
    """
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)} | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


# Stopped at any moment


def stop(folder, *much):
    """Return what was found of each build: what went wrong, and how many stops."""
    command = [sys.executable, "-m", "tests.stopped", folder, *much]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    return stop(tmp_path_factory.mktemp("killed"), "some")


@pytest.mark.fault(
    "a build is killed in the middle of a write, near its end or before",
    "the next run makes the same as if nothing had been, and leaves nothing behind",
)
@pytest.mark.parametrize("build", BUILDS)
def test_what_a_killed_build_leaves_is_not_trusted(killed, build):
    assert killed[build].startswith("{"), killed[build]
    found = json.loads(killed[build])
    assert found["wrong"] == []
    assert found["stops"] > 8


@pytest.mark.slow
@pytest.mark.fault(
    "a build is killed at each of its steps, or finds the disk full there",
    "the next run makes the same as if nothing had been, and leaves nothing behind",
)
@pytest.mark.parametrize("build", BUILDS)
def test_no_step_of_a_build_leaves_anything_to_trust(build, tmp_path):
    found = json.loads(stop(tmp_path, "all", build)[build])
    assert found["wrong"] == []
    assert found["stops"] in (3 * found["steps"], 6 * found["steps"])


# One at a time

HOLD = """
import select
import sys
from pathlib import Path
from book.building import alone
with alone(Path(sys.argv[1]), sys.argv[2]):
    print("begun", flush=True)
    # In short waits: a signal that comes right before a long one isn't noticed in it
    while not select.select([sys.stdin], [], [], 0.05)[0]:
        pass
print("ended", flush=True)
"""


@pytest.fixture
def hold():
    """Start processes that hold the lock of a folder until they get a line."""
    started = []

    def start(folder, what):
        command = [sys.executable, "-c", HOLD, str(folder), what]
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.fault(
    "a second build begins while one is at work",
    "it says for whom it waits, and goes on when that one ends or is killed",
)
@pytest.mark.parametrize("end", ["ends", "is killed"])
def test_a_second_build_waits_for_the_first(hold, tmp_path, end):
    first = hold(tmp_path, "rendering the book")
    assert first.stdout.readline() == "begun\n"
    (tmp_path / "_book.arriving").mkdir()
    second = hold(tmp_path, "making the slides")
    said = second.stdout.readline()
    assert said.startswith("Waiting, for one build works at a time: rendering the book")
    assert f"process {first.pid}" in said
    assert (tmp_path / "_book.arriving").is_dir()  # a living build's
    if end == "ends":
        first.stdin.write("\n")
        first.stdin.flush()
        assert first.stdout.readline() == "ended\n"
    else:
        first.send_signal(signal.SIGKILL)
    assert second.stdout.readline() == "begun\n"
    assert not (tmp_path / "_book.arriving").exists()  # a dead build's


TWO = """
import sys
from pathlib import Path
from book import render, slides
from tests import stopped
root = Path(sys.argv[1])
slides.fetch = lambda: root / "kept"
slides.check_pages = lambda folder, notebooks: []
render.render(root, quarto=False)
slides.make_slides(root, quarto=False)
assert (root / "_book" / "slides" / "one.html").is_file()
"""


def test_two_builds_at_once_give_one_whole_book(tmp_path):
    small_book(tmp_path)
    (tmp_path / "kept").mkdir()
    both = [
        subprocess.Popen([sys.executable, "-c", TWO, str(tmp_path)], cwd=ROOT)
        for _ in range(2)
    ]
    assert [one.wait() for one in both] == [0, 0]
    assert not list(tmp_path.rglob("*.arriving"))


WRITE = """
import sys
from pathlib import Path
from book.building import write
for _ in range(60):
    write(Path(sys.argv[1]), sys.argv[2].encode() * 1_000_000)
"""


@pytest.mark.fault(
    "two processes write the same file again and again",
    "each reading finds what one of them wrote, whole, and nothing is left behind",
)
def test_two_processes_write_a_file_whole(tmp_path):
    path = tmp_path / "stored.json"
    path.write_bytes(b"a" * 1_000_000)
    both = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(path), sign], cwd=ROOT)
        for sign in "ab"
    ]
    found = set()
    while any(one.poll() is None for one in both):
        read = path.read_bytes()
        found.add((len(read), *set(read)))
    assert found <= {(1_000_000, ord("a")), (1_000_000, ord("b"))}
    assert [one.returncode for one in both] == [0, 0]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.fault(
    "a build is stopped with Ctrl-C",
    "it says in a line to run it again",
)
def test_a_build_that_is_stopped_by_hand_says_so(hold, tmp_path, capfd):
    process = hold(tmp_path, "rendering the book")
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 1
    assert capfd.readouterr().err == "\nStopped; run it again.\n"


# What is in a build's way


@pytest.mark.fault(
    "a folder lies where builds keep a file of their own, or a file for their folder",
    "the build removes it and goes on",
)
@pytest.mark.parametrize("name", ["", "/lock", "/who.txt", "/.who.txt.arriving"])
def test_what_is_in_the_way_of_the_lock_is_removed(tmp_path, name):
    path = tmp_path / f".building{name}"
    if name:
        path.mkdir(parents=True)
    else:
        path.write_text("")
    with building.alone(tmp_path, "a test"):
        pass


@pytest.mark.parametrize("there", [True, False], ids=["there", "dangling"])
def test_a_link_in_place_of_what_is_built_is_named(tmp_path, there):
    target = tmp_path / "_book"
    target.symlink_to(tmp_path if there else tmp_path / "nowhere")
    with pytest.raises(OSError, match=r"_book is a link, .*: remove it"):
        building.make_room(target)
    assert target.is_symlink()


def test_a_readers_own_files_stay(tmp_path):
    theirs = ("notes.arriving.md", "trains.leaving", "widgets/mine.arriving")
    (tmp_path / "widgets").mkdir()
    for name in theirs:
        (tmp_path / name).write_text("mine")
    with building.alone(tmp_path, "a test"):
        pass
    assert all((tmp_path / name).is_file() for name in theirs)


@pytest.mark.fault(
    "the helper package that goes into the classroom's zip is damaged",
    "a sentence names it, and nothing is packed",
)
@pytest.mark.parametrize(
    "damage",
    [lambda it: it[:9], lambda it: it.replace(b"code", b"cod3")],
    ids=["cut", "a byte"],
)
def test_a_damaged_helper_package_is_named(tmp_path, damage):
    for name in ("_book", "dist"):
        (tmp_path / name).mkdir()
    (tmp_path / "index.ipynb").write_text("{}")
    wheel = tmp_path / "dist" / "one_vector_per_sentence-0.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("widgets/__init__.py", "code")
    wheel.write_bytes(damage(wheel.read_bytes()))
    with pytest.raises(OSError, match=rf"{wheel} is damaged .*: `make usb` makes all"):
        usb.pack(tmp_path, tmp_path / "_usb", tmp_path)
    assert not list((tmp_path / "_usb").iterdir())


# Lost since

LOST = """
import io, json, shutil, sys
from contextlib import redirect_stdout
from pathlib import Path
from book import epub, one_page, render, slides
from tests import stopped
root = stopped.small_book(Path(sys.argv[1]) / "book")
(root / "kept").mkdir()
(root / "kept" / "reveal.js").write_text("small")
stopped.remember_pandoc()
render.copy_assets, slides.fetch = stopped.small_assets, lambda: root / "kept"
render.check_pages = slides.check_pages = one_page.check_pages = lambda *_: []
epub.draw, epub.BROWSERS = (lambda page: []), ()
def build():
    with redirect_stdout(io.StringIO()):
        render.render(root, quarto=False)
        slides.make_slides(root, quarto=False)
        epub.make_epub(root)
    return stopped.held(root)
def damage(path, how):
    if how == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    else:
        path.unlink()
    if how == "a folder":
        path.mkdir()
due, wrong = build(), []
for pattern in json.loads(sys.argv[2]):
    path = min(root.glob(pattern))
    for how in ("gone", "a folder" if path.suffix == ".txt" else "cut"):
        damage(path, how)
        if build() != due:
            wrong.append(f"{pattern}: {how}")
parts = stopped.parts(Path(sys.argv[1]) / "parts")["make"]
place = Path(sys.argv[1]) / "parts"
with redirect_stdout(io.StringIO()):
    parts(place)
due = stopped.held(place / "widgets")
for name in ("minilm.bin", "widgets.css", "made-from.txt"):
    for how in ("gone", "cut"):
        damage(place / "widgets" / "built" / name, how)
        with redirect_stdout(io.StringIO()):
            parts(place)
        if stopped.held(place / "widgets") != due:
            wrong.append(f"{name}: {how}")
print(json.dumps(wrong))
"""
MADE = (
    *("index.html", "chapters/one.html", "chapters/one_files/*.png"),
    *("assets/book.css", "assets/made-from.txt", "slides/one.html"),
    *("print.html", "print_files/*", "assets/print.made-from.txt"),
    *("*.epub", "assets/epub.made-from.txt"),
)


@pytest.mark.fault(
    "a file that a build made is removed or cut, or a folder is in its stamp's place",
    "the next run makes it again",
)
def test_what_was_lost_is_made_again(tmp_path):
    patterns = [f"_book/{name}" for name in MADE]
    assert run(LOST, ROOT, str(tmp_path), json.dumps(patterns)) == []


# Every input

DIGESTS = """
import json, sys
from pathlib import Path
sys.dont_write_bytecode = True
from book import epub, one_page, page, render, slides
root = Path.cwd()
MADE = {
    "parts": lambda: page.made_of(),
    "book": lambda: render.made_of(root, quarto=False),
    "slides": lambda: slides.made_of(root, quarto=False),
    "print": lambda: one_page.made_of(root),
    "epub": lambda: epub.made_of(root),
}
epub.BROWSERS = ()
def digests():
    return {name: made() for name, made in MADE.items()}
"""
FILES = {
    "parts": [
        "widgets/search_map.py",
        "widgets/__init__.py",
        "widgets/front/ruler.js",
        "widgets/front/style.css",
        "widgets/front/join.py",
        "widgets/encoder/encoder.c",
        "widgets/encoder/worker.js",
        "widgets/encoder/pack.py",
        "data/corpus.jsonl",
        "data/queries.jsonl",
        "data/corpus_vectors.npy",
        "data/corpus_layout.json",
        "data/measurements/models.json",
        "book/page.py",
    ],
    "book": [
        "_quarto.yml",
        "references.bib",
        "index.ipynb",
        "chapters/search.ipynb",
        "chapters/house_cell.svg",
        "widgets/built/widgets.js",
        "book/render.py",
        "book/outputs.py",
        "book/check.py",
        "book/template.html",
        "book/hero.html",
        "book/picture.png",
        "book/filters/book.lua",
        "book/filters/xref.lua",
        "book/theme/colours.css",
        "book/theme/quiz.js",
        "book/theme/mark.svg",
        "LICENSE",
    ],
    "slides": [
        "slides/search.md",
        "book/slides.html",
        "book/reveal.py",
        "chapters/search.ipynb",
    ],
    "print": ["book/print.html", "chapters/search.ipynb"],
    "epub": ["book/epub.css", "CITATION.cff", "chapters/search.ipynb"],
}
CHANGE = """
found = {}
before = digests()
for name in json.loads(sys.argv[1]):
    path = root / name
    content = path.read_bytes()
    path.write_bytes(content + b"\\n")
    found[name] = [made for made, digest in digests().items() if digest != before[made]]
    path.write_bytes(content)
assert digests() == before
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the working tree, with something that the pages compute with."""
    folder = copy_tree(tmp_path_factory.mktemp("inputs") / "tree")
    (folder / "widgets" / "built").mkdir()
    (folder / "widgets" / "built" / "widgets.js").write_text("script")
    return folder


def ask(program, folder, *arguments, **environment):
    return run(DIGESTS + program, folder, *arguments, **environment)


@pytest.fixture(scope="module")
def noticed(tree):
    """For each file that is changed, what is then out of date."""
    names = sorted({name for names in FILES.values() for name in names})
    return ask(CHANGE, tree, json.dumps(names))


@pytest.mark.parametrize(
    ("made", "name"), [(made, name) for made, names in FILES.items() for name in names]
)
def test_a_changed_file_is_noticed(noticed, made, name):
    assert made in noticed[name]


def test_what_is_made_of_the_book_is_out_of_date_with_it(noticed):
    for name in FILES["book"]:
        assert {"book", "slides", "print", "epub"} <= set(noticed[name])


MOVES = """
def move(a, b):
    (root / a).rename(root / b)
def swap(a, b):
    one, two = (root / a).read_bytes(), (root / b).read_bytes()
    (root / a).write_bytes(two), (root / b).write_bytes(one)
found, before = {}, digests()
def say(name):
    found[name] = [made for made, digest in digests().items() if digest != before[made]]
css, other = "book/theme/quiz.css", "book/filters/quiz.css"
move(css, other), say("a file in another folder"), move(other, css)
one, two = "chapters/house_cell.svg", "chapters/house_sentence.svg"
swap(one, two), say("two files with each other's content"), swap(one, two)
one, two = "widgets/front/ruler.js", "widgets/front/strip.js"
swap(one, two), say("two scripts with each other's content"), swap(one, two)
(root / "book/theme/new.css").write_text("")
say("a new file"), (root / "book/theme/new.css").unlink()
text = (root / css).read_bytes()
(root / css).unlink(), say("a file that is gone"), (root / css).write_bytes(text)
(root / "chapters/.ipynb_checkpoints").mkdir()
(root / "chapters/.ipynb_checkpoints/x.svg").write_text("")
(root / "book/__pycache__").mkdir(exist_ok=True)
(root / "book/__pycache__/x.pyc").write_text("")
import os
os.utime(root / css, (1, 1))
say("nothing")
print(json.dumps(found))
"""


def test_the_places_of_files_are_noticed_and_their_dates_are_not(tree):
    found = ask(MOVES, tree)
    for what in (
        "a file in another folder",
        "two files with each other's content",
        "a new file",
        "a file that is gone",
    ):
        assert "book" in found[what], what
    assert found["two scripts with each other's content"] == ["parts"]
    assert found["nothing"] == []


VERSIONS = """
from book import building
from importlib.metadata import distributions
found, before = {}, digests()
def say(name):
    building.installed.cache_clear()
    found[name] = [made for made, digest in digests().items() if digest != before[made]]
class Other:
    def __init__(self, name):
        self.name, self.version = name, "0.0.0.other"
for package in json.loads(sys.argv[1]):
    assert package in {one.name for one in distributions()}, package
    building.distributions = lambda: [
        Other(one.name) if one.name == package else one for one in distributions()
    ]
    say(package)
building.distributions = distributions
building.sys = type("sys", (), {"version": "another"})
say("Python")
building.sys = sys
page.SHA256, known = {**page.SHA256, "model.safetensors": "other"}, page.SHA256
say("the weights")
page.SHA256 = known
tool = root / "tool"
tool.write_text("#!/bin/sh\\necho tool 1\\n"), tool.chmod(0o755)
path = render.pandoc_path
render.pandoc_path = lambda: str(tool)
say("another pandoc")
before = digests()
tool.write_text("#!/bin/sh\\necho tool 2\\n")
say("another version of pandoc")
before = digests()
import os
os.environ["PATH"] = f"{root}:{os.environ['PATH']}"
epub.BROWSERS = ("tool",)
say("a browser"), before.update(digests())
tool.write_text("#!/bin/sh\\necho tool 3\\n")
say("another version of the browser")
tool.rename(root / "quarto")
render.pandoc_path = path
before = {"book": render.made_of(root, quarto=False)}
MADE = {"book": lambda: render.made_of(root, quarto=True)}
say("Quarto")
before = digests()
(root / "quarto").write_text("#!/bin/sh\\necho tool 4\\n")
say("another version of Quarto")
(root / "quarto").unlink()
print(json.dumps(found))
"""
PACKAGES = (
    *("plotly", "pypandoc_binary", "rjsmin", "rcssmin", "beautifulsoup4", "PyYAML"),
    *("ziglang", "numpy", "torch", "tokenizers", "sentence-transformers"),
)


def test_other_versions_are_noticed(tree):
    found = ask(VERSIONS, tree, json.dumps(PACKAGES))
    everything = ["parts", "book", "slides", "print", "epub"]
    for package in (*PACKAGES, "Python"):
        assert found[package] == everything, package
    assert found["the weights"] == ["parts"]
    assert found["another pandoc"] == everything[1:]
    assert found["another version of pandoc"] == everything[1:]
    assert found["a browser"] == ["epub"]
    assert "epub" in found["another version of the browser"]
    assert found["Quarto"] == found["another version of Quarto"] == ["book"]


def test_the_same_tree_elsewhere_is_the_same(tree, tmp_path):
    elsewhere = tmp_path / "another place"
    shutil.copytree(tree, elsewhere)  # without the dates
    program = "print(json.dumps(digests()))"
    assert ask(program, tree) == ask(program, elsewhere, TZ="Asia/Tokyo")


# What a build opens below its folder, heard and not listed
HEARD = """
import os, sys
opened, counted = set(), set()
def hear(event, arguments):
    if event == "open" and isinstance(arguments[0], (str, bytes)):
        if not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            opened.add(os.fsdecode(arguments[0]))
    if event == "subprocess.Popen":
        for argument in arguments[1]:
            for part in os.fsdecode(argument).partition("=")[::2]:
                for path in part.split(os.pathsep):
                    opened.add(os.path.normpath(os.path.join(arguments[2] or "", path)))
sys.addaudithook(hear)
"""
COUNTED = """
from book import building
real = building.fingerprint
def fingerprint(root, paths, *said):
    paths = list(paths)
    counted.update(str(path) for path in paths)
    return real(root, paths, *said)
page.fingerprint = render.fingerprint = slides.fingerprint = fingerprint
epub.fingerprint = fingerprint
"""
LISTED = """
mine = set()
for name in opened:
    path = root / name
    if path.is_relative_to(root) and path.is_file():
        mine.add(str(path.resolve()))
made = ("_book", "_book.arriving", ".building", "widgets/built")
unknown = {
    name for name in mine - counted
    if not any(str(root / folder) + "/" in name for folder in made)
}
print(json.dumps([sorted(str(Path(name).relative_to(root)) for name in unknown),
                  len(mine & counted)]))
"""


@pytest.fixture
def small_tree(tree, tmp_path):
    """The book's own code and data, with the small book's chapters and a deck."""
    folder = tmp_path / "tree"
    kept = shutil.ignore_patterns("chapters", "slides", "exercises", ".git", "tests")
    shutil.copytree(tree, folder, ignore=kept)
    return small_book(folder)


ALL_BUILT = """
import io
from contextlib import redirect_stdout
kept = root / "kept"
kept.mkdir()
slides.fetch, epub.draw = (lambda: kept), (lambda page: [])
slides.check_pages = lambda folder, notebooks: []
render.make_page_parts = lambda out: page.made_of()
with redirect_stdout(io.StringIO()):
    render.render(root, quarto=False)
    slides.make_slides(root, quarto=False)
    epub.make_epub(root)
"""


def test_all_that_a_build_opens_is_among_its_inputs(small_tree):
    unknown, known = run(HEARD + DIGESTS + COUNTED + ALL_BUILT + LISTED, small_tree)
    assert unknown == []
    assert known > 60


@pytest.mark.slow
def test_all_that_the_parts_of_a_page_open_is_among_their_inputs(small_tree):
    program = """
import io
from contextlib import redirect_stdout
with redirect_stdout(io.StringIO()):
    page.make_page_parts(root / "widgets" / "built")
"""
    unknown, known = run(HEARD + DIGESTS + COUNTED + program + LISTED, small_tree)
    # What else of `book` this program imports says nothing about the parts
    assert [name for name in unknown if not name.startswith("book/")] == []
    assert known > 40


# The same bytes twice

SMALL = f"""
import os
os.umask(int(sys.argv[1], 8))
{ALL_BUILT}
print(1)
"""
SURROUNDINGS = (
    ("022", {"PYTHONHASHSEED": "1", "TZ": "UTC", "OMP_NUM_THREADS": "1"}),
    (
        "077",
        {
            "PYTHONHASHSEED": "77",
            "TZ": "Asia/Tokyo",
            "OMP_NUM_THREADS": "2",
            "LC_ALL": "C",
        },
    ),
)


def differing(one, other, *folders):
    """Return the files that two places don't hold alike."""
    here, there = (
        {
            name: content
            for folder in folders
            for name, content in stopped.held(place / folder).items()
        }
        for place in (one, other)
    )
    assert here
    return {n for n in here | there if here.get(n, 0) != there.get(n, 0)}


def readers_pandoc(folder):
    """What a reader may keep for pandoc: another style of citing, another date."""
    kept = folder / "pandoc"
    kept.mkdir(parents=True)
    (kept / "default.csl").write_text("not a style")
    return {"XDG_DATA_HOME": str(folder), "SOURCE_DATE_EPOCH": "1000000000"}


@pytest.mark.fault(
    "the book's folder has signs such as quotes, & and %20 in its name",
    "its pages, slides and EPUB are the same, byte for byte, as elsewhere",
)
def test_a_book_has_the_same_bytes_in_another_place_and_time(small_tree, tmp_path):
    other = tmp_path / 'it\'s "another", <longer> place & 50%20' / "tree"
    shutil.copytree(small_tree, other)  # without the dates
    table = "| a | b |\n|---|---|\n| 1 | 2 |\n\n: Named {#tbl-%d}\n\n"
    for place, (mask, environment) in zip(
        (small_tree, other), SURROUNDINGS, strict=True
    ):
        tables = "".join(table % n for n in range(9))
        cells = [text("# Second {#sec-two}\n\n## Far {#sec-far}\n\n" + tables)]
        write_book(place, two=cells)
        kept = readers_pandoc(tmp_path / "kept") if place == other else {}
        ask(SMALL, place, mask, **environment, **kept)
    assert differing(small_tree, other, "_book") == set()


def make(folder, mask, environment):
    """Build all that is handed out, in a folder of its own."""
    shutil.copytree(reveal.fetch(), folder / ".reveal")
    wheel = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    for command in (
        *(["book.page"], ["book.render"], ["book.slides"], ["book.epub"]),
        *([*wheel, "--wheel-dir", "dist", "."], ["book.usb"]),
    ):
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            env=os.environ | environment | {"PYTHONPATH": str(folder)},
            umask=int(mask, 8),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.mark.slow
def test_all_that_is_handed_out_has_the_same_bytes_twice(tmp_path):
    """Pages, wasm, weights, widgets' states, slides, EPUB, package and zip.

    On one kind of processor: another adds in another order, and the last digit of a
    state may differ.
    """
    one, other = map(copy_tree, (tmp_path / "one", tmp_path / "another, longer place"))
    for place, (mask, environment) in zip((one, other), SURROUNDINGS, strict=True):
        make(place, mask, environment)
    folders = ("_book", "widgets/built", "dist", "_usb")
    assert differing(one, other, *folders) == set()
