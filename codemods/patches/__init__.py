"""What no rule can express: edits, replacements and additions by qualified name, each with its reason.

Patches are data: `patches/<area>.toml`, code of more than a few lines in `.py` files beside it, new modules in
`patches/additions/`. They apply to upstream's text, before anything else looks at it, and every one of them names
the upstream code it was written against by a hash per reviewed release (:mod:`codemods.patches.footing`: formatting,
comments and docstrings do not count). Where upstream changed that code, the run stops and shows the change.

All places are looked up in upstream's own text, so the order of patches does not matter; two that touch the same
text are an error. Imports that only patched code used go by themselves.

| module | |
| --- | --- |
| `model`, `load` | the file format, and a directory of such files |
| `edits`, `changes`, `imports`, `text` | where in upstream's text a patch goes, and what stands there instead |
| `footing`, `review`, `accept` | what a patch stands on, what a person must look at, and that somebody did |
| `apply` | all patches of a release |
"""

from codemods.patches.accept import accept
from codemods.patches.apply import apply_patches
from codemods.patches.footing import Footing, footings
from codemods.patches.load import load_patches
from codemods.patches.model import AddPatch, LoadedPatch, PatchSet
from codemods.patches.review import ReviewedFiles

__all__ = [
    "AddPatch",
    "Footing",
    "LoadedPatch",
    "PatchSet",
    "ReviewedFiles",
    "accept",
    "apply_patches",
    "footings",
    "load_patches",
]
