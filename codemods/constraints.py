"""The versions that environments are resolved to: constraints.txt, as of the day that the pin names."""

from __future__ import annotations

import subprocess
from pathlib import Path

from codemods.errors import ToolError
from codemods.pin import load_pin
from codemods.project import Project, find_project

OLDEST_PYTHON = "3.11"
"""Of those that the toolchain runs on."""
_ASKED = ("pyproject.toml", "generated/pyproject.toml", "tests/generated/requirements.txt")


def resolve_constraints(project: Project, out: Path, generated: Path | None = None) -> None:
    """Write the constraints for the pinned release. No index and no path of this machine goes into the file.

    Args:
        project: the checkout, and the pin whose day counts, to its end.
        out: the file; what stands in it is kept where it still fits.
        generated: the converted package's directory; None for the project's own.

    Raises:
        ToolError: uv cannot resolve them; its words are in it.
    """
    from codemods.parity.environment import find_uv

    package = (generated or project.generated) / "pyproject.toml"
    asked = [str(package) if name.startswith("generated/") else name for name in _ASKED]
    command = [find_uv(), "pip", "compile", "--quiet", "--universal", "--python-version", OLDEST_PYTHON]
    command += ["--exclude-newer", f"{load_pin(project.pin).resolved_on}T23:59:59Z", "--no-emit-index-url"]
    command += ["--no-annotate", "--no-header", "--all-extras", *asked, "--output-file", str(out)]
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolError(
            f"the constraints cannot be resolved:\n{done.stderr.strip()[-2000:]}",
            remedy="Mend what uv names: the index it reaches, or what pyproject.toml asks for.",
        )


if __name__ == "__main__":
    here = find_project(Path.cwd())
    resolve_constraints(here, here.constraints)
