"""What all tests share: the switch ``--slow``, and how Hypothesis looks for counterexamples."""

from __future__ import annotations

import pytest
from hypothesis import settings

settings.register_profile("pellucid", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("pellucid")


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that take more than a second or two as well")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
