from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from dspy.dsp.utils.settings import Settings
from dspy.utils.callback import ACTIVE_CALL_ID, _get_on_end_handler, _get_on_start_handler, logger
from dspy.utils.supplied import (
    always_takes_settings,
    behind_check,
    ready,
    settings_keyword,
    split_settings,
    takes_settings_after_self,
    without_settings,
)


# --- patch ---
def with_callbacks(fn):
    """Decorator that tells the callbacks of a call when it starts and when it ends.

    The decorated method is a coroutine function that takes settings first. `fn` may be either or neither: an adapter's
    `format` may well be a plain method that takes no settings. The callbacks are those of the settings, then those of
    the instance; each is awaited in its turn, and an error in one of them is logged and goes no further.
    """
    passes_settings = takes_settings_after_self(fn)

    @functools.wraps(fn)
    async def wrapper(instance, *args, **kwargs):
        settings, args, kwargs = split_settings(f"{type(instance).__qualname__}.{fn.__name__}", args, kwargs)
        forwarded = (settings, *args) if passes_settings else args
        callbacks = settings.get("callbacks", []) + getattr(instance, "callbacks", [])
        if not callbacks:
            return await ready(fn(instance, *forwarded, **kwargs))

        call_id = uuid.uuid4().hex
        inputs = _inputs_of_call(fn, instance, args, kwargs)
        for callback in callbacks:
            try:
                handler = _get_on_start_handler(callback, instance, fn)
                await ready(handler(call_id=call_id, instance=instance, inputs=inputs, **_handed(handler, settings)))
            except Exception as e:
                logger.warning(f"Error when calling callback {callback}: {e}")

        # The handlers of this call see its parent's ID, what the call does sees its own.
        parent_call_id = _make_active(call_id)

        results = None
        exception = None
        try:
            results = await ready(fn(instance, *forwarded, **kwargs))
            return results
        except BaseException as e:
            exception = e
            raise
        finally:
            _make_active(parent_call_id)
            for callback in callbacks:
                try:
                    handler = _get_on_end_handler(callback, instance, fn)
                    outcome = {"outputs": results, "exception": exception}
                    await ready(handler(call_id=call_id, **_handed(handler, settings), **outcome))
                except Exception as e:
                    logger.warning(
                        f"Error when applying callback {callback}'s end handler on function {fn.__name__}: {e}."
                    )

    always_takes_settings(wrapper, before=1)
    return wrapper


def _make_active(call_id):
    """Make a call, by its ID or None, the active one; gives back which was before.

    A wrapper is pickled with the names it uses, and a context variable cannot be: a function is told by its name.
    """
    before = ACTIVE_CALL_ID.get()
    ACTIVE_CALL_ID.set(call_id)
    return before


_call_shapes: WeakKeyDictionary[Callable, Callable] = WeakKeyDictionary()


def _inputs_of_call(fn: Callable, instance: Any, args: tuple, kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call by parameter, defaults filled in, without the instance and the settings."""
    shape = _call_shapes.get(fn)
    if shape is None:
        shape = _call_shapes[fn] = _without_settings(fn)
    inputs = inspect.getcallargs(shape, instance, *args, **kwargs)
    if "self" in inputs:
        inputs.pop("self")
    elif "instance" in inputs:
        inputs.pop("instance")
    return inputs


def _without_settings(fn: Callable) -> Callable:
    """A function with the signature of `fn`, except for settings, for `inspect.getcallargs` to look at."""

    def shape():
        pass

    shape.__name__ = fn.__name__
    signature = without_settings(inspect.signature(behind_check(fn), follow_wrapped=False), fn, before=1)
    shape.__signature__ = signature  # type: ignore[attr-defined]
    return shape


def _handed(handler: Callable, settings: Settings) -> dict[str, Any]:
    keyword = settings_keyword(handler)
    return {keyword: settings} if keyword else {}
