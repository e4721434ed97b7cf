"""What tasks that compile with one optimizer, or trace one program, keep apart from each other."""

from __future__ import annotations

import contextlib
import copy
import random
from collections.abc import Iterator
from types import MethodType
from typing import Any, TypeVar

from dspy.primitives.module import Module

T = TypeVar("T")


def shallow_copy(value: T) -> T:
    """An object with the same attributes, all of them: also those that a class leaves out of its copies."""
    twin = copy.copy(value)
    vars(twin).update(vars(value))
    return twin


_ORIGINALS: dict[int, Any] = {}
"""The optimizer behind each copy that a compile works on, by the copy's identity, for as long as that lasts."""


def original_of(optimizer: Any) -> Any:
    """The optimizer that a user has in hands, where a compile works on a copy of it; else the object itself."""
    return _ORIGINALS.get(id(optimizer), optimizer)


@contextlib.contextmanager
def for_one_compile(optimizer: T) -> Iterator[T]:
    """A copy of an optimizer for one compile to work on, so that the object itself may serve several tasks at once.

    What the compile leaves behind is found on the optimizer at the end, however that comes, as if it had been there
    all along. Where several compiles leave the same attribute, the one that ends last has its way. Random generators
    are copied as well, also those of modules that the optimizer has: a compile draws what it would draw alone.
    Everything else, as models, metrics and programs, is shared.

    Args:
        optimizer: Any object with attributes.
    """
    own = shallow_copy(optimizer)
    _ORIGINALS[id(own)] = original_of(optimizer)
    generators = _take_generators(own)
    for name, value in vars(own).items():
        vars(own)[name] = _rebound(value, optimizer, own)
        if isinstance(value, Module) and any(map(_is_generator, vars(value).values())):
            vars(own)[name] = shallow_copy(value)
            generators += _take_generators(vars(own)[name])
    began = dict(vars(own))
    try:
        yield own
    finally:
        del _ORIGINALS[id(own)]
        for theirs, ours in generators:
            theirs.setstate(ours.getstate())
        for name in began.keys() - vars(own).keys():
            vars(optimizer).pop(name, None)
        for name, value in vars(own).items():
            if name not in began or value is not began[name]:
                vars(optimizer)[name] = _rebound(value, own, optimizer)


def _is_generator(value: Any) -> bool:
    # That of the system has no state, and cannot be copied.
    return isinstance(value, random.Random) and not isinstance(value, random.SystemRandom)


def _take_generators(owner: Any) -> list[tuple[random.Random, random.Random]]:
    """Exchange the random generators of an object for copies; gives pairs of what was there and its copy."""
    pairs = [(name, value, copy.copy(value)) for name, value in vars(owner).items() if _is_generator(value)]
    vars(owner).update({name: ours for name, _, ours in pairs})
    return [(theirs, ours) for _, theirs, ours in pairs]


def _rebound(value: Any, old: Any, new: Any) -> Any:
    """A method of one object as the same method of another; anything else as it is."""
    if isinstance(value, MethodType) and value.__self__ is old:
        return MethodType(value.__func__, new)
    return value
