"""Stages 3 to 5 in a row: twins, program model, coloring, passes. Source text in, async source text out."""

from __future__ import annotations

import ast
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from codemods.coloring import Coloring, Finding, color
from codemods.docstrings import plan_docstrings
from codemods.errors import ToolError
from codemods.passes import run_passes
from codemods.passes.twins import Twin, merge_twins
from codemods.plan import FilePlan, plan_files
from codemods.program import Program, build_program
from codemods.program.build import dotted
from codemods.program.names import resolve_dotted
from codemods.rules import Rules
from codemods.syntax import parsed

__all__ = ["Conversion", "FileCounts", "Finding", "RuleMismatchError", "RuleUse", "colored", "convert", "explain"]

_MARK = "\ufeff"
"""The byte order mark, which Python takes at the start of a file and ``ast`` does not."""


@dataclass(frozen=True)
class FileCounts:
    """What stands in one generated file."""

    functions: int
    coroutines: int
    settings: int
    awaits: int


@dataclass(frozen=True)
class RuleUse:
    """How often a rule matched, beside what it declares to expect (``any``, ``some`` or a number)."""

    rule: str
    expected: str
    matches: int


class RuleMismatchError(ToolError):
    """A rule matched another number of times than it declares."""


@dataclass(frozen=True)
class Conversion:
    """The generated text of every file by posix path, with what a maintainer wants to know of it."""

    files: dict[str, str]
    counts: dict[str, FileCounts]
    unresolved: tuple[Finding, ...]
    findings: tuple[Finding, ...]
    rules: tuple[RuleUse, ...]
    twins: tuple[Twin, ...]
    seconds: dict[str, float]


def convert(
    files: Mapping[str, str],
    *,
    version: str,
    rules: Rules,
    jobs: int = 1,
    final: Iterable[str] = (),
) -> Conversion:
    """Convert a package's Python files (posix path to text, patches applied).

    The same input gives the same bytes whatever the order of ``files`` and the number of ``jobs`` (processes).
    ``final`` are paths of modules, and symbols (``module:qualname``), that are written in the converted form already:
    they stay as they are.
    Raises :class:`ToolError`.
    """
    seconds: dict[str, float] = {}
    marked = {path for path, text in files.items() if path.endswith(".py") and text.startswith(_MARK)}
    files = {path: text.removeprefix(_MARK) if path in marked else text for path, text in files.items()}
    held, written = held_as_text(files) | _vendored(files, rules), frozenset(final)
    sources = {path: files[path] for path in sorted(files) if path.endswith(".py") and path not in held}
    with _timed(seconds, "twins"):
        merged, twins = merge_twins(sources) if _all_parse(sources) else (sources, [])
    with _timed(seconds, "program"):
        program = build_program(merged)
    with _timed(seconds, "coloring"):
        coloring = color(program, rules, written)
    with _timed(seconds, "passes"):
        plans = plan_files(coloring, final=written)
        plan_docstrings(coloring, plans, written)
        texts = _run_all(program, plans, merged, sources, jobs)
    output = {path: (_MARK if path in marked else "") + texts.get(path, files[path]) for path in sorted(files)}
    uses = _rule_uses(coloring, rules)
    findings = sorted({*coloring.findings, *(f for p in plans.values() for f in p.findings)}, key=_place)
    return Conversion(
        files=output,
        counts={path: _count(text) for path, text in texts.items()},
        unresolved=tuple(sorted(coloring.unresolved, key=_place)),
        findings=tuple(findings),
        rules=uses,
        twins=tuple(twins),
        seconds=seconds,
    )


