"""The passes: LibCST transformers that carry out a file's plan, one kind of edit each."""

from codemods.passes.driver import PASSES, run_passes

__all__ = ["PASSES", "run_passes"]
