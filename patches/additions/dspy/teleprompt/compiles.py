"""What every optimizer's `compile` does around its own work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from dspy.teleprompt.isolation import for_one_compile
from dspy.utils.supplied import always_takes_settings, ready, split_settings, takes_settings_after_self


def compiles_undisturbed(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A `compile` that others of the same optimizer do not disturb: while one is at work, the next gets a copy.

    What it calls of itself while it is on its way, such as the `compile` that it overrides, works on the same object.
    An optimizer of a user's may still compile in a plain method.
    """
    passes_settings = takes_settings_after_self(fn)

    @functools.wraps(fn)
    async def wrapper(instance: Any, *args: Any, **kwargs: Any) -> Any:
        settings, args, kwargs = split_settings(f"{type(instance).__qualname__}.{fn.__name__}", args, kwargs)
        handed = (settings, *args) if passes_settings else args
        with for_one_compile(instance) as own:
            return await ready(fn(own, *handed, **kwargs))

    always_takes_settings(wrapper, before=1)
    return wrapper