def held_as_text(files: Mapping[str, str]) -> set[str]:
    """Modules whose source another module reads as text, to run it elsewhere: it is data, and stays as it is."""
    found: set[str] = set()
    for path, text in files.items():
        if not path.endswith(".py") or ".py" not in text or "read_text" not in text:
            continue
        for node in ast.walk(_parsed(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "read_text":
                names = [n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                beside = [f"{path.rpartition('/')[0]}/{name}" for name in names if name.endswith(".py")]
                found.update(name for name in beside if name in files)
    return found


def _vendored(files: Mapping[str, str], rules: Rules) -> set[str]:
    directories = {name for rule in rules.vendored for name in rule.directories}
    return {path for path in files if directories & set(path.split("/")[:-1])}


def _parsed(text: str) -> ast.AST:
    try:
        return parsed(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def mismatches(uses: Iterable[RuleUse]) -> list[RuleUse]:
    """Rules that did not match as they declare."""
    return [use for use in uses if not _as_expected(use)]


def check_rules(uses: Iterable[RuleUse]) -> None:
    """Raise :class:`RuleMismatchError` where a rule did not match as it declares."""
    wrong = mismatches(uses)
    if wrong:
        lines = "\n".join(f"  {use.rule}: expected {use.expected}, matched {use.matches}" for use in wrong)
        raise RuleMismatchError(
            f"rules did not match as they declare:\n{lines}",
            remedy="Upstream changed, or a rule is dead: mend or remove it in codemods/rules.toml.",
        )


def explain(files: Mapping[str, str], rules: Rules, symbol: str) -> list[str]:
    """Why ``symbol`` (``module:qualname``) is a coroutine or takes settings: the chain to the leaf, line by line.

    Raises :class:`ToolError` for a symbol that is not there.
    """
    coloring, twins = _colored(files, rules)
    program = coloring.program
    if symbol not in program.functions:
        raise ToolError(
            f"{symbol} is no function of this release",
            remedy=f"Write it as module:qualname. {_similar(program, symbol)}",
        )
    lines = coloring.explain(symbol)
    lines += [
        f"{symbol}: merged with its twin {t.async_name} ({t.verdict})" for t in twins if _is_of(t, program, symbol)
    ]
    return lines or [f"{symbol} stays a plain function: it reaches no coroutine and reads no settings"]


def colored(files: Mapping[str, str], rules: Rules) -> Coloring:
    """The colours of a release after its patches, to explain many symbols. Raises :class:`ToolError`."""
    return _colored(files, rules)[0]


def _colored(files: Mapping[str, str], rules: Rules) -> tuple[Coloring, list[Twin]]:
    sources = {path: text.removeprefix(_MARK) for path, text in sorted(files.items()) if path.endswith(".py")}
    merged, twins = merge_twins(sources)
    return color(build_program(merged), rules), twins


def _is_of(twin: Twin, program: Program, symbol: str) -> bool:
    function = program.functions[symbol]
    return twin.path == function.module.path and f"{twin.scope}{twin.name}" == function.qualname


def _similar(program: Program, symbol: str) -> str:
    last = symbol.split(":")[-1].split(".")[-1]
    close = [s for s in sorted(program.functions) if s.split(".")[-1].split(":")[-1] == last][:5]
    return f"Did you mean {', '.join(close)}?" if close else ""


def _all_parse(sources: Mapping[str, str]) -> bool:
    """Syntax errors are reported by the program model, with file and line; the twin merge waits for it."""
    try:
        for text in sources.values():
            parsed(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _run_all(
    program: Program, plans: Mapping[str, FilePlan], files: Mapping[str, str], sources: Mapping[str, str], jobs: int
) -> dict[str, str]:
    imported, by_path = _imported_names(program), program.by_path()
    tasks = [
        (files[path], plans[path], by_path[path].name, imported.get(by_path[path].name, set()), sources[path])
        for path in sorted(files)
        if path in plans
    ]
    if jobs <= 1:
        texts = [_run_one(task) for task in tasks]
    else:
        with ProcessPoolExecutor(jobs) as pool:
            texts = list(pool.map(_run_one, tasks, chunksize=4))
    return dict(zip([path for path in sorted(files) if path in plans], texts, strict=True))


def _run_one(task: tuple[str, FilePlan, str, set[str], str]) -> str:
    text, plan, name, kept, original = task
    return run_passes(text, plan, module_name=name, kept=kept, original=original)


def _imported_names(program: Program) -> dict[str, set[str]]:
    """Names that other modules get from each module: by import, by star import, or as the module's attribute."""
    found: dict[str, set[str]] = {}
    for base, attribute in program.imports.values():
        if attribute is not None:
            found.setdefault(base, set()).add(attribute)
    for module in program.own_modules():
        names = [node for node in ast.walk(module.tree) if isinstance(node, ast.Name | ast.Attribute)]
        for star in program.stars[module.name]:
            found.setdefault(star, set()).update(node.id for node in names if isinstance(node, ast.Name))
        for node in names:
            holder = dotted(node.value) if isinstance(node, ast.Attribute) else None
            target = resolve_dotted(program, module, holder) if holder is not None else None
            if isinstance(node, ast.Attribute) and target is not None and target.name is None:
                found.setdefault(target.module, set()).add(node.attr)
    return found


def _rule_uses(coloring: Coloring, rules: Rules) -> tuple[RuleUse, ...]:
    matches = {**coloring.flow.rule_matches, **coloring.matches}
    uses: list[RuleUse] = []
    for kind, name, expect in _rule_names(rules):
        uses.append(RuleUse(f"{kind}:{name}", str(expect), matches.get(f"{kind}:{name}", 0)))
    for rule in rules.name:
        if rule.type not in coloring.program.classes:
            uses.append(RuleUse(f"the class {rule.type} of name:{rule.names[0]}", "1", 0))
    return tuple(uses)


def _rule_names(rules: Rules) -> Iterator[tuple[str, str, str | int]]:
    for rule in rules.callable:
        yield "callable", rule.label, rule.expect
    for rule in rules.name:
        yield "name", rule.names[0], rule.expect
    for rule in rules.method:
        yield "method", rule.names[0], rule.expect
    for rule in rules.returns_receiver:
        yield "returns_receiver", rule.names[0], rule.expect
    for rule in rules.leaf:
        yield "leaf", rule.symbol, rule.expect
    for rule in rules.decorator:
        yield "decorator", rule.symbol, rule.expect
    for rule in rules.blocking:
        yield "blocking", rule.call, rule.expect


def _as_expected(use: RuleUse) -> bool:
    if use.expected == "any":
        return True
    return use.matches > 0 if use.expected == "some" else str(use.matches) == use.expected


def _count(text: str) -> FileCounts:
    nodes = list(ast.walk(parsed(text)))
    functions = [n for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return FileCounts(
        functions=len(functions),
        coroutines=sum(isinstance(n, ast.AsyncFunctionDef) for n in functions),
        settings=sum(any(a.arg == "settings" for a in [*n.args.posonlyargs, *n.args.args]) for n in functions),
        awaits=sum(isinstance(n, ast.Await) for n in nodes),
    )


def _place(finding: Finding) -> tuple[str, int, str]:
    return finding.path, finding.line, finding.message


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Generator[None]:
    start = time.perf_counter()
    yield
    seconds[stage] = time.perf_counter() - start
