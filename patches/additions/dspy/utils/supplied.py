"""How the package calls functions that users supply, and how it is handed its settings.

A tool, metric, reward function, retriever, embedding function or callback handler may be a coroutine function or
not, and may take `settings` first or not. `bind` and `ready` make the four look the same:

    score = await ready(bind(metric, settings)(example, prediction))

The call itself stands where it is written, so no frame of this module shows in the traceback of a user's function,
unless it takes its settings by keyword alone.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import functools
import inspect
import logging
import sys
import time
from collections.abc import Awaitable, Callable, Generator
from types import BuiltinFunctionType, FunctionType, MethodType, UnionType
from typing import Annotated, Any, ForwardRef, TypeVar, Union, cast, get_args, get_origin
from weakref import WeakKeyDictionary, WeakSet

from dspy.dsp.utils.settings import Settings

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

_ALWAYS = "_dspy_settings_after"
"""Attribute of a wrapper that takes settings whatever the function behind it takes: how many arguments come before."""

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

_BLOCKING_SECONDS = 0.1
"""What asyncio's debug mode calls slow."""

_reported: WeakSet[Any] = WeakSet()
_known: WeakKeyDictionary[Any, str | None] = WeakKeyDictionary()
_signatures: WeakKeyDictionary[Any, dict[int, tuple[str, bool] | None]] = WeakKeyDictionary()


def bind(fn: Callable[..., Any] | None, settings: Settings) -> Callable[..., Any]:
    """Give a function its settings, if it takes them.

    Args:
        fn: Any callable. It takes settings if its first parameter, `self` aside, is called `settings` or is annotated
            `Settings`, or if it has a keyword-only one of that kind. `Settings | None`, `Optional[Settings]` and
            `Annotated[Settings, ...]` say the same. A keyword-only `settings` that is annotated as anything else is
            an argument like any other. None comes back, and the call of it fails where it is written.
        settings: The settings of the call at hand.

    Returns:
        The function with its argument filled in, or the function itself.
    """
    found = _parameter_of(fn, 0)
    if found is None:
        # None is handed back as what it should have been, so that Python complains of the call, and not of this one.
        return fn  # type: ignore[return-value]
    return _with_keyword(fn, found[0], settings) if found[1] else functools.partial(fn, settings)  # type: ignore[arg-type]


def _with_keyword(fn: Any, name: str, settings: Settings) -> Callable[..., Any]:
    # A partial would let another keyword of the name take their place, and a model fills in the keywords of tools.
    @functools.wraps(fn)
    def bound(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **{name: settings}, **kwargs)

    return bound


def ready(value: Any) -> Awaitable[Any]:
    """Make what a function returned awaitable: a coroutine or future is, anything else is ready as it is."""
    return value if inspect.isawaitable(value) else _Ready(value)


class _Ready:
    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value
        yield


def report_blocking(fn: Callable[..., Any], started: float, result: Any) -> Any:
    """Log that a plain function held up the event loop, once for each function.

    Nothing else would say so: it works, and everything else waits.

    Args:
        fn: What was called.
        started: When, in seconds of `time.perf_counter`.
        result: What came back. If it can be awaited, the time until now was not spent on the work.

    Returns:
        The result.
    """
    seconds = time.perf_counter() - started
    if seconds < _BLOCKING_SECONDS or inspect.isawaitable(result) or not _on_the_loop():
        return result
    with contextlib.suppress(TypeError):  # neither hashable nor weakly referable: said each time
        # A bound method is made anew at each access.
        known = getattr(fn, "__func__", fn)
        if known in _reported:
            return result
        _reported.add(known)
    name = getattr(fn, "__qualname__", repr(fn)).rpartition("<locals>.")[2]
    logger.warning(
        f"The plain function {name} held up the event loop for {seconds:.1f} seconds, and all that runs on it. Write "
        f"it as `async def`, or hand over `dspy.asyncify({name})`, which runs it in a worker thread."
    )
    return result


def _on_the_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def wants_settings(fn: Callable[..., Any] | None) -> bool:
    """Whether a callable takes settings: see `bind`."""
    return _parameter_of(fn, 0) is not None


def settings_parameter(fn: Callable[..., Any]) -> str | None:
    """The name of the parameter under which a callable takes settings, if it does: see `bind`."""
    found = _parameter_of(fn, 0)
    return found[0] if found is not None else None


