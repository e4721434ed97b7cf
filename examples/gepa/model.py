"""What the local model answers: it judges moods well once its instructions tell it to look for complaints."""

from __future__ import annotations

from examples.answers import asked_for, field, fields
from tests.support.model_server import Request

SECONDS = 0.0
COMPLAINTS = ("cold", "rude", "Never", "nothing")


def answer(request: Request) -> str:
    if request.model == "gpt-4o":
        return "```\nSay whether the sentence is positive or negative. Look for complaints.\n```"
    if asked_for(request, "advice"):
        return fields(advice="It is a complaint.")
    careful = "Look for complaints" in str(request.messages[0])
    bad = any(word in field(request, "sentence") for word in COMPLAINTS)
    return fields(mood="negative" if careful and bad else "positive")
