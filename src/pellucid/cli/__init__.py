"""The command line: one file a verb, no arithmetic."""

from pellucid.cli.app import main

__all__ = ["main"]
