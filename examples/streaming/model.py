"""What the local model answers, word by word."""

from __future__ import annotations

from examples.answers import fields
from tests.support.model_server import Request

SECONDS = 0.05


def answer(request: Request) -> str:
    return fields(
        reasoning="Short waves of light are scattered by the air far more than long ones are.",
        answer="Because the air scatters the blue part of the sun's light in all directions.",
    )
