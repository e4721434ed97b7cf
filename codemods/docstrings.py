"""Examples in docstrings show the async API: they are programs that use the package, converted with the same engine."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from codemods.coloring import Coloring, color
from codemods.examples import Example, find_examples, replace_examples
from codemods.kept import Store
from codemods.passes import PassesTask, kept_passes
from codemods.plan import Range, plan_files
from codemods.program import ClassInfo, FunctionInfo, ModuleInfo, Program, build_program
from codemods.program.build import all_bound_names
from codemods.syntax import walk

_DEFAULT = "dspy.settings"
_TAIL = "\nclass _NamesThatTheExampleTakesForGranted: ..."


def converted_docstrings(library: Coloring, final: frozenset[str], store: Store) -> dict[str, dict[Range, str]]:
    """The docstrings of ``library``'s modules whose examples change, as they are to be written, by path and place.

    Examples stand at a program's top level: they await there, as a notebook does, and hand on ``dspy.settings``.
    """
    places = [
        (module, node, example)
        for module in library.program.own_modules()
        if module.path not in final
        for node in docstring_nodes(library.program, module, final)
        for example in find_examples(module.segment(node))
    ]
    sources = {f"example_{number:05}.py": place[2].code for number, place in enumerate(places)}
    taken = {
        path: _imports_left_out(library.program, module, sources[path])
        for path, (module, _, _) in zip(sorted(sources), places, strict=True)
    }
    converted = convert_examples(sources, library, taken, store)
    replacements: dict[tuple[str, Range], tuple[ModuleInfo, ast.Constant, dict[Example, str]]] = {}
    for (path, code), (module, node, example) in zip(sorted(sources.items()), places, strict=True):
        if converted[path] != code:
            key = (module.path, _range(module, node))
            replacements.setdefault(key, (module, node, {}))[2][example] = converted[path]
    found: dict[str, dict[Range, str]] = {}
    for (path, place), (module, node, changed) in replacements.items():
        found.setdefault(path, {})[place] = replace_examples(module.segment(node), changed)
    return found


def convert_examples(
    sources: Mapping[str, str],
    library: Coloring,
    taken: Mapping[str, list[str]] | None = None,
    store: Store | None = None,
) -> dict[str, str]:
    """Each source converted as a program of its own that uses ``library``.

    ``taken`` are imports, by path, that a source does without: they are known while it is converted. ``store`` keeps
    what becomes of each, which changes nothing of it.
    """
    tails = {path: _tail((taken or {}).get(path, [])) for path in sources}
    whole = {path: code + tails[path] for path, code in sources.items()}
    program = build_program(whole, library.program)
    try:
        coloring = color(program, library.rules, library=library)
        plans = plan_files(coloring, default_settings=_DEFAULT)
    finally:
        program.unlink()
    texts = kept_passes([PassesTask(whole[path], plan, path) for path, plan in plans.items()], store or Store())
    return {path: _without_tail(text) for path, text in zip(plans, texts, strict=True)}


def _tail(imports: list[str]) -> str:
    """What is put behind an example; the class keeps imports that are added from being put there, too."""
    return "\n".join([_TAIL, *imports, ""]) if imports else ""


def _without_tail(text: str) -> str:
    return text.partition(_TAIL)[0]


def _imports_left_out(program: Program, module: ModuleInfo, code: str) -> list[str]:
    """Imports of ``dspy`` and of what the module of the docstring defines, for names that an example does not bind."""
    tree = ast.parse(code)
    bound = all_bound_names(tree)
    names = {n.id for n in walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)} - bound
    symbols = {name: f"{module.name}:{name}" for name in sorted(names)}
    own = [name for name, symbol in symbols.items() if symbol in program.classes or symbol in program.functions]
    # Where an example imports anything at all, what it needs is added to that.
    has_imports = any(isinstance(n, ast.Import | ast.ImportFrom) for n in walk(tree))
    imports = ["import dspy"] if "dspy" in names or (own and not has_imports) else []
    return [*imports, *(f"from {module.name} import {name}" for name in own)]


def docstring_nodes(program: Program, module: ModuleInfo, final: frozenset[str]) -> list[ast.Constant]:
    """The docstring literals of a module, its classes and functions, but for what is final."""
    found: list[ast.Constant] = []
    for node in walk(module.tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        function = program.function_of.get(node)
        if isinstance(function, FunctionInfo) and function.is_in(final):
            continue
        if isinstance(node, ast.ClassDef) and f"{module.name}:{program.class_of[node].qualname}" in final:
            continue
        if isinstance(node, ast.ClassDef) and _is_model(program.class_of[node]):
            continue
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            found.append(first.value)
    return sorted(found, key=lambda constant: constant.lineno)


def _is_model(cls: ClassInfo) -> bool:
    """Whether pydantic puts a class's docstring into its schema: what a language model reads stays as it is."""
    return any(name.split(".")[-1] == "BaseModel" for each in cls.mro() for name in each.external_bases)


def _range(module: ModuleInfo, node: ast.Constant) -> Range:
    line, column = module.position(node)
    assert node.end_lineno is not None and node.end_col_offset is not None
    end = len(module.lines[node.end_lineno - 1].encode()[: node.end_col_offset].decode())
    return line, column, node.end_lineno, end
