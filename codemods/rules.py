"""The typed rule table: what names, attributes and protocols stand for where the code itself does not say.

Rules speak of constructs and protocols, never of files. Each says how often it expects to match
(``expect``: ``"any"``, ``"some"`` for at least one, or a number), and a run in which that is wrong fails.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from codemods.errors import ToolError
from codemods.stages import RuleUse


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    expect: Literal["any", "some"] | int = "any"
    reason: str = Field(min_length=10)


class NameRule(_Rule):
    """An unannotated parameter, variable or attribute of one of ``names`` holds an instance of ``type``."""

    names: tuple[str, ...]
    type: str


class CallableRule(_Rule):
    """A callable held under one of ``names``: supplied by a user, or never a coroutine.

    ``element`` is for containers of that name, whose elements are called as ``tools[name](...)``.
    """

    names: tuple[str, ...]
    where: tuple[Literal["parameter", "variable", "attribute", "element"], ...] = ("parameter", "variable", "attribute")
    kind: Literal["supplied", "plain"]

    @property
    def label(self) -> str:
        """How the rule is called in reports; names alone are not unique."""
        return f"{self.names[0]} ({self.kind}: {', '.join(self.where)})"


class MethodRule(_Rule):
    """A method name that means one protocol wherever its receiver is unknown."""

    names: tuple[str, ...]
    type: str | None = None


class LeafRule(_Rule):
    """A function, with its overrides, that is a coroutine taking settings by contract."""

    symbol: str
    settings: bool = True
    settings_before: tuple[str, ...] = ()


class DecoratorRule(_Rule):
    """A decorator that makes what it wraps a coroutine taking settings."""

    symbol: str


class ReturnsRule(_Rule):
    """Methods of these names return an object of the receiver's own type."""

    names: tuple[str, ...]


class VendoredRule(_Rule):
    """Directories that hold other people's packages: they are not DSPy's to convert, and stay as they are."""

    directories: tuple[str, ...]


class EntryRule(_Rule):
    """Functions of a user's program that somebody else calls, by name pattern or decorator: they take no settings.

    What they hand on is the process's object, or the child of the enclosing block. ``packages`` are those whose
    decorators hand a function to them; ``awaited`` says whether a coroutine function would be awaited.
    """

    names: tuple[str, ...] = ()
    decorators: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    awaited: bool = True


class RenamedRule(_Rule):
    """A sync function of another package that the converted library no longer calls, and the one it calls instead."""

    old: str
    new: str


class MakerRule(_Rule):
    """A function of the library that makes a coroutine function of what it is handed, taking settings or not."""

    symbol: str
    settings: bool = True


class ScopeRule(_Rule):
    """A context manager of the library: calls in its block are handed an attribute of what it gives as settings.

    ``name`` is what it is bound to where the source does not name it.
    """

    symbol: str
    attribute: str
    name: str


class StandsForRule(_Rule):
    """A mock that is told to return an object of the class ``returns`` stands for the function ``symbol``."""

    returns: str
    symbol: str


class BlockingRule(_Rule):
    """A call that blocks the event loop and the coroutine function that does the same without."""

    call: str
    replacement: str
    to_thread: bool = False


class SettingsRule(_Rule):
    """Where configuration lives: the class, the process's object, and the types of its values."""

    class_symbol: str
    object_symbol: str
    context_method: str = "context"
    values: dict[str, str] = {}


class Rules(BaseModel):
    """The whole table (``rules.toml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    settings: SettingsRule
    name: tuple[NameRule, ...] = ()
    callable: tuple[CallableRule, ...] = ()
    method: tuple[MethodRule, ...] = ()
    leaf: tuple[LeafRule, ...] = ()
    decorator: tuple[DecoratorRule, ...] = ()
    returns_receiver: tuple[ReturnsRule, ...] = ()
    blocking: tuple[BlockingRule, ...] = ()
    vendored: tuple[VendoredRule, ...] = ()
    entry: tuple[EntryRule, ...] = ()
    renamed: tuple[RenamedRule, ...] = ()
    maker: tuple[MakerRule, ...] = ()
    scope: tuple[ScopeRule, ...] = ()
    stands_for: tuple[StandsForRule, ...] = ()

    def is_vendored(self, path: str) -> bool:
        """Whether a file, by its posix path, belongs to another package that is shipped along."""
        directories = {name for rule in self.vendored for name in rule.directories}
        return bool(directories & set(path.split("/")[:-1]))


def load_rules(text: str | None = None) -> Rules:
    """The table that ships with the toolchain, or one given as TOML text. Raises :class:`ToolError`."""
    if text is None:
        text = resources.files("codemods").joinpath("rules.toml").read_text(encoding="utf-8")
    try:
        return Rules.model_validate(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, ValueError) as error:
        raise ToolError(f"the rule table is not valid: {error}", remedy="Mend codemods/rules.toml.") from error


class RuleMismatchError(ToolError):
    """A rule matched another number of times than it declares."""


def mismatches(uses: Iterable[RuleUse]) -> list[RuleUse]:
    """Rules that did not match as they declare."""
    return [use for use in uses if not _as_expected(use)]


def check_rules(uses: Iterable[RuleUse]) -> None:
    """Raise :class:`RuleMismatchError` where a rule did not match as it declares."""
    wrong = mismatches(uses)
    if wrong:
        lines = "\n".join(f"  {use.rule}: expected {use.expected}, matched {use.matches}" for use in wrong)
        raise RuleMismatchError(
            f"rules did not match as they declare:\n{lines}",
            remedy="Upstream changed, or a rule is dead: mend or remove it in codemods/rules.toml.",
        )


def _as_expected(use: RuleUse) -> bool:
    if use.expected == "any":
        return True
    return use.matches > 0 if use.expected == "some" else str(use.matches) == use.expected