def takes_settings_after_self(fn: Callable[..., Any]) -> bool:
    """Whether the second parameter of a method, as it stands in its class, is for settings."""
    found = _parameter_of(fn, 1)
    return found is not None and not found[1]


def settings_keyword(fn: Callable[..., Any]) -> str | None:
    """The name under which a callable takes settings as a keyword argument, anywhere among its parameters.

    Callback handlers are called with keywords only. A handler that has no such parameter is called without, even if
    it takes `**kwargs`: what it does with them may not stand another name.
    """
    key = getattr(fn, "__func__", fn)
    try:
        return _known[key]
    except (KeyError, TypeError):
        pass
    try:
        parameters = inspect.signature(fn).parameters.values()
    except (TypeError, ValueError):
        return None
    by_keyword = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = [
        parameter.name
        for parameter in parameters
        if parameter.kind in by_keyword and _is_settings(parameter.name, parameter.annotation, inspect.unwrap(fn))
    ]
    name = names[0] if names else None
    with contextlib.suppress(TypeError):  # neither hashable nor weakly referable: found out again at the next call
        _known[key] = name
    return name


def visible_signature(fn: Callable[..., Any]) -> inspect.Signature:
    """A callable's signature without the settings it is handed: what a language model may fill in.

    Raises:
        TypeError: `fn` is not callable.
        ValueError: `fn` has no signature.
    """
    return without_settings(inspect.signature(fn), fn)


def without_settings(signature: inspect.Signature, fn: Callable[..., Any], before: int = 0) -> inspect.Signature:
    """A signature less its parameter for settings, if it has one.

    Args:
        signature: Any.
        fn: Whose it is: an annotation that is text means what its module means by it.
        before: How many parameters come before settings: one for a method as it stands in its class.
    """
    found = _in_signature(signature, fn, before)
    if found is None:
        return signature
    return signature.replace(parameters=[each for each in signature.parameters.values() if each.name != found[0]])


def always_takes_settings(fn: Callable[..., Any], before: int = 0) -> None:
    """Mark a wrapper that takes settings whatever the function behind it takes.

    Args:
        fn: The wrapper.
        before: How many positional arguments come before settings: one for a method as it stands in its class.
    """
    # It gives nothing back: to who reads the code, what comes back would be any of the functions that are marked.
    setattr(fn, _ALWAYS, before)


def is_coroutine_function(fn: Any) -> bool:
    """Whether calling a function gives a coroutine, functions marked by `takes_settings` included."""
    if inspect.iscoroutinefunction(fn):
        return True
    return sys.version_info < (3, 12) and asyncio.iscoroutinefunction(fn)


def _is_settings(name: str, annotation: Any, fn: Any) -> bool:
    return name == "settings" or _means_settings(annotation, fn)


def _is_settings_by_keyword(name: str, annotation: Any, fn: Any) -> bool:
    # Any keyword-only parameter may be the function's own: one of that name is, if it is of another type.
    unsaid = annotation is None or annotation is inspect.Parameter.empty
    return name == "settings" if unsaid else _means_settings(annotation, fn)


def _means_settings(annotation: Any, fn: Any) -> bool:
    """Whether an annotation is `Settings`, perhaps with None or with something that is said of it."""
    if annotation is None or isinstance(annotation, type):
        return annotation is Settings
    if isinstance(annotation, str):
        meant = [_meant_by(name, fn) for name in _classes_in(annotation)]
        return bool(meant) and all(meant)
    if isinstance(annotation, ForwardRef):
        return _means_settings(annotation.__forward_arg__, fn)
    origin = get_origin(annotation)
    if origin is Annotated:
        return _means_settings(get_args(annotation)[0], fn)
    if origin not in (Union, UnionType):
        return False
    return all(_means_settings(each, fn) for each in get_args(annotation) if each is not type(None))


@functools.lru_cache(maxsize=1024)
def _classes_in(annotation: str) -> tuple[str, ...]:
    """The names in an annotation that is text, without None and what `Annotated` adds; none if it says more."""
    try:
        return tuple(_names_in(ast.parse(annotation.strip(), mode="eval").body))
    except (SyntaxError, ValueError):
        return ()


