"""What nbval leaves out when it compares a chapter with a fresh run."""

import pytest


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Leave stderr out: progress bars and warnings are no part of a chapter."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
