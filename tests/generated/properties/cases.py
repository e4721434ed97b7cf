"""A case is plain data: a signature, demos, a program, inputs and what the model says. `run` plays it on either
package.

Types, values and programs are named, so that a case travels as one line of JSON, and prints as what it is.
"""

from __future__ import annotations

import enum
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Literal, Optional, Union

import pydantic

from tests.generated.sides import Side, plain

Case = dict[str, Any]
"""`fields`, `instructions`, `adapter`, `program`, `demos`, `inputs`, `config`, `lm`, `answers`: see `strategies`."""


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(pydantic.BaseModel):
    city: str
    lines: list[str] = []


class Person(pydantic.BaseModel):
    name: str = pydantic.Field(description="in full")
    age: int | None = None
    home: Address | None = None


def look(query: str, limit: int = 2) -> list[str]:
    """Finds passages."""
    if not query:
        raise ValueError("nothing to look for")
    return [f"{query} {number}" for number in range(limit)]


def add(a: int, b: int) -> int:
    """Adds."""
    return a + b


TYPES: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": bool,
    "list[str]": list[str],
    "list[int]": list[int],
    "dict[str, int]": dict[str, int],
    "dict[str, Any]": dict[str, Any],
    "Optional[str]": Optional[str],  # noqa: UP045
    "int | None": int | None,
    "Union[int, str]": Union[int, str],  # noqa: UP007
    "Literal": Literal["yes", "no", 'it\'s "both"'],
    "Literal[1, 2]": Literal[1, 2],
    "Color": Color,
    "date": date,
    "tuple[int, str]": tuple[int, str],
    "Address": Address,
    "Person": Person,
    "list[Person]": list[Person],
    "Person | None": Person | None,
}
OF_DSPY = ("Image", "History", "Code", "Reasoning", "list[Tool]", "ToolCalls", "Audio")


def type_of(side: Side, name: str) -> Any:
    """The type that a name stands for."""
    if name == "list[Tool]":
        return list[side.dspy.Tool]
    return getattr(side.dspy, name) if name in OF_DSPY else TYPES[name]


def value_of(side: Side, name: str, value: Any) -> Any:
    """A value as a program gives it, from how it stands in a case."""
    dspy = side.dspy
    if name == "Image" and isinstance(value, str):
        return dspy.Image(url=value)
    if name == "Audio" and isinstance(value, str):
        return dspy.Audio(data=value, audio_format="wav")
    if name == "History" and isinstance(value, list):
        return dspy.History(messages=value)
    if name == "list[Tool]":
        return [dspy.Tool({"look": look, "add": add}[each]) for each in value]
    if name in ("Person", "Address") and isinstance(value, dict) and value.pop("as model", False):
        return TYPES[name](**value)
    return value


def signature_of(side: Side, case: Case, *, outputs_only: bool = False) -> Any:
    """The signature of a case."""
    dspy, found = side.dspy, {}
    for each in case["fields"]:
        make = dspy.InputField if each["input"] else dspy.OutputField
        more = {"desc": each["desc"]} if each["desc"] is not None else {}
        if "default" in each:
            more["default"] = value_of(side, each["type"], each["default"])
        found[each["name"]] = (type_of(side, each["type"]), make(**more))
    return dspy.Signature(found, case["instructions"]) if case["instructions"] else dspy.Signature(found)


def adapter_of(side: Side, case: Case) -> Any:
    """The adapter of a case, or None for the default."""
    from dspy.adapters.baml_adapter import BAMLAdapter

    dspy, name = side.dspy, case["adapter"]["name"]
    options = case["adapter"]["options"]
    if name == "two steps":
        return dspy.TwoStepAdapter(side.lm(_answers(side, case["adapter"]["second"]), name="second"))
    kinds = {"chat": dspy.ChatAdapter, "json": dspy.JSONAdapter, "xml": dspy.XMLAdapter, "baml": BAMLAdapter}
    return kinds[name](**options) if name in kinds else None


def reward(arguments: dict[str, Any], prediction: Any) -> float:
    return 1.0 / (1 + len(str(dict(prediction))))


