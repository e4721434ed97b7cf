"""What the local model answers: sums, some of them wrong."""

from __future__ import annotations

import re

from examples.answers import asked_for, field, fields
from tests.support.model_server import Request

SECONDS = 0.05


def answer(request: Request) -> str:
    if asked_for(request, "same"):
        return fields(same=field(request, "expected") == field(request, "answer"))
    number = int(re.findall(r"\d+", field(request, "question"))[0])
    return fields(reasoning="I add them.", answer=2 * number + (number % 50 == 49))
