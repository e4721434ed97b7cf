"""Reads a directory of patches."""

from __future__ import annotations

import re
import textwrap
import tomllib
from pathlib import Path

from pydantic import ValidationError

from codemods.errors import ToolError
from codemods.patches.model import (
    AddPatch,
    CodePatch,
    InsertPatch,
    LoadedPatch,
    Patch,
    PatchFile,
    PatchSet,
    ReplacePatch,
)

_ADDITIONS = "additions"


def load_patches(directory: Path) -> PatchSet:
    """Read every patch of a directory.

    Raises:
        ToolError: a file that is not valid, code that is missing, or code that no patch names.
    """
    loaded: list[LoadedPatch] = []
    used: set[Path] = set()
    for path in sorted(directory.glob("*.toml")):
        for index, (line, patch) in enumerate(_read_patch_file(path)):
            source = _code_path(directory, patch)
            if source is not None:
                used.add(source)
            code = _read_code(f"{path.name}:{line}", patch, source)
            loaded.append(LoadedPatch(path.name, index, line, patch, code))
    spare = sorted(path.relative_to(directory).as_posix() for path in _code_files(directory) - used)
    if spare:
        raise ToolError(
            f"No patch names this code: {', '.join(spare)}",
            remedy='Name it in a patch (`file`, or `kind = "add"` with its `path`), or delete it.',
        )
    return PatchSet(tuple(loaded))


def _read_patch_file(path: Path) -> list[tuple[int, Patch]]:
    text = path.read_text(encoding="utf-8")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if line.strip() == "[[patch]]"]
    try:
        patches = PatchFile.model_validate(tomllib.loads(text)).patch
    except tomllib.TOMLDecodeError as error:
        raise ToolError(f"{path.name} is not valid TOML: {error}", remedy="Mend the patch file.") from error
    except ValidationError as error:
        raise ToolError(_invalid(path.name, lines, error), remedy="Mend the patch file.") from error
    return list(zip(lines, patches, strict=True))


def _invalid(name: str, lines: list[int], error: ValidationError) -> str:
    problems: list[str] = []
    for problem in error.errors(include_url=False):
        place = problem["loc"]
        index = place[1] if len(place) > 1 and isinstance(place[1], int) else None
        line = f":{lines[index]}" if index is not None and index < len(lines) else ""
        keys = ".".join(str(part) for part in (place if index is None else place[2:]))
        problems.append(f"{name}{line}: {keys or 'patch'}: {problem['msg']}")
    return "\n".join(problems)


def _code_path(directory: Path, patch: Patch) -> Path | None:
    if isinstance(patch, AddPatch):
        return directory / _ADDITIONS / patch.path
    if isinstance(patch, ReplacePatch | InsertPatch) and patch.file:
        return directory / patch.file
    return None


def _code_files(directory: Path) -> set[Path]:
    beside = set(directory.glob("*.py"))
    added = {path for path in (directory / _ADDITIONS).rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    return beside | added


def _read_code(where: str, patch: Patch, source: Path | None) -> str:
    if source is None:
        return _renamed(where, patch, textwrap.dedent(patch.code)) if isinstance(patch, CodePatch) else ""
    if not source.is_file():
        raise ToolError(f"{where}: there is no file {source.name} ({source})", remedy="Write it, or mend its name.")
    text = source.read_text(encoding="utf-8")
    if isinstance(patch, AddPatch):
        return text
    return _renamed(where, patch, _from_marker(text))


def _renamed(where: str, patch: Patch, code: str) -> str:
    """The code of a patch with what its release calls otherwise."""
    for old, new in patch.names.items() if isinstance(patch, CodePatch) else ():
        pattern = re.compile(rf"(?<![\w.]){re.escape(old)}(?!\w)")
        code, count = pattern.subn(lambda _, new=new: new, code)
        if not count:
            raise ToolError(f"{where}: there is no {old} in its code", remedy="Take it out of `names`.")
    return code


def _from_marker(text: str) -> str:
    # A code file may begin with the imports its code finds in upstream's module, for readers and checkers; what goes
    # into the module begins behind the marker.
    _, marker, code = text.partition("# --- patch ---\n")
    return (code if marker else text).strip("\n") + "\n"
