"""What several test files here use: answers in the adapters' formats, and a language model behind the model server."""

from __future__ import annotations

from typing import Any

import dspy

from tests.generated.sides import AsyncSide, fields
from tests.support.model_server import Answer, Failure, ModelServer, Request

__all__ = ["AsyncSide", "Recorder", "echo", "fields", "lm_at", "question_of", "scripted"]


def lm_at(server: ModelServer, model: str = "m", **kwargs: Any) -> dspy.LM:
    """A language model that goes through litellm to the server; without cache and retries unless told."""
    defaults: dict[str, Any] = {"api_base": server.url, "api_key": "key", "cache": False, "num_retries": 0}
    return dspy.LM(f"openai/{model}", **{**defaults, **kwargs})


def scripted(*answers: Any, **kwargs: Any) -> tuple[AsyncSide, Any]:
    """A language model without a server, that says these things in order; its requests are in the side's `log`."""
    side = AsyncSide(dspy)
    return side, side.lm(list(answers), **kwargs)


def question_of(request: Request) -> str:
    """The value of the field `question` in a request of the chat adapter."""
    return request.last.split("[[ ## question ## ]]\n")[1].split("\n")[0].strip()


def echo(prefix: str = "", delay: float = 0.0):
    """A rule that answers a question with itself."""

    def reply(request: Request) -> Answer | Failure:
        return Answer(fields(answer=f"{prefix}{question_of(request)}"), delay=delay)

    return reply


class Recorder(dspy.utils.BaseCallback):
    """Notes every event as (name, what it was about), with the settings it was handed."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self.settings: list[Any] = []
        self.calls: dict[str, list[str]] = {}

    def _start(self, name: str, call_id: str, instance: Any, settings: Any, inputs: dict[str, Any]) -> None:
        self.events.append((f"{name} start", inputs))
        self.settings.append(settings)
        self.calls.setdefault(call_id, []).append(f"{name} start")

    def _end(self, name: str, call_id: str, settings: Any, outputs: Any, exception: BaseException | None) -> None:
        self.events.append((f"{name} end", exception or outputs))
        self.settings.append(settings)
        self.calls.setdefault(call_id, []).append(f"{name} end")

    @property
    def names(self) -> list[str]:
        """The names of the events, in order."""
        return [name for name, _ in self.events]


def _handlers(name: str) -> tuple[Any, Any]:
    async def start(self, call_id, instance, settings, inputs):
        self._start(name, call_id, instance, settings, inputs)

    async def end(self, call_id, settings, outputs, exception=None):
        self._end(name, call_id, settings, outputs, exception)

    return start, end


for _name in ("module", "lm", "adapter_format", "adapter_parse", "tool", "evaluate", "compile"):
    for _handler, _when in zip(_handlers(_name), ("start", "end"), strict=True):
        setattr(Recorder, f"on_{_name}_{_when}", _handler)
