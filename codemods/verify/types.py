"""What a type checker finds in the output and not in upstream's own files.

Upstream is mostly without annotations, and the checker has hundreds of things to say of it. They are not ours to mend,
so its answers for both are compared: by rule, and by the qualified name of the function or class around. Lines move,
and messages change with every parameter `settings`. They are counted, since one fault must not hide another.

* A method and its async twin are one symbol, where the output gives the one the other's name.
* Code that a patch puts into a function of its own takes along what was said of it: word for word the same message, in
  the same file, which is gone from where it was.
* A coroutine that stands where something else is wanted is a kind of its own, which nothing else that upstream has
  under the same rule excuses. Nothing at all excuses an un-awaited coroutine, or its use as if it were the result.
* What the conversion brings with it by its nature is allowed, by construct and with the reason (`ALLOWED`).
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from codemods.errors import ToolError
from codemods.verify.checker import Checker, Diagnostic
from codemods.verify.defects import Defect
from codemods.verify.scopes import scope_at

UNAWAITED = "reportUnusedCoroutine"

_BASE = re.compile(r'\bclass "(\w+)"')
_QUOTED = re.compile(r'"([^"]*)"')
_COROUTINE = re.compile(r"\bCoroutine(Type)?\[")
_AWAITABLE = re.compile(r"\b(Coroutine|CoroutineType|Awaitable)\[")


@dataclass(frozen=True)
class Place:
    """A diagnostic and where it belongs. `symbol` is as in `dspy.predict.react:ReAct.forward`."""

    symbol: str
    found: Diagnostic

    @property
    def is_misuse(self) -> bool:
        """Whether a coroutine is thrown away, or used as if it were its result; upstream is no excuse for that."""
        subjects = _QUOTED.findall(self.found.message.partition("\n")[0])
        return self.found.rule == UNAWAITED or any(_COROUTINE.match(each) for each in subjects)

    @property
    def is_of_coroutine(self) -> bool:
        """Whether a coroutine stands where something else is wanted, however deep in the types."""
        return self.is_misuse or any(map(_is_coroutine_in_place, self.found.message.splitlines()))

    @property
    def order(self) -> tuple[str, int, str, str]:
        """Sorts by path and line."""
        return self.found.path, self.found.line, self.found.rule, self.found.message

    def __str__(self) -> str:
        of = " of a coroutine" if self.is_of_coroutine else ""
        return f"{self.found.rule or 'error'}{of} in {self.symbol}: {' '.join(self.found.message.split())}"


@dataclass(frozen=True)
class Allowance:
    """A construct that brings a new kind of error with it, which is none.

    Args:
        rule: the checker's rule.
        holds: whether a diagnostic of the rule is about the construct.
        reason: why it is no fault.
    """

    rule: str
    holds: Callable[[Place, Mapping[str, str]], bool]
    reason: str

    def covers(self, place: Place, files: Mapping[str, str]) -> bool:
        """Whether it is this that a diagnostic is about. Misused coroutines are never allowed."""
        return not place.is_misuse and place.found.rule == self.rule and self.holds(place, files)


def _overrides_another_package(place: Place, files: Mapping[str, str]) -> bool:
    """Whether it is about a coroutine method in a class whose base is not the package's own."""
    base = _BASE.search(place.found.message.partition("\n")[0])
    if base is None or not place.is_of_coroutine:
        return False
    definition = re.compile(rf"^\s*class {base[1]}\b", re.MULTILINE)
    return not any(map(definition.search, files.values()))


_THIRD_PARTY = (
    "what another package calls from a loop of its own is sync there, and a coroutine that takes settings here: that "
    "loop runs in a worker thread, and is handed a face of the object that waits for its coroutines"
)

ALLOWED = (
    Allowance("reportIncompatibleMethodOverride", _overrides_another_package, f"a method: {_THIRD_PARTY}"),
    Allowance("reportIncompatibleVariableOverride", _overrides_another_package, f"an attribute: {_THIRD_PARTY}"),
)
"""What is a new kind of error by its nature, and no fault. Each must match, or the check fails."""


def beyond_upstream(
    checker: Checker,
    files: Mapping[str, str],
    upstream: Mapping[str, str],
    *,
    allowed: Sequence[Allowance] = ALLOWED,
) -> Iterator[Defect]:
    """Finds what the type checker says of the package and does not say of upstream.

    Args:
        checker: what checks both, with the same dependencies.
        files: the package's texts, by path.
        upstream: upstream's texts, by path.
        allowed: what is no fault. Each must be of use.

    Raises:
        ToolError: the checker could not be run, or something is allowed that is not there.
    """
    unused = set(allowed)
    for place in compare(checker, files, upstream):
        covering = [each for each in allowed if each.covers(place, files)]
        unused.difference_update(covering)
        if not covering:
            yield Defect(place.found.path, place.found.line, "types", str(place))
    if unused:
        listed = "\n".join(f"  {each.rule}: {each.reason}" for each in allowed if each in unused)
        raise ToolError(
            f"the type checker finds nothing of what is allowed here:\n{listed}",
            remedy="Take it out of ALLOWED in codemods/verify/types.py.",
        )


def compare(
    checker: Checker, files: Mapping[str, str], upstream: Mapping[str, str], *, only: Collection[str] | None = None
) -> list[Place]:
    """What the checker says of a package beyond what it says of upstream, allowed or not.

    Args:
        checker: see `beyond_upstream`, as for the next two.
        files: the package.
        upstream: upstream's files.
        only: the paths of the files to look at; all by default.
    """
    with ThreadPoolExecutor() as pool:
        of_upstream = pool.submit(checker.diagnose, upstream, keep=True)
        new = checker.diagnose(files, only=only)
        old = [each for each in of_upstream.result() if only is None or each.path in only]
    return new_places(places(new, files), places(old, upstream), same_functions(files))


