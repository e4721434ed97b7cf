"""Tools and agents: what a tool shows of itself, how it is called, and what agents do with what it says."""

import asyncio
import json
from typing import Literal

import dspy
import pydantic
import pytest

from tests.contract.support import ScriptedLM, fields, lm_at
from tests.support.model_server import Answer, Call, context_window


class Place(pydantic.BaseModel):
    city: str
    country: str = "France"


def weather(city: str, days: int = 1) -> str:
    """Tell the weather."""
    return f"{city}: sun for {days}"


def step(thought, tool, **arguments):
    return {"next_thought": thought, "next_tool_name": tool, "next_tool_args": json.dumps(arguments)}


def answered(answer):
    return {"reasoning": "so it is", "answer": answer}


class TestTool:
    def test_what_is_read_from_a_function(self):
        tool = dspy.Tool(weather)
        assert (tool.name, tool.desc) == ("weather", "Tell the weather.")
        assert tool.args == {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}}
        assert tool(city="Paris", days=2) == "Paris: sun for 2"

    def test_what_is_told_goes_before_what_is_read(self):
        tool = dspy.Tool(weather, name="sky", desc="Look up.", arg_desc={"city": "a name"})
        assert (tool.name, tool.desc) == ("sky", "Look up.")
        assert tool.args["city"] == {"type": "string", "description": "a name"}

    def test_the_form_for_function_calling(self):
        assert dspy.Tool(weather).format_as_litellm_function_call() == {
            "type": "function",
            "function": {
                "name": "weather",
                "description": "Tell the weather.",
                "parameters": {
                    "type": "object",
                    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                    "required": ["city"],
                },
            },
        }

    def test_a_model_as_an_argument_is_made_of_a_dictionary(self):
        def where(place: Place) -> str:
            return f"{place.city} in {place.country}"

        tool = dspy.Tool(where)
        assert tool(place={"city": "Paris"}) == "Paris in France"
        assert tool.args["place"]["properties"]["city"]["type"] == "string"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [({"town": "x"}, "not in the tool's args"), ({"city": 3}, "is invalid"), ({"days": "x"}, "is invalid")],
    )
    def test_wrong_arguments_are_refused(self, arguments, message):
        with pytest.raises(ValueError, match=message):
            dspy.Tool(weather)(**arguments)

    def test_a_tool_with_any_keywords(self):
        def anything(a: int, **rest):
            return (a, rest)

        assert dspy.Tool(anything)(a=1, b=2) == (1, {"b": 2})

    def test_a_callable_object(self):
        class Counter:
            """Count calls."""

            def __init__(self):
                self.calls = 0

            def __call__(self, by: int) -> int:
                self.calls += by
                return self.calls

        tool = dspy.Tool(Counter())
        assert (tool.name, tool(by=2), tool(by=3)) == ("Counter", 2, 5)

    def test_a_method(self):
        class Shop:
            prices = {"tea": 3}

            def price(self, item: str) -> int:
                return self.prices[item]

        tool = dspy.Tool(Shop().price)
        assert tool(item="tea") == 3
        assert list(tool.args) == ["item"]

    def test_a_lambda_with_a_name(self):
        assert dspy.Tool(lambda x: x * 2, name="twice")(x=4) == 8

    def test_an_error_in_a_tool_comes_out(self):
        def fails(x: int):
            raise LookupError(f"no {x}")

        with pytest.raises(LookupError, match="no 3"):
            dspy.Tool(fails)(x=3)

    def test_literals_and_lists_in_the_schema(self):
        def pick(side: Literal["left", "right"], sizes: list[int]):
            return side, sizes

        tool = dspy.Tool(pick)
        assert tool.args["side"]["enum"] == ["left", "right"]
        assert tool.args["sizes"] == {"items": {"type": "integer"}, "type": "array"}
        assert tool(side="left", sizes=[1]) == ("left", [1])

    def test_the_text_of_a_tool(self):
        text = str(dspy.Tool(weather))
        assert text.startswith("weather, whose description is <desc>Tell the weather.</desc>.")
        assert "'default': 1" in text

    def test_an_asynchronous_tool_with_conversion(self):
        async def slow(x: int) -> int:
            await asyncio.sleep(0)
            return x + 1

        with dspy.context(allow_tool_async_sync_conversion=True):
            assert dspy.Tool(slow)(x=1) == 2

    def test_a_tool_that_asks_a_model(self):
        class Helper:
            def __init__(self):
                self.ask = dspy.Predict("question -> answer")

            def __call__(self, question: str) -> str:
                """Ask somebody."""
                return self.ask(question=question).answer

        with dspy.context(lm=ScriptedLM([{"answer": "42"}])):
            assert dspy.Tool(Helper(), name="helper")(question="6*7") == "42"


