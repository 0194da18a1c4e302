"""Stop a build at each of its steps, and look at what the next run makes of it.

`python -m tests.stopped FOLDER all` runs in a process of its own: it forks a child for
each run of each build, which ends itself, or finds the disk full, at the step that it is told. It
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
from functools import partial
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
SHARED = str(building.own_file(building.ROOT, "write"))


class Stop:
    """Hears what the process does; at a step it ends the process, or the disk is full."""

    def __init__(self, at, way):
        self.at, self.way, self.count = at, way, 0
        sys.addaudithook(self.hear)

    def hear(self, event, arguments):
        writes = event == "open" and arguments[2] & WRITES
        if event not in STEPS or (event == "open" and not writes):
            return
        # The checkout's lock is asked for again while somebody else holds it
        if event == "open" and str(arguments[0]).startswith(("/dev/", SHARED)):
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
    """Run a task in a child; return whether it was killed, and what it said."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(ours)
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                said = task()
        except BaseException as error:
            said = repr(error)
        try:
            os.write(theirs, str(said).encode())
        finally:
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status), said


def held(folder):
    """Return what a folder holds: each file's bytes, each folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        if path.is_file()
        else None
        for path in folder.rglob("*")
        if ".building" not in path.parts
    }


def renew(before, root):
    """Make `root` a copy again. Links between its files stay, as builds make them."""
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", before, root], check=True)


def count_steps(make, root):
    """Return how many steps a build has that isn't stopped."""

    def counted():
        stop = Stop(10**9, "")
        make(root)
        return stop.count

    return int(in_child(counted)[1])


def choose(steps, *, some):
    """Return the steps to stop at, with the way; some are the last and a few before."""
    last = max(1, steps - 11)
    few = [*range(1, last, 8 if steps > 30 else 1), *range(last, steps + 1)]
    if some:
        return [(WAYS[1], at) for at in few]
    return [(way, at) for way in WAYS for at in range(1, steps + 1)]


def stopped_everywhere(make, before, root, *, some, look=lambda root: None, back=None):
    """Stop `make` at all steps or some; return what went wrong, and the count.

    `root` begins as a copy of `before` each time. `look` sees it after each stop. Then
    `make` runs again, and must give what it gives unstopped. So must `back`, which makes
    again of the older sources what is there at the beginning.
    """
    renew(before, root)
    make(root)  # here, to fill every memory
    wrong, stops = [], 0
    for task in filter(None, (make, back)):
        renew(before, root)
        in_child(lambda task=task: task(root))
        due = held(root)
        renew(before, root)
        steps = count_steps(make, root)
        for way, at in choose(steps, some=some):
            renew(before, root)
            ended, _ = in_child(lambda at=at, way=way: Stop(at, way) and make(root))
            stops += 1
            if ended != (way != WAYS[2]):
                wrong.append(f"{way} step {at}: it was not stopped")
            if said := look(root):
                wrong.append(f"{way} step {at}: {said}")
            _, told = in_child(lambda task=task: task(root))
            now = held(root)
            if now != due:
                names = {n for n in now | due if now.get(n, 0) != due.get(n, 0)}
                wrong.append(f"{way} step {at}: {sorted(names)[:4]} {told}")
    return {"steps": steps, "stops": stops, "wrong": wrong}


def remember_pandoc():
    """Let pandoc run once for each question, and answer from memory then."""
    known, ask = {}, render.Pandoc.__call__

    def answer(pandoc, arguments, text, chapter, folder=Path()):
        key = json.dumps([str(folder), arguments, text])
        written = [
            folder / one.partition("=")[2]
            for one in arguments
            if one.startswith(("--extract-media=", "--output="))
        ]
        if key not in known:
            said = ask(pandoc, arguments, text, chapter, folder)
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
    """The page's parts, over older ones of which a book has copies."""

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
    copied = held(assets)
    assert (assets / "widgets.css").stat().st_nlink == 1
    assert copied["widgets.css"] != style.read_bytes()

    def look(root):
        if held(root / "_book" / "assets") != copied:
            return "the book that has the older parts was changed"

    return {
        "make": lambda root: page.make_page_parts(root / "widgets" / "built"),
        "look": look,
    }


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
    older = (folder / "chapters" / "two.ipynb").read_text()
    changed(folder)

    def back(root):
        (root / "chapters" / "two.ipynb").write_text(older)
        one_page.make_page(root)

    return {"make": one_page.make_page, "back": back}


def e_book(folder):
    """The EPUB, over an older one, with the one page that it is made from."""
    one(folder)
    epub.draw = lambda page: []
    epub.BROWSERS = ()
    epub.make_epub(folder)
    older = (folder / "chapters" / "two.ipynb").read_text()
    (folder / "CITATION.cff").write_text("date-released: 2026-01-02\n")
    changed(folder)

    def back(root):
        (root / "chapters" / "two.ipynb").write_text(older)
        (root / "CITATION.cff").unlink(missing_ok=True)
        epub.make_epub(root)

    return {"make": epub.make_epub, "back": back}


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
            for name in ("python", "package", "."):  # the stamp last, as may be
                shutil.rmtree(where["env"] / name, ignore_errors=True)
            where["env"].mkdir(parents=True)
            return (where["env"] / "python").mkdir()
        return small_pip(lambda: where["env"])()

    class Commands:
        """Stands in for the module that starts them."""

    lane.subprocess = Commands
    Commands.run = staticmethod(run)

    def make(root, asked="newer"):
        where["env"] = root / "env"
        lane.make_environment(root / "env", "python3", [[asked]], "making it")

    make(folder, "older")
    return {"make": make, "back": lambda root: make(root, "older")}


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
    return {"make": make, "back": lambda root: make(root, "older")}


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
    return {"make": make, "back": lambda root: make(root, "older")}


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


def stop(name, folder, *, some):
    """Stop one build at its steps; return what was found, in JSON."""
    before, root = folder / "before", folder / "work"
    folder.mkdir()
    # A build is made where it will be made again: its place is in some stamps
    made = BUILDS[name](root)
    made = made if isinstance(made, dict) else {"make": made}
    root.rename(before)
    return json.dumps(stopped_everywhere(before=before, root=root, some=some, **made))


def main(folder, much, *names):
    """Print what was found of each build, or of those named; each in its own child."""
    found = {}
    for number, name in enumerate(names or BUILDS):
        place = Path(folder) / str(number)
        task = partial(stop, name, place, some=much == "some")
        found[name] = in_child(task)[1]
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
