"""Random cases: signatures of many types, demos, programs, settings, and models that answer well, badly or never."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from tests.generated.properties.cases import OF_DSPY, TYPES, Case
from tests.generated.sides import fields

NAMES = (
    "question",
    "answer",
    "text",
    "context",
    "settings",
    "n",
    "reasoning",
    "a_long_name",
    "history",
    "items",
    "type",
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [
        "Paris",
        "",
        "{}",
        "[[ ## answer ## ]]",
        "```json\n{}\n```",
        "None",
        "</answer>",
        "\u4f60\u597d \U0001f600",
        "a\nb",
        '"',
        "\\n",
    ]
)
NUMBERS = st.integers(-1000, 10**12)
PIXEL = "data:image/png;base64,iVBORw0KGgo="

_ADDRESSES = st.fixed_dictionaries({"city": TEXT}, optional={"lines": st.lists(TEXT, max_size=2)})
_PEOPLE = st.fixed_dictionaries(
    {"name": TEXT}, optional={"age": st.none() | NUMBERS, "home": st.none() | _ADDRESSES, "as model": st.just(True)}
)
_JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXT, inner, max_size=2),
    max_leaves=4,
)

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": TEXT,
    "int": NUMBERS,
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "bool": st.booleans(),
    "list[str]": st.lists(TEXT, max_size=3),
    "list[int]": st.lists(NUMBERS, max_size=3),
    "dict[str, int]": st.dictionaries(TEXT, NUMBERS, max_size=2),
    "dict[str, Any]": st.dictionaries(TEXT, _JSON, max_size=2),
    "Optional[str]": st.none() | TEXT,
    "int | None": st.none() | NUMBERS,
    "Union[int, str]": NUMBERS | TEXT,
    "Literal": st.sampled_from(["yes", "no", 'it\'s "both"', "'yes'", "maybe"]),
    "Literal[1, 2]": st.sampled_from([1, 2, 3]),
    "Color": st.sampled_from(["red", "blue", "RED", "green"]),
    "date": st.sampled_from(["2024-02-29", "2023-02-29", "today"]),
    "tuple[int, str]": st.tuples(NUMBERS, TEXT).map(list),
    "Address": _ADDRESSES,
    "Person": _PEOPLE,
    "list[Person]": st.lists(_PEOPLE.map(lambda one: {k: v for k, v in one.items() if k != "as model"}), max_size=2),
    "Person | None": st.none() | _PEOPLE.map(lambda one: {k: v for k, v in one.items() if k != "as model"}),
    "Image": st.sampled_from([PIXEL, "https://example.invalid/a.png"]),
    "Audio": st.just("UklGRg=="),
    "History": st.lists(st.dictionaries(st.sampled_from(NAMES), TEXT, max_size=2), max_size=2),
    "Code": TEXT,
    "Reasoning": TEXT,
    "list[Tool]": st.lists(st.sampled_from(["look", "add"]), max_size=2, unique=True),
    "ToolCalls": st.lists(
        st.fixed_dictionaries(
            {"name": st.sampled_from(["look", "add", ""]), "args": st.dictionaries(TEXT, _JSON, max_size=2)}
        ),
        max_size=2,
    ).map(lambda calls: {"tool_calls": calls}),
}
assert set(VALUES) == {*TYPES, *OF_DSPY}

INPUTS = [name for name in VALUES if name not in ("Code", "Reasoning", "ToolCalls")]
OUTPUTS = [name for name in VALUES if name not in ("Image", "Audio", "History", "list[Tool]")]
ERRORS = ("ContextWindowExceededError", "LMRateLimitError", "LMServerError", "LMTimeoutError", "LMAuthError")


@st.composite
def _fields(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=5, unique=True))
    inputs = draw(st.integers(1, len(names) - 1))
    found = []
    for number, name in enumerate(names):
        # Half of all fields are text, as most are.
        kinds = st.just("str") | st.sampled_from(INPUTS if number < inputs else OUTPUTS)
        kind = draw(kinds)
        each: dict[str, Any] = {"name": name, "type": kind, "input": number < inputs, "desc": draw(st.none() | TEXT)}
        if kind in ("str", "int", "bool", "list[str]") and draw(st.integers(0, 5)) == 0:
            each["default"] = draw(VALUES[kind])
        found.append(each)
    return found


def _plain(value: Any) -> Any:
    """A value without the marks that are for inputs."""
    return {name: each for name, each in value.items() if name != "as model"} if isinstance(value, dict) else value


def _written(form: str, values: dict[str, Any]) -> str:
    """An answer as an adapter wants it."""
    texts = {
        name: each if isinstance(each, str) else json.dumps(_plain(each), ensure_ascii=False)
        for name, each in values.items()
    }
    if form == "json":
        return json.dumps({name: _plain(each) for name, each in values.items()}, ensure_ascii=False)
    if form == "fenced":
        return "Here it is:\n```json\n" + _written("json", values) + "\n```"
    if form == "xml":
        return "\n".join(f"<{name}>{text}</{name}>" for name, text in texts.items())
    if form == "python":
        return repr({name: _plain(each) for name, each in values.items()})
    return fields(**texts)


@st.composite
def _answer(draw: st.DrawFn, form: str, wanted: dict[str, str]) -> Any:
    """What a model says: mostly right, and else wrong in some way."""
    # What is drawn most often, and what an example is shrunk to, is an answer as it should be.
    chance = 19 - draw(st.integers(0, 19))
    if chance == 0:
        return {"error": draw(st.sampled_from(ERRORS))}
    if chance == 1:
        return draw(TEXT)
    if chance == 2:
        return {
            "tool": draw(st.sampled_from(["look", "add", "submit"])),
            "arguments": draw(st.dictionaries(TEXT, _JSON, max_size=2)),
        }
    if chance == 3:
        return None
    names = list(wanted)
    if chance in (4, 5):
        names = draw(st.lists(st.sampled_from(names), unique=True))
    values = {name: draw(VALUES[wanted[name]]) for name in names}
    if chance == 6 and values:
        values[draw(st.sampled_from(names))] = draw(_JSON)
    if chance == 7:
        values["more"] = draw(TEXT)
    if chance == 8:
        form = draw(st.sampled_from(["chat", "json", "xml", "fenced", "python"]))
    text = _written(form, values)
    if chance == 9:
        text = text[: draw(st.integers(0, len(text)))]
    if chance == 10:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(TEXT) + text[at:]
    if chance == 11:
        return [text, draw(TEXT)]
    return text


_PROGRAMS = st.sampled_from(["predict", "predict", "cot", "cot", "compare"]) | st.recursive(
    st.sampled_from(["predict", "cot"]),
    lambda part: (
        st.tuples(st.sampled_from(["in order", "best", "refine"]), part).map(list)
        | st.tuples(st.just("in order"), part, part).map(list)
    ),
    max_leaves=3,
)
_AGENTS = st.tuples(st.sampled_from(["react", "react v2"]), st.integers(0, 3)).map(list)
_CONFIGS = st.sampled_from(
    [{}, {}, {}, {"temperature": 0.7}, {"n": 2}, {"n": 2, "temperature": 0.0}, {"max_tokens": 5}]
)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A whole case."""
    found = draw(_fields())
    types = {each["name"]: each["type"] for each in found}
    inputs = [each["name"] for each in found if each["input"]]
    outputs = {each["name"]: each["type"] for each in found if not each["input"]}
    program = draw(_PROGRAMS if draw(st.integers(0, 4)) else _AGENTS)
    adapter = draw(st.sampled_from(["default", "chat", "json", "xml", "baml", "two steps"]))
    form = {"json": "json", "baml": "json", "xml": "xml"}.get(adapter, "chat")
    options: dict[str, Any] = {}
    if adapter in ("chat", "json") and draw(st.booleans()):
        options["use_native_function_calling"] = draw(st.booleans())
    if adapter == "chat" and draw(st.integers(0, 3)) == 0:
        options["use_json_adapter_fallback"] = False
    wanted = dict(outputs)
    if "cot" in json.dumps(program) or "react" in json.dumps(program):
        wanted = {"reasoning": "str", **wanted}
    answer = _answer("chat" if adapter == "two steps" else form, wanted)
    if "react" in json.dumps(program):
        step = st.fixed_dictionaries(
            {
                "next_thought": TEXT,
                "next_tool_name": st.sampled_from(["look", "add", "finish", "nothing"]),
                "next_tool_args": st.sampled_from([{}, {"query": "x"}, {"a": 1, "b": "2"}, {"query": "", "limit": 1}]),
            }
        )
        turn = st.fixed_dictionaries({"tool_calls": VALUES["ToolCalls"], "next_thought": TEXT})
        answer = answer | step.map(lambda one: _written(form, one)) | turn.map(lambda one: _written(form, one))
    given = {name: draw(VALUES[types[name]]) for name in inputs}
    if draw(st.integers(0, 9)) == 0:
        del given[draw(st.sampled_from(inputs))]
    if draw(st.integers(0, 9)) == 0:
        given["unknown"] = draw(TEXT)
    demos = draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "example": st.booleans(),
                    "values": st.fixed_dictionaries({}, optional={name: VALUES[kind] for name, kind in types.items()}),
                }
            ),
            max_size=2,
        )
    )
    return {
        "fields": found,
        "instructions": draw(TEXT),
        "adapter": {
            "name": adapter,
            "options": options,
            "second": draw(st.lists(_answer("chat", outputs), min_size=1, max_size=2)),
        },
        "program": program,
        "demos": demos,
        "inputs": given,
        "config": draw(_CONFIGS),
        "lm": {"structured": draw(st.booleans()), "native_tools": draw(st.booleans())},
        "settings": draw(
            st.sampled_from([{}, {}, {"track_usage": True}, {"max_trace_size": 1}, {"disable_history": True}])
        ),
        "answers": draw(st.lists(answer, min_size=1, max_size=4)),
        "calls": draw(st.sampled_from([1, 1, 1, 2])),
    }
