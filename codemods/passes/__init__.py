"""The passes: LibCST transformers that carry out a file's plan, one kind of edit each."""

from codemods.passes.driver import PASSES, run_passes
from codemods.passes.files import PassesTask, kept_passes

__all__ = ["PASSES", "PassesTask", "kept_passes", "run_passes"]
