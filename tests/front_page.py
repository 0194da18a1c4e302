"""A widget's front end in a bare page, with a model that the test plays."""

import base64
import json
import re
from pathlib import Path

import numpy as np

from widgets.front.join import join

FRONT = Path(__file__).parent.parent / "widgets" / "front"

PAGE = """
<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width"><title>Bare</title><style>{css}</style>
<main><div id="place">fallback</div></main>
<script type="application/json" id="state">{state}</script>
<script type="module">
{module}
const state = JSON.parse(document.getElementById("state").textContent);
const listeners = new Set();
window.sent = [];
window.receive = (message, parts = []) => {{
  // As a comm does: views on bytes that may start anywhere
  const views = parts.map((base64) => {{
    const bytes = Uint8Array.from("x" + atob(base64), (sign) => sign.charCodeAt(0));
    return new DataView(bytes.buffer, 1);
  }});
  listeners.forEach((listener) => listener(message, views));
}};
const model = {{
  get: (name) => state[name],
  on: (event, listener) => event === "msg:custom" && listeners.add(listener),
  off: (event, listener) => listeners.delete(listener),
  send: (message) => {{
    if (window.dead) throw new Error("comm is closed");
    window.sent.push(message);
  }},
}};
const stop = new AbortController();
window.stop = stop;
window.listeners = listeners;
// As in JupyterLab: what is rendered comes into the page later
const el = document.createElement("div");
{name}.render({{ model, el, signal: stop.signal }});
document.getElementById("place").replaceChildren(el);
</script>
"""


def bare_page(file: str, name: str, state: dict) -> str:
    """Return a page with one widget: its module's file, its export's name, its state."""
    module = re.sub(r"export default \w+;", "", join(FRONT / file))
    return PAGE.format(
        css=(FRONT / "style.css").read_text("utf-8"),
        state=json.dumps(state).replace("<", "\\u003c"),
        module=module.replace("export const", "const"),
        name=name,
    )


def open_page(browser, text, **options):
    """Open a page whose errors are collected in `page.errors`."""
    page = browser.new_page(**{"viewport": {"width": 760, "height": 1000}} | options)
    page.set_default_timeout(10_000)
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda m: m.type == "error" and page.errors.append(m.text))
    page.set_content(text)
    return page


def buffer(array) -> str:
    """Return floats as they are sent, in the form that `receive` takes."""
    return base64.b64encode(np.asarray(array, "<f4").tobytes()).decode()


def status(page, text):
    """Wait until the page's line of news says something."""
    page.get_by_role("status").filter(has_text=re.compile(text)).wait_for()


def unnamed_controls(page) -> int:
    """Return how many controls a screen reader could not name."""
    return page.evaluate(
        "[...document.querySelectorAll('button, input, select')].filter((e) =>"
        " !(e.ariaLabel || e.textContent.trim() || e.labels?.[0]?.textContent)).length"
    )
