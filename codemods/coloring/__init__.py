"""The coloring: which functions wait, which take settings, and why. :func:`color` works it out."""

from codemods.coloring.explanation import Chains
from codemods.coloring.model import CallSite, Coloring, Reason
from codemods.coloring.spread import color

__all__ = ["CallSite", "Chains", "Coloring", "Reason", "color"]
