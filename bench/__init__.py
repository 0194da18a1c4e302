"""Measure the page's encoder beside others, each in the same browser."""