def _names_in(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Name | ast.Attribute):
        return [ast.unparse(node)]
    if isinstance(node, ast.Constant):
        return list(_classes_in(node.value)) if isinstance(node.value, str) else _nothing_but(node.value is None)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return _names_in(node.left) + _names_in(node.right)
    if isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        form = ast.unparse(node.value).rpartition(".")[2]
        if form in ("Optional", "Union"):
            return [name for part in parts for name in _names_in(part)]
        if form == "Annotated":
            return _names_in(parts[0])
    raise ValueError("neither a class nor a union of some")


def _nothing_but(allowed: bool) -> list[str]:
    if not allowed:
        raise ValueError("neither a class nor None")
    return []


def _meant_by(name: str, fn: Any) -> bool:
    """Whether a name in an annotation that is text stands for `Settings` where the function is written."""
    first, *rest = name.split(".")
    meant = getattr(fn, "__globals__", {}).get(first)
    for part in rest:
        meant = getattr(meant, part, None)
    # What only a type checker imports can be told by its name alone.
    return meant is Settings if meant is not None else [first, *rest][-1] == "Settings"


_Found = tuple[str, bool]
"""The name of a parameter for settings, and whether it takes them by keyword alone."""


def _parameter_of(fn: Any, skip: int) -> _Found | None:
    """The parameter for settings that is next in turn after `skip` positional arguments, or keyword-only."""
    kind = type(fn)
    if kind is FunctionType:
        return _of_function(fn, skip)
    if kind is MethodType:
        return _parameter_of(fn.__func__, skip + 1)
    if isinstance(fn, functools.partial):
        found = _parameter_of(fn.func, skip + len(fn.args))
        return found if found is not None and found[0] not in fn.keywords else None
    if getattr(fn, _ALWAYS, None) == skip:
        return "settings", False
    if not isinstance(fn, type) and "__signature__" not in getattr(fn, "__dict__", ()):
        wrapped = getattr(fn, "__wrapped__", None)
        if wrapped is not None:
            return _parameter_of(wrapped, skip)
        call = getattr(kind, "__call__", None)  # noqa: B004
        if type(call) is FunctionType and not hasattr(kind, "__signature__"):
            return _of_function(call, skip + 1)
    return _of_signature(fn, skip)


def _of_function(fn: FunctionType, skip: int) -> _Found | None:
    if fn.__dict__:
        if fn.__dict__.get(_ALWAYS) == skip:
            return "settings", False
        if "__signature__" in fn.__dict__:
            return _of_signature(fn, skip)
    code = fn.__code__
    positional = code.co_argcount
    if positional > skip:
        name = code.co_varnames[skip]
        # By name first: it is asked at every call.
        if name == "settings" or _means_settings(_annotation(fn, name), fn):
            return name, False
    for name in code.co_varnames[positional : positional + code.co_kwonlyargcount]:
        if _is_settings_by_keyword(name, _annotation(fn, name), fn):
            return name, True
    wrapped = fn.__dict__.get("__wrapped__")
    # A wrapper that takes anything says nothing itself: the function it hands its arguments to does.
    if wrapped is not None and positional <= skip and code.co_flags & inspect.CO_VARARGS:
        return _parameter_of(wrapped, skip)
    return None


def _annotation(fn: FunctionType, name: str) -> Any:
    try:
        return fn.__annotations__.get(name)
    except NameError:
        return None  # an annotation that cannot be evaluated is no `Settings`


def _of_signature(fn: Any, skip: int) -> _Found | None:
    # Slow, and the same at every call for what is written in C and for classes.
    if not isinstance(fn, (BuiltinFunctionType, type)):
        return _look_up_signature(fn, skip)
    known = _signatures.setdefault(fn, {})
    if skip not in known:
        known[skip] = _look_up_signature(fn, skip)
    return known[skip]


def _look_up_signature(fn: Any, skip: int) -> _Found | None:
    try:
        signature = inspect.signature(fn)
    except (TypeError, ValueError):
        return None
    return _in_signature(signature, fn, skip)


