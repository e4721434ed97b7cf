"""The two names of an async method: `__call__` and `acall`, `forward` and `aforward`, `execute` and `aexecute`."""

from __future__ import annotations

import abc
import asyncio
import functools
import inspect
import sys
import threading
from collections.abc import Iterator
from types import FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from dspy.dsp.utils.settings import Settings
from dspy.utils.supplied import (
    always_takes_settings,
    is_coroutine_function,
    mark_coroutine_function,
    takes_settings_after_self,
)

Pair = tuple[str, str]

CALLED = (("__call__", "acall"), ("forward", "aforward"))
"""What the package calls by the first name, and a user may write under either."""
PAIRS = (*CALLED, ("execute", "aexecute"))
HANDED_SETTINGS = ("forward", "aforward")
"""What a subclass writes and the package calls, with settings first."""

_hooks: WeakKeyDictionary[type, tuple[Pair, ...]] = WeakKeyDictionary()
"""Further pairs of the package's own classes, such as an adapter's `_call_lm` and `_acall_lm`."""
_names: set[str] = {name for pair in PAIRS for name in pair}


class TwinNames:
    """Base of the classes whose methods go by two names.

    Both names are the same function. A subclass that defines one of them, whichever it is, gets the other, so that an
    override is seen however it is called. A subclass that defines both keeps both; where the first is a plain function
    and the second a coroutine function, a call with settings is one of the second, as the first cannot wait.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
            _learn_hooks(cls)
        for pair in (*CALLED, *_hooks_of(cls)):
            _prefer_the_coroutine(cls, pair)
        for name in HANDED_SETTINGS:
            _explain_missing_parameter(cls, name)
        for pair in _pairs_of(cls):
            _complete(cls, pair)


class TwinMeta(abc.ABCMeta):
    """Metaclass of such classes: what is set on a class later, by a test say, is seen under both names.

    Users mix abstract base classes in, whose metaclass this one has to be a kind of.
    """

    # An abstract base class asks each time who registered with it. Nobody registers with these, which are asked about
    # several times a call.
    __instancecheck__ = type.__instancecheck__
    __subclasscheck__ = type.__subclasscheck__

    def __setattr__(cls, name: str, value: Any) -> None:
        for each in names_together(cls, name):
            super().__setattr__(each, value)

    def __delattr__(cls, name: str) -> None:
        for each in names_together(cls, name):
            super().__delattr__(each)


_set = type.__setattr__
"""Sets the one name alone."""


def _learn_hooks(cls: type) -> None:
    """Note which methods of a class of the package are one function under two names."""
    first_names: dict[FunctionType, str] = {}
    hooks: list[Pair] = []
    for name, value in vars(cls).items():
        if not isinstance(value, FunctionType) or name.startswith("__"):
            continue
        pair = first_names.setdefault(value, name), name
        if pair[0] != name and pair not in PAIRS:
            hooks.append(pair)
    _hooks[cls] = tuple(hooks)
    _names.update(name for pair in hooks for name in pair)


def _hooks_of(cls: type) -> Iterator[Pair]:
    return (pair for owner in cls.__mro__ for pair in _hooks.get(owner, ()))


def _pairs_of(cls: type) -> Iterator[Pair]:
    yield from PAIRS
    yield from _hooks_of(cls)


def _nearest(cls: type, pair: Pair) -> tuple[type, list[str]] | None:
    """The nearest class that defines either name, be it this one or a mixin that knows nothing of the pair."""
    for owner in cls.__mro__:
        defined = [name for name in pair if name in vars(owner)]
        if defined:
            return owner, defined
    return None


def _complete(cls: type, pair: Pair) -> None:
    nearest = _nearest(cls, pair)
    if nearest is not None and len(nearest[1]) == 1:
        owner, (defined,) = nearest
        _set(cls, pair[1] if defined == pair[0] else pair[0], vars(owner)[defined])


def _prefer_the_coroutine(cls: type, pair: Pair) -> None:
    nearest = _nearest(cls, pair)
    if nearest is None or len(nearest[1]) == 1:
        return
    first, second = (vars(nearest[0])[name] for name in pair)
    if isinstance(first, FunctionType) and not is_coroutine_function(first) and is_coroutine_function(second):
        _set(cls, pair[1], second)
        _set(cls, pair[0], _either(cls, first, pair[1]))


def _either(owner: type, plain: FunctionType, name: str) -> FunctionType:
    """A method that is a class's coroutine method `name` where it is handed settings, and the plain one elsewhere.

    The coroutine method may well call the plain one, by the name that they now share. If that takes settings too, the
    two are told apart by who calls: the coroutine method itself, or a worker thread that it has started.
    """
    ambiguous = takes_settings_after_self(plain)

    @functools.wraps(vars(owner)[name])
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = vars(owner)[name]
        handed = isinstance(args[0] if args else kwargs.get("settings"), Settings)
        if not handed or (ambiguous and (sys._getframe(1).f_code is _code_of(chosen) or _in_a_worker())):
            return plain(self, *args, **kwargs)
        # What stands there meanwhile may be no function: a mock, which is not bound.
        return chosen.__get__(self)(*args, **kwargs) if hasattr(chosen, "__get__") else chosen(*args, **kwargs)

    method.__name__ = plain.__name__
    always_takes_settings(method, before=1)
    return mark_coroutine_function(method)  # type: ignore[return-value]


def _in_a_worker() -> bool:
    return asyncio._get_running_loop() is None and threading.current_thread() is not threading.main_thread()


def _code_of(fn: Any) -> Any:
    return getattr(inspect.unwrap(fn), "__code__", None)


def _explain_missing_parameter(cls: type, name: str) -> None:
    """Let a method that takes no settings, as in DSPy's sync API, say so where it is handed some."""
    fn = vars(cls).get(name)
    if not isinstance(fn, FunctionType) or takes_settings_after_self(fn) or fn.__code__.co_flags & inspect.CO_VARARGS:
        return

    @functools.wraps(fn)
    def method(*args: Any, **kwargs: Any) -> Any:
        try:
            return fn(*args, **kwargs)
        except TypeError as error:
            # Without a frame of the function it is the arguments that do not fit. Under another name they may.
            if error.__traceback__ is None or error.__traceback__.tb_next is not None:
                raise
            problem = str(error).rpartition("<locals>.")[2]
            raise TypeError(
                f"{problem}. The first argument is the settings of the call, and {name}() has no parameter for them: "
                f"write `async def {name}(self, settings, ...)`, await what it calls, and hand it the settings. "
                "`dspy-async migrate` rewrites whole programs that way."
            ) from None

    _set(cls, name, mark_coroutine_function(method) if inspect.iscoroutinefunction(fn) else method)


def names_together(cls: type, name: str) -> tuple[str, ...]:
    """The names that are set or deleted with one, on a class that is there already.

    Args:
        cls: A class below `TwinNames`.
        name: Any name of an attribute.

    Returns:
        Both names of a pair where they stand for the same function, or neither is defined. Else the name alone.
    """
    if name not in _names:
        return (name,)
    other = next((pair[1 - pair.index(name)] for pair in _pairs_of(cls) if name in pair), None)
    return (name, other) if other is not None and _are_one(cls, name, other) else (name,)


def _are_one(cls: type, name: str, other: str) -> bool:
    found = _found(cls, name), _found(cls, other)
    if found[0] is found[1]:
        return True
    # Of the two of a base, one of which calls the other, neither is to be passed by below it.
    return name not in vars(cls) and any(getattr(one, "__wrapped__", cls) in found for one in found)


def _found(cls: type, name: str) -> Any:
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)