class TestToolCalls:
    def test_of_a_list_of_dictionaries(self):
        calls = dspy.ToolCalls.from_dict_list([{"name": "weather", "args": {"city": "Rome"}}])
        assert calls.format() == {"tool_calls": [{"name": "weather", "args": {"city": "Rome"}}]}

    @pytest.mark.parametrize("functions", [{"weather": weather}, [dspy.Tool(weather)]], ids=["dict", "list"])
    def test_executing_a_call(self, functions):
        (call,) = dspy.ToolCalls.from_dict_list([{"name": "weather", "args": {"city": "Rome"}}]).tool_calls
        assert call.execute(functions=functions) == "Rome: sun for 1"

    def test_executing_a_call_of_a_function_in_sight(self):
        def local_weather(city):
            return f"local {city}"

        (call,) = dspy.ToolCalls.from_dict_list([{"name": "local_weather", "args": {"city": "Rome"}}]).tool_calls
        assert call.execute() == "local Rome"

    def test_executing_a_call_of_an_unknown_function(self):
        (call,) = dspy.ToolCalls.from_dict_list([{"name": "nosuch", "args": {}}]).tool_calls
        with pytest.raises(ValueError, match="'nosuch' not found"):
            call.execute(functions={})

    def test_an_error_while_executing_names_the_tool(self):
        (call,) = dspy.ToolCalls.from_dict_list([{"name": "weather", "args": {"town": "x"}}]).tool_calls
        with pytest.raises(RuntimeError, match="Error executing tool 'weather'"):
            call.execute(functions={"weather": weather})

    def test_results_belong_to_calls(self):
        calls = dspy.ToolCalls.from_dict_list([{"name": "a", "args": {}}, {"name": "b", "args": {}}])
        results = dspy.ToolCallResults.from_tool_calls_and_values(calls, [1, "no"], [False, True])
        assert [(one.name, one.value, one.is_error) for one in results.tool_call_results] == [
            ("a", 1, False),
            ("b", "no", True),
        ]
        with pytest.raises(ValueError, match="same length"):
            dspy.ToolCallResults.from_tool_calls_and_values(calls, [1])

    def test_calls_as_an_output_field(self):
        lm = ScriptedLM([fields(calls='{"tool_calls": [{"name": "weather", "args": {"city": "Rome"}}]}')])
        with dspy.context(lm=lm):
            result = dspy.Predict("question, tools: list[dspy.Tool] -> calls: dspy.ToolCalls")(
                question="?", tools=[dspy.Tool(weather)]
            )
        assert result.calls.tool_calls[0].args == {"city": "Rome"}
        assert "Tell the weather." in lm.prompts[0]

    def test_calls_by_the_models_own_means(self, server):
        server.script(Answer("", calls=[Call("weather", {"city": "Rome", "days": 3})]))
        adapter = dspy.ChatAdapter(use_native_function_calling=True)
        with dspy.context(lm=lm_at(server, model="gpt-4o-mini"), adapter=adapter):
            result = dspy.Predict("question, tools: list[dspy.Tool] -> calls: dspy.ToolCalls")(
                question="?", tools=[dspy.Tool(weather)]
            )
        (call,) = result.calls.tool_calls
        assert (call.name, call.args) == ("weather", {"city": "Rome", "days": 3})
        assert server.requests[0].body["tools"][0]["function"]["name"] == "weather"


class TestReAct:
    def test_tools_are_called_and_seen(self):
        lm = ScriptedLM([step("look", "weather", city="Rome", days=2), step("done", "finish"), answered("sun")])
        with dspy.context(lm=lm):
            result = dspy.ReAct("question -> answer", tools=[weather])(question="weather in Rome?")
        assert (result.answer, result.reasoning) == ("sun", "so it is")
        assert result.trajectory == {
            "thought_0": "look",
            "tool_name_0": "weather",
            "tool_args_0": {"city": "Rome", "days": 2},
            "observation_0": "Rome: sun for 2",
            "thought_1": "done",
            "tool_name_1": "finish",
            "tool_args_1": {},
            "observation_1": "Completed.",
        }
        assert "Rome: sun for 2" in lm.prompts[1]

    def test_an_error_is_an_observation(self):
        def broken(x: int):
            raise RuntimeError("out of order")

        lm = ScriptedLM([step("try", "broken", x=1), step("done", "finish"), answered("no")])
        with dspy.context(lm=lm):
            result = dspy.ReAct("question -> answer", tools=[broken])(question="?")
        assert result.trajectory["observation_0"].startswith("Execution error in broken:")
        assert "out of order" in result.trajectory["observation_0"]

    @pytest.mark.parametrize("limit", [1, 2])
    def test_it_stops_after_so_many_steps(self, limit):
        lm = ScriptedLM([step("again", "weather", city="Rome")] * limit + [answered("enough")])
        with dspy.context(lm=lm):
            result = dspy.ReAct("question -> answer", tools=[weather], max_iters=limit)(question="?")
        assert result.answer == "enough"
        assert f"observation_{limit - 1}" in result.trajectory
        assert f"observation_{limit}" not in result.trajectory

    def test_the_number_of_steps_for_one_call(self):
        lm = ScriptedLM([step("once", "weather", city="Rome"), answered("ok")])
        with dspy.context(lm=lm):
            assert dspy.ReAct("question -> answer", tools=[weather])(question="?", max_iters=1).answer == "ok"

    def test_an_unknown_tool_ends_the_trajectory(self):
        chosen = json.dumps(step("x", "nosuch") | {"next_tool_args": {}})
        lm = ScriptedLM([step("x", "nosuch"), chosen, answered("gave up")])
        with dspy.context(lm=lm):
            result = dspy.ReAct("question -> answer", tools=[weather])(question="?")
        assert (result.answer, result.trajectory) == ("gave up", {})

    def test_a_long_trajectory_loses_its_beginning(self, server):
        server.script(
            fields(**step("one", "weather", city="Rome")),
            fields(**step("two", "weather", city="Oslo")),
            context_window(),
            fields(**step("done", "finish")),
            fields(**answered("ok")),
        )
        with dspy.context(lm=lm_at(server)):
            result = dspy.ReAct("question -> answer", tools=[weather])(question="?")
        assert result.answer == "ok"
        assert "thought_0" not in result.trajectory
        assert "Rome" not in server.requests[3].last

    def test_tools_may_be_asynchronous_where_allowed(self):
        async def slow(x: int) -> int:
            await asyncio.sleep(0)
            return x + 1

        lm = ScriptedLM([step("x", "slow", x=1), step("done", "finish"), answered("2")])
        with dspy.context(lm=lm, allow_tool_async_sync_conversion=True):
            result = dspy.ReAct("question -> answer", tools=[slow])(question="?")
        assert result.trajectory["observation_0"] == 2

    def test_an_agent_is_a_part_of_a_program(self):
        class Assistant(dspy.Module):
            def __init__(self):
                super().__init__()
                self.agent = dspy.ReAct("question -> answer", tools=[weather])
                self.short = dspy.Predict("answer -> word")

            def forward(self, question):
                return self.short(answer=self.agent(question=question).answer)

        lm = ScriptedLM([step("done", "finish"), answered("It is sunny."), {"word": "sunny"}])
        with dspy.context(lm=lm):
            assert Assistant()(question="?").word == "sunny"
        names = [name for name, _ in Assistant().named_predictors()]
        assert names == ["agent.react", "agent.extract.predict", "short"]


