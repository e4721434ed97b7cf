"""Functions that cannot wait, or cannot take settings: what the language calls, threads, and entries."""

from __future__ import annotations

from collections.abc import Mapping

from codemods.coloring.model import CallSite, Coloring, Reason
from codemods.entries import is_entry, is_not_awaited, is_registered
from codemods.program import FunctionInfo
from codemods.settings_names import binds_settings
from codemods.stages import Finding
from codemods.threads import loops_of_threads

ASYNC_PROTOCOL = frozenset({"__aenter__", "__aexit__", "__aiter__", "__anext__"})
"""Methods that the language awaits, and hands nothing."""
_AWAITABLE_DUNDERS = frozenset({"__call__", *ASYNC_PROTOCOL} - {"__aiter__"})


class Walls:
    """Where a colour may not spread: a function that cannot have it, or need not.

    Args:
        result: where walls are noted, with findings.
        final: paths and symbols that are as they stand.
    """

    def __init__(self, result: Coloring, final: frozenset[str]):
        self.result = result
        self.program = result.program
        self.flow = result.flow
        self.rules = result.rules
        self.final = final
        self._threaded = loops_of_threads(self.flow)

    def waits(self, function: FunctionInfo, reason: Reason) -> FunctionInfo | None:
        """The function itself, if it can be a coroutine function; else None, and a finding with the reason."""
        if function.is_in(self.final) and not function.is_async:
            return None
        if cannot_wait(function) or self.is_not_awaited(function):
            self.result.walls.add(function.symbol)
            self._wall("wall-coroutine", function, reason, "cannot be a coroutine")
            return None
        return function

    def gives_no_generator(self, function: FunctionInfo, reason: Reason) -> None:
        """Note that what stands for an asynchronous generator gives something that is gone through at once."""
        self._wall("generator", function, reason, "stands for an asynchronous generator, and gives none")

    def is_not_awaited(self, function: FunctionInfo) -> bool:
        """Whether somebody calls a program's function who would not await it."""
        if self.program.own is None or function.is_async:
            return False
        return function.symbol in self._threaded or is_not_awaited(self.flow, function)

    def takes(
        self, function: FunctionInfo, reason: Reason, *, callers: Mapping[str, list[CallSite]]
    ) -> FunctionInfo | None:
        """Who takes settings for ``function``: it, or what it is nested in; None where nobody does.

        Args:
            function: what the colour has reached.
            reason: why, for the finding where it cannot.
            callers: the calls that may reach a function, by its symbol.
        """
        if self._is_final_without_settings(function):
            return None
        owner = self._settings_owner(function)
        if (
            is_entry(self.rules, self.program, owner)
            or self._is_registered(owner, callers)
            or owner.symbol in self._threaded
        ):
            return None
        if owner.parent is not None and self.is_not_awaited(owner.parent):
            # It is run by an event loop of its own, with the settings of what is around it.
            return None
        if binds_settings(self.flow, owner) or self._is_final_without_settings(owner):
            return None
        if _is_called_by_the_language(owner) or owner.name in ("__init__", *ASYNC_PROTOCOL):
            self._wall("wall-settings", owner, reason, "cannot take settings")
            return None
        return owner

    def _is_registered(self, function: FunctionInfo, callers: Mapping[str, list[CallSite]]) -> bool:
        """Whether a framework calls it, and nobody in the program does: it is called without settings."""
        others = [site for site in callers.get(function.symbol, ()) if site.function is not function]
        return self.program.own is not None and not others and is_registered(self.flow, function)

    def _is_final_without_settings(self, function: FunctionInfo) -> bool:
        return function.is_in(self.final) and "settings" not in {a.arg for a in function.arguments}

    def _settings_owner(self, function: FunctionInfo) -> FunctionInfo:
        """A nested function that stays plain closes over the settings of the function around it."""
        current = function
        while current.parent is not None and current.owner is None and not self.result.is_coroutine(current):
            if (
                self.flow.settings_parameters.name(current) is not None
                or current.symbol in self.result.stand_ins.handed
            ):
                break
            current = current.parent
        return current

    def _wall(self, rule: str, function: FunctionInfo, reason: Reason, what: str) -> None:
        finding = Finding(rule, function.module.path, reason.line, f"{function.symbol} {what}: {reason.text}")
        if finding in self.result.findings or self._is_said(finding):
            return
        self.result.findings.append(finding)

    def _is_said(self, finding: Finding) -> bool:
        """In a user's program what cannot wait needs no settings either: one finding says it."""
        if self.program.own is None or finding.rule != "wall-settings":
            return False
        place = finding.path, finding.line
        return any((f.path, f.line) == place and f.rule == "wall-coroutine" for f in self.result.findings)


def cannot_wait(function: FunctionInfo) -> bool:
    """Whether it has to stay plain; an asynchronous generator neither returns a value nor yields from another."""
    if function.is_async:
        return False
    return _is_called_by_the_language(function) or function.delegates or function.returns_from_generator


def _is_called_by_the_language(function: FunctionInfo) -> bool:
    name = function.name
    if function.is_async:
        return False
    if function.is_property:
        return True
    is_dunder = name.startswith("__") and name.endswith("__") and function.owner is not None
    return is_dunder and name not in _AWAITABLE_DUNDERS
