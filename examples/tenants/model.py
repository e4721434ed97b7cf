"""What the local model answers."""

from __future__ import annotations

from examples.answers import asked_for, field, fields
from tests.support.model_server import Request

SECONDS = 0.1


def answer(request: Request) -> str:
    if asked_for(request, "topic"):
        return fields(topic="parcels")
    return fields(answer=f"{request.model} knows all about {field(request, 'topic')}.")
