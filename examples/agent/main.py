"""An agent with the tools of an MCP server, and one of its own that takes settings."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import dspy
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

SERVER = StdioServerParameters(command=sys.executable, args=[str(Path(__file__).with_name("server.py"))])


async def translate(settings: dspy.Settings, text: str, language: str) -> str:
    """Translate a text."""
    # The model never sees `settings`: it is handed in, and the tool hands it on.
    return (await dspy.Predict("text, language -> translation")(settings, text=text, language=language)).translation


async def main() -> None:
    settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini", cache=False))
    async with stdio_client(SERVER) as (read, write), ClientSession(read, write) as session:
        await session.initialize()
        tools = [dspy.Tool.from_mcp_tool(session, tool) for tool in (await session.list_tools()).tools]
        agent = dspy.ReAct("request -> answer", tools=[*tools, translate], max_iters=6)
        result = await agent(settings, request="Put Moby Dick aside for a week, and tell me in French where it stood.")
    for step in range(len(result.trajectory) // 4):
        name, arguments = result.trajectory[f"tool_name_{step}"], result.trajectory[f"tool_args_{step}"]
        print(f"{name} {arguments} -> {result.trajectory[f'observation_{step}']}")
    print(result.answer)


asyncio.run(main())
