"""Wheel and sdist of what sync wrote: built, checked, held against upstream's, and tried on each Python."""

from codemods.build.run import PYTHONS, BuildError, BuildOptions, BuildReport, run_build, to_terminal

__all__ = ["PYTHONS", "BuildError", "BuildOptions", "BuildReport", "run_build", "to_terminal"]
