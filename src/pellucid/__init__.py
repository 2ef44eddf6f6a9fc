"""Pellucid: the multilayer perceptron that you can read, as fast as the CPU permits."""

__version__ = "0.1.0"