class TestReActV2:
    def test_the_submit_tool_ends_it(self):
        lm = ScriptedLM(
            [
                fields(
                    next_thought="look", tool_calls='{"tool_calls": [{"name": "weather", "args": {"city": "Rome"}}]}'
                ),
                fields(
                    next_thought="done", tool_calls='{"tool_calls": [{"name": "submit", "args": {"answer": "sun"}}]}'
                ),
            ]
        )
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter(use_native_function_calling=False)):
            result = dspy.ReActV2("question -> answer", tools=[weather])(question="weather in Rome?")
        assert (result.answer, result.termination_reason) == ("sun", "submit")
        assert len(result.history.messages) == 2

    def test_without_calls_the_answer_is_forced(self):
        lm = ScriptedLM(
            [
                fields(next_thought="hm", tool_calls='{"tool_calls": []}'),
                fields(next_thought="ok", tool_calls='{"tool_calls": [{"name": "submit", "args": {"answer": "sun"}}]}'),
            ]
        )
        with dspy.context(lm=lm):
            result = dspy.ReActV2("question -> answer", tools=[weather])(question="?")
        assert (result.answer, result.termination_reason) == ("sun", "forced_submit")

    def test_the_name_of_the_submit_tool_is_taken(self):
        with pytest.raises(ValueError, match="reserved"):
            dspy.ReActV2("question -> answer", tools=[dspy.Tool(weather, name="submit")])


class TestForeignTools:
    def test_a_langchain_tool(self):
        from langchain_core.tools import tool

        @tool
        def add(x: int, y: int) -> int:
            """Add two numbers."""
            return x + y

        converted = dspy.Tool.from_langchain(add)
        assert (converted.name, converted.desc) == ("add", "Add two numbers.")
        with dspy.context(allow_tool_async_sync_conversion=True):
            assert converted(x=1, y=2) == 3

    @pytest.mark.parametrize(("mode", "expected"), [("text", "sunny in Rome"), ("structured", {"sky": "sunny"})])
    def test_an_mcp_tool(self, mode, expected):
        from mcp import types

        class Session:
            async def call_tool(self, name, arguments=None):
                text = types.TextContent(type="text", text=f"sunny in {arguments['city']}")
                return types.CallToolResult(content=[text], structuredContent={"sky": "sunny"})

        told = types.Tool(
            name="sky",
            description="Look up.",
            inputSchema={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        )
        tool = dspy.Tool.from_mcp_tool(Session(), told, result_mode=mode)
        assert (tool.name, tool.args) == ("sky", {"city": {"type": "string"}})
        with dspy.context(allow_tool_async_sync_conversion=True):
            assert tool(city="Rome") == expected

    def test_an_mcp_tool_that_fails(self):
        from mcp import types

        class Session:
            async def call_tool(self, name, arguments=None):
                return types.CallToolResult(content=[types.TextContent(type="text", text="no")], isError=True)

        told = types.Tool(name="sky", description=None, inputSchema={"type": "object", "properties": {}})
        with dspy.context(allow_tool_async_sync_conversion=True):
            with pytest.raises(RuntimeError, match="no"):
                dspy.Tool.from_mcp_tool(Session(), told)()
