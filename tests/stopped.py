"""Stop a build at each of its steps, and look at what the next run makes of it.

`python -m tests.stopped BUILD FOLDER` runs in a process of its own: it forks a child for
each run, which ends itself, or finds the disk full, at the step that it is told. It
prints, in JSON, how many stops there were and after which of them something was wrong.
With `some` it takes one way and some steps: the last ones, where things move in, and a
few before them.
What takes long and leaves nothing (pandoc, models, pip) is played from a memory.
"""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from book import (
    building,
    environment,
    epub,
    grader,
    lane,
    one_page,
    page,
    render,
    reveal,
    slides,
    usb,
)
from tests.test_book import write_book

STEPS = {
    "open",
    *("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink"),
    "subprocess.Popen",
}
WAYS = ("killed before", "killed amid", "the disk is full")
WRITES = os.O_WRONLY | os.O_RDWR


class Stop:
    """Hears what the process does; at a step it ends the process, or the disk is full."""

    def __init__(self, at, way):
        self.at, self.way, self.count = at, way, 0
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        writes = event == "open" and arguments[2] & WRITES
        if event not in STEPS or (event == "open" and not writes):
            return
        if event == "open" and str(arguments[0]).startswith("/dev/"):
            return
        self.count += 1
        if self.count < self.at:
            return
        if self.way == "the disk is full":
            if event in ("open", "os.mkdir", "os.link", "os.symlink"):
                raise OSError(28, "No space left on device", str(arguments[0]))
            return
        if self.count > self.at:  # it comes from the write below
            return
        if self.way == "killed amid" and writes:
            half = os.open(arguments[0], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.write(half, b"half")
        os.kill(os.getpid(), signal.SIGKILL)


def in_child(task):
    """Run a task in a child; return how it ended and what it returned."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(ours)
        try:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                said = task()
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(theirs, json.dumps(said).encode())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), json.loads(said) if said else None


def held(folder):
    """Return what a folder holds: each file's bytes, each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
        if ".building" not in path.parts
    }


def stopped_everywhere(make, before, root, look, *, some):
    """Stop `make` at all steps or some; return what went wrong, and the count.

    `root` begins as a copy of `before` each time. `look` sees it after each stop.
    """

    def fresh():
        shutil.rmtree(root, ignore_errors=True)
        # Links between the files stay: a build may share a file with another
        subprocess.run(["cp", "-a", before, root], check=True)

    fresh()
    make(root)  # here, to fill every memory
    fresh()
    _, whole = in_child(lambda: make(root))
    meant = held(root)

    def counted():
        stop = Stop(10**9, "")
        make(root)
        return stop.count

    fresh()
    _, steps = in_child(counted)
    wrong = [] if held(root) == meant else ["the same build twice differs"]
    stops = 0
    last = max(1, steps - 11)
    chosen = [*range(1, last, 8), *range(last, steps + 1)]
    for way in WAYS[1:2] if some else WAYS:
        for at in chosen if some else range(1, steps + 1):
            fresh()
            was_killed, _ = in_child(
                lambda at=at, way=way: Stop(at, way) and make(root)
            )
            stops += 1
            if was_killed != (way != WAYS[2]):
                wrong.append(f"{way} step {at}: it was not stopped")
            if said := look(root):
                wrong.append(f"{way} step {at}: {said}")
            _, again = in_child(lambda: make(root))
            now = held(root)
            if now != meant:
                names = {n for n in now | meant if now.get(n, 0) != meant.get(n, 0)}
                wrong.append(f"{way} step {at}: {sorted(names)[:4]}, {again}")
    return {"steps": steps, "stops": stops, "wrong": wrong, "whole": whole}


def remember_pandoc():
    """Let pandoc run once for each question, and answer from memory then."""
    known, ask = {}, render.Pandoc.__call__

    def answer(pandoc, arguments, text, chapter):
        key = json.dumps([arguments, text])
        written = [
            Path(one.partition("=")[2])
            for one in arguments
            if one.startswith(("--extract-media=", "--output="))
        ]
        if key not in known:
            said = ask(pandoc, arguments, text, chapter)
            files = [*written, *(p for one in written for p in one.rglob("*"))]
            known[key] = said, {p: p.read_bytes() for p in files if p.is_file()}
        said, files = known[key]
        for path, content in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return said

    render.Pandoc.__call__ = answer


def small_book(folder):
    """Write a book, what its pages would compute with, and a deck."""
    write_book(folder)
    (folder / "slides").mkdir()
    (folder / "slides" / "one.md").write_text("## Both\n\nWords.\n")
    return folder


