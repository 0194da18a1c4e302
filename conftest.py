"""What nbval leaves out of its comparison, and what a report says of each test."""

import json

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave stderr out: progress bars and warnings are no part of a chapter."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Write what a test tries (its fault, its page) into a JUnit report's rows."""
    for item in items:
        for kind in ("fault", "page"):
            if mark := item.get_closest_marker(kind):
                item.user_properties.append((kind, json.dumps(mark.args)))
