"""What every optimizer's `compile` does around its own work."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from dspy.teleprompt.isolation import for_one_compile, original_of
from dspy.utils.supplied import always_takes_settings, ready, split_settings, takes_settings_after_self


def compiles_on_a_copy(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A `compile` that works on a copy of its optimizer, so that one optimizer may serve several tasks at once.

    What it calls of itself while it is on its way, such as the `compile` that it overrides, works on the same copy.
    An optimizer of a user's may still compile in a plain method.
    """
    passes_settings = takes_settings_after_self(fn)

    @functools.wraps(fn)
    async def wrapper(instance: Any, *args: Any, **kwargs: Any) -> Any:
        settings, args, kwargs = split_settings(f"{type(instance).__qualname__}.{fn.__name__}", args, kwargs)
        handed = (settings, *args) if passes_settings else args
        if original_of(instance) is not instance:
            return await ready(fn(instance, *handed, **kwargs))
        with for_one_compile(instance) as own:
            return await ready(fn(own, *handed, **kwargs))

    always_takes_settings(wrapper, before=1)
    return wrapper
