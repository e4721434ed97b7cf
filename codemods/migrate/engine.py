"""Converts programs that use DSPy: the engine of ``sync``, with the package as a known library."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from codemods.coloring import Coloring, color
from codemods.convert import colored
from codemods.migrate.codes import all_codes, code_of, restrict
from codemods.migrate.comments import add_comments, unsilenced
from codemods.migrate.rewriting import Rewritten
from codemods.migrate.scripts import AT_IMPORT, GUARD, MAIN, give_main, lines_that_run
from codemods.migrate.written_out import write_out
from codemods.passes import run_passes
from codemods.plan import FilePlan, plan_files
from codemods.program import build_program
from codemods.rules import Rules
from codemods.stages import Finding
from codemods.suites import CONFIGURATION, awaits_all

DEFAULT_SETTINGS = "dspy.settings"
"""What is handed on where no settings are in scope: the process's own."""


@dataclass(frozen=True)
class Migration:
    """The converted text of every file, by path; unchanged files are as they were.

    ``changes`` counts by path and code what was done, ``findings`` are what a person must look at; their ``line`` is
    one of the text before.
    """

    files: dict[str, str]
    findings: tuple[Finding, ...]
    changes: dict[str, Counter[str]] = field(default_factory=dict[str, "Counter[str]"])

    def changed(self, before: Mapping[str, str]) -> list[str]:
        """Paths of the files whose text is another than it was ``before``."""
        return [path for path, text in self.files.items() if text != before[path]]


def load_library(files: Mapping[str, str], rules: Rules, final: Collection[str] = ()) -> Coloring:
    """The model and colours of a release (patches applied), for programs that use it."""
    return colored(files, rules, final)


