"""Both tenants ask at once, a hundred times each; the service runs in this process."""

from __future__ import annotations

import asyncio
import time
from collections import Counter

import httpx
from service import app

MANY = 100


async def ask(client: httpx.AsyncClient, tenant: str) -> str:
    answer = await client.post("/reply", params={"message": "Where is my parcel?"}, headers={"x-tenant": tenant})
    return f"{tenant}: {answer.json()}"


async def main() -> None:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=60) as client:
        unknown = await client.post("/reply", params={"message": "Hello?"}, headers={"x-tenant": "nobody"})
        print(unknown.status_code, unknown.json())
        started = time.monotonic()
        answers = Counter(await asyncio.gather(*(ask(client, name) for name in ("acme", "globex") * MANY)))
        seconds = time.monotonic() - started
    for answer, count in sorted(answers.items()):
        print(f"{count} times {answer}")
    print(f"{2 * MANY} requests, two calls of a model each, in {seconds:.1f} seconds")


asyncio.run(main())
