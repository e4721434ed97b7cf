"""Stages 3 to 5 in a row: twins, program model, coloring, passes. Source text in, async source text out."""

from __future__ import annotations

import ast
import itertools
import time
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from codemods.coloring import Chains, Coloring, color
from codemods.detours import without_detours
from codemods.docstrings import converted_docstrings
from codemods.explanations import Explanations
from codemods.forked import forked
from codemods.kept import Store
from codemods.passes import PassesTask, kept_passes
from codemods.passes.twins import merge_twins
from codemods.plan import FilePlan, Planning, Range
from codemods.program import ModuleInfo, Program, build_program
from codemods.program.build import dotted
from codemods.program.names import resolve_dotted
from codemods.rules import Rules
from codemods.stages import Conversion, FileCounts, Finding, RuleUse, Twin
from codemods.syntax import parsed, walk

_MARK = "\ufeff"
"""The byte order mark, which Python takes at the start of a file and ``ast`` does not."""
_OWN_SHARE = 0.7
"""Of the lines to plan, those that this process sees to while another one has the examples and the rest."""


def convert(
    files: Mapping[str, str],
    *,
    version: str,
    rules: Rules,
    jobs: int = 1,
    final: Iterable[str] = (),
    store: Store | None = None,
) -> Conversion:
    """Convert a package's Python files (posix path to text, patches applied).

    The same input gives the same bytes whatever the order of ``files`` and the number of ``jobs`` (processes).
    ``final`` are paths of modules, and symbols (``module:qualname``), that are written in the converted form already:
    they stay as they are. ``store`` keeps what becomes of each file, which changes nothing of it.
    Raises :class:`ToolError`.
    """
    seconds: dict[str, float] = {}
    store = store or Store()
    marked = {path for path, text in files.items() if path.endswith(".py") and text.startswith(_MARK)}
    files = {path: text.removeprefix(_MARK) if path in marked else text for path, text in files.items()}
    written, sources = frozenset(final), _converted(files, rules)
    model = _model(sources, rules, written, store, seconds)
    program, coloring = model.coloring.program, model.coloring
    with _timed(seconds, "passes"):
        plans = _plans(coloring, written, store, jobs)
        texts = _run_all(program, plans, model.texts, sources, jobs, store)
    output = {path: (_MARK if path in marked else "") + texts.get(path, files[path]) for path in sorted(files)}
    uses = _rule_uses(coloring, plans.values(), rules)
    findings = sorted({*coloring.findings, *(f for p in plans.values() for f in p.findings)}, key=_place)
    return Conversion(
        files=output,
        counts={path: _count(text) for path, text in texts.items()},
        unresolved=tuple(sorted(coloring.unresolved, key=_place)),
        findings=tuple(findings),
        rules=uses,
        twins=tuple(model.twins),
        seconds=seconds,
    )


def _converted(files: Mapping[str, str], rules: Rules) -> dict[str, str]:
    """The files that are converted, in order: Python, not another package's, and not read as text by another file."""
    left_out = held_as_text(files) | _vendored(files, rules)
    return {path: files[path] for path in sorted(files) if path.endswith(".py") and path not in left_out}


