"""Figures: the same bytes in each run, safe HTML, and no other host."""

import sys

import plotly.graph_objects as go
import plotly.io as pio
import pytest

from widgets.figures import use_book_look


@pytest.fixture
def bundle(monkeypatch):
    monkeypatch.delitem(sys.modules, "google.colab", raising=False)
    use_book_look()

    def write(title="two bars"):
        figure = go.Figure(go.Bar(x=["a", "b"], y=[1.5, 2.5]))
        figure.update_layout(title_text=title)
        return pio.renderers["book"].to_mimebundle(figure.to_dict())

    return write


def test_the_same_figure_is_the_same_bytes(bundle):
    assert bundle() == bundle()
    assert bundle() != bundle("three bars")


def test_text_in_a_figure_cannot_end_its_script(bundle):
    html = bundle("</script><script>alert(1)")["text/html"]
    assert html.count("</script>") == 1
    assert html.endswith("</script>")


def test_a_figure_asks_no_other_host(bundle):
    assert "http" not in bundle()["text/html"]


def test_colab_gets_plotly_s_own_page_beside_the_same_data(monkeypatch):
    figure = go.Figure(go.Bar(x=["a", "b"], y=[1.5, 2.5]))
    use_book_look()
    here = figure._repr_mimebundle_()
    monkeypatch.setitem(sys.modules, "google.colab", object())
    use_book_look()
    there = figure._repr_mimebundle_()
    data = "application/vnd.plotly.v1+json"
    assert there[data] == here[data]
    assert "plotly-graph-div" in there["text/html"]
    assert "plotly-graph-div" not in here["text/html"]
    monkeypatch.undo()
    use_book_look()
