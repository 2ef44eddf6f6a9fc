"""What all tests share: the switch ``--slow``, how Hypothesis looks for counterexamples, and that Ctrl-C is heard."""

from __future__ import annotations

import signal

import pytest
from hypothesis import settings

settings.register_profile("pellucid", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("pellucid")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for what they start in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the tests that take more than a second or two as well")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--slow"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="slow: run with --slow"))