def held_as_text(files: Mapping[str, str]) -> set[str]:
    """Modules whose source another module reads as text, to run it elsewhere: it is data, and stays as it is."""
    found: set[str] = set()
    for path, text in files.items():
        if not path.endswith(".py") or ".py" not in text or "read_text" not in text:
            continue
        for node in walk(_parsed(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "read_text":
                names = [n.value for n in walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
                beside = [f"{path.rpartition('/')[0]}/{name}" for name in names if name.endswith(".py")]
                found.update(name for name in beside if name in files)
    return found


def _vendored(files: Mapping[str, str], rules: Rules) -> set[str]:
    return {path for path in files if rules.is_vendored(path)}


def _parsed(text: str) -> ast.AST:
    try:
        return parsed(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


@dataclass(frozen=True)
class _Model:
    """The texts that a coloring is of, the coloring, and the twins that were merged."""

    texts: dict[str, str]
    coloring: Coloring
    twins: list[Twin]


def _model(
    sources: Mapping[str, str], rules: Rules, written: frozenset[str], store: Store, seconds: dict[str, float]
) -> _Model:
    """The colours of a package without detours to a coroutine, and with one function for two twins.

    Functions that take a detour and stay plain keep it. Which these are says the coloring, so there is another where
    there are any; there is rarely one.
    """
    plain = frozenset[str]()
    while True:
        with _timed(seconds, "twins"):
            merged, changed, twins = _straight_and_merged(sources, written, plain, store)
        with _timed(seconds, "program"):
            program = build_program(merged)
        with _timed(seconds, "coloring"):
            coloring = color(program, rules, written)
        known = [program.functions[symbol] for symbol in changed if symbol in program.functions]
        stays = {function.symbol for function in known if not coloring.is_coroutine(function)}
        if not stays:
            return _Model(merged, coloring, twins)
        plain |= stays


def _straight_and_merged(
    sources: Mapping[str, str], written: frozenset[str], plain: frozenset[str], store: Store
) -> tuple[dict[str, str], frozenset[str], list[Twin]]:
    """The texts to model, the functions in which a detour was written anew, and the twins."""
    if not _all_parse(sources):
        return dict(sources), frozenset(), []
    straight, changed = without_detours(sources, written, plain, store)
    merged, twins = merge_twins(straight, store)
    return merged, changed, twins


def colored(files: Mapping[str, str], rules: Rules, final: Collection[str] = ()) -> Coloring:
    """The colours of a release after its patches, to explain many symbols. Raises :class:`ToolError`."""
    return _colored(files, rules, final).coloring


def _colored(files: Mapping[str, str], rules: Rules, final: Collection[str] = ()) -> _Model:
    sources = _converted({path: text.removeprefix(_MARK) for path, text in files.items()}, rules)
    return _model(sources, rules, frozenset(final), Store(), {})


def explanations(files: Mapping[str, str], rules: Rules) -> Explanations:
    """Why each function is a coroutine or takes settings. Raises :class:`ToolError`."""
    model = _colored(files, rules)
    coloring = model.coloring
    chains = Chains(coloring)
    lines = {symbol: chains.of(symbol) for symbol in coloring.program.functions}
    merged_as = {(twin.path, f"{twin.scope}{twin.name}"): twin for twin in model.twins}
    for symbol, function in coloring.program.functions.items():
        twin = merged_as.get((function.module.path, function.qualname))
        if twin is not None:
            lines[symbol].append(f"{symbol}: merged with its twin {twin.async_name} ({twin.verdict})")
    return Explanations(lines)


def _all_parse(sources: Mapping[str, str]) -> bool:
    """Syntax errors are reported by the program model, with file and line; the twin merge waits for it."""
    try:
        for text in sources.values():
            parsed(text)
    except (SyntaxError, ValueError):
        return False
    return True


def _plans(coloring: Coloring, final: frozenset[str], store: Store, jobs: int) -> dict[str, FilePlan]:
    """The plan of every file, by path, with the examples in its docstrings: one half each in two processes."""
    planning = Planning(coloring, final=final)
    modules = coloring.program.own_modules()
    own = _largest(modules, _OWN_SHARE)

    def others() -> tuple[dict[str, FilePlan], dict[str, dict[Range, str]]]:
        docstrings = converted_docstrings(coloring, final, store)
        return {module.path: planning.plan(module) for module in modules if module not in own}, docstrings

    with forked(others, jobs) as theirs:
        plans = {module.path: planning.plan(module) for module in own}
        planned, docstrings = theirs()
    plans |= planned
    for path, changed in docstrings.items():
        plans[path].docstrings |= changed
    return {module.path: plans[module.path] for module in modules}


def _largest(modules: list[ModuleInfo], share: float) -> list[ModuleInfo]:
    """The largest modules that have a share of all lines."""
    ordered = sorted(modules, key=lambda module: (-len(module.lines), module.name))
    limit = share * sum(len(module.lines) for module in modules)
    sizes = itertools.accumulate(len(module.lines) for module in ordered)
    return [module for module, size in zip(ordered, sizes, strict=True) if size <= limit]


def _run_all(
    program: Program,
    plans: Mapping[str, FilePlan],
    files: Mapping[str, str],
    sources: Mapping[str, str],
    jobs: int,
    store: Store,
) -> dict[str, str]:
    imported, by_path = _imported_names(program), program.by_path()
    paths = [path for path in sorted(files) if path in plans]
    names = {path: by_path[path].name for path in paths}
    tasks = [
        PassesTask(files[path], plans[path], names[path], frozenset(imported.get(names[path], ())), sources[path])
        for path in paths
    ]
    return dict(zip(paths, kept_passes(tasks, store, jobs), strict=True))


def _imported_names(program: Program) -> dict[str, set[str]]:
    """Names that other modules get from each module: by import, by star import, or as the module's attribute."""
    found: dict[str, set[str]] = {}
    for base, attribute in program.imports.values():
        if attribute is not None:
            found.setdefault(base, set()).add(attribute)
    for module in program.own_modules():
        names = [node for node in walk(module.tree) if isinstance(node, ast.Name | ast.Attribute)]
        for star in program.stars[module.name]:
            found.setdefault(star, set()).update(node.id for node in names if isinstance(node, ast.Name))
        for node in names:
            holder = dotted(node.value) if isinstance(node, ast.Attribute) else None
            target = resolve_dotted(program, module, holder) if holder is not None else None
            if isinstance(node, ast.Attribute) and target is not None and target.name is None:
                found.setdefault(target.module, set()).add(node.attr)
    return found


def _rule_uses(coloring: Coloring, plans: Iterable[FilePlan], rules: Rules) -> tuple[RuleUse, ...]:
    planned = Counter(rule for plan in plans for rule in plan.matches)
    matches = {**coloring.flow.rule_matches, **coloring.matches, **planned}
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


def _count(text: str) -> FileCounts:
    nodes = list(walk(parsed(text)))
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
    seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - start
