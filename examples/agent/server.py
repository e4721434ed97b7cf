"""An MCP server over stdio: the tools of a small library."""

from __future__ import annotations

try:
    from mcp.server import MCPServer as Server
except ImportError:  # before version 2
    from mcp.server.fastmcp import FastMCP as Server

SHELVES = {"Moby Dick": "12 B", "Emma": "3 A"}
server = Server("library")


@server.tool()
async def shelf(title: str) -> str:
    """The shelf that a book stands on."""
    return SHELVES.get(title, "not in this library")


@server.tool()
async def reserve(title: str, days: int = 14) -> str:
    """Put a book aside for a reader."""
    return f"{title} waits at the desk for {days} days"


if __name__ == "__main__":
    server.run()
