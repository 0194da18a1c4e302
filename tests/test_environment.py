"""The set-up: two files that agree, and one clear sentence for each thing amiss."""

import importlib.util
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections import namedtuple
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "book" / "environment.py"
spec = importlib.util.spec_from_file_location("environment", SCRIPT)
environment = importlib.util.module_from_spec(spec)
spec.loader.exec_module(environment)


@pytest.fixture(scope="module")
def declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = project["dependencies"] + project["optional-dependencies"]["book"]
    return {canonicalize_name(r.name): r for r in map(Requirement, named)}


@pytest.fixture(scope="module")
def locked():
    text = (ROOT / "requirements.lock").read_text()
    pins = environment.PIN.findall(text)
    others = [line for line in text.splitlines() if not environment.PIN.match(line)]
    assert all(re.match(r"#|    --hash=sha256:[0-9a-f]{64}", one) for one in others)
    return {canonicalize_name(name): version for name, version in pins}


def test_conda_and_pip_name_the_same_packages(declared):
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in conda if isinstance(entry, dict)]
    named = {canonicalize_name(r.name): r for r in map(Requirement, pip)}
    assert {n: str(r.specifier) for n, r in named.items()} == {
        n: str(r.specifier) for n, r in declared.items()
    }
    assert any(str(entry).startswith("quarto") for entry in conda)


def test_the_lock_satisfies_what_is_declared(declared, locked):
    for name, requirement in declared.items():
        assert locked[name] in requirement.specifier, name


def test_the_lock_pins_everything_that_is_needed(declared, locked):
    waiting = [(name, ()) for name in declared]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        assert name in locked, f"{name} is needed and not in requirements.lock"
        for text in distribution(name).requires or []:
            needed = Requirement(text)
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            ):
                key = (canonicalize_name(needed.name), tuple(sorted(needed.extras)))
                waiting.append(key)


def test_this_environment_is_the_locked_one(locked):
    for name, version in locked.items():
        assert distribution(name).version.split("+")[0] == version, name


