"""Spoiled and wicked files for every reader: ``python -m benchmarks.fuzzing``."""
