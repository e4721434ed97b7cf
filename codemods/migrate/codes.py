"""The stable code of every kind of change and of finding, which is which in a file's plan, and switching them off."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from codemods.errors import UsageError
from codemods.plan import CallPlan, FilePlan, FunctionPlan, Range, WithPlan

OTHER = "DA999"
"""For a rule of the engine's that has no code yet."""


class Code(BaseModel):
    """One kind of change, or of place that a person must look at (``codes.toml``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: Annotated[str, StringConstraints(pattern=r"^DA\d{3}$")]
    name: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+)*$")]
    kind: Literal["change", "finding"]
    title: str = Field(min_length=10)
    why: str = Field(min_length=10)
    before: str | None = None
    after: str | None = None
    rules: tuple[str, ...] = ()
    """What the engine calls such findings."""


@cache
def all_codes() -> dict[str, Code]:
    """Every code, in order."""
    text = resources.files("codemods.migrate").joinpath("codes.toml").read_text(encoding="utf-8")
    entries = [Code.model_validate(entry) for entry in tomllib.loads(text)["code"]]
    return {entry.code: entry for entry in sorted(entries, key=lambda entry: entry.code)}


@cache
def _code_of_rule() -> dict[str, str]:
    return {rule: entry.code for entry in all_codes().values() for rule in (entry.code, *entry.rules)}


def code_of(rule: str) -> str:
    """The code of what the engine calls ``rule``; of a code, itself."""
    return _code_of_rule().get(rule, OTHER)


def enabled_codes(select: Iterable[str] = (), disable: Iterable[str] = ()) -> frozenset[str]:
    """The codes that are on: all or those of ``select``, without those of ``disable``.

    Each may hold several codes with commas between, or the beginning of codes (``DA4``).

    Raises:
        UsageError: something is no code and begins none.
    """
    chosen = _matching(select) or frozenset(all_codes())
    return chosen - _matching(disable)


def _matching(wanted: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for prefix in [part.strip().upper() for text in wanted for part in text.split(",") if part.strip()]:
        codes = [code for code in all_codes() if code.startswith(prefix)]
        if not codes:
            raise UsageError(
                f"{prefix} is no code of a rule", remedy=f"The codes are {', '.join(all_codes())}; see docs/migrate.md."
            )
        found.update(codes)
    return frozenset(found)


def restrict(plan: FilePlan, enabled: frozenset[str]) -> Counter[str]:
    """Take out of a file's plan what is switched off, and count what is left by code."""
    counts: Counter[str] = Counter()
    for place, function in list(plan.functions.items()):
        _function(function, enabled, counts)
        if not any((function.make_async, function.settings, function.async_contextmanager, function.hoist)):
            del plan.functions[place]
    for place, call in list(plan.calls.items()):
        _call(call, enabled, counts)
        if not any((call.awaited, call.settings, call.bind, call.replacement, call.callee, *_added_to(call))):
            del plan.calls[place]
    for place, item in list(plan.withs.items()):
        _with(item, enabled, counts)
        if item == WithPlan():
            del plan.withs[place]
    if "DA112" not in enabled:
        # The loop of a `yield from` is planned with it.
        plan.iterations -= {
            place for place in plan.iterations for outer in plan.delegations if _is_within(place, outer)
        }
    for code, places in _PLAIN.items():
        held: set[object] | dict[object, object] = getattr(plan, places)
        if code in enabled:
            counts[code] += len(held)
        else:
            held.clear()
    return +counts


def _added_to(call: CallPlan) -> tuple[object, ...]:
    """What changes of a call's arguments besides settings."""
    return call.keywords, call.renamed_keywords, call.relay is not None


_PLAIN = {
    "DA109": "iterations",
    "DA110": "to_list",
    "DA111": "bare_awaits",
    "DA112": "delegations",
    "DA202": "reads",
    "DA203": "shadowing",
    "DA401": "strings",
    "DA402": "markers",
    "DA403": "numbers",
    "DA406": "fixtures",
    "DA407": "renamed",
}
"""Fields of a plan whose entries are all of one code."""


def _is_within(place: Range, outer: Range) -> bool:
    return outer[:2] <= place[:2] and place[2:] <= outer[2:]


def _function(plan: FunctionPlan, enabled: frozenset[str], counts: Counter[str]) -> None:
    if plan.hoist is not None:
        if not _kept("DA106", enabled, counts):
            plan.hoist, plan.make_async, plan.settings = None, False, False
        return
    if plan.make_async and not _kept("DA101", enabled, counts):
        plan.make_async, plan.iterator_module, plan.name = False, None, None
    if plan.name is not None and not _kept("DA407", enabled, counts):
        plan.name = None
    if plan.settings and not _kept("DA102", enabled, counts):
        plan.settings = plan.checked = False
    if plan.async_contextmanager and not _kept("DA107", enabled, counts):
        plan.async_contextmanager = False


def _call(plan: CallPlan, enabled: frozenset[str], counts: Counter[str]) -> None:
    if plan.callee is not None and not _kept("DA404", enabled, counts):
        plan.callee = None
    made = any(name == "new_callable" for name, _ in plan.keywords)
    if (plan.keywords or plan.renamed_keywords) and not _kept("DA404" if made else "DA405", enabled, counts):
        plan.keywords = plan.renamed_keywords = ()
    if plan.relay is not None:
        if not _kept("DA114", enabled, counts):
            plan.relay, plan.settings, plan.awaited = None, None, False
        return
    if plan.search is not None:
        if not _kept("DA115", enabled, counts):
            plan.search, plan.awaited = None, False
    elif plan.bridge:
        if not _kept("DA113", enabled, counts):
            plan.bridge = plan.awaited = False
    elif plan.replacement is not None:
        if not _kept("DA302" if plan.to_thread else "DA301", enabled, counts):
            plan.replacement, plan.to_thread, plan.awaited = None, False, False
    elif plan.bind is not None:
        if not _kept("DA105", enabled, counts):
            plan.bind, plan.awaited = None, False
    elif plan.awaited and not _kept("DA103", enabled, counts):
        plan.awaited = False
    if plan.settings is not None:
        of_mock = plan.settings.split(".")[-1] == "ANY"
        if not _kept("DA403" if of_mock else "DA104", enabled, counts):
            plan.settings = None


def _with(plan: WithPlan, enabled: frozenset[str], counts: Counter[str]) -> None:
    if plan.child is not None and not _kept("DA201", enabled, counts):
        plan.child = None
    if plan.asynchronous and not _kept("DA108", enabled, counts):
        plan.asynchronous = False


def _kept(code: str, enabled: frozenset[str], counts: Counter[str]) -> bool:
    """Whether a code is on; counts it if it is."""
    counts[code] += code in enabled
    return code in enabled
