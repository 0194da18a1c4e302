"""One look for every plotly figure, in the notebook and in the rendered book."""

from __future__ import annotations

import hashlib
import json

import plotly.graph_objects as go
import plotly.io as pio
from plotly.io.base_renderers import MimetypeRenderer

from widgets.colab import in_colab

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
"""Colours that colour-blind readers can tell apart. Source: Okabe & Ito 2008."""

SCALE = [[0, "#f4f1ea"], [0.5, "#6ba3c8"], [1, "#08306b"]]
"""From little to much, for heat maps: lighter to darker, in one hue."""

TEMPLATE = go.layout.Template(
    layout={
        "colorway": COLOURS,
        "colorscale": {"sequential": SCALE},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"size": 14},
        "margin": {"l": 60, "r": 20, "t": 30, "b": 50},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": {"automargin": True, "zeroline": False},
        "yaxis": {"automargin": True, "zeroline": False},
    }
)


class BookRenderer(MimetypeRenderer):
    """Write a figure as plotly's own JSON, and as HTML whose id never changes.

    The HTML finds plotly in the page that shows it and asks no other host for it.
    """

    def to_mimebundle(self, fig_dict: dict) -> dict[str, object]:
        """Return both forms of a figure, given as a dictionary."""
        figure = {
            "data": fig_dict["data"],
            "layout": fig_dict["layout"],
            "config": {"responsive": True, "displaylogo": False},
        }
        text = pio.to_json(figure, validate=False)
        name = f"plot-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
        # "</" could end the script early, "<!--" could keep it from ending
        safe = text.replace("</", "<\\/").replace("<!--", "\\u003c!--")
        html = (
            f'<div id="{name}" class="plotly-figure" style="min-height: 20rem"></div>'
            f"<script>if (window.Plotly) {{ const figure = {safe}; "
            f'Plotly.newPlot("{name}", figure.data, figure.layout, figure.config); }}'
            "</script>"
        )
        return {
            "application/vnd.plotly.v1+json": json.loads(text),
            "text/html": html,
        }


def use_book_look() -> None:
    """Draw every figure from here on in the book's look, by the book's renderer.

    In Colab a figure can't find plotly by itself, so its HTML is plotly's own there.
    """
    pio.templates["book"] = TEMPLATE
    pio.templates.default = "book"
    pio.renderers["book"] = BookRenderer()
    pio.renderers.default = "book+colab" if in_colab() else "book"
