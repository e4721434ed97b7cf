"""From the pinned release to another, with everything that goes along, or not at all."""

from codemods.bump.model import BumpError, BumpReport, to_terminal
from codemods.bump.run import BumpOptions, run_bump

__all__ = ["BumpError", "BumpOptions", "BumpReport", "run_bump", "to_terminal"]
