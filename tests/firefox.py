"""Firefox by WebDriver BiDi, in those words of Playwright that the live tests use.

Playwright's own way to a stock Firefox asks for commands that Debian's doesn't know.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path

import websocket

PATIENCE = 120  # seconds, on a busy machine
HEADLESS = ["--headless", "--no-remote", "--remote-debugging-port=0"]
# What asks for another host, the page or Firefox itself, meets a proxy that isn't there
PREFERENCES = """
user_pref("network.proxy.type", 1);
user_pref("network.proxy.http", "127.0.0.1");
user_pref("network.proxy.http_port", 9);
user_pref("network.proxy.ssl", "127.0.0.1");
user_pref("network.proxy.ssl_port", 9);
"""


class Firefox:
    """A headless Firefox with a profile of its own; `profile` is an empty folder."""

    def __init__(self, path: str, profile: Path) -> None:
        (profile / "user.js").write_text(PREFERENCES)
        self.process = subprocess.Popen(
            [path, *HEADLESS, "--profile", str(profile)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = []
        for line in self.process.stderr:
            said.append(line)
            if found := re.search(r"BiDi listening on (ws://\S+)", line):
                break
        else:
            raise RuntimeError(f"Firefox did not start:\n{''.join(said)}")
        self.socket = websocket.create_connection(
            f"{found[1]}/session", timeout=PATIENCE, suppress_origin=True
        )
        self.sent = 0
        self.pages = {}
        self.send("session.new", capabilities={})
        events = ["log.entryAdded", "network.beforeRequestSent"]
        self.send("session.subscribe", events=events)

    def send(self, method: str, **parameters: object) -> dict:
        """Send a command and return its result; note the events that come before it."""
        self.sent += 1
        command = {"id": self.sent, "method": method, "params": parameters}
        self.socket.send(json.dumps(command))
        while True:
            message = json.loads(self.socket.recv())
            if message.get("id") == self.sent:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                return message["result"]
            self.note(message)

    def note(self, event: dict) -> None:
        of = event["params"]
        page = self.pages.get(of.get("context") or of.get("source", {}).get("context"))
        if page and event["method"] == "network.beforeRequestSent":
            page.asked.append(of["request"]["url"])
        elif page and event["method"] == "log.entryAdded" and of["level"] == "error":
            page.errors.append(of["text"])

    def new_page(self, script: str = "") -> FirefoxPage:
        """Open a page that shares nothing with others; `script` runs before its own."""
        page = FirefoxPage(self, self.send("browser.createUserContext")["userContext"])
        self.pages[page.context] = page
        if script:
            self.send(
                "script.addPreloadScript",
                functionDeclaration=f"() => {{ {script} }}",
                contexts=[page.context],
            )
        return page

    def close(self) -> None:
        try:
            self.send("browser.close")
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.socket.close()


class FirefoxPage:
    """A tab; `asked` are the addresses that it asked for, `errors` its console's."""

    def __init__(self, firefox: Firefox, user: str) -> None:
        self.firefox, self.user, self.keyboard = firefox, user, self
        self.asked, self.errors = [], []
        self.context = firefox.send(
            "browsingContext.create", type="tab", userContext=user
        )["context"]

    def send(self, method: str, **parameters: object) -> dict:
        return self.firefox.send(method, context=self.context, **parameters)

    def goto(self, address: str) -> None:
        self.send("browsingContext.navigate", url=address, wait="complete")

    def evaluate(self, function: str, *nodes: dict) -> object:
        answer = self.firefox.send(
            "script.callFunction",
            functionDeclaration=f"async (...nodes) =>"
            f" JSON.stringify(await ({function})(...nodes))",
            arguments=list(nodes),
            target={"context": self.context},
            awaitPromise=True,
        )
        if answer["type"] == "exception":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"].get("value") or "null")

    def wait_for_function(self, function: str) -> None:
        is_true = f"async () => Boolean(await ({function})())"
        wait_until(lambda: self.evaluate(is_true), function)

    def get_by_role(self, role: str, *, name: str = "", exact: bool = True) -> Found:
        assert exact, "BiDi compares whole names only"
        return Found(self, {"role": role} | ({"name": name} if name else {}))

    def type(self, text: str) -> None:
        strokes = [
            {"type": way, "value": key} for key in text for way in ("keyDown", "keyUp")
        ]
        hand = {"type": "key", "id": "keyboard", "actions": strokes}
        self.send("input.performActions", actions=[hand])

    def close(self) -> None:
        self.firefox.send("browser.removeUserContext", userContext=self.user)


class Found:
    """What Firefox tells a screen reader to be of this role and name, in a widget.

    To look through a whole page takes it seconds.
    """

    def __init__(self, page: FirefoxPage, value: dict) -> None:
        self.page, self.value = page, value

    def nodes(self) -> list[dict]:
        widgets = self._locate({"type": "css", "value": ".ovs-widget"})
        wanted = {"type": "accessibility", "value": self.value}
        return self._locate(wanted, startNodes=widgets) if widgets else []

    def _locate(self, locator: dict, **more: object) -> list[dict]:
        found = self.page.send("browsingContext.locateNodes", locator=locator, **more)
        return [{"sharedId": node["sharedId"]} for node in found["nodes"]]

    def count(self) -> int:
        return len(self.nodes())

    def wait_for(self) -> None:
        wait_until(self.nodes, self.value)

    def click(self) -> None:
        self.wait_for()
        self.page.evaluate("(node) => node.click()", self.nodes()[0])


def wait_until(true: object, what: object) -> None:
    """Ask again and again; fail with `what` when it takes too long."""
    end = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {PATIENCE} s for {what}")
        time.sleep(0.05)
