"""Turns a release of DSPy into a complete async package, one stage per module."""

from codemods.version import __version__

__all__ = ["__version__"]
