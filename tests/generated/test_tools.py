"""`dspy.Tool` and `dspy.ToolCalls`: functions, classes, MCP and LangChain."""

import asyncio
import sys

import dspy
import pydantic
import pytest

from tests.generated.support import Recorder, scripted


class Point(pydantic.BaseModel):
    x: int
    y: int = 0


async def move(settings: dspy.Settings, point: Point, by: int = 1) -> Point:
    """Move a point."""
    return Point(x=point.x + by, y=point.y)


def double(number: int) -> int:
    """Double it."""
    return 2 * number


SETTINGS = dspy.Settings(lm="mine")


class TestArguments:
    """What a model gives is checked and converted."""

    async def test_models_are_parsed(self):
        tool = dspy.Tool(move)
        assert await tool(SETTINGS, point={"x": 1}, by=2) == Point(x=3)
        assert await tool(SETTINGS, point=Point(x=5, y=1)) == Point(x=6, y=1)
        assert set(tool.args) == {"point", "by"}

    async def test_wrong_ones(self):
        tool = dspy.Tool(double)
        with pytest.raises(ValueError, match="Arg other is not in the tool's args"):
            await tool(SETTINGS, other=1)
        with pytest.raises(ValueError, match="Arg number is invalid"):
            await tool(SETTINGS, number="one")
        with pytest.raises(TypeError):
            await tool(SETTINGS)

    async def test_keyword_arguments_of_a_tool(self):
        async def anything(settings, **kwargs):
            return kwargs

        tool = dspy.Tool(anything)
        assert tool.has_kwargs
        assert await tool(SETTINGS, a=1, b="x") == {"a": 1, "b": "x"}

    @pytest.mark.api("3.2", "3.6")
    async def test_a_tool_whose_own_argument_is_called_settings(self):
        """Only the first parameter is for settings; a model may fill in another of that name."""

        def configure(device: str, settings: dict) -> str:
            return f"{device} {settings}"

        tool = dspy.Tool(configure)
        assert set(tool.args) == {"device", "settings"}
        assert await tool(SETTINGS, device="tv", settings={"volume": 1}) == "tv {'volume': 1}"

    @pytest.mark.api("3.2", "3.6")
    async def test_a_keyword_only_parameter(self):
        async def ours(query: str, *, settings: dspy.Settings | None = None, **more) -> str:
            return f"{query} for {settings.lm}"

        async def the_models(device: str, *, settings: dict[str, int]) -> str:
            return f"{device} {settings}"

        assert set(dspy.Tool(ours).args) == {"query", "more"}
        assert await dspy.Tool(ours)(SETTINGS, query="q") == "q for mine"
        # A model fills in keywords too, and says nothing of whose settings they are.
        with pytest.raises(RuntimeError, match="multiple values for keyword argument 'settings'"):
            call = dspy.ToolCalls.ToolCall(name="ours", args={"query": "q", "settings": "x"})
            await call.execute(SETTINGS, functions={"ours": ours})
        assert set(dspy.Tool(the_models).args) == {"device", "settings"}
        assert await dspy.Tool(the_models)(SETTINGS, device="tv", settings={"volume": 1}) == "tv {'volume': 1}"

    async def test_descriptions(self):
        tool = dspy.Tool(double, name="twice", desc="Twice as much.", arg_desc={"number": "which"})
        assert (tool.name, tool.desc, tool.args["number"]["description"]) == ("twice", "Twice as much.", "which")

    async def test_errors_come_through(self):
        async def broken(settings):
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            await dspy.Tool(broken)(SETTINGS)

    async def test_callbacks(self):
        recorder = Recorder()
        await dspy.Tool(double)(SETTINGS.context(callbacks=[recorder]), number=4)
        assert recorder.events == [("tool start", {"kwargs": {"number": 4}}), ("tool end", 8)]


class TestCalls:
    """`ToolCalls.ToolCall.execute`."""

    def call(self, name: str = "double", **args):
        return dspy.ToolCalls.ToolCall(name=name, args=args)

    async def test_with_functions(self):
        call = self.call(number=4)
        assert await call.execute(SETTINGS, functions={"double": double}) == 8
        assert await call.execute(SETTINGS, functions=[dspy.Tool(double)]) == 8
        assert await self.call("move", point=Point(x=1)).execute(SETTINGS, functions={"move": move}) == Point(x=2)

    async def test_looked_up_at_the_callers(self):
        async def local(settings, number):
            return settings.lm, number

        assert await self.call(number=4).execute(SETTINGS) == 8
        assert await self.call("local", number=4).execute(SETTINGS) == ("mine", 4)
        assert await asyncio.create_task(self.call("local", number=4).execute(SETTINGS)) == ("mine", 4)

    async def test_failures(self):
        with pytest.raises(ValueError, match="Tool function 'nothing' not found"):
            await self.call("nothing").execute(SETTINGS)
        with pytest.raises(RuntimeError, match="Error executing tool 'double'"):
            await self.call(numbr=4).execute(SETTINGS, functions={"double": double})

        async def broken(settings):
            raise KeyError("mine")

        with pytest.raises(RuntimeError, match=r"Error executing tool 'broken'.*mine"):
            await self.call("broken").execute(SETTINGS, functions={"broken": broken})

    @pytest.mark.api("2.2")
    async def test_settings_are_needed(self):
        needed = r"^ToolCalls\.ToolCall\.execute\(\) needs a dspy\.Settings as its first argument"
        call = self.call("move", point=Point(x=1))
        with pytest.raises(TypeError, match=needed):
            await call.execute(functions={"move": move})
        with pytest.raises(TypeError, match=f"{needed}, got 'dict' in its place"):
            await call.execute({"move": move})
        with pytest.raises(TypeError, match=needed):
            await call.execute(None, {"move": move})
        assert await call.execute(settings=SETTINGS, functions={"move": move}) == Point(x=2)
        assert await self.call(number=4).execute(settings=SETTINGS) == 8


