"""The project's model server in a process of its own: prints its URL, answers after 100 ms, ends with its input."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent)]

from benchmarks.load import ANSWER, LATENCY  # noqa: E402
from tests.support.model_server import Answer, ModelServer  # noqa: E402 - after the path

if __name__ == "__main__":
    with ModelServer() as server:
        server.on(Answer(ANSWER, delay=LATENCY))
        print(server.url, flush=True)
        sys.stdin.read()
