"""Runs every program on upstream's package, which must be first on the path, and prints what came of it as JSON."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback

import dspy

from tests.generated.programs import PROGRAMS
from tests.generated.sides import SyncSide, drive, plain


def main() -> None:
    """Prints the upstream package's version, and for each program its result and the requests to the model."""
    found: dict[str, object] = {"version": dspy.__version__, "file": dspy.__file__}
    broken = []
    for name, program in PROGRAMS.items():
        side = SyncSide(dspy)
        with contextlib.redirect_stdout(sys.stderr):
            try:
                result = plain(drive(program(side)))
            except Exception:
                broken.append(name)
                traceback.print_exc()
                continue
        found[name] = {"result": result, "log": side.log}
    if broken:
        sys.exit(f"these programs fail on upstream itself: {', '.join(broken)}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