class TestMCP:
    """Tools of an MCP server, in a process of its own over stdio."""

    SERVER = """
try:
    from mcp.server import MCPServer as Server
except ImportError:
    from mcp.server.fastmcp import FastMCP as Server

server = Server("test")

@server.tool()
def add(a: int, b: int) -> int:
    "Add two numbers."
    return a + b

@server.tool()
def wrong() -> str:
    "Fails."
    raise ValueError("no luck")

server.run()
"""

    @pytest.fixture
    def script(self, tmp_path):
        path = tmp_path / "server.py"
        path.write_text(self.SERVER)
        return str(path)

    @pytest.mark.api("3.9")
    async def test_over_stdio(self, script: str):
        from mcp import ClientSession, StdioServerParameters
        from mcp.client.stdio import stdio_client

        parameters = StdioServerParameters(command=sys.executable, args=[script])
        async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            listed = {tool.name: tool for tool in (await session.list_tools()).tools}
            add = dspy.Tool.from_mcp_tool(session, listed["add"])
            assert add.desc == "Add two numbers."
            assert set(add.args) == {"a", "b"} and "settings" not in str(add.args)
            assert await add(SETTINGS, a=1, b=2) == "3"
            with pytest.raises(RuntimeError, match="Failed to call a MCP tool"):
                await dspy.Tool.from_mcp_tool(session, listed["wrong"])(SETTINGS)

    async def test_a_session_of_ones_own(self):
        import mcp.types

        class Session:
            async def call_tool(self, name, arguments=None):
                await asyncio.sleep(0)
                text = mcp.types.TextContent(type="text", text=f"{name} {arguments}")
                return mcp.types.CallToolResult(content=[text])

        schema = {"type": "object", "properties": {"q": {"type": "string"}}, "required": ["q"]}
        listed = mcp.types.Tool(name="find", description="Finds.", inputSchema=schema)
        tool = dspy.Tool.from_mcp_tool(Session(), listed)
        assert await tool(SETTINGS, q="x") == "find {'q': 'x'}"


class TestLangChain:
    """Tools of LangChain."""

    @pytest.mark.api("3.9")
    async def test_a_function(self):
        from langchain_core.tools import tool

        @tool
        def add(a: int, b: int = 1) -> int:
            """Add two numbers."""
            return a + b

        ours = dspy.Tool.from_langchain(add)
        assert (ours.name, ours.desc) == ("add", "Add two numbers.")
        assert set(ours.args) == {"a", "b"}
        assert await ours(SETTINGS, a=2, b=3) == 5

    @pytest.mark.api("3.9")
    async def test_an_async_one_and_its_errors(self):
        from langchain_core.tools import tool

        @tool
        async def wait(a: int) -> int:
            """Wait."""
            await asyncio.sleep(0)
            if a < 0:
                raise ValueError("too early")
            return a

        ours = dspy.Tool.from_langchain(wait)
        assert await ours(SETTINGS, a=2) == 2
        with pytest.raises(RuntimeError, match=r"Failed to call LangChain tool wait.*too early"):
            await ours(SETTINGS, a=-1)


async def test_native_tool_calls_come_back_as_tool_calls():
    from tests.generated.programs import native_call

    class Pick(dspy.Signature):
        question: str = dspy.InputField()
        tools: list[dspy.Tool] = dspy.InputField()
        calls: dspy.ToolCalls = dspy.OutputField()

    side, lm = scripted(native_call("move", {"point": {"x": 1}}), native_tools=True)
    settings = dspy.Settings(lm=lm, adapter=dspy.ChatAdapter(use_native_function_calling=True))
    prediction = await dspy.Predict(Pick)(settings, question="?", tools=[dspy.Tool(move)])
    (call,) = prediction.calls.tool_calls
    assert (call.name, call.args) == ("move", {"point": {"x": 1}})
    assert "settings" not in str(side.log[0]["kwargs"]["tools"])
    assert await dspy.Tool(move)(settings, **call.args) == Point(x=2)