def _in_signature(signature: inspect.Signature, fn: Any, skip: int) -> _Found | None:
    written = inspect.unwrap(fn)
    parameters = list(signature.parameters.values())
    for each in parameters[skip : skip + 1]:
        if each.kind in _POSITIONAL and _is_settings(each.name, each.annotation, written):
            return each.name, False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and _is_settings_by_keyword(each.name, each.annotation, written):
            return each.name, True
    return None


def missing_settings(name: str, got: tuple[Any, ...], *, waits: bool = True) -> TypeError:
    """The error for a call that does not say which settings it is for.

    Args:
        name: The function as its caller knows it.
        got: The positional arguments it came with.
        waits: Whether the function is a coroutine function.
    """
    name = name.rpartition("<locals>.")[2]
    instead = f", got {type(got[0]).__name__!r} in its place" if got else ""
    if got and inspect.iscoroutine(got[0]):
        instead += f" (was the `await` of {got[0].__qualname__}() forgotten?)"
    spoken = _spoken(name)
    call = f"await {spoken}(settings, ...)" if waits else f"{spoken}(settings, ...)"
    return TypeError(
        f"{name}() needs a dspy.Settings as its first argument{instead}. Hand on the settings that your function was "
        f"given, as in `{call}`, or the child in `with settings.context(...) as child`, or make some with "
        "`dspy.Settings(lm=...)`; `dspy.settings` holds what `dspy.configure` set."
    )


def _spoken(name: str) -> str:
    owner, dot, method = name.rpartition(".")
    if not dot:
        return method
    variable = owner.rpartition(".")[2].lower()
    return variable if method == "__call__" else f"{variable}.{method}"


def split_settings(
    name: str, args: tuple[Any, ...], kwargs: dict[str, Any], *, waits: bool = True
) -> tuple[Settings, tuple[Any, ...], dict[str, Any]]:
    """Tell settings from a call's other arguments.

    They are the first positional argument, or, if that is something else, the keyword `settings`. A keyword
    `settings` that holds anything but a `Settings` is an argument like any other.

    Raises:
        TypeError: The call has none.
    """
    if args and isinstance(args[0], Settings):
        return args[0], args[1:], kwargs
    if isinstance(kwargs.get("settings"), Settings):
        rest = dict(kwargs)
        return rest.pop("settings"), args, rest
    raise missing_settings(name, args, waits=waits)


def takes_settings(fn: F, *, name: str = "") -> F:
    """Decorator for functions that take settings first: a call without them says so clearly.

    The wrapper only checks its arguments and returns the function's coroutine, so it adds no frame to a traceback.

    Args:
        fn: The function.
        name: What its caller calls, if that is not the name it was defined under.
    """
    before = list(inspect.signature(fn).parameters).index("settings")
    waits = inspect.iscoroutinefunction(fn)

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if len(args) > before and isinstance(args[before], Settings):
            return fn(*args, **kwargs)
        own = f"{type(args[0]).__qualname__}.{fn.__name__}" if before and args else fn.__qualname__
        settings, rest, kwargs = split_settings(name or own, args[before:], kwargs, waits=waits)
        return fn(*args[:before], settings, *rest, **kwargs)

    return mark_coroutine_function(wrapper) if waits else wrapper  # type: ignore[return-value]


def behind_check(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that `takes_settings` decorated, or `fn` itself."""
    while getattr(fn, "__code__", None) is _CHECK:
        fn = fn.__wrapped__  # type: ignore[attr-defined]
    return fn


def mark_coroutine_function(fn: F) -> F:
    """Make a plain function that returns a coroutine look like a coroutine function to `asyncio` and `inspect`."""
    if sys.version_info >= (3, 12):
        return inspect.markcoroutinefunction(fn)
    fn._is_coroutine = asyncio.coroutines._is_coroutine  # type: ignore[attr-defined]
    return fn


@takes_settings
def _checked(settings: Settings) -> None:
    """Any decorated function will do: all their wrappers run the same code."""


_CHECK = _checked.__code__


def hands_caller_frame(fn: F) -> F:
    """Decorator for a coroutine method that looks at the code that called it.

    A coroutine runs when it is awaited, perhaps in a task of its own, where its caller is no longer to be seen. The
    frame is taken at the call and handed over as `_caller`.
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        frame = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename == __file__:
            frame = frame.f_back
        return fn(*args, _caller=frame, **kwargs)

    return cast("F", mark_coroutine_function(wrapper))
