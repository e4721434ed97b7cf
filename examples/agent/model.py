"""What the local model answers: one step after the other, by how far the agent has come."""

from __future__ import annotations

import json

from examples.answers import asked_for, fields
from tests.support.model_server import Request

SECONDS = 0.0
STEPS = [
    ("shelf", {"title": "Moby Dick"}),
    ("reserve", {"title": "Moby Dick", "days": 7}),
    ("translate", {"text": "It stood on shelf 12 B.", "language": "French"}),
    ("finish", {}),
]


def answer(request: Request) -> str:
    if asked_for(request, "translation"):
        return fields(translation="Il était sur l'étagère 12 B.")
    if asked_for(request, "answer"):
        return fields(reasoning="The agent has done both.", answer="Il était sur l'étagère 12 B; il vous attend.")
    done = sum(f"[[ ## observation_{number} ## ]]" in request.last for number in range(len(STEPS)))
    name, arguments = STEPS[done]
    return fields(next_thought="One thing at a time.", next_tool_name=name, next_tool_args=json.dumps(arguments))
