"""Converts programs that use DSPy: the engine of ``sync``, with the package as a known library."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from codemods.coloring import Coloring, Finding, color
from codemods.passes import run_passes
from codemods.passes.twins import merge_twins
from codemods.plan import plan_files
from codemods.program import build_program
from codemods.rules import Rules

DEFAULT_SETTINGS = "dspy.settings"
"""What is handed on where no settings are in scope: the process's own."""


@dataclass(frozen=True)
class Migration:
    """The converted text of every file, by path; unchanged files are as they were."""

    files: dict[str, str]
    findings: tuple[Finding, ...]

    def changed(self, before: Mapping[str, str]) -> list[str]:
        return [path for path, text in self.files.items() if text != before[path]]


def load_library(files: Mapping[str, str], rules: Rules, final: Collection[str] = ()) -> Coloring:
    """The model and colours of a release (patches applied), for programs that use it."""
    sources = {path: text for path, text in sorted(files.items()) if path.endswith(".py")}
    merged, _ = merge_twins(sources)
    return color(build_program(merged), rules, final)


def migrate(files: Mapping[str, str], library: Coloring) -> Migration:
    """Convert a program's files (posix path to text). Raises :class:`ToolError` for invalid Python."""
    sources = {path: files[path] for path in sorted(files) if path.endswith(".py")}
    program = build_program(sources, library.program)
    try:
        coloring = color(program, library.rules, library=library)
        plans = plan_files(coloring, default_settings=DEFAULT_SETTINGS)
    finally:
        program.unlink()
    names = {module.path: module.name for module in program.own_modules()}
    converted = {path: run_passes(sources[path], plan, module_name=names[path]) for path, plan in plans.items()}
    findings = [*coloring.findings, *coloring.unresolved, *(f for plan in plans.values() for f in plan.findings)]
    ordered = sorted(set(findings), key=lambda f: (f.path, f.line, f.message))
    return Migration({path: converted.get(path, text) for path, text in sorted(files.items())}, tuple(ordered))