def small_assets(folder, built):
    """Stand in for styles and scripts, which take long and are only copied."""
    (folder / "assets").mkdir(exist_ok=True)
    for name in ("book.css", "plotly.min.js"):
        (folder / "assets" / name).write_text("small")


def changed(folder):
    """Change a chapter of the small book, after a build of what it was."""
    path = folder / "chapters" / "two.ipynb"
    path.write_text(path.read_text().replace("Second", "Second one"))


def parts(folder):
    """The page's parts, over older ones that a book links to."""

    def encode(_model, out):
        for name in ("encoder.wasm", "minilm.bin"):
            building.write(out / name, b"bytes")
            page.write_twin(out / name)
        building.write(out / "encoder.json", b"{}")

    page.build, page._states = encode, lambda: {"search_map": {"is": "small"}}
    page.join = lambda script: "script"
    style = page.WIDGETS / "front" / "style.css"
    out = folder / "widgets" / "built"
    with redirect_stdout(io.StringIO()):
        page.made_of, real = (lambda: "older"), page.made_of
        page.make_page_parts(out)
        page.made_of = real
    (out / "widgets.css").write_text("older style")
    assets = folder / "_book" / "assets"
    assets.mkdir(parents=True)
    page.copy_page_parts(assets, out)
    linked = held(assets)
    assert (assets / "widgets.css").stat().st_nlink == 2
    assert linked["widgets.css"] != style.read_bytes()

    def look(root):
        if held(root / "_book" / "assets") != linked:
            return "the book that links to the parts was changed"

    return (lambda root: page.make_page_parts(root / "widgets" / "built")), look


def pages(folder):
    """The book's pages, over older ones."""
    remember_pandoc()
    render.copy_assets = small_assets
    render.check_pages = lambda folder, notebooks: []
    render.render(small_book(folder), quarto=False)
    changed(folder)
    return lambda root: render.render(root, quarto=False)


def decks(folder):
    """The slides, over older ones."""
    pages(folder)
    kept = folder.parent / "reveal"
    kept.mkdir()
    (kept / "reveal.js").write_text("small")
    slides.fetch = lambda: kept
    slides.check_pages = lambda folder, notebooks: []
    slides.make_slides(folder, quarto=False)
    (folder / "slides" / "one.md").write_text("## Both\n\nOther words.\n")
    return lambda root: slides.make_slides(root, quarto=False)


def one(folder):
    """The one page, over an older one."""
    pages(folder)
    one_page.check_pages = lambda folder, notebooks: []
    one_page.make_page(folder)
    changed(folder)
    return lambda root: one_page.make_page(root).name


def e_book(folder):
    """The EPUB, over an older one, with the one page that it is made from."""
    one(folder)
    epub.draw = lambda page: []
    epub.BROWSERS = ()
    epub.make_epub(folder)
    (folder / "CITATION.cff").write_text("date-released: 2026-01-02\n")
    changed(folder)
    return lambda root: epub.make_epub(root).name


def stick(folder):
    """The classroom's zip, over an older one."""
    (folder / "dist").mkdir(parents=True)
    for name in ("_book", "_usb", "chapters", "exercises"):
        (folder / name).mkdir()
    (folder / "_book" / "slides").mkdir()
    (folder / "_book" / "slides" / "index.html").write_text("<main></main>")
    (folder / "index.ipynb").write_text("{}")
    (folder / "_usb" / f"{usb.NAME}.zip").write_text("older")
    with usb.zipfile.ZipFile(
        folder / "dist" / "one_vector_per_sentence-0.whl", "w"
    ) as it:
        it.writestr("widgets/__init__.py", "")
    usb.check_made = lambda root: None
    usb.weight_files = lambda model: iter([("weights/model", b"bytes")])
    usb.weights.verify = lambda: None
    return lambda root: usb.main(root, root / "_usb")


def small_pip(folder):
    """Return what stands in for pip: it installs one package, file by file."""

    def run(*_arguments):
        package = folder() / "package"
        package.mkdir(parents=True, exist_ok=True)
        if not (package / "name").exists():  # as pip takes it for installed then
            (package / "name").write_text("name")
            (package / "code").write_text("code")

    return run


