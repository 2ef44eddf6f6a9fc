"""Measurements. Each script is run from the root of the repository: python -m benchmarks.run --help."""
