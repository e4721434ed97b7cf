"""The two names of an async method: `__call__` and `acall`, `forward` and `aforward`, `execute` and `aexecute`."""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import Any

from dspy.utils.supplied import mark_coroutine_function, takes_settings_after_self

PAIRS = (("__call__", "acall"), ("forward", "aforward"), ("execute", "aexecute"))
HANDED_SETTINGS = ("forward", "aforward")
"""What a subclass writes and the package calls, with settings first."""


class TwinNames:
    """Base of the classes whose methods go by two names.

    Both names are the same function. A subclass that defines one of them, whichever it is, gets the other, so that an
    override is seen however it is called. A subclass that defines both keeps both.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in HANDED_SETTINGS:
            _explain_missing_parameter(cls, name)
        for pair in PAIRS:
            _complete(cls, pair)


def _complete(cls: type, pair: tuple[str, str]) -> None:
    # The nearest class that defines either name decides, be it this one or a mixin that knows nothing of the pair.
    for owner in cls.__mro__:
        defined = [name for name in pair if name in vars(owner)]
        if defined:
            break
    else:
        return
    if len(defined) == 1:
        other = pair[1] if defined[0] == pair[0] else pair[0]
        setattr(cls, other, vars(owner)[defined[0]])


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

    setattr(cls, name, mark_coroutine_function(method) if inspect.iscoroutinefunction(fn) else method)


def names_together(cls: type, name: str) -> tuple[str, ...]:
    """The names that are set or deleted with one, on a class that is there already.

    Args:
        cls: A class below `TwinNames`.
        name: Any name of an attribute.

    Returns:
        Both names of a pair where they stand for the same function, or neither is defined. Else the name alone.
    """
    other = _OTHER.get(name)
    return (name, other) if other is not None and _found(cls, name) is _found(cls, other) else (name,)


_OTHER = {**dict(PAIRS), **{second: first for first, second in PAIRS}}


def _found(cls: type, name: str) -> Any:
    return next((vars(owner)[name] for owner in cls.__mro__ if name in vars(owner)), None)
