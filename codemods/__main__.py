"""The start of `dspy-async`, which is also `python -m codemods`.

Like `__init__.py` and `version.py`, this file keeps to syntax that old Pythons read, so that it can turn them away.
"""

import gc
import sys

OLDEST = (3, 11)


# No annotations: this has to parse and run on the old Pythons it turns away.
def require_python(version=None):  # type: ignore[no-untyped-def]  # pyright: ignore
    """Exit with status 2 and a message where the interpreter is older than the toolchain needs."""
    found = tuple(version or sys.version_info)[:3]  # pyright: ignore
    if found >= OLDEST:
        return
    sys.stderr.write(
        "dspy-async needs Python {}.{} or newer; this is Python {} at {}.\n"
        "Make a virtual environment with a newer one and install the tool there. "
        "(The package it generates runs on older Pythons too.)\n".format(
            OLDEST[0], OLDEST[1], ".".join(str(part) for part in found), sys.executable
        )
    )
    sys.exit(2)


def main() -> None:
    """Run the command line."""
    require_python()
    # What is loaded stays, and is not to be gone through at every few hundred objects.
    gc.set_threshold(50_000)
    # Only now: an older Python cannot even read it.
    from codemods.cli import app

    try:
        app(prog_name="dspy-async")
    finally:
        # The interpreter collects garbage before it ends, through all the trees that the process is about to drop.
        gc.freeze()


if __name__ == "__main__":
    main()
