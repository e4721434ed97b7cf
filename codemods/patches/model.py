"""The file format of patches, and what is known of each once it is read."""

from __future__ import annotations

import ast
import textwrap
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from codemods.releases import Releases, is_for
from codemods.symbols import split

PYTHON = (3, 10)
"""The oldest grammar that what patches write must be valid in."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Patch(_Model):
    """What is said of every patch.

    Args:
        reason: why it is there.
        releases: which releases it is for, as a version specifier.
        tests: what fails without it: ids of tests as pytest has them, from the repository's root.
    """

    reason: str = Field(min_length=15)
    releases: Releases
    tests: tuple[Annotated[str, Field(pattern=r"^[\w/]+\.py(::\w+)+(\[.+\])?$")], ...] = ()


class SymbolPatch(_Patch):
    """A patch of upstream's code.

    Args:
        symbol: what it is written against.
        imports: import lines that its code needs, one statement each; they go behind the module's own.
        reviewed: the symbol's hash per release that somebody has looked at.
    """

    symbol: str
    imports: str = ""
    reviewed: dict[str, str] = {}

    @field_validator("symbol")
    @classmethod
    def _symbol(cls, value: str) -> str:
        split(value)
        return value


class Edit(_Model):
    """One place within a symbol and what stands there instead.

    Args:
        find: statements in a row, one expression, or a compound statement whose body is `...`: its first line.
        replace: the same kind of code; empty deletes. A definition's first line may bring a docstring, which takes the
            place of upstream's.
        expect: how often it is there.
        comments: whether the comment lines directly above go too.
    """

    find: str
    replace: str = ""
    expect: int = Field(default=1, ge=1)
    comments: bool = False

    @field_validator("find", "replace")
    @classmethod
    def _code(cls, value: str) -> str:
        try:
            ast.parse(textwrap.dedent(value), feature_version=PYTHON)
        except SyntaxError as error:
            raise ValueError(f"not valid Python: {error.msg} in line {error.lineno}") from error
        return value


class EditPatch(SymbolPatch):
    """Replaces pieces of a definition's text."""

    kind: Literal["edit"]
    edit: tuple[Edit, ...]


class CodePatch(SymbolPatch):
    """A patch that brings code.

    Args:
        code: the code.
        file: the file beside that holds it, for more than a few lines, or for several releases.
        names: what this release calls otherwise than the code does, expression by expression: the code is shared by
            patches for several releases.
    """

    code: str = ""
    file: str | None = None
    names: dict[str, str] = {}

    @model_validator(mode="after")
    def _one_source(self) -> CodePatch:
        if bool(self.code.strip()) == bool(self.file):
            raise ValueError("code stands either in `code` or in the file that `file` names")
        return self


class ReplacePatch(CodePatch):
    """Code instead of upstream's.

    Args:
        decorators: whose decorators it has: those of its code, or upstream's, which are then no part of the review.
        keep: members of upstream's class that the new one has too, as they are.
    """

    kind: Literal["replace"]
    decorators: Literal["own", "upstream"] = "own"
    keep: tuple[str, ...] = ()


class InsertPatch(CodePatch):
    """Puts code before or behind a definition."""

    kind: Literal["insert"]
    position: Literal["before", "after"]


class RemovePatch(SymbolPatch):
    """Removes a definition."""

    kind: Literal["remove"]


class KeepPatch(SymbolPatch):
    """Upstream's code stays as it is, whatever the rules would make of it."""

    kind: Literal["keep"]


class AddPatch(_Patch):
    """Adds a file."""

    kind: Literal["add"]
    path: str


Patch = EditPatch | ReplacePatch | InsertPatch | RemovePatch | KeepPatch | AddPatch


class PatchFile(_Model):
    """One file of patches."""

    patch: tuple[Annotated[Patch, Field(discriminator="kind")], ...]


@dataclass(frozen=True)
class LoadedPatch:
    """A patch, the place it is written down, and its code, read.

    Args:
        file: the patch file's name.
        index: its place among the file's patches, from 0.
        line: its line in the file.
        patch: the patch.
        code: the code it brings.
    """

    file: str
    index: int
    line: int
    patch: Patch
    code: str = field(default="", repr=False)

    @property
    def where(self) -> str:
        """The place it is written down, as `file:line`."""
        return f"{self.file}:{self.line}"

    @property
    def symbol(self) -> str:
        """The symbol it stands for, or the path of the module it adds."""
        return self.patch.path if isinstance(self.patch, AddPatch) else self.patch.symbol

    def applies(self, version: str) -> bool:
        """Whether it is for a release."""
        return is_for(self.patch.releases, version)


@dataclass(frozen=True)
class PatchSet:
    """All patches of a directory, in the order of file names and places in them."""

    patches: tuple[LoadedPatch, ...]
