"""Answers that appear in a browser page as they are written: `uvicorn service:app`, then open it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import dspy
from dspy.streaming import StatusMessage, StreamListener, StreamResponse
from fastapi import FastAPI
from fastapi.responses import FileResponse, StreamingResponse

PAGE = Path(__file__).with_name("page.html")

app = FastAPI()
settings = dspy.Settings(lm=dspy.LM("openai/gpt-4o-mini", cache=False))
program = dspy.streamify(
    dspy.ChainOfThought("question -> answer"),
    stream_listeners=[StreamListener("reasoning"), StreamListener("answer")],
)


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(PAGE)


@app.get("/ask")
async def ask(question: str) -> StreamingResponse:
    return StreamingResponse(events(question), media_type="text/event-stream")


async def events(question: str) -> AsyncIterator[str]:
    """Server-sent events: pieces of each field, then the whole. A reader that leaves cancels the model's call."""
    async for value in program(settings, question=question):
        if isinstance(value, StreamResponse):
            yield event("piece", field=value.signature_field_name, text=value.chunk)
        elif isinstance(value, StatusMessage):
            yield event("status", text=value.message)
        elif isinstance(value, dspy.Prediction):
            yield event("done", **value.toDict())


def event(kind: str, **data: str) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"
