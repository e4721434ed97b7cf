"""Opens the page and asks, as a browser does; `--serve` serves it instead, for a browser of your own."""

from __future__ import annotations

import asyncio
import json
import socket
import sys

import httpx
import uvicorn
from service import app


async def visit(address: str) -> None:
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        page = await client.get("/")
        print(page.status_code, page.headers["content-type"], "EventSource" in page.text)
        written: dict[str, list[str]] = {}
        question = {"question": "Why is the sky blue?"}
        async with client.stream("GET", "/ask", params=question) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and "field" in (data := json.loads(line.removeprefix("data: "))):
                    written.setdefault(data["field"], []).append(data["text"])
    for field, pieces in written.items():
        print(f"{field}, in more than one piece: {len(pieces) > 1}: {''.join(pieces)}")


async def main() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    if "--serve" in sys.argv:
        print(f"open {address} (Ctrl-C ends it)")
    else:
        await visit(address)
        server.should_exit = True
    await serving


asyncio.run(main())
