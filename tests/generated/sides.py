"""One face for two packages: upstream's sync DSPy and the generated async one, so that a program is written once.

A program is `async def program(side)`. On upstream's side nothing in it ever suspends: `drive` runs it without an
event loop. What it gets from the package that differs between the two it gets through `side`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pydantic

Answers = Sequence[Any] | Callable[[str, int], Any]


def drive(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a program suspended on upstream's side")


def fields(**values: Any) -> str:
    """An answer in the chat adapter's format."""
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()) + "\n\n[[ ## completed ## ]]"


class Side:
    """What a program may use. `log` has every request to a scripted LM, in order."""

    is_async = False

    def __init__(self, dspy: Any) -> None:
        self.dspy = dspy
        self.log: list[dict[str, Any]] = []
        self.Module = self._module_class()
        self.trace: list[Any] = []

    async def call(self, thing: Any, *args: Any, using: Mapping[str, Any], **kwargs: Any) -> Any:
        """Calls a module, optimizer, LM or adapter with these settings."""
        raise NotImplementedError

    def _module_class(self) -> type[Any]:
        raise NotImplementedError

    def _lm_class(self, respond: Callable[..., Any]) -> type[Any]:
        raise NotImplementedError

    def lm(
        self,
        answers: Answers,
        *,
        name: str = "main",
        native_tools: bool = False,
        structured: bool = False,
        **kwargs: Any,
    ) -> Any:
        """A language model that records what it is asked and says what it is told.

        Answers are texts, lists of texts (choices), response messages or exceptions; or a function of the last
        message's text and the number of the request that gives one.
        """
        count = iter(range(10_000))

        def respond(lm: Any, prompt: str | None, messages: Any, given: Mapping[str, Any]) -> Any:
            number = next(count)
            messages = messages or [{"role": "user", "content": prompt}]
            request = {"model": lm.model, "messages": plain(messages), **lm.kwargs, **given}
            self.log.append(
                {
                    "lm": name,
                    "messages": plain(messages),
                    "kwargs": plain({**lm.kwargs, **given}),
                    "cache key": self._cache_key(request),
                }
            )
            last = messages[-1]["content"]
            answer = answers(str(last), number) if callable(answers) else answers[number]
            return _response(answer, name)

        made = self._lm_class(respond)(model=name, **kwargs)
        type(made).supports_function_calling = property(lambda _: native_tools)
        type(made).supports_response_schema = property(lambda _: structured)
        type(made).supported_params = property(lambda _: {"response_format"} if structured else set())
        return made

    def _cache_key(self, request: Mapping[str, Any]) -> str:
        """Where an `LM` would look for the answer to a request, or that it would not."""
        try:
            return self.dspy.cache.cache_key(dict(request), ["api_key", "api_base", "base_url"])
        except TypeError as error:
            return f"none: {error}"


def _response(answer: Any, model: str) -> Any:
    if isinstance(answer, Exception):
        raise answer
    choices = answer if isinstance(answer, list) else [answer]
    return SimpleNamespace(
        choices=[
            SimpleNamespace(
                message=each if isinstance(each, SimpleNamespace) else SimpleNamespace(content=each, tool_calls=None),
                finish_reason="stop",
            )
            for each in choices
        ],
        usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        model=model,
    )


class SyncSide(Side):
    """Upstream."""

    async def call(self, thing: Any, *args: Any, using: Mapping[str, Any], **kwargs: Any) -> Any:
        with self.dspy.context(trace=self.trace, **using):
            return thing(*args, **kwargs)

    def _module_class(self) -> type[Any]:
        class Module(self.dspy.Module):
            def forward(self, *args: Any, **kwargs: Any) -> Any:
                async def ask(part: Any, *a: Any, **k: Any) -> Any:
                    return part(*a, **k)

                return drive(self.body(ask, *args, **kwargs))

        return Module

    def _lm_class(self, respond: Callable[..., Any]) -> type[Any]:
        class Scripted(self.dspy.BaseLM):
            def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
                return respond(self, prompt, messages, kwargs)

        return Scripted


class AsyncSide(Side):
    """The generated package."""

    is_async = True

    async def call(self, thing: Any, *args: Any, using: Mapping[str, Any], **kwargs: Any) -> Any:
        return await thing(self.dspy.Settings(trace=self.trace, **using), *args, **kwargs)

    def _module_class(self) -> type[Any]:
        class Module(self.dspy.Module):
            async def forward(self, settings: Any, /, *args: Any, **kwargs: Any) -> Any:
                async def ask(part: Any, *a: Any, **k: Any) -> Any:
                    return await part(settings, *a, **k)

                return await self.body(ask, *args, **kwargs)

        return Module

    def _lm_class(self, respond: Callable[..., Any]) -> type[Any]:
        class Scripted(self.dspy.BaseLM):
            async def forward(self, settings: Any, /, prompt: Any = None, messages: Any = None, **kwargs: Any) -> Any:
                return respond(self, prompt, messages, kwargs)

        return Scripted


_FRAME = re.compile(r'File \\*"[^"]*", line \d+, in ([^\s\\]+)')
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:[ \t].*\n?)*")
_ESCAPED = re.compile(r"Traceback \(most recent call last\):(\\+n)(?: (?:(?!\1).)*\1)*")
"""The same in a text within JSON."""


def plain(value: Any) -> Any:
    """A value as JSON has it, with what must differ between two installations taken out: paths and line numbers."""
    if isinstance(value, str):
        return _ESCAPED.sub(_frames, _TRACEBACK.sub(_frames, value))
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, type):
        schema = getattr(value, "model_json_schema", None)
        return {"type": value.__name__, "schema": schema() if schema else None}
    if isinstance(value, pydantic.BaseModel):
        return {"model": type(value).__name__, **plain(value.model_dump())}
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    if hasattr(value, "toDict"):
        return {"example": type(value).__name__, **plain(dict(value.items()))}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(each) for each in value]
    if isinstance(value, SimpleNamespace):
        return plain(vars(value))
    return repr(value) if type(value).__repr__ is not object.__repr__ else type(value).__name__


def _frames(found: re.Match[str]) -> str:
    """The names of the functions in a traceback. Only their files and source lines differ between the packages."""
    names = [re.sub("^(a?sync)_", "", name) for name in _FRAME.findall(found.group())]
    return f"Traceback in {', '.join(names)}:\n"
