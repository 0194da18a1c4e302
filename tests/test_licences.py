"""Whose work the book carries: every licence's text goes with it, and on every page."""

import json
from importlib.metadata import PackagePath
from subprocess import CompletedProcess
from types import SimpleNamespace

import pytest

from book import check, licences


def test_the_book_brings_each_licence_whole(book_folder):
    text = (book_folder / "licences.txt").read_text("utf-8")
    for work in licences.carried():
        assert f"{work.name} {work.version}".strip() in text
        assert work.text().strip() in text
    assert "Apache License" in text and "TERMS AND CONDITIONS" in text
    assert "Plotly Technologies" in text and "Zig contributors" in text
    for page in [*book_folder.glob("*.html"), *book_folder.glob("chapters/*.html")]:
        if page.name == "print.html":
            continue
        (link,) = check.read_page(page).select("footer a[href$='licences.txt']")
        assert (page.parent / link["href"]).resolve() == book_folder / "licences.txt"


def test_what_is_carried_is_what_lies_in_the_assets(book_folder):
    named = " ".join(work.where for work in licences.carried())
    large = [p for p in (book_folder / "assets").iterdir() if p.suffix != ".js"]
    for name in ("plotly.min.js", "minilm.bin", "encoder.wasm"):
        assert (book_folder / "assets" / name).exists() and f"assets/{name}" in named
    fonts = [path.name for path in large if path.suffix in (".woff", ".woff2", ".ttf")]
    assert not fonts


def test_a_package_without_a_licence_is_named(monkeypatch):
    bare = SimpleNamespace(files=[PackagePath("a-1.dist-info/METADATA")])
    monkeypatch.setattr(licences, "distribution", lambda _: bare)
    with pytest.raises(FileNotFoundError, match="the package a brings no licence"):
        licences.licence_of("a")()


def test_the_bill_holds_what_is_carried_and_what_is_installed(monkeypatch, tmp_path):
    bom = {"bomFormat": "CycloneDX", "components": [{"name": "numpy"}]}
    monkeypatch.setattr(licences, "BOM", tmp_path / "dist" / "bom.json")
    monkeypatch.setattr(
        licences, "run", lambda *_: CompletedProcess([], 0, json.dumps(bom), "")
    )
    assert licences.write_bom() == 0
    made = json.loads((tmp_path / "dist" / "bom.json").read_text())
    names = [part["name"] for part in made["components"]]
    assert {"plotly.js", "reveal.js", "numpy", "all-MiniLM-L6-v2"} <= set(names)


@pytest.mark.parametrize(
    ("parts", "code", "said"),
    [
        ([{"name": "a", "skip_reason": "no"}], 0, "did not answer"),
        (None, 0, "did not answer"),
        ([{"name": "a", "version": "1", "vulns": []}], 0, "0 of 1 packages"),
        ([{"name": "a", "version": "1", "vulns": [{"id": "X-1"}]}], 1, "a 1: X-1"),
    ],
)
def test_an_audit_claims_nothing_that_nobody_answered(
    monkeypatch, capsys, parts, code, said
):
    out = "" if parts is None else json.dumps({"dependencies": parts})
    monkeypatch.setattr(licences, "run", lambda *_: CompletedProcess([], code, out, ""))
    assert licences.audit() == code
    assert said in capsys.readouterr().out
