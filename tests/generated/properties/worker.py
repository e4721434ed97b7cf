"""Plays cases on upstream's package: a line of JSON comes in, a line of JSON goes out, until the input ends."""

from __future__ import annotations

import contextlib
import json
import logging
import sys

import dspy

from tests.generated.properties.cases import run
from tests.generated.sides import SyncSide, drive


def main() -> None:
    """Says where its `dspy` is from first, and then answers each line."""
    out, sys.stdout = sys.stdout, sys.stderr
    for handler in logging.getLogger("dspy").handlers:
        handler.setLevel(logging.CRITICAL)
    print(json.dumps({"version": dspy.__version__, "file": dspy.__file__}), file=out, flush=True)
    for line in sys.stdin:
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps(drive(run(SyncSide(dspy), json.loads(line)))), file=out, flush=True)


if __name__ == "__main__":
    main()
