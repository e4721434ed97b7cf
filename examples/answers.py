"""What the examples' models have in common: answers in the format that DSPy's chat adapter asks for."""

from __future__ import annotations

import re

from tests.support.model_server import Request


def fields(**values: object) -> str:
    """An answer with these fields."""
    return "\n\n".join(f"[[ ## {name} ## ]]\n{value}" for name, value in values.items()) + "\n\n[[ ## completed ## ]]"


def field(request: Request, name: str) -> str:
    """An input field of the request."""
    found = re.search(rf"\[\[ ## {name} ## \]\]\n(.*?)\n\n", request.last + "\n\n", re.S)
    return found[1].strip() if found else ""


def asked_for(request: Request, name: str) -> bool:
    """Whether the answer is to have a field of this name."""
    return f"`[[ ## {name} ## ]]`" in request.last.rpartition("Respond with")[2]
