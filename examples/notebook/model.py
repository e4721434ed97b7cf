"""What the local model answers."""

from __future__ import annotations

from examples.answers import field, fields
from tests.support.model_server import Request

SECONDS = 0.05
CAPITALS = {"France": "Paris", "Italy": "Rome", "Kenya": "Nairobi"}


def answer(request: Request) -> str:
    return fields(capital=CAPITALS.get(field(request, "country"), "unknown"))
