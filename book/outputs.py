"""Give every stored output the one form in which a page shows it.

Both renderings use it: book.render imports it, and Quarto runs it on each notebook
(`ipynb-filters` in _quarto.yml: JSON in on stdin, JSON out on stdout). So a widget
becomes its static `<div>`, and a plot a `<div>` that holds its own data.
"""

from __future__ import annotations

if __name__ == "__main__":
    import in_environment

    in_environment.enter()

import html
import json
import re
import sys
from typing import Any

import yaml
from bs4 import BeautifulSoup

PLOTLY = "application/vnd.plotly.v1+json"
WIDGET = "application/vnd.jupyter.widget-view+json"
NOTEBOOK = {"cells": [{"cell_type": str}], "nbformat": int}
"""What a notebook holds at least."""


def joined(text: str | list[str]) -> str:
    """Return notebook text, which is stored as one string or as a list of lines."""
    return text if isinstance(text, str) else "".join(text)


def split_options(source: str) -> tuple[dict[str, Any], str]:
    """Split a code cell into its Quarto options (the `#| ` lines) and its code.

    Raises ValueError when the options are not a YAML mapping.
    """
    lines = source.split("\n")
    count = next(
        (i for i, line in enumerate(lines) if not line.startswith("#|")), len(lines)
    )
    try:
        options = yaml.safe_load("\n".join(line[2:] for line in lines[:count])) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"the #| options are not YAML: {error}") from error
    if not isinstance(options, dict):
        raise ValueError("the #| options must be lines of `key: value`")
    return options, "\n".join(lines[count:]).strip("\n")


def plot_html(figure: dict[str, Any], alt: str) -> str:
    """Return the element in which figures.js draws a plot when the reader nears it.

    Without JavaScript the alternative text stands there.
    """
    # "<" could end the script element early, and JSON needs it only inside strings
    data = json.dumps(figure, separators=(",", ":")).replace("<", "\\u003c")
    height = figure.get("layout", {}).get("height", 450)
    return (
        f'<div class="plot" role="img" aria-label="{html.escape(alt)}" '
        f'style="min-height: {int(height)}px"><p class="plot-alt">{html.escape(alt)}'
        f'</p><script type="application/json">{data}</script></div>'
    )


def table_html(source: str, caption: str) -> str:
    """Return a table in a box that scrolls by itself, tidied if it is pandas'.

    Columns of words are marked, for they read better from the left, and the index's
    name moves up into the row of the columns' names. An empty corner heads nothing.
    """
    soup = BeautifulSoup(source, "html.parser")
    for style in soup.select("style"):
        style.decompose()
    for table in soup.select("table.dataframe"):
        del table["border"]
        for row in table.select("tr[style]"):
            del row["style"]
        rows = [row.find_all(["th", "td"]) for row in table.select("tr")]
        if len(table.select("thead tr")) == 2 and not any(
            name.text and column.text for name, column in zip(*rows[:2], strict=True)
        ):
            for name, column in zip(rows[1], rows[0], strict=True):
                column.string = name.text or column.text
            rows.pop(1)[0].parent.decompose()
        # Where a cell spans rows, what stands below it isn't its column
        even = len({len(row) for row in rows}) == 1
        for column in zip(*rows, strict=True) if even else []:
            texts = [cell.text for cell in column if cell.name == "td"]
            if any(
                re.match(r"(?!nan|None|True|False)[^\W\d_]", text) for text in texts
            ):
                for cell in column:
                    cell["class"] = "words"
        for corner in table.select("thead th:empty"):
            corner.name = "td"
    name = html.escape(caption or "Table", quote=True)
    return (
        f'<div class="table-scroll" role="group" tabindex="0" aria-label="{name}">'
        f"{soup}</div>"
    )


def widget_html(source: str, caption: str) -> str:
    """Return a widget's stored answers, each table in a box that scrolls by itself."""
    name = caption or "Stored answers"
    soup = BeautifulSoup(source, "html.parser")
    for table in soup.select(".ovs-widget table"):
        box = {"class": "table-scroll", "role": "group", "tabindex": "0"}
        table.wrap(soup.new_tag("div", attrs=box | {"aria-label": name}))
    return str(soup)


def page_data(data: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """Reduce an output's alternatives, by MIME type, to the one a page shows."""
    alt = str(options.get("fig-alt", ""))
    if PLOTLY in data:
        return {"text/html": plot_html(data[PLOTLY], alt)}
    if "image/svg+xml" in data:
        drawing = re.sub(r"^.*?(?=<svg)", "", joined(data["image/svg+xml"]), flags=re.S)
        name = html.escape(alt)
        return {"text/html": f'<div role="img" aria-label="{name}">{drawing}</div>'}
    for kind in ("text/html", "text/markdown", "image/png", "image/jpeg", "text/plain"):
        if kind not in data:
            continue
        text = joined(data[kind])
        if kind == "text/html" and "<table" in text:
            wrap = widget_html if "ovs-widget" in text else table_html
            text = wrap(text, str(options.get("tbl-cap", "")))
        return {kind: text}
    return {}


def page_notebook(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook with every output reduced to what a page shows."""
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        options, _ = split_options(joined(cell["source"]))
        shown = []
        for output in cell["outputs"]:
            if output.get("name") == "stderr":
                continue
            if "data" in output:
                output["data"] = page_data(output["data"], options)
                if not output["data"]:
                    continue
            shown.append(output)
        cell["outputs"] = shown
    notebook["metadata"].pop("widgets", None)
    return notebook


if __name__ == "__main__":
    json.dump(page_notebook(json.load(sys.stdin)), sys.stdout)