def migrate(
    files: Mapping[str, str],
    library: Coloring,
    *,
    enabled: Collection[str] | None = None,
    comments: bool = False,
    notebooks: Collection[str] = (),
    imported: Collection[str] = (),
    context: Collection[str] = (),
    awaiting: Collection[str] | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Migration:
    """Convert a program.

    Args:
        files: posix path to text; the path gives a module its name.
        library: what :func:`load_library` gave.
        enabled: codes of the rules that are on; all by default.
        comments: whether a comment is put where a person must decide.
        notebooks: paths whose top level may await.
        imported: paths that something outside of ``files`` imports, a test runner say.
        context: paths of modules that are known and not converted: their text stays, and nothing is said of them.
        awaiting: paths of modules whose tests are awaited without a marker; by default what a configuration file of
            pytest's among ``files`` says.
        progress: called with how many files are through, and how many there are.

    Raises:
        ToolError: a file is not valid Python.
    """
    sources = {path: files[path] for path in sorted(files) if path.endswith(".py")}
    codes = frozenset(all_codes() if enabled is None else enabled)
    rewritten: dict[str, Rewritten] = {}
    program = build_program(sources, library.program)
    try:
        coloring = color(program, library.rules, library=library)
        rewritten = {path: new for path, new in write_out(coloring, codes).items() if path not in context}
        if rewritten:
            program.unlink()
            sources = {**sources, **{path: new.text for path, new in rewritten.items()}}
            program = build_program(sources, library.program)
            coloring = color(program, library.rules, library=library)
        awaited = (sources if _awaits_all(files) else ()) if awaiting is None else awaiting
        plans = plan_files(coloring, default_settings=DEFAULT_SETTINGS, awaiting=awaited)
    finally:
        program.unlink()
    found = _by_path([*coloring.findings, *coloring.unresolved, *(f for plan in plans.values() for f in plan.findings)])
    names = {module.path: module.name for module in program.own_modules()}
    bound = _imported_names(coloring)
    texts, changes, findings = dict(files), dict[str, Counter[str]](), list[Finding]()
    converted = [path for path in plans if path not in context]
    for number, path in enumerate(converted):
        progress(number, len(converted))
        plan = plans[path]
        is_imported = path in imported or _is_imported(path) or names[path] in bound
        file = _File(path, sources[path], names[path], bound.get(names[path], frozenset()), is_imported, files[path])
        done = file.convert(plan, found.get(path, []), codes, comments=comments, is_notebook=path in notebooks)
        texts[path], changes[path] = done.text, done.changes
        if path in rewritten:
            changes[path].update(rewritten[path].codes)
            done.findings[:] = [replace(f, line=rewritten[path].line_before(f.line)) for f in done.findings]
        findings += done.findings
    ordered = sorted(set(findings), key=lambda f: (f.path, f.line, f.message))
    return Migration(dict(sorted(texts.items())), tuple(ordered), changes)


@dataclass(frozen=True)
class _Converted:
    """What came of one module."""

    text: str
    changes: Counter[str]
    findings: list[Finding]


@dataclass(frozen=True)
class _File:
    """One module on its way."""

    path: str
    text: str
    name: str
    kept: frozenset[str]
    is_imported: bool
    original: str
    """The text before anything was written out in it."""

    def convert(
        self, plan: FilePlan, findings: list[Finding], codes: frozenset[str], *, comments: bool, is_notebook: bool
    ) -> _Converted:
        changes = restrict(plan, codes)
        if self.is_imported and not is_notebook:
            findings = [*findings, *self._waits_when_imported(plan)]
        findings = unsilenced(self.text, [f for f in findings if code_of(f.rule) in codes])
        text = self.text
        if comments and findings:
            text, plan = add_comments(text, findings, plan)
        commented = text
        text = run_passes(text, plan, module_name=self.name, kept=set(self.kept), original=self._original(text))
        if not is_notebook and MAIN in codes and not plan.is_empty:
            script = give_main(text, is_imported=self.is_imported, module_name=self.name, guards=GUARD in codes)
            # What cannot wait when it is imported is left as it was, for the person who is told.
            if not script.compiles:
                return _Converted(commented, Counter[str](), findings)
            text = script.text
            changes.update(script.codes)
        return _Converted(text, changes, findings)

    def _original(self, text: str) -> str:
        """The text whose unused imports may stay."""
        return text if self.original == self.text else self.original

    def _waits_when_imported(self, plan: FilePlan) -> list[Finding]:
        waiting = {place[0] for place, call in plan.calls.items() if call.awaited} | {p[0] for p in plan.iterations}
        waiting |= {place[0] for place, item in plan.withs.items() if item.asynchronous}
        message = "waits while the module is imported, in an event loop of its own: move it into a function"
        lines = lines_that_run(ast.parse(self.text), waiting) if waiting else []
        return [Finding(AT_IMPORT, self.path, line, message) for line in lines]


def _awaits_all(files: Mapping[str, str]) -> bool:
    """What the configuration of pytest says, where it is among the files."""
    said = [awaits_all(name, files[name]) for name in CONFIGURATION if name in files]
    return next((each for each in said if each is not None), False)


def _is_imported(path: str) -> bool:
    """Whether a file is imported by what it is called: a package, or what pytest collects."""
    name = PurePosixPath(path).name
    return name in ("__init__.py", "conftest.py") or name.startswith("test_") or name.endswith("_test.py")


def _by_path(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for finding in sorted(set(findings), key=lambda f: (f.path, f.line, f.message)):
        found.setdefault(finding.path, []).append(finding)
    return found


def _imported_names(coloring: Coloring) -> dict[str, frozenset[str]]:
    """Own modules that other modules import, with the names that they import from each."""
    own = coloring.program.own or frozenset[str]()
    found: dict[str, set[str]] = {}
    local = [(t.module, t.name) for scope in coloring.flow.scopes for t in scope.imports.values()]
    for base, attribute in [*coloring.program.imports.values(), *local]:
        if base in own:
            found.setdefault(base, set()).update([attribute] if attribute is not None else [])
        if f"{base}.{attribute}" in own:
            found.setdefault(f"{base}.{attribute}", set())
    return {module: frozenset(names) for module, names in found.items()}
