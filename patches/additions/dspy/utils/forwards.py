"""A `forward` that some of a module's callers get in place of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar, Token
from types import MappingProxyType
from typing import Any

_Forwards = Mapping[int, Callable[..., Any]]

_FORWARDS: ContextVar[_Forwards] = ContextVar("forwards", default=MappingProxyType({}))


def exchange_forward(module: Any, forward: Callable[..., Any]) -> Token[_Forwards]:
    """Let what this task calls from here on, and the tasks it starts, get another `forward` of a module.

    The module itself does not change: other tasks, and copies that are made of it, go on with its own.

    Args:
        module: The module.
        forward: What its `forward` is from here on. It must hold the module, so that this is no other's identity.

    Returns:
        What `restore_forward` takes.
    """
    return _FORWARDS.set({**_FORWARDS.get(), id(module): forward})


def restore_forward(token: Token[_Forwards]) -> None:
    """End what `exchange_forward` began, in the same task."""
    _FORWARDS.reset(token)


def forward_of(module: Any, own: Callable[..., Any]) -> Callable[..., Any]:
    """The `forward` of a module for who asks: what it was exchanged for, else `own`."""
    return _FORWARDS.get().get(id(module), own)