def tests_lane(folder):
    """An environment of a lane, over that of another list."""
    where = {}

    def run(command, **_options):
        if "-VV" in command:
            return subprocess.CompletedProcess(command, 0, b"Python", b"")
        if "venv" in command:
            shutil.rmtree(where["env"], ignore_errors=True)
            where["env"].mkdir(parents=True)
            return (where["env"] / "python").write_text("python")
        return small_pip(lambda: where["env"])()

    class Commands:
        """Stands in for the module that starts them."""

    lane.subprocess = Commands
    Commands.run = staticmethod(run)

    def make(root, asked="newer"):
        where["env"] = root / "env"
        lane.make_environment(root / "env", "python3", [[asked]], "making it")

    make(folder, "older")
    return make


def graders(folder):
    """otter-grader's environment, over that of another version."""

    def install():
        shutil.rmtree(grader.HOME, ignore_errors=True)
        small_pip(lambda: grader.HOME)()

    def make(root, asked="newer"):
        grader.ROOT, grader.HOME, grader.OTTER = root, root / ".grader", asked
        grader.make_environment()

    grader._install = install
    make(folder, "older")
    return make


def export(folder):
    """A chapter's export, over an older one."""
    source = next(it for it in grader.read_sources() if it.chapter == "clustering")
    (folder / "_grader" / "clustering").mkdir(parents=True)
    (folder / "_grader" / "clustering" / "older").write_text("older")
    (folder / "a.whl").write_text("bytes")

    def otter(*_arguments, folder):
        (folder / "autograder.zip").write_text("zip")

    def make(root):
        with building.alone(root, "a test"):
            grader.export(source, root / "a.whl", root / "_grader")

    grader.otter = otter
    return make


def set_up(folder):
    """The book's own environment, over that of another lock."""

    def bare():
        shutil.rmtree(environment.HOME, ignore_errors=True)
        (environment.HOME / "bin").mkdir(parents=True)
        (environment.HOME / "lib/python3/site-packages").mkdir(parents=True)
        (environment.HOME / "bin/activate").write_text(str(environment.HOME))
        environment.PYTHON.write_text("python")

    def pip():
        site = environment.HOME / "lib/python3/site-packages"
        version = environment.LOCK.read_text()
        info = site / f"package-{version}.dist-info"
        if not info.exists():  # as pip takes it for installed then
            for older in [*site.glob("*.dist-info"), *site.glob("*.py")]:
                building.remove(older)
            info.mkdir()
            (site / f"{version}.py").write_text("code")
            building.write(info / "INSTALLER", b"pip")

    def ask(command, **_options):
        return subprocess.CompletedProcess(command, 0, f"{sys.version}\n")

    class Commands:
        """Stands in for the module that starts them."""

        run = staticmethod(ask)

    def make(root, lock="newer"):
        environment.ROOT, environment.HOME = root, root / ".venv"
        environment.PYTHON = environment.HOME / "bin" / "python"
        environment.LOCK = root / "requirements.lock"
        if environment.LOCK.read_text() != lock:
            environment.LOCK.write_text(lock)
        environment.make_environment()

    environment.subprocess = Commands
    environment.make_bare_environment, environment.install_packages = bare, pip
    folder.mkdir(parents=True)
    (folder / "requirements.lock").write_text("older")
    make(folder, "older")
    (folder / "requirements.lock").write_text("newer")
    return make


def reveals(folder):
    """reveal.js, over another version of it."""
    content = {name: name.encode() for name in reveal.SHA256}
    reveal.SHA256 = {
        name: building.hashlib.sha256(it).hexdigest() for name, it in content.items()
    }

    def download(folder, _package):
        for name, it in content.items():
            path = folder / reveal.WITHIN / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(it)

    reveal.download = download
    (folder / ".reveal").mkdir(parents=True)
    (folder / ".reveal" / "reveal.js").write_text("older")
    return lambda root: reveal.fetch(root / ".reveal").name


BUILDS = {
    "the parts that pages compute with": parts,
    "the pages": pages,
    "the slides": decks,
    "the book on one page": one,
    "the EPUB": e_book,
    "the classroom's zip": stick,
    "an environment of a lane": tests_lane,
    "otter-grader's environment": graders,
    "an export for otter-grader": export,
    "the set-up": set_up,
    "reveal.js": reveals,
}


def main(name, folder, much="all"):
    before, root = Path(folder) / "before", Path(folder) / "work"
    # A build is made where it will be made again: its place is in some stamps
    with redirect_stdout(io.StringIO()):
        made = BUILDS[name](root)
        make, look = made if isinstance(made, tuple) else (made, lambda root: None)
        root.rename(before)
        found = stopped_everywhere(make, before, root, look, some=much == "some")
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
