from __future__ import annotations

import copy
from functools import wraps
from typing import Any

from dspy.clients.cache import _off_loop
from dspy.dsp.utils.settings import Settings
from dspy.utils.pacing import pace
from dspy.utils.supplied import is_coroutine_function

cache_arg_name: str | None = None
ignored_args_for_cache_key: list[str] = []
enable_memory_cache = True


# --- patch ---
def decorator(fn):
    def request_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """What is asked, by the name of the function: what the key is made of."""
        # Settings say who asks, not what is asked.
        kwargs = {name: arg for name, arg in kwargs.items() if not isinstance(arg, Settings)}
        # A copy, since a request may be changed on its way to the provider.
        request = copy.deepcopy(kwargs[cache_arg_name] if cache_arg_name else kwargs)
        if not cache_arg_name:
            positional = [arg for arg in args if not isinstance(arg, Settings)]
            request |= {f"positional_arg_{i}": arg for i, arg in enumerate(positional)}
        request["_fn_identifier"] = f"{fn.__module__}.{fn.__qualname__}"
        return request

    @wraps(fn)
    def sync_wrapper(*args, **kwargs):
        import dspy

        cache = dspy.cache
        request = request_of(args, kwargs)
        cached_result = cache.get(request, ignored_args_for_cache_key)
        if cached_result is not None:
            return cached_result
        original_request = copy.deepcopy(request)
        result = fn(*args, **kwargs)
        cache.put(original_request, result, ignored_args_for_cache_key, enable_memory_cache)
        return result

    @wraps(fn)
    async def async_wrapper(*args, **kwargs):
        import dspy

        cache = dspy.cache
        request = request_of(args, kwargs)
        cached_result = await _off_loop(cache, cache.get, request, ignored_args_for_cache_key)
        await pace(always=True)
        if cached_result is not None:
            return cached_result
        original_request = copy.deepcopy(request)
        result = await fn(*args, **kwargs)
        await _off_loop(cache, cache.put, original_request, result, ignored_args_for_cache_key, enable_memory_cache)
        return result

    return async_wrapper if is_coroutine_function(fn) else sync_wrapper