def program_of(side: Side, case: Case, spec: Any) -> Any:
    """A program from its description: a name, or a name with parts."""
    dspy = side.dspy
    kind, parts = (spec, []) if isinstance(spec, str) else (spec[0], spec[1:])
    signature = signature_of(side, case)
    if kind == "predict":
        made = dspy.Predict(signature, **case["config"])
    elif kind == "cot":
        made = dspy.ChainOfThought(signature, **case["config"])
    elif kind == "react":
        made = dspy.ReAct(signature, tools=[look, dspy.Tool(add)], max_iters=parts[0])
    elif kind == "react v2":
        from dspy.predict.react_v2 import ReActV2

        made = ReActV2(signature, tools=[look, add], max_iters=parts[0])
    elif kind == "compare":
        made = dspy.MultiChainComparison(signature, M=2)
    else:
        made = _around(side, kind, [program_of(side, case, part) for part in parts])
    for predictor in made.predictors():
        predictor.demos = [demo_of(side, case, demo) for demo in case["demos"]]
    return made


def _around(side: Side, kind: str, parts: list[Any]) -> Any:
    dspy = side.dspy

    class InOrder(side.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = parts

        async def body(self, ask: Any, **inputs: Any) -> Any:
            found = None
            for part in self.parts:
                found = await ask(part, **inputs)
            return found

    if kind == "in order":
        return InOrder()
    if kind == "best":
        return dspy.BestOfN(InOrder(), N=2, reward_fn=reward, threshold=0.05)
    return dspy.Refine(InOrder(), N=2, reward_fn=reward, threshold=0.05)


def demo_of(side: Side, case: Case, demo: dict[str, Any]) -> Any:
    """A demo, as an example or as a dictionary."""
    types = {each["name"]: each["type"] for each in case["fields"]}
    values = {name: value_of(side, types.get(name, "str"), value) for name, value in demo["values"].items()}
    return side.dspy.Example(**values) if demo["example"] else values


def _answers(side: Side, said: list[Any]) -> Any:
    """What the model says, over and over again."""

    def answer(_: str, number: int) -> Any:
        each = said[number % len(said)]
        if isinstance(each, dict) and "error" in each:
            return getattr(side.dspy, each["error"])(message="the model says no")
        if isinstance(each, dict):
            from tests.generated.programs import native_call

            return native_call(each["tool"], each["arguments"], "c0")
        return each

    return answer


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


async def run(side: Side, case: Case) -> Any:
    """Plays a case: what the model is asked, what comes of it or the error, and what is logged meanwhile."""
    with _logged() as said:
        try:
            result = await _result(side, case)
        except Exception as error:
            result = {"error": plain(error), "kinds": [each.__name__ for each in type(error).__mro__]}
    return _without_addresses({"asked": side.log, "result": result, "logged": said})


async def _result(side: Side, case: Case) -> Any:
    lm = side.lm(_answers(side, case["answers"]), **case["lm"])
    program = program_of(side, case, case["program"])
    types = {each["name"]: each["type"] for each in case["fields"]}
    inputs = {name: value_of(side, types.get(name, "str"), value) for name, value in case["inputs"].items()}
    if case["program"] == "compare":
        inputs["completions"] = [side.dspy.Prediction(rationale=f"r{n}", answer=f"a{n}") for n in range(2)]
    using = {"lm": lm, "adapter": adapter_of(side, case), **case["settings"]}
    predictions = []
    for number in range(case["calls"]):
        found = await side.call(program, using=using, **(inputs if number == 0 else dict(inputs)))
        predictions.append([plain(found), plain(found.completions) if getattr(found, "_completions", None) else None])
    return {
        "predictions": predictions,
        "trace": [[plain(inputs), plain(output)] for _, inputs, output in side.trace],
        "history": [len(lm.history), len(program.history)],
        "state": plain(program.dump_state()),
    }


def _without_addresses(value: Any) -> Any:
    if isinstance(value, str):
        return _ADDRESS.sub("", plain(value))
    if isinstance(value, dict):
        return {key: _without_addresses(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_addresses(each) for each in value]
    return value


@contextmanager
def _logged() -> Iterator[list[str]]:
    said: list[str] = []

    class Keeps(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(f"{record.levelname} {record.name} {record.getMessage()}")

    logger, handler = logging.getLogger("dspy"), Keeps(logging.INFO)
    logger.addHandler(handler)
    try:
        yield said
    finally:
        logger.removeHandler(handler)