def test_a_wrong_python_gets_one_sentence(tmp_path):
    old = tmp_path / "python-old"
    old.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.1 && exit\nexit 1\n'
    )
    old.chmod(0o755)
    for python, found in ((old, "3.9.1"), ("no-such-python", "no-such-python")):
        done = subprocess.run(
            ["make", "ready", f"PYTHON={python}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
        )
        assert done.returncode
        told = done.stderr.splitlines()[0]
        assert "needs Python 3.11 or newer" in told
        assert found in told


def test_a_full_disk_gets_one_sentence(monkeypatch, tmp_path):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(environment, "HOME", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv/bin/python")
    monkeypatch.setattr(
        environment.shutil, "disk_usage", lambda path: usage(9, 9, 10_000_000)
    )
    with pytest.raises(environment.SetupError, match=r"too full: 0\.0 GB are free"):
        environment.make_environment()
    assert not (tmp_path / ".venv").exists()


def test_no_registry_gets_one_sentence_and_no_stamp(monkeypatch, tmp_path):
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"a-package-of-nobody==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(environment, "LOCK", lock)
    monkeypatch.setattr(environment, "HOME", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(environment.SetupError, match="registry did not answer") as told:
        environment.install_packages()
    assert "\n" not in str(told.value)
    assert "run the same command again" in str(told.value)


def test_every_pin_but_torchs_has_the_hashes_of_its_files(locked):
    text = (ROOT / "requirements.lock").read_text()
    hashed = re.findall(r"(?m)^([\w.-]+)==\S+ \\\n    --hash", text)
    assert set(locked) - {canonicalize_name(name) for name in hashed} == {"torch"}


@pytest.mark.fault(
    "a package on the registry isn't the locked file",
    "a sentence names it, and nothing of it is installed",
)
def test_a_file_of_another_hash_gets_one_sentence(monkeypatch, tmp_path):
    wheel = tmp_path / "some_thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        about = "Metadata-Version: 2.1\nName: some-thing\nVersion: 1.0\n"
        packed.writestr("some_thing-1.0.dist-info/METADATA", about)
        packed.writestr("some_thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\n")
        packed.writestr("some_thing-1.0.dist-info/RECORD", "")
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"some-thing==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(environment, "LOCK", lock)
    monkeypatch.setattr(environment, "HOME", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", Path(sys.executable))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    with pytest.raises(
        environment.SetupError, match=r"some-thing==1\.0: .*run the same"
    ) as told:
        environment.install_packages()
    assert "\n" not in str(told.value)
    with pytest.raises(PackageNotFoundError):
        distribution("some-thing")


def test_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: ((?:.*\\\n)*.*)$", makefile, re.M)[1]
    targets = set(phony.replace("\\\n", " ").split())
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True)
    assert set(re.findall(r"^  make (\S+)", done.stdout, re.M)) == targets


def test_a_second_try_goes_on_in_the_environment_that_is_there(monkeypatch, tmp_path):
    steps = []
    monkeypatch.setattr(environment, "HOME", tmp_path / "env")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / "env/bin/python")
    made = environment.make_bare_environment

    def install():
        steps.append("install")
        if len(steps) == 2:
            raise environment.SetupError("the line is down")

    monkeypatch.setattr(environment, "install_packages", install)
    monkeypatch.setattr(
        environment, "make_bare_environment", lambda: (steps.append("make"), made())
    )
    with pytest.raises(environment.SetupError, match="line is down"):
        environment.make_environment()
    environment.make_environment()
    environment.make_environment()
    assert steps == ["make", "install", "install"]


@pytest.fixture
def set_up_in(monkeypatch, tmp_path):
    """The set-up in a folder of its own: what takes long is only noted, as steps."""
    steps = []
    (tmp_path / "requirements.lock").write_text("a==1")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOCK", tmp_path / "requirements.lock")
    monkeypatch.setattr(environment, "HOME", tmp_path / ".venv")
    monkeypatch.setattr(environment, "PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.setattr(environment, "NEEDED", 0)
    monkeypatch.setattr(sys, "argv", ["environment.py"])
    monkeypatch.setattr(environment, "check_weights", lambda: None)

    def bare():
        steps.append("make")
        environment.venv.create(environment.HOME, clear=True, symlinks=True)

    monkeypatch.setattr(environment, "make_bare_environment", bare)
    monkeypatch.setattr(environment, "install_packages", lambda: steps.append("fill"))
    return tmp_path, steps


@pytest.mark.fault(
    "the set-up is stopped while pip comes into the environment",
    "the next run makes the environment anew",
)
def test_an_environment_without_its_last_file_is_made_anew(set_up_in):
    folder, steps = set_up_in
    environment.make_environment()
    (folder / ".venv" / "set-up").unlink()
    (folder / ".venv" / "bin" / "activate").unlink()
    assert environment.main() == 0
    assert steps == ["make", "fill"] * 2


@pytest.mark.fault(
    "the set-up's stamp is damaged",
    "it is not trusted, and the next run sets up again",
)
def test_a_damaged_stamp_is_not_trusted(set_up_in):
    folder, steps = set_up_in
    environment.make_environment()
    (folder / ".venv" / "set-up").write_bytes(b"\xff")
    assert environment.main() == 0
    assert steps.count("fill") == 2


@pytest.mark.fault(
    "a file lies where the set-up needs a folder, or a folder where it needs a file",
    "a sentence names it, and what removes it",
)
@pytest.mark.parametrize("name", [".venv", ".building", ".venv/set-up"])
def test_what_is_in_the_way_is_named_with_what_removes_it(set_up_in, name, capsys):
    folder, _ = set_up_in
    if "/" in name:
        (folder / name).mkdir(parents=True)
    else:
        (folder / name).write_text("in the way")
    assert environment.main() == 1
    told = capsys.readouterr().err
    assert str(folder / name) in told
    assert "`make clean`" in told


def test_a_set_up_that_is_stopped_by_hand_says_so(set_up_in, monkeypatch, capsys):
    def stop():
        raise KeyboardInterrupt

    monkeypatch.setattr(environment, "install_packages", stop)
    assert environment.main() == 1
    assert capsys.readouterr().err == "\nStopped; run it again.\n"


def test_a_folder_in_which_no_environment_can_be_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(environment, "HOME", tmp_path / "a:b" / ".venv")
    with pytest.raises(environment.SetupError, match=r"a:b.*Move the book's folder"):
        environment.make_bare_environment()