def places(found: Iterable[Diagnostic], files: Mapping[str, str]) -> list[Place]:
    """The diagnostics, each with its symbol."""
    return [Place(f"{_module(each.path)}:{scope_at(files[each.path], each.line)}", each) for each in found]


def new_places(new: Iterable[Place], old: Iterable[Place], same: Mapping[str, str]) -> list[Place]:
    """What is in `new` beyond `old`, in the order of paths and lines.

    Args:
        new: what the checker says of the output.
        old: what it says of upstream.
        same: symbols of upstream that are another's second name in the output, as `same_functions` gives them.
    """
    had, has = _by_function(old, same), _by_function(new, same)
    gone = _gone(had, has)
    found: list[Place] = []
    for key, functions in has.items():
        here = [place for places in functions for place in places]
        found += [place for place in here if place.is_misuse]
        for place in _excess([place for place in here if not place.is_misuse], had.get(key, [])):
            said = (place.found.path, place.found.rule, place.found.message)
            if gone[said]:
                gone[said] -= 1
            else:
                found.append(place)
    return sorted(found, key=lambda each: each.order)


def same_functions(files: Mapping[str, str]) -> dict[str, str]:
    """Symbols that are a second name of another, as `acall = __call__` in a class makes them."""
    same: dict[str, str] = {}
    for path, text in files.items():
        tree = ast.parse(text)
        for scope, prefix in [(tree, ""), *_classes(tree, "")]:
            defined = {each.name for each in scope.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
            for each in scope.body:
                if isinstance(each, ast.Assign) and isinstance(each.value, ast.Name) and each.value.id in defined:
                    names = [target.id for target in each.targets if isinstance(target, ast.Name)]
                    canonical = f"{_module(path)}:{prefix}{each.value.id}"
                    same |= {f"{_module(path)}:{prefix}{name}": canonical for name in names}
    return same


def _classes(node: ast.AST, prefix: str) -> Iterator[tuple[ast.ClassDef, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield child, f"{prefix}{child.name}."
            yield from _classes(child, f"{prefix}{child.name}.")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _canonical(symbol: str, same: Mapping[str, str]) -> str:
    """The symbol, with the function itself in the place of a second name, for what is nested in it as well."""
    module, _, name = symbol.partition(":")
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        known = same.get(f"{module}:{'.'.join(parts[:end])}")
        if known is not None:
            return ".".join([known, *parts[end:]])
    return symbol


def _by_function(places: Iterable[Place], same: Mapping[str, str]) -> dict[tuple[str, str], list[list[Place]]]:
    """The places by rule and canonical symbol, those of each function that goes by it in a list of their own."""
    keyed: defaultdict[tuple[str, str], dict[str, list[Place]]] = defaultdict(dict)
    for place in places:
        keyed[place.found.rule, _canonical(place.symbol, same)].setdefault(place.symbol, []).append(place)
    return {key: list(functions.values()) for key, functions in keyed.items()}


def _most(functions: Iterable[Sequence[Place]]) -> int:
    # Two twins that become one function have no more faults than the worse of the two.
    return max(map(len, functions), default=0)


def _excess(here: Sequence[Place], before: Sequence[Sequence[Place]]) -> list[Place]:
    """What is more than upstream's function has, of coroutines in the wrong place and of all together."""
    known = {place.found.message for places in before for place in places}
    # Which of several is the new one cannot be told, but for upstream's very words.
    order = sorted(here, key=lambda place: (place.found.message in known, place.order))
    coroutines = [place for place in order if place.is_of_coroutine]
    allowed = _most([[place for place in places if place.is_of_coroutine] for places in before])
    found = coroutines[: max(len(coroutines) - allowed, 0)]
    rest = [place for place in order if place not in found]
    return found + rest[: max(len(rest) - _most(before), 0)]


_Functions = Mapping[tuple[str, str], Sequence[Sequence[Place]]]


def _gone(had: _Functions, has: _Functions) -> Counter[tuple[str, str, str]]:
    """What was said of functions that less is said of now, and how often: it may have moved with the code."""
    gone: Counter[tuple[str, str, str]] = Counter()
    for key, before in had.items():
        here = [place for places in has.get(key, ()) for place in places]
        room = _most(before) - len(here)
        if room > 0:
            still = Counter(_said(here))
            union: Counter[tuple[str, str, str]] = Counter()
            for places in before:
                union |= Counter(_said(places))
            gone.update({said: min(count, room) for said, count in (union - still).items()})
    return gone


def _said(places: Iterable[Place]) -> Iterator[tuple[str, str, str]]:
    for place in places:
        yield place.found.path, place.found.rule, place.found.message


def _is_coroutine_in_place(line: str) -> bool:
    """Whether a line of a message sets a coroutine against something that is no awaitable."""
    quoted = _QUOTED.findall(line)
    return any(map(_COROUTINE.search, quoted)) and not all(map(_AWAITABLE.search, _types(quoted)))


def _types(quoted: Iterable[str]) -> list[str]:
    """The quoted parts that are types, and not names of parameters, methods or classes the message is about."""
    return [each for each in quoted if not each.isidentifier() or each[:1].isupper() or each in _PLAIN]


_PLAIN = frozenset({"str", "int", "float", "bool", "bytes", "list", "dict", "tuple", "set", "object"})
