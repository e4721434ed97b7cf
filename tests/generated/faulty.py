"""What a server of language models may do wrong, and what a model is said to have raised then, on either package.

`python -m tests.generated.faulty URL` prints, with the `dspy` that is first on the path, what came of each fault, by
the model's sync method and by its async one.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
from typing import Any

from tests.generated.sides import Side, SyncSide, drive
from tests.support.model_server import Answer, Failure, ModelServer, Request, dropped, rate_limited, server_error

FAULTS: dict[str, Answer | Failure] = {
    "500": server_error(),
    "503": server_error(503),
    "429": rate_limited(retry_after=0),
    "dropped": dropped(),
    "cut": Answer("half of it", fault="cut"),
    "malformed": Answer("half of it", fault="malformed"),
    "slow": Answer("late", delay=20.0),
    "not even text": Failure(502, "<html>Bad Gateway</html>"),
}
KINDS = ("chat", "text", "responses")


def serve(server: ModelServer) -> None:
    """Lets a server answer a question that names a fault with that fault."""
    for name, fault in FAULTS.items():
        server.on(fault, contains=f"fault: {name}")


def model(side: Side, url: str, kind: str = "chat", **more: Any) -> Any:
    """A model without retries that is out of patience soon."""
    given = {"cache": False, "num_retries": 0, "timeout": 2.0, "api_key": "key", **more}
    return side.dspy.LM("openai/m", model_type=kind, api_base=url, **given)


async def outcomes(side: Side, url: str, method: str = "__call__") -> dict[str, list[str]]:
    """For each kind of request and fault the error's class with its bases, and its words."""
    found = {}
    for kind in KINDS:
        lm = model(side, url, kind)
        for name in FAULTS:
            try:
                said = await side.call(getattr(lm, method), f"fault: {name}", using={})
                # Upstream's `acall` gives something to wait for.
                found[f"{kind} {name}"] = [str(await said if inspect.isawaitable(said) else said)]
            except Exception as error:
                found[f"{kind} {name}"] = [*(each.__name__ for each in type(error).__mro__), _words(error)]
    return found


def _words(error: Exception) -> str:
    """An error's text without what differs from run to run: ports, seconds and the number of the request.

    The model's name in front is that of the sync call in upstream's package, and another one in its async call.
    """
    changing = r"^\[[\w/-]+\] |127\.0\.0\.1:\d+|\d+\.\d+ seconds|column \d+ \(char \d+\)|(resp|msg|rs|chatcmpl)[-_]\d+"
    return re.sub(changing, "", str(error))


def name_of(request: Request) -> str:
    """The fault that a request asks for."""
    return request.last.partition("fault: ")[2].partition("\n")[0]


def main() -> None:
    """Prints the outcomes with upstream's package."""
    import dspy

    out, sys.stdout = sys.stdout, sys.stderr
    sync = drive(outcomes(SyncSide(dspy), sys.argv[1]))
    json.dump({"sync": sync, "async": asyncio.run(outcomes(SyncSide(dspy), sys.argv[1], "acall"))}, out)


if __name__ == "__main__":
    main()
