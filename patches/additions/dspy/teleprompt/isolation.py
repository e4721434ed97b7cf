"""What tasks that compile with one optimizer keep apart from each other."""

from __future__ import annotations

import contextlib
import copy
import random
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from types import MethodType
from typing import Any, TypeVar

from dspy.primitives.module import Module

T = TypeVar("T")

_UNDER_WAY: dict[int, dict[object, dict[str, Any]]] = {}
"""The compiles that work on an object, by its identity, each with the attributes that the object had before."""

_ORIGINALS: dict[int, Any] = {}
"""The optimizer behind each copy that a compile works on, by the copy's identity, for as long as that lasts."""

_OURS: ContextVar[frozenset[object]] = ContextVar("compiles_around", default=frozenset())
"""The compiles that this one is a part of, in this task or in one that started it."""

# Threads with event loops of their own may share an optimizer. A class may compile in its `__copy__`.
_lock = threading.RLock()


def original_of(optimizer: Any) -> Any:
    """The optimizer that a user has in hands, where a compile works on a copy of it; else the object itself."""
    return _ORIGINALS.get(id(optimizer), optimizer)


@contextlib.contextmanager
def for_one_compile(optimizer: T) -> Iterator[T]:
    """What one compile works on: the optimizer itself, unless another compile is at work on it.

    One that begins meanwhile, in another task or thread, gets a copy of the optimizer as it was before the other one
    began, random generators included (also those of modules that the optimizer has), so that it does what it would do
    alone. Everything else, as models, metrics and programs, is shared, and what refers to the optimizer itself still
    does. What it sets stays on the copy, which ends with it. What a compile starts of its own optimizer is a part of
    it, and works on the same object.

    Args:
        optimizer: Any object with attributes.
    """
    this = object()
    own = _begin(this, optimizer)
    ours = _OURS.set(_OURS.get() | {this})
    try:
        yield own
    finally:
        _end(this, own)
        _OURS.reset(ours)


def _begin(this: object, optimizer: T) -> T:
    with _lock:
        others = [before for other, before in _UNDER_WAY.get(id(optimizer), {}).items() if other not in _OURS.get()]
        own = _copy_with(optimizer, others[0]) if others else optimizer
        if own is not optimizer:
            _ORIGINALS[id(own)] = original_of(optimizer)
        _UNDER_WAY.setdefault(id(own), {})[this] = _with_own_generators(vars(own))
        return own


def _end(this: object, own: Any) -> None:
    with _lock:
        under_way = _UNDER_WAY[id(own)]
        del under_way[this]
        if not under_way:
            del _UNDER_WAY[id(own)]
            _ORIGINALS.pop(id(own), None)


def _copy_with(optimizer: T, attributes: dict[str, Any]) -> T:
    """A copy that has these attributes and no others, whatever the class leaves out of its copies or adds to them."""
    twin = copy.copy(optimizer)
    own = {name: _rebound(value, optimizer, twin) for name, value in _with_own_generators(attributes).items()}
    vars(twin).clear()
    vars(twin).update(own)
    return twin


def _with_own_generators(attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes, with copies of what is drawn from: random generators, and modules that have some."""
    return {name: _drawn_from_alone(value) for name, value in attributes.items()}


def _drawn_from_alone(value: Any) -> Any:
    if _is_generator(value):
        return copy.copy(value)
    if not isinstance(value, Module) or not any(map(_is_generator, vars(value).values())):
        return value
    twin = copy.copy(value)
    vars(twin).update(vars(value))
    vars(twin).update({name: copy.copy(each) for name, each in vars(value).items() if _is_generator(each)})
    return twin


def _is_generator(value: Any) -> bool:
    # That of the system has no state, and cannot be copied.
    return isinstance(value, random.Random) and not isinstance(value, random.SystemRandom)


def _rebound(value: Any, old: Any, new: Any) -> Any:
    """A method of one object as the same method of another; anything else as it is."""
    if isinstance(value, MethodType) and value.__self__ is old:
        return MethodType(value.__func__, new)
    return value
